"""The built site in a browser: no error, no request to a network, no obstacle, a search.

`python -m docs --quick` builds the site. Without it, and without a browser, the tests are skipped.
"""

import functools
import http.server
import threading
from pathlib import Path

import pytest
from browser import needs_axe, needs_browser, violations, visit, visit_address

SITE = Path(__file__).parents[2] / "docs" / "_build" / "quick" / "html"
PAGES = ["index", "lessons/01_dense_autoencoder", "api/scratchnet.layers.Dense"]

pytestmark = pytest.mark.skipif(
    not (SITE / "index.html").exists(), reason="no site: python -m docs --quick"
)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server of files that prints no line for each request."""

    def log_message(self, *arguments):
        pass


def copy_of(page, tmp_path):
    """Copy of a page to which a script can be added; its addresses lead to the site."""
    path = SITE / f"{page}.html"
    base = f'<head><base href="{path.resolve().as_uri()}">'
    copy = tmp_path / "page.html"
    copy.write_text(path.read_text(encoding="utf-8").replace("<head>", base, 1), encoding="utf-8")
    return copy


@needs_browser
@pytest.mark.parametrize("page", PAGES)
def test_page_loads_without_error_or_network(page):
    seen = visit(SITE / f"{page}.html")  # the console reports a request that the network refuses
    assert not seen.console, seen.console
    assert '<aside class="sidebar-drawer"' in seen.dom


@needs_axe
@pytest.mark.parametrize("page", PAGES)
def test_page_has_no_obstacles(page, tmp_path):
    assert violations(copy_of(page, tmp_path)) == []


def test_formulas_are_rendered():
    lesson = (SITE / f"{PAGES[1]}.html").read_text(encoding="utf-8")
    assert "<math" in lesson and "\\quad" not in lesson


@needs_browser
def test_search_finds_a_class():
    handler = functools.partial(Quiet, directory=SITE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/search.html?q=GroupNormalization"
        seen = visit_address(address, milliseconds=10000)
        server.shutdown()
    assert "api/scratchnet.layers.GroupNormalization.html" in seen.dom
