"""Sentences that say in which way an array differs from the expected one."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.backend import Array
from scratchnet.gradcheck_factors import HALF_OR_TWICE, meanings, near, scaled

CLOSE = 1e-9  # largest relative difference of results that agree; all is computed in float64


def difference(
    name: str,
    got: Any,
    expected: Array,
    wrong: dict[str, Any] | None = None,
    quantities: dict[str, float] | None = None,
    others: Sequence[tuple[Any, Array, dict[str, float]]] = (),
) -> str:
    """Sentence about the first difference between two arrays; "" if they agree.

    Parameters
        name       of the array in the sentence
        wrong      {sentence: array} of frequent mistakes: the sentence of the first that equals got
        quantities {words: number} of sizes that may be a factor of the result
        others     (got, expected, quantities) for other inputs: they decide between quantities
                   that are equal by chance

    >>> difference("y", np.array([2.0, 4.0]), np.array([1.0, 2.0]))
    'y is 2 times the right value in every entry: look for a factor 2 or 1/2'
    >>> difference("y", None, np.array([1.0]))
    'y is None: return an array of shape (1,)'
    """
    expected = np.asarray(expected)
    if not isinstance(got, (np.ndarray, np.generic, float, int)):
        what = "None" if got is None else f"of the type {type(got).__name__}"
        return f"{name} is {what}: return {_kind(expected)}"
    got = np.asarray(got)
    if got.dtype.kind not in "fiub":
        return f"{name} has the dtype {got.dtype}: return real numbers"
    if agree(got, expected):
        return ""
    for sentence, mistake in (wrong or {}).items():
        if agree(got, np.asarray(mistake)):
            return sentence
    if got.shape != expected.shape:
        return f"{name} has the shape {got.shape}; expected {expected.shape}" + _shape_hint(
            got, expected
        )
    if not np.isfinite(got).all():
        return f"{name} contains NaN or infinity, at {_first(~np.isfinite(got))}"
    found = _pattern(name, got.astype(float), expected, quantities or {}, others)
    return found or _largest(name, got, expected)


def agree(got: Array, expected: Array) -> bool:
    """Whether two arrays have one shape and equal entries, up to rounding.

    >>> agree(np.ones(2), np.ones((2, 1))), agree(np.ones(2), np.ones(2) + 1e-14)
    (False, True)
    """
    if got.shape != expected.shape:
        return False
    scale = float(abs(expected).max()) if expected.size else 0.0
    return bool(np.allclose(got, expected, rtol=CLOSE, atol=CLOSE * max(scale, 1e-300)))


def _kind(expected):
    return f"an array of shape {expected.shape}" if expected.ndim else "one number"


def _shape_hint(got, expected):
    if got.ndim > 1 and agree(got.T, expected):
        return ": it is transposed"
    if got.size == expected.size and agree(got.reshape(expected.shape), expected):
        return ": the numbers are right"
    for n in range(1, got.ndim + 1):
        for axes in itertools.combinations(range(got.ndim), n):
            for verb, reduced in (("sum", got.sum(axis=axes)), ("mean", got.mean(axis=axes))):
                if agree(reduced, expected):
                    if axes == (0,) and got.ndim == 2:
                        return f": the {verb} over the N rows is missing: axis 0"
                    return f": the {verb} over the axes {axes} is missing"
    return ""


def _pattern(name, got, expected, quantities, others):
    """A relation that holds in every entry, or None."""
    every = " in every entry" if got.ndim else ""
    if not got.any():
        return f"{name} is 0{every}"
    ratio = _ratio(got, expected)
    simple = ratio and any(abs(r - round(r)) < CLOSE for r in (ratio, 1 / ratio))
    if ratio and (got.size > 2 or simple or _meaning(ratio, quantities, others)):
        meaning = _meaning(ratio, quantities, others)
        return f"{name} is {ratio:.4g} times the right value{every}{meaning}"
    if got.ndim > 1 and got.shape == got.T.shape and agree(got.T, expected):
        return f"{name} is transposed"
    for axis in range(got.ndim):
        if agree(np.flip(got, axis), expected):
            return f"{name} is reversed along axis {axis}"
    for axis, step in itertools.product(range(got.ndim), (1, -1)):
        inner = (slice(None),) * axis + (slice(1, None) if step > 0 else slice(None, -1),)
        moved = np.roll(expected, step, axis)[inner]
        if got.shape[axis] > 2 and expected.any() and agree(got[inner], moved):
            return f"{name} is shifted by one along axis {axis}"
    shift = float((got - expected).mean())
    if got.size > 1 and agree(got - shift, expected):
        return f"{name} differs by {shift:+.4g}" + every
    return None


def _ratio(got, expected):
    """The number r with got = r expected, or 0."""
    got, expected = np.asarray(got, float), np.asarray(expected)
    if got.shape != expected.shape or not expected.any():
        return 0.0
    ratio = float((got * expected).sum() / (expected * expected).sum())
    return ratio if ratio and agree(got / ratio, expected) else 0.0


def _meaning(ratio, quantities, others):
    """The end of the sentence about a factor: its sign, and what it is in this and other trials."""
    if near(ratio, -1):
        return ": the sign is wrong"
    named = meanings(ratio, quantities)
    ratios = [_ratio(got, expected) for got, expected, _ in others]
    for r, (_, _, sizes) in zip(ratios, others, strict=True):
        if r:
            named = [
                (times, inverse, words)
                for times, inverse, words in named
                if near(r / times, 1 / sizes[words] if inverse else sizes[words])
            ]
    if named:
        times, inverse, words = named[0]
        same = [w for t, i, w in named if (t, i) == (times, inverse)]
        number = quantities[words]
        sign = " and the sign is wrong," if times < 0 else ""
        factor = f" beside a factor {times:g}" if abs(times) != 1 else ""
        return f",{sign}{factor} " + scaled(number, inverse, same)
    if near(abs(ratio), 2) or near(abs(ratio), 0.5):
        return f": {HALF_OR_TWICE}"
    return ""


def two_numbers(got: float, expected: float, verb: str = "expected") -> str:
    """The text "got; expected that", with as many digits as it takes to see the difference.

    >>> two_numbers(2.0, 1.0), two_numbers(1.175881, 1.175882)
    ('2; expected 1', '1.175881; expected 1.175882, an epsilon too many or too few?')
    """
    digits = 6
    while digits < 17 and f"{got:.{digits}g}" == f"{expected:.{digits}g}":
        digits += 1
    close = abs(got - expected) <= 1e-4 * abs(expected)
    text = f"{got:.{digits}g}; {verb} {expected:.{digits}g}"
    return text + (", an epsilon too many or too few?" if close else "")


def _largest(name, got, expected):
    wrong = ~np.isclose(got, expected, rtol=CLOSE, atol=CLOSE * float(abs(expected).max()))
    where = _first(wrong)
    place = f"{name}[{', '.join(map(str, where))}]" if where else name
    share = f" ({int(wrong.sum())} of {wrong.size} entries differ)" if wrong.size > 1 else ""
    return f"{place} is {two_numbers(got[where], expected[where])}{share}"


def _first(mask):
    return tuple(int(i) for i in np.argwhere(mask)[0])
