"""Where people are written to: the work address and language of the directory, for the outbox."""

from __future__ import annotations

from uuid import UUID

from portal.outbox.ports import Addressee
from portal.people.models import Employee


class WorkAddresses:
    """outbox.ports.Directory: nobody is written to who has left."""

    def find(self, subject_id: UUID) -> Addressee | None:
        person = Employee.objects.active().filter(pk=subject_id).first()
        return Addressee(person.email, person.language) if person else None
