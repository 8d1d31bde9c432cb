"""The notice of a purpose, written from the register: every item of Art. 13 and 14, in Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.register import entry, notice_items, notice_law
from portal.register.entry import Entry

CATEGORIES = notice_items.CATEGORIES
BASES = notice_items.BASES
HEADING = re.compile(r"^ {0,3}#{1,2}(?=\s|$)", re.MULTILINE)
# What would make a heading of the line above, or code of all that follows.
RULER = re.compile(r"^ {0,3}(?==+\s*$|-{2,}\s*$|`{3}|~{3})", re.MULTILINE)
Write = Callable[[Entry], Iterator[str]]


SECTIONS: tuple[tuple[object, Write], ...] = (
    (gettext_lazy("What is collected, and from where"), notice_items.collected),
    (gettext_lazy("Why it may be"), notice_items.basis),
    (gettext_lazy("If you say no"), notice_items.refusal),
    (gettext_lazy("Who receives it"), notice_items.recipients),
    (gettext_lazy("Outside the European Economic Area"), notice_items.transfers),
    (gettext_lazy("How long it is kept"), notice_items.retention),
    (gettext_lazy("Your rights"), notice_items.rights),
    (gettext_lazy("Decisions by machines"), notice_items.automated),
    (gettext_lazy("Who answers for it"), notice_items.controller),
    (gettext_lazy("What was examined and agreed"), notice_items.examined),
)
TELLING: tuple[tuple[object, Write], ...] = (
    (gettext_lazy("What the law has us tell you"), notice_law.wording),
    (gettext_lazy("What is monitored, and by what"), notice_law.monitored),
    (gettext_lazy("What your confirmation means"), notice_law.confirmation),
    (gettext_lazy("Why it may be"), notice_items.basis),
    (gettext_lazy("Your rights"), notice_items.rights),
    (gettext_lazy("Who answers for it"), notice_items.controller),
)


def build(purpose_key: str, language: str) -> str:
    """Return the notice in one language; raises KeyError if the register has no words in it."""
    return build_all(purpose_key, [language])[language]


def build_all(purpose_key: str, languages: Iterable[str]) -> dict[str, str]:
    """Return the notices; the same register gives the same text, so that nothing is published twice."""
    return build_from(entry.read(purpose_key), languages)


def build_from(of: Entry, languages: Iterable[str]) -> dict[str, str]:
    return {language: _build(of, language) for language in languages}


def _build(of: Entry, language: str) -> str:
    said = of.record.notices[language]
    with translation.override(language):
        sections = [(title, list(write(of))) for title, write in (TELLING if of.only_tells else SECTIONS)]
        body = "".join(f"\n## {title}\n\n" + "".join(f"- {_line(each)}\n" for each in lines)
                       for title, lines in sections if lines)  # fmt: skip
        further = "".join(f"\n{free(each)}\n" for each in said.get("further", []))
        more = "\n## " + _("More about it") + f"\n{further}" if further else ""
    return f"# {_line(said['title'])}\n\n{free(said['summary'])}\n{more}{body}"


def _line(text: str) -> str:
    return " ".join(text.split())


def free(text: str) -> str:
    """Return what somebody wrote freely, with its headings below ours: it adds to the items, and replaces none."""
    return RULER.sub(r"\\", HEADING.sub("###", text.strip()))
