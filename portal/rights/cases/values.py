"""How a request came in, how somebody was known, what may be attached: closed lists, no database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

LONGEST_NAME = 200
LONGEST_TEXT = 10_000
MOST_BYTES = 5 * 1024 * 1024
OLDEST = timedelta(days=3 * 365)


class Channel(TextChoices):
    """How a request reached the company."""

    PORTAL = "portal", _("this portal")
    LETTER = "letter", _("a letter")
    EMAIL = "email", _("an e-mail")
    PHONE = "phone", _("a telephone call")
    IN_PERSON = "in_person", _("in person")
    REPRESENTATIVE = "representative", _("a representative")
    COUNCIL = "works_council", _("the works council")
    AUTHORITY = "authority", _("an authority")
    SYSTEM = "system", _("another system of the company")
    OTHER = "other", _("another way")


# What programs call the same.
ALIASES = {
    "e_mail": Channel.EMAIL,
    "mail": Channel.EMAIL,
    "post": Channel.LETTER,
    "paper": Channel.LETTER,
    "telephone": Channel.PHONE,
    "call": Channel.PHONE,
    "personal": Channel.IN_PERSON,
    "council": Channel.COUNCIL,
    "union": Channel.COUNCIL,
    "regulator": Channel.AUTHORITY,
    "web": Channel.PORTAL,
    "api": Channel.SYSTEM,
    "hr": Channel.SYSTEM,
    "ticket": Channel.SYSTEM,
}
# By which somebody else writes on paper or calls; a handler records these.
BROUGHT_IN = (
    Channel.LETTER,
    Channel.EMAIL,
    Channel.PHONE,
    Channel.IN_PERSON,
    Channel.REPRESENTATIVE,
    Channel.COUNCIL,
    Channel.AUTHORITY,
    Channel.OTHER,
)


def channel_of(said: str) -> Channel | None:
    """Return the channel that is meant; None for what is none, since free words may name people."""
    plain = said.strip().lower().replace(" ", "_").replace("-", "_")
    code = ALIASES.get(plain, plain)
    return Channel(code) if code in Channel.values else None


class Identity(TextChoices):
    """How it was made sure who asks, with the least data; a copy of a document is never asked for nor kept."""

    KNOWN_CHANNEL = "known_channel", _("it came by a channel that is known to be theirs, such as the address on file")
    SIGNATURE = "signature", _("the signature was compared with one on file")
    CALL_BACK = "call_back", _("they were called back on a number on file")
    PERSONALLY = "personally_known", _("they are personally known to who took it in")
    SEEN = "document_seen", _("a document was shown and given back; nothing was copied")
    MANDATE = "mandate_seen", _("a mandate was seen, and it covers this request")
    NOT_YET = "not_yet", _("not yet")


class Delivery(TextChoices):
    """How the answer reaches the person."""

    ACCOUNT = "account", _("in Daylight, when they sign in")
    CODE = "code", _("by a code in two halves, told by two of us")
    LETTER = "letter", _("by a code in two halves, on two letters")


class EntryKind(TextChoices):
    """What was written into a case, and who reads it there."""

    NOTE = "note", _("Note")
    MESSAGE = "message", _("Message to the person")
    ANSWER = "answer", _("Message from the person")


class IntakeState(TextChoices):
    """Where a request of somebody unknown stands."""

    OPEN = "open", _("Not yet matched")
    MATCHED = "matched", _("Matched to a person")
    NOTHING = "nothing_held", _("Closed: nothing is held")
    NOT_IDENTIFIED = "not_identified", _("Closed: not identified")


# How a request of somebody unknown may end without a person; each needs two people.
ENDINGS = (IntakeState.NOTHING, IntakeState.NOT_IDENTIFIED)


@dataclass(frozen=True)
class FileType:
    """A kind of file that may be attached: what it is served as, and how a name for it ends."""

    media: str
    ending: str


PDF = FileType("application/pdf", "pdf")
PNG = FileType("image/png", "png")
JPEG = FileType("image/jpeg", "jpg")
TIFF = FileType("image/tiff", "tif")
TEXT = FileType("text/plain", "txt")
TYPES = {each.media: each for each in (PDF, PNG, JPEG, TIFF, TEXT)}
BEGINNINGS = {
    b"%PDF-": PDF,
    b"\x89PNG\r\n\x1a\n": PNG,
    b"\xff\xd8\xff": JPEG,
    b"II*\x00": TIFF,
    b"MM\x00*": TIFF,
}
CONTROLS = frozenset(range(32)) - set(b"\t\n\r\f")


def type_of(content: bytes) -> FileType | None:
    """Return what a file is by what is in it, whatever it is called; None for what may not be attached."""
    for beginning, found in BEGINNINGS.items():
        if content.startswith(beginning):
            return found
    return TEXT if content and _is_text(content) else None


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return CONTROLS.isdisjoint(content)


@dataclass(frozen=True)
class Upload:
    """A file as it came: its name for people, and its bytes."""

    name: str
    content: bytes
