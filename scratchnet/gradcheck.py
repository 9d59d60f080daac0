"""The gradient checker: is what `backward` says what really happens when a number moves?

For an entry w of any array, with the upstream gradient R drawn at random,

    numeric  = sum(R (y(w + eps) - y(w - eps))) / (2 eps)         the definition of a derivative
    analytic = the entry of what backward(R, cache) returns

in float64. A wrong gradient often still trains, so nothing but this finds it. R is random because
under a gradient of ones mistakes cancel (BatchNormalization's dx would be 0 throughout).

At a kink (ReLU at 0) the slopes to the left and right differ and there is no derivative to compare
with. Where they differ the check steps closer; a point that lies on the kink itself is left out and
counted.
"""

import copy
import dataclasses
import inspect
import math

import numpy as np

from scratchnet.backend import RNG, float64, to_numpy, use_device
from scratchnet.losses import Loss

EPS = 1e-6  # the step: rounding costs about 1e-16 / eps, curvature about eps^2
EPS_OF_A_LOSS = 1e-5  # a loss is one number for thousands of entries: rounding weighs more
TOLERANCE = 1e-6  # largest relative error that passes
KINK = 1e-3  # slopes left and right that differ by more than this share are looked at again


@dataclasses.dataclass
class Row:
    """What the check found for one array: at `index`, where the two values differ most."""

    name: str
    shape: tuple
    checked: int = 0
    kinks: int = 0
    error: float = math.inf
    index: tuple = ()
    analytic: float = math.nan
    numeric: float = math.nan
    verdict: str = "ok"


@dataclasses.dataclass
class Report:
    """The table of a gradient check; ``print(report)`` shows it, ``report.ok`` is its verdict."""

    title: str
    rows: list
    tolerance: float

    @property
    def ok(self):
        """True if every array passed."""
        return all(row.verdict == "ok" for row in self.rows)

    @property
    def error(self):
        """The largest relative error."""
        return max(row.error for row in self.rows)

    def __str__(self):
        head = ("array", "shape", "checked", "kinks", "error", "at", "backward", "numeric", "")
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
        verdict = "all gradients agree" if self.ok else "BACKWARD IS WRONG, see the table"
        lines += [f"{verdict} (largest relative error {self.error:.1e}, limit {self.tolerance:g})"]
        return "\n".join([self.title, *lines])


def gradcheck(
    subject,
    x,
    target=None,
    *,
    loss=None,
    train=True,
    samples=None,
    eps=None,
    tolerance=TOLERANCE,
    seed=0,
):
    """Compare backward with finite differences, for the input and every parameter.

    gradcheck(layer_or_model, x)                   any layer, also one of your own
    gradcheck(loss, prediction, target)            any loss
    gradcheck(model, x, target, loss=loss)         a model and the loss it is trained with

    Parameters
        x         a batch that the layer takes, of any precision; the check copies it to float64.
                  A tuple, if that is what the layer takes: its integer arrays are held fixed
        train     check the training mode (noise and masks are drawn alike each time) or inference
        samples   check at most this many random entries of each array; None: every entry
        eps       the step; 1e-6, for a loss or a model with its loss 1e-5
        tolerance the largest relative error that passes
        seed      of the upstream gradient, of the sample and of a layer that is not built yet

    The relative error of an entry is abs(analytic - numeric) / max(abs(analytic), abs(numeric), s).
    The floor s is the root mean square of the array's numeric gradient (at least a thousandth of
    that of all arrays), so that entries which are zero but for rounding do not look wrong.

    Returns a `Report`. The subject is copied (from a GPU to the host) and stays as it is. Raises
    ValueError if forward gives two answers to one question.
    """
    if eps is None:
        eps = EPS_OF_A_LOSS if loss is not None or isinstance(subject, Loss) else EPS
    x = _float64(x) if isinstance(x, tuple) else np.array(to_numpy(x), dtype=np.float64)
    target = None if target is None else _float64(target)
    # not default_rng(seed): an x drawn from that would EQUAL the upstream gradient, and a missing
    # transpose hides behind the symmetry of x^T x
    host = RNG(seed).fork(1).host
    with float64(), use_device("cpu"):
        if isinstance(subject, Loss):
            f, arrays = _loss(subject, x, target)
        else:
            f, arrays = _layer(subject, x, target, loss, train, seed)
        y, backward = f()
        if any(not np.array_equal(a, b) for a, b in zip(y, f()[0], strict=True)):
            raise ValueError(
                f"forward of {subject!r} gives two answers to one question: draw random numbers "
                "from self.rng, and store nothing on the layer"
            )
        upstream = [host.standard_normal(part.shape) if part.ndim else np.ones(()) for part in y]
        grads = backward(upstream)
        probes = {
            name: differences(lambda: f()[0], array, upstream, eps, samples, host)
            for name, array in arrays.items()
        }
    every = np.concatenate([numeric for _, numeric, _ in probes.values()])
    floor = 1e-3 * _rms(every)
    rows = [
        compared(name, array, grads.pop(name, None), probes[name], floor, tolerance)
        for name, array in arrays.items()
    ]
    rows += [Row(n, np.shape(g), verdict="no such parameter") for n, g in grads.items()]
    mode = "" if isinstance(subject, Loss) else f", train={train}"
    whole = f" with {loss!r}" if loss is not None else ""
    name = subject.title if getattr(subject, "children", None) else repr(subject)
    return Report(f"{name}{whole}{mode}, float64, eps {eps:g}", rows, tolerance)


