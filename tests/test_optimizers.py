"""Optimizers: each compared with the plain formula of its docstring, and their common behaviour."""

from functools import partial

import numpy as np
import pytest
from cases import bits, read_only

from scratchnet import optimizer_base, optimizers
from scratchnet.optimizers import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    ClipByGlobalNorm,
    ClipByValue,
    Optimizer,
    RMSprop,
    plain_adam,
)
from scratchnet.schedules import CosineDecay

RATE = 0.01

# The plain forms: whole vectors, nothing in place. m and v start at 0, t at 1.


def sgd(w, g, m, v, t):
    return w - RATE * g, m, v


def momentum(w, g, m, v, t):
    v = 0.9 * v + g
    return w - RATE * v, m, v


def nesterov(w, g, m, v, t):
    v = 0.9 * v + g
    return w - RATE * (g + 0.9 * v), m, v


def rmsprop(w, g, m, v, t):
    v = 0.8 * v + 0.2 * g**2
    return w - RATE * g / (np.sqrt(v) + 1e-7), m, v


def adagrad(w, g, m, v, t):
    v = v + g**2
    return w - RATE * g / (np.sqrt(0.1 + v) + 1e-10), m, v


def adam(w, g, m, v, t):
    return plain_adam(w, g, m, v, t, rate=RATE, b2=0.99)


def adamw(w, g, m, v, t):
    return adam(w - RATE * 0.1 * w, g, m, v, t)


PLAIN = {
    sgd: partial(SGD, learning_rate=RATE),
    momentum: partial(SGD, learning_rate=RATE, momentum=0.9),
    nesterov: partial(SGD, learning_rate=RATE, momentum=0.9, nesterov=True),
    rmsprop: partial(RMSprop, learning_rate=RATE, rho=0.8),
    adagrad: partial(Adagrad, learning_rate=RATE, initial_accumulator_value=0.1),
    adam: partial(Adam, learning_rate=RATE, beta_2=0.99),
    adamw: partial(AdamW, learning_rate=RATE, beta_2=0.99, weight_decay=0.1),
}
each_optimizer = pytest.mark.parametrize(
    "make", [pytest.param(make, id=plain.__name__) for plain, make in PLAIN.items()]
)


def normal(size, seed=0, dtype="float64"):
    return np.random.default_rng(seed).normal(size=size).astype(dtype)


# ------------------------------------------------------------------------------------- the rules


@pytest.mark.parametrize(
    "chunk, size",
    [(1, 20), (7, 100), (10, 100), (optimizer_base.CHUNK, 2 * optimizer_base.CHUNK + 5)],
)
@pytest.mark.parametrize("plain", PLAIN, ids=lambda plain: plain.__name__)
def test_a_step_is_the_plain_formula_for_every_chunk_size(plain, chunk, size, monkeypatch):
    monkeypatch.setattr(optimizer_base, "CHUNK", chunk)
    optimizer, w = PLAIN[plain](), normal(size)
    expected, m, v = w.copy(), 0.0, 0.0
    for t in range(1, 6):
        g = normal(size, seed=t)
        optimizer.step(w, g)
        expected, m, v = plain(expected, g, m, v, t)
        np.testing.assert_allclose(w, expected, rtol=1e-12, atol=1e-15)  # entries near 0 round too


def test_adam_by_running_sums_is_as_exact_as_the_plain_formula_in_float32():
    optimizer, w = Adam(RATE), normal(1000, dtype="float32")
    plain, m, v = w.copy(), 0.0, 0.0
    exact, m64, v64 = w.astype("float64"), 0.0, 0.0
    for t in range(1, 101):
        g = normal(1000, seed=t, dtype="float32")
        optimizer.step(w, g)
        plain, m, v = plain_adam(plain, g, m, v, t, rate=RATE)
        exact, m64, v64 = plain_adam(exact, g.astype("float64"), m64, v64, t, rate=RATE)
    assert abs(w - plain).max() < 1e-6 * abs(w).max()
    assert abs(w - exact).max() < 3e-6 * abs(w).max()


def test_every_optimizer_has_a_plain_form():
    named = {getattr(optimizers, name) for name in optimizers.__all__}
    rules = {c for c in named if issubclass(c, Optimizer)} - {Optimizer}
    assert rules == {make.func for make in PLAIN.values()}


@each_optimizer
def test_a_small_quadratic_is_minimised(make):
    slopes, w = np.array([1.0, 3.0, 10.0]), np.array([1.0, -1.0, 0.5])
    optimizer = make(learning_rate=CosineDecay(0.1, steps=500))
    for _ in range(500):
        optimizer.step(w, slopes * w)  # of f(w) = 1/2 sum slope w^2, smallest at 0
    assert abs(w).max() < 0.01


# --------------------------------------------------------------------------------- what all promise


