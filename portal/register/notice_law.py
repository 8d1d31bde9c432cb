"""What a notice of monitoring says: the words that a law prescribes, the types of monitoring, what confirming means."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from portal.register import laws
from portal.register.entry import Entry
from portal.register.notice_items import category


def wording(of: Entry) -> Iterator[str]:
    """Give a prescribed sentence as it is prescribed, whatever the language around it."""
    for law in laws.of(of.record.jurisdictions):
        for sentence in law.wording:
            yield f"{law.law}: “{sentence}”."


def monitored(of: Entry) -> Iterator[str]:
    """List the types from what is collected in truth, so that none is forgotten."""
    sources = {flow.source_id: flow.source for flow in of.watching}
    for key, source in sources.items():
        types = dict.fromkeys(category(flow.category) for flow in of.watching if flow.source_id == key)
        said = {"title": source.title, "kind": source.get_kind_display(), "types": "; ".join(types)}
        yield _("**%(title)s** (%(kind)s): %(types)s.") % said
    if not sources:
        yield _("Nothing is monitored through this portal at present.")


def confirmation(of: Entry) -> Iterator[str]:
    yield _("You confirm that you were told, and nothing else: it is no consent and permits nothing.")
    yield _("Nothing is collected from you through this portal before you confirmed it.")
    yield _("What is collected afterwards, and whether you can say no to it, is said for each purpose by itself.")
    if of.record.expires.get("each") == "calendar_year":
        yield _("You are told anew in each calendar year.")
