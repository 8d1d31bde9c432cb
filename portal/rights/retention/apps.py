"""Django's name for this part."""

from __future__ import annotations

from django.apps import AppConfig


class RetentionConfig(AppConfig):
    """See the map of the house in README.md."""

    name = "portal.rights.retention"
    label = "retention"
