"""What a person once allowed and does not any more: when it ended, and what it had covered."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.utils import timezone

from consent import gate, terms
from consent.models import Decision, NoticeVersion, Purpose
from consent.values import DecisionKind

BESIDES = "SELECT FROM consent_decision WHERE subject_id = %s AND NOT purpose_key = ANY(%s::text[]) LIMIT 1"
YES = frozenset({DecisionKind.GIVEN, DecisionKind.ACKNOWLEDGED})


@dataclass(frozen=True)
class End:
    """`covers` is what the last yes had covered, as {source: categories}."""

    purpose: str
    at: datetime
    covers: dict[str, frozenset[str]]


def ended(subject_id: UUID, purposes: Collection[str] | None = None) -> dict[str, End]:
    """Return what has ended of these purposes: by a no, by retirement or by lapse. None stands for all of them."""
    state = gate.read(subject_id)
    standing = state.grants.keys() if state else ()
    if not _answered_besides(subject_id, standing):
        return {}
    decisions = Decision.objects.for_subject(subject_id).exclude(purpose_key__in=standing).order_by("leaf_idx")
    if purposes is not None:
        decisions = decisions.filter(purpose_key__in=purposes)
    by_purpose: dict[str, list[Decision]] = {}
    for each in decisions:
        by_purpose.setdefault(each.purpose_key, []).append(each)
    versions = _versions(each for made in by_purpose.values() for each in made)
    retired = dict(Purpose.objects.filter(pk__in=by_purpose).values_list("pk", "retired_at"))
    found = (_end(made, versions, retired.get(purpose)) for purpose, made in by_purpose.items())
    return {end.purpose: end for end in found if end is not None}


def _answered_besides(subject_id: UUID, standing: Collection[str]) -> bool:
    """Return whether there ever was an answer to another purpose: whoever has all in force has ended none."""
    with connection.cursor() as cursor:
        cursor.execute(BESIDES, [subject_id, list(standing)])
        return cursor.fetchone() is not None


def _versions(decisions: Iterable[Decision]) -> dict[tuple[str, str], NoticeVersion]:
    digests = {each.notice_sha256 for each in decisions if each.kind in YES}
    found = NoticeVersion.objects.filter(sha256__in=digests).select_related("notice")
    return {(each.notice.purpose_id, each.sha256): each for each in found}


def _end(
    made: list[Decision], versions: dict[tuple[str, str], NoticeVersion], retired_at: datetime | None
) -> End | None:
    """Read one purpose's decisions, oldest first; None where there was no yes, or it waits to come into force."""
    last_yes = next((place for place in reversed(range(len(made))) if made[place].kind in YES), None)
    if last_yes is None:
        return None
    yes = made[last_yes]
    version = versions.get((yes.purpose_key, yes.notice_sha256))
    after = made[last_yes + 1 : last_yes + 2]
    ends = [after[0].at] if after else _by_itself(yes, version, retired_at)
    covers = version.covers if version else {}
    named = {source: frozenset(categories) for source, categories in covers.items()}
    return End(yes.purpose_key, min(ends), named) if ends else None


def _by_itself(yes: Decision, version: NoticeVersion | None, retired_at: datetime | None) -> list[datetime]:
    lapses = terms.until(version.terms, yes.at) if version else None
    known = [retired_at if retired_at and retired_at >= yes.at else None, lapses]
    return [at for at in known if at is not None and at <= timezone.now()]
