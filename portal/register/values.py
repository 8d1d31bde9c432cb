"""Words of the register: no ORM."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    """What a source is; earlier recordings come in only through an import."""

    AGENT = "agent", _("Program on the computer")
    BROWSER = "browser", _("Browser extension")
    IMPORT = "import", _("Import of recordings")


class StoreKind(models.TextChoices):
    """How another system of the company is asked."""

    OPENDSR = "opendsr", _("A program asks it (OpenDSR)")
    SQL = "sql", _("Its database is asked")
    MANUAL = "manual", _("Somebody looks into it")


class State(models.TextChoices):
    """A draft collects nothing; what is retired stays in the register."""

    DRAFT = "draft", _("Draft")
    LIVE = "live", _("Live")
    RETIRED = "retired", _("Retired")
