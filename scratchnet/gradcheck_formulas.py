"""Explanations of a wrong gradient that need x, y or dy: a mask, a slope, a term that is missing.

Each function takes a `Pair` and arrays of its shape, and returns a sentence or None, as those of
`scratchnet.gradcheck_patterns`.
"""

import math

import numpy as np

from scratchnet.backend import Array
from scratchnet.gradcheck_factors import near
from scratchnet.gradcheck_patterns import CLOSE, Pair
from scratchnet.numerics import sigmoid


def mask(pair: Pair, dy: Array | None = None) -> str | None:
    """Entries that are 0 and should not be, or the reverse: a mask inverted, missing, or of dy.

    dy is the gradient that arrives, if it has the shape of the array.

    >>> pair = Pair("x", (3,), np.array([0.0, 3.0, 0.0]), np.arange(3), np.array([5.0, 0.0, 7.0]))
    >>> mask(pair)
    'the mask is inverted: entries are 0 where the gradient passes, and the reverse'
    """
    passes, zeros = abs(pair.numeric) > CLOSE * pair.scale, pair.analytic == 0
    if not passes.any() or pair.numeric.size < 3:
        return None
    if dy is not None and np.array_equal(~zeros, dy.reshape(-1)[pair.indices] > 0):
        return "the mask is taken from dy: the sign of x (or of y) decides, not that of dy"
    if np.array_equal(zeros, passes) and not passes.all():
        return "the mask is inverted: entries are 0 where the gradient passes, and the reverse"
    if pair.right[passes].all() and not passes.all():
        return (
            f"the mask is missing: {int((~zeros & ~passes).sum())} entries have a gradient and "
            "should have 0, all others are right"
        )
    return None


def elementwise(pair: Pair, factors: dict[str, Array]) -> str | None:
    """A factor that is missing or too many, of known arrays {formula: array} of the same shape.

    >>> pair = Pair("x", (3,), np.array([1.0, 2.0, 3.0]), np.arange(3), np.array([2.0, 6.0, 12.0]))
    >>> elementwise(pair, {"x": np.array([2.0, 3.0, 4.0])})
    'the factor x is missing'
    """
    if pair.numeric.size < 3:
        return None
    for formula, array in factors.items():
        if pair.fits(pair.grad * array):
            return f"the factor {formula} is missing"
        candidate = abs(pair.analytic - pair.numeric * array.reshape(-1)[pair.indices])
        if pair.analytic.any() and (candidate <= CLOSE * abs(pair.analytic).max()).all():
            return f"the factor {formula} is one too many"
    return None


def slope(pair: Pair, dy: Array, x: Array, y: Array) -> str | None:
    """The slope of a function that is computed from x where y is needed, or from y twice.

    >>> x = np.array([0.5, 1.0, 2.0])
    >>> y = sigmoid(x)
    >>> slope(Pair("x", (3,), x * (1 - x), np.arange(3), y * (1 - y)), np.ones(3), x, y)
    'the slope x (1 - x) is computed from x: y (1 - y) takes the output y'
    """
    if pair.numeric.size < 3:
        return None
    forms = {
        "x (1 - x)": ("y (1 - y)", x * (1 - x), y * (1 - y)),
        "1 - x^2": ("1 - y^2", 1 - x * x, 1 - y * y),
        "s(y) (1 - s(y))": ("y (1 - y)", sigmoid(y) * (1 - sigmoid(y)), y * (1 - y)),
        "1 - tanh(y)^2": ("1 - y^2", 1 - np.tanh(y) ** 2, 1 - y * y),
    }
    for wrong, (formula, value, right) in forms.items():
        if pair.fits(dy * right) and np.allclose(pair.grad, dy * value, CLOSE, CLOSE * pair.scale):
            if wrong.startswith(("x", "1 - x")):
                return f"the slope {wrong} is computed from x: {formula} takes the output y"
            return f"the function is applied to y again: the slope is {formula}, from y itself"
    return None


def missing_term(pair: Pair, terms: dict[str, Array]) -> str | None:
    """The right gradient without one of `terms`, {formula: array of its shape}, times a number.

    >>> pair = Pair("x", (3,), np.array([1.0, 2.0, 3.0]), np.arange(3), np.array([2.0, 4.0, 9.0]))
    >>> missing_term(pair, {"dy": np.array([1.0, 2.0, 6.0])})
    'a term is missing: the gradient lacks 1 x dy'
    """
    if pair.numeric.size < 3:
        return None
    lacking = pair.numeric - pair.analytic
    for formula, term in terms.items():
        if np.shape(term) != pair.shape:
            continue
        values = term.reshape(-1)[pair.indices]
        square = float(values @ values)
        c = float(lacking @ values) / square if square else 0.0
        if c and pair.fits(pair.grad + c * term):
            return f"a term is missing: the gradient lacks {c:.6g} x {formula}"
    return None