def _float64(x):
    """A copy in float64 of an array, or of each in a tuple; integers (class indices) stay."""
    if isinstance(x, tuple):
        return tuple(_float64(part) for part in x)
    x = to_numpy(x)
    return np.array(x, dtype=np.float64) if x.dtype.kind == "f" else x


def _parts(x):
    return x if isinstance(x, tuple) else (x,)


def _moves(part):
    return np.asarray(part).dtype.kind == "f"  # integers have no gradient


def _layer(layer, x, target, loss, train, seed):
    """f() -> ([y, penalty], backward) and the arrays to move, for a layer or model.

    Of a layer that returns a tuple, each floating array of it stands where y stands here.
    """
    if layer.input_shape is None:
        layer = copy.deepcopy(layer)
        layer.build(_parts(x)[0].shape[1:], RNG(seed))
    layer = layer.map_arrays(to_numpy).astype("float64")

    def f():
        layer.set_rng(RNG(seed))  # the same noise and masks each time
        y, cache = layer.forward(x, train)
        penalty = np.asarray(layer.penalty(cache), dtype=np.float64)
        if loss is None:
            outputs = [np.array(part) for part in _parts(y) if _moves(part)]  # y may be x

            def backward(upstream):
                given = iter(upstream)
                dy = tuple(next(given) if _moves(part) else None for part in _parts(y))
                return gradients(dy if isinstance(y, tuple) else dy[0], cache)

            return [*outputs, penalty], backward
        value, loss_cache = loss.forward(y, target)
        return [np.asarray(value), penalty], lambda _: gradients(loss.backward(loss_cache), cache)

    def gradients(dy, cache):
        dx, grads = layer.backward(dy, cache)
        pulls = zip(names, _parts(dx), strict=False)  # what is fixed may be left out at the end
        return {name: pull for name, pull in pulls if name in inputs} | grads

    names = getattr(layer, "input_names", ("x",))  # then x[1], x[2], ...
    names = [names[i] if i < len(names) else f"x[{i}]" for i in range(len(_parts(x)))]
    inputs = {name: part for name, part in zip(names, _parts(x), strict=True) if _moves(part)}
    return f, inputs | layer.named_parameters()


def _loss(loss, x, target):
    """The same for a loss; one whose backward returns two gradients is checked in both."""
    names = list(inspect.signature(loss.forward).parameters)
    arrays = {names[0]: x}
    if isinstance(loss.backward(loss.forward(x, target)[1]), tuple):
        arrays[names[1]] = target

    def f():
        value, cache = loss.forward(x, target)

        def backward(_):
            grads = loss.backward(cache)
            grads = grads if isinstance(grads, tuple) else (grads,)
            return dict(zip(arrays, grads, strict=True))

        return [np.asarray(value)], backward

    return f, arrays


def differences(f, array, upstream, eps, samples, rng):
    """(flat indices, numeric gradient there, is it a kink?) for an array that f() reads."""
    indices = np.arange(array.size)
    if samples is not None and samples < array.size:
        indices = np.sort(rng.choice(array.size, samples, replace=False))
    flat = array.flat  # writing here moves what f reads, however the array lies in memory
    y0 = f()
    numeric, kinks = np.zeros(len(indices)), np.zeros(len(indices), dtype=bool)
    for k, i in enumerate(indices):
        was = flat[i]
        for step in (eps, eps / 10, eps / 100):
            right, left = (_slope(f, flat, i, was, h, y0, upstream) for h in (step, -step))
            numeric[k] = (right + left) / 2
            kinks[k] = abs(right - left) > KINK * max(abs(right), abs(left), 1e-6)
            if not kinks[k]:
                break
        flat[i] = was
    return indices, numeric, kinks


def _slope(f, flat, i, was, h, y0, upstream):
    """sum(R (y(w + h) - y(w))) / h: differences first, so that what did not move is exactly 0."""
    flat[i] = was + h
    moved = flat[i] - was  # what h became in floating point
    return sum(((y - y_) * r).sum() for y, y_, r in zip(f(), y0, upstream, strict=True)) / moved


def compared(name, array, grad, probe, floor, tolerance):
    """The `Row` of one array: its gradient beside what `differences` found; see `gradcheck`."""
    indices, numeric, kinks = probe
    if grad is None:
        return Row(name, array.shape, verdict="backward gives no gradient for it")
    if np.shape(grad) != array.shape:
        return Row(name, array.shape, verdict=f"backward's has the shape {np.shape(grad)}")
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
