"""A notice's Markdown as HTML, and as the lines that a comparison reads.

The text is somebody's input: no markup of its own gets through, a link leads to the web or to a mail address or is
none, and nothing is ever loaded from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

ADDRESS = re.compile(r"(https?://|mailto:|/(?!/)|#)", re.IGNORECASE)
LOWEST = 4


class Renderer(RendererHTML):
    """What differs from CommonMark's HTML: the page has the one h1, and a picture is its description."""

    def heading_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"<{lowered(tokens[idx].tag)}>"

    def heading_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"</{lowered(tokens[idx].tag)}>\n"

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return escape(tokens[idx].content)

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        tokens[idx].attrSet("rel", "noopener noreferrer nofollow")
        return self.renderToken(tokens, idx, options, env)


def lowered(tag: str) -> str:
    return f"h{min(int(tag[1]) + 1, LOWEST)}"


class _Markdown(MarkdownIt):
    """CommonMark without HTML."""

    def validateLink(self, url: str) -> bool:
        """Return whether an address may be a link; where it may not, what was written stays text."""
        return bool(ADDRESS.match(url))


MARKDOWN = _Markdown("commonmark", {"html": False}, renderer_cls=Renderer)


def html(text: str) -> SafeString:
    return mark_safe(MARKDOWN.render(text))  # noqa: S308 (the renderer escapes all text and knows no HTML)


@dataclass(frozen=True)
class Line:
    """A heading, a paragraph or an item, as it reads."""

    kind: str
    text: str


def lines(text: str) -> list[Line]:
    """Return what the text says, line by line, without its marks; the address of a link stands behind it."""
    return list(_lines(MARKDOWN.parse(text)))


def summary(text: str) -> str:
    """Return the short layer: the first paragraph, which says in plain words what it is about."""
    return next((line.text for line in lines(text) if line.kind == "p"), "")


def _lines(tokens: Sequence[Token]) -> Iterator[Line]:
    kind, items = "p", 0
    for token in tokens:
        if token.type == "heading_open":
            kind = lowered(token.tag)
        elif token.type in ("heading_close", "list_item_close"):
            kind, items = "p", items - (token.type == "list_item_close")
        elif token.type == "list_item_open":
            items += 1
        elif token.type == "inline":
            yield Line("li" if items and kind == "p" else kind, "".join(_plain(token.children or ())).strip())
        elif token.type in ("code_block", "fence", "html_block"):
            yield Line("p", token.content.strip())


def _plain(tokens: Sequence[Token]) -> Iterator[str]:
    address = ""
    for token in tokens:
        if token.type in ("softbreak", "hardbreak"):
            yield " "
        elif token.type == "link_open":
            address = "" if token.info == "auto" else str(token.attrGet("href") or "")
        elif token.type == "link_close":
            yield f" ({address})" if address else ""
        else:
            yield token.content
