"""A company's web application on an origin of its own: a page with the collector in it, and a strict content policy."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Ticket 7</title>
<link rel="icon" href="data:,"><script defer src="{portal}/static/js/collector.js" {data}></script></head>
<body><main><h1>Ticket 7</h1><form method="dialog"><p><label>Reply <textarea id="reply"></textarea></label></p>
<p><label>Password <input id="password" type="password"></label></p>
<p><label>Card <input id="card" autocomplete="billing cc-number"></label></p>
<div data-private><p><label>Customer <input id="customer"></label></p>
<button type="button" id="call">Call</button></div>
<x-vault><template shadowrootmode="closed"><input aria-label="Secret"></template></x-vault>
<div id="vault"><template shadowrootmode="closed"><input aria-label="Secret"></template></div>
</form></main></body></html>"""
POLICY = (
    "default-src 'none'; script-src {portal}; connect-src {portal}; img-src data:; base-uri 'none'; "
    "require-trusted-types-for 'script'"
)


@contextmanager
def hosted(portal, **data):
    """Yield the origin of an application that runs the collector of source `desk`, with more data attributes."""
    data = {"source": "desk", "portal": portal, "app": "Ticket desk"} | data
    attributes = " ".join(f'data-{name.replace("_", "-")}="{value}"' for name, value in data.items())
    body = PAGE.format(portal=portal, data=attributes).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", POLICY.format(portal=portal))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
