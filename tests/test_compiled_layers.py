"""Parts of layers by compiled loops: the bits of their NumPy forms, but in the LSTM's step."""

import numpy as np
import pytest
from cases import bits, built, needs_numba

from scratchnet import compiled as compiled_module
from scratchnet import compiled_layers as module
from scratchnet.compiled import LEAST, compiled, numba_problem
from scratchnet.compiled_layers import (
    lstm_step_backward_loop,
    lstm_step_loop,
    max_pool_backward,
    max_pool_backward_loop,
    relu_backward,
    relu_backward_loop,
)
from scratchnet.layers import LSTM, LeakyReLU, MaxPooling2D, ReLU, Sequential
from scratchnet.layers.lstm import IN_LOOPS
from scratchnet.layers.recurrent import Recurrent
from scratchnet.workers import compile_loops

SIZES = [((2, 2), (28, 28)), ((3, 2), (9, 14)), ((1, 4), (8, 16)), ((14, 14), (14, 14))]


def special(rng, shape, dtype):
    """Numbers with many equal ones, zeros of both signs, and infinities."""
    x = rng.integers(-3, 4, shape).astype(dtype)
    flat = x.reshape(-1)
    flat[:5] = 0, -0.0, np.inf, -np.inf, 1e-40
    return x


def without_loops(monkeypatch):
    monkeypatch.setattr(module, "LEAST", 1 << 40)


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_slope_of_relu_has_the_bits_of_the_numpy_form(dtype, rng):
    y = np.maximum(special(rng, (64, 100), dtype), 0)
    y[3, 3] = np.nan
    dy = special(rng, y.shape, dtype)
    with np.errstate(invalid="ignore"):
        expected = dy * (y > 0)
        for given in (dy, np.asfortranarray(dy), np.repeat(dy, 2, axis=1)[:, ::2], dy[:1], 2.0):
            kept, plain = bits(np.asarray(given)), given * (y > 0)
            found = relu_backward(given, y)
            assert bits(found) == bits(plain) and found.strides == plain.strides
            assert bits(np.asarray(given)) == kept
        assert bits(relu_backward(dy, np.asfortranarray(y))) == bits(expected)
        assert relu_backward(dy.astype("float64"), y).dtype == "float64"
    python = np.empty_like(dy)
    with np.errstate(invalid="ignore"):
        relu_backward_loop(*(a.reshape(-1) for a in (dy, y, python)), 0)
    assert bits(python) == bits(expected)


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("slope", [0.0, 0.3, 2.0])
def test_the_slope_of_leaky_relu_has_the_bits_of_the_numpy_form(slope, dtype, rng, monkeypatch):
    layer, x = LeakyReLU(slope), special(rng, (64, 100), dtype)
    dy = special(rng, x.shape, dtype)
    with np.errstate(invalid="ignore"):  # 0 infinity
        by_loop, _ = layer.backward(dy, x)
        expected = np.where(x > 0, dy, dy * np.dtype(dtype).type(slope))
        assert bits(by_loop) == bits(expected) and by_loop.dtype == x.dtype
        without_loops(monkeypatch)
        assert bits(layer.backward(dy, x)[0]) == bits(expected)


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("window, size", SIZES)
def test_max_pooling_has_the_bits_of_the_numpy_form(window, size, dtype, rng, monkeypatch):
    layer = MaxPooling2D(window)
    layer.build((*size, 5), 0)
    x = special(rng, (12, *size, 5), dtype)
    y, cache = layer.forward(x, train=True)
    dy = special(rng, y.shape, dtype)
    kept = bits(dy)
    assert max_pool_backward(dy, x, y) is not None
    with np.errstate(invalid="ignore"):  # infinity - infinity
        by_loop, _ = layer.backward(dy, cache)
        python = np.empty_like(x)
        max_pool_backward_loop(x[:1], y[:1], dy[:1].copy(), python[:1])
        without_loops(monkeypatch)
        expected, _ = layer.backward(dy, cache)
    assert bits(by_loop) == bits(expected) and bits(python[:1]) == bits(expected[:1])
    assert bits(dy) == kept


@needs_numba
@pytest.mark.parametrize("shape", [(12, 14, 14, 1), (1, 14, 14, 5), (12, 14, 14, 6), (12, 980)])
def test_a_gradient_of_another_shape_is_an_error(shape, rng):
    layer = built(MaxPooling2D(2), (28, 28, 5))
    y, cache = layer.forward(rng.standard_normal((12, 28, 28, 5)).astype("float32"))
    dy = np.ones(shape, "float32")
    with pytest.raises(ValueError):
        layer.backward(dy, cache)


