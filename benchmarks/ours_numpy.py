"""Steps of scratchnet as without Numba, in an environment that has it."""

from benchmarks import ours
from benchmarks.ours import has, train_step

__all__ = ["has", "prepare", "train_step"]


def prepare(threads, kind=None):
    """Versions and BLAS, after making every vector too short for a compiled loop."""
    from scratchnet import compiled

    about = ours.prepare(threads, kind)
    compiled.LEAST = float("inf")
    return {name: value for name, value in about.items() if name != "numba"}
