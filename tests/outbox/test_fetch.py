"""Calls to other systems: nothing that leads inside is called, however it is written, and nobody keeps us waiting."""

from __future__ import annotations

import os
import socket
import threading
import time

import pytest

from portal.outbox import fetch
from portal.outbox.destinations import check
from portal.outbox.fetch import Refused, Unreachable
from tests.receivers import Authority, Receiver, silent


@pytest.fixture
def authority(tmp_path, settings):
    made = Authority(tmp_path / "ca")
    settings.EGRESS_CA_FILE = str(made.file)
    return made


@pytest.fixture
def server(authority, settings):
    with Receiver(authority.issue("localhost")) as there:
        settings.EGRESS_PORTS = [there.port]
        settings.EGRESS_INTERNAL_HOSTS = ["localhost"]
        yield there


def send(url, **over):
    return fetch.send("POST", url, **{"headers": {}, "body": b"{}", "timeout": 5, "internal": True} | over)


def resolving(monkeypatch, *answers):
    """Let the system's resolver say this, one list of addresses after the other."""
    left = list(answers)

    def getaddrinfo(host, port, *args, **kwargs):
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


# --- what is never called

WRITTEN_TO_LEAD_INSIDE = [
    "https://127.0.0.1:{port}/",
    "https://0177.0.0.1:{port}/",
    "https://2130706433:{port}/",
    "https://127.1:{port}/",
    "https://0x7f.0.0.1:{port}/",
    "https://0x7f000001:{port}/",
    "https://017700000001:{port}/",
    "https://0:{port}/",
    "https://0.0.0.0:{port}/",
    "https://①②⑦.0.0.1:{port}/",
    "https://127。0。0。1:{port}/",
    "https://localhost:{port}/",
    "https://LOCALHOST:{port}/",
    "https://localhost.:{port}/",
    "https://127.0.0.1.:{port}/",
    "https://[::1]:{port}/",
    "https://[::]:{port}/",
    "https://[::ffff:127.0.0.1]:{port}/",
    "https://[::ffff:7f00:1]:{port}/",
    "https://[0:0:0:0:0:ffff:127.0.0.1]:{port}/",
    "https://[::127.0.0.1]:{port}/",
    "https://[64:ff9b::7f00:1]:{port}/",
    "https://[64:ff9b::a9fe:a9fe]:{port}/",
    "https://[64:ff9b:1::1]:{port}/",
    "https://[64:ff9b:1:a9fe:a9:fe00::]:{port}/",
    "https://[2002:7f00:1::]:{port}/",
    "https://[2002:a9fe:a9fe::1]:{port}/",
    "https://[2001:0:7f00:1::]:{port}/",
    "https://[fec0::1]:{port}/",
    "https://[fe80::1]:{port}/",
    "https://[fe80::1%25lo]:{port}/",
    "https://[::1%25lo]:{port}/",
    "https://[fc00::1]:{port}/",
    "https://[fd00:ec2::254]:{port}/",
    "https://[ff02::1]:{port}/",
    "https://[v1.fe80::a+en1]:{port}/",
    "https://224.0.0.1:{port}/",
    "https://255.255.255.255:{port}/",
    "https://169.254.169.254:{port}/latest/meta-data/",
    "https://168.63.129.16:{port}/",
    "https://100.100.100.200:{port}/",
    "https://10.0.0.1:{port}/",
    "https://172.16.0.1:{port}/",
    "https://192.168.1.1:{port}/",
    "https://198.18.0.1:{port}/",
    "https://example.org@127.0.0.1:{port}/",
    "https://user:secret@localhost:{port}/",
    "https://@localhost:{port}/",
    "https://localhost\\@example.org:{port}/",
    "https://example.org\\@localhost:{port}/",
    "https://localhost:{port}\\.example.org/",
    "https://localhost\t:{port}/",
    " https://localhost:{port}/",
    "https://local\nhost:{port}/",
    "https://localhost%00.example.org:{port}/",
    "https://%6cocalhost:{port}/",
    "https://127.0.0.1%2f:{port}/",
    "https://[127.0.0.1]:{port}/",
    "https://[::1:{port}/",
    "https:///localhost:{port}/",
    "https:localhost:{port}/",
    "//localhost:{port}/",
    "localhost:{port}",
    "http://localhost:{port}/",
    "HTTP://LOCALHOST:{port}/",
    "ftp://localhost:{port}/",
    "file:///etc/passwd",
    "gopher://localhost:{port}/_x",
    "javascript:alert(1)",
    "https://localhost:99999/",
    "https://localhost:0/",
    "https://localhost:-1/",
    "https://localhost:port/",
    "https://localhost:22/",
    "https://localhost/",
    "https://-localhost:{port}/",
    "https://local..host:{port}/",
    "https://.localhost:{port}/",
    "https://:{port}/",
    "https://" + "a" * 3000 + ":{port}/",
    "",
]


