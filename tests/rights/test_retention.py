"""What was kept for as long as it may be goes in the night after, and nobody can make it stay longer."""

from __future__ import annotations

import base64
import json
import threading
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import rfc8785
import time_machine
from django.core.cache import cache
from django.core.management import call_command
from django.db import connections
from django.test import Client
from django.utils import timezone

from consent import actions as decisions
from consent.models import Gate, LedgerLeaf
from consent.note import Verifier
from consent.values import CATEGORIES, Scope
from portal.audit.models import Act
from portal.events import keeping, reading
from portal.events.models import Block, Segment
from portal.outbox.models import Mail
from portal.register.models import Retention
from portal.rights import renewal, runner
from portal.rights.holds import actions as holds
from portal.rights.models import Bundle, SubjectRequest
from portal.rights.redress import restricting
from portal.rights.retention import actions, proving, running, tasks, telling
from portal.rights.retention.models import Month, Run, Shortening
from portal.rights.values import Kind
from portal.vault import keys, objects
from tests.makers import make_employee, make_notice, sign_in
from tests.rights.conftest import ask, at, carry_out, make_events, person, store, stored, unzip
from tests.rights.test_restore import place_hold

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
DAY = timedelta(days=1)


def keep(days, purpose="train", categories=CATEGORIES):
    for category in categories:
        Retention.objects.update_or_create(
            purpose_key=purpose, category=category, defaults={"days": days, "why": "For this long."}
        )


def publish(text, days):
    said = {"sources": {"recorder": {"title": "R", "categories": {each: {} for each in CATEGORIES}}}}
    covers = {"recorder": list(CATEGORIES)}
    return make_notice("train", covers, text, terms=said | {"retention": dict.fromkeys(CATEGORIES, days)})


def night(employee=None):
    """Do what beat does, and what the command does by hand."""
    out = StringIO()
    call_command("retention", *(["--person", str(employee.pk)] if employee else []), stdout=out)
    while renewal.renew_if_due():
        pass
    return json.loads(out.getvalue())


def told(employee):
    """Return what each run wrote down."""
    return [each for month in Month.objects.for_subject(employee.pk) for each in month.runs]


def days_of(employee):
    today = datetime.now(UTC).date()
    return sorted({(today - datetime.fromtimestamp(row["t"] / 1000, UTC).date()).days for row in stored(employee)})


@pytest.fixture(autouse=True)
def at_once(soon):
    """Keys are renewed as soon as a deletion waits."""


def test_a_day_that_is_over_goes_and_every_other_stays_exactly(recorded):
    keep(30)
    before = stored(recorded)
    night()
    assert stored(recorded) == [row for row in before if row["t"] >= at(30, 0)]
    assert days_of(recorded) == [2, 3]
    [run] = told(recorded)
    assert run["went"]["pointer_movement"] == 3
    assert sum(run["went"].values()) - run["went"].get("keystroke_content", 0) == 8


def test_nothing_goes_a_day_too_early_nor_a_day_too_late(recorded):
    keep(41)
    night()
    assert days_of(recorded) == [2, 3, 40]
    keep(40)
    Run.objects.update(finished_on=None)
    night()
    assert days_of(recorded) == [2, 3]


def test_sealed_days_go_as_well_without_being_opened(recorded):
    keep(3)
    call_command("seal_segments", stdout=StringIO())
    names = list(objects.names("segments/"))
    night()
    assert days_of(recorded) == [2]
    assert len(list(objects.names("segments/"))) == len(names) - 2
    assert not Segment.objects.filter(day__lte=timezone.now().date() - 3 * DAY).exists()


def test_a_second_look_the_same_day_does_nothing_and_costs_no_key(recorded):
    keep(30)
    night()
    epoch = Gate.objects.get(pk=recorded.pk).key_epoch
    night()
    Run.objects.update(finished_on=None)
    night()
    assert Gate.objects.get(pk=recorded.pk).key_epoch == epoch == 2
    assert len(told(recorded)) == 1


def test_each_category_has_its_own_time(recorded):
    keep(30, categories=["pointer_movement"])
    keep(90, categories=[each for each in CATEGORIES if each != "pointer_movement"])
    before = stored(recorded)
    night()
    gone = [row for row in before if row["category"] == "pointer_movement" and row["t"] < at(30, 0)]
    assert len(gone) == 3
    assert stored(recorded) == [row for row in before if row not in gone]
    counted = {each.day: each.events for each in reading.days(recorded.pk)}
    assert "pointer_movement" not in counted[min(counted)]


def test_typed_characters_go_before_the_keys_they_stand_in(recorded):
    keep(90)
    keep(30, categories=["keystroke_content"])
    assert any(row.get("key") for row in stored(recorded))
    before = stored(recorded)
    night()
    for was, now in zip(before, stored(recorded), strict=True):
        assert ("key" in now) == ("key" in was and was["t"] >= at(30, 0))


