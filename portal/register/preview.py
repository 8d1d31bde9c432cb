"""What a policy would begin and end, and how many people it would ask: worked out in the rows, and undone again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from django.db import transaction
from django.utils.translation import gettext as _

from consent import asking
from consent.models import NoticeVersion, Purpose
from consent.terms import Code, Terms, bound, narrowed, widened
from portal.register import demands, entry, export, notice_text, terms
from portal.register.changes import sentence, sentence_less
from portal.register.document import Policy, from_document
from portal.register.entry import Entry
from portal.register.models import PolicyDraft, PurposeRecord
from portal.register.publishing import bring_live, state_terms

NOTHING: Terms = {"sources": {}, "recipients": [], "processors": []}
# Fewer are not counted out: a number that small may be somebody.
LEAST = 10


@dataclass(frozen=True)
class TextPreview:
    """A notice in one language, as published (or empty) and as it would be (or empty)."""

    language: str
    old: str
    new: str


@dataclass(frozen=True)
class PurposePreview:
    """What would become of one purpose. `counts` are those of `consent.asking.counts`: show only `asked` of it."""

    key: str
    title: str
    new: bool
    retired: bool
    only_tells: bool
    jurisdictions: tuple[str, ...]
    begins: tuple[str, ...]
    ends: tuple[str, ...]
    counts: Counter[str]
    texts: tuple[TextPreview, ...]

    @property
    def languages(self) -> list[str]:
        return [each.language for each in self.texts]

    @property
    def asks(self) -> bool:
        """Return whether anybody who answered would be asked again."""
        return not (self.new or self.retired) and bool(self.begins or self._asked)

    @property
    def _asked(self) -> int:
        return self.counts["asked_yes"] + self.counts["asked_no"]

    @property
    def asked(self) -> str:
        """Say who is asked, as a number that gives nobody away."""
        if self.retired:
            return self._ends_for
        if self.new:
            where = ", ".join(self.jurisdictions)
            return _("everybody in %(where)s") % {"where": where} if where else _("everybody")
        if not self.asks:
            return _("nobody")
        return _("%(people)s who answered before") % {"people": people(self._asked)}

    @property
    def _ends_for(self) -> str:
        yes = self.counts["asked_yes"] + self.counts["left_yes"]
        # Where so few did not say yes, a number would tell of those who did.
        if yes >= LEAST > self.counts.total() - yes:
            return _("ends for most people, who said yes or confirmed")
        return _("ends for %(people)s who said yes or confirmed") % {"people": people(yes)}


@dataclass(frozen=True)
class StorePreview:
    """Another system that is asked from now on, otherwise, or no longer: what the file says of it, or said."""

    title: str
    before: str
    after: str

    @property
    def says(self) -> str:
        """Say what becomes of it."""
        if not self.before:
            return _("Asked from now on: %(title)s") % {"title": self.title}
        if not self.after:
            return _("No longer asked: %(title)s") % {"title": self.title}
        return _("Asked otherwise: %(title)s") % {"title": self.title}


@dataclass(frozen=True)
class Preview:
    """What would become of the register: only purposes that change are in it."""

    purposes: tuple[PurposePreview, ...]
    new_sources: tuple[str, ...]
    ended_sources: tuple[str, ...]
    stores: tuple[StorePreview, ...]
    missing: tuple[str, ...]
    changes: bool


def people(number: int) -> str:
    if number < LEAST:
        return _("fewer than %(least)d people") % {"least": LEAST}
    # To the ten: an exact number that is looked at twice tells that one person changed their mind.
    return _("about %(number)d people") % {"number": round(number, -1)}


def preview() -> list[PurposePreview]:
    """Look at what waits for approval."""
    return list(look([from_document(draft.document) for draft in PolicyDraft.objects.pending()]).purposes)


def look(policies: Iterable[Policy]) -> Preview:
    """Bring the policies live, see what that makes of everything, and undo it."""
    policies = list(policies)
    wanted = {part.key for policy in policies for part in policy.purposes if not part.retired}
    with transaction.atomic():
        state_terms(by=None)
        published, register = _published(), _register()
        _bring_live(policies)
        after = _register()
        found = Preview(
            purposes=tuple(_purposes(published, wanted)),
            new_sources=_beyond(after[0], register[0]),
            ended_sources=_beyond(register[0], after[0]),
            stores=tuple(_stores(register[0], after[0])),
            missing=tuple(demands.missing(wanted)),
            changes=after != register,
        )
        transaction.set_rollback(True)
    return found


def changes(policy: Policy) -> bool:
    """Return whether the register would say anything else if this were live."""
    with transaction.atomic():
        before = _register()
        _bring_live([policy])
        after = _register()
        transaction.set_rollback(True)
    return after != before


def _register() -> tuple[dict[str, Any], dict[str, list[str]]]:
    return export.document(), export.ended()


def _bring_live(policies: Iterable[Policy]) -> None:
    for policy in policies:
        bring_live(policy, by=None)


def _beyond(some: dict[str, Any], others: dict[str, Any]) -> tuple[str, ...]:
    """Return the titles of the sources that only the first has."""
    known = {each["key"] for each in others["sources"]}
    return tuple(each["title"] for each in some["sources"] if each["key"] not in known)


def _stores(before: dict[str, Any], after: dict[str, Any]) -> Iterator[StorePreview]:
    """Tell of each other system of which the file says something else, in the words of the file."""
    old = {each["key"]: each for each in before["stores"]}
    new = {each["key"]: each for each in after["stores"]}
    for key in sorted(old.keys() | new.keys()):
        one, other = old.get(key), new.get(key)
        if one != other:
            yield StorePreview((other or one or {})["title"], _written(one), _written(other))


def _written(store: dict[str, Any] | None) -> str:
    return yaml.safe_dump(store, sort_keys=False, allow_unicode=True, width=100) if store else ""


@dataclass(frozen=True)
class _Published:
    """What a live purpose's newest notices say."""

    purpose: Purpose
    agreed: Terms
    texts: dict[str, str]