@pytest.mark.parametrize("url", WRITTEN_TO_LEAD_INSIDE)
def test_what_leads_inside_is_refused_and_not_a_packet_goes_there(url, settings):
    listener = silent()
    settings.EGRESS_PORTS = [listener.getsockname()[1]]
    with pytest.raises(Refused):
        send(url.format(port=listener.getsockname()[1]), internal=False)
    listener.settimeout(0.01)
    with pytest.raises(TimeoutError):
        listener.accept()
    listener.close()


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700:4700::1111",
        "2a00:1450:4001::1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_public_addresses_may_be_called_by_everybody(address):
    check(address, "example.org", internal=False)


@pytest.mark.parametrize(
    "address", ["10.1.2.3", "100.64.0.1", "172.31.255.255", "192.168.0.1", "fd12::1", "::ffff:10.0.0.1"]
)
def test_an_address_of_the_company_needs_the_list(address):
    check(address, "siem.corp", internal=True)
    with pytest.raises(Refused) as refused:
        check(address, "siem.corp", internal=False)
    assert refused.value.code == "address.private"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "127.8.8.8"])
def test_a_listed_name_that_comes_to_mean_our_own_machine_is_refused(address):
    with pytest.raises(Refused) as refused:
        check(address, "siem.corp", internal=True)
    assert refused.value.code == "address.loopback"


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "0.0.0.0", "224.0.0.1", "fe80::1%2", "::"])
def test_no_list_opens_what_is_nobodys_system(address):
    with pytest.raises(Refused) as refused:
        check(address, "localhost", internal=True)
    assert refused.value.code == "address.forbidden"


def test_a_listed_host_is_called_only_for_who_runs_the_system(server):
    assert send(server.url).status == 200
    with pytest.raises(Refused):
        send(server.url, internal=False)
    assert len(server.calls) == 1


def test_one_bad_address_among_good_ones_is_enough(monkeypatch, settings):
    resolving(monkeypatch, ["93.184.215.14", "10.0.0.1"])
    with pytest.raises(Refused):
        send("https://example.org/", internal=False)


def test_a_name_is_looked_up_once_so_that_it_cannot_move_inside(monkeypatch, settings):
    """Public when it is checked, loopback when asked again: the connection goes where the check was."""
    listener = silent()
    settings.EGRESS_PORTS = [listener.getsockname()[1]]
    went = []
    resolving(monkeypatch, ["93.184.215.14"], ["127.0.0.1"])
    monkeypatch.setattr(socket.socket, "connect", lambda self, to: went.append(to) or _nowhere())
    with pytest.raises(Unreachable):
        send(f"https://rebinding.example:{listener.getsockname()[1]}/", internal=False)
    assert [host for host, _ in went] == ["93.184.215.14"]
    listener.settimeout(0.01)
    with pytest.raises(TimeoutError):
        listener.accept()


def _nowhere():
    raise ConnectionRefusedError


def test_a_redirect_is_an_answer_and_not_followed(server, authority):
    with Receiver(authority.issue("localhost")) as inside:
        server.answer = (302, {"Location": inside.url}, b"")
        assert send(server.url).status == 302
        assert inside.connections == 0


def test_no_proxy_of_the_environment_is_asked(server, monkeypatch):
    with Receiver() as proxy:
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "http_proxy"):
            monkeypatch.setitem(os.environ, name, f"http://127.0.0.1:{proxy.port}")
        assert send(server.url).status == 200
        assert proxy.connections == 0


# --- over TLS, with the name


def test_the_name_stands_in_the_host_header_and_the_rest_is_sent_as_given(server):
    server.answer = (201, {"X-Kind": "yes"}, b"made")
    answer = send(f"https://LOCALHOST:{server.port}/a/b?c=d#e", headers={"X-Own": "1", "host": "evil"}, body=b"[1]")
    (call,) = server.calls
    assert (answer.status, answer.headers["x-kind"], answer.body) == (201, "yes", b"made")
    assert (call.method, call.path, call.body) == ("POST", "/a/b?c=d", b"[1]")
    assert call.headers["host"] == f"localhost:{server.port}"
    assert call.headers["x-own"] == "1"


def test_the_certificate_is_checked_for_the_name_and_not_for_the_address(authority, settings, monkeypatch):
    settings.EGRESS_INTERNAL_HOSTS = ["hooks.localhost", "other.localhost"]
    resolving(monkeypatch, ["127.0.0.1"])
    with Receiver(authority.issue("hooks.localhost")) as there:
        settings.EGRESS_PORTS = [there.port]
        assert send(f"https://hooks.localhost:{there.port}/").status == 200
        with pytest.raises(Unreachable) as wrong:
            send(f"https://other.localhost:{there.port}/")
    assert wrong.value.reason == "tls"


