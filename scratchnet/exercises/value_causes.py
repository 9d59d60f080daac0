"""Causes of wrong values: the mistake that gives all values of an answer, in every trial.

A mistake is a function of the library's layer or loss and its arguments, and returns the values
that this mistake would give. Mistakes of one exercise are in `layer_mistakes` and `loss_mistakes`;
those of a parameter or an input, such as a missing bias or a flipped kernel, are made here.
"""

import dataclasses
import functools
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from scratchnet.backend import RNG, Array
from scratchnet.exercises.explain import agree
from scratchnet.gradcheck_retries import replaced
from scratchnet.layers.base import Layer


@dataclasses.dataclass
class Trial:
    """The values `got` of an answer, the right ones, and the library's layer or loss for them.

    train is None for a loss.
    """

    subject: Any
    arguments: tuple
    train: bool | None
    got: Array
    expected: Array

    def agrees(self, mistake: Callable) -> bool:
        """Whether a mistake gives the values of the answer.

        >>> trial = Trial(None, (np.ones(2),), None, np.full(2, 3.0), np.ones(2))
        >>> trial.agrees(lambda subject, x: 3 * x), trial.agrees(lambda subject, x: x)
        (True, False)
        """
        if isinstance(self.subject, Layer):
            self.subject.set_rng(RNG(0))  # the same noise and masks as in the answer
        mode = () if self.train is None else (self.train,)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a mistake may divide by 0
                values = np.asarray(mistake(self.subject, *self.arguments, *mode))
        except (ValueError, IndexError, TypeError, ArithmeticError):  # no such axis, 1 / 0
            return False
        if self.got.shape != values.shape or (np.isnan(self.got) != np.isnan(values)).any():
            return False
        return agree(np.nan_to_num(self.got), np.nan_to_num(values))


def value_cause(trials: list[Trial], mistakes: dict[str, Callable]) -> str:
    """The sentence of the first mistake that gives the values of every trial; "" if none does.

    >>> trials = [Trial(None, (np.array([x]),), None, np.array([x**3]), x) for x in (1.0, 2.0)]
    >>> value_cause(trials, {"x is squared": lambda _, x: x**2, "x is cubed": lambda _, x: x**3})
    'x is cubed'
    """
    for sentence, mistake in mistakes.items():
        if all(trial.agrees(mistake) for trial in trials):
            return sentence
    for sentence, mistake in mistakes.items():
        opposite = functools.partial(_negative, mistake)
        if "wrong sign" not in sentence and all(trial.agrees(opposite) for trial in trials):
            return f"{sentence}; and the sign is wrong"
    return ""


def _negative(mistake, *arguments):
    return -np.asarray(mistake(*arguments))


def layer_variations(layer: Layer, n: int, ndim: int) -> dict[str, Callable]:
    """Mistakes {sentence: mistake} of the parameters and of x (n, ...) with ndim axes.

    >>> from scratchnet.layers import Dense
    >>> dense = Dense(2)
    >>> _ = dense.build((3,), 0)
    >>> list(layer_variations(dense, 4, 2))[-2:]
    ['x enters with the wrong sign', 'abs(x) enters in place of x']
    """
    found = {}
    parameters = layer.named_parameters()
    for name, array in parameters.items():
        for sentence, change in variations(name, array):
            found[sentence] = _with_parameter(name, change)
        factors: dict[str, Callable] = {"the batch size N": lambda a, x: len(x)}
        if array.ndim == 2:
            factors["the number D of inputs"] = lambda a, x: x.shape[-1]
        if array.ndim == 4:
            factors["the number of pixels of the kernel"] = lambda a, x: math.prod(a.shape[:2])
            factors["the number of entries of a window"] = lambda a, x: (
                math.prod(a.shape[:2]) * x.shape[-1]
            )
        for words, number in factors.items():
            found[f"the term of {name} is divided by {words}: take the sum, not the mean"] = (
                _with_parameter(name, functools.partial(_divided, number))
            )
        for other, second in parameters.items():
            if other > name and second.shape == array.shape:
                found[f"{name} and {other} are exchanged"] = _exchanged(name, other)
    inputs: dict[str, Callable] = {
        "x enters with the wrong sign": lambda x: -x,
        "abs(x) enters in place of x": abs,
    }
    if ndim == 4:
        for axis, word in ((1, "row"), (2, "column")):
            inputs[f"x is flipped along axis {axis}"] = functools.partial(np.flip, axis=axis)
            for shift in (1, -1):
                where = "late" if shift < 0 else "early"
                inputs[
                    f"every window starts one pixel {word} too {where}: window (i, j) starts at "
                    "pixel (i sh, j sw), without padding"
                ] = functools.partial(_shifted, axis=axis, shift=shift)
    for sentence, change in inputs.items():
        found[sentence] = lambda layer, x, train, c=change: layer.forward(c(x), train)[0]
    return found


