"""What a copy says of leaving: where the code is to be sent, and when the account ends."""

from __future__ import annotations

from uuid import UUID

from portal.rights.leaving.models import Channel, Departure

Row = dict[str, object]


def rows(subject_id: UUID) -> list[Row]:
    channel = Channel.objects.filter(pk=subject_id).first()
    left = Departure.objects.filter(pk=subject_id).first()
    found: list[Row] = []
    if channel:
        found.append({"code_is_sent": str(channel.address.way.label), "where": channel.address.where})
    if left:
        found.append({"left_on": left.left_on.isoformat(), "account_ends_on": left.erase_on.isoformat()})
    return found
