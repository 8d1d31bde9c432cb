"""The rules at a source's door in plain words: whose apps, and how much of titles and addresses, is kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from consent import door
from consent.door import NO_TITLE, Redaction, Titles, Urls


def lines(rules: Redaction, categories: Collection[str]) -> Iterator[str]:
    """Say how the titles and addresses are cut of what is collected."""
    if "app_usage" in categories:
        yield titles(rules)
    if "web_navigation" in categories:
        yield addresses(rules.urls)


def apps(blocked: Iterable[str], allowed: Iterable[str] | None) -> Iterator[str]:
    """Say what is kept of which apps."""
    if named := ", ".join(blocked):
        yield _("Nothing is kept while one of these apps is in front: %(apps)s.") % {"apps": named}
    if allowed is not None:
        yield _("Only what happens in these apps is kept: %(apps)s.") % {"apps": ", ".join(allowed)}


def of_kind(kind: str, said: Mapping[str, Any]) -> str:
    """Say one kind of the rules that terms have, `titles` or `urls`."""
    rules = door.read(said)
    return titles(rules) if kind == "titles" else addresses(rules.urls)


def titles(rules: Redaction) -> str:
    said = [_("Of window titles is kept: %(what)s.") % {"what": _title(rules.titles)}]
    alike: dict[Titles, list[str]] = {}
    for app, rule in sorted(rules.apps.items()):
        if rule != rules.titles:
            alike.setdefault(rule, []).append(app)
    said += [
        _("Of those of %(apps)s: %(what)s.") % {"apps": ", ".join(named), "what": _title(rule)}
        for rule, named in alike.items()
    ]
    if {rules.titles, *alike} != {NO_TITLE}:
        said.append(
            _("What looks like an e-mail address, or an account, card or phone number, is taken out before it is kept.")
        )
    return " ".join(said)


def _title(rule: Titles) -> str:
    if rule == NO_TITLE:
        return _("nothing")
    if rule.words is None:
        return _("what stands before the first dash or bar") if rule.first_part else _("the whole title")
    named = {"words": ", ".join(sorted(rule.words))}
    if rule.first_part:
        return _("of what stands before the first dash or bar, only these words: %(words)s") % named
    return _("only these words: %(words)s") % named


def addresses(rule: Urls) -> str:
    if rule.keep == "host":
        return _("Of addresses of pages is kept: the name of the host, nothing else.")
    if rule.keep == "all":
        return _("Addresses of pages are kept as they were sent; names and passwords in them are cut off before.")
    kept = {
        "path": _("Of addresses of pages is kept: the name of the host and the path."),
        "path_without_ids": _(
            "Of addresses of pages is kept: the name of the host, and the path without what has digits."
        ),
    }[rule.keep]
    cut = _("What stands behind a ? or #, names and passwords are cut off before they are kept.")
    if rule.query:
        but = {"names": ", ".join(sorted(rule.query))}
        cut = _("What stands behind a ? or # is cut off but for %(names)s; names and passwords are cut off too.") % but
    return f"{kept} {cut}"


def version(rules: Redaction) -> Iterator[str]:
    if rules.version:
        yield _("What is let in, and how it is cut, follows version %(number)d of this source's rules.") % {
            "number": rules.version
        }
