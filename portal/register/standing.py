"""Where in the world a purpose concerns somebody, and a source may be active."""

from __future__ import annotations

from collections.abc import Iterable

from portal.register.models import Controller, WorksAgreement

ALL = ""


def concerns(jurisdictions: Iterable[str], jurisdiction: str) -> bool:
    """Return whether it concerns people there: `US` covers `US-NY`, and none named covers everybody."""
    named = list(jurisdictions)
    return not named or any(jurisdiction == each or jurisdiction.startswith(f"{each}-") for each in named)


def country_of(jurisdiction: str) -> str:
    """Return `US` for `US-NY`."""
    return jurisdiction.partition("-")[0]


def demanded(jurisdiction: str) -> bool:
    """Return whether a source has to be agreed upon before it is active there."""
    controller = Controller.objects.first()
    if controller is None or not controller.agreement_required:
        return False
    return not controller.agreement_countries or country_of(jurisdiction) in controller.agreement_countries


def agreed(source_key: str, jurisdiction: str) -> bool:
    """Return whether the source may be active there: agreed upon, or nobody demands that it is."""
    if not demanded(jurisdiction):
        return True
    countries = [ALL, country_of(jurisdiction)]
    return WorksAgreement.objects.filter(source=source_key, country__in=countries).exists()
