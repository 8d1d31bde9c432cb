"""What can be put right, why something is not used meanwhile, and who is told of it: closed lists, no database."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

# How long before it ends somebody is told that their restriction ends (GDPR Art. 18(3)).
TOLD_BEFORE = timedelta(days=7)
# A recipient that has not confirmed is written to again.
REMINDED_AFTER = timedelta(days=14)


class Restricting(TextChoices):
    """Why the use of data is restricted (GDPR Art. 18(1)(a) to (d))."""

    ACCURACY = "accuracy_contested", _("the data is wrong, or is not about me")
    UNLAWFUL = "processing_unlawful", _("it is processed unlawfully, and I do not want it deleted")
    CLAIMS = "legal_claims", _("I need it for a legal claim, and the company does not need it any more")
    OBJECTION = "objection_pending", _("I objected, and it is not decided yet")


class About(TextChoices):
    """What a correction is about."""

    PROFILE = "profile", _("What the directory says of me")
    EVENTS = "events", _("What was recorded")


class Field(TextChoices):
    """What the directory says of a person and they may have corrected."""

    NAME = "name", _("Name")
    DEPARTMENT = "department", _("Department")
    JURISDICTION = "jurisdiction", _("Where you work (country, or country and part)")
    TIME_ZONE = "time_zone", _("Time zone")
    WORKING_HOURS = "working_hours", _("Working hours")


class Wrong(TextChoices):
    """What is wrong about a stretch of events."""

    NOT_ME = "not_me", _("This was not me: somebody else used the device")
    INACCURATE = "inaccurate", _("It is wrong: the time, the app or what was done")


class Wish(TextChoices):
    """What is to become of a stretch that is wrong; events are what a device sent, and are never rewritten."""

    ERASE = "erase", _("Delete it")
    RESTRICT = "restrict", _("Keep it, but out of use")
    NOTE = "note", _("Keep it, with my note attached wherever it goes")


class What(TextChoices):
    """What a recipient is told of (GDPR Art. 19)."""

    RECTIFICATION = "rectification", _("correct")
    ERASURE = "erasure", _("delete")
    RESTRICTION = "restriction", _("restrict")
    LIFTED = "lifted", _("use again, as a restriction has ended")


class Ending(TextChoices):
    """Why a restriction ends."""

    VERIFIED = "accuracy_verified", _("the data was checked and is right")
    DECIDED = "objection_decided", _("the objection has been decided")
    OVER = "ground_over", _("the reason for it is over")
