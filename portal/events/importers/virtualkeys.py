"""Windows' names of keys, and what W3C UI Events calls them; of a letter's place only the layout would tell more."""

from __future__ import annotations

# The code of each key that types nothing or one thing only, and its KeyboardEvent.key where that is another word.
NAMED = {
    "BACK": "Backspace", "TAB": "Tab", "RETURN": "Enter", "ESCAPE": "Escape", "DELETE": "Delete", "INSERT": "Insert",
    "HOME": "Home", "END": "End", "PRIOR": "PageUp", "NEXT": "PageDown", "LEFT": "ArrowLeft", "RIGHT": "ArrowRight",
    "UP": "ArrowUp", "DOWN": "ArrowDown", "CAPITAL": "CapsLock", "NUMLOCK": "NumLock", "SCROLL": "ScrollLock",
    "PAUSE": "Pause", "SNAPSHOT": "PrintScreen", "APPS": "ContextMenu",
    **{f"F{number}": f"F{number}" for number in range(1, 25)},
}  # fmt: skip
SIDED = {
    "SHIFT": ("ShiftLeft", "Shift"), "LSHIFT": ("ShiftLeft", "Shift"), "RSHIFT": ("ShiftRight", "Shift"),
    "CONTROL": ("ControlLeft", "Control"), "LCONTROL": ("ControlLeft", "Control"),
    "RCONTROL": ("ControlRight", "Control"), "MENU": ("AltLeft", "Alt"), "LMENU": ("AltLeft", "Alt"),
    "RMENU": ("AltRight", "AltGraph"), "LWIN": ("MetaLeft", "Meta"), "RWIN": ("MetaRight", "Meta"),
    "SPACE": ("Space", " "),
}  # fmt: skip
PLACES = {
    "OEM_1": "Semicolon", "OEM_2": "Slash", "OEM_3": "Backquote", "OEM_4": "BracketLeft", "OEM_5": "Backslash",
    "OEM_6": "BracketRight", "OEM_7": "Quote", "OEM_102": "IntlBackslash", "OEM_PLUS": "Equal", "OEM_MINUS": "Minus",
    "OEM_COMMA": "Comma", "OEM_PERIOD": "Period", "ADD": "NumpadAdd", "SUBTRACT": "NumpadSubtract",
    "MULTIPLY": "NumpadMultiply", "DIVIDE": "NumpadDivide", "DECIMAL": "NumpadDecimal",
    **{f"NUMPAD{digit}": f"Numpad{digit}" for digit in range(10)},
}  # fmt: skip
UNKNOWN = "Unidentified"


def named(name: str, value: str) -> dict[str, str]:
    """Return `code`, and `key` where one character was typed or the key has a name."""
    bare = name.removeprefix("VK_")
    if bare in NAMED:
        return {"code": NAMED[bare], "key": NAMED[bare]}
    if bare in SIDED:
        code, key = SIDED[bare]
        return {"code": code, "key": key}
    typed = {"key": value} if len(value) == 1 and value.isprintable() else {}
    return {"code": _place(bare), **typed}


def _place(bare: str) -> str:
    if len(bare) == 1 and bare.isascii() and bare.isalnum():
        return f"Digit{bare}" if bare.isdigit() else f"Key{bare.upper()}"
    return PLACES.get(bare, UNKNOWN)
