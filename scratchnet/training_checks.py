"""Checks of the arguments of `fit`, `evaluate` and `predict`, before anything changes.

Each message says what was expected, what was passed, and what to write instead; the hints for
arguments of other libraries are in hints.py.
"""

import inspect
import operator
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from scratchnet.backend import Array, on_host, xp_of
from scratchnet.hints import hint_for, unknown_argument
from scratchnet.inputs import as_array, read_only
from scratchnet.layers.base import Layer
from scratchnet.layers.shapes import ShapeError
from scratchnet.loss_base import Loss, WeightedLoss

RESERVED = ("loss", "penalty", "seconds")  # entries of a history that are no metrics


def check_part(what: str, part: Any, methods: tuple[str, ...], example: str) -> None:
    """Raise TypeError unless part, a "loss" or an "optimizer", is an object with these methods.

    >>> check_part("loss", "mse", ("forward", "backward"), "MeanSquaredError()")
    Traceback (most recent call last):
    TypeError: fit expects loss as an object of scratchnet.losses; got 'mse': use MeanSquaredError()
    """
    module = {"loss": "scratchnet.losses", "optimizer": "scratchnet.optimizers"}[what]
    if inspect.isclass(part):
        got, hint = f"the class {part.__name__}", f"create it, {part.__name__}()"
    elif isinstance(part, str):
        got, hint = repr(part), hint_for([what], part.lower()) or f"use {example}, for example"
    else:
        got, hint = type(part).__name__, f"use {example}, for example"
        if all(callable(getattr(part, method, None)) for method in methods):
            return
    raise TypeError(f"fit expects {what} as an object of {module}; got {got}: {hint}")


def check_loss(loss: Any) -> None:
    """Raise TypeError unless this is a loss: an object with forward and backward."""
    check_part("loss", loss, ("forward", "backward"), "MeanSquaredError()")


def check_optimizer(optimizer: Any) -> None:
    """Raise TypeError unless this is an optimizer: an object with step, bind and get_state."""
    check_part("optimizer", optimizer, ("step", "bind", "get_state"), "Adam()")


def check_model(model: Any) -> None:
    """Raise TypeError unless this is a layer or model, and ValueError unless it is built."""
    if isinstance(model, (list, tuple)):
        raise TypeError(f"fit expects a model; got a {type(model).__name__}: use Sequential([...])")
    if not isinstance(model, Layer):
        own = ": call its own method, model.fit(x, ...)" if hasattr(model, "fit") else ""
        raise TypeError(f"fit expects a layer or model; got {type(model).__name__}{own}")
    if model.input_shape is None:
        raise ValueError(f"{model.title} is not built yet: call build(input_shape, seed) first")


def check_metrics(metrics: Any) -> dict[str, Callable]:
    """Return the metrics as a dictionary {name: function}; TypeError or ValueError if not one.

    >>> check_metrics(["accuracy"])
    Traceback (most recent call last):
    TypeError: fit expects metrics as {name: function}; got list: use metrics={"accuracy": accuracy}
    """
    if metrics is None:
        return {}
    if not isinstance(metrics, Mapping):
        raise TypeError(
            f"fit expects metrics as {{name: function}}; got {type(metrics).__name__}: "
            'use metrics={"accuracy": accuracy}'
        )
    for name, metric in metrics.items():
        if not callable(metric):
            raise TypeError(
                f"metric {name!r} is {metric!r}: pass the function of (prediction, target) itself, "
                "for example accuracy of scratchnet.metrics"
            )
        if name in RESERVED or str(name).startswith("val_"):
            raise ValueError(
                f"a metric cannot have the name {name!r}, which the history uses: choose another"
            )
    return dict(metrics)


def check_callbacks(callbacks: Any) -> list:
    """Return the callbacks as a list, those that run last at its end."""
    if not isinstance(callbacks, (list, tuple)):
        got = "None" if callbacks is None else type(callbacks).__name__
        raise TypeError(f"fit expects callbacks as a list; got {got}: use callbacks=[...]")
    for callback in callbacks:
        if inspect.isclass(callback):
            name = callback.__name__
            raise TypeError(f"fit expects Callback objects; got the class: create it, {name}()")
        if not hasattr(callback, "on_epoch_end"):
            raise TypeError(
                f"fit expects callbacks of scratchnet.callbacks; got {callback!r}: write a class "
                "derived from Callback, with a method on_epoch_end(run)"
            )
    return sorted(callbacks, key=lambda callback: callback.runs_last)


def check_seed(seed: Any) -> int:
    """Return the seed as an int; TypeError unless it is a whole number."""
    try:
        return operator.index(seed)
    except TypeError:
        raise TypeError(f"fit expects seed as a whole number; got {seed!r}") from None


def check_validation(model: Layer, loss: Any, validation: Any) -> tuple:
    """Return (x, target, weights) held out for validation as arrays, and the loss of all of them.

    The weights may be absent: they are None then. Without a validation set all are None.
    """
    if validation is None:
        return (None, None, None), None
    if not isinstance(validation, (tuple, list)) or len(validation) not in (2, 3):
        raise TypeError(
            f"fit expects validation as a pair of arrays; got {type(validation).__name__}: hold "
            "samples out yourself and pass validation=(x_val, target_val), a pair (x, target), or "
            "(x, target, weights)"
        )
    x, target, weights = (*validation, None)[:3]
    x, target = check_data(model, x, target, of="validation ")
    whole_loss = check_weights(loss, x, weights, of="validation ")
    weights = None if weights is None else whole_loss.weights
    check_targets(model, loss, "validation targets", target)
    return (x, target, weights), whole_loss


