"""Source folder of the site: the Markdown pages, the API pages and the lessons.

<out>/source/           pages with links between them, api/, images/; Sphinx-Gallery adds lessons/
<out>/lessons/          copies of the lessons, which run here, so that the tree stays clean
"""

import json
import posixpath
import re
from pathlib import Path

from docs.site.api import write_api
from scratchnet.notebook import notebook

OTHERS = {  # pages outside docs/: their names on the site
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
    "benchmarks/results.md": "benchmark_results.md",
}
ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(!?)\[((?:!\[[^\]]*\]\([^)]*\)|[^\]])*)\]\(([^)\s]+)\)")  # also around an image


def write_source(root, out):
    """Write <out>/source and <out>/lessons from the tree at root; equal files keep their time."""
    names = {f"docs/{path.name}": path.name for path in (root / "docs").glob("*.md")} | OTHERS
    for page, name in names.items():
        if page != "README.md":
            text = (root / page).read_text(encoding="utf-8")
            _write(out / "source" / name, link_to_site(text, page, names, root))
    for image in (root / "docs" / "images").rglob("*.png"):
        _write(out / "source" / image.relative_to(root / "docs"), image.read_bytes())
    header = (root / "docs" / "gallery_header.rst").read_text(encoding="utf-8")
    _write(out / "lessons" / "GALLERY_HEADER.rst", header)
    for lesson in (root / "lessons").glob("[0-9][0-9]_*.py"):
        text = lesson.read_text(encoding="utf-8")
        _write(out / "lessons" / lesson.name, text)
        content = json.dumps(notebook(lesson.stem, text), indent=0) + "\n"
        _write(out / "source" / "lessons" / f"{lesson.stem}.ipynb", content)
    write_api(root, lambda name, text: _write(out / "source" / "api" / name, text))


def link_to_site(text, page, names, root):
    """Text of a page with its relative links changed to the files of the site.

    A link to a file of the tree that is not on the site becomes plain text. Raises ValueError for a
    link to a file that does not exist.

    Parameters
        text    Markdown
        page    path of the page in the tree, "docs/gpu.md"
        names   {path of a page in the tree: its name on the site}
        root    Path of the tree

    >>> names = {"docs/gpu.md": "gpu.md", "README.md": "index.md"}
    >>> link_to_site("[start](../README.md#gpu), [CI](../.ci/run)", "docs/gpu.md", names, ROOT)
    '[start](index.md#gpu), CI'
    """

    def replaced(found):
        image, words, address = found.groups()
        words = LINK.sub(replaced, words)
        file, mark, anchor = address.partition("#")
        if not file or re.match(r"[a-z]+:", file):
            return f"{image}[{words}]({address})"
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page), file))
        if path in names:
            return f"{image}[{words}]({names[path]}{mark}{anchor})"
        if re.fullmatch(r"lessons/\d\d_\w+\.py", path):
            return f"[{words}]({path.removesuffix('.py')}.rst)"
        if path.startswith("docs/images/"):  # Sphinx reports a missing image
            return f"{image}[{words}]({path.removeprefix('docs/')})"
        if not (root / path).exists():
            raise ValueError(f"{page} links to {file}, which does not exist: correct the link")
        return words

    return LINK.sub(replaced, text)


def _write(path, content):
    content = content.encode() if isinstance(content, str) else content
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
