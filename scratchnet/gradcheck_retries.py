"""Explanations of a wrong gradient by further calls of backward, in which one thing is changed.

backward is called again with a transposed or flipped weight, with a gradient dy that is zero for
all samples but one, and so on. Each function takes the `Evidence` of a check that failed and the
`Pair` of one array, and returns a sentence or None.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from scratchnet.backend import Array
from scratchnet.gradcheck_contract import parts_of
from scratchnet.gradcheck_patterns import CLOSE, Pair
from scratchnet.layers.base import Layer


@dataclasses.dataclass
class Evidence:
    """Everything that is known about a check that failed.

    checked    the subject, with forward() -> (y, cache) and backward(R, cache) -> {name: gradient},
               its arrays {name: array}, inputs first, and inputs, the names of those
    y          outputs of forward without integer arrays; the last is the penalty or the loss
    R          the random weights of y
    grads      {name: gradient} as backward returned them
    probes     {name: (indices, numerical gradient, True at kinks)}
    slopes     (array, R, indices, checked) -> (indices, numerical gradient for other weights R,
               True at kinks), of this subject or of another `checked`
    """

    checked: Any
    y: list
    R: list
    grads: dict
    probes: dict
    slopes: Callable

    @property
    def subject(self) -> Any:
        """The layer or loss."""
        return self.checked.subject

    @property
    def x(self) -> tuple:
        """The inputs, or the prediction, as a tuple; with integer arrays."""
        return parts_of(self.checked.x)

    @property
    def arrays(self) -> dict:
        """The arrays that are checked, inputs first."""
        return self.checked.arrays

    @property
    def parameters(self) -> dict:
        """The arrays that are no inputs."""
        return {name: a for name, a in self.arrays.items() if name not in self.checked.inputs}

    def pair(self, name: str) -> Pair:
        """The gradient of an array beside the numerical one."""
        grad = np.asarray(self.grads[name], dtype=np.float64)
        indices, numeric, kinks = self.probes[name]
        shape, of_input = self.arrays[name].shape, name in self.checked.inputs
        return Pair(name, shape, grad, indices, numeric, kinks, of_input)

    def numeric(self, pair: Pair, R: list) -> Array:
        """The numerical gradient for other weights, at the indices of the pair."""
        return self.slopes(self.arrays[pair.name], R, pair.indices)[1]

    def gradient(self, name: str, R: list | None = None, changed: tuple = ()) -> Array | None:
        """The gradient after a new forward; changed = (array, its values during backward)."""
        _, cache = self.checked.forward()
        with replaced(*changed) if changed else contextlib.nullcontext():
            return self.checked.backward(R or self.R, cache).get(name)

    def with_batch(self, n: int, name: str) -> "Evidence":
        """The evidence about one array with n samples; of a large array some entries are known."""
        c, rng = self.checked, np.random.default_rng(n)
        x, target = resized(c.x, n), None if c.target is None else resized(c.target, n)
        if isinstance(self.subject, Layer):
            checked = type(c)(c.layer, x, target, c.loss, c.train, c.seed)
        else:
            checked = type(c)(c.loss, x, target)
        y, cache = checked.forward()
        R = [rng.standard_normal(part.shape) if part.ndim else np.ones(()) for part in y]
        grads, array = checked.backward(R, cache), checked.arrays[name]
        some = np.unique(np.linspace(0, array.size - 1, 40).astype(int))
        probes = {name: self.slopes(array, R, some, checked)}
        return Evidence(checked, y, R, grads, probes, self.slopes)


def resized(x: Any, n: int) -> Any:
    """Return n samples: those of x, and again with smaller numbers (integers as they are).

    >>> resized(np.array([[1.0], [2.0]]), 3).ravel()
    array([1. , 2. , 0.9])
    """
    if isinstance(x, tuple):
        return tuple(resized(part, n) for part in x)
    rounds, rows = np.divmod(np.arange(n), len(x))
    smaller = 0.9 ** rounds.reshape(-1, *[1] * (x.ndim - 1))
    return x[rows] * smaller if x.dtype.kind == "f" else x[rows]


@contextlib.contextmanager
def replaced(array: Array, values: Any) -> Iterator[None]:
    """Context manager: other values in an array.

    >>> W = np.ones(2)
    >>> with replaced(W, 3):
    ...     print(W)
    [3. 3.]
    >>> W
    array([1., 1.])
    """
    before = array.copy()
    array[...] = np.array(values)
    try:
        yield
    finally:
        array[...] = before


def new_noise(evidence, pair):
    """Random numbers drawn in backward: two calls with equal arguments differ."""
    _, cache = evidence.checked.forward()
    first, second = (evidence.checked.backward(evidence.R, cache)[pair.name] for _ in range(2))
    if not np.array_equal(first, second, equal_nan=True):
        return (
            "two calls of backward with one cache differ: backward draws random numbers, but has "
            "to take those of forward from the cache"
        )
    return None


def _transposed_weights(evidence, pair):
    """backward multiplies by W instead of W^T, for a square W."""
    for path, array in evidence.parameters.items():
        if array.ndim == 2 and array.shape[0] == array.shape[1]:
            grad = evidence.gradient(pair.name, changed=(array, array.T))
            if (grad is not None and pair.fits(np.asarray(grad))) or _other_way(pair, array):
                return (
                    f"backward multiplies by {path} the wrong way round: use its transpose "
                    f"{path}^T where {path} is, or the reverse"
                )
    return None


def _other_way(pair, W):
    """Whether the gradient is right after a product with W^-1 W^T, or the reverse."""
    if not pair.of_input or len(pair.shape) != 2 or pair.shape[1] != len(W):
        return False
    if np.linalg.cond(W) > 1e6:
        return False
    return any(pair.fits(pair.grad @ np.linalg.solve(A, A.T)) for A in (W, W.T))


def _flipped_kernel(evidence, pair):
    """backward convolves with the kernel as it is, instead of the kernel turned by 180 degrees."""
    for path, array in evidence.parameters.items():
        if array.ndim > 2:
            axes = tuple(range(array.ndim - 2))
            grad = evidence.gradient(pair.name, changed=(array, np.flip(array, axes)))
            if grad is not None and pair.fits(np.asarray(grad)):
                return (
                    f"the kernel {path} is not turned by 180 degrees, or it is turned once too "
                    "often"
                )
    return None


def _one_sample(evidence, pair):
    """A parameter's gradient from one sample of the batch."""
    n = len(evidence.x[0])
    if pair.of_input or n < 2 or not isinstance(evidence.subject, Layer):
        return None
    for s, words in ((0, "first"), (n - 1, "last")):
        only = [_at(R, s) for R in evidence.R]
        if np.allclose(evidence.numeric(pair, only), pair.analytic, CLOSE, CLOSE * pair.scale):
            return f"only the {words} sample of the batch is used: sum over all samples"
    return None


