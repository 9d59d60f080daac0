"""The files of pages: template, data, size, and what a browser reports of them."""

import json
import re

import numpy as np
import pytest
from browser import check_page, needs_browser, visit
from page_data import array_of, data_of

from scratchnet.pages import html as pages
from scratchnet.pages.html import encode, fill, resource, to_json, write_page


def test_an_array_is_encoded_and_decoded(rng):
    x = rng.standard_normal((3, 4)).astype("float32")
    np.testing.assert_array_equal(array_of(encode(x.T)), x.T)  # not in C order
    assert array_of(encode(np.float64(0.5) * np.ones(1))).tolist() == [0.5]


def test_data_cannot_end_its_script_element(tmp_path):
    data = {"name": "</script><b>", "x": np.arange(2.0), "n": np.int64(3), "f": np.float32(0.5)}
    path = write_page(tmp_path / "page.html", title="A & B", body="", data=data)
    text = path.read_text()
    assert text.count("</script>") == 2 and "<title>A &amp; B</title>" in text
    read = data_of(path)
    assert read["name"] == "</script><b>" and read["n"] == 3 and read["f"] == 0.5


def test_numbers_that_json_does_not_have_are_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"x": float("nan")})


def test_a_template_needs_all_its_values():
    assert fill("{{a}} {b} {{c}}", a="{{c}}", c="1") == "{{c}} {b} 1"
    with pytest.raises(KeyError, match="c"):
        fill("{{a}} {{c}}", a="")


def test_a_page_above_the_limit_is_refused(tmp_path):
    big = np.zeros(60_000)
    with pytest.raises(ValueError, match=r"fits into 300 KB; this page has 33\d KB"):
        write_page(tmp_path / "page.html", title="", body="", data=big)
    assert not list(tmp_path.iterdir())
    path = write_page(tmp_path / "a" / "page.html", title="", body="", data=big, limit=None)
    assert path.stat().st_size > 320_000


def test_no_resource_has_an_address_but_the_namespace_of_svg():
    folder = pages.importlib.resources.files("scratchnet.pages")
    names = [f.name for f in folder.iterdir() if f.name.endswith((".html", ".js", ".css"))]
    assert {"page.html", "page.js", "style.css"} <= set(names)
    for name in names:
        text = resource(name).replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|//[a-z]+\.|@import|url\(", text), name


def test_the_policy_of_a_page_allows_no_request():
    assert "default-src 'none'" in resource("page.html")


@pytest.fixture
def small_page(tmp_path, monkeypatch):
    """A function that writes a page with a script."""

    def written(script, body="<p>text</p>", data=None):
        texts = {"own.js": script}
        original = pages.resource
        monkeypatch.setattr(pages, "resource", lambda name: texts.get(name) or original(name))
        return write_page(
            tmp_path / "small.html", title="Small", body=body, data=data, scripts=["own.js"]
        )

    return written


@needs_browser
def test_the_self_check_compares_with_numpy(small_page, rng):
    x, W, b = (rng.standard_normal(s).astype("float32") for s in ((5,), (5, 3), (3,)))
    script = """
        const {x, W, b, y, back} = readData();
        selfCheck([["dense", dense(floats(x), floats(W), floats(b)), y],
                   ["transposed", denseTransposed(y, floats(W)), back]]);"""
    y = x.astype("float64") @ W + b
    data = {"x": x, "W": W, "b": b, "y": y.tolist(), "back": (W @ y).tolist()}
    assert check_page(small_page(script, data=data)).check["count"] == 8


@needs_browser
@pytest.mark.parametrize("computed", ["[1, 2.001]", "[1, NaN]", "[1]"])
def test_the_self_check_finds_a_difference(small_page, computed):
    seen = visit(small_page(f'selfCheck([["x", {computed}, [1, 2]]]);'))
    assert not seen.check["ok"] and not float(seen.check["largest"]) <= 1e-5
    assert "more than" in re.search(r'<p id="check"[^>]*>([^<]*)', seen.dom)[1]


@needs_browser
def test_a_request_and_an_error_are_reported(small_page):
    seen = visit(
        small_page(
            'addEventListener("securitypolicyviolation", () => selfCheck([["x", 1, 1]]));'
            'new Image().src = "https://example.org/a.png";'
        )
    )
    assert any("example.org" in problem for problem in seen.check["problems"])
    assert seen.console
    seen = visit(small_page("missing();"))
    assert "missing is not defined" in "".join(seen.console)


@needs_browser
def test_random_numbers_are_uniform_and_normal(small_page):
    script = """
        const random = makeRandom(3), normal = random.normal, n = 20000;
        const mean = f => Array.from({length: n}, f).reduce((a, b) => a + b) / n;
        report([mean(random), mean(() => random() ** 2),
                mean(normal), mean(() => normal() ** 2), mean(() => normal() ** 4)]);"""
    np.testing.assert_allclose(
        visit(small_page(" "), script=script).result, [1 / 2, 1 / 3, 0, 1, 3], atol=0.15
    )


@needs_browser
def test_the_theme_follows_the_button(small_page):
    script = 'byId("theme").click(); report([root.dataset.theme, color("back")]);'
    seen = visit(small_page(" "), script=script)
    assert seen.result == ["dark", "#15171a"]


def test_the_data_of_a_page_is_valid_json(tmp_path):
    path = write_page(tmp_path / "p.html", title="", body="", data={"a": [1, "<"]})
    written = re.search(r'id="data">(.*?)</script>', path.read_text())[1]
    assert json.loads(written) == {"a": [1, "<"]}
