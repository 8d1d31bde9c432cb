"""From what happens at mouse and keyboard to events: only of what is allowed, nothing of hidden apps, no text."""

from __future__ import annotations

import threading
import time
from collections import deque

from portal.agent.clock import Clock
from portal.agent.front import NO_FRONT, Front, Screen
from portal.agent.keys import code_of_character, code_of_name, kind_of, kind_of_character
from portal.agent.permits import NOTHING, Event, Permits

# A pointer is followed at most this often; between two looks at the window in front no more time passes.
MOVE_SECONDS = 0.008
LOOK_SECONDS = 0.05
# Titles that count seconds or show progress: the window is the same.
TITLE_SECONDS = 1.0
# Input is heard a moment after it was made: a window that has just come to the front may not be the one typed in.
SETTLED_SECONDS = 0.5
# Somebody has to fetch what is noted; if nobody does for minutes, memory is no place for it.
MOST_NOTED = 50_000
BUTTONS = {"left": 0, "middle": 1, "right": 2, "x1": 3, "x2": 4, "button8": 3, "button9": 4}


class Recorder:
    """Notes events one after the other, whichever listener they come from; `take` hands them over."""

    def __init__(self, clock: Clock, screen: Screen, seq: int) -> None:
        self.clock, self.screen, self.seq = clock, screen, seq
        self.front = NO_FRONT
        self._size = screen.size()
        self._permits: Permits = NOTHING
        self._noted: deque[Event] = deque(maxlen=MOST_NOTED)
        self._lock = threading.RLock()
        self._told: Event | None = None
        self._told_at = self._looked = self._moved = self._since = 0.0
        self._after_hidden = False
        self._at: tuple[float, float] | None = None
        self._held: str | None = None

    def allow(self, permits: Permits) -> None:
        """From now on record this and nothing else; what was noted and not fetched goes the same way."""
        with self._lock:
            if permits.recorded != self._permits.recorded:
                self._told = None
            self._permits = permits
            kept = [event for event in map(permits.lessened, self._noted) if event is not None]
            self._noted = deque(kept, maxlen=MOST_NOTED)

    def take(self) -> list[Event]:
        with self._lock:
            self._arrive()
            taken = list(self._noted)
            self._noted.clear()
            return taken

    # --- what listeners call

    def move(self, x: float, y: float) -> None:
        """Follow the pointer, not too closely; where it comes to rest is never left out."""
        with self._lock:
            self._at = (x, y)
            if time.monotonic() - self._moved >= MOVE_SECONDS:
                self._arrive()

    def click(self, x: float, y: float, button: str, down: bool) -> None:
        kind = "pointerdown" if down else "pointerup"
        place = {"x": x, "y": y, "screen": self._size}
        if button in BUTTONS:
            self._note("pointer_clicks", {"type": kind, **place, "button": BUTTONS[button]}, fresh=True)

    def scroll(self, x: float, y: float, right: float, up: float) -> None:
        turned = {"deltaX": right, "deltaY": -up or 0}
        self._note("scrolling", {"type": "wheel", "x": x, "y": y, **turned, "screen": self._size})

    def key(self, name: str, character: str, down: bool) -> None:
        """What a keyboard repeats while a key is held was not typed once more."""
        held = (name or character) if down else None
        if held is not None and held == self._held:
            return
        self._held = held
        with self._lock:
            self._look(fresh=True)
            self._note("keystroke_timing", {"type": "keydown" if down else "keyup", **self._told_of(name, character)})

    def look(self) -> None:
        """See whether another window came to the front, and whether the screen is another one."""
        with self._lock:
            self._size = self.screen.size()
            if self._permits.recorded:
                self._look(fresh=True)

    # ---

    def _arrive(self) -> None:
        if self._at is None:
            return
        (x, y), self._at, self._moved = self._at, None, time.monotonic()
        self._note("pointer_movement", {"type": "pointermove", "x": x, "y": y, "screen": self._size})

    def _told_of(self, name: str, character: str) -> Event:
        """Say of a key its kind, and only where text may be taken from this app which key and what it typed."""
        app = self.front.app
        if not self._permits.takes_text(app) or self._unsettled():
            return {"code": kind_of(code_of_name(name)) if name else kind_of_character(character)}
        if name and name != "space":
            return {"code": code_of_name(name), "app": app}
        character = character or " "
        return {"code": code_of_character(character), "key": character, "app": app}

    def _note(self, category: str, event: Event, *, fresh: bool = False) -> None:
        with self._lock:
            self._arrive()
            if category not in self._permits.allowed:
                return
            self._look(fresh=fresh)
            if not self._hidden(self.front) and not (self._after_hidden and self._unsettled()):
                self._add(event)

    def _unsettled(self) -> bool:
        return time.monotonic() - self._since < SETTLED_SECONDS

    def _hidden(self, front: Front) -> bool:
        return front.private or self._permits.hides(front.app)

    def _look(self, *, fresh: bool) -> None:
        now = time.monotonic()
        if not fresh and now - self._looked < LOOK_SECONDS:
            return
        before, self.front, self._looked = self.front, self.screen.front(), now
        if before.app != self.front.app or before.private != self.front.private:
            self._since, self._after_hidden = now, self._hidden(before)
        shown = self._shown(self.front)
        if shown == self._told or "app_usage" not in self._permits.allowed:
            return
        if self._told and shown.get("app", "") == self._told.get("app") and now - self._told_at < TITLE_SECONDS:
            return
        self._told, self._told_at = shown, now
        self._add({"type": "focus", **shown})

    def _shown(self, front: Front) -> Event:
        """Of a hidden window say that there is one and not which."""
        if self._hidden(front):
            return {"private": True}
        return {"app": front.app, **({"title": front.title} if front.title else {})}

    def _add(self, event: Event) -> None:
        self._noted.append({"t": self.clock.now(), "seq": self.seq, **event})
        self.seq += 1
