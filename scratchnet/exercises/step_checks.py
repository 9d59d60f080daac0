"""Checks of steps: functions whose results are compared exactly, with given random numbers.

The backward function of a step is checked by `gradcheck`, through a layer that calls the functions.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator

import numpy as np

from scratchnet.backend import float64
from scratchnet.exercises.checks import Check, wrong_gradient
from scratchnet.exercises.explain import agree, difference
from scratchnet.exercises.value_causes import variations
from scratchnet.gradcheck import gradcheck
from scratchnet.layers.base import Layer

ROWS = 5
SEEDS = (5, 6, 7)  # of the inputs on which a hypothesis about a mistake is tested


@dataclasses.dataclass(frozen=True)
class Step:
    """A function, what it returns, and results that follow from frequent mistakes.

    Attributes
        inputs     (rng, n) -> arguments {name: array} for n rows
        reference  the library's function of the same arguments
        results    names of the results
        wrong      {sentence: function of the same arguments}, whose results a mistake would give
        states     names of the states, for a step with a backward function; else ()
        gates      letters of the gates, in the order of the columns
    """

    inputs: Callable
    reference: Callable
    results: tuple[str, ...]
    wrong: dict[str, Callable] = dataclasses.field(default_factory=dict)
    states: tuple[str, ...] = ()
    gates: str = ""


def step_checks(functions: dict[str, Step]) -> Iterator[Check]:
    """Yield the checks of an exercise with these functions.

    >>> from scratchnet.exercises.machine_steps import STEPS
    >>> [check.label for check in step_checks(STEPS["free_energy"])]
    ['free_energy, one row', 'free_energy, several rows']
    """
    for name, step in functions.items():
        for n, rows in ((1, "one row"), (ROWS, "several rows")):
            yield Check(f"{name}, {rows}", functools.partial(_values, name, step, n))
        if step.states:
            backward = f"{name}_backward"
            for n, rows in ((ROWS, "several rows"), (1, "one row")):
                yield Check(f"{backward}, {rows}", functools.partial(_gradients, name, step, n))


def _values(name, step, n, module):
    """Compare the results for n rows; several rows tell more about a difference."""
    found = _compare(name, step, n, module)
    if not found or " changes its argument " in found:
        return found
    return (
        _mistake(name, step, module) or (n < ROWS and _compare(name, step, ROWS, module)) or found
    )


def _mistake(name, step, module):
    """The sentence of the only mistake that gives all results of the answer, in several trials."""
    trials = [step.inputs(np.random.default_rng(seed), ROWS) for seed in SEEDS]
    answer = functools.partial(_results, getattr(module, name))
    got = [answer(arguments) for arguments in trials]
    if any(len(results) != len(step.results) for results in got):
        return ""
    given = [k for k in trials[0] if k.startswith("u_")]
    use = f"use the given {' and '.join(given)}, and no other random numbers"
    if not all(map(_agree, got, map(answer, trials))):
        return f"two calls of {name} with equal arguments differ" + (f": {use}" if given else "")
    right = [_results(step.reference, arguments) for arguments in trials]
    for order in itertools.permutations(range(len(step.results))):
        if all(_agree([g[i] for i in order], r) for g, r in zip(got, right, strict=True)):
            return f"the results are in another order: return {_list(step.results)}"
    if found := _fitting(step, trials, got, right):
        return found
    for k in given:
        others = [a | {k: 1 - a[k]} for a in trials]
        if all(map(_agree, got, map(answer, others))):
            return f"the results do not depend on {k}: {use}"
    return ""


def _fitting(step, trials, got, right):
    """The sentence of a mistake that gives all results, or at least those that are wrong."""
    several = {
        sentence: functools.partial(_varied, step.reference, name, change, names=tuple(trials[0]))
        for name, array in trials[0].items()
        if isinstance(array, np.ndarray) and not name.startswith("u_")
        for sentence, change in variations(name, array)
    }
    for mistakes, partial in itertools.product((step.wrong, several), (False, True)):
        with np.errstate(all="ignore"):
            fitting = [
                (sentence, kept)
                for sentence, mistake in mistakes.items()
                if (kept := _fits(mistake, trials, got, right, partial)) is not None
            ]
        if len(fitting) == 1 or (fitting and mistakes is several):
            sentence, kept = fitting[0]
            wrong = [name for i, name in enumerate(step.results) if i not in kept]
            return f"{' and '.join(wrong)}: {sentence}" if kept else sentence
    return ""


def _fits(mistake, trials, got, right, partial):
    """None if the mistake does not give the wrong results; else the numbers of the right ones."""
    kept = set(range(len(got[0]))) if partial else set()
    for g, r in zip(got, right, strict=True):
        kept &= {i for i in kept if agree(g[i], r[i])}
    for arguments, g in zip(trials, got, strict=True):
        results = _results(mistake, arguments)
        if len(results) != len(g) or not all(
            i in kept or (g[i].dtype.kind in "fiub" and agree(g[i], w))
            for i, w in enumerate(results)
        ):
            return None
    return kept


def _varied(function, name, change, *arguments, names=()):
    """The results with one argument changed."""
    varied = dict(zip(names, arguments, strict=True))
    return function(*(varied | {name: change(varied[name], None)}).values())


def _results(function, arguments):
    """The results of a call with copies of the arguments, as a tuple of arrays."""
    copies = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments.values()]
    results = _tuple(function(*copies))
    numbers = all(isinstance(r, (np.ndarray, np.generic, float, int)) for r in results)
    return tuple(map(np.asarray, results)) if numbers else ()


def _agree(got, expected):
    return len(got) == len(expected) and all(
        g.dtype.kind in "fiub" and agree(g, e) for g, e in zip(got, expected, strict=True)
    )


def _compare(name, step, n, module):
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
    quantities = {"the number N of rows": n}
    for i, result in enumerate(step.results):
        if found := difference(result, got[i], expected[i], quantities=quantities):
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
        self.output_names, self.gate_names = step.results, step.gates
        self.units = arguments["h"].shape[1]

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
