"""What the page of a notice shows: its text, its other versions and languages, and what differs between two."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import get_language_info

from consent import terms
from consent.models import NoticeVersion, Purpose
from portal.register.changes import sentence, sentence_less
from portal.rights.choices.prose import html, lines
from portal.rights.choices.redline import Passage, passages


@dataclass(frozen=True)
class Difference:
    """What a version permits more and less than an earlier one, and its text with what went and what came."""

    since: NoticeVersion
    more: list[str]
    less: list[str]
    passages: list[Passage]


@dataclass(frozen=True)
class Page:
    """One version of a notice, in one language."""

    notice: NoticeVersion
    siblings: list[NoticeVersion]
    versions: list[NoticeVersion]
    in_force: bool
    since: int | None
    difference: Difference | None

    @property
    def text(self) -> SafeString:
        return html(self.notice.text)

    @property
    def language(self) -> str:
        return language_name(self.notice.notice.language)

    @property
    def others(self) -> list[tuple[str, str]]:
        """The other languages in which there is such a version, and such a comparison if one is shown."""
        return [(key, language_name(key)) for key in sorted(self._others())]

    def _others(self) -> set[str]:
        return {each.notice.language for each in self.siblings} - {self.notice.notice.language}

    @property
    def before(self) -> NoticeVersion | None:
        earlier = [each for each in self.versions if each.version < self.notice.version]
        return earlier[0] if earlier else None


def language_name(code: str) -> str:
    """Return how those who speak it call it; a language that Django does not know keeps its code."""
    try:
        return str(get_language_info(code)["name_local"])
    except KeyError:
        return code


def page(purpose_key: str, version: int, language: str, since: int | None) -> Page | None:
    """Return the version in the language asked for or, where there is none, in English or any other."""
    all_versions = list(
        NoticeVersion.objects.filter(notice__purpose=purpose_key)
        .exclude(notice__purpose__state=Purpose.State.DRAFT)
        .select_related("notice__purpose")
        .order_by("-version", "notice__language")
    )
    siblings = [each for each in all_versions if each.version == version]
    rank = {language: 0, "en": 1}
    found = min(siblings, key=lambda each: rank.get(each.notice.language, 2), default=None)
    if found is None:
        return None
    versions = [each for each in all_versions if each.notice_id == found.notice_id]
    before = next((each for each in versions if each.version == since), None)
    valid = [each for each in versions if each.valid_from <= timezone.now()]
    return Page(
        notice=found,
        siblings=siblings,
        versions=versions,
        in_force=bool(valid) and valid[0].pk == found.pk,
        since=since,
        difference=_difference(before, found) if before else None,
    )


def _difference(before: NoticeVersion, now: NoticeVersion) -> Difference:
    more = [sentence(each) for each in terms.widened(before.compared, now.compared)]
    # A move to another country is neither more nor less: it is said once.
    less = [each for each in terms.narrowed(before.compared, now.compared) if each.code != terms.Code.COUNTRY]
    text = passages(lines(before.text), lines(now.text))
    return Difference(before, more, [sentence_less(each) for each in less], text)
