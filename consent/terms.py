"""What a version of a notice agrees to, as machines read it: compared, so that what widens asks again. Pure functions.

Terms are JSON: `purpose` {key, title, description}, `basis`, `sources` {key: {title, blocked_apps, allowed_apps,
redaction, origins, categories: {category: {off_hours, exact_timing, content_apps}}}}, `recipients` and `processors`
[{key, name, country}], `retention` {category: days}, `expires` {} | {after_days} | {each: calendar_year}, and whatever
else the notice says.
Where the older terms are silent nothing can have widened; of titles and addresses silence means the rules that hold
for every source (`consent.door`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

import rfc8785

from consent import door
from consent.values import Rule, Rules

Terms = Mapping[str, Any]
STRICTEST = Rule()
# Where a source is active: in `only_in` alone, or everywhere but `not_in`.
PLACES = ("only_in", "not_in")
AT_THE_DOOR = ("allowed_apps", "redaction", "origins")
# What each kind of cutting is about.
CUT_IN = {"titles": "app_usage", "urls": "web_navigation"}
MARK = "Terms (SHA-256): "


class Code(StrEnum):
    """In what two versions differ."""

    PURPOSE = "purpose"
    BASIS = "basis"
    SOURCE = "source"
    CATEGORY = "category"
    RULE = "rule"
    RECIPIENT = "recipient"
    RETENTION = "retention"
    COUNTRY = "country"


# Nobody can say of these which way is wider: whoever answered is asked.
UNDIRECTED = (Code.PURPOSE, Code.BASIS)


@dataclass(frozen=True)
class Change:
    """One difference. `what` names the category, source, rule, recipient or country; `source` is its title.

    `before` and `after` are texts, days or lists of names, as the terms have them; None where there was nothing.
    """

    code: Code
    what: str = ""
    source: str = ""
    category: str = ""
    before: Any = None
    after: Any = None


def digest(terms: Terms) -> str:
    """Return the SHA-256 of the RFC 8785 form, in hex."""
    return sha256(rfc8785.dumps(dict(terms))).hexdigest()


def bound(text: str, terms: Terms) -> str:
    """Return the text with the digest of its terms below, so that the hash of the text binds both."""
    return f"{text.rstrip()}\n\n---\n\n{MARK}`{digest(terms)}`\n" if terms else text


def is_bound(text: str, terms: Terms) -> bool:
    return not terms or text.endswith(f"\n{MARK}`{digest(terms)}`\n")


def covers_of(terms: Terms) -> dict[str, list[str]]:
    return {source: list(said["categories"]) for source, said in sorted(terms.get("sources", {}).items())}


def from_covers(covers: Mapping[str, list[str]]) -> Terms:
    """Return what can be said of a version that was published without terms."""
    sources = {key: {"title": key, "categories": {category: {} for category in named}} for key, named in covers.items()}
    return {"sources": sources}


def rules_of(terms: Terms) -> dict[str, Any]:
    """Return how each source may collect, as the gate row keeps it: read back by `read_rules`."""
    return {
        key: {
            "blocked_apps": sorted(said.get("blocked_apps", ())),
            **{name: said[name] for name in AT_THE_DOOR if said.get(name) is not None},
            "flows": {category: _rule(flow) for category, flow in said["categories"].items()},
            **{name: said[name] for name in PLACES if name in said},
        }
        for key, said in terms.get("sources", {}).items()
    }


def _rule(flow: Mapping[str, Any]) -> dict[str, Any]:
    apps = sorted(flow.get("content_apps", ()))
    on = {name: True for name in ("off_hours", "exact_timing") if flow.get(name)}
    return {**on, **({"content_apps": apps} if apps else {})}


def read_rules(raw: Mapping[str, Any]) -> dict[str, Rules]:
    return {
        source: Rules(
            frozenset(said["blocked_apps"]),
            {category: _read_rule(flow) for category, flow in said["flows"].items()},
            frozenset(said["only_in"]) if "only_in" in said else None,
            frozenset(said.get("not_in", ())),
            frozenset(said["allowed_apps"]) if "allowed_apps" in said else None,
            door.read(said.get("redaction")),
            frozenset(said["origins"]) if "origins" in said else None,
        )
        for source, said in raw.items()
    }


def _read_rule(flow: Mapping[str, Any]) -> Rule:
    if not flow:
        return STRICTEST
    apps = frozenset(flow.get("content_apps", ()))
    return Rule(bool(flow.get("off_hours")), bool(flow.get("exact_timing")), apps)


def until(terms: Terms, at: datetime) -> datetime | None:
    """Return when an answer given then lapses by itself, or None; a calendar year ends in UTC."""
    expires = terms.get("expires") or {}
    if expires.get("each") == "calendar_year":
        return datetime(at.astimezone(UTC).year + 1, 1, 1, tzinfo=UTC)
    days = expires.get("after_days")
    return at + timedelta(days=days) if days else None


def widened(old: Terms, new: Terms) -> list[Change]:
    """Return everything by which the new terms ask for more than, or something else than, the old ones."""
    return [
        *_undirected(old, new),
        *_more_collected(old, new),
        *_more_receivers(old, new),
        *_longer(old, new),
    ]


def narrowed(old: Terms, new: Terms) -> list[Change]:
    """Return everything by which the new terms ask for less."""
    less = [*_more_collected(new, old), *_more_receivers(new, old), *_longer(new, old)]
    return [replace(each, before=each.after, after=each.before) for each in less]


def _undirected(old: Terms, new: Terms) -> Iterator[Change]:
    before, after = (each.get("purpose", {}).get("description") for each in (old, new))
    if before is not None and before != after:
        yield Change(Code.PURPOSE, before=before, after=after)
    if old.get("basis") not in (None, new.get("basis")):
        yield Change(Code.BASIS, before=old["basis"], after=new.get("basis"))
    yield from _reworded([{"key": "", **old}], [{"key": "", "name": "", **new}], "automated_decisions")
    yield from _reworded(old.get("recipients", ()), new.get("recipients", ()), "receives")
    yield from _reworded(*(_keyed(each.get("sources", {})) for each in (old, new)), "earlier_recordings")


def _keyed(sources: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "name": said.get("title", key), **said} for key, said in sorted(sources.items())]


def _reworded(old: Iterable[Mapping[str, Any]], new: Iterable[Mapping[str, Any]], rule: str) -> Iterator[Change]:
    """Compare what is decided by machines, a recipient gets, or an import takes in, which words alone say."""
    before = {each["key"]: each.get(rule) for each in old}
    for each in new:
        known, now = before.get(each["key"]), each.get(rule)
        if now and known is not None and known != now:
            yield Change(Code.RULE, rule, each["name"], before=[known] if known else [], after=[now])


def _more_collected(old: Terms, new: Terms) -> Iterator[Change]:
    known = old.get("sources", {})
    for key, said in sorted(new.get("sources", {}).items()):
        if key not in known:
            yield Change(Code.SOURCE, key, said.get("title", key), after=list(said["categories"]))
            continue
        title = said.get("title", key)
        freed = sorted(set(known[key].get("blocked_apps", ())) - set(said.get("blocked_apps", ())))
        if freed:
            yield Change(Code.RULE, "blocked_apps", title, before=freed)
        yield from _more_let_in(known[key], said, title)
        if opened := _opened(known[key], said):
            yield Change(Code.COUNTRY, key, title, after=opened)
        for category, flow in said["categories"].items():
            if category in known[key]["categories"]:
                yield from _looser(known[key]["categories"][category], flow, title, category)
            else:
                yield Change(Code.CATEGORY, category, title, category)


def _more_let_in(old: Mapping[str, Any], new: Mapping[str, Any], title: str) -> Iterator[Change]:
    """Compare whose apps and pages pass the door, and how much of titles and addresses, where any are collected."""
    listed, lists = old.get("allowed_apps"), new.get("allowed_apps")
    if listed is not None and lists is None:
        yield Change(Code.RULE, "any_app", title, before=sorted(listed))
    elif listed is not None and (more := sorted(set(lists or ()) - set(listed))):
        yield Change(Code.RULE, "allowed_apps", title, after=more)
    pages = old.get("origins")
    if pages is not None and (more := sorted(set(new.get("origins", ())) - set(pages))):
        yield Change(Code.RULE, "origins", title, after=more)
    before, after = (dict(each.get("redaction") or {}) for each in (old, new))
    for rule in door.read(after).beyond(door.read(before)):
        if CUT_IN[rule] in old["categories"] and CUT_IN[rule] in new["categories"]:
            yield Change(Code.RULE, rule, title, CUT_IN[rule], before=before, after=after)


def _opened(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the countries in which a source is newly active; an empty name stands for all that nobody named."""
    named = {country for said in (old, new) for place in PLACES for country in said.get(place, ())}
    return [each for each in sorted(named | {""}) if _active(new, each) and not _active(old, each)]


