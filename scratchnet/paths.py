"""Paths as users write them, with ~ for the home folder."""

import os
from pathlib import Path


def expanded(path: str | os.PathLike) -> Path:
    """Return a path with ~ replaced by the home folder.

    >>> expanded("~/model.npz") == Path.home() / "model.npz"
    True
    """
    return Path(os.path.expanduser(path))