def test_what_serves_two_purposes_stays_for_the_longer_and_no_longer_for_the_shorter(two_purposes):
    keep(1, "train")
    keep(60, "support", ["pointer_clicks"])
    before = [row for row in stored(two_purposes) if "support" in row["purposes"]]
    assert before
    night()
    assert stored(two_purposes) == [row | {"purposes": "support"} for row in before]
    epoch = Gate.objects.get(pk=two_purposes.pk).key_epoch
    with time_machine.travel(timezone.now() + DAY, tick=True):
        night()
        assert Gate.objects.get(pk=two_purposes.pk).key_epoch == epoch, "nothing new is due"
    with time_machine.travel(timezone.now() + 60 * DAY, tick=True):
        night()
        assert stored(two_purposes) == []


def test_a_longer_period_never_reaches_back_and_a_shorter_one_holds_at_once(recorded):
    keep(60)
    publish("Thirty.", 30)
    assert decisions.give(subject_id=recorded.pk, purpose_key="train", path="/choices/")
    make_notice(
        "train", {"recorder": CATEGORIES}, "Ninety.", terms={"sources": {}, "retention": dict.fromkeys(CATEGORIES, 90)}
    )
    keep(90)
    night()
    assert days_of(recorded) == [2, 3], "what was collected under thirty days goes after thirty"


def test_what_arrives_too_late_is_not_taken_in_again(recorded):
    keep(30)
    night()
    answer = store(recorded, make_events(at(40)))
    assert answer.stored == 0
    assert store(recorded, make_events(at(29))).stored == 8


def test_what_was_imported_before_any_night_goes_in_the_next(ada, recorded):
    keep(30)
    assert store(recorded, make_events(at(400))).stored == 8
    night()
    assert days_of(recorded) == [2, 3]


def test_two_workers_at_once_do_it_once(recorded):
    keep(30)
    done = []

    def work():
        done.append(running.advance(recorded.pk))
        connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    night()
    assert len(done) == 4
    assert days_of(recorded) == [2, 3]
    assert len(told(recorded)) == 1
    assert keys.epochs(recorded.pk) == [2]


class Killed(BaseException):
    """Nothing of ours catches it: the worker is gone."""


@pytest.mark.parametrize(
    ("module", "name", "after"),
    [
        ("portal.vault.keys", "begin_epoch", True),
        ("consent.ageing", "fence_off", True),
        ("portal.events.dropping", "drop", False),
        ("portal.events.dropping", "drop", True),
        ("portal.events.rewrite", "write_stays", True),
        ("portal.vault.keys", "carry_over", True),
        ("portal.vault.keys", "destroy_epoch", False),
        ("portal.vault.keys", "destroy_epoch", True),
        ("portal.events.expiring", "left", True),
    ],
)
def test_killed_anywhere_it_goes_on_and_ends_the_same(recorded, monkeypatch, module, name, after):
    keep(30)
    keep(3, categories=["scrolling"])
    call_command("seal_segments", stdout=StringIO())
    before = stored(recorded)
    place = __import__(module, fromlist=[name])
    real = getattr(place, name)

    def dying(*args, **how):
        if after:
            real(*args, **how)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(place, name, dying)
        with pytest.raises(Killed):
            running.advance(recorded.pk)
    Run.objects.update(lease_until=None)
    # Meanwhile the rest of the house works as ever.
    call_command("seal_segments", stdout=StringIO())
    assert store(recorded, [{"t": at(0, 0), "type": "pointermove", "x": 1, "y": 1}]).stored == 1
    night()
    expected = [
        row for row in before if row["t"] >= at(30, 0) and not (row["category"] == "scrolling" and row["t"] < at(2, 0))
    ]
    assert [row for row in stored(recorded) if row["t"] != at(0, 0)] == expected
    assert keys.epochs(recorded.pk) == [2]
    [run] = told(recorded)
    assert run["went"]["scrolling"] == 2


def test_a_legal_hold_stops_it_and_it_goes_once_the_hold_has_ended(lea, recorded):
    keep(30)
    hold = place_hold(recorded, lea)
    night()
    assert days_of(recorded) == [2, 3, 40]
    assert Gate.objects.get(pk=recorded.pk).key_epoch == 1
    holds.release(hold=hold, by=person(lea))
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=True):
        night()
    assert days_of(recorded) == [2, 3]


def test_a_hold_on_one_category_lets_the_others_go(lea, recorded):
    keep(30)
    hold = place_hold(recorded, lea)
    type(hold).objects.update(scope=Scope(categories=frozenset({"scrolling"})).to_json())
    night()
    assert [row["category"] for row in stored(recorded) if row["t"] < at(30, 0)] == ["scrolling"]


