"""The parts of the site that need no Sphinx: docstrings, links, names of the API, shorter pages."""

import doctest
from pathlib import Path

import pytest
from PIL import Image

from docs.site import api, docstrings, figures, links, shrink, source

ROOT = Path(__file__).parents[2]
NAMES = {"docs/gpu.md": "gpu.md", "README.md": "index.md"}


@pytest.mark.parametrize("module", [docstrings, shrink, source], ids=lambda m: m.__name__)
def test_examples(module):
    done = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert done.attempted and not done.failed


def test_docstring_blocks():
    text = """Energy |E|, elementwise.

    with W

        E = -a v - b h

    forward    x (N, D) -> y

        y = x W

    Parameters
        k                sweeps
        momentum, decay   see `Dense`,
                         in each step
        bias_ or none

    >>> 1 + 1
    2""".replace("\n    ", "\n").split("\n")
    found = "\n".join(docstrings.to_rst(text, {"Dense": "scratchnet.layers.Dense"}.get))
    assert found.startswith("Energy \\|E\\|, elementwise.\n\nwith W\n\n")
    formulas = "   E = -a v - b h\n\n   forward    x (N, D) -> y\n\n       y = x W\n"
    assert f".. code-block:: text\n\n{formulas}" in found
    assert ":Parameters:\n   ``k``\n      sweeps\n" in found
    assert "   ``momentum, decay``\n      see :py:obj:`Dense <scratchnet.layers.Dense>`,\n" in found
    assert "      in each step\n\n   bias\\_ or none\n" in found
    assert found.endswith("\n>>> 1 + 1\n2\n")


def test_links_of_markdown_pages():
    page = "[![a](images/x.png)](../lessons/01_dense_autoencoder.py)"
    linked = "[![a](images/x.png)](lessons/01_dense_autoencoder.rst)"
    assert source.link_to_site(page, "docs/index.md", NAMES, ROOT) == linked
    page = "[c](#part) [d](https://numpy.org) [e](../scratchnet/backend.py)"
    linked = "[c](#part) [d](https://numpy.org) e"
    assert source.link_to_site(page, "docs/gpu.md", NAMES, ROOT) == linked
    with pytest.raises(
        ValueError, match=r"docs/gpu.md links to ../missing.md, which does not exist"
    ):
        source.link_to_site("[f](../missing.md)", "docs/gpu.md", NAMES, ROOT)


def test_links_of_the_site(tmp_path):
    (tmp_path / "a.html").write_text(
        '<p id="here"></p><a href="b.html#x">1</a><a href="b.html#y">2</a><a href="c.html">3</a>'
        '<a href="https://numpy.org">4</a><a href="#here">5</a><img src="https://numpy.org/l.png">'
    )
    (tmp_path / "b.html").write_text('<a id="x" href="a.html?q=1">1</a>')
    assert links.broken_links(tmp_path) == [
        "a.html links to b.html#y, and the page has no such anchor",
        "a.html links to c.html, which does not exist",
        "a.html loads https://numpy.org/l.png from another site",
    ]


def test_shorter_pages(tmp_path):
    page = tmp_path / "a.html"
    page.write_text(
        '<aside class="toc-drawer">\n  <a title="Link to this heading" href="#a">a</a></aside>\n'
        '<pre><a class="sphx-glr-backref-module-x reference" title="scratchnet.x">b</a>\n'
        '  <span class="s2">"</span><span class="s2">c</span></pre>'
    )
    (tmp_path / "theme.css.map").write_text("{}")
    shrink.shrink_site(tmp_path)
    short = page.read_text()
    assert short == (
        '<aside class="toc-drawer" aria-label="Page">\n<a href="#a">a</a></aside>\n'
        '<pre><a class="reference">b</a>\n  <span class="s2">"c</span></pre>'
    )
    assert shrink.shrink(short) == short
    assert list(tmp_path.iterdir()) == [page]


def test_each_name_has_one_page():
    groups = api.documented(ROOT)
    full = api.places(groups)
    names = list(full.values())
    assert len(set(names)) == len(names)
    assert full[__import__("scratchnet.layers").layers.Dense] == "scratchnet.layers.Dense"
    pages = {}
    api.write_api(ROOT, pages.__setitem__)
    for name in names:
        module, _, short = name.rpartition(".")
        own = f".. autoclass:: {name}" in pages.get(f"{name}.rst", "")
        assert own or f".. autofunction:: {name}" in pages[f"{module}.rst"], name
    for modules in groups.values():
        for module in modules:
            assert f"<{module.__name__}>`" in pages["index.rst"]


def test_palette(tmp_path):
    noise = Image.effect_noise((64, 64), 80).convert("RGB")
    noise.save(tmp_path / "in.png")
    figures.save_palette(tmp_path / "in.png", tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert image.mode == "P" and image.size == (64, 64)
        assert len(image.getcolors()) <= figures.COLOURS


def test_lesson_figures_are_taken_once(tmp_path):
    class Cfg:
        out, figures = Path("run"), {"01_a.png": "a curve", "02_b.png": "two digits"}

    (tmp_path / "run").mkdir()
    for name in Cfg.figures:
        Image.new("RGB", (4, 4)).save(tmp_path / "run" / name)
    (tmp_path / "images").mkdir()
    names = iter([str(tmp_path / "images" / f"{i}.png") for i in range(3)])
    cell = {
        "example_globals": {"cfg": Cfg},
        "image_path_iterator": names,
        "src_file": str(tmp_path / "00_a.py"),
    }
    text = figures.scrape(None, cell, {"src_dir": str(tmp_path)})
    assert text.count(".. image:: /images/") == 2 and ":alt: two digits\n" in text
    assert figures.scrape(None, cell, {"src_dir": str(tmp_path)}) == ""
    assert next(names).endswith("2.png")
