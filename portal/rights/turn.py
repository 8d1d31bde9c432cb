"""What several steps of a copy need of the same person: read once in a turn of a worker, as of one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, partial
from uuid import UUID

import pyarrow as pa

from consent.models import Decision, NoticeVersion
from portal.events import reading
from portal.events.portions import fetched
from portal.events.values import DayTotal
from portal.people.models import Employee
from portal.rights.art15 import Company
from portal.rights.colleagues import Colleagues
from portal.rights.models import SubjectRequest
from portal.rights.pack.others import Others
from portal.rights.prepared import Rows

PERSON = Rows(lambda subject_id: Employee.objects.filter(pk=subject_id))
DECISIONS = Rows(lambda subject_id: Decision.objects.for_subject(subject_id).order_by("leaf_idx"))
# So many events are held from one step to the next.
MOST_HELD = 20_000


@dataclass
class Turn:
    """What was read of a person and of their company; whatever a step does not need is not read."""

    subject_id: UUID
    # Days that are short, as they were read, and how many events more may be held.
    held: dict[date, list[pa.Table]] = field(default_factory=dict)
    room: int = MOST_HELD
    # What the start page is drawn from, once it was found.
    facts: bytes = b""

    @classmethod
    def of(cls, request: SubjectRequest) -> Turn:
        """Return what hangs on the request: as an object it lives as long as the turn, and no other turn has it."""
        found: Turn = vars(request).setdefault("turn", cls(request.subject_id))
        return found

    @cached_property
    def person(self) -> Employee | None:
        return next(iter(PERSON.of(self.subject_id)), None)

    @cached_property
    def company(self) -> Company:
        return Company.read()

    @cached_property
    def colleagues(self) -> Colleagues:
        return Colleagues.read()

    @cached_property
    def others(self) -> Others:
        return self.colleagues.others_than(str(self.subject_id))

    @cached_property
    def decisions(self) -> list[Decision]:
        """Return all that the person decided, oldest first."""
        return DECISIONS.of(self.subject_id)

    @cached_property
    def texts(self) -> list[NoticeVersion]:
        """Return the very texts that were decided on."""
        named = {each.notice_sha256 for each in self.decisions}
        return list(NoticeVersion.objects.filter(sha256__in=named).select_related("notice__purpose"))

    def events_of(self, day: date, rows: int) -> Callable[[], Iterable[pa.Table]]:
        """Open a day here, and return what yields its events about so many at once, which any thread may call.

        What one step read of a short day, the next one need not read again.
        """
        if day in self.held:
            return lambda: self.held[day]
        return partial(self._read, day, fetched(self.subject_id, day, rows))

    def _read(self, day: date, fetch: Callable[[], Iterable[pa.Table]]) -> Iterator[pa.Table]:
        found: list[pa.Table] = []
        count = 0
        for table in fetch():
            count += len(table)
            # Of a long day each portion is let go of before the next.
            found = [*found, table] if count <= self.room else []
            yield table
        if count <= self.room:
            self.held[day], self.room = found, self.room - count

    @cached_property
    def totals(self) -> list[DayTotal]:
        """Return what was kept and withheld a day, once the days themselves were written."""
        return reading.days(self.subject_id)
