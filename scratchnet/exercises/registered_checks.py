"""Checks of layers and losses, from the registered cases of `scratchnet.gradcheck_cases`.

The cases are grouped by their options, the group with the fewest options first. Each group is
checked twice: the values of `forward` against those of the library, and the gradients of `backward`
against finite differences. So a `forward` that is wrong does not pass, although its gradient fits.
"""

import contextlib
import dataclasses
import functools
import inspect
import itertools
from collections.abc import Iterator

import numpy as np

from scratchnet import layers, losses
from scratchnet.backend import RNG, float64
from scratchnet.exercises.catalogue import Exercise
from scratchnet.exercises.checks import Check, wrong_gradient
from scratchnet.exercises.explain import difference
from scratchnet.exercises.layer_mistakes import LAYER_MISTAKES
from scratchnet.exercises.loss_mistakes import LOSS_MISTAKES, PENALTY_MISTAKES
from scratchnet.exercises.value_causes import Trial, layer_variations, value_cause
from scratchnet.gradcheck import gradcheck
from scratchnet.gradcheck_cases import Case, layer_cases, layer_maker, loss_cases
from scratchnet.gradcheck_retries import resized
from scratchnet.layers.base import Layer
from scratchnet.loss_base import Loss

ENTRIES = 250  # of the arrays x of one check, all its cases together: a grade takes a second


def layer_checks(exercise: Exercise) -> Iterator[Check]:
    """Yield the checks of a layer.

    >>> from scratchnet.exercises.catalogue import find
    >>> [check.label for check in layer_checks(find("Dense"))][:3]
    ['forward', 'backward', 'forward, use_bias=False']
    """
    cases = [case for case in layer_cases() if case.name == exercise.name]
    for options in exercise.extra:
        make, others = layer_maker(exercise.name, options), [c for c in cases if c.train]
        cases += [dataclasses.replace(c, options=options, make=make) for c in others[:2]]
    for suffix, group in _groups(exercise, cases):
        for method, check in (("forward", _layer_forward), ("backward", _layer_backward)):
            yield Check(method + suffix, functools.partial(check, exercise, group))
    if exercise.name == "ReLU":
        yield Check("backward at x = 0", _slope_at_zero)
    if exercise.name == "BatchNormalization":
        yield Check("update_running_stats", functools.partial(_running_averages, exercise))


def loss_checks(exercise: Exercise) -> Iterator[Check]:
    """Yield the checks of a loss.

    >>> from scratchnet.exercises.catalogue import find
    >>> [check.label for check in loss_checks(find("KLToStandardNormal"))]
    ['forward', 'backward']
    """
    cases = [case for case in loss_cases() if case.name == exercise.name]
    for suffix, group in _groups(exercise, cases):
        for method, check in (("forward", _loss_forward), ("backward", _loss_backward)):
            yield Check(method + suffix, functools.partial(check, exercise, group))
    if exercise.name == "SoftmaxCrossEntropy":
        yield Check("forward, x = 1000", _large_logits)


def _groups(exercise, cases):
    """[(", name=value, ...", cases of these options)], the fewest options first."""
    kind = getattr(layers if exercise.kind == "layer" else losses, exercise.name)
    parameters = inspect.signature(kind).parameters
    default = {name: p.default for name, p in parameters.items()} | {"targets": "one-hot"}
    required = {name for name, value in default.items() if value is inspect.Parameter.empty}
    groups = {}
    for case in cases:
        changed = {
            name: value
            for name, value in case.options.items()
            if name not in required and value != default.get(name)
        }
        if not changed.keys() <= set(exercise.options) or not (case.train or exercise.modes):
            continue  # an option that the exercise leaves out, or the same again
        if exercise.axes not in (None, case.arguments[0].ndim):
            continue
        words = [f"{name}={value}" for name, value in changed.items()]
        if exercise.modes:
            words.insert(0, "in training" if case.train else "at inference")
        groups.setdefault((len(changed), case.train, ", ".join(words)), []).append(case)
    ordered = sorted(groups, key=lambda key: key[:2])  # stable: then in the order of the registry
    return [(f", {key[2]}" if key[2] else "", _quick(groups[key])) for key in ordered]


def _quick(cases):
    """The cases of the smallest arrays; first one with several samples, which tells most."""
    by_size = sorted(cases, key=lambda case: case.arguments[0].size)
    several = [case for case in by_size if len(case.arguments[0]) > 1] or by_size
    small = [case for case in several if case.arguments[0].size <= 40] or several[:1]
    first = ([case for case in small if _different_sizes(case.arguments[0].shape)] or small)[-1]
    chosen, entries = [first], first.arguments[0].size
    for case in by_size:
        entries += case.arguments[0].size
        if case is not first and entries <= ENTRIES:
            chosen.append(case)
    return chosen


def _different_sizes(shape):
    """Whether a factor of a result tells which size it is: none is 2, and no two are equal."""
    return 2 not in shape and len(set(shape)) == len(shape)


