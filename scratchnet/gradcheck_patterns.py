"""Explanations of a wrong gradient that its entries show: a factor, a transpose, a missing sum.

Each function takes a `Pair`, the gradient of `backward` beside the numerical one, and returns one
sentence, or None if its explanation does not fit. An explanation fits if the wrong gradient, put
right in the way that the sentence says, equals the numerical gradient in every entry.
"""

import dataclasses
import itertools
import math

import numpy as np

from scratchnet.backend import Array

CLOSE = 1e-5  # largest difference, relative to the root mean square, of gradients that agree


@dataclasses.dataclass
class Pair:
    """The gradient `grad` that backward returned, beside the numerical one at `indices`.

    shape is that of the array, kinks are True at entries that cannot be compared, and of_input is
    True for an input, False for a parameter.

    >>> pair = Pair("x", (2,), np.array([2.0, 6.0]), np.arange(2), np.array([1.0, 3.0]))
    >>> pair.fits(pair.grad / 2), pair.fits(pair.grad)
    (True, False)
    """

    name: str
    shape: tuple
    grad: Array
    indices: Array
    numeric: Array
    kinks: Array | bool = False
    of_input: bool = True

    def __post_init__(self):
        usable = np.broadcast_to(~np.asarray(self.kinks), self.numeric.shape)
        usable = usable & np.isfinite(self.numeric)
        self.indices, self.numeric = self.indices[usable], self.numeric[usable]
        self.scale = math.sqrt((self.numeric**2).mean()) if self.numeric.size else 0.0

    @property
    def analytic(self) -> Array:
        """The entries of grad that are beside `numeric`."""
        return self.grad.reshape(-1)[self.indices]

    @property
    def full(self) -> Array | None:
        """The numerical gradient in the array's shape; None if not every entry is known."""
        known = self.numeric.size == math.prod(self.shape)
        return self.numeric.reshape(self.shape) if known else None

    @property
    def right(self) -> Array:
        """True at the entries in which both agree."""
        return abs(self.analytic - self.numeric) <= CLOSE * self.scale

    def fits(self, candidate: Array) -> bool:
        """Whether another gradient, of the array's shape, equals the numerical one."""
        if np.shape(candidate) != self.shape or not self.scale:
            return False
        difference = candidate.reshape(-1)[self.indices] - self.numeric
        return bool((abs(difference) <= CLOSE * self.scale).all())  # False for NaN


def not_finite(pair: Pair) -> str | None:
    """NaN or infinity in the gradient.

    >>> not_finite(Pair("x", (1,), np.array([np.nan]), np.arange(1), np.ones(1)))
    'backward returns NaN or infinity: look for 0 / 0, a division by 0 or the logarithm of 0'
    """
    if not np.isfinite(pair.grad).all():
        return (
            "backward returns NaN or infinity: look for 0 / 0, a division by 0 or the logarithm "
            "of 0"
        )
    return None


def wrong_shape(pair: Pair, dy: Array | None = None) -> str | None:
    """A gradient whose shape is not that of the array: a missing sum, a transpose, a reshape.

    With dy, the gradient that arrives, a gradient that is a sum of dy is described by axes of dy.

    >>> grad = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> wrong_shape(Pair("b", (2,), grad, np.arange(2), np.array([4.0, 6.0]), of_input=False))
    'the sum over the batch is missing: sum over axis 0'
    """
    grad, ndim = pair.grad, len(pair.shape)
    if not grad.any() and pair.scale:
        return "every entry is 0, and the shape is not that of the array: no term is computed"
    if grad.ndim == ndim and grad.ndim > 1:
        for axes in itertools.permutations(range(ndim)):
            if pair.fits(grad.transpose(axes)):
                return _transposed(axes)
    if grad.size == math.prod(pair.shape) and pair.fits(grad.reshape(pair.shape)):
        return f"the numbers are right, but not their shape: return an array of shape {pair.shape}"
    if dy is not None and (axes := _axes_of_sum(pair, dy)):
        if len(axes) > 1 and axes == tuple(range(dy.ndim - 1)):
            return f"sum dy over all axes but the last, {axes}"
        listed = f"axis {axes[0]}" if len(axes) == 1 else f"the axes {axes}"
        return f"sum dy over {listed}" + (" only" if grad.ndim < ndim else "")
    for n in range(1, grad.ndim + 1):
        for axes in itertools.combinations(range(grad.ndim), n):
            total = grad.sum(axis=axes)
            if total.size == math.prod(pair.shape) and pair.fits(total.reshape(pair.shape)):
                if dy is not None and grad.ndim < dy.ndim and axes == tuple(range(grad.ndim - 1)):
                    return f"sum over all axes but the last, {tuple(range(dy.ndim - 1))}"
                if axes == (0,):
                    return "the sum over the batch is missing: sum over axis 0"
                return f"a sum is missing: sum the returned array over the axes {axes}"
    full = pair.full
    if full is not None:
        for n in range(1, ndim + 1):
            for axes in itertools.combinations(range(ndim), n):
                total = full.sum(axis=axes)
                scale = CLOSE * max(pair.scale, float(abs(total).max()))
                if total.size == grad.size and np.allclose(total.ravel(), grad.ravel(), 0, scale):
                    listed = f"axis {axes[0]}" if n == 1 else f"axes {axes}"
                    if ndim == 1 and dy is not None:
                        only = tuple(range(dy.ndim - 1))
                        over = f"all axes but the last, {only}" if len(only) > 1 else "axis 0 only"
                        return f"it is summed over all axes: sum over {over}"
                    return (
                        f"it is summed over too many axes: the right gradient, of shape "
                        f"{pair.shape}, is summed over its {listed}"
                    )
    if grad.ndim == ndim and grad.shape == pair.shape[::-1]:
        return "it has the shape of the transposed gradient: look at the order of the factors"
    if ndim < grad.ndim and grad.shape[-ndim:] == pair.shape:
        return "it has an axis too many: a sum over the batch is missing, and the numbers differ"
    return None