@needs_numba
@pytest.mark.parametrize(
    "layer, size, nan",
    [
        (MaxPooling2D(2), (29, 28), False),  # pixels in no window
        (MaxPooling2D(2, padding=1), (28, 28), False),
        (MaxPooling2D(3, strides=2), (28, 28), False),  # windows overlap
        (MaxPooling2D(2, strides=3), (28, 28), False),
        (MaxPooling2D(2), (28, 28), True),
    ],
)
def test_other_poolings_are_left_to_numpy(layer, size, nan, rng, monkeypatch):
    layer.build((*size, 5), 0)
    x = rng.standard_normal((12, *size, 5)).astype("float32")
    if nan:
        x[0, 0, 0] = np.nan
    y, cache = layer.forward(x, train=True)
    dy = rng.standard_normal(y.shape).astype("float32")
    found, _ = layer.backward(dy, cache)
    without_loops(monkeypatch)
    assert bits(found) == bits(layer.backward(dy, cache)[0])


@needs_numba
def test_read_only_arrays_are_left_to_numpy(rng):
    x = rng.standard_normal((12, 28, 28, 5)).astype("float32")
    pool, relu = built(MaxPooling2D(2), x.shape[1:]), ReLU()
    expected = pool.backward(pool(x), pool.forward(x)[1])[0], relu.backward(x, x)[0]
    x.flags.writeable = False
    found = pool.backward(pool(x), pool.forward(x)[1])[0], relu.backward(x, x)[0]
    assert [bits(a) for a in found] == [bits(a) for a in expected]


@pytest.fixture
def used(monkeypatch):
    """The loops that layers got as machine code."""
    loops = []

    def recorded(loop, *arrays, **options):
        machine_code = compiled(loop, *arrays, **options)
        return machine_code and (loops.append(loop) or machine_code)

    monkeypatch.setattr(module, "compiled", recorded)
    return loops


@needs_numba
def test_the_layers_use_the_loops(rng, used):
    x = rng.standard_normal((12, 28, 28, 5)).astype("float32")
    pool, relu = built(MaxPooling2D(2), x.shape[1:]), ReLU()
    pool.backward(pool(x), pool.forward(x)[1]), relu.backward(x, relu(x))
    assert used == [max_pool_backward_loop, relu_backward_loop]


ACTIVATIONS = "tanh", "relu", "sigmoid"


def lstm_steps(rng, activation, M=50, N=40):
    """An LSTM, blocks (2, 5, M, N) and states h, c (3, M, N) of two steps, and gradients dh, dc."""
    layer = built(LSTM(M, activation), (2, 1))
    blocks, states = rng.normal(0, 3, (2, 5, M, N)), rng.normal(0, 3, (2, 3, M, N))
    gradients = rng.normal(0, 1, (2, M, N))
    blocks[:, 2::2, ::3] = 0  # g and phi(c), where the slope of ReLU is that of its left side
    return layer, *(a.astype("float32") for a in (blocks, states, gradients))


def numpy_step(layer, blocks, states):
    """The gates, h and c after the first step, by the method of the layer."""
    blocks, (h, c) = blocks[0].copy(), states.copy()
    with np.errstate(invalid="ignore", over="ignore"):  # infinity - infinity
        layer.step(blocks, [h[0], c[0]], [h[1], c[1]])
    return blocks, h, c


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_step_of_an_lstm_in_python_is_that_of_numpy(activation, rng):
    layer, blocks, states, _ = lstm_steps(rng, activation, 3, 2)
    expected = numpy_step(layer, blocks, states)
    h, c = states
    lstm_step_loop(blocks[0], c[0], h[1], c[1], IN_LOOPS[layer.phi, layer.phi_derivative])
    for found, exact in zip((blocks[0], h, c), expected, strict=True):
        np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-7)


@needs_numba
@pytest.mark.parametrize("M, N", [(50, 40), (1, 1000)])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_step_of_an_lstm_by_a_loop_is_that_of_numpy(activation, M, N, rng):
    layer, blocks, states, _ = lstm_steps(rng, activation, M, N)
    blocks[0, 2, 0, :5] = np.nan, np.inf, -np.inf, 0, -0.0
    expected = numpy_step(layer, blocks, states)
    h, c = states
    layer.compiled_step(blocks, [h, c])(blocks[0], [h[0], c[0]], [h[1], c[1]])
    for found, exact in zip((blocks[0], h, c), expected, strict=True):
        np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_gradient_of_a_step_of_an_lstm_has_the_bits_of_the_numpy_form(activation, rng):
    layer, blocks, states, (dh, dc) = lstm_steps(rng, activation)
    da, step_backward = Recurrent.steps_backward(layer, blocks, states, [dh, dc])
    expected = dh.copy(), dc.copy()
    assert step_backward(1, expected) is None
    expected = [bits(a) for a in (da[1], *expected)]
    phi = IN_LOOPS[layer.phi, layer.phi_derivative]
    python = np.empty_like(da[1]), dc.copy(), dh.copy()
    lstm_step_backward_loop(*python, blocks[1], states[1, 1], phi)
    assert [bits(a) for a in (python[0], python[2], python[1])] == expected
    if numba_problem() is None:
        da, step_backward = layer.steps_backward(blocks, states, [dh, dc])
        assert step_backward(1, [dh, dc]) is None
        assert [bits(a) for a in (da[1], dh, dc)] == expected


