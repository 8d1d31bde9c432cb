"""Where a device may be: the countries that rules here differ by, and what each is called."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from portal.register import laws
from portal.register.countries import EEA
from portal.register.models import Controller, PurposeRecord, WorksAgreement

NAMES = {
    "AT": _("Austria"),
    "BE": _("Belgium"),
    "BG": _("Bulgaria"),
    "CA": _("Canada"),
    "CH": _("Switzerland"),
    "CY": _("Cyprus"),
    "CZ": _("Czechia"),
    "DE": _("Germany"),
    "DK": _("Denmark"),
    "EE": _("Estonia"),
    "ES": _("Spain"),
    "FI": _("Finland"),
    "FR": _("France"),
    "GB": _("United Kingdom"),
    "GR": _("Greece"),
    "HR": _("Croatia"),
    "HU": _("Hungary"),
    "IE": _("Ireland"),
    "IN": _("India"),
    "IS": _("Iceland"),
    "IT": _("Italy"),
    "LI": _("Liechtenstein"),
    "LT": _("Lithuania"),
    "LU": _("Luxembourg"),
    "LV": _("Latvia"),
    "MT": _("Malta"),
    "NL": _("Netherlands"),
    "NO": _("Norway"),
    "PL": _("Poland"),
    "PT": _("Portugal"),
    "RO": _("Romania"),
    "SE": _("Sweden"),
    "SI": _("Slovenia"),
    "SK": _("Slovakia"),
    "US": _("United States"),
}
OTHERS = frozenset({"CA", "CH", "GB", "IN", "US"})


def name(code: str) -> str:
    """Return what a country is called, with its part after it: `United States (NY)`."""
    country, _dash, part = code.partition("-")
    called = str(NAMES.get(country, country))
    return f"{called} ({part})" if part else called


def choices() -> list[tuple[str, str]]:
    """Return the places that a device can be said to be in: wherever a rule of the register may differ."""
    codes = set(EEA | OTHERS) | {law.jurisdiction for law in laws.known()}
    codes |= {each for named in PurposeRecord.objects.values_list("jurisdictions", flat=True) for each in named}
    codes |= set(WorksAgreement.objects.exclude(country="").values_list("country", flat=True))
    controller = Controller.objects.first()
    codes |= set(controller.agreement_countries) if controller else set()
    return sorted(((code, name(code)) for code in codes), key=lambda each: each[1])