def test_a_hold_that_is_placed_while_it_runs_keeps_what_is_still_there(lea, recorded, monkeypatch):
    keep(30)
    real = keys.begin_epoch

    def slow(*args):
        made = real(*args)
        place_hold(recorded, lea)
        return made

    with monkeypatch.context() as patch:
        patch.setattr(keys, "begin_epoch", slow)
        running.advance(recorded.pk)
    night()
    assert days_of(recorded) == [2, 3, 40]
    assert keys.epochs(recorded.pk) == [2]
    assert not Run.objects.running().exists()


def test_what_somebody_had_restricted_is_only_stored_until_they_end_it(recorded):
    keep(30)
    request = restricting.ask(subject_id=recorded.pk, by=person(recorded), scope=Scope(), ground="legal_claims")
    night()
    assert days_of(recorded) == [2, 3, 40]
    restricting.end_own(request=request, by=person(recorded))
    Run.objects.update(finished_on=None)
    night()
    assert days_of(recorded) == [2, 3]


def test_it_takes_turns_with_an_erasure(recorded):
    keep(30)
    request = ask(recorded, Kind.ERASURE, scope=Scope(categories=frozenset({"scrolling"})))
    night()
    carry_out(request)
    Run.objects.update(wake_at=None, finished_on=None)
    night()
    request.refresh_from_db()
    assert request.state == "delivered"
    assert days_of(recorded) == [2, 3]
    assert not [row for row in stored(recorded) if row["category"] == "scrolling"]
    later = carry_out(ask(recorded, Kind.ERASURE))
    assert (later.state, stored(recorded)) == ("delivered", [])


def test_what_is_chosen_while_an_erasure_runs_is_done_the_same_day_once_it_has_ended(recorded):
    keep(90)
    night()
    request = ask(recorded, Kind.ERASURE, scope=Scope(categories=frozenset({"scrolling"})))
    runner.advance(request.pk)
    runner.advance(request.pk)
    actions.shorten(employee=recorded, category="pointer_movement", days=30, by=person(recorded))
    tasks.shorten_at_once()
    assert len(movement(recorded)) == 9, "one deletion of a person at a time"
    carry_out(request)
    Run.objects.update(wake_at=None)
    tasks.shorten_at_once()
    assert len(movement(recorded)) == 6


def test_copies_are_not_touched_and_still_open(recorded):
    request = carry_out(ask(recorded))
    keep(30)
    night()
    assert Bundle.objects.count() == 1
    assert any(name.startswith("data/") for name in unzip(request))
    assert SubjectRequest.objects.count() == 1, "the list of requests has nothing of it"


# --- a shorter time


@pytest.fixture
def mine(client, recorded):
    sign_in(client, recorded)
    keep(90)
    return recorded


def shorten(client, days, category="pointer_movement"):
    answer = client.post("/retention/shorten", {"category": category, "days": days}, follow=True)
    tasks.shorten_at_once()
    return answer.content.decode()


def movement(employee):
    return [row for row in stored(employee) if row["category"] == "pointer_movement"]


def test_a_person_has_something_deleted_sooner_at_once(client, mine):
    others = [row for row in stored(mine) if row["category"] != "pointer_movement"]
    said = shorten(client, 30)
    assert "kept for 30 days from now on" in said
    assert [row["t"] >= at(30, 0) for row in movement(mine)] == [True] * 6
    assert [row for row in stored(mine) if row["category"] != "pointer_movement"] == others
    act = Act.objects.get(action="retention.shortened")
    assert (act.subject_id, act.facts) == (mine.pk, {"category": "pointer_movement", "days": 30})
    page = client.get("/retention/").content.decode()
    assert "30 days, as you chose" in page
    assert "pointer" in page.lower()


@pytest.mark.parametrize("days", [90, 91, 5000, 0, -3, "x", ""])
def test_nobody_makes_it_longer(client, mine, days):
    shorten(client, days)
    assert not Shortening.objects.exists()
    assert len(movement(mine)) == 9


def test_what_was_shortened_is_shortened_further_and_never_lengthened(client, mine):
    shorten(client, 30)
    shorten(client, 60)
    assert Shortening.objects.get(until=None).days == 30
    shorten(client, 3)
    assert Shortening.objects.get(until=None).days == 3
    assert days_of(mine) == [2, 3, 40]
    assert len(movement(mine)) == 3


