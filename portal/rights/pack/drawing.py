"""Draws the sections, tables and charts of a copy's start page as HTML, which a template would cell by cell. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from django.utils.safestring import SafeString, mark_safe
from django.utils.text import normalize_newlines
from django.utils.translation import gettext as _

from portal.rights.pack.bars import Bar, Chart


@dataclass(frozen=True)
class Shown:
    """A section as it is drawn: one row as a list of facts, several as a table."""

    item: str
    key: str
    title: str
    says: str
    heads: list[str]
    rows: list[list[str]]


def _safe(html: str) -> SafeString:
    return mark_safe(html)  # noqa: S308  whatever is not ours was escaped


@dataclass(frozen=True)
class Drawn:
    """Sections that follow each other, and the links to them."""

    contents: SafeString
    sections: SafeString

    @classmethod
    def of(cls, shown: Sequence[Shown]) -> Drawn:
        links = (f'<li><a href="#{each.key}">{escape(each.title)}</a></li>\n' for each in shown)
        return cls(_safe("".join(links)), _safe("".join(map(_section, shown))))


def _section(shown: Shown) -> str:
    head = f'<h2 id="{shown.key}">{escape(shown.title)}{_article(shown.item)}</h2>\n'
    says = f"<p>{escape(shown.says)}</p>\n" if shown.says else ""
    return f"<section>\n{head}{says}{_body(shown)}</section>\n"


def _article(item: str) -> str:
    """Return which item of the law a section answers; one that stands beside them answers none."""
    if item == "-":
        return ""
    return f" <small>Art. 15({item})</small>" if item == "2" else f" <small>Art. 15(1)({item})</small>"


def _body(shown: Shown) -> str:
    if len(shown.rows) == 1:
        return _facts(shown.heads, shown.rows[0])
    if shown.rows:
        return table(shown.key, shown.heads, (cells(lines(each) for each in row) for row in shown.rows)) + "\n"
    # What is said of releases is said in words, rows or not.
    return "" if shown.key == "releases" else f'<p class="soft">{escape(_("Nothing is recorded here."))}</p>\n'


def _facts(heads: Sequence[str], row: Sequence[str]) -> str:
    said = zip(heads, row, strict=True)
    listed = (f"<div><dt>{escape(head)}</dt><dd>{lines(value)}</dd></div>" for head, value in said if value)
    return f"<dl>{''.join(listed)}</dl>\n"


# --- tables


def table(about: str, heads: Iterable[str], rows: Iterable[str]) -> SafeString:
    """Return a table that scrolls by itself, named by the heading `about`; each row is its cells, drawn already."""
    body = "".join(f"<tr>{row}</tr>\n" for row in rows)
    return _safe(
        f'<div class="wide" role="region" aria-labelledby="{about}" tabindex="0"><table>\n'
        f"{_head(heads)}\n<tbody>{body}</tbody>\n</table></div>"
    )


def _head(heads: Iterable[str], beside: str = "") -> str:
    named = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    return f"<thead><tr>{named}{beside}</tr></thead>"


def cells(drawn: Iterable[str]) -> str:
    return "".join(f"<td>{each}</td>" for each in drawn)


def numbers(counts: Iterable[int]) -> str:
    return "".join(f'<td class="num">{each}</td>' for each in counts)


def lines(text: str) -> str:
    """Return a text of several lines as such."""
    return escape(normalize_newlines(text)).replace("\n", "<br>")


def link(path: str, says: str = "") -> str:
    return f'<a href="{escape(path)}">{escape(says or path)}</a>'


# --- charts


def charts(drawn: Iterable[Chart]) -> SafeString:
    return _safe("".join(map(_chart, drawn)))


def _chart(chart: Chart) -> str:
    return (
        f'<figure>\n<h2 id="{chart.key}">{escape(chart.title)}</h2>\n'
        f'<p id="{chart.key}-says">{escape(chart.says)}</p>\n'
        f"{_lying(chart) if chart.lying else _standing(chart)}\n</figure>\n"
    )


def _lying(chart: Chart) -> str:
    rows = "".join(f"<tr>{_counted(bar)}<td>{_bar_of(bar, chart.width)}</td></tr>\n" for bar in chart.bars)
    return f'<table class="bars">{_head(chart.heads, "<td></td>")}\n<tbody>{rows}</tbody></table>'


def _bar_of(bar: Bar, width: int) -> str:
    return (
        f'<svg viewBox="0 0 {width} 1" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{bar.width}" height="1"/></svg>'
    )


def _standing(chart: Chart) -> str:
    bars = "".join(f'<rect x="{bar.x}" y="{bar.y}" width="{bar.width}" height="{bar.height}"/>' for bar in chart.bars)
    rows = "".join(f"<tr>{_counted(bar)}</tr>" for bar in chart.bars)
    return (
        f'<svg viewBox="0 0 {chart.width} {chart.height}" role="img" aria-labelledby="{chart.key} {chart.key}-says"'
        f' preserveAspectRatio="none">\n{bars}\n</svg>\n'
        f'<p class="ends" aria-hidden="true"><span>{escape(chart.first)}</span><span>{escape(chart.last)}</span></p>\n'
        f"<details><summary>{escape(_('The same as a table'))}</summary>\n"
        f"<table>{_head(chart.heads)}\n<tbody>{rows}</tbody></table></details>"
    )


def _counted(bar: Bar) -> str:
    return cells([escape(bar.label)]) + numbers([bar.value])
