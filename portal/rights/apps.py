"""Django's name for this part."""

from __future__ import annotations

from django.apps import AppConfig

from portal.rights import deadlines


class RightsConfig(AppConfig):
    """See the map of the house in README.md."""

    name = "portal.rights"
    label = "rights"

    def ready(self) -> None:
        """Read the rules of deadlines now, so that a wrong file stops the start and not a request."""
        deadlines.book()
