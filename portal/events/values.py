"""What is observed, by name and shape; what a batch came to; what a day holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, ClassVar
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from portal.strictjson import LARGEST

LONGEST = 4096
MOST_EVENTS = 5_000
UNKNOWN_APP = "unknown"

Whole = Annotated[int, Meta(ge=-LARGEST, le=LARGEST)]
Number = Whole | Annotated[float, Meta(ge=-LARGEST, le=LARGEST)]
Text = Annotated[str, Meta(max_length=LONGEST)]


class Base(Struct, tag_field="type", forbid_unknown_fields=True, kw_only=True, gc=False):
    """What every event may carry; `t` is in milliseconds since the epoch, what was not sent is UNSET."""

    category: ClassVar[str]
    t: Whole
    seq: Whole | UnsetType = UNSET
    app: Text | UnsetType = UNSET
    screen: tuple[Number, Number] | UnsetType = UNSET


class Pointermove(Base, tag="pointermove"):
    category: ClassVar[str] = "pointer_movement"
    x: Number
    y: Number


class Button(Base, gc=False):
    category: ClassVar[str] = "pointer_clicks"
    x: Number
    y: Number
    button: Whole


class Pointerdown(Button, tag="pointerdown"):
    """A button pressed."""


class Pointerup(Button, tag="pointerup"):
    """A button let go."""


class Wheel(Base, tag="wheel"):
    category: ClassVar[str] = "scrolling"
    deltaX: Number
    deltaY: Number
    x: Number | UnsetType = UNSET
    y: Number | UnsetType = UNSET


class Key(Base, gc=False):
    """`code` says which key, `key` the character: the one is rhythm, the other content."""

    category: ClassVar[str] = "keystroke_timing"
    code: Text
    key: Text | UnsetType = UNSET


class Keydown(Key, tag="keydown"):
    """A key pressed."""


class Keyup(Key, tag="keyup"):
    """A key let go."""


class Window(Base, gc=False):
    """`app` may be left out only of a private window, which has no name to tell."""

    category: ClassVar[str] = "app_usage"
    title: Text | UnsetType = UNSET
    private: bool | UnsetType = UNSET


class Focus(Window, tag="focus"):
    """A window came to the front; it has what follows until the next one does."""


class Blur(Window, tag="blur"):
    """A window left the front."""


class Navigate(Base, tag="navigate"):
    category: ClassVar[str] = "web_navigation"
    url: Text


Event = Pointermove | Pointerdown | Pointerup | Wheel | Keydown | Keyup | Focus | Blur | Navigate
CONTENT = "keystroke_content"
Counts = dict[str, int]


@dataclass(frozen=True)
class Accepted:
    """What became of a batch; `replayed` says that this is the first answer, given again."""

    batch: UUID
    stored: int
    withheld: Counts
    stripped: Counts
    replayed: bool = False


@dataclass(frozen=True)
class DayTotal:
    """A day as counted: `contents` are typed characters kept, `sending` sources that sent what may not be kept.

    `rules` are those that stood at the door of each source, `cut` how many titles and addresses they made shorter.
    """

    day: date
    events: Counts = field(default_factory=dict)
    bytes: int = 0
    sources: dict[str, Counts] = field(default_factory=dict)
    withheld: dict[str, Counts] = field(default_factory=dict)
    contents: int = 0
    sending: tuple[str, ...] = ()
    rules: dict[str, tuple[str, ...]] = field(default_factory=dict)
    cut: Counts = field(default_factory=dict)


@dataclass(frozen=True)
class Filter:
    """Which events of a day are wanted; None is all."""

    categories: frozenset[str] | None = None
    sources: frozenset[str] | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    apps: frozenset[str] | None = None


@dataclass(frozen=True)
class EventPage:
    """Some events of a day in order of time, how many match, and the apps and devices of the whole day.

    `ranks` says of each which of its instant it is, so that its address stays the same when earlier ones arrive late.
    """

    rows: list[dict[str, Any]]
    total: int
    apps: tuple[str, ...] = ()
    collectors: tuple[str, ...] = ()
    ranks: tuple[int, ...] = ()