@pytest.mark.parametrize("options", [{}, {"return_sequences": True, "go_backwards": True}])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("units", [1, 20])
def test_an_lstm_with_and_without_loops_has_equal_results(
    units, masked, options, rng, monkeypatch, used
):
    layer = built(LSTM(units, return_state=True, mask_value=0.0, **options), (6, 2))
    x = rng.random((60, 6, 2), "float32")
    x[:20, 4:] = 0 if masked else 1
    results = []
    for least in (1, 1 << 40):
        monkeypatch.setattr(module, "LEAST_OF_A_SEQUENCE", least)
        y, cache = layer.forward((x, *2 * [np.ones((60, units), "float32")]), train=True)
        dx, grads = layer.backward(y, cache)
        results.append([*y, *dx, *grads.values()])
        in_loops = least == 1 and numba_problem() is None
        assert set(used) == ({lstm_step_loop, lstm_step_backward_loop} if in_loops else set())
        used.clear()
    for found, exact in zip(*results, strict=True):
        np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-5)


class OwnStep(LSTM):
    def step(self, blocks, state, new_state):
        super().step(blocks, state, new_state)


class OwnGradient(LSTM):
    def step_backward(self, dstates, da, *slopes):
        super().step_backward(dstates, da, *slopes)


def with_a_step_of_its_own():
    layer = LSTM(50)
    layer.step = lambda blocks, state, new_state: LSTM.step(layer, blocks, state, new_state)
    return layer


def with_another_derivative():
    layer = LSTM(50)
    layer.phi_derivative = lambda y: 1 + 0 * y
    return layer


@pytest.mark.parametrize(
    "make",
    [
        lambda: OwnStep(50),
        lambda: OwnGradient(50),
        with_a_step_of_its_own,
        lambda: LSTM(50, "linear"),
        lambda: LSTM(50, recurrent_activation="tanh"),
        lambda: LSTM(1),  # 5 * 1 * 40 numbers in each of 2 steps
        with_another_derivative,
        lambda: built(LSTM(50), (2, 1)).astype("float64"),
    ],
)
def test_only_the_methods_of_lstm_and_large_float32_arrays_are_computed_by_loops(make, rng, used):
    layer = make()
    if layer.input_shape is None:
        built(layer, (2, 1))
    dtype = layer.parameters.dtype
    y, cache = layer.forward(rng.random((40, 2, 1)).astype(dtype), train=True)
    layer.backward(y, cache)
    assert not used


@pytest.mark.parametrize("dtype, rows", [("float64", 40), ("float32", 1)])
def test_gradients_of_another_precision_or_shape_are_not_computed_by_the_loop(dtype, rows, rng):
    layer = built(LSTM(50), (2, 1))
    y, cache = layer.forward(rng.random((40, 2, 1), "float32"), train=True)
    dstates = np.zeros((2, 50, rows), dtype)
    phi = IN_LOOPS[layer.phi, layer.phi_derivative]
    assert module.steps_backward_by_loop(cache.blocks, cache.states, dstates, phi) is None


@needs_numba
def test_the_loops_of_an_lstm_are_compiled_before_processes_are_forked():
    compiled_module._compiled.cache_clear()
    compile_loops([Sequential([LSTM(3)])])
    ready = compiled_module._compiled.cache_info().currsize
    compile_loops([Sequential([ReLU()])])
    layer = built(LSTM(50), (2, 1))
    y, cache = layer.forward(np.zeros((40, 2, 1), "float32"), train=True)
    layer.backward(y, cache)
    assert compiled_module._compiled.cache_info().currsize == ready == 9


@needs_numba
def test_the_loops_are_compiled_before_processes_are_forked(rng):
    compiled_module._compiled.cache_clear()
    module.compile_layers()
    ready = compiled_module._compiled.cache_info().currsize
    x = rng.standard_normal((12, 28, 28, 5)).astype("float32")
    pool, relu = built(MaxPooling2D(2), x.shape[1:]), ReLU()
    pool.backward(pool(x), pool.forward(x)[1]), relu.backward(x, relu(x))
    assert x.size > LEAST and compiled_module._compiled.cache_info().currsize == ready == 2
