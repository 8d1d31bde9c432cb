"""From a policy file to the register: drafted by one person, brought live by others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from consent.models import Purpose
from portal.audit import trail
from portal.audit.values import Action, Actor
from portal.register import demands
from portal.register.document import Fault, Policy, PolicyFaults, from_document, load
from portal.register.earlier import widened
from portal.register.models import Approval, Controller, PolicyDraft, PurposeRecord, Source
from portal.register.preview import Preview, changes, look
from portal.register.publishing import bring_live, publish, state_terms, write_down

__all__ = ["Policy", "PolicyFaults", "apply", "approve", "compare", "load"]
LEGAL, COUNCIL = "legal", "council"
POLICY_LOCK = 0x706F6C69


class NotYet(Exception):
    """What is missing before the drafts may be live."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__("; ".join(missing))
        self.missing = missing


def apply(policy: Policy, *, by: Actor) -> PolicyDraft | None:
    """Draft what the file says; None where nothing in it is new. Nothing live changes before the approval."""
    document = policy.model_dump(mode="json")
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    with transaction.atomic():
        _lock()
        check_references(policy)
        if _is_known(policy):
            return None
        _supersede(policy)
        draft = PolicyDraft.objects.create(
            document=document, sha256=digest, drafted_by=UUID(by.id), drafted_by_label=by.label
        )
        write_down(policy)
        trail.record(Action.POLICY_APPLIED, actor=by, facts={"draft": draft.pk, "sha256": digest})
    return draft


def compare(policy: Policy) -> Preview:
    """Return what would change if this were live, without drafting it; raises PolicyFaults."""
    check_references(policy)
    return look([policy])