def _make(exercise, module, case, base):
    """The reader's layer or loss of a case, and the library's."""
    kind = getattr(module, exercise.name)
    if not (inspect.isclass(kind) and issubclass(kind, base)):
        raise TypeError(
            f"{exercise.name} is not a subclass of {base.__name__}: keep its first line"
        )
    supported = {n: v for n, v in case.options.items() if n in exercise.options and n != "targets"}
    return kind(**supported), case.make()


def _built(exercise, module, case):
    """Both layers, in float64 and with equal random parameters and averages."""
    answer, reference = _make(exercise, module, case, Layer)
    (x,) = case.arguments
    for layer in (reference, answer):
        layer.build(x.shape[1:], RNG(0))
    rng, theirs = np.random.default_rng(1), answer.named_parameters()
    shapes = {name: array.shape for name, array in reference.named_parameters().items()}
    if {name: array.shape for name, array in theirs.items()} != shapes:
        raise ValueError(f"build makes parameters of other names or shapes than {shapes}")
    for name, array in reference.named_parameters().items():
        array[...] = rng.standard_normal(array.shape)
        theirs[name][...] = array
    for name, array in reference.named_state().items():
        array[...] = 0.5 + rng.random(array.shape)  # a variance is positive
        answer.state[name][...] = array
    for layer in (reference, answer):
        layer.set_rng(RNG(0))  # equal noise and masks
    return answer, reference


def _layer_forward(exercise, cases, module):
    for case in cases:
        with float64():
            answer, reference = _built(exercise, module, case)
            (x,) = case.arguments
            copy, own = x.copy(), _own_arrays(answer)
            y, cache = answer.forward(copy, case.train)
            if (copy != x).any():
                return "forward changes x: compute on a copy"
            if changed := _changed(own, _own_arrays(answer)):
                return f"forward changes {changed}"
            expected, expected_cache = reference.forward(x.copy(), case.train)
            penalty, expected_penalty = answer.penalty(cache), reference.penalty(expected_cache)
            mistakes = LAYER_MISTAKES.get(exercise.name, {})
            mistakes = mistakes | layer_variations(reference, len(x), x.ndim)
            name = "z" if exercise.name == "Sampling" else "y"
            told = functools.partial(_told, exercise, cases, module, x)
            found = told(name, y, expected, mistakes) or told(
                "P", penalty, expected_penalty, PENALTY_MISTAKES.get(exercise.name, {})
            )
        if found:
            return found + _of(case)
    return ""


def _own_arrays(layer):
    """Copies of the parameters and running averages."""
    arrays = layer.named_parameters() | layer.named_state()
    return {name: np.array(array) for name, array in arrays.items()}


def _changed(before, after):
    """Names of the arrays that differ, and what to do, or ""."""
    names = [name for name, array in before.items() if not np.array_equal(array, after.get(name))]
    if not names:
        return ""
    listed = " and ".join(names)
    if names[0].startswith("moving_"):
        return f"the running averages {listed}: leave this to update_running_stats"
    return f"{listed}: compute on a copy"


def _told(exercise, cases, module, x, name, got, expected, mistakes):
    """A mistake that gives all values of an answer, or else the difference; "" if they agree."""
    if not difference(name, got, expected):
        return ""
    trials = list(_trials(exercise, cases, module, name))
    if trials and (found := value_cause(trials, mistakes)):
        return found
    if any(_other_noise(exercise, module, case) for case in cases if case.train):
        return "the random numbers are others: draw them from self.rng, once, and in forward only"
    others = [(trial.got, trial.expected, _sizes(trial.arguments[0])) for trial in trials]
    return difference(name, got, expected, None, _sizes(x), others)


def _trials(exercise, cases, module, name):
    """Yield the Trial of each case, with its batch and one of another size."""
    for case, more in itertools.product(cases, (0, 3)):
        n = len(case.arguments[0]) + more
        case = dataclasses.replace(case, arguments=tuple(resized(a, n) for a in case.arguments))
        with contextlib.suppress(Exception):  # an answer may fail for some cases only
            yield _trial(exercise, module, case, name)


def _trial(exercise, module, case, name):
    copies = [array.copy() for array in case.arguments]
    if exercise.kind == "loss":
        answer, reference = _make(exercise, module, case, Loss)
        got, expected = (loss.forward(*copies)[0] for loss in (answer, reference))
        train = None
    else:
        answer, reference = _built(exercise, module, case)
        train = case.train
        (got, cache), (expected, theirs) = (
            layer.forward(*copies, train) for layer in (answer, reference)
        )
        if name == "P":
            got, expected = answer.penalty(cache), reference.penalty(theirs)
    return Trial(reference, case.arguments, train, np.asarray(got, float), np.asarray(expected))