def product(pair: Pair, dy: Array, x: Array, y: Array) -> str | None:
    """A wrong term of dx = dy g(x) + dy x g'(x), the gradient of y = x g(x), with g(x) = y / x.

    >>> x = np.array([0.5, 1.0, 2.0])
    >>> s = sigmoid(x)
    >>> right = s + x * s * (1 - s)
    >>> product(Pair("x", (3,), s, np.arange(3), right), np.ones(3), x, x * s)
    "for y = x g(x), dx is dy g(x) + dy x g'(x), with g(x) = y / x: the second term is missing"
    """
    if pair.numeric.size < 3 or not x.all():
        return None
    first = (dy * y / x).reshape(-1)[pair.indices]
    second = pair.numeric - first
    for name, term, other in (("second", second, first), ("first", first, second)):
        square = float(term @ term)
        if square <= CLOSE * float(pair.numeric @ pair.numeric):  # rounding, for example of y = x
            continue
        r = float((pair.analytic - other) @ term) / square
        if (abs(pair.analytic - other - r * term) <= CLOSE * pair.scale).all():
            state = f"is {r:.6g} times the right value"
            if near(r, -1):
                state = "has the wrong sign"
            if abs(r) <= CLOSE:
                state = "is missing"
            return (
                "for y = x g(x), dx is dy g(x) + dy x g'(x), with g(x) = y / x: "
                f"the {name} term {state}"
            )
    return None


def class_index(pair: Pair, target: Array) -> str | None:
    """A gradient in which 1 is subtracted from whole rows or columns of p, by an index of classes.

    target are the one-hot rows of the classes.

    >>> p, target = np.full((3, 2), 0.5), np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    >>> wrong, right = p - [[1.0], [1.0], [0.0]], p - target
    >>> class_index(Pair("x", (3, 2), wrong, np.arange(6), right.ravel()), target)[:38]
    'p[target] -= 1 changes whole rows of p'
    """
    if len(pair.shape) != 2 or not np.isin(target, (0, 1)).all():
        return None
    classes = np.unique(target.argmax(axis=1))
    n, k = pair.shape
    rows = np.repeat(np.isin(np.arange(n), classes)[:, None], k, axis=1)
    columns = np.repeat(np.isin(np.arange(k), classes)[None], n, axis=0)
    for index, words, changed in (("target", "rows", rows), (":, target", "columns", columns)):
        if missing_term(pair, {"": changed - target}):
            return (
                f"p[{index}] -= 1 changes whole {words} of p: the entries of the classes are "
                "p[np.arange(N), target]"
            )
    return None


def constant_statistics(pair: Pair, dy: Array, x: Array) -> str | None:
    """Terms through the statistics of the batch, where mean and variance are constants.

    >>> x, dy, n = np.array([[1.0], [2.0], [4.0], [9.0]]), np.arange(4.0)[:, None], np.arange(4)
    >>> constant_statistics(Pair("x", (4, 1), dy - dy.mean(), n, np.arange(4.0)), dy, x)[:39]
    'it contains terms through the mean and '
    """
    axes = tuple(range(x.ndim - 1))
    if pair.full is None or x.ndim < 2 or math.prod(x.shape[:-1]) < 4:
        return None
    scale = (pair.full * dy).sum(axis=axes) / (dy**2).sum(axis=axes)
    if not pair.fits(dy * scale) or not statistics_term(pair, x):
        return None
    return (
        "it contains terms through the mean and variance of the batch; with train=False these are "
        "constants: dx = dy gamma / sqrt(var + epsilon)"
    )


def statistics_term(pair: Pair, x: Array) -> str | None:
    """Missing terms of a normalization: those through the mean and the variance.

    >>> x, n = np.array([[1.0], [2.0], [4.0], [9.0]]), np.arange(4)
    >>> statistics_term(Pair("x", (4, 1), np.ones((4, 1)), n, np.full(4, 3.0)), x)
    'the term through the mean over the batch is missing, or has a wrong factor'
    """
    full = pair.full
    if full is None or x.shape != pair.shape or x.ndim < 2:
        return None
    for axes, words in (
        (tuple(range(x.ndim - 1)), "the batch"),
        ((x.ndim - 1,), "the last axis"),
        (tuple(range(1, x.ndim)), "each sample"),
    ):
        lacking = full - pair.grad
        if math.prod(x.shape[a] for a in axes) < 4:
            continue
        centered = x - x.mean(axis=axes, keepdims=True)
        spread = (centered**2).sum(axis=axes, keepdims=True)
        mean = lacking.mean(axis=axes, keepdims=True)
        slopes = (lacking * centered).sum(axis=axes, keepdims=True) / np.where(spread, spread, 1)
        if pair.fits(pair.grad + mean):
            through = "the mean"
        elif pair.fits(pair.grad + slopes * centered):
            through = "the variance"
        elif pair.fits(pair.grad + mean + slopes * centered):
            return f"the terms through the mean and the variance over {words} are missing or wrong"
        else:
            continue
        return f"the term through {through} over {words} is missing, or has a wrong factor"
    return None
