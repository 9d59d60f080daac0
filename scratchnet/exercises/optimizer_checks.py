"""Checks of optimizers: the parameters after one and after several updates, by exact values."""

import functools
from collections.abc import Iterator

import numpy as np

from scratchnet import optimizers
from scratchnet.exercises.catalogue import Exercise
from scratchnet.exercises.checks import Check
from scratchnet.exercises.explain import agree, difference

UPDATES = 10
RATE = 0.03  # no other number of the checks, such as 1 - beta_1, equals it
_FACTORS = {
    "the sign is wrong: w decreases by the step, as in w -= ...": -1.0,
    "the rate is missing: multiply the step by rate": 1 / RATE,
    "the rate is missing, and the sign is wrong: w -= rate times the step": -1 / RATE,
    "the rate is counted twice: multiply the step by rate once": RATE,
    "the rate is counted twice, and the sign is wrong: w -= rate times the step": -RATE,
}
OPTIONS: dict[str, list[dict]] = {  # beside the default values
    "SGD": [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "RMSprop": [{"rho": 0.5}, {"epsilon": 0.1}],
    "Adam": [{"beta_1": 0.5}, {"beta_2": 0.9}, {"epsilon": 0.1}],
}


def optimizer_checks(exercise: Exercise) -> Iterator[Check]:
    """Yield the checks of an optimizer.

    >>> from scratchnet.exercises.catalogue import find
    >>> [check.label for check in optimizer_checks(find("SGD"))]
    ['one update', 'ten updates', 'another rate', 'momentum=0.9', 'momentum=0.9, nesterov=True']
    """
    yield Check("one update", functools.partial(_check, exercise.name, {}, 1))
    yield Check("ten updates", functools.partial(_check, exercise.name, {}, UPDATES))
    yield Check("another rate", functools.partial(_other_rate, exercise.name))
    for options in OPTIONS[exercise.name]:
        label = ", ".join(f"{name}={value}" for name, value in options.items())
        yield Check(label, functools.partial(_check, exercise.name, options, UPDATES))


def _check(name, options, updates, module):
    rng = np.random.default_rng(0)
    start, gradients = rng.standard_normal(5), rng.standard_normal((UPDATES, 5))
    optimizer, w, got = getattr(module, name)(learning_rate=RATE, **options), start.copy(), []
    if not isinstance(optimizer, optimizers.Optimizer):
        return f"{name} is not a subclass of Optimizer: keep its first line"
    for gradient in gradients:
        g = gradient.copy()
        optimizer.step(w, g)
        if (g != gradient).any():
            return "update changes g: compute on a copy"
        got.append(w - start)
    reference, w, expected = (
        getattr(optimizers, name)(learning_rate=RATE, **options),
        start.copy(),
        [],
    )
    for gradient in gradients:
        reference.step(w, gradient.copy())
        expected.append(w - start)
    result, right = got[updates - 1], expected[updates - 1]
    if not result.any():
        return "w has not changed: change it in place, as in w -= ..., not with w = w - ..."
    if not difference("the change of w", result, right):
        return ""
    if found := _wrong_vectors(name, options, module, start, gradients):
        return found
    every = np.array(got)
    for sentence, factor in _FACTORS.items():
        if agree(every, factor * np.array(expected)):
            return sentence
    for sentence, rule in _MISTAKES[name].items():
        if agree(every, _follow(rule, start, gradients, reference) - start):
            return sentence
    quantities = {
        f"1 - {option}": 1 - getattr(reference, option)
        for option in ("beta_1", "beta_2", "rho", "momentum")
        if getattr(reference, option, 0)
    }
    return difference("the change of w", result, right, None, quantities)


def _wrong_vectors(name, options, module, start, gradients):
    """Sentence about the optimizer's own vectors after two updates; "" if none is known."""
    optimizer = getattr(module, name)(learning_rate=RATE, **options)
    w = start.copy()
    for g in gradients[:2]:
        optimizer.step(w, g.copy())
    vectors = optimizer.vectors or {}
    if set(vectors) != set(optimizer.slots) or not vectors:
        return ""
    unchanged = [slot for slot, vector in vectors.items() if not vector.any()]
    if unchanged and getattr(optimizer, "momentum", True):  # SGD without momentum needs no v
        verb, what = ("are", "them") if len(unchanged) > 1 else ("is", "it")
        change = f"change {what} in place, as in {unchanged[0]}[:] = ..."
        return f"{' and '.join(unchanged)} {verb} unchanged after update: {change}"
    for slot, vector in vectors.items():
        for sentence, rule in _WRONG_VECTORS.get(name, {}).get(slot, {}).items():
            expected = 0.0
            for t, g in enumerate(gradients[:2], 1):
                expected = rule(expected, g, t, optimizer)
            if agree(vector, expected):
                return sentence
    return ""


def _other_rate(name, module):
    """A rate that is not self.learning_rate, as a schedule gives it."""
    start, g = np.random.default_rng(0).standard_normal((2, 5))
    changes = []
    for kind in (getattr(module, name), getattr(optimizers, name)):
        optimizer, w = kind(learning_rate=0.1), start.copy()
        optimizer.t = 1
        optimizer.update(w, g.copy(), 0.025, *(np.zeros_like(w) for _ in optimizer.make_slots(w)))
        changes.append(w - start)
    got, expected = changes
    wrong = {"the argument rate is ignored: take rate, not self.learning_rate": 4 * expected}
    return difference("the change of w", got, expected, wrong)


def _follow(rule, w, gradients, optimizer):
    """The parameters after each update by a rule (g, t, vectors, optimizer) -> step."""
    vectors, found = {"m": 0.0, "v": 0.0}, []
    with np.errstate(all="ignore"):
        for t, g in enumerate(gradients, 1):
            w = w - RATE * rule(g, t, vectors, optimizer)
            found.append(w)
    return np.array(found)


def _sgd(g, t, s, o, scale=1.0, old=False, plain_v=False, momentum=None):
    before = s["v"]
    s["v"] = (o.momentum if momentum is None else momentum) * before + scale * g
    if plain_v or not o.nesterov:
        return s["v"]
    return g + o.momentum * (before if old else s["v"])


def _rmsprop(
    g, t, s, o, inside=False, root=True, new=None, power=2, rho=None, epsilon=None, corrected=False
):
    rho = o.rho if rho is None else rho
    s["v"] = rho * s["v"] + (1 - o.rho if new is None else new) * g**power
    if corrected:
        return g / (np.sqrt(s["v"] / (1 - o.rho**t)) + o.epsilon)
    if epsilon is not None:
        return g / (np.sqrt(s["v"]) + epsilon)
    if inside:
        return g / np.sqrt(s["v"] + o.epsilon)
    return g / ((np.sqrt(s["v"]) if root else s["v"]) + o.epsilon)


def _adam(
    g,
    t,
    s,
    o,
    m_corrected=True,
    v_corrected=True,
    later=0,
    inside=False,
    root=True,
    fixed=False,
    form=None,
):
    t = 1 if fixed else t
    s["m"] = o.beta_1 * s["m"] + (1 - o.beta_1) * g
    s["v"] = o.beta_2 * s["v"] + (1 - o.beta_2) * g**2
    m = s["m"] / (1 - o.beta_1 ** (t + later)) if m_corrected else s["m"]
    v = s["v"] / (1 - o.beta_2 ** (t + later)) if v_corrected else s["v"]
    if form:
        return form(g, s["m"], s["v"], t, o)
    if inside:
        return m / np.sqrt(v + o.epsilon)
    return m / ((np.sqrt(v) if root else v) + o.epsilon)


def _adam_form(form):
    """Adam with another formula of the step, form(g, m, v, t, optimizer)."""
    return functools.partial(_adam, form=form)


def _root(v, optimizer):
    return np.sqrt(v) + optimizer.epsilon


_option = functools.partial
_MISTAKES = {
    "SGD": {
        "momentum has no effect: v keeps only the last gradient": lambda g, t, s, o: g,
        "v adds (1 - momentum) g: add the whole g": lambda g, t, s, o: _sgd(
            g, t, s, o, scale=1 - o.momentum
        ),
        "momentum is fixed at 0.9: take self.momentum": _option(_sgd, momentum=0.9),
        "momentum is fixed at 1: multiply the old v by self.momentum": _option(_sgd, momentum=1.0),
        "nesterov has no effect": _option(_sgd, plain_v=True),
        "nesterov takes v from before the update: take the new v": _option(_sgd, old=True),
    },
    "RMSprop": {
        "epsilon is inside the root: add it to sqrt(v)": _option(_rmsprop, inside=True),
        "epsilon is missing: divide by sqrt(v) + epsilon": _option(_rmsprop, epsilon=0.0),
        "v does not decay: multiply the old v by rho": _option(_rmsprop, rho=1.0),
        "v is the sum of all g^2, as in Adagrad: v = rho v + (1 - rho) g^2": _option(
            _rmsprop, rho=1.0, new=1.0
        ),
        "v is divided by 1 - rho^t, as in Adam: RMSprop has no correction": _option(
            _rmsprop, corrected=True
        ),
        "the step lacks g: it is rate g / (sqrt(v) + epsilon)": lambda g, t, s, o: (
            _rmsprop(g, t, s, o) / g
        ),
        "g is multiplied by sqrt(v) + epsilon: divide by it": lambda g, t, s, o: (
            g**2 / _rmsprop(g, t, s, o)
        ),
        "g is divided by v, not by its root": _option(_rmsprop, root=False),
        "v adds the whole g^2: add (1 - rho) g^2": _option(_rmsprop, new=1.0),
        "v is a running mean of g, not of g^2": _option(_rmsprop, power=1),
        "v adds rho g^2: add (1 - rho) g^2": lambda g, t, s, o: _rmsprop(g, t, s, o, new=o.rho),
    },
    "Adam": {
        "the correction is missing: divide m by 1 - b1^t and v by 1 - b2^t": _option(
            _adam, m_corrected=False, v_corrected=False
        ),
        "m is not corrected: divide it by 1 - b1^t": _option(_adam, m_corrected=False),
        "v is not corrected: divide it by 1 - b2^t": _option(_adam, v_corrected=False),
        "the correction does not depend on t: divide m by 1 - b1^t with t = self.t": _option(
            _adam, fixed=True
        ),
        "only m is corrected, and independently of t: divide m by 1 - b1^t": _adam_form(
            lambda g, m, v, t, o: m / (1 - o.beta_1) / _root(v / (1 - o.beta_2**t), o)
        ),
        "m is multiplied by 1 - b1^t: divide by it": _adam_form(
            lambda g, m, v, t, o: m * (1 - o.beta_1**t) / _root(v / (1 - o.beta_2**t), o)
        ),
        "v is corrected with b1: divide it by 1 - b2^t": _adam_form(
            lambda g, m, v, t, o: m / (1 - o.beta_1**t) / _root(v / (1 - o.beta_1**t), o)
        ),
        "b1^t is b1 times t: take the power b1**t": _adam_form(
            lambda g, m, v, t, o: m / (1 - o.beta_1 * t) / _root(v / (1 - o.beta_2**t), o)
        ),
        "the step takes g in place of m^": _adam_form(
            lambda g, m, v, t, o: g / _root(v / (1 - o.beta_2**t), o)
        ),
        "the step lacks the division by sqrt(v^) + epsilon": _adam_form(
            lambda g, m, v, t, o: m / (1 - o.beta_1**t)
        ),
        "epsilon is missing: divide by sqrt(v^) + epsilon": _adam_form(
            lambda g, m, v, t, o: m / (1 - o.beta_1**t) / np.sqrt(v / (1 - o.beta_2**t))
        ),
        "t is one too large: self.t is 1 in the first update already": _option(_adam, later=1),
        "epsilon is inside the root: add it to sqrt(v^)": _option(_adam, inside=True),
        "m^ is divided by v^, not by its root": _option(_adam, root=False),
    },
}

# {optimizer: {vector: {sentence: rule (vector, g, t, optimizer) -> new vector}}}
_WRONG_VECTORS = {
    "Adam": {
        "m": {
            "m itself was divided by 1 - b1^t: keep m, divide a copy": lambda m, g, t, o: (
                (o.beta_1 * m + (1 - o.beta_1) * g) / (1 - o.beta_1**t)
            ),
            "m does not decay: multiply the old m by b1": lambda m, g, t, o: m + (1 - o.beta_1) * g,
            "m adds the whole g: add (1 - b1) g": lambda m, g, t, o: o.beta_1 * m + g,
            "m keeps only the last gradient: add b1 m": lambda m, g, t, o: (1 - o.beta_1) * g,
            "m has b1 and 1 - b1 exchanged": lambda m, g, t, o: (1 - o.beta_1) * m + o.beta_1 * g,
            "m uses beta_2": lambda m, g, t, o: o.beta_2 * m + (1 - o.beta_2) * g,
        },
        "v": {
            "v itself was divided by 1 - b2^t: keep v, divide a copy": lambda v, g, t, o: (
                (o.beta_2 * v + (1 - o.beta_2) * g**2) / (1 - o.beta_2**t)
            ),
            "v uses beta_1": lambda v, g, t, o: o.beta_1 * v + (1 - o.beta_1) * g**2,
            "v does not decay: multiply the old v by b2": lambda v, g, t, o: (
                v + (1 - o.beta_2) * g**2
            ),
            "v adds the whole g^2: add (1 - b2) g^2": lambda v, g, t, o: o.beta_2 * v + g**2,
            "v keeps only the last gradient: add b2 v": lambda v, g, t, o: (1 - o.beta_2) * g**2,
            "v has b2 and 1 - b2 exchanged": lambda v, g, t, o: (
                (1 - o.beta_2) * v + o.beta_2 * g**2
            ),
            "v is a running mean of g, not of g^2": lambda v, g, t, o: (
                o.beta_2 * v + (1 - o.beta_2) * g
            ),
        },
    },
}
