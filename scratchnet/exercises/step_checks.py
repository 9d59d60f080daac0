"""Checks of steps: functions whose results are compared exactly, with given random numbers.

The backward function of a step is checked by `gradcheck`, through a layer that calls the functions.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator

import numpy as np

from scratchnet.backend import float64
from scratchnet.exercises.checks import Check, wrong_gradient
from scratchnet.exercises.explain import difference
from scratchnet.gradcheck import gradcheck
from scratchnet.layers.base import Layer


@dataclasses.dataclass(frozen=True)
class Step:
    """A function, what it returns, and results that follow from frequent mistakes.

    Attributes
        inputs     (rng, n) -> arguments {name: array} for n rows
        reference  the library's function of the same arguments
        results    names of the results
        wrong      {sentence: function of the same arguments}, whose results a mistake would give
        states     names of the states, for a step with a backward function; else ()
    """

    inputs: Callable
    reference: Callable
    results: tuple[str, ...]
    wrong: dict[str, Callable] = dataclasses.field(default_factory=dict)
    states: tuple[str, ...] = ()


def step_checks(functions: dict[str, Step]) -> Iterator[Check]:
    """Yield the checks of an exercise with these functions.

    >>> from scratchnet.exercises.machine_steps import STEPS
    >>> [check.label for check in step_checks(STEPS["free_energy"])]
    ['free_energy, one row', 'free_energy, several rows']
    """
    for name, step in functions.items():
        for n, rows in ((1, "one row"), (5, "several rows")):
            yield Check(f"{name}, {rows}", functools.partial(_values, name, step, n))
        if step.states:
            backward = f"{name}_backward"
            for n, rows in ((5, "several rows"), (1, "one row")):
                yield Check(f"{backward}, {rows}", functools.partial(_gradients, name, step, n))


def _values(name, step, n, module):
    arguments = step.inputs(np.random.default_rng(n), n)
    copies = {k: a.copy() if isinstance(a, np.ndarray) else a for k, a in arguments.items()}
    got = getattr(module, name)(*copies.values())
    for k, a in arguments.items():
        if not np.array_equal(copies[k], a):
            return f"{name} changes its argument {k}: compute on a copy"
    expected = _tuple(step.reference(*arguments.values()))
    if len(expected) > 1 and not (isinstance(got, tuple) and len(got) == len(expected)):
        what = f"{len(got)} values" if isinstance(got, tuple) else type(got).__name__
        return f"{name} returns {what}: return the {len(expected)} arrays {_list(step.results)}"
    got = got if len(expected) > 1 else (got,)
    with np.errstate(all="ignore"):
        mistakes = {s: _tuple(f(*arguments.values())) for s, f in step.wrong.items()}
    for i, result in enumerate(step.results):
        wrong = {s: m[i] for s, m in mistakes.items()}
        if found := difference(result, got[i], expected[i], wrong):
            return found
    return ""


def _gradients(name, step, n, module):
    arguments = step.inputs(np.random.default_rng(n), n)
    with float64():
        layer = _StepLayer(module, name, step, arguments)
        layer.build(arguments["x"].shape[1:], 0)
    return wrong_gradient(gradcheck(layer, tuple(arguments[s] for s in step.states)))


class _StepLayer(Layer):
    """A layer that calls the two functions of a step: x, h (and c) in, the new states out."""

    def __init__(self, module, name, step, arguments):
        super().__init__(f"{name}_backward")
        self.function = getattr(module, name)
        self.gradient = getattr(module, f"{name}_backward")
        self.arguments, self.input_names = arguments, step.states

    @property
    def title(self):
        return self.name

    def check_input(self, x):
        """Accept any x: the arrays come from the registered inputs."""

    def build(self, input_shape, rng):
        for name in "WUb":
            self.add(name, self.arguments[name].copy())
        return self.arguments["h"].shape[1:]

    def forward(self, x, train=False):
        return self.function(*x, self.W, self.U, self.b), x

    def backward(self, dy, x):
        grads = self.gradient(*_tuple(dy), *x, self.W, self.U, self.b)
        names = [f"d{name}" for name in (*self.input_names, *"WUb")]
        if not isinstance(grads, tuple) or len(grads) != len(names):
            what = f"{len(grads)} values" if isinstance(grads, tuple) else type(grads).__name__
            raise TypeError(f"it returns {what}: return the {len(names)} arrays {_list(names)}")
        n = len(self.input_names)
        return grads[:n], dict(zip("WUb", grads[n:], strict=True))


def _tuple(value):
    return value if isinstance(value, tuple) else (value,)


def _list(names):
    return f"{', '.join(names[:-1])} and {names[-1]}"