@pytest.mark.parametrize("what", ["another authority", "expired", "another name"])
def test_a_certificate_that_does_not_hold_ends_the_call(what, authority, settings, tmp_path):
    made = {
        "another authority": lambda: Authority(tmp_path / "other").issue("localhost"),
        "expired": lambda: authority.issue("localhost", days=(-9, -1)),
        "another name": lambda: authority.issue("example.org"),
    }[what]()
    with Receiver(made) as there:
        settings.EGRESS_PORTS, settings.EGRESS_INTERNAL_HOSTS = [there.port], ["localhost"]
        with pytest.raises(Unreachable) as wrong:
            send(there.url)
        assert (wrong.value.reason, there.calls) == ("tls", [])


def test_without_a_file_of_its_own_the_machines_authorities_decide(server, settings):
    settings.EGRESS_CA_FILE = ""
    with pytest.raises(Unreachable) as wrong:
        send(server.url)
    assert wrong.value.reason == "tls"


def test_without_tls_only_a_host_that_a_setting_names(settings):
    with Receiver() as there:
        settings.EGRESS_PORTS, settings.EGRESS_INTERNAL_HOSTS = [there.port], ["localhost"]
        with pytest.raises(Refused):
            send(there.url)
        settings.EGRESS_PLAIN_HOSTS = ["localhost"]
        assert send(there.url).status == 200


def test_a_server_without_tls_is_no_answer(settings):
    with Receiver() as there:
        settings.EGRESS_PORTS, settings.EGRESS_INTERNAL_HOSTS = [there.port], ["localhost"]
        with pytest.raises(Unreachable) as wrong:
            send(there.url.replace("http:", "https:"))
    assert wrong.value.reason == "tls"


# --- within limits


def took(call):
    began = time.monotonic()
    with pytest.raises(Unreachable) as wrong:
        call()
    return wrong.value.reason, time.monotonic() - began


@pytest.mark.parametrize(
    "how", [{"hangs": 3}, {"slow_head": 0.05}, {"dribbles": 0.05, "answer": (200, {}, b"a" * 100)}]
)
def test_nobody_keeps_us_longer_than_the_time_given(how, server):
    for name, value in how.items():
        setattr(server, name, value)
    reason, seconds = took(lambda: send(server.url, timeout=0.5))
    assert reason == "timeout"
    assert seconds < 1.5


def test_a_server_that_takes_the_connection_and_says_nothing_is_left(settings):
    listener = silent()
    port = listener.getsockname()[1]
    settings.EGRESS_PORTS, settings.EGRESS_INTERNAL_HOSTS = [port], ["localhost"]
    reason, seconds = took(lambda: send(f"https://localhost:{port}/", timeout=0.5))
    assert (reason, seconds < 1.5) == ("timeout", True)


def test_a_resolver_that_does_not_answer_is_left(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: time.sleep(3))
    reason, seconds = took(lambda: send("https://example.org/", timeout=0.3))
    assert (reason, seconds < 1) == ("timeout", True)


def test_a_name_that_is_not_there(monkeypatch):
    assert took(lambda: send("https://nobody.invalid/"))[0] == "no_address"


def test_nobody_listens(settings):
    listener = silent()
    port = listener.getsockname()[1]
    listener.close()
    settings.EGRESS_PORTS, settings.EGRESS_INTERNAL_HOSTS = [port], ["localhost"]
    assert took(lambda: send(f"https://localhost:{port}/"))[0] == "connection"


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "99999999999"}, {"Transfer-Encoding": "chunked"}])
def test_a_longer_answer_than_asked_for_is_none(headers, server):
    chunked = b"5\r\naaaaa\r\n" * 500 + b"0\r\n\r\n"
    server.answer = (200, headers, chunked if "Transfer-Encoding" in headers else b"a" * 2001)
    assert took(lambda: send(server.url, limit=2000))[0] == "too_long"
    server.answer = (200, {}, b"a" * 2000)
    assert len(send(server.url, limit=2000).body) == 2000


def test_where_only_the_status_counts_no_body_is_waited_for(server):
    server.answer, server.dribbles = (200, {}, b"a" * 1000), 0.05
    began = time.monotonic()
    assert send(server.url, limit=0).status == 200
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    "line", [b"garbage\r\n\r\n", b"HTTP/1.1 99999 x\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 300]
)
def test_what_is_no_http_is_no_answer(line, settings):
    listener = silent()
    port = listener.getsockname()[1]
    settings.EGRESS_PORTS = [port]
    settings.EGRESS_INTERNAL_HOSTS = settings.EGRESS_PLAIN_HOSTS = ["localhost"]

    def speak():
        connection, _ = listener.accept()
        connection.recv(10_000)
        connection.sendall(line)
        connection.close()

    threading.Thread(target=speak, daemon=True).start()
    assert took(lambda: send(f"http://localhost:{port}/"))[0] in ("answer", "connection")
