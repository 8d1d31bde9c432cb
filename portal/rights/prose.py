"""The few marks of a notice's text as HTML: headings, lists, paragraphs and bold; everything else is shown as it is."""

from __future__ import annotations

import re

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

BOLD = re.compile(r"\*\*(.+?)\*\*")
HEADING = re.compile(r"(#{1,4}) +(.+)")


def html(text: str) -> SafeString:
    blocks = [block for block in re.split(r"\n\s*\n", text.strip()) if block.strip()]
    return mark_safe("\n".join(_block(block.strip()) for block in blocks))  # noqa: S308 (every part is escaped below)


def _block(block: str) -> str:
    lines = block.splitlines()
    heading = HEADING.fullmatch(lines[0])
    if heading:
        rest = "\n".join(lines[1:])
        # The page has the one h1; a notice's title is its h2.
        level = min(len(heading[1]) + 1, 4)
        return f"<h{level}>{_inline(heading[2])}</h{level}>" + (_block(rest.strip()) if rest.strip() else "")
    if all(line.lstrip().startswith(("- ", "* ")) or line.startswith("  ") for line in lines):
        return f"<ul>{''.join(_items(lines))}</ul>"
    return f"<p>{_inline(' '.join(lines))}</p>"


def _items(lines: list[str]) -> list[str]:
    items: list[str] = []
    for line in lines:
        if line.lstrip().startswith(("- ", "* ")):
            items.append(line.lstrip()[2:])
        elif items:
            items[-1] += f" {line.strip()}"
    return [f"<li>{_inline(item)}</li>" for item in items]


def _inline(text: str) -> str:
    return BOLD.sub(r"<strong>\1</strong>", escape(text))
