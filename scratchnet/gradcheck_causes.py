"""Causes of a wrong gradient, one sentence each, for the reports of `scratchnet.gradcheck`.

The checker knows the gradient that `backward` returned and the right one, from finite differences.
Simple errors leave a simple relation between the two: a factor 1/N, a transpose, an inverted mask.
`find_causes` tries one explanation after the other, the simplest first, and reports the first that
reproduces every entry. The explanations are in

    scratchnet.gradcheck_patterns   from the two gradients alone
    scratchnet.gradcheck_factors    a factor, named with the help of a batch of another size
    scratchnet.gradcheck_formulas   with x, y and dy
    scratchnet.gradcheck_retries    with further calls of backward, in which one thing is changed

For a gradient that no explanation reproduces, `without_cause` says what to do next.
"""

import functools
import itertools
import math

import numpy as np

from scratchnet import gradcheck_formulas as formulas
from scratchnet import gradcheck_patterns as patterns
from scratchnet.backend import to_numpy
from scratchnet.gradcheck_factors import factor
from scratchnet.gradcheck_patterns import Pair
from scratchnet.gradcheck_retries import RETRIES, Evidence, new_noise, one_output, penalty
from scratchnet.layers.base import Layer
from scratchnet.numerics import sigmoid, softmax
from scratchnet.validation import constructor_options


def find_causes(evidence: Evidence, wrong: list[str]) -> dict[str, str]:
    """Sentences {name: cause} for arrays whose gradient is wrong; a name may be missing.

    >>> from scratchnet.gradcheck import gradcheck
    >>> from scratchnet.layers import Dense
    >>> class Mean(Dense):
    ...     def backward(self, dy, x):
    ...         return dy @ self.W.T, {"W": x.T @ dy, "b": dy.mean(axis=0)}
    >>> gradcheck(Mean(3), np.eye(4)).rows[2].cause[:35]
    'every entry is 1/4 times the right '
    """
    causes = {}
    for name in wrong:
        cause = _cause(evidence, name)
        if cause:
            causes[name] = cause
    return _shared(evidence, causes, wrong)


def without_cause(names: list[str]) -> list[str]:
    """Lines of a report about wrong arrays that have no cause: none, or one sentence.

    >>> without_cause(["x"])
    ['x: no known cause fits: keep one term in forward and backward, check, add the next one']
    >>> without_cause(["dense/W", "dense/b"])
    ['dense/W, dense/b: no known cause fits: check each layer alone: gradcheck(layer, its x)']
    """
    if not names:
        return []
    remedy = "keep one term in forward and backward, check, add the next one"
    if any("/" in name for name in names):
        remedy = "check each layer alone: gradcheck(layer, its x)"
    return [f"{', '.join(names)}: no known cause fits: {remedy}"]


def _cause(evidence, name):
    if evidence.grads.get(name) is None:
        return _without_gradient(evidence, name)
    pair = evidence.pair(name)
    if pair.grad.shape != pair.shape:
        dy = evidence.R[0] if isinstance(evidence.subject, Layer) and "/" not in name else None
        return patterns.wrong_shape(pair, None if pair.of_input else dy)
    factors = functools.partial(factor, pair, _quantities(evidence, name))
    again = functools.lru_cache(lambda: _again(evidence, name))
    arguments = _arguments(evidence, pair)
    units = getattr(evidence.subject, "units", None)
    gates = getattr(evidence.subject, "gate_names", "")
    tries = itertools.chain(
        [lambda: patterns.not_finite(pair), lambda: new_noise(evidence, pair)],
        [lambda: patterns.zero(pair), lambda: patterns.precision(pair)],
        [lambda: _exchanged(evidence, pair), lambda: factors(again=again)],
        [lambda: one_output(evidence, pair), lambda: patterns.order(pair, units, gates)],
        [lambda: formulas.mask(pair, arguments.get("dy"))],
        [lambda: factors(named_only=False, again=again)],
        _with_arguments(evidence, pair, arguments),
        [functools.partial(retry, evidence, pair) for retry in RETRIES],
        [lambda: patterns.places(pair)],
    )
    return next((found for attempt in tries if (found := attempt())), None)


