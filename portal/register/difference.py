"""What a policy would change, in lines for somebody at a terminal: numbers of people, never who."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from portal.register.preview import Preview, PurposePreview


def lines(found: Preview) -> Iterator[str]:
    if not found.changes:
        yield _("nothing new")
        return
    yield from (_("new source: %(title)s") % {"title": each} for each in found.new_sources)
    yield from (_("source ends: %(title)s") % {"title": each} for each in found.ended_sources)
    for store in found.stores:
        yield store.says
        yield from (f"  {line}" for line in store.after.splitlines())
    for each in found.purposes:
        yield from _purpose(each)
    if not found.purposes:
        yield _("no notice changes: nobody is asked")
    if found.missing:
        yield _("missing before it can be live:")
        yield from (f"  - {each}" for each in found.missing)


def _purpose(each: PurposePreview) -> Iterator[str]:
    said = {"key": each.key, "title": each.title, "languages": ", ".join(each.languages)}
    if each.new:
        yield _("new purpose %(key)s: %(title)s (%(languages)s)") % said
    elif each.retired:
        yield _("purpose ends: %(key)s: %(title)s") % said
    else:
        yield _("purpose %(key)s: %(title)s: a new version of its notice (%(languages)s)") % said
    yield from (_("  begins: %(what)s") % {"what": what} for what in each.begins)
    yield from (_("  ends: %(what)s") % {"what": what} for what in each.ends)
    if not (each.begins or each.ends or each.new or each.retired):
        yield _("  only the words change")
    yield _asked(each)


def _asked(each: PurposePreview) -> str:
    if each.retired:
        return f"  {each.asked}"
    word = _("told, and has to confirm") if each.only_tells else _("asked")
    return f"  {word if each.new else _('asked again')}: {each.asked}"
