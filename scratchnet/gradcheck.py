"""Gradient checking: the gradients of `backward` compared with finite differences of `forward`.

A layer has many outputs y. The check takes one number of them, L = sum(R y), with weights R drawn
at random, and compares for each entry w of the input and of every parameter

    numeric  = (L(w + eps) - L(w - eps)) / (2 eps)       the derivative as a central difference
    analytic = the entry of w in backward(R, cache)      because dL/dy = R

in float64. A model with a wrong gradient often still trains, so that only this comparison finds the
error. R is random because errors cancel under R = 1: dx of BatchNormalization would be 0.

At a kink (ReLU at 0) the slopes to the left and to the right differ, and there is no derivative to
compare with. Where the two slopes differ the check repeats with smaller steps; an entry on the kink
itself is left out and counted. So is an input that `mask_value` masks, which a step would unmask.

A right derivative is not all that a layer or loss needs: before the comparison the whole contract
is checked, see `scratchnet.gradcheck_contract`.
"""

import copy
import dataclasses
import inspect
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.backend import RNG, Array, float64, to_numpy, use_device
from scratchnet.gradcheck_causes import find_causes, without_cause
from scratchnet.gradcheck_contract import (
    check_layer,
    check_loss,
    check_precision,
    check_running_averages,
    explain_noise,
    is_float,
    parts_of,
)
from scratchnet.gradcheck_differences import differences, rounding
from scratchnet.gradcheck_retries import Evidence
from scratchnet.layers.base import Layer
from scratchnet.losses import Loss

EPS = 1e-6  # the step: rounding errors are about 1e-16 / eps, those of curvature eps^2
EPS_OF_A_LOSS = 1e-5  # larger, because one number for thousands of entries is rounded more
TOLERANCE = 1e-6  # largest relative error that passes


@dataclasses.dataclass
class Row:
    """Result for one array: its largest relative error, at `index`, and the two values there.

    `cause` is a sentence that explains a wrong gradient, see `scratchnet.gradcheck_causes`; it is
    empty if the gradient is right, and if no simple explanation fits. `returned` is the shape of
    backward's gradient if it is not `shape`.

    >>> from scratchnet.layers import ReLU
    >>> (row,) = gradcheck(ReLU(), np.array([[-1.0, 0.0, 2.0]])).rows
    >>> row.name, row.checked, row.kinks, row.verdict
    ('x', 2, 1, 'ok')
    """

    name: str
    shape: tuple
    checked: int = 0
    kinks: int = 0
    error: float = math.inf
    index: tuple = ()
    analytic: float = math.nan
    numeric: float = math.nan
    verdict: str = "ok"
    cause: str = ""
    returned: tuple | None = None


@dataclasses.dataclass
class Report:
    """Table of a gradient check: ``print(report)`` shows it, ``report.ok`` is True if it passed.

    >>> row = Row("x", (1, 2), checked=2, error=0.0, index=(0, 1), analytic=3.0, numeric=3.0)
    >>> print(Report("A layer", [row], tolerance=1e-6))
    A layer
    array  shape   checked  kinks  error    at      analytic       numeric        verdict
    x      (1, 2)  2        0      0.0e+00  (0, 1)  +3.000000e+00  +3.000000e+00  ok
    all gradients agree (largest relative error 0.0e+00, limit 1e-06)
    """

    title: str
    rows: list[Row]
    tolerance: float
    advice: Sequence[str] = ()  # lines about wrong arrays for which no cause was found

    @property
    def ok(self) -> bool:
        """True if every array passed."""
        return all(row.verdict == "ok" for row in self.rows)

    @property
    def error(self) -> float:
        """The largest relative error."""
        return max(row.error for row in self.rows)

    def __str__(self):
        head = "array shape checked kinks error at analytic numeric verdict".split()
        cells = [
            (
                row.name,
                str(row.shape),
                str(row.checked),
                str(row.kinks),
                f"{row.error:.1e}",
                str(tuple(int(i) for i in row.index)),
                f"{row.analytic:+.6e}",
                f"{row.numeric:+.6e}",
                row.verdict,
            )
            for row in self.rows
        ]
        widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
        lines = [
            "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
            for row in (head, *cells)
        ]
        lines += [f"{row.name}: {row.cause}" for row in self.rows if row.cause]
        lines += self.advice
        verdict = "all gradients agree" if self.ok else "WRONG GRADIENT, see the table"
        lines += [f"{verdict} (largest relative error {self.error:.1e}, limit {self.tolerance:g})"]
        return "\n".join([self.title, *lines])