def variations(name: str, array: Array) -> Iterator[tuple[str, Callable]]:
    """Yield (sentence, change) of one array; change(array, x) is the array of a wrong formula.

    >>> [sentence for sentence, _ in variations("b", np.ones(2))][:2]
    ['b is missing: add its term', 'b enters with the wrong sign']
    """
    if array.ndim < 2:
        yield f"{name} is missing: add its term", lambda a, x: 0 * a
    else:
        yield f"the term of {name} is missing", lambda a, x: 0 * a
    yield f"{name} enters with the wrong sign", lambda a, x: -a
    yield f"the term of {name} is counted twice", lambda a, x: 2 * a
    if array.ndim == 1:
        yield f"{name} is missing: multiply by it", lambda a, x: np.ones_like(a)
        yield f"the sum of {name} is added to each entry", lambda a, x: np.full_like(a, a.sum())
        yield f"only {name}[0] is taken, for each entry", lambda a, x: np.full_like(a, a[0])
    if array.ndim == 2 and array.shape[0] == array.shape[1]:
        yield f"{name} is transposed", lambda a, x: a.T
    if array.ndim == 4:
        turned = f"the kernel {name} is turned by 180 degrees: take it as it is"
        yield turned, lambda a, x: a[::-1, ::-1]
        if array.shape[0] == array.shape[1]:
            exchanged = f"the kernel {name} is transposed: its first axis is that of the rows"
            yield exchanged, lambda a, x: a.swapaxes(0, 1)
        if array.shape[2] == array.shape[3]:
            yield f"the last two axes of {name} are exchanged", lambda a, x: a.swapaxes(2, 3)
    if name == "b" and array.ndim == 2 and len(array) == 2:
        for row in (0, 1):
            yield f"b[{row}] is missing", lambda a, x, row=row: a * (np.arange(2) != row)[:, None]
    for axis in range(array.ndim if array.ndim > 1 else 0):
        sentence = f"{name} is reversed along axis {axis}"
        yield sentence, lambda a, x, axis=axis: np.flip(a, axis)


def _divided(number, array, x):
    return array / number(array, x)


def _with_parameter(name, change):
    def mistake(layer, x, train):
        array = layer.named_parameters()[name]
        with replaced(array, change(array.copy(), x)):
            return np.array(layer.forward(x, train)[0])

    return mistake


def _exchanged(name, other):
    def mistake(layer, x, train):
        one, two = (layer.named_parameters()[n] for n in (name, other))
        first, second = one.copy(), two.copy()
        with replaced(one, second), replaced(two, first):
            return np.array(layer.forward(x, train)[0])

    return mistake


def _shifted(x, axis, shift):
    """x moved by one pixel along an axis, with zeros at the edge."""
    moved = np.roll(x, shift, axis)
    edge = [slice(None)] * x.ndim
    edge[axis] = 0 if shift > 0 else -1
    moved[tuple(edge)] = 0
    return moved
