"""Compiled loops: the bits of NumPy, with and without Numba, in one process and in several."""

import copy

import numpy as np
import pytest
from cases import bits, built, needs_numba

from scratchnet import compiled as module
from scratchnet.compiled import LEAST, adam_loop, compiled, numba_problem
from scratchnet.layers import Dense, ReLU, Sequential, Sigmoid, Tanh
from scratchnet.losses import BinaryCrossEntropy, MeanSquaredError
from scratchnet.optimizer_base import FLUSH_EVERY, MOST_PARTS, flush_subnormals
from scratchnet.optimizers import SGD, Adam, AdamW, ClipByGlobalNorm, RMSprop
from scratchnet.parallel import run
from scratchnet.training import fit
from scratchnet.workers import Workers, share


def updates(make, dtype, n):
    """Parameters and slots after 40 updates by gradients of all sizes, the smallest subnormal."""
    rng, optimizer = np.random.default_rng(0), make()
    w = rng.standard_normal(n).astype(dtype)
    for _ in range(40):
        optimizer.step(w, gradient_of_all_sizes(rng, n).astype(dtype))
    return [bits(a) for a in (w, *optimizer.vectors.values())]


def gradient_of_all_sizes(rng, n):
    g = rng.standard_normal(n) * 10 ** rng.uniform(-42, 6, n)
    g[:: n // 10] = 0
    return g


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make", [Adam, AdamW, lambda: Adam(0.01, 0.5, 0.9, 1e-3)])
@pytest.mark.parametrize("n", [LEAST, 10 * LEAST + 7])
def test_the_loop_of_adam_has_the_bits_of_its_numpy_form(make, n, dtype, monkeypatch):
    calls, of_numba = [], module._compiled

    def counted(*arguments):
        loop = of_numba(*arguments)
        return lambda *values: (calls.append(1), loop(*values))

    monkeypatch.setattr(module, "_compiled", counted)
    with_loop = updates(make, dtype, n)
    assert calls
    monkeypatch.setattr(module, "LEAST", n + 1)
    assert updates(make, dtype, n) == with_loop


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loop_that_flushes_has_the_bits_of_its_numpy_form(dtype, monkeypatch):
    finfo, rng = np.finfo(dtype), np.random.default_rng(0)
    v = finfo.tiny * 10 ** rng.uniform(0, 16, LEAST) * rng.choice([-1, 1], LEAST)
    v[:6] = 0, -0.0, np.inf, -np.inf, np.nan, 1e8 * finfo.tiny
    v = v.astype(dtype)
    by_loop, expected = v.copy(), v.copy()
    flush_subnormals(by_loop)
    monkeypatch.setattr(module, "LEAST", LEAST + 1)
    flush_subnormals(expected)
    assert bits(by_loop) == bits(expected)
    assert 0 < np.count_nonzero(by_loop[6:]) < LEAST - 6


def test_the_loop_in_python_has_the_bits_of_the_numpy_form():
    rng = np.random.default_rng(0)
    w, g, h, M, V = (rng.random(50, "float32") for _ in range(5))
    expected = [a.copy() for a in (w, M, V)]
    optimizer = AdamW(weight_decay=0.1)
    optimizer.t = 3
    optimizer.update(expected[0], g + h, 0.001, *expected[1:])
    c = ((1 - 0.999**3) / (1 - 0.999)) ** 0.5
    numbers = 0.9, 0.999, 1e-8 * c, 0.001 * c * (1 - 0.9) / (1 - 0.9**3), 1 - 0.001 * 0.1
    adam_loop(w, (g, h), M, V, *map(np.float32, numbers))
    assert [bits(a) for a in (w, M, V)] == [bits(a) for a in expected]


@needs_numba
@pytest.mark.parametrize("size", [2, 3, MOST_PARTS + 1])
@pytest.mark.parametrize("make", [Adam, AdamW, lambda: Adam(clip=ClipByGlobalNorm(0.5))])
def test_the_loop_adds_the_gradients_of_the_workers_in_their_order(make, size, monkeypatch):
    n = size * LEAST + 7

    def trained():
        optimizer, w = make(), np.zeros(n, "float32")
        optimizer.make_slots(w)

        def work(group):
            own = copy.copy(optimizer)
            for step in range(3):
                g = gradient_of_all_sizes(np.random.default_rng([step, group.rank]), n)
                own.step(w, g.astype("float32"), group)

        run(work, size, "threads", arrays=[w, *optimizer.vectors.values()], capacity=n)
        return [bits(a) for a in (w, *optimizer.vectors.values())]

    with_loop = trained()
    monkeypatch.setattr(module, "LEAST", 1 << 40)
    assert trained() == with_loop


def halved(self, w, g, rate, M, V):
    Adam.update(self, w, g / 2, rate, M, V)


class Halved(Adam):
    update = halved


class Mixin:
    update = halved


class Mixed(Mixin, Adam):
    pass


class Patched(Adam):
    pass


Patched.update = halved


def patched(**options):
    optimizer = Adam(**options)
    optimizer.update = halved.__get__(optimizer)
    return optimizer


@needs_numba
@pytest.mark.parametrize("make", [Halved, Mixed, Patched, patched])
def test_another_update_is_used_without_the_loop(make):
    w, expected = np.zeros((2, LEAST), "float32")
    g = np.linspace(-1, 1, LEAST, dtype="float32")
    for _ in range(2):
        make(epsilon=1.0).step(w, g)
        Adam(epsilon=1.0).step(expected, g / 2)
    np.testing.assert_array_equal(w, expected)
    assert w.any()


@needs_numba
def test_a_subclass_has_the_loop_of_its_update():
    class Renamed(Adam):
        pass

    class WithLoop(Halved):
        loop = staticmethod(adam_loop)

    w = np.zeros(LEAST, "float32")
    assert all(kind().compiled_loop(w, w) for kind in (Adam, AdamW, Renamed, WithLoop))


@needs_numba
def test_slots_of_another_dtype_are_left_to_numpy():
    w, g = np.zeros(LEAST, "float32"), np.ones(LEAST, "float32")
    optimizer = Adam()
    optimizer.step(w, g)
    state = optimizer.get_state()
    optimizer.set_state(state | {"M": state["M"].astype("float64")})
    assert optimizer.compiled_loop(w, g) is None
    optimizer.step(w, g)
    assert np.isfinite(w).all()


@needs_numba
@pytest.mark.parametrize(
    "problem", [RuntimeError("no locator"), OSError(28, "disk full"), EOFError()]
)
def test_machine_code_need_not_be_stored(problem, monkeypatch):
    import numba

    njit = numba.njit

    def without_a_folder(*arguments, cache=False, **options):
        if cache:
            raise problem
        return njit(*arguments, **options)

    module._compiled.cache_clear()
    monkeypatch.setattr(numba, "njit", without_a_folder)
    v = np.full(LEAST, 1e-31, "float32")
    flush_subnormals(v)
    module._compiled.cache_clear()
    assert not v.any()


@needs_numba
@pytest.mark.parametrize("kind", ["processes", "threads"])
def test_fit_compiles_the_loops_of_layers_before_it_starts_workers(kind):
    layers = [Dense(64), ReLU(), Dense(64), Tanh(), Dense(200), Sigmoid()]
    x = np.random.default_rng(0).random((256, 200), dtype=np.float32)
    module._compiled.cache_clear()
    options = {"loss": BinaryCrossEntropy(), "optimizer": Adam(), "verbose": False}
    workers = Workers(2, kind)
    fit(built(Sequential(layers), (200,)), x, x, batch_size=256, workers=workers, **options)
    assert module._compiled.cache_info().currsize == 7 + 3  # those of layers and losses; Adam


@needs_numba
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("clip", [None, ClipByGlobalNorm(0.01)])
def test_training_has_the_same_bits_with_and_without_numba(workers, clip, monkeypatch):
    x = np.random.default_rng(0).random((64, 200), dtype=np.float32)

    def run():
        model = built(Sequential([Dense(100), ReLU(), Dense(200)]), (200,))
        options = {"loss": MeanSquaredError(), "optimizer": Adam(clip=clip), "epochs": 2}
        fit(model, x, x, **options, workers=workers, verbose=False)
        return bits(model.parameters)

    with_loop = run()
    monkeypatch.setattr(module, "LEAST", 1 << 40)
    assert run() == with_loop


def test_without_numba_there_is_no_loop_and_a_reason(without_numba):
    assert compiled(adam_loop, *np.zeros((4, LEAST)), gradients=1) is None
    assert "numba" in numba_problem()


@needs_numba
def test_a_short_vector_is_left_to_numpy():
    assert compiled(adam_loop, *np.zeros((4, LEAST - 1)), gradients=1) is None
    assert compiled(adam_loop, *np.zeros((4, LEAST)), gradients=1) is not None


@needs_numba
@pytest.mark.parametrize("kind", ["read-only", "strided", "float16", "integers"])
def test_vectors_that_a_loop_does_not_take_are_left_to_numpy(kind):
    w, g = np.zeros(2 * LEAST, "float32"), np.ones(2 * LEAST, "float32")
    if kind == "read-only":
        g.flags.writeable = False
    elif kind == "strided":
        w, g = w[::2], g[::2]
    else:
        w = g = w.astype({"float16": "float16", "integers": "int64"}[kind])
    assert compiled(adam_loop, w, g, w, w, gradients=1) is None
    if kind in ("read-only", "strided"):
        Adam(0.5).step(w, g)
        assert np.isfinite(w).all()


@needs_numba
@pytest.mark.parametrize(
    "make", [Adam, RMSprop, lambda: SGD(0.1, momentum=0.9), lambda: Adam(clip=ClipByGlobalNorm(1))]
)
@pytest.mark.parametrize("size", [1, 2])
def test_loops_are_compiled_before_processes_are_forked(make, size):
    module._compiled.cache_clear()
    optimizer, model = make(), built(Dense(LEAST, use_bias=False), (2,))
    arrays = share(model, optimizer, "threads", size)
    ready = module._compiled.cache_info().currsize

    def work(group):
        own, w = copy.copy(optimizer), model.parameters
        for _ in range(FLUSH_EVERY):
            own.step(w, np.ones_like(w), group)

    run(work, size, "threads" if size > 1 else "alone", arrays=arrays, capacity=arrays[-1].size)
    assert module._compiled.cache_info().currsize == ready > 0


@needs_numba
def test_an_optimizer_without_running_vectors_compiles_nothing():
    module._compiled.cache_clear()
    SGD(0.1).step(np.zeros(LEAST, "float32"), np.ones(LEAST, "float32"))
    assert module._compiled.cache_info().currsize == 0


@needs_numba
def test_division_by_zero_in_a_loop_gives_infinity():
    w, g, M, V = np.zeros((4, LEAST), "float32")
    M += 1
    one, zero = np.float32(1), np.float32(0)
    loop = compiled(adam_loop, w, g, M, V, gradients=1)
    loop(w, (g,), M, V, one, one, zero, one, one)
    assert (w == -np.inf).all()


@needs_numba
def test_numbers_in_the_byte_order_of_another_processor_are_left_to_numpy():
    other = np.dtype("float32").newbyteorder()
    w, g = np.zeros(LEAST, other), np.ones(LEAST, other)
    assert compiled(adam_loop, w, g, w, w, gradients=1) is None
    Adam(0.1).step(w, g)
    np.testing.assert_allclose(w, -0.1, rtol=1e-5)