def gradcheck(
    subject: Layer | Loss,
    x: Any,
    target: Any = None,
    *,
    loss: Loss | None = None,
    train: bool = True,
    samples: int | None = None,
    eps: float | None = None,
    tolerance: float = TOLERANCE,
    seed: int = 0,
) -> Report:
    """Compare backward with finite differences, for the input and every parameter.

    gradcheck(layer_or_model, x)                   any layer, also one of your own
    gradcheck(loss, prediction, target)            any loss
    gradcheck(model, x, target, loss=loss)         a model and the loss it is trained with

    Parameters
        x         a batch for the layer, of any precision; it is copied to float64. A tuple for a
                  layer that takes a tuple. Integer arrays stay as they are, and are not checked
        train     check forward and backward in training mode (with the same noise and masks in
                  each call) or at inference
        samples   check at most this many random entries of each array; None: every entry
        eps       the step; None: 1e-6, for a loss or a model with its loss 1e-5
        tolerance the largest relative error that passes
        seed      of R, of the random entries, and of a layer that is not built yet

    The relative error of an entry is abs(analytic - numeric) / max(abs(analytic), abs(numeric), s).
    The floor s is the root mean square of the array's numeric gradient, and at least a thousandth
    of that of all arrays, or up to a hundredth where y is so large that finite differences are
    rounded that much: entries that are zero up to rounding then have a small error.

    The subject is copied (from a GPU to the CPU) and does not change. Raises ValueError or
    TypeError if it breaks another rule of the contract: two calls of forward with the same input
    differ, backward changes its arguments, two halves of a batch differ from the whole, ...

    >>> from scratchnet.layers import Dense
    >>> report = gradcheck(Dense(2), np.ones((3, 4)))
    >>> report.ok, [row.name for row in report.rows]
    (True, ['x', 'W', 'b'])
    """
    if eps is None:
        eps = EPS_OF_A_LOSS if loss is not None or isinstance(subject, Loss) else EPS
    x = _float64(x)
    if not len(parts_of(x)[0]):
        raise ValueError("gradcheck: x is empty: pass a batch of at least one sample")
    target = None if target is None else _float64(target)
    # not default_rng(seed): an x drawn from that generator would EQUAL R, and x^T x is symmetric,
    # so that a gradient with a missing transpose would pass
    rng = RNG(seed).fork(1).host
    with float64(), use_device("cpu"):
        checked: _CheckedLayer | _CheckedLoss
        if isinstance(subject, Loss):
            checked = _CheckedLoss(subject, x, target)
        else:
            checked = _CheckedLayer(subject, x, target, loss, train, seed)
        if isinstance(checked.subject, Layer):
            check_running_averages(checked.subject, checked.forward)
        y, cache = checked.forward()
        if any(not np.array_equal(a, b) for a, b in zip(y, checked.forward()[0], strict=True)):
            raise ValueError(
                f"two calls of forward of {subject!r} with the same input differ: "
                + explain_noise(checked.subject, checked.forward)
            )
        checked.check_contract()
        R = [rng.standard_normal(part.shape) if part.ndim else np.ones(()) for part in y]
        grads = checked.backward(R, cache)

        def slopes(array, R, indices=None, of=checked):
            return differences(lambda: of.forward()[0], array, R, eps, samples, rng, indices)

        probes = {name: slopes(array, R) for name, array in checked.arrays.items()}
    if not probes:
        raise ValueError(f"{checked.title}: nothing to check, no parameters and an integer x")
    every = np.concatenate([numeric for _, numeric, _ in probes.values()])
    rms, rounded = _rms(every), rounding(y, R, eps)
    floor = max(1e-3 * rms, min(rounded / tolerance, 1e-2 * rms))
    rows = [
        compared(name, array, grads.get(name), probes[name], floor, tolerance)
        for name, array in checked.arrays.items()
    ]
    if isinstance(checked.subject, Layer) and any(row.verdict != "ok" for row in rows):
        with float64(), use_device("cpu"):
            check_precision(checked.subject, x, train, seed)
    wrong = [row.name for row in rows if row.verdict != "ok" and row.kinks <= row.checked]
    if wrong:
        with float64(), use_device("cpu"):
            evidence = Evidence(checked, y, R, grads, probes, slopes)
            causes = find_causes(evidence, wrong)
        rows = [dataclasses.replace(row, cause=causes.get(row.name, "")) for row in rows]
    unknown = [name for name in grads if name not in checked.arrays]
    rows += [Row(n, np.shape(grads[n]), verdict="no such parameter") for n in unknown]
    advice = without_cause([r.name for r in rows if r.verdict == "WRONG" and not r.cause])
    return Report(f"{checked.title}, float64, eps {eps:g}", rows, tolerance, advice)


