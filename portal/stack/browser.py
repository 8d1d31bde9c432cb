"""A person at a browser without JavaScript, for the smoke run and the drills: cookies, forms, redirects."""

from __future__ import annotations

import http.client
import http.cookies
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

TIMEOUT = 60
REDIRECTS = 6


@dataclass
class Answer:
    """What came back: the status, the headers in lower case, and the whole body."""

    status: int
    headers: dict[str, str]
    body: bytes
    path: str

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Form:
    """One form of a page: where it goes and every field with the value it would send."""

    attributes: dict[str, str]
    fields: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    """Collects forms; of radio buttons and check boxes only the ticked, of selects the selected or first."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        got = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(got))
        elif self.forms and tag in {"input", "textarea"} and "name" in got:
            if got.get("type") not in {"radio", "checkbox", "submit"} or "checked" in got:
                self.forms[-1].fields[got["name"]] = got.get("value", "on" if "checked" in got else "")
        elif self.forms and tag == "select":
            self._select = got.get("name", "")
        elif self.forms and tag == "option" and self._select:
            self._choose(self.forms[-1].fields, got)

    def _choose(self, fields: dict[str, str], option: dict[str, str]) -> None:
        if "selected" in option or self._select not in fields:
            fields[self._select] = option.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""


def forms(answer: Answer) -> list[Form]:
    parser = _Forms()
    parser.feed(answer.text)
    return parser.forms


class Browser:
    """One person's browser; `origin` is the site's address, which is also the Host that is sent."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.cookies: dict[str, str] = {}

    def request(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        """Send one request and keep its cookies; redirects are not followed."""
        parts = urlsplit(self.origin)
        connection = http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=TIMEOUT)
        sent = {"Host": parts.netloc, "Origin": self.origin, "Referer": urljoin(self.origin, path), **(headers or {})}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection.request(method, path, body or None, sent)
        got = connection.getresponse()
        answer = Answer(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read(), path)
        for header in got.msg.get_all("Set-Cookie") or []:
            for name, morsel in http.cookies.SimpleCookie(header).items():
                self.cookies[name] = morsel.value
        connection.close()
        return answer

    def follow(self, answer: Answer) -> Answer:
        for _ in range(REDIRECTS):
            if answer.status not in (301, 302, 303):
                break
            target = urlsplit(urljoin(urljoin(self.origin, answer.path), answer.headers["location"]))
            answer = self.request("GET", f"{target.path}?{target.query}" if target.query else target.path)
        return answer

    def get(self, path: str) -> Answer:
        return self.follow(self.request("GET", path))

    def send(self, page: Answer, form: Form, **fields: str) -> Answer:
        """Send a form as the page holds it, with some fields filled in, and follow where it leads."""
        target = urlsplit(urljoin(page.path, form.attributes.get("action") or page.path))
        path = f"{target.path}?{target.query}" if target.query else target.path
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode({**form.fields, **fields}).encode()
        return self.follow(self.request("POST", path, body, headers))

    def press(self, page: Answer, action: str, **fields: str) -> Answer:
        """Press the button marked data-action; `purpose` and `request` choose among several."""
        return self.send(page, self._marked(page, action, fields), **fields)

    def _marked(self, page: Answer, action: str, fields: dict[str, str]) -> Form:
        wanted = {f"data-{key}": fields.pop(key) for key in ("purpose", "request") if key in fields}
        wanted["data-action"] = action
        for form in forms(page):
            if wanted.items() <= form.attributes.items():
                return form
        message = f"no form {wanted} on {page.path} ({page.status})"
        raise LookupError(message)

    def sign_in(self, email: str, password: str) -> Answer:
        page = self.get("/accounts/login/")
        form = next(form for form in forms(page) if "login" in form.fields)
        return self.send(page, form, login=email, password=password)

    def reauthenticate(self, page: Answer, password: str) -> Answer:
        """Answer allauth's question for the password, if this page is that question."""
        asked = [form for form in forms(page) if "/reauthenticate/" in page.path and "password" in form.fields]
        return self.send(page, asked[0], password=password) if asked else page

    def poll(self, path: str, seconds: float, pause: float = 0.5) -> Iterator[Answer]:
        """Yield the page again and again until the time is over."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            yield self.get(path)
            time.sleep(pause)