# ------------------------------------------------------------------- arguments of the explanations


def _again(evidence, name):
    """Pair and quantities of an array with a batch of another size, or None if that fails."""
    try:
        other = evidence.with_batch(len(evidence.x[0]) + 3, name)
        return other.pair(name), _quantities(other, name)
    except (ValueError, IndexError, TypeError):  # a layer or loss for batches of one size
        return None


def _quantities(evidence, name):
    """{words: value} of the numbers that may be a factor: sizes, and options of the constructor."""
    found = {}
    first = evidence.y[0].shape if evidence.y[0].ndim else ()
    x = evidence.x[0].shape
    found["the batch size N"] = x[0]
    loss = not isinstance(evidence.subject, Layer)
    shapes = {next(iter(evidence.arrays)): x} if loss else {"x": x, "y": first}
    if "/" in name:  # a parameter of a layer inside
        path = name.rpartition("/")[0]
        layer = evidence.subject.named_layers().get(path)
        shapes = {f"the output of {path}": (x[0], *layer.output_shape)} if layer else {}
    for what, shape in shapes.items():
        if len(shape) == 4:
            found[f"the number of pixels of {what}"] = math.prod(shape[1:3])
            found[f"the number of samples times pixels of {what}"] = math.prod(shape[:3])
        if len(shape) == 3 and not loss:
            found["the number of time steps"] = shape[1]
            found["the number of samples times time steps"] = shape[0] * shape[1]
        if len(shape) > 1:
            found[f"the size of the last axis of {what}"] = shape[-1]
            found[f"the number of entries of a sample of {what}"] = math.prod(shape[1:])
            found[f"the number of entries of {what}"] = math.prod(shape)
    found["N - 1"], found["N / (N - 1)"] = x[0] - 1, x[0] / max(x[0] - 1, 0.5)
    for option in constructor_options(type(evidence.subject)):
        value = getattr(evidence.subject, option, None)
        sizes = value if isinstance(value, tuple) and value else (value,)
        if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in sizes):
            value = math.prod(sizes)
            words = " * ".join(f"{option}[{i}]" for i in range(len(sizes)))
            found[words if isinstance(getattr(evidence.subject, option), tuple) else option] = value
            if isinstance(value, float):
                found |= {f"1 - {option}": 1 - value, f"{option}^2": value**2}
            elif len(sizes) == 1:
                found[f"{option}^2"] = value**2
    return found | _equal_entries(evidence.subject)


def _equal_entries(subject):
    """{words: value} of the parameters of a layer whose entries are all one number.

    A product with such a parameter, if forgotten, is a factor like any other.
    """
    found = {}
    for path, value in subject.named_parameters().items() if isinstance(subject, Layer) else ():
        first = float(value.reshape(-1)[0]) if value.size else 0.0
        if first not in (0, 1, -1) and bool((value == first).all()):
            found[f"every entry of {path}"] = first
    return found


def _arguments(evidence, pair):
    """{"dy": R, "x": ..., "y": ...} as far as they have the shape of the pair's array."""
    found = {}
    if pair.of_input:
        found = {"x": evidence.arrays[pair.name], "y": evidence.y[0], "dy": evidence.R[0]}
    target = evidence.checked.target
    if pair.of_input and target is not None:
        target = to_numpy(target)
        if target.dtype.kind in "iu" and target.shape == pair.shape[:-1]:
            target = np.eye(pair.shape[-1])[target]
        found["target"] = target
    return {name: array for name, array in found.items() if np.shape(array) == pair.shape}


