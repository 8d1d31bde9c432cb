"""The listeners at mouse and keyboard: on for what is allowed, off otherwise, not merely unheard."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from typing import Any

from portal.agent.front import NoScreen
from portal.agent.recorder import Recorder

POINTER = {"pointer_movement": "on_move", "pointer_clicks": "on_click", "scrolling": "on_scroll"}
KEYS = "keystroke_timing"
STOP_SECONDS = 2.0


class Listeners:
    """At most two of pynput's listeners, each in a thread of its own."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._mouse: Any = None
        self._keyboard: Any = None
        self._hearing: frozenset[str] = frozenset()

    def hear(self, categories: frozenset[str]) -> None:
        """Listen to this and to nothing else; listeners that died are started again."""
        pointer, keys = frozenset(POINTER) & categories, KEYS in categories
        if pointer != self._hearing or not _alive(self._mouse):
            self._stop(self._mouse)
            self._mouse = self._start_mouse(pointer) if pointer else None
            self._hearing = pointer
        if keys != _alive(self._keyboard):
            self._stop(self._keyboard)
            self._keyboard = self._start_keyboard() if keys else None

    def on(self) -> list[str]:
        """Name the listeners that are on."""
        return [name for name, each in (("mouse", self._mouse), ("keyboard", self._keyboard)) if _alive(each)]

    def _stop(self, listener: Any) -> None:
        if _alive(listener):
            listener.stop()
            self._recorder.screen.hush(listener)
            # Its own join would raise here whatever went wrong there; that it has ended is all that matters.
            threading.Thread.join(listener, STOP_SECONDS)

    def _start_mouse(self, pointer: frozenset[str]) -> Any:
        heard = {"on_move": self._move, "on_click": self._click, "on_scroll": self._scroll}
        return _started("pynput.mouse", {POINTER[each]: heard[POINTER[each]] for each in pointer})

    def _start_keyboard(self) -> Any:
        return _started("pynput.keyboard", {"on_press": self._press, "on_release": self._release})

    # pynput says last whether a program made the input; it is recorded all the same.

    def _move(self, x: float, y: float, _made: bool = False) -> None:
        self._recorder.move(x, y)

    def _click(self, x: float, y: float, button: Any, pressed: bool, _made: bool = False) -> None:
        self._recorder.click(x, y, button.name, pressed)

    def _scroll(self, x: float, y: float, right: float, up: float, _made: bool = False) -> None:
        self._recorder.scroll(x, y, right, up)

    def _press(self, key: Any, _made: bool = False) -> None:
        self._recorder.key(*_named(key), down=True)

    def _release(self, key: Any, _made: bool = False) -> None:
        self._recorder.key(*_named(key), down=False)


def _until_lost(act: Callable[..., None]) -> Callable[..., bool]:
    """Return what pynput calls: False ends the listener, here where the screen has gone."""

    def heard(*said: Any) -> bool:
        try:
            act(*said)
        except NoScreen:
            return False
        return True

    return heard


def _named(key: Any) -> tuple[str, str]:
    """Return name and character of a key as pynput describes it, one of them empty."""
    name = getattr(key, "name", None)
    return (name, "") if name else ("", getattr(key, "char", None) or "")


def _started(module: str, wanted: dict[str, Callable[..., None]]) -> Any:
    # Importing pynput opens the screen, which may not be there yet when the agent starts.
    listener = importlib.import_module(module).Listener(**{name: _until_lost(act) for name, act in wanted.items()})
    listener.start()
    return listener


def _alive(listener: Any) -> bool:
    return listener is not None and listener.is_alive()
