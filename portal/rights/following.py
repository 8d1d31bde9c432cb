"""What a person reads of a request besides how far it is: what happens next, what they can do, who was told."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from portal.register.models import Controller
from portal.rights.models import SubjectRequest
from portal.rights.redress import rectifying, restricting
from portal.rights.redress.models import Lifting, Told
from portal.rights.redress.values import About
from portal.rights.values import UNDECIDED_STATES, Kind, State

# Kinds on which somebody decides, and that may put data out of use meanwhile.
DECIDED = frozenset({Kind.RESTRICTION, Kind.RECTIFICATION, Kind.COMPLAINT})


def standing_of(request: SubjectRequest) -> dict[str, Any]:
    """Return what there is beside the progress of a request, ready for its page."""
    keeps_out = restricting.of(request) if request.kind in DECIDED else None
    controller = Controller.objects.first()
    return {
        "next": what_is_next(request, out_of_use=keeps_out is not None),
        "details": rectifying.shown(request) if request.sealed_details or request.kind in DECIDED else [],
        "out_of_use": keeps_out is not None,
        "can_end": keeps_out is not None and not request.needs_decision,
        "lifting": Lifting.objects.filter(request=request).first() if request.kind in DECIDED else None,
        "erasure": rectifying.erasure_of(request) if request.kind == Kind.RECTIFICATION else None,
        "told": list(Told.objects.of(request.pk)) or list(Told.objects.of(request.lead.pk)),
        "authority": controller.authority if controller else "",
        "dpo": controller.dpo_contact if controller else "",
    }


def what_is_next(request: SubjectRequest, *, out_of_use: bool) -> str:
    """Say in a sentence what happens now and by whom; empty where the progress says it already."""
    if request.kind not in DECIDED:
        return ""
    if request.state in UNDECIDED_STATES:
        return _undecided(request)
    if request.state == State.REFUSED and out_of_use:
        return _("It stays out of use until the day named below, so that you can complain before.")
    return _granted(request, out_of_use) if request.state == State.DELIVERED else ""


def _undecided(request: SubjectRequest) -> str:
    if request.kind == Kind.COMPLAINT:
        return _(
            "Somebody who is not concerned reads it and answers you here, by the day named beside. They read what you"
            " wrote; nobody above or below you does."
        )
    if request.kind == Kind.RESTRICTION:
        return _(
            "It is out of use from the moment you asked. Somebody looks at your ground; if they find that it does not"
            " hold, you are told why, and it ends a week later at the earliest."
        )
    if request.details.get("about") == About.PROFILE:
        return _("Somebody who handles requests compares it with the directory and corrects it, or tells you why not.")
    return _(
        "This stretch is out of use from the moment you asked: nobody but you reads it, nothing is released of it. Now"
        " somebody decides, without seeing an event, whether it is as you say."
    )


def _granted(request: SubjectRequest, out_of_use: bool) -> str:
    if request.kind == Kind.COMPLAINT:
        return _("Your complaint was answered.")
    if request.kind == Kind.RESTRICTION:
        return _("Granted: it stays out of use until you end it.") if out_of_use else _("This restriction has ended.")
    if request.details.get("about") == About.PROFILE:
        return _("Corrected.")
    said = {
        "erase": _("It was found to be as you say: the stretch is deleted."),
        "note": _("It was found to be as you say: your note goes wherever these events go."),
    }
    return said.get(request.details.get("wish", ""), _("It was found to be as you say: the stretch stays out of use."))