def _with_arguments(evidence, pair, arguments):
    """Attempts that need x, y, dy or the target in the shape of the array."""
    if "x" not in arguments:
        return
    x = arguments["x"]
    yield lambda: penalty(evidence, pair)
    if "dy" in arguments:
        dy, y = arguments["dy"], arguments["y"]
        yield (
            lambda: (
                "backward returns dy as it is: the derivative of y is missing"
                if np.array_equal(pair.grad, dy)
                else None
            )
        )
        yield lambda: formulas.slope(pair, dy, x, y)
        factors = {"dy": dy, "x": x, "y": y, "1 - y": 1 - y, "y (1 - y)": y * (1 - y)}
        factors |= {"1 - y^2": 1 - y * y, "(1 - x)": 1 - x}
        for name, array in evidence.arrays.items():
            if name not in evidence.checked.inputs and _broadcasts(array.shape, pair.shape):
                factors[name] = np.broadcast_to(array, pair.shape)
        yield lambda: formulas.elementwise(pair, factors)
    else:
        p, s = softmax(x), sigmoid(x)
        factors = {"x": x, "1 - x": 1 - x, "x (1 - x)": x * (1 - x)}
        factors |= {"p (1 - p) with p = softmax(x)": p * (1 - p)}
        factors |= {"p (1 - p) with p = sigmoid(x)": s * (1 - s)}
        if "target" in arguments:
            yield lambda: formulas.class_index(pair, arguments["target"])
        yield lambda: formulas.elementwise(pair, factors)
    yield lambda: formulas.missing_term(pair, {**arguments, "sign(x)": np.sign(x)})
    if "dy" in arguments:
        y = arguments["y"]
        total = (dy * y).sum(axis=-1, keepdims=True)
        terms = {
            "y sum(dy y) over the last axis": y * total,
            "y sum(dy y) over the other entries of the last axis": y * (total - dy * y),
        }
        yield lambda: formulas.missing_term(pair, terms)
        if not evidence.checked.train and hasattr(evidence.subject, "epsilon"):
            yield lambda: formulas.constant_statistics(pair, dy, x)
        yield lambda: formulas.statistics_term(pair, x)
        yield lambda: formulas.product(pair, dy, x, y)


def _broadcasts(small, shape):
    return small != () and len(small) <= len(shape) and shape[-len(small) :] == small


# --------------------------------------------------------------- explanations with another array


def _without_gradient(evidence, name):
    unknown = [n for n in evidence.grads if n not in evidence.arrays]
    if name in evidence.checked.inputs:
        return "backward returns None as dx: compute it, unless x is an integer array"
    if unknown:
        return f"backward returns {', '.join(map(repr, unknown))}, and no {name!r}: use its name"
    return f"backward returns no {name!r} in grads: add the entry"


def _exchanged(evidence, pair):
    """The gradient of another array under this name."""
    for other, probe in evidence.probes.items():
        if other == pair.name or evidence.arrays[other].shape != pair.shape:
            continue
        theirs = Pair(other, pair.shape, pair.grad, *probe)
        if pair.numeric.size and theirs.fits(pair.grad):
            back = evidence.grads.get(other)
            if back is not None and np.shape(back) == pair.shape and pair.fits(np.asarray(back)):
                return f"the gradients of {pair.name} and {other} are exchanged"
            return f"this is the gradient of {other}"
    return None


def _shared(evidence, causes, wrong):
    """Causes that hold for other arrays, too: those computed from the same intermediate result."""
    common = {
        "backpropagation through time is cut": "as for {0}: {1}",
        "only time step": "as for {0}: {1}",
        "the gradient of the wrong gate": "it follows from the gates that are wrong for {0}",
        "only the gradient of gate": "it follows from the gates that are wrong for {0}",
        "only gate": "it follows from the gates that are wrong for {0}",
    }
    for name, cause in list(causes.items()):
        for start, words in common.items():
            if cause.startswith(start):
                for other in wrong:
                    vague = other not in causes or causes[other].startswith(
                        ("only ", "backward returns zeros")
                    )
                    apart = start == "only time step" and other in evidence.checked.inputs
                    apart |= causes.get(other, "").startswith(start)  # tells as much
                    if other != name and vague and not apart:
                        causes[other] = words.format(name, cause)
    return causes
