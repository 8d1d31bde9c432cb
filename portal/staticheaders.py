"""Headers of static files: only our own pages may load them, but for the collector, which other applications run."""

from __future__ import annotations

from wsgiref.headers import Headers

# The one file that others name in their pages, so its address stays; a newer one is there within minutes.
COLLECTOR = "js/collector.js"
COLLECTOR_SECONDS = 300


def add(headers: Headers, path: str, url: str) -> None:
    """Called by whitenoise once for each file, when the web starts."""
    others = url == f"/static/{COLLECTOR}"
    headers["Cross-Origin-Resource-Policy"] = "cross-origin" if others else "same-origin"
    if others:
        headers["Cache-Control"] = f"max-age={COLLECTOR_SECONDS}, public"
