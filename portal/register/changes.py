"""What one version of a notice asks beyond, or short of, another: a plain sentence for each difference."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from consent.terms import CUT_IN, Change, Code
from consent.values import Basis
from portal.register.door_words import of_kind
from portal.register.notice_text import BASES, CATEGORIES

MORE_RULES = {
    "off_hours": gettext_lazy("Also outside your working hours: %(what)s, from %(source)s."),
    "exact_timing": gettext_lazy("More exact: %(what)s, from %(source)s, to the millisecond instead of the second."),
    "content_apps": gettext_lazy("New apps: %(what)s, from %(source)s, also in %(apps)s."),
    "blocked_apps": gettext_lazy("No longer left out: what %(source)s sends while %(apps)s is in front."),
    "allowed_apps": gettext_lazy("New apps: what %(source)s sends while %(apps)s is in front is kept too."),
    "any_app": gettext_lazy(
        "No longer from some apps alone: what %(source)s sends from any app. Before, only: %(apps)s."
    ),
    "origins": gettext_lazy("New pages: %(source)s also runs in the pages of %(apps)s."),
    "automated_decisions": gettext_lazy("What machines decide is another: %(apps)s"),
    "receives": gettext_lazy("What %(source)s receives is another: %(apps)s."),
    "earlier_recordings": gettext_lazy("Other earlier recordings are taken in from %(source)s: %(apps)s"),
}
LESS_RULES = {
    "off_hours": gettext_lazy("No longer outside your working hours: %(what)s, from %(source)s."),
    "exact_timing": gettext_lazy("Less exact: %(what)s, from %(source)s, to the second instead of the millisecond."),
    "content_apps": gettext_lazy("Fewer apps: %(what)s, from %(source)s, no longer in %(apps)s."),
    "blocked_apps": gettext_lazy("Now left out: what %(source)s sends while %(apps)s is in front."),
    "allowed_apps": gettext_lazy("No longer kept: what %(source)s sends while %(apps)s is in front."),
    "any_app": gettext_lazy("Now only from some apps, by %(source)s: %(apps)s."),
    "origins": gettext_lazy("Fewer pages: %(source)s no longer runs in the pages of %(apps)s."),
}


def sentence(change: Change) -> str:
    """Say by what a version is wider: one of `consent.terms.widened`."""
    return _MORE[change.code](change)


def sentence_less(change: Change) -> str:
    """Say by what a version is narrower: one of `consent.terms.narrowed`."""
    return _LESS[change.code](change)


def _category(key: str) -> str:
    return str(CATEGORIES.get(key, key))


def _joined(names: Iterable[str]) -> str:
    return ", ".join(names)


def _basis(key: str) -> str:
    return str(BASES[Basis(key)]) if key in Basis.values else key


def _purpose(change: Change) -> str:
    return _("Another purpose: “%(after)s” Before: “%(before)s”") % {"after": change.after, "before": change.before}


def _other_basis(change: Change) -> str:
    said = {"after": _basis(change.after), "before": _basis(change.before)}
    return _("Another legal basis: %(after)s, instead of %(before)s.") % said


def _new_source(change: Change) -> str:
    what = "; ".join(map(_category, change.after))
    return _("A new source, %(source)s: %(what)s.") % {"source": change.source, "what": what}


def _new_category(change: Change) -> str:
    return _("New from %(source)s: %(what)s.") % {"source": change.source, "what": _category(change.what)}


def _looser(change: Change) -> str:
    if change.what in CUT_IN:
        return _("Cut less, from %(source)s: %(after)s Before: %(before)s") % _cut(change)
    return str(MORE_RULES[change.what]) % _rule(change)


def _stricter(change: Change) -> str:
    if change.what in CUT_IN:
        return _("Cut more, from %(source)s: %(after)s Before: %(before)s") % _cut(change)
    return str(LESS_RULES[change.what]) % _rule(change)


def _cut(change: Change) -> dict[str, str]:
    said = {name: of_kind(change.what, rules) for name, rules in (("before", change.before), ("after", change.after))}
    return {"source": change.source, **said}


def _rule(change: Change) -> dict[str, str]:
    named = change.before if change.after is None else change.after
    apps = _joined(named) if isinstance(named, list) else ""
    return {"what": _category(change.category), "source": change.source, "apps": apps}


def _new_recipient(change: Change) -> str:
    if change.before:
        said = {"name": change.what, "country": change.after, "before": change.before}
        return _("A new recipient: %(name)s (%(country)s) instead of %(before)s.") % said
    return _("A new recipient: %(name)s (%(country)s).") % {"name": change.what, "country": change.after}


def _countries(named: Iterable[str]) -> str:
    return _joined(each or _("every country not named") for each in named)


def _moved(change: Change) -> str:
    if change.source:
        said = {"source": change.source, "countries": _countries(change.after)}
        return _("Now active in more countries: %(source)s, in %(countries)s.") % said
    said = {"name": change.what, "after": change.after, "before": change.before}
    return _("In another country: %(name)s, in %(after)s instead of %(before)s.") % said


def _longer(change: Change) -> str:
    return _period(change, pgettext("a period", "Kept longer"))


def _shorter(change: Change) -> str:
    return _period(change, pgettext("a period", "Kept for a shorter time"))


def _period(change: Change, how: str) -> str:
    said = {"how": how, "what": _category(change.what), "after": change.after, "before": change.before}
    return (
        ngettext(
            "%(how)s: %(what)s, %(after)d day instead of %(before)d.",
            "%(how)s: %(what)s, %(after)d days instead of %(before)d.",
            change.after,
        )
        % said
    )


def _ended_source(change: Change) -> str:
    return _("No longer collected: all that %(source)s sent.") % {"source": change.source}


def _ended_category(change: Change) -> str:
    return _("No longer collected from %(source)s: %(what)s.") % {
        "source": change.source,
        "what": _category(change.what),
    }


def _no_longer_there(change: Change) -> str:
    if not change.source:
        return _moved(change)
    said = {"source": change.source, "countries": _countries(change.before)}
    return _("No longer active there: %(source)s, in %(countries)s.") % said


def _ended_recipient(change: Change) -> str:
    return _("No longer a recipient: %(name)s.") % {"name": change.what}


Say = Callable[[Change], str]
_MORE: dict[str, Say] = {
    Code.PURPOSE: _purpose,
    Code.BASIS: _other_basis,
    Code.SOURCE: _new_source,
    Code.CATEGORY: _new_category,
    Code.RULE: _looser,
    Code.RECIPIENT: _new_recipient,
    Code.COUNTRY: _moved,
    Code.RETENTION: _longer,
}
_LESS: dict[str, Say] = {
    **_MORE,
    Code.SOURCE: _ended_source,
    Code.COUNTRY: _no_longer_there,
    Code.CATEGORY: _ended_category,
    Code.RULE: _stricter,
    Code.RECIPIENT: _ended_recipient,
    Code.RETENTION: _shorter,
}
