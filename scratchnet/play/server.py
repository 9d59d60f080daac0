"""Server of the playground, of the standard library's http.server, on 127.0.0.1 only.

It answers

    GET /?token=...                the page
    GET /play.js and so on         the files of the table RESOURCES, and no other file
    POST /api/ACTION?token=...     an action of the session, its state or a frame, as JSON

A request is refused unless its Host is 127.0.0.1 or localhost with the port of this server, its
Origin, if it has one, is that of the page, and, for the page and the actions, its token is the one
of the address that the command prints. So neither another machine nor a page of another site, also
one whose name resolves to 127.0.0.1, can read or change anything.
"""

import importlib.resources
import json
import secrets
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from scratchnet.pages.html import resource, to_json
from scratchnet.play.session import ACTIONS, Session

MAX_BODY = 2_000_000  # bytes of a request
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def own_resource(name: str) -> str:
    """Text of a file of this package."""
    return (importlib.resources.files("scratchnet.play") / name).read_text(encoding="ascii")


RESOURCES = {  # path: (type, function that reads the text)
    "/page.js": ("text/javascript", lambda: '"use strict";\n' + resource("page.js")),
    "/play.js": ("text/javascript", lambda: own_resource("play.js")),
    "/maps.js": ("text/javascript", lambda: own_resource("maps.js")),
    "/style.css": ("text/css", lambda: resource("style.css")),
    "/play.css": ("text/css", lambda: own_resource("play.css")),
}
WITHOUT_TOKEN = (
    "<!doctype html><html lang=en><title>scratchnet play</title><p>This address has no valid "
    "token. Open the whole address that <code>scratchnet play</code> has printed."
)


class Refused(Exception):
    """Answer with an error status and a text."""

    def __init__(self, status: int, text: str):
        super().__init__(text)
        self.status, self.text = status, text


class Handler(BaseHTTPRequestHandler):
    """One connection of a browser."""

    server: "PlayServer"
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "scratchnet", ""
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet for head and body
    timeout = 60

    def do_GET(self):
        """Send the page or a file of the table."""
        try:
            self._check_origin()
            path = urlsplit(self.path).path
            if path == "/":
                if not self._has_token():
                    raise Refused(403, WITHOUT_TOKEN)
                self._send(200, "text/html", own_resource("play.html"))
            elif path in RESOURCES:
                kind, text = RESOURCES[path]
                self._send(200, kind, text())
            else:
                raise Refused(404, "the playground has no such file")
        except Refused as refused:
            kind = "text/html" if refused.text is WITHOUT_TOKEN else "text/plain"
            self._send(refused.status, kind, refused.text)

    def do_POST(self):
        """Do an action of the session."""
        try:
            self._check_origin()
            sent = self._body()
            if not self._has_token():
                raise Refused(403, "the token of the address is missing or wrong")
            action = urlsplit(self.path).path.removeprefix("/api/")
            if action not in ("frame", "state", *ACTIONS):
                raise Refused(404, "the playground has no such action")
            session = self.server.session
            if action == "frame":
                answer = session.frame(str(sent.get("window", ""))[:40])
            elif action == "state":
                answer = session.state()
            else:
                answer = session.act(action, sent)
            self._send(200, "application/json", to_json(answer))
        except Refused as refused:
            self.close_connection = True  # the body may not have been read
            self._send(refused.status, "text/plain", refused.text)

    def _check_origin(self):
        hosts = {f"{name}:{self.server.server_port}" for name in ("127.0.0.1", "localhost")}
        if self.headers.get_all("Host", []) not in [[host] for host in hosts]:
            raise Refused(403, "this server answers requests to 127.0.0.1 and localhost only")
        origin = self.headers.get("Origin")
        if origin is not None and origin not in {f"http://{host}" for host in hosts}:
            raise Refused(403, "this server answers its own page only")

    def _has_token(self):
        given = parse_qs(urlsplit(self.path).query).get("token", [""])[-1]
        return secrets.compare_digest(given.encode(), self.server.token.encode())

    def _body(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BODY:
            raise Refused(413, f"a request expects a body of at most {MAX_BODY} bytes")
        try:
            sent = json.loads(self.rfile.read(int(length)) or b"{}")
        except (ValueError, RecursionError) as problem:
            raise Refused(400, "the body is not JSON") from problem
        if not isinstance(sent, dict):
            raise Refused(400, "the body is no JSON object")
        return sent

    def _send(self, status, kind, text):
        content = text.encode()
        self.send_response(status)
        for name, value in (
            ("Content-Type", f"{kind}; charset=utf-8"),
            ("Content-Length", str(len(content))),
            ("Content-Security-Policy", POLICY),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format, *arguments):
        """Print nothing: a frame is a request."""


class PlayServer(ThreadingHTTPServer):
    """Server of one session.

    Parameters
        session   the session that all windows share
        port      0: a free one

    Attributes
        token     random text that the page and the actions need
        address   of the page, with the token
    """

    daemon_threads = True

    def __init__(self, session: Session, port: int = 0):
        self.session, self.token = session, secrets.token_urlsafe(16)
        super().__init__(("127.0.0.1", port), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}/?token={self.token}"

    def handle_error(self, request, client_address):
        """Print one line instead of a traceback, and nothing if the browser was closed."""
        problem = sys.exc_info()[1]
        if not isinstance(problem, (ConnectionError, TimeoutError)):
            print(f"scratchnet play: {type(problem).__name__}: {problem}", file=sys.stderr)