class _CheckedLayer:
    """A layer or model in float64, with the loss it is trained with or without one.

    forward() returns ([outputs], cache): the floating arrays of y, or the loss, and the penalty.
    backward(R, cache) returns {name: gradient} of L for the arrays {name: array}.
    """

    def __init__(self, layer, x, target, loss, train, seed):
        if layer.input_shape is None:
            layer = copy.deepcopy(layer)
            layer.build(parts_of(x)[0].shape[1:], RNG(seed))
        self.layer = self.subject = layer.map_arrays(to_numpy).astype("float64")
        self.x, self.target, self.loss, self.train, self.seed = x, target, loss, train, seed
        names = getattr(layer, "input_names", ("x",))  # then x[1], x[2], ...
        self.names = [names[i] if i < len(names) else f"x[{i}]" for i in range(len(parts_of(x)))]
        inputs = zip(self.names, parts_of(x), strict=True)
        self.inputs = {name: part for name, part in inputs if is_float(part)}
        self.arrays = self.inputs | self.layer.named_parameters()
        name = layer.title if layer.children else repr(layer)
        name += "" if loss is None else f" with {loss!r}"
        shapes = ", ".join(str(np.shape(part)) for part in parts_of(x))
        self.title = f"{name}, x {shapes}, train={train}"

    def forward(self):
        self.layer.set_rng(RNG(self.seed))  # the same noise and masks in each call
        y, cache = self.layer.forward(self.x, self.train)
        penalty = np.asarray(self.layer.penalty(cache), dtype=np.float64)
        if self.loss is None:
            outputs = [np.array(part) for part in parts_of(y) if is_float(part)]  # y may be x
            return [*outputs, penalty], (y, cache)
        value, loss_cache = self.loss.forward(y, self.target)
        return [np.asarray(value), penalty], (loss_cache, cache)

    def check_contract(self):
        check_layer(self.layer, self.x, self.train, self.seed)
        if self.loss is not None:
            self.layer.set_rng(RNG(self.seed))
            check_loss(self.loss, self.layer.forward(self.x, self.train)[0], self.target)

    def backward(self, R, cache):
        y_or_loss_cache, cache = cache
        if self.loss is None:
            weights = iter(R)
            dy = [next(weights) if is_float(part) else None for part in parts_of(y_or_loss_cache)]
            dy = tuple(dy) if isinstance(y_or_loss_cache, tuple) else dy[0]
        else:  # R is 1 for the loss and for the penalty
            dy = self.loss.backward(y_or_loss_cache)
        dx, grads = self.layer.backward(dy, cache)
        dx = zip(self.names, parts_of(dx), strict=False)  # trailing integer inputs may be left out
        return {name: gradient for name, gradient in dx if name in self.inputs} | grads


class _CheckedLoss:
    """A loss, with the methods of _CheckedLayer; checked by the target if backward returns it."""

    def __init__(self, loss, prediction, target):
        self.subject = self.loss = loss
        self.x = self.prediction = prediction
        self.target = target
        check_loss(loss, prediction, target)
        names = list(inspect.signature(loss.forward).parameters)
        self.arrays = {names[0]: prediction}
        if isinstance(loss.backward(loss.forward(prediction, target)[1]), tuple):
            self.arrays[names[1]] = target
        self.inputs = self.arrays
        self.title = f"{loss!r}, {names[0]} {prediction.shape}"

    def check_contract(self):
        """Nothing: it is checked already, because the constructor calls backward."""

    def forward(self):
        value, cache = self.loss.forward(self.prediction, self.target)
        return [np.asarray(value)], cache

    def backward(self, R, cache):
        grads = self.loss.backward(cache)
        return dict(zip(self.arrays, parts_of(grads), strict=True))


def _float64(x):
    """A copy in float64 of an array, or of each in a tuple; integers (class indices) stay."""
    if isinstance(x, tuple):
        return tuple(_float64(part) for part in x)
    x = to_numpy(x)
    return np.array(x, dtype=np.float64) if x.dtype.kind == "f" else x


def compared(
    name: str, array: Array, grad: Array | None, probe: tuple, floor: float, tolerance: float
) -> Row:
    """The `Row` of an array: its gradient compared with the result of `differences`.

    The relative error, and its floor, are those of `gradcheck`.

    >>> probe = np.array([0]), np.array([6.0]), np.array([False])
    >>> compared("a", np.array([3.0]), np.array([6.6]), probe, floor=0.0, tolerance=1e-6).verdict
    'WRONG'
    """
    indices, numeric, kinks = probe
    if grad is None:
        return Row(name, array.shape, verdict="backward gives no gradient for it")
    if np.shape(grad) != array.shape:
        returned = np.shape(grad)
        verdict = f"backward's has the shape {returned}"
        return Row(name, array.shape, verdict=verdict, returned=returned)
    analytic = np.asarray(grad).reshape(-1)[indices]
    scale = np.maximum(np.abs(analytic), np.abs(numeric))
    scale = np.maximum(scale, max(_rms(numeric[~kinks]), floor, np.finfo(np.float64).tiny))
    error = np.where(kinks, 0.0, np.abs(analytic - numeric) / scale)
    worst = int(np.nanargmax(np.where(np.isnan(error), np.inf, error)))
    verdict = "ok" if error[worst] <= tolerance else "WRONG"  # NaN is not <= anything
    if kinks.sum() > len(kinks) / 2:
        verdict = "mostly kinks: choose another x"
    return Row(
        name,
        array.shape,
        checked=int((~kinks).sum()),
        kinks=int(kinks.sum()),
        error=float(error[worst]),
        index=np.unravel_index(indices[worst], array.shape),
        analytic=float(analytic[worst]),
        numeric=float(numeric[worst]),
        verdict=verdict,
    )


def _rms(a):
    return math.sqrt((a * a).mean()) if a.size else 0.0
