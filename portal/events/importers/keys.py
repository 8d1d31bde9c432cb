"""The names that desktop recorders give keys, and what W3C UI Events calls them."""

from __future__ import annotations

# Each name with its KeyboardEvent.code and KeyboardEvent.key.
NAMED = {
    "alt": ("AltLeft", "Alt"),
    "alt_l": ("AltLeft", "Alt"),
    "alt_r": ("AltRight", "Alt"),
    "alt_gr": ("AltRight", "AltGraph"),
    "backspace": ("Backspace", "Backspace"),
    "caps_lock": ("CapsLock", "CapsLock"),
    "cmd": ("MetaLeft", "Meta"),
    "cmd_l": ("MetaLeft", "Meta"),
    "cmd_r": ("MetaRight", "Meta"),
    "ctrl": ("ControlLeft", "Control"),
    "ctrl_l": ("ControlLeft", "Control"),
    "ctrl_r": ("ControlRight", "Control"),
    "delete": ("Delete", "Delete"),
    "down": ("ArrowDown", "ArrowDown"),
    "end": ("End", "End"),
    "enter": ("Enter", "Enter"),
    "esc": ("Escape", "Escape"),
    "home": ("Home", "Home"),
    "insert": ("Insert", "Insert"),
    "left": ("ArrowLeft", "ArrowLeft"),
    "media_next": ("MediaTrackNext", "MediaTrackNext"),
    "media_play_pause": ("MediaPlayPause", "MediaPlayPause"),
    "media_previous": ("MediaTrackPrevious", "MediaTrackPrevious"),
    "media_volume_down": ("AudioVolumeDown", "AudioVolumeDown"),
    "media_volume_mute": ("AudioVolumeMute", "AudioVolumeMute"),
    "media_volume_up": ("AudioVolumeUp", "AudioVolumeUp"),
    "menu": ("ContextMenu", "ContextMenu"),
    "num_lock": ("NumLock", "NumLock"),
    "page_down": ("PageDown", "PageDown"),
    "page_up": ("PageUp", "PageUp"),
    "pause": ("Pause", "Pause"),
    "print_screen": ("PrintScreen", "PrintScreen"),
    "right": ("ArrowRight", "ArrowRight"),
    "scroll_lock": ("ScrollLock", "ScrollLock"),
    "shift": ("ShiftLeft", "Shift"),
    "shift_l": ("ShiftLeft", "Shift"),
    "shift_r": ("ShiftRight", "Shift"),
    "space": ("Space", " "),
    "tab": ("Tab", "Tab"),
    "up": ("ArrowUp", "ArrowUp"),
    **{f"f{number}": (f"F{number}", f"F{number}") for number in range(1, 25)},
}
# Where the characters lie on the layout by which W3C names the codes.
DIGITS = (")0", "!1", "@2", "#3", "$4", "%5", "^6", "&7", "*8", "(9")
MARKS = {
    "-_": "Minus", "=+": "Equal", "[{": "BracketLeft", "]}": "BracketRight", "\\|": "Backslash", ";:": "Semicolon",
    "'\"": "Quote", "`~": "Backquote", ",<": "Comma", ".>": "Period", "/?": "Slash", " ": "Space",
    "\r\n": "Enter", "\t": "Tab", "\x1b": "Escape", "\b": "Backspace",
}  # fmt: skip
PLACES = {character: f"Digit{digit}" for digit, pair in enumerate(DIGITS) for character in pair} | {
    character: code for pair, code in MARKS.items() for character in pair
}
UNKNOWN = "Unidentified"
LETTERS = 26


def code_of(character: str) -> str:
    """Return the code of one character; Ctrl with a letter is recorded as a control character."""
    if character in PLACES:
        return PLACES[character]
    if character.isascii() and character.isalpha():
        return f"Key{character.upper()}"
    if 1 <= ord(character) <= LETTERS:
        return f"Key{chr(ord('A') - 1 + ord(character))}"
    return UNKNOWN


def named(name: str) -> dict[str, str]:
    """Return `code`, and `key` where the recorder knew what was typed."""
    if name in NAMED:
        code, key = NAMED[name]
        return {"code": code, "key": key}
    if len(name) != 1:
        return {"code": UNKNOWN, "key": name} if name.isprintable() and name else {"code": UNKNOWN}
    return {"code": code_of(name), "key": name} if name.isprintable() else {"code": code_of(name)}
