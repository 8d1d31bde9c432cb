"""Django's name for this part."""

from __future__ import annotations

from django.apps import AppConfig


class EnrolmentConfig(AppConfig):
    """See the map of the house in README.md."""

    name = "portal.events.enrolment"
    label = "enrolment"