def _active(said: Mapping[str, Any], country: str) -> bool:
    return country in said.get("only_in", (country,)) and country not in said.get("not_in", ())


def _looser(old: Mapping[str, Any], new: Mapping[str, Any], title: str, category: str) -> Iterator[Change]:
    for rule in ("off_hours", "exact_timing"):
        if old.get(rule) is False and new.get(rule):
            yield Change(Code.RULE, rule, title, category, before=False, after=True)
    more = sorted(set(new.get("content_apps", ())) - set(old.get("content_apps", ())))
    if "content_apps" in old and more:
        yield Change(Code.RULE, "content_apps", title, category, after=more)


def _more_receivers(old: Terms, new: Terms) -> Iterator[Change]:
    for kind in ("recipients", "processors"):
        if kind not in old:
            continue
        known = {each["key"]: each for each in old[kind]}
        for each in new.get(kind, ()):
            if each["key"] not in known:
                yield Change(Code.RECIPIENT, each["name"], after=each["country"])
            elif known[each["key"]]["country"] != each["country"]:
                yield Change(Code.COUNTRY, each["name"], before=known[each["key"]]["country"], after=each["country"])
            elif known[each["key"]]["name"] != each["name"]:
                yield Change(Code.RECIPIENT, each["name"], before=known[each["key"]]["name"], after=each["country"])


def _longer(old: Terms, new: Terms) -> Iterator[Change]:
    kept = old.get("retention", {})
    for category, days in new.get("retention", {}).items():
        if category in kept and days > kept[category]:
            yield Change(Code.RETENTION, category, category=category, before=kept[category], after=days)
