"""What the tests of data share: IDX files, a web server on this machine, an empty cache.

`conftest.py` loads this file as a plugin, for its fixtures.
"""

import hashlib
import http.server
import threading
import tracemalloc

import numpy as np
import pytest

from scratchnet.data import DataError, cache_dir
from scratchnet.data import cache as cache_module


@pytest.fixture
def sandbox(tmp_path, monkeypatch):
    """No data folder, an empty cache, a short patience."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("SCRATCHNET_DATA", raising=False)
    monkeypatch.setenv("SCRATCHNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache_module, "TIMEOUT", 5)


@pytest.fixture
def peak_memory():
    """A function that calls its argument and returns the largest number of bytes in use by it."""

    def measured(call):
        call()  # what is imported and cached by the first call does not count
        tracemalloc.start()
        try:
            call()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return measured


def idx_bytes(array, kind=0x08):
    """An array of uint8 as the content of a plain IDX file."""
    array = np.asarray(array, np.uint8)
    shape = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, kind, array.ndim]) + shape + array.tobytes()


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def refusal(function, *args, error=DataError):
    """The message of the error that the call raises."""
    with pytest.raises(error) as caught:
        function(*args)
    return str(caught.value)


CONTENT = b"the right bytes " * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """/good/, /wrong/, /cut/ (half of the promised bytes), /silent/ (no answer); else 404."""

    def do_GET(self):
        self.server.asked.append(self.path)
        kind = self.path.split("/")[1]
        if kind == "silent":
            self.server.stop.wait(5)
            return
        if kind not in ("good", "wrong", "cut"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        bodies = {"good": CONTENT, "wrong": CONTENT[::-1], "cut": CONTENT[: len(CONTENT) // 2]}
        self.wfile.write(bodies[kind])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    """A web server in a thread; `server.url` is its address, `server.asked` what it was asked."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as it:
        it.asked, it.stop, it.url = [], threading.Event(), f"http://127.0.0.1:{it.server_port}/"
        thread = threading.Thread(target=it.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield it
        it.stop.set()
        it.shutdown()
        thread.join()


def mirrors(server, *kinds):
    return [f"{server.url}{kind}/" for kind in kinds]


def cached_files():
    """Everything below the cache folder that is not a folder of a data set."""
    return [path for path in cache_dir().rglob("*") if path != cache_dir() / "toys"]
