"""What may be asked of a person before a request can be answered, and when handlers are reminded: no database."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

# Days before the date; each reminder is sent once.
REMINDED = (7, 3, 1)


class Question(TextChoices):
    """Why a question is asked; the words of the question are the handler's own."""

    SCOPE = "scope", _("Which data is meant")
    DETAILS = "details", _("What exactly is asked for")
    IDENTITY = "identity", _("Who asks")
    MANDATE = "mandate", _("Whether somebody may ask for the person")
