"""Requests: a copy or a deletion in one click, its progress, its download, its certificate; for the person alone."""

from __future__ import annotations

import html
import io
import json
import re
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consent import gate
from consent.values import Scope
from portal.audit.models import Act
from portal.audit.values import Action, Actor, ActorKind
from portal.celery import app
from portal.people.guards import actor_for
from portal.rights import actions, renewal, runner
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind, State
from portal.stack.browser import Answer, forms
from tests.makers import PASSWORD, make_batch, make_permitted, make_token, send, sign_in
from tests.pages.conftest import BACKEND

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
AT = int(datetime(2026, 3, 2, 9, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
def recorded(client, ada):
    """Three movements and a click of one day."""
    make_permitted(ada, source="old", kind="import")
    events = [{"t": AT + n, "type": "pointermove", "x": n, "y": n} for n in range(3)]
    events.append({"t": AT + 9, "type": "pointerdown", "x": 1, "y": 1, "button": 0})
    token = make_token("events.write", sources=["old"])
    assert send(client, token, make_batch(ada, events, source="old")).status_code == 201


@pytest.fixture
def signed_in(client, ada):
    """Ada, who has just signed in with her password."""
    assert sign_in(client, ada).status_code == 302
    return client


def text(answer):
    return html.unescape(answer.content.decode())


def form(answer, action):
    """Return the address and fields of the form that is marked with this action, as a plain program sees them."""
    seen = forms(Answer(answer.status_code, {}, answer.content, ""))
    found = next(each for each in seen if each.attributes.get("data-action") == action)
    return found.attributes["action"], found.fields


def press(client, page, action, **fields):
    address, given = form(client.get(page), action)
    return client.post(address, given | fields)


def work(request):
    for _ in range(300):
        if not runner.advance(request.pk):
            break
    request.refresh_from_db()
    return request


def finish(request, settings):
    """Work until the certificate is there; renewals are due at once."""
    settings.KEK_RENEWAL_SECONDS = 0
    work(request)
    renewal.renew_if_due()
    SubjectRequest.objects.filter(pk=request.pk).update(wake_at=None)
    return work(request)


def newest():
    return SubjectRequest.objects.order_by("-opened_at").first()


def test_a_copy_is_one_click_and_needs_nothing_else(as_ada, recorded):
    answer = press(as_ada, "/requests/", "copy")
    request = newest()
    assert answer["Location"] == f"/requests/{request.pk}/"
    assert (request.kind, request.state, request.format, request.scope) == (Kind.ACCESS, State.PROCESSING, "csv", {})


def test_a_copy_can_be_narrowed_to_kinds_a_day_or_the_last_hour(as_ada, ada):
    press(as_ada, "/requests/", "copy", what="category", categories=["scrolling"], format="parquet")
    assert (newest().wanted, newest().format) == (Scope(categories=frozenset({"scrolling"})), "parquet")
    press(as_ada, "/requests/", "copy", what="day", day="2026-03-29")
    day = newest().wanted
    assert day.to_ms - day.from_ms == 23 * 3_600_000  # the clocks changed in Berlin
    press(as_ada, "/requests/", "copy", what="hour")
    hour = newest().wanted
    assert hour.to_ms - hour.from_ms == 3_600_000


@pytest.mark.parametrize(
    "wrong", [{"what": "category"}, {"what": "day"}, {"what": "day", "day": "x"}, {"what": "x"}, {"format": "pdf"}]
)
def test_what_cannot_be_understood_opens_nothing_and_says_so(as_ada, wrong):
    answer = press(as_ada, "/requests/", "copy", **wrong)
    assert answer.status_code == 422
    assert "errorlist" in text(answer)
    assert newest() is None


def test_the_page_of_a_copy_shows_how_far_it_is_and_then_offers_it(signed_in, recorded):
    press(signed_in, "/requests/", "copy")
    page = f"/requests/{newest().pk}/"
    before = text(signed_in.get(page))
    assert 'hx-trigger="every 2s"' in before
    assert '<meta http-equiv="refresh"' in before
    work(newest())
    after = text(signed_in.get(page))
    assert f'href="{page}download"' in after
    assert "hx-trigger" not in after


def test_a_poll_gets_the_moving_part_alone(as_ada, recorded):
    press(as_ada, "/requests/", "copy")
    part = text(as_ada.get(f"/requests/{newest().pk}/", headers={"hx-request": "true"}))
    assert part.strip().startswith('<div id="progress"')
    assert "<html" not in part


def test_a_download_holds_everything_and_is_written_down_before_it_is_sent(signed_in, ada, recorded):
    press(signed_in, "/requests/", "copy", format="jsonl")
    work(newest())
    answer = signed_in.get(f"/requests/{newest().pk}/download")
    accesses = Act.objects.for_subject(ada.pk).filter(action=Action.BUNDLE_DOWNLOADED)
    assert [act.leaf_idx is not None for act in accesses] == [True]  # before the first byte was asked for
    body = b"".join(answer.streaming_content)
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["Cache-Control"] == "no-store"
    assert int(answer["Content-Length"]) == len(body)
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        assert archive.read("data/pointer_movement.jsonl").count(b"\n") == 3
    assert "downloaded a copy of your data" in text(signed_in.get("/who-looked/"))


def test_a_download_needs_a_recent_sign_in(as_ada, ada, recorded):
    request = work(actions.open_request(kind=Kind.ACCESS, subject_id=ada.pk, by=actor_for(ada, ada.pk)))
    answer = as_ada.get(f"/requests/{request.pk}/download")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    back = as_ada.post(answer["Location"], {"password": PASSWORD})
    assert as_ada.get(back["Location"])["Content-Type"] == "application/zip"


def test_a_download_that_cannot_be_written_down_is_503_and_no_byte(signed_in, ada, recorded):
    request = work(actions.open_request(kind=Kind.ACCESS, subject_id=ada.pk, by=actor_for(ada, ada.pk)))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_act RENAME TO audit_act_away")
    try:
        answer = signed_in.get(f"/requests/{request.pk}/download")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE audit_act_away RENAME TO audit_act")
    assert answer.status_code == 503
    assert not answer.streaming
    assert "nothing was sent" in text(answer)


def test_a_copy_that_is_not_ready_is_409_and_one_that_is_over_410(signed_in, ada, recorded):
    request = actions.open_request(kind=Kind.ACCESS, subject_id=ada.pk, by=actor_for(ada, ada.pk))
    address = f"/requests/{request.pk}/download"
    assert signed_in.get(address).status_code == 409
    work(request)
    request.bundle.expires_at = timezone.now() - timedelta(seconds=1)
    request.bundle.save(update_fields=["expires_at"])
    assert signed_in.get(address).status_code == 410


def test_a_deletion_first_says_what_goes_and_what_stays(as_ada, recorded):
    answer = press(as_ada, "/requests/", "erase", what="category", categories=["pointer_movement"])
    page = as_ada.get(answer["Location"])
    assert newest() is None
    assert re.search(r"Pointer movement</span><span class=\"num\">3<", text(page))
    assert "Your decisions and their receipts" in text(page)


def test_a_deletion_is_confirmed_after_a_recent_sign_in_and_deletes_what_was_counted(
    signed_in, ada, recorded, settings
):
    asked = press(signed_in, "/requests/", "erase", what="category", categories=["pointer_movement"])
    opened = press(signed_in, asked["Location"], "confirm")
    request = newest()
    assert opened["Location"] == f"/requests/{request.pk}/"
    assert request.wanted == Scope(categories=frozenset({"pointer_movement"}))
    finish(request, settings)
    assert request.state == State.DELIVERED
    page = text(signed_in.get(f"/people/{ada.pk}/data/2026-03-02/"))
    assert "1 event" in page or "1 events kept" in page
    certificate = signed_in.get(f"/requests/{request.pk}/certificate.json")
    assert certificate["Content-Disposition"] == 'attachment; filename="certificate.json"'
    assert set(json.loads(certificate.content)) == {"certificate", "signature", "key"}


def test_confirming_long_after_signing_in_leads_back_to_the_same_question(as_ada, ada, recorded):
    asked = press(as_ada, "/requests/", "erase", what="hour")["Location"]
    address, fields = form(as_ada.get(asked), "confirm")
    answer = as_ada.post(address, fields, headers={"referer": f"http://testserver{asked}"})
    assert newest() is None
    back = as_ada.post(answer["Location"], {"password": PASSWORD})
    assert back["Location"] == asked
    press(as_ada, asked, "confirm")
    assert newest().kind == Kind.ERASURE


def test_everything_can_be_deleted_and_the_collection_stopped_with_it(signed_in, ada, recorded):
    asked = press(signed_in, "/requests/", "erase")["Location"]
    press(signed_in, asked, "confirm", stop="on")
    assert gate.read(ada.pk).grants == {}
    assert [request.scope for request in SubjectRequest.objects.filter(kind=Kind.ERASURE)] == [{}]


def test_a_scope_that_somebody_changed_to_nonsense_deletes_nothing(signed_in, recorded):
    for query in ("?from_ms=x", "?category=mood", "?to_ms=-1", "?from_ms=99999999999999999999"):
        assert signed_in.get(f"/requests/erase/confirm/{query}").status_code == 302
        assert signed_in.post(f"/requests/erase/confirm/{query}").status_code == 302
    assert newest() is None


def test_a_request_can_be_cancelled_until_the_first_irreversible_step(signed_in, ada, recorded):
    press(signed_in, "/requests/", "copy")
    page = f"/requests/{newest().pk}/"
    press(signed_in, page, "cancel")
    assert newest().state == State.WITHDRAWN
    erasure = work(actions.open_request(kind=Kind.ERASURE, subject_id=ada.pk, by=actor_for(ada, ada.pk)))
    assert 'data-action="cancel"' not in text(signed_in.get(f"/requests/{erasure.pk}/"))
    signed_in.post(f"/requests/{erasure.pk}/cancel/")
    erasure.refresh_from_db()
    assert erasure.state != State.WITHDRAWN


@pytest.mark.parametrize("rest", ["", "download", "certificate.json"])
def test_another_persons_request_is_not_there_and_the_try_is_shown_to_them(client, ada, ben, hana, rest):
    request = actions.open_request(kind=Kind.ACCESS, subject_id=ada.pk, by=actor_for(ada, ada.pk))
    for other in (ben, hana):
        client.force_login(other, BACKEND)
        assert client.get(f"/requests/{request.pk}/{rest}").status_code == 404
        assert client.post(f"/requests/{request.pk}/cancel/").status_code == 404
    assert Act.objects.for_subject(ada.pk).filter(action=Action.ACCESS_REFUSED).count() == 4
    request.refresh_from_db()
    assert request.state == State.PROCESSING


def test_a_request_that_is_none_is_not_there(as_ada):
    assert as_ada.get("/requests/00000000-0000-4000-8000-000000000000/").status_code == 404


def test_nothing_is_opened_by_following_a_link(as_ada):
    for path in ("/requests/copy/", "/requests/erase/"):
        assert as_ada.get(path).status_code == 405
    assert newest() is None


@pytest.fixture
def no_broker():
    """A broker that nobody answers at."""
    before = app.conf.broker_url
    app.conf.broker_url, app.amqp._producer_pool = "redis://127.0.0.1:1/0", None
    yield
    app.conf.broker_url, app.amqp._producer_pool = before, None


def test_the_person_gets_their_page_while_the_broker_is_away(as_ada, no_broker, caplog):
    assert press(as_ada, "/requests/", "copy").status_code == 302
    assert newest().state == State.PROCESSING
    assert "waits for the sweep" in caplog.text


def test_what_a_client_asked_for_a_person_is_shown_to_them(as_ada, ada):
    by = Actor(ActorKind.CLIENT, "bot", label="HR automation")
    request = actions.open_request(kind=Kind.ERASURE, subject_id=ada.pk, by=by, opened_by="client")
    page = text(as_ada.get(f"/requests/{request.pk}/"))
    assert "a connected system" in page
    assert "Being reviewed" in page


def test_the_list_costs_the_same_whatever_there_is(as_ada, ada):
    def queries():
        with CaptureQueriesContext(connection) as seen:
            assert as_ada.get("/requests/").status_code == 200
        return len(seen)

    by = actor_for(ada, ada.pk)
    as_ada.get("/requests/")
    actions.open_request(kind=Kind.ACCESS, subject_id=ada.pk, by=by)
    # What was joined to another reads that one's steps, in one query for all.
    joined = Scope(categories=frozenset({"web_navigation"}))
    actions.open_request(kind=Kind.ACCESS, subject_id=ada.pk, by=by, scope=joined)
    few = queries()
    for key in ("scrolling", "pointer_clicks", "app_usage"):
        scope = Scope(categories=frozenset({key}))
        actions.open_request(kind=Kind.ACCESS, subject_id=ada.pk, by=by, scope=scope)
    assert queries() == few
    assert few <= 16


def test_a_deletion_that_begins_later_says_when_and_can_be_cancelled(as_ada, ada):
    make_permitted(ada)
    by = actor_for(ada, ada.pk)
    _, request = actions.withdraw(subject_id=ada.pk, purpose_key="train", by=by, path="page", erase="72h")
    page = text(as_ada.get(f"/requests/{request.pk}/"))
    assert "It begins on" in page
    assert "all that was kept for “Train” alone" in page
    press(as_ada, f"/requests/{request.pk}/", "cancel")
    assert newest().state == State.WITHDRAWN