def _lock() -> None:
    """One at a time: two approvals at once would each find the other's missing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [POLICY_LOCK])


def _is_known(policy: Policy) -> bool:
    """Return whether it is drafted already or, with no draft in the way, what the register says."""
    pending = [_policy_of(draft) for draft in PolicyDraft.objects.pending()]
    if policy in pending:
        return True
    return not any(each.keys & policy.keys for each in pending) and not changes(policy)


def check_references(policy: Policy) -> None:
    """Refuse flows for purposes that are not there, or that only tell people of something; raises PolicyFaults."""
    parts = {each.key: each for each in policy.purposes}
    known = parts.keys() | set(Purpose.objects.values_list("key", flat=True))
    telling = {each.key for each in policy.purposes if each.must_acknowledge}
    for key in PurposeRecord.objects.filter(must_acknowledge=True).values_list("purpose_key", flat=True):
        if key not in parts:
            telling.add(key)
    faults = [
        Fault(f"sources[{s}].flows[{f}].purpose", what)
        for s, source in enumerate(policy.sources)
        for f, flow in enumerate(source.flows)
        if (what := _wrong_purpose(flow.purpose, known, telling))
    ]
    faults += [
        Fault(f"stores[{place}].purposes", f"there is no purpose {key!r}: define it under purposes")
        for place, store in enumerate(policy.stores)
        for key in store.purposes
        if key not in known
    ]
    faults += _other_kinds(policy)
    if faults:
        raise PolicyFaults(faults)


def _other_kinds(policy: Policy) -> list[Fault]:
    """An import may bring what is older than an answer: nobody said yes to that of a source that was none."""
    known = dict(Source.objects.ever_live().values_list("pk", "kind"))
    return [
        Fault(f"sources[{place}].kind", f"{part.key!r} is of kind {known[part.key]!r}: give another a key of its own")
        for place, part in enumerate(policy.sources)
        if known.get(part.key, part.kind) != part.kind
    ]


def _wrong_purpose(purpose: str, known: Collection[str], telling: Collection[str]) -> str:
    if purpose not in known:
        return f"there is no purpose {purpose!r}: define it under purposes"
    if purpose in telling:
        return f"{purpose!r} is a notice to be acknowledged, which permits nothing: name a purpose of its own"
    return ""


def _supersede(policy: Policy) -> None:
    """A corrected file takes the place of a draft that speaks of nothing else."""
    for draft in PolicyDraft.objects.pending():
        if from_document(draft.document).keys <= policy.keys:
            PolicyDraft.objects.filter(pk=draft.pk).update(superseded_at=timezone.now())


def approve(*, by: Actor, role: str, seen: Collection[str] | None = None) -> list[str]:
    """Say yes to every pending draft; return what is still missing, nothing if all is live.

    With `seen`, the numbers of the drafts that were read, nothing is approved if there are others by now.
    The yes is kept while only another role's is missing, but not while the register itself is incomplete.
    """
    with transaction.atomic():
        _lock()
        drafts = list(PolicyDraft.objects.pending())
        if not drafts:
            return [_("There is no draft to approve.")]
        if seen is not None and {str(draft.pk) for draft in drafts} != set(seen):
            return [_("The drafts have changed since you opened the page: read them again.")]
        if objections := [what for draft in drafts if (what := _objection(draft, by, role))]:
            return objections
        lacking = _lacking(drafts, role)
        if missing := _try(drafts, by, keep=not lacking):
            return missing
        _say_yes(drafts, by, role)
        if not lacking:
            PolicyDraft.objects.pending().update(approved_at=timezone.now())
    said = {"role": role, "other": lacking}
    return [_("approved by %(role)s; the approval of %(other)s is missing") % said] if lacking else []


def approved_by(person: str) -> bool:
    """Return whether this person's yes to every pending draft is kept, so that only others' are missing."""
    drafts = list(PolicyDraft.objects.pending())
    return bool(drafts) and all(draft.approvals.filter(by=person).exists() for draft in drafts)


def _objection(draft: PolicyDraft, by: Actor, role: str) -> str:
    """Nobody approves what they drafted, nor in two roles."""
    if UUID(by.id) == draft.drafted_by:
        return _("draft %(draft)s is your own: somebody else has to approve it") % {"draft": draft.pk}
    if draft.approvals.filter(by=by.id).exclude(role=role).exists():
        return _("you approved draft %(draft)s in another role already") % {"draft": draft.pk}
    return ""


def _lacking(drafts: list[PolicyDraft], role: str) -> str:
    """Return the role that still has to approve after this one, or an empty text."""
    demanded = {LEGAL, COUNCIL} if _council_has_a_say(drafts) else {LEGAL}
    for draft in drafts:
        said = {role, *draft.approvals.values_list("role", flat=True)}
        if left := sorted(demanded - said):
            return left[0]
    return ""


def _council_has_a_say(drafts: list[PolicyDraft]) -> bool:
    """A draft that takes the council's say away needs the council's say."""
    standing = list(Controller.objects.values_list("council_approves", flat=True))
    drafted = [each.controller.council_approves for each in map(_policy_of, drafts) if each.controller is not None]
    return any([*standing, *drafted]) or not [*standing, *drafted]


def _policy_of(draft: PolicyDraft) -> Policy:
    return from_document(draft.document)


def _try(drafts: list[PolicyDraft], by: Actor, *, keep: bool) -> list[str]:
    """Bring the drafts live and ask what the law still demands; undone if anything is missing, or not to be kept."""
    try:
        with transaction.atomic():
            policies = [_policy_of(draft) for draft in drafts]
            missing = []
            state_terms(by=by if keep else None)
            for policy in policies:
                missing += [*widened(policy), *_told_otherwise(policy)]
                bring_live(policy, by=by if keep else None)
            wanted = {part.key for policy in policies for part in policy.purposes if not part.retired}
            missing += demands.missing(wanted)
            if missing or not keep:
                raise NotYet(missing)
            publish(by=by)
    except NotYet as error:
        return error.missing
    return []


def _told_otherwise(policy: Policy) -> Iterator[str]:
    """Who confirmed a purpose of another kind was not told what has to be confirmed before anything is collected."""
    live = set(Purpose.objects.exclude(state=Purpose.State.DRAFT).values_list("pk", flat=True))
    asked = PurposeRecord.objects.filter(purpose_key__in=live, must_acknowledge=False)
    turned = set(asked.values_list("purpose_key", flat=True))
    for part in policy.purposes:
        if part.must_acknowledge and part.key in turned:
            said = {"purpose": part.key}
            yield _("purpose %(purpose)s: people answered it as another; give the notice a purpose of its own") % said


def _say_yes(drafts: list[PolicyDraft], by: Actor, role: str) -> None:
    for draft in drafts:
        Approval.objects.get_or_create(draft=draft, role=role, defaults={"by": by.id, "by_label": by.label})
        trail.record(Action.POLICY_APPROVED, actor=by, facts={"draft": draft.pk, "role": role})
