"""Place a legal hold on everything of a person, as legal does on its page: `... place_hold SUBJECT LEGAL`."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from uuid import UUID

import django
from django.utils import timezone
from django.utils.module_loading import import_string

from consent.values import Scope


def main(subject: str, legal: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    django.setup()
    actor = import_string("portal.audit.values.Actor")
    kind = import_string("portal.audit.values.ActorKind").PERSON
    import_string("portal.rights.holds.actions.place")(
        subject_id=UUID(subject),
        scope=Scope(),
        ground="legal_claims",
        legal_basis="GDPR Art. 17(3)(e)",
        reason="A claim was raised.",
        until=timezone.now() + timedelta(days=30),
        by=actor(kind, legal, "legal"),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
