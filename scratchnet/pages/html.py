"""Web pages in one file: a template, its style, scripts and data, written to disk.

A page opens without a server and without a network, and its security policy forbids every request:

    write_page(path, title="Gibbs chains", body=resource("chains.html"), data={...},
               scripts=["network.js", "chains.js"])

The page has the style of style.css and the functions of page.js, then the scripts of the page. They
read `data` with readData() and an encoded array with floats(). `selfCheck` of page.js compares what
the page computes with values of NumPy in `data` and writes the result into an attribute of the root
element, where a test reads it: <html data-check='{"largest": 1e-7, ...}'>.
"""

import base64
import html
import importlib.resources
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from scratchnet.backend import Array, to_numpy
from scratchnet.paths import expanded

LIMIT = 300  # kilobytes of a page


def write_page(
    path: str | Path,
    *,
    title: str,
    body: str,
    data: Any = None,
    scripts: Iterable[str] = (),
    styles: Iterable[str] = (),
    limit: float | None = LIMIT,
) -> Path:
    """Write a page to `path` and return the path.

    Parameters
        title     of the window and the heading
        body      HTML inside of <main>
        data      anything that json can write; arrays are encoded with `encode`
        scripts   names of files of this package that follow page.js
        styles    names of files of this package that follow style.css
        limit     size of the page in kilobytes; None: any size

    Raises ValueError if the page is larger than the limit.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_page(f"{folder}/a.html", title="A", body="<p>a</p>", data={"x": 1})
    ...     "<p>a</p>" in path.read_text(encoding="ascii")
    True
    """
    text = fill(
        resource("page.html"),
        title=html.escape(title),
        style="\n".join(resource(name) for name in ("style.css", *styles)),
        body=body,
        data=to_json(data),
        script="\n".join(resource(name) for name in ("page.js", *scripts)),
    )
    content = text.encode("ascii", "xmlcharrefreplace")
    if limit is not None and len(content) > 1000 * limit:
        raise ValueError(
            f"a page expects a model that fits into {limit:g} KB; this page has "
            f"{len(content) / 1000:.0f} KB: use a model with fewer weights, or pass "
            f"limit={len(content) / 1000 + 1:.0f}"
        )
    path = expanded(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def fill(template: str, **values: str) -> str:
    """Replace each {{name}} of a template by the value of that name.

    Raises KeyError for a name without a value.

    >>> fill("<h1>{{title}}</h1>", title="A page")
    '<h1>A page</h1>'
    """
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)


def resource(name: str) -> str:
    """Text of a file of this package: a template, a style or a script.

    >>> resource("page.html").splitlines()[0]
    '<!doctype html>'
    """
    return (importlib.resources.files("scratchnet.pages") / name).read_text(encoding="ascii")


def encode(array: Array) -> dict:
    """Array as {"shape": [...], "float32": base64 of the little-endian numbers}, for `floats`.

    >>> encode(np.array([[1.0, 2.0]]))
    {'shape': [1, 2], 'float32': 'AACAPwAAAEA='}
    """
    array = np.ascontiguousarray(to_numpy(array), dtype="<f4")
    return {"shape": list(array.shape), "float32": base64.b64encode(array.tobytes()).decode()}


def to_json(data: Any) -> str:
    """Data as JSON that may be written inside of a <script> element; arrays are encoded.

    >>> to_json({"name": "</script>", "x": np.zeros(1)})
    '{"name":"\\\\u003c/script>","x":{"shape":[1],"float32":"AAAAAA=="}}'
    """
    text = json.dumps(data, separators=(",", ":"), default=_plain, allow_nan=False)
    return text.replace("<", "\\u003c")


def _plain(value):
    return value.item() if getattr(value, "ndim", 1) == 0 else encode(value)