def _axes_of_sum(pair, dy):
    """The axes of dy over which its sum is the right gradient, or None."""
    for n in range(1, dy.ndim):
        for axes in itertools.combinations(range(dy.ndim), n):
            if pair.fits(dy.sum(axis=axes)):
                return axes
    return None


def _transposed(axes):
    if len(axes) == 2:
        return "the gradient is transposed: return its transpose"
    return f"the axes are in another order: use transpose{axes}"


def zero(pair: Pair) -> str | None:
    """A gradient that is 0 everywhere, or one that should be.

    >>> zero(Pair("x", (1,), np.zeros(1), np.arange(1), np.ones(1)))
    'backward returns zeros: no term of this gradient is computed'
    """
    if not pair.analytic.any() and pair.scale:
        return "backward returns zeros: no term of this gradient is computed"
    if not pair.scale and pair.numeric.size:
        return "the gradient should be 0: the output of forward does not depend on this array"
    return None


def order(pair: Pair, units: int | None = None, names: str = "") -> str | None:
    """The right numbers at the wrong places: transposed, flipped, shifted, or gates exchanged.

    units is the width M of one gate, for an array whose last axis holds several gates, and names
    are the letters of the gates; without them gates are counted from 0.

    >>> order(Pair("W", (2, 2), np.array([[1.0, 2.0], [3.0, 4.0]]), np.arange(4),
    ...            np.array([1.0, 3.0, 2.0, 4.0]), of_input=False))
    'the gradient is transposed: return its transpose'
    """
    if pair.numeric.size < 2:
        return None
    grad, shape, n = pair.grad, pair.shape, len(pair.shape)
    for axes in itertools.permutations(range(n)):
        if tuple(shape[a] for a in axes) == shape and pair.fits(grad.transpose(axes)):
            return _transposed(axes)
    gates = _gates(pair, units, names)
    for k in range(1, n + 1):
        for axes in itertools.combinations(range(n), k):
            if gates and axes == (n - 1,):
                continue
            if pair.fits(np.flip(grad, axes)):
                return _flipped(axes, n, pair.of_input)
    for axis, shift in itertools.product(range(n), (1, -1)):
        if shape[axis] > 2:
            moved = np.roll(grad, shift, axis).reshape(-1)[pair.indices]
            edge = np.arange(shape[axis]) == (0 if shift == 1 else shape[axis] - 1)
            inner = ~_along(edge, axis, shape).reshape(-1)[pair.indices]
            close = abs(moved - pair.numeric) <= CLOSE * pair.scale
            if inner.any() and close[inner].all() and pair.numeric[inner].any():
                return (
                    f"the entries are shifted by one along axis {axis}: look at the start of the "
                    "slices, or at the padding"
                )
    return gates


def _flipped(axes, ndim, of_input):
    if not of_input and ndim > 2:
        return (
            f"the kernel's gradient is flipped along the axes {axes}: the gradient is not turned "
            "by 180 degrees, or one turn is too many"
        )
    if axes == (0,):
        return "the samples, or rows, are in reverse order"
    if of_input and ndim == 3 and axes == (1,):
        return "the time steps are in reverse order"
    return f"the entries are in reverse order along the axes {axes}"


