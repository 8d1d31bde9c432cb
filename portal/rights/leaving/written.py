"""What a copy says of leaving: where the code is to be sent, and when the account ends."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from portal.rights.leaving.models import Channel, Departure

Row = dict[str, object]


def channels(subject_id: UUID) -> QuerySet[Channel]:
    return Channel.objects.filter(pk=subject_id)


def channel(subject_id: UUID) -> list[Row]:
    addresses = [each.address for each in channels(subject_id)]
    return [{"code_is_sent": str(each.way.label), "where": each.where} for each in addresses]


def departures(subject_id: UUID) -> QuerySet[Departure]:
    return Departure.objects.filter(pk=subject_id)


def departure(subject_id: UUID) -> list[Row]:
    return [
        {"left_on": each.left_on.isoformat(), "account_ends_on": each.erase_on.isoformat()}
        for each in departures(subject_id)
    ]
