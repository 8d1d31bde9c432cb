"""The Merkle log of what was decided; being built."""

from __future__ import annotations


def check() -> str:
    """Return why the site is closed, or nothing."""
    return ""
