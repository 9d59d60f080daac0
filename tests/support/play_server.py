"""Playground servers for tests: one in a thread, and requests with any head."""

import contextlib
import http.client
import json
import threading
from types import SimpleNamespace

from scratchnet.play.server import PlayServer


@contextlib.contextmanager
def running(session):
    """Context manager: a server of the session in a thread."""
    with PlayServer(session) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def ask(server, path, sent=None, token=None, method=None, **headers):
    """Answer (status, text, json or None, headers) to a GET, or to a POST of the object `sent`.

    token   added to the path; True: that of the server
    """
    if token is not None:
        path += f"?token={server.token if token is True else token}"
    body = None if sent is None else sent if isinstance(sent, str) else json.dumps(sent)
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    with contextlib.closing(connection):
        connection.request(method or ("GET" if body is None else "POST"), path, body, headers)
        response = connection.getresponse()
        text = response.read().decode()
    kind = response.headers.get_content_type()
    found = json.loads(text) if kind == "application/json" else None
    return SimpleNamespace(status=response.status, text=text, json=found, headers=response.headers)
