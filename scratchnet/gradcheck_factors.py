"""Factors: a wrong gradient or value that is the right one times one number.

The number is named by what equals it, such as the batch size. Several quantities may equal one
number; those that fit a second batch, of another size, are kept.
"""

from collections.abc import Callable

from scratchnet.gradcheck_patterns import Pair

HALF_OR_TWICE = "look for a factor 2 or 1/2"
_PREFIXES = ((1, ""), (-1, "-"), (2, "2 x "), (0.5, "1/2 x "))


def factor(
    pair: Pair,
    quantities: dict[str, float],
    named_only: bool = True,
    again: Callable[[], tuple[Pair, dict[str, float]] | None] = lambda: None,
) -> str | None:
    """Sentence about the right gradient times one number: -1, 2, 1/2, or one of `quantities`.

    quantities are {words: value}, for example {"the batch size N": 4}. again() returns the pair and
    the quantities of another batch, which decides between quantities that are equal by chance, or
    None. With named_only=False any other number is reported, too.

    >>> import numpy as np
    >>> pair = Pair("x", (2,), np.array([-1.0, -2.0]), np.arange(2), np.array([1.0, 2.0]))
    >>> factor(pair, {"the batch size N": 4})
    'the sign is wrong: every entry is -1 times the right value'
    """
    r = ratio(pair)
    if r is None or near(r, 1):
        return None
    if near(r, -1):
        return "the sign is wrong: every entry is -1 times the right value"
    named = meanings(r, quantities)
    constant = near(r, 2) or near(r, 0.5)
    if named_only and not named and not constant:
        return None
    other = again()
    second = None if other is None else ratio(other[0])
    if other is not None and second is not None:
        kept = meanings(second, other[1])
        named = [meaning for meaning in named if meaning in kept]
        named.sort(key=lambda meaning: not isinstance(quantities[meaning[2]], float))
        constant = constant and near(r, second)
    if constant:
        number = "2" if r > 1 else "1/2"
        maybe = ""
        if named:
            _, inverse, first = named[0]
            maybe = f", or {scaled(quantities[first], inverse, [first])[4:]}"
        return f"every entry is {number} times the right value: {HALF_OR_TWICE}{maybe}"
    if named:
        times, inverse, first = named[0]
        words = [w for t, i, w in named if (t, i) == (times, inverse)]
        value = dict(_PREFIXES)[times] + _text(quantities[first], inverse)
        return f"every entry is {value} times the right value, " + scaled(
            quantities[first], inverse, words
        )
    if named_only or pair.numeric.size < 3:
        return None
    if second is not None and not near(r, second):
        return (
            f"every entry is {r:.6g} times the right value, and {second:.6g} times with another "
            "batch size: a factor that depends on the batch is wrong"
        )
    return f"every entry is {r:.6g} times the right value: a constant factor is wrong"


def ratio(pair: Pair) -> float | None:
    """The number that the right gradient is multiplied by in every entry, or None.

    >>> import numpy as np
    >>> ratio(Pair("x", (2,), np.array([3.0, 6.0]), np.arange(2), np.array([1.0, 2.0])))
    3.0
    """
    if not pair.scale or not pair.analytic.any():
        return None
    r = float(pair.analytic @ pair.numeric / (pair.numeric @ pair.numeric))
    return r if abs(r) >= 1e-9 and pair.fits(pair.grad / r) else None


def meanings(r: float, quantities: dict[str, float]) -> list[tuple[float, bool, str]]:
    """The triples (times, inverse, words) with r = times value or times / value, likely ones first.

    >>> meanings(0.25, {"the batch size N": 4, "units": 3})
    [(1, True, 'the batch size N')]
    """
    return [
        (times, inverse, words)
        for times, _ in _PREFIXES
        for inverse in (False, True)
        for words, value in quantities.items()
        if value > 0 and not near(value, 1)
        if (times in (1, -1) or words.startswith("the "))
        if near(r / times, 1 / value if inverse else value)
    ]


def scaled(value: float, inverse: bool, words: list[str]) -> str:
    """End of the sentence about a factor `value`, or 1 / value with inverse=True.

    Of the words for its meaning at most two are listed: beside the batch size no other number of
    samples or entries.

    >>> scaled(4, False, ["the batch size N", "the number of entries of x"])
    'and 4 is the batch size N: a division by it is missing, or a sum where a mean belongs'
    """
    of_y = [w for w in words if w.endswith(" of y") and f"{w[:-1]}x" in words]  # the same of x
    likely = [w for w in words if w not in of_y]
    if likely[0] == "the batch size N":
        likely = [w for w in likely if not w.startswith("the number of ")]
    remedy = "a division by it is missing, or a sum where a mean belongs"
    if inverse:
        remedy = "one division by it too many, or a mean where a sum belongs"
    if isinstance(value, float):  # an option of the layer, or a parameter
        remedy = "look for a product with it, or a division by it that is missing"
        if inverse:
            remedy = "look for a division by it, or a product with it that is missing"
    return f"and {value:.6g} is {' or '.join(likely[:2])}: {remedy}"


def _text(value, inverse):
    return f"1/{value:.6g}" if inverse else f"{value:.6g}"


def near(a: float, b: float) -> bool:
    """Whether two numbers agree up to the errors of finite differences.

    >>> near(2.000001, 2), near(2.1, 2)
    (True, False)
    """
    return abs(a - b) <= 1e-5 * abs(b)