def _published() -> dict[str, _Published]:
    newest = (
        NoticeVersion.objects.filter(notice__purpose__state=Purpose.State.LIVE)
        .select_related("notice__purpose")
        .order_by("notice__purpose_id", "notice__language", "-version")
        .distinct("notice__purpose_id", "notice__language")
    )
    found: dict[str, _Published] = {}
    for each in newest:
        purpose = each.notice.purpose
        found.setdefault(purpose.key, _Published(purpose, each.compared, {})).texts[each.notice.language] = each.text
    return found


def _purposes(before: dict[str, _Published], wanted: Collection[str]) -> Iterator[PurposePreview]:
    """Tell of each purpose that begins, ends or says something else."""
    described = PurposeRecord.objects.values_list("purpose_key", flat=True)
    after = set(Purpose.objects.live().values_list("pk", flat=True)) | set(wanted)
    for key in sorted(after & set(described)):
        if found := _kept(entry.read(key), before.get(key)):
            yield found
    for key in sorted(before.keys() - after):
        yield _retired(before[key])


def _kept(said: Entry, before: _Published | None) -> PurposePreview | None:
    agreed = terms.build_from(said)
    written = notice_text.build_from(said, said.record.notices)
    texts = {language: bound(text, agreed) for language, text in written.items()}
    if before and before.texts == texts:
        return None
    old = before.agreed if before else NOTHING
    return PurposePreview(
        key=said.key,
        title=said.purpose.title,
        new=before is None,
        retired=False,
        only_tells=said.only_tells,
        jurisdictions=tuple(said.record.jurisdictions),
        begins=tuple(map(sentence, widened(old, agreed))),
        ends=_less(old, agreed),
        counts=asking.counts(said.key, agreed),
        texts=_beside(before.texts if before else {}, texts),
    )


def _retired(before: _Published) -> PurposePreview:
    return PurposePreview(
        key=before.purpose.key,
        title=before.purpose.title,
        new=False,
        retired=True,
        only_tells=False,
        jurisdictions=(),
        begins=(),
        ends=_less(before.agreed, NOTHING),
        counts=asking.counts(before.purpose.key, before.agreed),
        texts=_beside(before.texts, {}),
    )


def _less(old: Terms, new: Terms) -> tuple[str, ...]:
    """Say what ends; that somebody moved to another country is neither more nor less, and was said already."""
    return tuple(sentence_less(each) for each in narrowed(old, new) if each.source or each.code != Code.COUNTRY)


def _beside(old: dict[str, str], new: dict[str, str]) -> tuple[TextPreview, ...]:
    languages = sorted(old.keys() | new.keys())
    return tuple(TextPreview(each, old.get(each, ""), new.get(each, "")) for each in languages)
