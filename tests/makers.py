"""Short ways to what a test needs, through the actions that the product uses."""

from __future__ import annotations

from consent import actions
from consent.models import NoticeVersion, Purpose

COVERS = {"agent": ["pointer_movement", "pointer_clicks"]}


def make_notice(purpose_key="train", covers=None, text="What we do, and why.", language="en", **over) -> NoticeVersion:
    covers = COVERS if covers is None else covers
    return actions.publish_notice(purpose_key=purpose_key, language=language, text=text, covers=covers, **over)


def make_purpose(key="train", basis="consent", covers=None, **over) -> Purpose:
    """Make a live purpose whose published notice covers {source: [category]}."""
    covers = COVERS if covers is None else covers
    categories = over.pop("categories", sorted({each for named in covers.values() for each in named}))
    purpose = actions.define_purpose(
        key=key, title=over.pop("title", key.title()), basis=basis, categories=categories, **over
    )
    make_notice(key, covers)
    return purpose