def _at(R, s):
    """R with zeros at all samples but s."""
    kept = np.zeros_like(R)
    if R.ndim:
        kept[s] = R[s]
    return kept


def penalty(evidence, pair):
    """The gradient of the penalty is missing, or counted twice."""
    if not isinstance(evidence.subject, Layer) or not float(evidence.y[-1]):
        return None
    alone = [np.zeros_like(R) for R in evidence.R[:-1]] + [evidence.R[-1]]
    term = evidence.numeric(pair, alone)
    if np.allclose(pair.analytic + term, pair.numeric, CLOSE, CLOSE * pair.scale) and term.any():
        return "the gradient of the penalty is missing: backward adds it to dx"
    return None


def one_output(evidence: Evidence, pair: Pair) -> str | None:
    """One of several outputs is ignored."""
    outputs = evidence.R[:-1]
    if not isinstance(evidence.subject, Layer) or len(outputs) < 2:
        return None
    for k in range(len(outputs)):
        rest = [np.zeros_like(R) if i == k else R for i, R in enumerate(evidence.R)]
        if np.allclose(evidence.numeric(pair, rest), pair.analytic, CLOSE, CLOSE * pair.scale):
            names = getattr(evidence.subject, "output_names", ())
            if k < len(names):
                return f"d{names[k]} is ignored: add its term"
            return f"the gradient that arrives at output {k} (counted from 0) is ignored"
    return None


def _last_window(evidence, pair):
    """The gradient of one window of an image overwrites that of the windows before."""
    subject, dy = evidence.subject, evidence.R[0]
    size = getattr(subject, "kernel_size", getattr(subject, "pool_size", None))
    strides = getattr(subject, "strides", None)
    if not (isinstance(size, tuple) and isinstance(strides, tuple)) or dy.ndim != 4:
        return None
    windows = list(np.ndindex(*dy.shape[1:3]))
    if len(windows) < 2 or pair.full is None or "/" in pair.name:
        return None
    if not pair.of_input:
        last = evidence.numeric(pair, [_in_window(R, windows[-1]) for R in evidence.R])
        if np.allclose(last, pair.analytic, CLOSE, CLOSE * pair.scale):
            return "it holds only the last window's share: add with +="
        return None
    if len(windows) * pair.numeric.size > 5000:  # one forward for each, twice
        return None
    written = np.zeros(pair.shape)
    for window in windows:
        share = evidence.numeric(pair, [_in_window(R, window) for R in evidence.R])
        part = tuple(slice(i * s, i * s + k) for i, s, k in zip(window, strides, size, strict=True))
        part = (slice(None), *part)
        written[part] = share.reshape(pair.shape)[part]
    if np.allclose(written, pair.grad, CLOSE, CLOSE * pair.scale):
        return "it holds only the last window's share where windows overlap: add with +="
    return None


