"""Why an answer could not be recorded, in words for the person who gave it."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from consent.values import NotAllowed as ConsentRefused
from portal.rights.values import NotAllowed

CHANGED = _("The notice has changed since you opened the page. Nothing was recorded: please read the new one.")
WORDS: dict[str, str | Promise] = {
    "notice.not_in_force": CHANGED,
    "notice.unknown": CHANGED,
    "notice.missing": _("There is no notice for this purpose yet, so nothing can be answered. Nothing was recorded."),
    "purpose.unknown": _("There is no such purpose. Nothing was recorded."),
    "purpose.not_live": _("Your company no longer asks for this, and accepts nothing for it. Nothing was recorded."),
    "purpose.on_consent": _(
        "This purpose asks for your yes: you can say yes or no, or take a yes back. There is nothing to object to or "
        "to confirm. Nothing was recorded."
    ),
    "purpose.not_on_consent": _(
        "This purpose does not rest on your yes, so there is none to give or to take back. You can confirm that you "
        "were told and, where the card says so, object. Nothing was recorded."
    ),
    "purpose.no_objection": _(
        "The law gives no objection to this purpose, because of what it rests on. You can still complain under "
        "Requests or to the supervisory authority. Nothing was recorded."
    ),
    "subject.unknown": _("Daylight accepts nothing from you and asks you nothing. Nothing was recorded."),
    "pause.ended": _("That time is over already. Nothing was changed."),
}
OTHERWISE = _("This could not be recorded. Nothing was changed: please open the page again.")


def said(error: ConsentRefused | NotAllowed) -> str:
    """Return the sentence that belongs to what was refused."""
    known = WORDS.get(error.code)
    return str(known or (error.detail if isinstance(error, NotAllowed) else OTHERWISE))