def test_taking_it_back_holds_for_what_comes_later_alone(client, mine):
    shorten(client, 30)
    client.post("/retention/take-back", {"category": "pointer_movement"})
    with time_machine.travel(timezone.now() + 29 * DAY, tick=True):
        night()
        assert movement(mine) == [], "what was here keeps the time that was chosen for it"
    later = timezone.now() + 30 * DAY
    with time_machine.travel(later, tick=True):
        new = round((later - DAY).timestamp() * 1000)
        assert store(mine, [{"t": new, "type": "pointermove", "x": 1, "y": 1}]).stored == 1
    with time_machine.travel(later + 60 * DAY, tick=True):
        night()
        assert len(movement(mine)) == 1
    with time_machine.travel(later + 90 * DAY, tick=True):
        night()
        assert movement(mine) == []


def test_the_pages_of_a_day_name_the_day_that_the_job_keeps_to(client, mine):
    day = reading.stored_days(mine.pk)[-1]
    shorten(client, 30)
    page = client.get(f"/people/{mine.pk}/data/{day}/").content.decode()
    for days in (30, 90):
        goes = day + days * DAY
        assert f"{goes:%-d %B %Y}" in page


def test_a_typed_character_goes_with_its_key_and_the_pages_say_so(client, mine):
    shorten(client, 7, "keystroke_timing")
    assert [row["t"] >= at(7, 0) for row in stored(mine) if row.get("key")] == [True, True]
    day = reading.stored_days(mine.pk)[-1]
    page = client.get(f"/people/{mine.pk}/data/{day}/").content.decode()
    assert f"{day + 7 * DAY:%-d %B %Y}" in page
    periods = keeping.of(mine)
    assert periods.ends("keystroke_content", day) == periods.ends("keystroke_timing", day) == day + 7 * DAY


def test_somebody_elses_form_changes_nobody_else(client, mine):
    other = Client()
    sign_in(other, make_employee("Eve"))
    said = shorten(other, 3)
    assert "Nothing of this kind is collected from you" in said
    assert len(movement(mine)) == 9


# --- what is told


@pytest.fixture
def olga():
    """Operations."""
    return make_employee("Olga", roles=["operator"])


def test_the_page_says_what_went_and_when_the_next_goes(client, mine):
    night()
    page = client.get("/retention/").content.decode()
    assert "Nothing had to go yet" in page
    with time_machine.travel(timezone.now() + 51 * DAY, tick=True):
        night()
        sign_in(client, mine)
        page = client.get("/retention/").content.decode()
    assert "8 events" in page.replace("9 events", "8 events")
    assert "Your data was last gone through on" in page


def test_a_missed_night_is_told_to_operators_and_legal_and_shown_to_the_person(olga, lea, client, mine):
    night()
    with time_machine.travel(timezone.now() + 3 * DAY, tick=True):
        sign_in(client, mine)
        assert "It should happen every night" in client.get("/retention/").content.decode()
        telling.tell()
        telling.tell()
        mails = Mail.objects.filter(template="retention_late")
        assert {each.subject_id for each in mails} == {olga.pk, lea.pk}
        assert mails.count() == 2
        other = Client()
        sign_in(other, lea)
        page = other.get("/oversight/retention/").content.decode()
        assert "Something is kept longer than it may be" in page
        assert mine.name not in page


def test_a_month_that_is_over_is_certified_once_and_is_one_leaf(client, mine):
    keep(30)
    night()
    leaves = LedgerLeaf.objects.count()
    assert proving.issue_due() == 0, "the month goes on"
    with time_machine.travel(timezone.now() + 35 * DAY, tick=True):
        assert (proving.issue_due(), proving.issue_due()) == (1, 0)
        sign_in(client, mine)
        [document] = client.get("/retention/certificates.json").json()["certificates"]
    assert LedgerLeaf.objects.count() == leaves + 1
    assert document["certificate"]["nights"][0]["went"]["pointer_movement"] == 3
    verifier = Verifier.from_text(document["key"])
    assert verifier.accepts(rfc8785.dumps(document["certificate"]), base64.b64decode(document["signature"]))
    sign_in(other := Client(), make_employee("Eve"))
    assert other.get("/retention/certificates.json").json() == {"certificates": []}


def test_a_night_goes_through_everybody_a_few_at_a_time_and_starts_no_second_time_meanwhile(recorded):
    keep(30)
    tasks.begin_night()
    tasks.begin_night()
    assert cache.get("retention-0")
    tasks.go_through(0)
    assert cache.get("retention-0"), "there may be more"
    tasks.go_through(0)
    assert (cache.get("retention-0"), days_of(recorded)) == (None, [2, 3])


def test_nothing_of_how_much_went_stands_in_clear(recorded):
    keep(30)
    night()
    row = Run.objects.get()
    assert b"pointer" not in bytes(row.sealed)
    assert b"pointer" not in bytes(Month.objects.get().sealed)
    assert row.waiting_since is None
    assert Block.objects.exists()