@each_optimizer
@pytest.mark.parametrize("clip", [None, ClipByValue(0.5), ClipByGlobalNorm(0.5)])
def test_parameters_move_in_place_and_the_gradient_stays(make, clip):
    w, optimizer = normal(10), make(clip=clip)
    before, view = w.copy(), w[2:8].reshape(2, 3)
    assert optimizer.step(w, read_only(normal(10))) is None
    assert (w != before).all()
    assert bits(view) == bits(w[2:8].reshape(2, 3))


@each_optimizer
@pytest.mark.parametrize("clip", [None, ClipByValue(0.5), ClipByGlobalNorm(0.5)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_everything_keeps_the_precision_of_the_parameters(make, clip, dtype):
    optimizer, seen = make(clip=clip), set()
    rule = optimizer.update

    def watched(w, g, rate, *slots):
        seen.update(a.dtype.name for a in (w, g, *slots))
        rule(w, g, rate, *slots)

    optimizer.update = watched
    optimizer.step(normal(10, dtype=dtype), normal(10, dtype=dtype))
    assert seen == {dtype}


@each_optimizer
@pytest.mark.parametrize("steps", [0, 3])
def test_a_new_optimizer_continues_exactly_from_a_state(make, steps):
    first, second, w = make(), make(), normal(10)
    for t in range(steps):
        first.step(w, normal(10, seed=t))
    second.set_state(first.get_state())
    copy = w.copy()
    for t in range(steps, steps + 3):
        first.step(w, normal(10, seed=t))
        second.step(copy, normal(10, seed=t))  # its own vectors: the first has moved already
    assert bits(w) == bits(copy)


@each_optimizer
def test_a_schedule_is_asked_for_updates_0_1_2_also_after_a_resume(make):
    asked = []
    schedule = lambda t: asked.append(t) or 0.1  # noqa: E731
    first, second = make(learning_rate=schedule), make(learning_rate=schedule)
    first.step(normal(3), normal(3))
    first.step(normal(3), normal(3))
    second.set_state(first.get_state())
    second.step(normal(3), normal(3))
    assert asked == [0, 1, 2]


def test_a_step_takes_the_rate_that_the_schedule_gives():
    w, optimizer = np.zeros(1), SGD(learning_rate=lambda t: 10.0**-t)
    for expected in (-1, -1.1, -1.11):
        optimizer.step(w, np.ones(1))
        assert w == pytest.approx(expected, rel=1e-15)


# ------------------------------------------------------------------------------------ the refusals


@each_optimizer
@pytest.mark.parametrize(
    "w, g",
    [
        (np.ones(3), np.ones(4)),
        (np.ones(3), np.ones(3, "float32")),
        (np.ones((3, 2)), np.ones((3, 2))),
        (np.ones(6), np.ones((3, 2))),
    ],
    ids=["size", "dtype", "2-D", "2-D gradient"],
)
def test_vectors_that_do_not_fit_are_refused_before_anything_moves(make, w, g):
    optimizer, before = make(), w.copy()
    with pytest.raises(ValueError, match="expects two vectors of one shape and dtype; got"):
        optimizer.step(w, g)
    assert bits(w) == bits(before)
    assert optimizer.t == 0 and optimizer.vectors is None


def test_an_optimizer_of_one_model_refuses_another():
    optimizer, w = Adam(), normal(4)
    optimizer.step(normal(3), normal(3))
    with pytest.raises(ValueError, match="the 3 parameters of its earlier steps; got 4"):
        optimizer.step(w, normal(4))
    assert bits(w) == bits(normal(4))


@pytest.mark.parametrize(
    "kind, arguments",
    [
        *((kind, {"learning_rate": 0}) for kind in (SGD, RMSprop, Adagrad, Adam, AdamW)),
        (SGD, {"learning_rate": float("nan")}),
        (SGD, {"momentum": 1}),
        (SGD, {"momentum": -0.1}),
        (SGD, {"nesterov": True}),
        (RMSprop, {"rho": 1}),
        (Adam, {"beta_1": 1}),
        (AdamW, {"beta_2": -0.1}),
        (AdamW, {"weight_decay": -0.1}),
        (ClipByValue, {"limit": 0}),
        (ClipByGlobalNorm, {"limit": -1}),
    ],
)
def test_arguments_out_of_range_are_refused_by_name(kind, arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=rf"^{kind.__name__}.* expects ") as refusal:
        kind(**arguments)
    assert name in str(refusal.value)


# ---------------------------------------------------------------------------------------- clipping


@each_optimizer
@pytest.mark.parametrize("clip", [ClipByValue(0.1), ClipByGlobalNorm(0.1)])
def test_the_whole_gradient_is_clipped_before_the_rule_sees_it(make, clip, monkeypatch):
    monkeypatch.setattr(optimizer_base, "CHUNK", 3)  # pieces: their norms are not the norm
    clipping, plain, w = make(clip=clip), make(), normal(10)
    copy = w.copy()
    for t in range(3):
        g = normal(10, seed=t)
        clipping.step(w, g)
        plain.step(copy, clip(g))
    assert bits(w) == bits(copy)
    assert bits(clipping.get_state()) == bits(plain.get_state())
