"""Going from page to page as a test means it: what is looked at next is the page that came, whole."""

from __future__ import annotations


def follow(where):
    """Click a link or a button that leads to a page, and return when that page is there.

    A click by itself returns when the answer begins to arrive: what is asked of the page then may be asked of one
    without an element yet.
    """
    with where.page.expect_navigation():
        where.click()


def enter(page):
    """Press Enter where the focus is, and return when the page that it leads to is there."""
    with page.expect_navigation():
        page.keyboard.press("Enter")
