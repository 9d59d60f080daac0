"""Finite differences of a layer or loss, and how far rounding lets them be known."""

import math
from collections.abc import Callable

import numpy as np

from scratchnet.backend import Array

KINK = 1e-3  # relative difference of the slopes to the left and right, above which a step is a kink
ROUNDED = 32  # units in the last place by which an output of several layers is rounded, at most


def rounding(y: list, upstream: list, eps: float) -> float:
    """Size of a finite difference of L = sum(R y), with the step eps, that is rounding alone.

    >>> f"{rounding([np.ones(4)], [np.ones(4)], eps=1e-6):.0e}"
    '1e-08'
    """
    squares = sum(((a * r) ** 2).sum() for a, r in zip(y, upstream, strict=True))
    return ROUNDED * np.finfo(np.float64).eps * math.sqrt(squares) / eps


def differences(
    f: Callable,
    array: Array,
    upstream: list,
    eps: float,
    samples: int | None,
    rng: np.random.Generator,
    indices: Array | None = None,
) -> tuple:
    """Finite differences of L = sum(R y) by the entries of an array that f() reads.

    f() returns the arrays y, `upstream` contains an R for each; `indices` are the flat indices to
    choose from, by default all. Returns (flat indices of the entries, numeric gradient there, True
    at kinks). At a kink the slopes to the left and right differ, by more than rounding explains.

    >>> a, rng = np.array([3.0]), np.random.default_rng(0)
    >>> _, numeric, _ = differences(lambda: [a**2], a, [1.0], 1e-6, None, rng)
    >>> numeric.round(4)
    array([6.])
    """
    if indices is None:
        indices = np.arange(array.size)
    if samples is not None and samples < len(indices):
        indices = np.sort(rng.choice(array.size, samples, replace=False))
    flat = array.flat  # to write here changes the array that f reads, whatever its memory layout
    y0 = f()
    rounded = rounding(y0, upstream, eps=1.0)
    numeric, kinks = np.zeros(len(indices)), np.zeros(len(indices), dtype=bool)
    for k, i in enumerate(indices):
        w, difference = flat[i], 0.0
        for step in (eps, eps / 10, eps / 100):
            noise = 4 * rounded / step  # of two slopes, each of two outputs
            if kinks[k] and noise > difference / 2:
                break  # a smaller step would show rounding, not whether there is a kink
            right, left = (_slope(f, flat, i, w, h, y0, upstream) for h in (step, -step))
            numeric[k] = (right + left) / 2
            slope, difference = max(abs(right), abs(left), 1e-6), abs(right - left)
            kinks[k] = difference > max(KINK * slope, noise)
            if not kinks[k]:
                break
        flat[i] = w
    return indices, numeric, kinks


def _slope(f, flat, i, w, h, y0, upstream):
    """sum(R (y(w + h) - y(w))) / h: an output that does not change has the difference 0 exactly."""
    flat[i] = w + h
    h = flat[i] - w  # the step in floating point
    return sum(((y - y_) * r).sum() for y, y_, r in zip(f(), y0, upstream, strict=True)) / h
