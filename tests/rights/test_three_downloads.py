"""A copy can be fetched three times within seven days; then its key is destroyed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from consent import ledger
from portal.audit.models import Act
from portal.audit.values import Actor, ActorKind
from portal.rights import actions, expiry
from portal.rights.models import Bundle, SubjectRequest
from portal.rights.values import NotAllowed
from portal.vault import keys, objects
from tests.makers import make_token
from tests.pages.conftest import BACKEND
from tests.rights.conftest import ask, carry_out, unzip

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def fetch(request):
    return actions.download(request=request, by=Actor(ActorKind.PERSON, str(request.subject_id), "employee"))


def test_it_can_be_fetched_three_times_and_not_a_fourth(recorded):
    request = carry_out(ask(recorded))
    for _ in range(3):
        assert unzip(request)["manifest.json"]
    with pytest.raises(NotAllowed) as refused:
        fetch(request)
    assert refused.value.code == "bundle.used_up"
    assert Act.objects.filter(action="bundle.downloaded").count() == 3


def test_of_ten_at_the_same_moment_three_get_it(recorded):
    request = carry_out(ask(recorded))

    def one(_number):
        try:
            return len(b"".join(fetch(request).chunks)) > 0
        except NotAllowed as error:
            return error.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        got = list(pool.map(one, range(10)))
    assert got.count(True) == 3
    assert got.count("bundle.used_up") == 7
    assert Bundle.objects.get().downloads == 3
    assert Act.objects.filter(action="bundle.downloaded").count() == 3


def test_one_that_breaks_off_counts_and_the_next_is_whole(recorded):
    request = carry_out(ask(recorded))
    sent = fetch(request)
    assert next(sent.chunks)
    sent.chunks.close()
    assert Bundle.objects.get().downloads == 1
    assert unzip(request)["index.html"]


def test_one_that_could_not_be_written_down_does_not_count(recorded, monkeypatch):
    request = carry_out(ask(recorded))

    def away(*_args, **_named):
        raise OSError

    with monkeypatch.context() as broken:
        broken.setattr(ledger, "append", away)
        with pytest.raises(OSError):
            fetch(request)
    assert Bundle.objects.get().downloads == 0


def test_the_third_may_end_and_then_the_key_is_destroyed(recorded):
    request = carry_out(ask(recorded))
    third = [fetch(request) for _ in range(3)][-1]
    bundle = Bundle.objects.get()
    assert bundle.expires_at < timezone.now() + timedelta(hours=2)
    expiry.expire()
    assert len(b"".join(third.chunks)) == third.size
    [name, *_rest] = objects.names("bundles/")
    lying = objects.get(name)
    Bundle.objects.update(expires_at=timezone.now())
    expiry.expire()
    with pytest.raises(keys.KeyGone):
        keys.open_for(recorded.pk, "bundle", lying, b"")
    request.refresh_from_db()
    assert (request.state, "three times" in request.reason) == ("expired", True)
    with pytest.raises(NotAllowed) as refused:
        fetch(request)
    assert refused.value.code == "bundle.gone"


def test_a_copy_that_nobody_fetched_lapses_after_seven_days(recorded):
    carry_out(ask(recorded))
    left = Bundle.objects.get().expires_at - timezone.now()
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)


def test_a_program_gets_410_after_the_third(recorded, client):
    token = make_token("requests.open requests.read bundles.read")
    headers = {"authorization": f"Bearer {token}"}
    body = {"kind": "access", "subject": str(recorded.pk)}
    opened = client.post("/api/v1/subject-requests", body, content_type="application/json", headers=headers).json()
    carry_out(SubjectRequest.objects.get(pk=opened["id"]))
    address = f"/api/v1/subject-requests/{opened['id']}/bundle"
    answers = [client.get(address, headers=headers) for _ in range(4)]
    for each in answers[:3]:
        assert b"".join(each.streaming_content).startswith(b"PK")
    assert [each.status_code for each in answers] == [200, 200, 200, 410]


def test_the_page_says_how_many_are_left_and_asking_for_its_head_costs_none(recorded, client):
    request = carry_out(ask(recorded))
    client.force_login(recorded, BACKEND)
    assert "You can fetch it 3 more times" in client.get(f"/requests/{request.pk}/").content.decode()
    client.head(f"/requests/{request.pk}/download")
    assert Bundle.objects.get().downloads == 0
    for _ in range(3):
        fetch(request)
    page = client.get(f"/requests/{request.pk}/").content.decode()
    assert "fetched three times" in page
    assert "/download" not in page
