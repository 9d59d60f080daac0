"""Steps of scratchnet as without Numba, in an environment that has it."""

import sys

from benchmarks import ours
from benchmarks.ours import has, train_step

__all__ = ["has", "prepare", "train_step"]


def prepare(threads, kind=None):
    """Versions and BLAS, in a process that cannot import Numba."""
    sys.modules["numba"] = None  # type: ignore[assignment]
    return ours.prepare(threads, kind)
