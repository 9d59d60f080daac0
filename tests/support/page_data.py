"""The data of a page, read back from its file."""

import base64
import json
import re
from pathlib import Path

import numpy as np


def array_of(encoded):
    """The array that `scratchnet.pages.html.encode` has written."""
    flat = np.frombuffer(base64.b64decode(encoded["float32"]), "<f4")
    return flat.reshape(encoded["shape"])


def data_of(path):
    """The data of a page, arrays encoded."""
    text = Path(path).read_text(encoding="ascii")
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])


def assert_self_contained(path, most=300_000):
    """Assert that a page has no address but the namespace of SVG, and at most so many bytes."""
    text = Path(path).read_text(encoding="ascii").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:", text)
    assert Path(path).stat().st_size <= most