def _in_window(R, window):
    """R with zeros at all windows but one; R of the penalty, a number, as it is."""
    if R.ndim != 4:
        return R
    kept = np.zeros_like(R)
    where = (slice(None), *window)
    kept[where] = R[where]
    return kept


def _truncated(evidence, pair):
    """The gradient does not reach the steps before the one whose output it is the gradient of."""
    x, R = evidence.arrays[pair.name], evidence.R[0]
    if not pair.of_input or x.ndim != 3 or x.shape[1] < 2 or R.shape[:1] != x.shape[:1]:
        return None
    if R.ndim == 3 and R.shape[1] == x.shape[1]:
        last = [np.zeros_like(part) for part in evidence.R]
        last[0][:, -1] = R[:, -1]
    else:
        last = evidence.R
    grad = evidence.gradient(pair.name, last)
    if grad is None or np.shape(grad) != x.shape or grad[:, :-1].any():
        return None
    earlier = np.unravel_index(pair.indices, x.shape)[1] < x.shape[1] - 1
    if evidence.numeric(pair, last)[earlier].any():
        return (
            "backpropagation through time is cut: the gradient of the state is not passed to the "
            "step before"
        )
    return None


def _one_step(evidence, pair):
    """A parameter's gradient from one time step: assigned in the loop instead of added."""
    x = evidence.x[0]
    if pair.of_input or x.ndim != 3 or x.dtype.kind != "f" or x.shape[1] < 2 or x.shape[2] < 2:
        return None
    if len(pair.shape) != 2 or pair.shape[0] != x.shape[2] or not evidence.R[0].ndim:
        return None
    grad = evidence.gradient(pair.name, [_at(R, 0) for R in evidence.R])  # of sample 0
    for t in (0, x.shape[1] - 1):
        v = x[0, t]
        rest = grad - np.outer(v, v @ grad) / (v @ v)
        if grad.any() and abs(rest).max() <= CLOSE * abs(grad).max():
            return (
                f"only time step {t} is used: the gradient is assigned at each step, add up (+=) "
                "over the steps"
            )
    return None


def _one_use(evidence, pair):
    """A layer inside is used several times, and only one use counts."""
    if not isinstance(evidence.subject, Layer):
        return None
    path, _, parameter = pair.name.rpartition("/")
    layer = evidence.subject.named_layers().get(path) if path else None
    if layer is None:
        return None
    calls, backward = [], layer.backward

    def recorded(*arguments, **options):
        result = backward(*arguments, **options)
        calls.append({name: np.array(g) for name, g in result[1].items()})
        return result

    layer.backward = recorded
    try:
        evidence.gradient(pair.name)
    finally:
        del layer.backward
    grads = [call[parameter] for call in calls if parameter in call]
    if len(grads) > 1 and pair.fits(sum(grads)):
        for k, grad in enumerate(reversed(grads), 1):
            if np.allclose(grad, pair.grad, CLOSE, CLOSE * pair.scale):
                return (
                    f"only use {k} of {len(grads)} of the layer {path} counts: the gradients of "
                    "all uses are added, not overwritten"
                )
    return None


def _repeated_rows(evidence, pair):
    """Rows of a table that occur several times: overwritten instead of added."""
    ids = [part for part in evidence.x if np.asarray(part).dtype.kind in "iu"]
    if pair.of_input or not ids or len(pair.shape) < 2:
        return None
    rows, counts = np.unique(ids[0], return_counts=True)
    where = np.unravel_index(pair.indices, pair.shape)[0]
    wrong = np.unique(where[~pair.right])
    if (counts > 1).any() and np.isin(wrong, rows[counts > 1]).all():
        return (
            "only rows that occur several times in x are wrong: their gradients are overwritten, "
            "use np.add.at"
        )
    return None


RETRIES = (
    *(_last_window, _transposed_weights, _flipped_kernel, _one_sample, penalty),
    *(_truncated, _one_step, _one_use, _repeated_rows),
)
