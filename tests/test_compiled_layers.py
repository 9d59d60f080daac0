"""Parts of layers by compiled loops: the bits of their NumPy forms, but in the LSTM's step."""

import numpy as np
import pytest
from cases import bits, built, needs_numba

from scratchnet import compiled as compiled_module
from scratchnet import compiled_layers as module
from scratchnet.compiled import LEAST, compiled
from scratchnet.compiled_layers import (
    TANH,
    in_one_loop,
    lstm_step_backward_loop,
    lstm_step_loop,
    max_pool_backward,
    max_pool_backward_loop,
    relu_backward,
    relu_backward_loop,
)
from scratchnet.layers import LSTM, LeakyReLU, MaxPooling2D, ReLU, Sequential
from scratchnet.layers.lstm import IN_LOOPS
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


@needs_numba
def test_the_layers_use_the_loops(rng, monkeypatch):
    used = []
    monkeypatch.setattr(
        module, "compiled", lambda loop, *arrays: used.append(loop) or compiled(loop, *arrays)
    )
    x = rng.standard_normal((12, 28, 28, 5)).astype("float32")
    pool, relu = built(MaxPooling2D(2), x.shape[1:]), ReLU()
    pool.backward(pool(x), pool.forward(x)[1]), relu.backward(x, relu(x))
    assert used == [max_pool_backward_loop, relu_backward_loop]


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_a_step_of_an_lstm_in_python_is_that_of_numpy(activation, rng):
    layer = built(LSTM(3, activation), (2, 1))
    blocks, states = special_steps(rng, (3, 2))
    expected = [blocks.copy(), *states[1:3].copy()]
    layer.step(expected[0], (None, states[0]), expected[1:])
    flat = blocks.reshape(5, -1), *states[:3].reshape(3, -1)
    lstm_step_loop(*flat, IN_LOOPS[layer.phi])
    for found, exact in zip((blocks, states[1], states[2]), expected, strict=True):
        np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-7)


def special_steps(rng, shape):
    """Blocks (5, M, N) and states (5, M, N) of a step."""
    return rng.normal(0, 3, (2, 5, *shape)).astype("float32")


@needs_numba
@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_a_step_of_an_lstm_by_a_loop_is_that_of_numpy(activation, rng, monkeypatch):
    layer = built(LSTM(50, activation), (2, 1))
    blocks, states = special_steps(rng, (50, 40))
    blocks[2, 0, :5] = np.nan, np.inf, -np.inf, 0, -0.0
    results = []
    for least in (LEAST, 1 << 40):
        monkeypatch.setattr(module, "LEAST", least)
        new, (c, h_new, c_new) = blocks.copy(), states[:3].copy()
        with np.errstate(invalid="ignore", over="ignore"):  # infinity - infinity
            layer.step(new, (None, c), (h_new, c_new))
        results.append((new, h_new, c_new))
        assert bits(c) == bits(states[0])
    for found, exact in zip(*results, strict=True):
        np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-6)


@needs_numba
def test_the_gradient_of_a_step_of_an_lstm_has_the_bits_of_the_numpy_form(rng, monkeypatch):
    layer = built(LSTM(50), (2, 1))
    blocks, states = special_steps(rng, (50, 40))
    python = blocks[:4].copy(), *states[:4].copy()
    lstm_step_backward_loop(*(a.reshape(*a.shape[:-2], -1) for a in python))
    results = [[bits(a) for a in python[:3]]]
    for least in (LEAST, 1 << 40):
        monkeypatch.setattr(module, "LEAST", least)
        da, (dc, dh, slope_of_c, f) = blocks[:4].copy(), states[:4].copy()
        layer.step_backward((dh, dc), da, slope_of_c, f)
        results.append([bits(a) for a in (da, dc, dh)])
    assert results[0] == results[1] == results[2]


@needs_numba
def test_an_lstm_uses_its_loops_and_only_for_contiguous_states(rng, monkeypatch):
    used = []
    monkeypatch.setattr(
        module, "compiled", lambda loop, *arrays: used.append(loop) or compiled(loop, *arrays)
    )
    layer = built(LSTM(50), (2, 1))
    y, cache = layer.forward(rng.random((40, 2, 1), "float32"), train=True)
    layer.backward(y, cache)
    assert used == 2 * [lstm_step_loop] + 2 * [lstm_step_backward_loop]
    built(LSTM(50, recurrent_activation="tanh"), (2, 1))(rng.random((40, 2, 1), "float32"))
    blocks, states = special_steps(rng, (50, 40))
    kept = bits(blocks), bits(states)
    columns = states.transpose(0, 2, 1)
    assert not in_one_loop(lstm_step_loop, blocks, *columns[:3], phi=(TANH,))
    assert not in_one_loop(lstm_step_loop, blocks.astype("float64"), *states[:3], phi=(TANH,))
    assert len(used) == 4 and (bits(blocks), bits(states)) == kept


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
