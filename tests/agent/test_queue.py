"""What waits on a computer: sealed, bounded, whole after any kill, and never under two ids."""

from __future__ import annotations

import errno
import itertools
import time

import pytest

from portal.agent import queue as queues
from portal.agent.home import Home
from portal.agent.permits import read
from portal.agent.queue import Queue
from portal.agent.sealed import box

_numbers = itertools.count()


def events(count, type_="pointermove", **over):
    return [{"t": 1, "seq": next(_numbers), "type": type_, **over} for _each in range(count)]


def full(path, content):
    raise OSError(errno.ENOSPC, "No space left on device", str(path))


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "agent").make()


@pytest.fixture
def fresh(home):
    """Return a function that opens the queue anew, as a start does."""
    return lambda: Queue(home.queue, box(home))


def test_a_batch_keeps_id_and_events_over_every_start(fresh):
    first = fresh()
    first.add(mine := events(3))
    assert first.next() is None, "what is still being added to is not sent"
    found = fresh().next()
    assert found[1] == mine
    assert fresh().next() == found


def test_what_was_answered_is_gone_for_good(fresh):
    queue = fresh()
    queue.add(events(3))
    queue.close()
    queue.done(queue.next()[0])
    assert (queue.next(), fresh().next()) == (None, None)


def test_no_batch_is_larger_than_the_portal_likes(fresh):
    queue = fresh()
    queue.add(events(1_200))
    queue.close()
    sizes = []
    while waiting := queue.next():
        sizes.append(len(waiting[1]))
        queue.done(waiting[0])
    assert sizes == [500, 500, 200]


def test_a_torn_end_costs_what_was_torn_and_no_more(home, fresh):
    queue = fresh()
    queue.add(mine := events(3))
    queue.add(events(2))
    (path,) = home.queue.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    assert fresh().next()[1] == mine
    path.write_bytes(whole + b"\0\0")
    assert len(fresh().next()[1]) == 5


def test_pieces_that_somebody_changed_or_moved_are_not_sent(home, fresh):
    queue = fresh()
    queue.add(mine := events(3))
    queue.add(events(2))
    (path,) = home.queue.iterdir()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    again = fresh()
    assert again.next()[1] == mine
    assert again.size().given_up == 2
    path.rename(path.with_name(f"{1:013d}_another.batch"))
    assert fresh().next() is None


def test_without_its_key_it_says_nothing(home, fresh):
    fresh().add(events(3))
    home.key.unlink()
    assert fresh().next() is None


def test_it_gives_up_the_oldest_when_there_is_too_much(fresh, monkeypatch):
    monkeypatch.setattr(queues, "MOST_EVENTS", 1_000)
    queue = fresh()
    for _each in range(3):
        queue.add(events(500))
    assert (queue.size().events, queue.size().given_up) == (1_000, 500)


def test_it_gives_up_what_is_too_old_to_be_of_use(home, fresh):
    queue = fresh()
    queue.add(events(3))
    (path,) = home.queue.iterdir()
    long_ago = time.time_ns() // 1_000_000 - queues.MOST_MS - 1_000
    path.rename(path.with_name(f"{long_ago:013d}_{path.stem.partition('_')[2]}.batch"))
    queue = fresh()
    queue.add(events(1))
    assert (queue.size().events, queue.size().given_up) == (1, 3)


class TestWhatIsNoMoreAllowed:
    @staticmethod
    def allowing(*categories, typed=None, blocked=(), refused=()):
        said = {name: {"allowed": True} for name in categories}
        said |= {name: {"allowed": False, "reason": reason} for name, reason in refused}
        return read({"categories": said, "apps": {"blocked": list(blocked)}}, typed or {}).lessened

    def left(self, queue):
        return [event for _id, found in self.batches(queue) for event in found]

    @staticmethod
    def batches(queue):
        found = []
        while waiting := queue.next():
            found.append(waiting)
            queue.done(waiting[0])
        return found

    def test_goes_and_the_rest_keeps_its_batch(self, fresh):
        queue = fresh()
        queue.add(events(2) + events(1, "keydown", code="Letter"))
        queue.close()
        batch = queue.next()[0]
        assert queue.change(self.allowing("pointer_movement")) == 1
        assert [(id_, len(found)) for id_, found in self.batches(fresh())] == [(batch, 2)]

    def test_goes_even_where_the_disk_is_full(self, home, fresh, monkeypatch):
        queue = fresh()
        queue.add(events(2) + events(1, "wheel"))
        monkeypatch.setattr(queues, "write", full)
        queue.change(self.allowing("pointer_movement"))
        assert list(home.queue.iterdir()) == []
        assert queue.size().given_up == 2

    def test_leaves_no_file_where_nothing_is_left(self, home, fresh):
        queue = fresh()
        queue.add(events(2))
        queue.change(self.allowing())
        assert list(home.queue.iterdir()) == []

    def test_takes_the_character_off_a_key_press(self, fresh):
        queue = fresh()
        queue.add(events(1, "keydown", code="KeyA", key="a", app="editor"))
        queue.change(self.allowing("keystroke_timing", "keystroke_content", typed={"editor": False}))
        (event,) = self.left(queue)
        assert (event["code"], "key" in event) == ("Letter", False)

    def test_is_of_an_app_that_is_blocked_now(self, fresh):
        queue = fresh()
        queue.add(events(1, "focus", app="Bank") + events(1, "focus", app="Browser"))
        queue.change(self.allowing("app_usage", blocked=["bank"]))
        assert [event["app"] for event in self.left(queue)] == ["Browser"]

    def test_is_not_what_merely_lies_before_the_end_of_the_working_day(self, fresh):
        queue = fresh()
        queue.add(events(2))
        assert queue.change(self.allowing(refused=[("pointer_movement", "off_hours")])) == 0
        assert queue.change(self.allowing(refused=[("pointer_movement", "paused")])) == 2