def _gates(pair, units, names):
    """The blocks of M columns, of the last axis, that contain the gradient of another block."""
    full, width = pair.full, pair.shape[-1] if pair.shape else 0
    if full is None or pair.of_input or not units or width % units or width == units:
        return None
    mine, true = (np.split(a, width // units, axis=-1) for a in (pair.grad, full))
    named = names if len(names) == len(true) else range(len(true))
    close = CLOSE * pair.scale
    wrong = [i for i, pairs in enumerate(zip(mine, true, strict=True)) if _differ(*pairs, close)]
    found = {}
    for i in wrong:
        found[i] = [j for j, block in enumerate(true) if not _differ(mine[i], block, close)]
    if wrong and all(found.values()):
        listed = ", ".join(
            f"gate {named[i]} contains the gradient of gate {named[js[0]]}"
            for i, js in found.items()
        )
        return f"the gradient of the wrong gate: {listed} (blocks of M = {units} columns, from 0)"
    right = [i for i in range(len(true)) if i not in wrong]
    if 0 < len(right) < len(wrong):
        verb = "is" if len(right) == 1 else "are"
        return f"only {_listed_gates(right, units, named)} {verb} right"
    if wrong and right:
        listed = _listed_gates(wrong, units, named)
        return f"only the gradient of {listed} is wrong, the other gates are right"
    return None


def _listed_gates(numbers, units, named):
    """Names and columns: "gate o (columns 6, 7)"."""
    columns = (map(str, range(i * units, (i + 1) * units)) for i in numbers)
    pairs = zip(numbers, columns, strict=True)
    return " and ".join(f"gate {named[i]} (columns {', '.join(js)})" for i, js in pairs)


def _differ(a, b, close):
    return bool((abs(a - b) > close).any())


def _along(vector, axis, shape):
    """A vector along one axis, broadcast to the shape."""
    return np.broadcast_to(
        vector.reshape([-1 if a == axis else 1 for a in range(len(shape))]), shape
    )


def places(pair: Pair) -> str | None:
    """Indices of one axis at which every entry is right, or zero where it should not be.

    >>> grad, n = np.array([[1.0, 2.0], [0.0, 0.0]]), np.arange(4)
    >>> places(Pair("x", (2, 2), grad, n, np.array([1.0, 2.0, 3.0, 4.0])))
    'only samples 0 (axis 0) are right, the others are 0'
    """
    if pair.numeric.size < 0.9 * math.prod(pair.shape):
        return None  # most entries are unknown: they were not sampled, or are kinks
    where = np.unravel_index(pair.indices, pair.shape)
    for axis, size in enumerate(pair.shape):
        right = [i for i in range(size) if pair.right[where[axis] == i].all()]
        if not 0 < len(right) < size:
            continue
        elsewhere = ~np.isin(where[axis], right)
        nothing = not pair.analytic[elsewhere].any()
        name = axis_names(len(pair.shape), pair.of_input)[axis]
        listed = ", ".join(map(str, right))
        if len(right) <= size / 2:
            others = "are 0" if nothing else _times(pair, elsewhere) or "are wrong"
            return f"only {name} {listed} (axis {axis}) are right, the others {others}"
        listed = ", ".join(str(i) for i in range(size) if i not in right)
        state = _times(pair, elsewhere) or "are wrong"
        state = "0 instead of the right value" if nothing else state.removeprefix("are ")
        return f"only {name} {listed} (axis {axis}) are {state}, the others are right"
    return None


def _times(pair, where):
    """The words "are 2 times the right value" if the entries `where` are, else ""."""
    mine, right = pair.analytic[where], pair.numeric[where]
    square = float(right @ right)
    r = float(mine @ right) / square if square else 0.0
    if right.size < 2 or not r or (abs(mine - r * right) > CLOSE * pair.scale).any():
        return ""
    return f"are {r:.6g} times the right value"


def axis_names(ndim: int, of_input: bool) -> tuple[str, ...]:
    """Names of the axes of an array, for messages.

    >>> axis_names(4, True)
    ('samples', 'pixel rows', 'pixel columns', 'channels')
    """
    if of_input:
        names = {
            2: ("samples", "columns"),
            3: ("samples", "steps", "features"),
            4: ("samples", "pixel rows", "pixel columns", "channels"),
        }
    else:
        names = {2: ("rows", "columns")}
    return names.get(ndim, ("entries",) * ndim)


def precision(pair: Pair) -> str | None:
    """Differences of the size of float32 rounding.

    >>> grad = np.array([0.1, 0.2], np.float32).astype(float)
    >>> precision(Pair("x", (2,), grad, np.arange(2), np.array([0.1, 0.2])))
    'backward computes in float32: keep the precision of dy'
    """
    small = abs(pair.analytic - pair.numeric).max(initial=0) <= 1e-4 * pair.scale
    if small and np.array_equal(pair.grad, pair.grad.astype(np.float32)):
        return "backward computes in float32: keep the precision of dy"
    return None
