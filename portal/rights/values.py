"""What can be asked, how far it is, and why something was kept or refused: closed lists, no database."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise
Cursor = dict[str, Any]


class Kind(TextChoices):
    """What a person may ask for."""

    ACCESS = "access", _("A copy of my data")
    PORTABILITY = "portability", _("My data for another service")
    ERASURE = "erasure", _("Delete my data")
    RECTIFICATION = "rectification", _("Correct my data")
    RESTRICTION = "restriction", _("Restrict the use of my data")
    OBJECTION = "objection", _("Object to the use of my data")
    COMPLAINT = "complaint", _("A complaint")


# The plan of an erasure that takes the account as well.
ACCOUNT = "account"
COPIES = frozenset({Kind.ACCESS, Kind.PORTABILITY})


class State(TextChoices):
    """Where a request stands (design: HTTP contract)."""

    RECEIVED = "received", _("Received")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    IN_REVIEW = "in_review", _("Being reviewed")
    AWAITING_SUBJECT = "awaiting_subject", _("Waiting for you")
    ON_HOLD = "on_hold", _("On hold")
    EXTENDED = "extended", _("More time needed")
    PROCESSING = "processing", _("In progress")
    READY = "ready", _("Ready")
    DELIVERED = "delivered", _("Done")
    PARTIALLY_FULFILLED = "partially_fulfilled", _("Done in part")
    REFUSED = "refused", _("Refused")
    WITHDRAWN = "withdrawn", _("Cancelled")
    EXPIRED = "expired", _("Expired")
    NEEDS_ATTENTION = "needs_attention", _("Needs attention")


# Nothing more is owed to the person in these.
CLOSED_STATES = frozenset(
    {
        State.READY,
        State.DELIVERED,
        State.PARTIALLY_FULFILLED,
        State.REFUSED,
        State.WITHDRAWN,
        State.EXPIRED,
    }
)
# Somebody has still to decide in these.
UNDECIDED_STATES = frozenset(
    {
        State.RECEIVED,
        State.ACKNOWLEDGED,
        State.IN_REVIEW,
        State.AWAITING_SUBJECT,
        State.ON_HOLD,
        State.EXTENDED,
    }
)


# What an erasure of collected data leaves, and the coded reason (inventory.py has every table).
KEPT: tuple[tuple[Text, str], ...] = (
    (_("Your decisions and their receipts, because they say what may be collected"), "legal_obligation"),
    (_("The record of who looked at your data, without the data"), "legal_obligation"),
    (_("This request and its certificate, without the data"), "legal_obligation"),
)
KEPT_FOR_OTHERS = (_("Events that another purpose still covers"), "no_grounds_for_deletion_request")


class StepState(TextChoices):
    """A step is done once; until then it may run any number of times."""

    PENDING = "pending", _("To do")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")


class Format(TextChoices):
    """How the data files of a copy are written."""

    CSV = "csv", _("CSV, for spreadsheets")
    JSONL = "jsonl", _("JSON, one event a line")
    PARQUET = "parquet", _("Parquet, as stored")


class OpenedBy(TextChoices):
    """Who put the request in."""

    SELF = "self", _("the person")
    CLIENT = "client", _("a connected system")
    STAFF = "staff", _("a colleague who handles requests")
    SYSTEM = "system", _("Daylight, because nothing covers the data any more")


class Ground(TextChoices):
    """Why data is to be erased (GDPR Art. 17(1))."""

    NO_LONGER_NECESSARY = "no_longer_necessary", _("no longer necessary")
    CONSENT_WITHDRAWN = "consent_withdrawn", _("consent withdrawn")
    OBJECTION = "objection_to_processing", _("objection to the processing")
    UNLAWFUL = "processing_unlawful", _("processed unlawfully")
    LEGAL_COMPLIANCE = "legal_compliance", _("a legal duty to erase")
    UNSPECIFIED = "unspecified", _("no ground given")


class Refusal(TextChoices):
    """Why a request is refused, or data kept (GDPR Art. 12(5), 17(3))."""

    FREEDOM_OF_EXPRESSION = "freedom_of_expression", _("freedom of expression and information")
    LEGAL_OBLIGATION = "legal_obligation", _("a legal obligation to keep it")
    PUBLIC_HEALTH = "public_health_interest", _("public interest in public health")
    ARCHIVAL = "archival", _("archiving in the public interest")
    LEGAL_CLAIMS = "legal_claims", _("needed for legal claims")
    NO_DATA = "no_personal_data_to_delete", _("there is no personal data to delete")
    NO_GROUNDS = "no_grounds_for_deletion_request", _("no ground for this request applies")
    UNFOUNDED = "manifestly_unfounded", _("manifestly unfounded")
    EXCESSIVE = "excessive", _("excessive, in particular repeated")
    NOT_IDENTIFIED = "identity_not_established", _("the person could not be identified")
    COMPELLING = "compelling_legitimate_grounds", _("compelling grounds that weigh more than those of the person")


# What an objection may be turned down for (GDPR Art. 21(1), 12(5)); the first of them serves for nothing else.
OBJECTION_REFUSALS = (Refusal.COMPELLING, Refusal.LEGAL_CLAIMS, Refusal.UNFOUNDED, Refusal.EXCESSIVE)


def refusals(kind: str) -> tuple[Refusal, ...]:
    """Return the grounds on which a request of this kind may be refused."""
    if kind == Kind.OBJECTION:
        return OBJECTION_REFUSALS
    return tuple(each for each in Refusal if each is not Refusal.COMPELLING)


class Extension(TextChoices):
    """Why more time is needed (GDPR Art. 12(3))."""

    COMPLEXITY = "complexity", _("the request is complex")
    NUMBER = "number_of_requests", _("there are many requests")


# What each step is called while it runs. The names are the steps' own (access.py, erasure.py).
STEP_LABELS: dict[str, Text] = {
    "gather": _("Looking up which days there are"),
    "write_days": _("Writing your data, day by day"),
    "join_tables": _("Joining the days into one table a category"),
    "write_pages": _("Writing pages that open in any browser"),
    "write_schema": _("Describing the fields"),
    "write_sections": _("Writing what is known about you and why"),
    "write_receipts": _("Adding the receipts of what you decided"),
    "close_archive": _("Checking and closing the archive"),
    "fence": _("Stopping anything new from coming in, and making new keys"),
    "count": _("Counting what goes"),
    "tell_recipients": _("Telling those who received it"),
    "ask_stores": _("Asking the company’s other systems"),
    "await_stores": _("Waiting for the company’s other systems"),
    "rewrite_days": _("Deleting, and sealing what stays under new keys"),
    "rewrite_volumes": _("Correcting the daily totals"),
    "delete_bundles": _("Deleting copies that hold the deleted data"),
    "carry_keys": _("Moving the keys of what stays"),
    "destroy_old_key": _("Destroying the old key"),
    "read_again": _("Reading every store again to find anything left"),
    "write_journal": _("Writing it down outside the databases"),
    "await_renewal": _("Deleted; the certificate follows once the keys are renewed"),
    "certify": _("Signing the certificate"),
    "take_back": _("Taking back every yes"),
    "forget": _("Deleting the account: decisions, receipts, sign-in, messages, and both keys"),
    "read_everything_again": _("Reading every table and store again to find anything that names you"),
    "certify_account": _("Signing the certificate for the account"),
}


@dataclass(frozen=True)
class DryRun:
    """What an erasure would do: events by category that go, and what stays with the coded reason."""

    goes: Counter[str]
    stays: list[tuple[str, str]]
    # False where there is too much to open for a look: then it is the most that it can be.
    exact: bool = True
    told: tuple[str, ...] = ()


class NotAllowed(Exception):
    """What was asked cannot be done; `code` is stable and dotted, `detail` is for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class StepFailed(Exception):
    """A step could not do its work; the reason is shown to the person and the step is tried again."""


class NeedsSomebody(StepFailed):
    """A step that tried for long already: somebody has to look before it is tried again."""


class Wait(Exception):
    """A step has nothing to do for some seconds; it costs no attempt."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Fenced(Exception):
    """Another worker has taken over, or the request was cancelled: write nothing more."""


class Held(Exception):
    """A legal hold keeps what a step would delete: the request waits until it ends."""

    def __init__(self, reason: str, ground: str) -> None:
        super().__init__(reason)
        self.ground = ground
