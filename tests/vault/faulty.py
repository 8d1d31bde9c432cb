"""A relay before an S3 store that does to requests what networks and overloaded stores do."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

LATE_SECONDS = 0.6


class Fault(StrEnum):
    """What may become of a request."""

    NONE = "none"
    REFUSED = "500 instead of being passed on"
    SLOW_DOWN = "503 SlowDown instead of being passed on"
    SLOW = "passed on after a while"
    TORN_UPLOAD = "half of the body reaches the store, then the line is cut"
    SILENT = "done, and the answer is lost"
    FAILED_AFTER = "done, and answered with 500"
    TORN_ANSWER = "half of the answer comes back, then the line is cut"
    LATE = "the line is cut, and the request reaches the store a while later"


class FaultyStore:
    """`with FaultyStore(endpoint, seed) as store:` relays; `store.share` of all requests meet a fault."""

    def __init__(self, endpoint: str, seed: int = 0) -> None:
        self.upstream = urlsplit(endpoint)
        self.dice = random.Random(seed)
        self.share = 0.0
        self.met: Counter[Fault] = Counter()
        self.late: list[threading.Thread] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
        self.server.store = self
        self.server.daemon_threads = True

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.server.shutdown()
        self.server.server_close()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def next_fault(self, method: str) -> Fault:
        if self.dice.random() >= self.share:
            return Fault.NONE
        choices = [fault for fault in Fault if fault != Fault.NONE]
        if method != "PUT":
            choices.remove(Fault.TORN_UPLOAD)
        fault = self.dice.choice(choices)
        self.met[fault] += 1
        return fault

    def settle(self):
        """Wait until whatever is late has come."""
        for each in self.late:
            each.join()


class Relay(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"

    def relay(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        store = self.server.store
        fault = store.next_fault(self.command)
        if fault in (Fault.REFUSED, Fault.SLOW_DOWN):
            self.answer_error(500 if fault == Fault.REFUSED else 503)
        elif fault == Fault.TORN_UPLOAD:
            self.pass_on(body, torn=True)
            self.close_connection = True
        elif fault == Fault.LATE:
            store.late.append(threading.Thread(target=self.pass_on_late, args=(body,)))
            store.late[-1].start()
            self.close_connection = True
        else:
            if fault == Fault.SLOW:
                time.sleep(0.15)
            self.give_back(self.pass_on(body), fault)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = relay

    def pass_on(self, body, torn=False):
        upstream = self.server.store.upstream
        connection = http.client.HTTPConnection(upstream.hostname, upstream.port, timeout=10)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in {"connection", "expect"}:
                    connection.putheader(name, value)
            connection.endheaders()
            connection.send(body[: len(body) // 2] if torn else body)
            if torn:
                return None
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def pass_on_late(self, body):
        time.sleep(LATE_SECONDS)
        self.pass_on(body)

    def give_back(self, answer, fault):
        status, headers, body = answer
        if fault == Fault.SILENT:
            self.close_connection = True
            return
        if fault == Fault.FAILED_AFTER:
            self.answer_error(500)
            return
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        torn = fault == Fault.TORN_ANSWER
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if torn else body)
        self.close_connection = self.close_connection or torn

    def answer_error(self, status):
        code = "InternalError" if status == 500 else "SlowDown"
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass
