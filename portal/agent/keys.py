"""Keys by what kind they are; which key it was only where typed text is allowed.

The order of real key codes spells what was typed, whatever they are called: so rhythm is told with the kind alone.
"""

from __future__ import annotations

import re

# How pynput calls keys, where W3C's KeyboardEvent.code is more than the same words put together.
CODES = {
    "alt": "AltLeft", "alt_l": "AltLeft", "alt_r": "AltRight", "alt_gr": "AltRight",
    "ctrl": "ControlLeft", "ctrl_l": "ControlLeft", "ctrl_r": "ControlRight",
    "shift": "ShiftLeft", "shift_l": "ShiftLeft", "shift_r": "ShiftRight",
    "cmd": "MetaLeft", "cmd_l": "MetaLeft", "cmd_r": "MetaRight", "esc": "Escape", "menu": "ContextMenu",
    "up": "ArrowUp", "down": "ArrowDown", "left": "ArrowLeft", "right": "ArrowRight",
    "media_next": "MediaTrackNext", "media_previous": "MediaTrackPrevious", "media_volume_up": "AudioVolumeUp",
    "media_volume_down": "AudioVolumeDown", "media_volume_mute": "AudioVolumeMute",
}  # fmt: skip
# The keys of marks on the layout after which W3C names them, without and with Shift.
MARKS = ("Minus-_ Equal=+ BracketLeft[{ BracketRight]} Backslash\\| Semicolon;: Quote'\" Backquote`~ Comma,< Period.> "
         "Slash/?")  # fmt: skip
BY_MARK = {mark: name[:-2] for name in MARKS.split() for mark in name[-2:]}
SHIFTED_DIGITS = ")!@#$%^&*("
UNIDENTIFIED = "Unidentified"
CONTROL_LETTERS = 26
KINDS = (
    ("Letter", r"Key[A-Z]"),
    ("Digit", r"(Digit|Numpad)\d"),
    ("Space", "Space"),
    ("Enter", "(Numpad)?Enter"),
    ("Tab", "Tab"),
    ("Delete", "Backspace|Delete"),
    ("Arrow", r"Arrow\w+|Home|End|Page(Up|Down)"),
    ("Modifier", r"(Shift|Control|Alt|Meta)(Left|Right)|CapsLock"),
    ("Function", r"F\d+"),
    ("Escape", "Escape"),
    ("Mark", "|".join(sorted(set(BY_MARK.values())))),
)
OTHER = "Other"
KIND_NAMES = frozenset(kind for kind, _pattern in KINDS) | {OTHER}


def code_of_name(name: str) -> str:
    """Return the code of a key that types nothing."""
    return CODES.get(name) or "".join(word.capitalize() for word in name.split("_"))


def code_of_character(character: str) -> str:
    """Return the code of the key that types this on the layout after which codes are named."""
    if character.isascii() and character.isalpha():
        return f"Key{character.upper()}"
    if character.isascii() and character.isdigit():
        return f"Digit{character}"
    if character and character in SHIFTED_DIGITS:
        return f"Digit{SHIFTED_DIGITS.index(character)}"
    if len(character) == 1 and 1 <= ord(character) <= CONTROL_LETTERS:
        return f"Key{chr(ord('A') - 1 + ord(character))}"
    return BY_MARK.get(character, "Space" if character == " " else UNIDENTIFIED)


def kind_of(code: str) -> str:
    if code in KIND_NAMES:
        return code
    return next((kind for kind, pattern in KINDS if re.fullmatch(pattern, code)), OTHER)


def kind_of_character(character: str) -> str:
    """Return the kind of a key that types: letters of every script are letters."""
    if character.isalpha():
        return "Letter"
    kind = kind_of(code_of_character(character))
    typed = len(character) == 1 and character.isprintable() and not character.isdigit()
    return "Mark" if kind in (OTHER, "Digit") and typed else kind