def _other_noise(exercise, module, case):
    """Whether y is random in the library's layer, and does not depend on self.rng in the answer."""
    if exercise.kind == "loss" or not hasattr(case.make(), "rng"):
        return False
    results = []
    for seed in (0, 0, 1):
        layers_ = _built(exercise, module, case)
        for layer in layers_:
            layer.set_rng(RNG(seed))
        results.append([np.array(layer.forward(*case.arguments, True)[0]) for layer in layers_])
    (answer, right), (same, _), (other, changed) = results
    if np.array_equal(right, changed):
        return False
    return not np.array_equal(answer, same) or np.array_equal(answer, other)


def _sizes(x):
    """{words: number} of sizes that may be a factor of the values."""
    return {
        "the batch size N": len(x),
        "the size of the last axis": x.shape[-1],
        "the number of entries of a sample": x[0].size,
        "the number of entries": x.size,
    }


def _layer_backward(exercise, cases, module):
    for case in cases:
        with float64():
            answer, _ = _built(exercise, module, case)
        found = wrong_gradient(gradcheck(answer, *case.arguments, train=case.train))
        if found:
            return found + _of(case)
    return ""


def _running_averages(exercise, module):
    momenta = (0.99, 0.5)
    for momentum in momenta:
        x = np.random.default_rng(0).standard_normal((6, 3))
        options = {"momentum": momentum}
        case = Case(exercise.name, options, lambda o=options: layers.BatchNormalization(**o), (x,))
        supported = Exercise(exercise.name, "layer", "", "", options=("momentum",))
        with float64():
            answer, reference = _built(supported, module, case)
            arrays = dict(answer.state)
            for layer in (answer, reference):
                before = {name: average.copy() for name, average in layer.named_state().items()}
                _, cache = layer.forward(x, True)
                if any((before[n] != a).any() for n, a in layer.named_state().items()):
                    return "forward changes the running averages: leave this to the other method"
                layer.update_running_stats(cache)
        for name, expected in reference.named_state().items():
            old, new = before[name], x.mean(axis=0) if name == "moving_mean" else x.var(axis=0)
            wrong = {
                f"{name} has not changed: change it in place": old,
                f"{name} has momentum and 1 - momentum exchanged": (1 - momentum) * old
                + momentum * new,
                f"momentum has no effect: {name} is that of the batch": new,
                f"the old {name} is not multiplied by momentum": old + (1 - momentum) * new,
                f"{name} takes the variance divided by N - 1: divide by N": momentum * old
                + (1 - momentum) * new * len(x) / (len(x) - 1),
            }
            if answer.state[name] is not arrays[name]:
                return f"{name} is a new array: change it in place, as in average[:] = ..."
            if found := difference(name, answer.state[name], expected, wrong):
                return f"{found} (momentum={momentum})"
    return ""


def _loss_forward(exercise, cases, module):
    for case in cases:
        answer, reference = _make(exercise, module, case, Loss)
        copies = [array.copy() for array in case.arguments]
        value, _ = answer.forward(*copies)
        if any((a != b).any() for a, b in zip(copies, case.arguments, strict=True)):
            return "forward changes its arguments: compute on a copy"
        expected, _ = reference.forward(*case.arguments)
        mistakes, x = LOSS_MISTAKES[exercise.name], case.arguments[0]
        if found := _told(exercise, cases, module, x, "the value", value, expected, mistakes):
            return found + _of(case)
    return ""


def _loss_backward(exercise, cases, module):
    for case in cases:
        answer, _ = _make(exercise, module, case, Loss)
        if found := wrong_gradient(gradcheck(answer, *case.arguments)):
            return found + _of(case)
    return ""


def _slope_at_zero(module):
    """The derivative 0 at x = 0, which finite differences cannot check."""
    answer, x = module.ReLU(), np.array([[-1.0, 0.0, 2.0]])
    answer.build((3,), RNG(0))
    dx, _ = answer.backward(np.ones_like(x), answer.forward(x.copy())[1])
    wrong = {
        "the derivative at x = 0 is 1: take 0, as in x > 0": np.array([[0.0, 1.0, 1.0]]),
    }
    return difference("dx", dx, np.array([[0.0, 0.0, 1.0]]), wrong)


def _large_logits(module):
    """Logits whose exponentials overflow."""
    x, target = np.array([[1000.0, 0.0], [0.0, 1.0]]), np.array([1, 1])
    with np.errstate(all="ignore"):
        value, _ = module.SoftmaxCrossEntropy().forward(x, target)
    if not np.isfinite(value):
        return f"the value is {value} for x = 1000: subtract the maximum of each row first"
    expected = losses.SoftmaxCrossEntropy("per_sample").forward(x, target)[0]
    return difference("the value", value, expected)


def _of(case):
    first, *others = case.arguments
    if not others:
        return f" (for an x of shape {first.shape})"
    if len(others) == 1 and others[0].dtype.kind in "iu":
        shape = others[0].shape
        return f" (for a prediction of shape {first.shape} and a target of shape {shape}, classes)"
    shapes = ", ".join(str(array.shape) for array in case.arguments)
    return f" (for arrays of shape {shapes})"
