"""What is done about leaving: choosing where the code goes, having one sent, taking it back, ending the account."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.audit import trail
from portal.audit.values import Action, Actor, ActorKind
from portal.people.models import Employee
from portal.people.subjects import in_line
from portal.rights import actions, codes, holding
from portal.rights.leaving import box
from portal.rights.leaving.models import AccessCode, Channel, Departure
from portal.rights.leaving.values import Address, Way, code_ends
from portal.rights.models import SubjectRequest
from portal.rights.values import Ground, Kind, NotAllowed, OpenedBy

LONGEST = 500


@transaction.atomic
def choose_channel(*, subject_id: UUID, way: str, where: str, by: Actor) -> Channel:
    """Keep where somebody wants their code to be sent; only the person chooses, and only while employed."""
    employee = Employee.objects.active().filter(pk=subject_id).first()
    if employee is None or by.id != str(subject_id):
        raise NotAllowed("channel.not_yours", _("Only you can choose where your code is sent."))
    channel = Channel(subject_id=subject_id)
    channel.seal(Address(Way(way), _checked(way, where, employee)))
    channel.save()
    trail.record(Action.LEAVING_CHANNEL_CHOSEN, actor=by, subject_id=subject_id)
    return channel


def _checked(way: str, where: str, employee: Employee) -> str:
    tidy = where.strip()
    if not tidy or len(tidy) > LONGEST:
        raise NotAllowed("channel.empty", _("Write down where the code is to be sent."))
    if way == Way.EMAIL:
        try:
            validate_email(tidy)
        except ValidationError as error:
            raise NotAllowed("channel.no_address", _("This is no e-mail address.")) from error
        if tidy.lower().rpartition("@")[2] == employee.email.lower().rpartition("@")[2]:
            message = _("This is an address of your company: you will not reach it once you have left.")
            raise NotAllowed("channel.at_work", message)
    return tidy


@transaction.atomic
def remove_channel(*, subject_id: UUID, by: Actor) -> None:
    if by.id == str(subject_id) and Channel.objects.filter(pk=subject_id).delete()[0]:
        trail.record(Action.LEAVING_CHANNEL_CHOSEN, actor=by, subject_id=subject_id, facts={"removed": True})


# --- by human resources


def why_not(departure: Departure, by: Actor) -> bool:
    """Return whether this is a case that the actor is too near to."""
    return in_line(UUID(by.id), departure.subject_id)


@transaction.atomic
def send_code(*, departure: Departure, by: Actor) -> AccessCode:
    """Have a new code made and sent to where the person chose; the one before opens nothing from now on."""
    if why_not(departure, by):
        raise NotAllowed("handler.concerned", _("You cannot do this for somebody in your own line."))
    if not Channel.objects.filter(pk=departure.subject_id).exists():
        raise NotAllowed("channel.none", _("This person has not chosen where a code is to be sent."))
    code = want_code(departure)
    trail.record(Action.LEAVING_CODE_WANTED, actor=by, subject_id=departure.subject_id)
    return code


def keep_codes(subject_ids: Iterable[UUID]) -> None:
    """Let the codes of accounts that stay beyond their day open what there is for as much longer."""
    ends = code_ends(timezone.localdate())
    AccessCode.objects.filter(subject_id__in=list(subject_ids), ends_on__lt=ends).update(ends_on=ends)


def want_code(departure: Departure) -> AccessCode:
    """Note that a code has to be sent; it is made as it is sent, and known to nobody else."""
    fresh = {"wanted": True, "tries": 0, "wake_at": None, "revoked_at": None, "digest": None, "sent_on": None}
    fresh |= {"public": None, "wrapped": None, "ends_on": code_ends(departure.erase_on)}
    return AccessCode.objects.update_or_create(subject_id=departure.subject_id, defaults=fresh)[0]


@transaction.atomic
def revoke_code(*, departure: Departure, by: Actor) -> None:
    """Let a code open nothing any more, and end the session that it opened."""
    if why_not(departure, by):
        raise NotAllowed("handler.concerned", _("You cannot do this for somebody in your own line."))
    code = AccessCode.objects.for_subject(departure.subject_id).filter(revoked_at=None)
    if code.update(revoked_at=timezone.now(), wanted=False):
        trail.record(Action.LEAVING_CODE_REVOKED, actor=by, subject_id=departure.subject_id)


def end_account(*, subject_id: UUID, by: Actor, opened_by: str = OpenedBy.SELF) -> SubjectRequest:
    """Ask for the erasure of a closed account, with everything; who asks for somebody else needs a second person."""
    if Employee.objects.active().filter(pk=subject_id).exists():
        message = _("An account can be deleted once the person has left; until then, delete the data.")
        raise NotAllowed("account.in_use", message)
    if opened_by != OpenedBy.SELF:
        holding.spare(subject_id)
    return actions.open_request(
        kind=Kind.ERASURE,
        subject_id=subject_id,
        by=by,
        opened_by=opened_by,
        ground=Ground.NO_LONGER_NECESSARY,
        account=True,
    )


# --- with a code


@transaction.atomic
def use_code(typed: str) -> tuple[AccessCode, str] | None:
    """Use a code up; return it with the next one, which is shown to the person once. None where it opens nothing."""
    found = AccessCode.objects.valid().select_for_update().filter(digest=codes.digest(typed)).first()
    if found is None or found.subject_id is None:
        return None
    following = codes.new()
    found.wrapped = box.pass_on(bytes(found.wrapped or b""), typed, following)
    found.digest = codes.digest(following)
    found.save(update_fields=["wrapped", "digest"])
    me = leaver(found.subject_id)
    trail.record(Action.LEAVING_CODE_USED, actor=me, subject_id=found.subject_id)
    return found, following


def leaver(subject_id: UUID) -> Actor:
    """Name somebody who has left as who acts: the person, without a role."""
    return Actor(kind=ActorKind.PERSON, id=str(subject_id), role="employee", label="")


def of_nobody(typed: str) -> AccessCode | None:
    """Return the code of an account that was forgotten."""
    return AccessCode.objects.valid().filter(digest=codes.digest(typed), subject_id=None).first()
