"""Pages in a headless Chromium: what they compute, what they report, and pictures of them.

    @needs_browser
    def test_page(tmp_path):
        check_page(write(tmp_path / "page.html"))

The browser resolves no host name, so that no page can reach a network. axe-core, which looks for
obstacles to people with disabilities, is used where the environment variable AXE_CORE names the
file axe.min.js of the npm package `axe-core`.
"""

import html
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
AXE = os.environ.get("AXE_CORE")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--enable-logging=stderr",
)

# Functions for the script of a test: report a value, press a key on an element.
REPORT = """
    const report = value => { document.documentElement.dataset.result = JSON.stringify(value); };
    const press = (target, key, more = {}) => target.dispatchEvent(
      new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true, ...more}));
"""

needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"
)
needs_axe = pytest.mark.skipif(
    CHROMIUM is None or not AXE,
    reason="no axe-core: npm install axe-core, and AXE_CORE=node_modules/axe-core/axe.min.js",
)


def run_chromium(*arguments):
    """Standard output and standard error of one run of the browser."""
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *arguments],
            capture_output=True,
            timeout=120,
            check=True,
        )
    return done.stdout.decode(), done.stderr.decode()


def visit(path, milliseconds=3000, fragment="", script=""):
    """Open a page, let its time run, and return (dom, check, result, console).

    dom       the document as HTML text
    check     the result of selfCheck() in page.js, a dictionary; None if the page has none
    result    what `script`, run after those of the page, has passed to report(); None without
    console   messages that the page wrote to the console, errors among them
    """
    with tempfile.TemporaryDirectory() as folder:
        if script:
            text = Path(path).read_text(encoding="utf-8")
            path = Path(folder, Path(path).name)
            path.write_text(f"{text}<script>{REPORT}{{{script}}}</script>", encoding="utf-8")
        out, err = run_chromium(
            f"--virtual-time-budget={milliseconds}",
            "--dump-dom",
            f"{Path(path).resolve().as_uri()}{fragment}",
        )
    return SimpleNamespace(
        dom=out,
        check=_attribute(out, "check"),
        result=_attribute(out, "result"),
        console=[line for line in err.splitlines() if "CONSOLE" in line],
    )


def visit_address(address, milliseconds=3000):
    """Open a page of a server on 127.0.0.1; the result is that of `visit`."""
    out, err = run_chromium(
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # the last such flag counts
        f"--virtual-time-budget={milliseconds}",
        "--dump-dom",
        address,
    )
    return SimpleNamespace(
        dom=out,
        check=_attribute(out, "check"),
        result=_attribute(out, "result"),
        console=[line for line in err.splitlines() if "CONSOLE" in line],
    )


def _attribute(dom, name):
    """The value of <html data-name="..."> as JSON, None if there is none."""
    found = re.search(rf'<html[^>]*\bdata-{name}="([^"]*)"', dom)
    return json.loads(html.unescape(found[1])) if found else None


def check_page(path, milliseconds=3000):
    """Assert that a page computes NumPy's numbers, makes no request and reports no error.

    Each canvas must have a text alternative, or be hidden from screen readers as decoration.
    """
    seen = visit(path, milliseconds)
    assert not seen.console, seen.console
    assert seen.check, "the page has no <html data-check>"
    assert seen.check["problems"] == [] and seen.check["requests"] == 0, seen.check
    nameless = [
        tag
        for tag in re.findall(r"<canvas[^>]*>", seen.dom)
        if not re.search('aria-(label="|hidden="true")', tag)
    ]
    assert not nameless, f"a canvas needs a text alternative: {nameless}"
    assert seen.check["ok"] and float(seen.check["largest"]) <= 1e-5, seen.check
    return seen


def screenshot(path, to, width=1280, height=900, milliseconds=3000):
    """Write a picture of the page in a window of this size to a .png file.

    A window of Chromium is at least 500 pixels wide, so a narrower page lies in a frame.
    """
    target = Path(path).resolve()
    with tempfile.TemporaryDirectory() as folder:
        if width < 500:
            frame = Path(folder, "frame.html")
            frame.write_text(
                f'<body style="margin:0"><iframe src="{target.as_uri()}" style="border:0;'
                f'width:{width}px;height:{height}px"></iframe>'
            )
            target = frame
        run_chromium(
            f"--virtual-time-budget={milliseconds}",
            f"--window-size={max(width, 500)},{height}",
            f"--screenshot={Path(to).resolve()}",
            target.as_uri(),
        )
    return to


def violations(path):
    """Rules of axe-core that a page breaks, as lines of text; best an empty list."""
    page = Path(path).read_text(encoding="utf-8")
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
    axe = Path(AXE).read_text(encoding="utf-8").replace("</script", "<\\/script")
    run = """
        axe.run(document, {resultTypes: ["violations"]}).then(result => {
          document.documentElement.dataset.axe = JSON.stringify(result.violations.map(v =>
            `${v.id}: ${v.help}: ${v.nodes.map(n => n.target.join(" ")).join(", ")}`));
        });"""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "page.html")
        script = f"<script>{axe}</script><script>setTimeout(() => {{{run}}}, 500)</script>"
        copy.write_text(policy.sub("", page) + script, encoding="utf-8")
        out, _ = run_chromium("--virtual-time-budget=20000", "--dump-dom", copy.as_uri())
    found = _attribute(out, "axe")
    assert found is not None, "axe-core did not finish"
    return found
