"""Pages of runs: contents, size, and what a browser says about them."""

import re
from html.parser import HTMLParser

import pytest
from browser import needs_axe, needs_browser, violations, visit

from scratchnet.pages.run_page import SOURCES, write_comparison, write_run_page

ROW = {"expected": 0.5, "tolerance": "+- 0.1", "reference": "PyTorch, seed 0"}
RUN = {
    "title": "01 - A <lesson>",
    "flags": ["--quick"],
    "fault": None,
    "settings": {"units": 8, "quick": True},
    "figures": {"01_samples.png": "pictures", "02_test_loss.png": 'a "falling" line'},
    "metrics": {"loss": 0.512345, "accuracy": 1.0},
    "seconds": 1.25,
    "expected": [{"metric": "loss", "yours": 0.512345, "verdict": "off - see Pitfalls", **ROW}],
}
BROKEN = RUN | {
    "flags": ["--break", "zeros", "--quick"],
    "fault": "weights start at 0",
    "settings": {"units": 8, "quick": True, "broken": "zeros"},
    "figures": {"01_samples.png": "pictures", "03_more.png": "one more"},
    "metrics": {"loss": 7.0},
}
GREY = bytes.fromhex(  # an image of one pixel
    "89504e470d0a1a0a0000000d4948445200000001000000010800000000"
    "3a7e9b550000000a49444154789c63680000008200817cd1f2560000000049454e44ae426082"
)


class Images(HTMLParser):
    """Attributes of all images, and all addresses, of a page."""

    def __init__(self, text):
        super().__init__()
        self.images, self.addresses = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "img":
            self.images.append(attributes)
        self.addresses += [v for k, v in attributes.items() if k in ("src", "href")]


def rows(text):
    """Cells of each row of the tables, as texts."""
    found = re.findall(r"<tr>(.*?)</tr>", text)
    return [re.findall(r">([^<>]*)</t[hd]>", row) for row in found]


@pytest.fixture
def pages(tmp_path):
    paths = []
    for name, run in (("a", RUN), ("b", BROKEN)):
        folder = tmp_path / name
        folder.mkdir()
        for figure in run["figures"]:
            (folder / figure).write_bytes(GREY)
        paths.append(write_run_page(folder, run, [("Dense", "dense.py", "x @ W < y & z")]))
    paths.append(write_comparison(tmp_path / "b" / "compare.html", [RUN, BROKEN], ["../a", "."]))
    return paths


def test_a_run_has_figures_with_alternatives_numbers_verdicts_settings_and_sources(pages):
    text = pages[0].read_text(encoding="ascii")
    seen = Images(text)
    assert [(i["src"], i["alt"]) for i in seen.images] == list(RUN["figures"].items())
    cells = rows(text)
    verdict = ["loss", "0.5123", "0.5", "+- 0.1", "off - see Pitfalls", "PyTorch, seed 0"]
    assert verdict in cells and ["accuracy", "1", "-", "-", "-", "-"] in cells
    assert ["units", "8"] in cells
    assert "x @ W &lt; y &amp; z" in text and "01 - A &lt;lesson&gt;" in text
    assert "weights start at 0" not in text
    assert "Broken on purpose: weights start at 0." in pages[1].read_text(encoding="ascii")


def test_a_comparison_has_both_numbers_the_settings_that_differ_and_pairs_of_figures(pages):
    text = pages[2].read_text(encoding="ascii")
    assert ["loss", "0.5123", "7", "0.5", "+- 0.1"] in rows(text)
    assert ["accuracy", "1", "-", "-", "-"] in rows(text)
    assert ["metric", "default", "--break zeros", "expected", "tolerance"] in rows(text)
    assert ["broken", "-", "zeros"] in rows(text) and ["units", "8", "8"] not in rows(text)
    seen = Images(text).images
    assert [i["src"] for i in seen] == [
        "../a/01_samples.png",
        "./01_samples.png",
        "../a/02_test_loss.png",
        "./03_more.png",
    ]
    assert text.count("no such figure") == 2
    assert "--break zeros, broken on purpose: weights start at 0." in text


def test_two_equal_runs_can_be_compared(tmp_path):
    text = write_comparison(tmp_path / "a.html", [RUN, RUN], [".", "."]).read_text()
    assert "Both runs have the same settings." in text


def test_a_run_without_numbers_says_so(tmp_path):
    started = {key: RUN[key] for key in ("title", "settings", "figures")}
    text = write_run_page(tmp_path, started).read_text(encoding="ascii")
    assert "This run has not ended" in text


def test_a_page_needs_no_script_and_names_no_address_of_the_network(pages):
    for page in pages:
        text = page.read_text(encoding="ascii")
        assert "<script" not in text
        assert not [a for a in Images(text).addresses if "//" in a or a.startswith("/")]


def test_long_sources_are_left_out_so_that_the_page_stays_below_its_size(tmp_path):
    sources = [(f"Layer{i}", "layers.py", "<" * (SOURCES // 4)) for i in range(9)]
    page = write_run_page(tmp_path, RUN, sources)
    text = page.read_text(encoding="ascii")
    assert "Too long for this page: Layer4 in layers.py" in text
    plain = [(name, file, code.replace("<", "x")) for name, file, code in sources]
    assert write_run_page(tmp_path, RUN, plain).stat().st_size < 50_000


@needs_browser
@pytest.mark.parametrize("page", range(3))
def test_a_browser_reports_no_error(pages, page):
    seen = visit(pages[page])
    assert seen.console == []


@needs_axe
@pytest.mark.parametrize("page", range(3))
def test_a_page_has_no_obstacles(pages, page):
    assert violations(pages[page]) == []