def check_options(owner: str, kinds: Iterable[str], unknown: dict, function: Callable) -> None:
    """Raise TypeError for keyword arguments that a function does not have, with a hint."""
    for word in unknown:
        names = [name for name in inspect.signature(function).parameters if name != "unknown"]
        raise unknown_argument(owner, kinds, word, names)


def check_data(model: Layer, x: Any, target: Any = None, of: str = "") -> tuple:
    """Return x and target as arrays that the model can be trained on; see `fit` for the errors.

    The arrays are views that cannot be written to, so that no layer or metric changes the data.
    """
    check_model(model)
    arrays = []
    for name, array in ((f"{of}x", x), (f"{of}target", target)):
        if array is None:
            arrays.append(None)
            continue
        array = as_array(name, array)
        if not len(array):
            raise ValueError(f"{name} is empty, its shape is {array.shape}: pass at least a sample")
        if array.dtype.kind == "f" and not in_a_file(array) and not all_finite(array):
            raise not_finite(name)
        arrays.append(read_only(array))
    x, target = arrays
    if target is not None and len(x) != len(target):
        raise ShapeError(f"{of}x has {len(x)} samples, but {of}target has {len(target)}")
    return x, target


def not_finite(name: str) -> ValueError:
    """Make the ValueError for an array with NaN or infinite values."""
    return ValueError(
        f"{name} holds NaN or infinite values: remove or replace them before training"
    )


def in_a_file(array: Array) -> bool:
    """True if the array is a memory map, which may be larger than the memory.

    >>> import numpy as np
    >>> in_a_file(np.zeros(3))
    False
    """
    while array is not None:
        if isinstance(array, np.memmap):
            return True
        array = getattr(array, "base", None)
    return False


def nan_in_rows(arrays: Sequence[tuple[Array, Array]]) -> bool:
    """True if rows of a memory map hold NaN or infinite values, for pairs (array, rows of it).

    `check_data` has looked at all other arrays.
    """
    rows = [rows for array, rows in arrays if rows.dtype.kind == "f" and in_a_file(array)]
    return any(part.size and not all_finite(part) for part in rows)


def check_targets(model: Layer, loss: Any, name: str, target: Array) -> None:
    """Raise the loss's ValueError for targets outside its domain, with the name of the array.

    Only targets in CPU memory are read, about a million numbers at a time.
    """
    if in_a_file(target) or not on_host(target) or not hasattr(loss, "check_target"):
        return
    rows = max(1, 1_000_000 // max(1, target[0].size))
    for start in range(0, len(target), rows):
        try:
            loss.check_target(target[start : start + rows], model.output_shape)
        except ValueError as error:
            raise type(error)(str(error).replace("targets", name, 1)) from None


SHAPE_ONLY = ("Flatten", "Reshape", "Dropout")  # layers that leave an activation what it is


def check_weights(loss: Any, x: Array, weights: Any, of: str = "") -> Any:
    """Return the loss of all samples, a `WeightedLoss` if there are weights, after checking them.

    Raises TypeError, ValueError or ShapeError for weights that are no array of numbers >= 0, one or
    more for each sample.
    """
    if weights is None:
        return loss
    if not isinstance(loss, Loss):
        raise TypeError(f"weights expect a loss of scratchnet.losses; got {type(loss).__name__}")
    whole = WeightedLoss(loss, weights)
    if len(whole.weights) != len(x):
        raise ShapeError(f"{of}x has {len(x)} samples, but {of}weights has {len(whole.weights)}")
    return whole


def warn_of_double_activation(model: Layer, loss: Any) -> None:
    """Warn if the model ends in the activation that a loss for logits applies itself."""
    if not getattr(loss, "expects_logits", False):
        return
    last = model
    while last.children:
        inside = getattr(last, "layers", None) or list(last.children.values())
        kept = [layer for layer in inside if type(layer).__name__ not in SHAPE_ONLY]
        if not kept:
            return
        last = kept[-1]
    name = type(last).__name__
    if name in ("Softmax", "Sigmoid"):
        warnings.warn(
            f"{name} before {type(loss).__name__}, which expects logits and applies it itself: "
            f"leave {name} out",
            UserWarning,
            stacklevel=4,
        )


def all_finite(*arrays: Array) -> bool:
    """True if no entry is NaN or infinite; a GPU is read once, for any number of arrays."""
    xp = xp_of(*arrays)
    return bool(xp.stack([xp.isfinite(array).all() for array in arrays]).all())


def metric_value(name: str, metric: Callable, y: Array, target: Array) -> float:
    """Value of a metric as a float, with a warning if it is NaN.

    Raises TypeError if the metric does not return one number, and ValueError if it writes to its
    arguments, which are read-only.

    >>> import numpy as np
    >>> metric_value("largest", lambda y, t: y.max(), np.ones(2), np.ones(2))
    1.0
    """
    try:
        value = metric(y, target)
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        raise ValueError(
            f"metric {name!r} changes its arguments: write to a copy, prediction.copy()"
        ) from error
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"metric {name!r} returned {type(value).__name__}; it must return one number"
        ) from None
    if number != number:
        warnings.warn(f"metric {name!r} is NaN", UserWarning, stacklevel=3)
    return number
