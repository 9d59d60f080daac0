"""The contract of layers and losses, checked by `gradcheck` before it compares gradients.

    rule                                              why
    forward and backward return what they should      the next part of a model takes it
    no argument, cache or parameter is changed        other layers and other threads use it, too
    nothing of a batch is stored on the object        two batches may be computed in turn
    two halves of a batch give what the batch gives   a batch is split, or its size changes
    float64 goes through                              the step 1e-6 vanishes in float32

A part that needs the whole batch (batch statistics, noise, a sum over the batch) declares this with
``needs_whole_batch = True``. Each broken rule is a ValueError or TypeError of one sentence.
"""

import contextlib
import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from scratchnet.backend import RNG
from scratchnet.layers.base import Layer
from scratchnet.layers.shapes import fits
from scratchnet.losses import Loss

TOLERANCE = 1e-9  # of equal results in float64
# in messages for shapes that do not fit, and for a cache of another length
OF_NUMPY = "unpack", "matmul", "operand", "broadcast", "not aligned", "reshape"


def check_layer(layer: Layer, x: Any, train: bool, seed: int) -> None:
    """Check the contract of a built float64 layer on the batch x; raises for a broken rule.

    >>> from scratchnet.layers import ReLU
    >>> check_layer(ReLU(), np.array([[-1.0, 2.0]]), train=True, seed=0)
    """

    def forward(x):
        layer.set_rng(RNG(seed))  # the same noise and masks in each call
        return layer.forward(x, train)

    name = layer.title
    with _read_only([x, layer.named_parameters(), layer.named_state()]):
        y, _ = forward(x)
    shape = parts_of(y)[0].shape
    if layer.output_shape is not None and not fits(shape[1:], layer.output_shape):
        raise ValueError(
            f"{name}: build returns the output shape {layer.output_shape}, but forward returns y "
            f"of shape {shape}"
        )
    ones = [np.ones(p.shape) if is_float(p) else None for p in parts_of(y)]
    dy = tuple(ones) if isinstance(y, tuple) else ones[0]

    def backward(x, between=()):
        _, cache = forward(x)
        for other in between:
            forward(other)
        try:
            return _checked_gradients(name, layer.backward(dy, cache))
        except ValueError as problem:
            if not any(word in str(problem) for word in OF_NUMPY):
                raise
            raise ValueError(_explain_shapes(layer, dy, problem)) from problem

    expected = backward(x)
    _, cache = forward(x)
    arguments = {"dy": dy, "the cache": cache}
    arguments |= {f"its parameter {path}": p for path, p in layer.named_parameters().items()}
    _check_backward_writes_nothing(name, lambda: layer.backward(dy, cache), arguments)
    if not _equal(backward(x, between=[_other_batch(x)]), expected):
        forward(x)
        stored = " and ".join(stored_by(layer, lambda: forward(_other_batch(x))))
        raise ValueError(
            f"{name} stores something of a batch on the layer{stored and f' ({stored})'}: backward "
            "needs it in the cache, because forward may be called for another batch before"
        )
    n = len(parts_of(x)[0])
    if n > 1 and not any(part.needs_whole_batch for part in layer.named_layers().values()):
        halves = [forward(_samples(x, s))[0] for s in (slice(0, n // 2), slice(n // 2, n))]
        joined = [np.concatenate(pair) for pair in zip(*map(parts_of, halves), strict=True)]
        if not _equal(joined, list(parts_of(y))):
            raise ValueError(
                f"{name}: two halves of a batch give another y than the whole batch: if its "
                "samples depend on one another, declare needs_whole_batch = True in the class"
            )


def check_precision(layer: Layer, x: Any, train: bool, seed: int) -> None:
    """Raise TypeError if forward rounds to float32 inside, although y is float64.

    >>> from scratchnet.layers import ReLU
    >>> check_precision(ReLU(), np.array([[0.1, 0.2, 0.3]]), train=True, seed=0)
    """
    noise = np.random.default_rng(seed)
    other = [p * (1 + 1e-3 * noise.random(p.shape)) if is_float(p) else p for p in parts_of(x)]
    results = []
    for inputs in (x, tuple(other) if isinstance(x, tuple) else other[0]):
        layer.set_rng(RNG(seed))
        results.append([p for p in parts_of(layer.forward(inputs, train)[0]) if is_float(p)])
    for before, after in zip(*results, strict=True):
        moved = after[before != after]
        rounded = np.array_equal(moved, moved.astype(np.float32))
        if moved.size > 2 and rounded and (moved * 256 % 1).any():
            raise TypeError(
                f"{layer.title}: forward computes in float32 inside, where its input is float64: "
                "gradients cannot be checked, because a step of 1e-6 vanishes; keep the precision "
                "of the input"
            )


def check_running_averages(layer: Layer, call: Callable) -> None:
    """Raise ValueError if call(), a forward, changes the state of a layer or of one inside it.

    >>> from scratchnet.layers import ReLU
    >>> check_running_averages(ReLU(), lambda: None)
    """
    layers = layer.named_layers().values()
    before = [copy.deepcopy(part.state) for part in layers]
    call()
    for part, old in zip(layers, before, strict=True):
        changed = [name for name, value in part.state.items() if not _equal(value, old.get(name))]
        if changed:
            raise ValueError(
                f"{part.title}: forward changes the running averages {' and '.join(changed)}: put "
                "the values of the batch into the cache, and change the averages in "
                "update_running_stats(cache)"
            )


def stored_by(layer: Layer, call: Callable) -> list[str]:
    """Names of the attributes of a layer, or of one inside it, that call() sets to new values.

    >>> from scratchnet.layers import ReLU
    >>> layer = ReLU()
    >>> stored_by(layer, lambda: setattr(layer, "x", np.ones(2)))
    ['self.x']
    """
    layers = layer.named_layers().values()
    before = [{name: copy.copy(value) for name, value in vars(part).items()} for part in layers]
    call()
    missing = object()
    return [
        f"self.{name}" + ("" if part is layer else f" of {part.title}")
        for part, old in zip(layers, before, strict=True)
        for name, value in vars(part).items()
        if name not in ("rng", "params", "state", "children")
        and not _same_value(value, old.get(name, missing))
    ]


def explain_noise(subject: Layer | Loss, forward: Callable) -> str:
    """End of the message for a forward() that gives two results for one input.

    >>> from scratchnet.layers import ReLU
    >>> explain_noise(ReLU(), lambda: None)
    'draw random numbers from self.rng, and store nothing on the layer'
    """
    stored = stored_by(subject, forward) if isinstance(subject, Layer) else []
    if stored:
        return (
            f"forward changes {' and '.join(stored)}; store nothing on the layer, and change "
            "running averages, in self.state, only in update_running_stats(cache)"
        )
    return "draw random numbers from self.rng, and store nothing on the layer"


def _same_value(value, old):
    if _is_array(value) or _is_array(old):
        return np.array_equal(value, old)
    return type(value) is type(old) and (not isinstance(value, (int, float)) or value == old)


def _explain_shapes(layer, dy, problem):
    """The sentence for a ValueError in backward: products that do not fit, or the cache."""
    if "unpack" in str(problem):
        return (
            f"{layer.title}: backward unpacks another number of values than it gets ({problem}): "
            "compare the cache that forward returns with the one that backward takes"
        )
    shapes = [f"{path} {array.shape}" for path, array in layer.named_parameters().items()]
    arrays = ", ".join([f"dy {part.shape}" for part in parts_of(dy) if part is not None] + shapes)
    return (
        f"{layer.title}: backward fails with {arrays} ({problem}): look for a transpose that is "
        "missing, or factors in the wrong order"
    )


def check_loss(loss: Loss, prediction: Any, target: Any) -> None:
    """Check the contract of a loss on a batch in float64; raises for a broken rule.

    >>> from scratchnet.losses import MeanSquaredError
    >>> check_loss(MeanSquaredError(), np.array([[1.0], [2.0]]), np.zeros((2, 1)))
    """
    name = type(loss).__name__

    def forward(prediction, target):
        try:
            with _read_only([prediction, target]):
                result = loss.forward(prediction, target)
        except ValueError as problem:
            _explain_writing(f"{name}: forward changes the prediction or the target", problem)
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(
                f"{name}: forward returns the pair (value, cache); got {type(result).__name__}"
            )
        value, cache = result
        if np.ndim(value) != 0:
            raise TypeError(
                f"{name}: forward returns one number as the value; got an array of shape "
                f"{np.shape(value)}"
            )
        _check_float64(name, "forward", "the value", value)
        return float(value), cache

    value, cache = forward(prediction, target)
    expected = loss.backward(cache)
    for part in parts_of(expected):
        _check_float64(name, "backward", "the gradient", part)
    _, cache = forward(prediction, target)
    _check_backward_writes_nothing(name, lambda: loss.backward(cache), {"the cache": cache})
    _, cache = forward(prediction, target)
    forward(_other_batch(prediction), _samples(target, slice(None, None, -1)))
    if not _equal(loss.backward(cache), expected):
        raise ValueError(
            f"{name} stores something of a batch on the loss: backward needs it in the cache"
        )
    n = len(prediction)
    if n > 1 and not loss.needs_whole_batch:
        edges = slice(0, n // 2), slice(n // 2, n)
        values = [forward(prediction[s], target[s])[0] for s in edges]
        mean = sum(v * (s.stop - s.start) / n for v, s in zip(values, edges, strict=True))
        if not _equal(mean, value):
            raise ValueError(
                f"{name}: the loss of a batch is not the mean over its samples, so that the "
                "learning rate would depend on the batch size: divide by len(prediction), or "
                "declare needs_whole_batch = True in the class"
            )


def _checked_gradients(name, result):
    """Return (dx, grads), after checking that backward returned them."""
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(
            f"{name}: backward returns the pair (dx, grads); got {type(result).__name__}"
        )
    dx, grads = result
    if not isinstance(grads, dict):
        raise TypeError(
            f"{name}: backward returns grads as a dict {{name: gradient}}, {{}} without "
            f"parameters; got {type(grads).__name__}"
        )
    for part in parts_of(dx):
        if part is not None:
            _check_float64(name, "backward", "dx", part)
    for path, gradient in grads.items():
        _check_float64(name, "backward", f"the gradient of {path}", gradient)
    return dx, grads


def _check_float64(name, method, what, array):
    dtype = getattr(array, "dtype", None)
    if dtype is None and not isinstance(array, float):
        raise TypeError(f"{name}: {method} returns {what} as an array; got {type(array).__name__}")
    if dtype in (np.float32, np.float16):
        raise TypeError(
            f"{name}: {method} computes in {dtype} where its input is float64: gradients cannot be "
            "checked, because a step of 1e-6 vanishes; keep the precision of the input"
        )


def _check_backward_writes_nothing(name, backward, arguments):
    """Call backward with read-only arguments, {name of an argument: arrays in it}."""
    try:
        with _read_only(arguments):
            backward()
    except ValueError as problem:
        changed = " or ".join(arguments)
        for argument, arrays in arguments.items():  # which one is it?
            try:
                with _read_only(arrays):
                    backward()
            except ValueError:
                changed = argument
                break
        _explain_writing(f"{name}: backward changes {changed}", problem)


def _explain_writing(sentence, problem):
    """Raise a ValueError with the sentence if NumPy refused to write, else the problem itself."""
    if "read-only" not in str(problem):
        raise problem
    raise ValueError(f"{sentence}: compute on a copy") from problem


@contextlib.contextmanager
def _read_only(tree: Any) -> Iterator[None]:
    """Context manager: the arrays in the tree cannot be written to."""
    changed = [array for array in _arrays_in(tree) if array.flags.writeable]
    for array in changed:
        array.flags.writeable = False
    try:
        yield
    finally:
        for array in sorted(changed, key=_depth):  # an array before the views into it
            array.flags.writeable = True


def _depth(array):
    """Number of arrays of which this one is a view."""
    return 0 if array.base is None else 1 + _depth(array.base) if _is_array(array.base) else 1


def _arrays_in(tree):
    """Every array in nested tuples, lists and dictionaries."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, (list, tuple)):
        return [array for part in tree for array in _arrays_in(part)]
    return [tree] if _is_array(tree) else []


def _is_array(a):
    return isinstance(a, np.ndarray)


def parts_of(x: Any) -> tuple:
    """The arrays of x, which is one array or a tuple of arrays.

    >>> parts_of(1.0)
    (1.0,)
    """
    return x if isinstance(x, tuple) else (x,)


def is_float(array: Any) -> bool:
    """Whether an array holds floating-point numbers; integers have no gradient.

    >>> is_float(np.array([0.5])), is_float(np.array([1]))
    (True, False)
    """
    return np.asarray(array).dtype.kind == "f"


def _samples(x, s):
    return tuple(part[s] for part in x) if isinstance(x, tuple) else x[s]


def _other_batch(x):
    """A batch of the same size: the samples in reverse order, or one sample times 1/2."""
    if len(parts_of(x)[0]) > 1:
        return _samples(x, slice(None, None, -1))
    halved = tuple(part / 2 if is_float(part) else part for part in parts_of(x))
    return halved if isinstance(x, tuple) else halved[0]


def _equal(a, b):
    """Whether two trees of arrays agree up to rounding; the structure of b counts."""
    if isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[name], b[name]) for name in b)
    if isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(_equal, a, b))
    if b is None:
        return a is None
    scale = TOLERANCE * max(1e-300, float(np.abs(b).max())) if np.size(b) else 0
    return np.shape(a) == np.shape(b) and np.allclose(a, b, TOLERANCE, scale, equal_nan=True)
