"""The window in front on Windows: the name of its program and its title. Written after Microsoft's reference; not part
of our test runs, which have no Windows."""

from __future__ import annotations

import ctypes
from ctypes import wintypes
from pathlib import PureWindowsPath
from typing import Any

from portal.agent.front import LONGEST_TITLE, NO_FRONT, Front

MAY_ASK_NAME = 0x1000  # PROCESS_QUERY_LIMITED_INFORMATION
LONGEST_PATH = 1024
WIDTH, HEIGHT = 0, 1


class Windows:
    """Asks the system's own libraries."""

    def __init__(self) -> None:
        self._user, self._kernel = ctypes.WinDLL("user32"), ctypes.WinDLL("kernel32")
        self._user.GetForegroundWindow.restype = wintypes.HWND
        self._kernel.OpenProcess.restype = wintypes.HANDLE

    def front(self) -> Front:
        window = self._user.GetForegroundWindow()
        if not window:
            return NO_FRONT
        title = ctypes.create_unicode_buffer(LONGEST_TITLE + 1)
        self._user.GetWindowTextW(wintypes.HWND(window), title, LONGEST_TITLE + 1)
        app = self._program(window)
        return Front(app, title.value) if app else Front(title=title.value)

    def size(self) -> tuple[int, int]:
        return self._user.GetSystemMetrics(WIDTH), self._user.GetSystemMetrics(HEIGHT)

    def hush(self, listener: Any) -> None:
        """Listeners stop by themselves here."""

    def close(self) -> None:
        """There is nothing to close."""

    def _program(self, window: int) -> str:
        number = wintypes.DWORD()
        self._user.GetWindowThreadProcessId(wintypes.HWND(window), ctypes.byref(number))
        process = self._kernel.OpenProcess(MAY_ASK_NAME, False, number)
        if not process:
            return ""
        path, length = ctypes.create_unicode_buffer(LONGEST_PATH), wintypes.DWORD(LONGEST_PATH)
        try:
            self._kernel.QueryFullProcessImageNameW(wintypes.HANDLE(process), 0, path, ctypes.byref(length))
        finally:
            self._kernel.CloseHandle(wintypes.HANDLE(process))
        return PureWindowsPath(path.value).stem


def connect() -> Windows:
    return Windows()
