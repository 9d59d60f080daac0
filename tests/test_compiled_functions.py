"""Sigmoid, tanh and cross-entropy by compiled loops: right to 2 eps, and at the ends of float32."""

import numpy as np
import pytest
from cases import bits, built, needs_numba

from scratchnet import compiled as compiled_module
from scratchnet import compiled_functions as module
from scratchnet import numerics
from scratchnet.compiled import LEAST, compiled
from scratchnet.compiled_functions import by_loop, exp, number, sigmoid_loop, tanh_loop
from scratchnet.layers import GRU, Sigmoid, Tanh
from scratchnet.losses import BinaryCrossEntropy

EPS = np.finfo("float32").eps
EXACT = {"sigmoid": lambda x: 1 / (1 + np.exp(-x)), "tanh": np.tanh}
LOOPS = {"sigmoid": sigmoid_loop, "tanh": tanh_loop}


def numbers_of_all_sizes(n=200_000):
    rng = np.random.default_rng(0)
    return np.concatenate(
        [
            np.linspace(-85, 85, n),
            np.linspace(-2, 2, n),
            rng.choice([-1, 1], n) * 10 ** rng.uniform(-37, 1, n),
        ]
    ).astype("float32")


@pytest.mark.parametrize("x", [-87.0, -1.5, -0.3, 0.0, 1e-7, 0.3466, 1.0, 10.0, 88.0])
def test_exp_in_python_has_an_error_of_at_most_1_eps(x):
    exact = np.exp(np.float64(number(x)))
    assert abs(exp(number(x)) - exact) <= EPS * exact


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_in_python_has_an_error_of_at_most_2_eps(name):
    x = np.concatenate([np.linspace(-20, 20, 401), [0.625, -0.625, 1e-30]]).astype("float32")
    y = np.empty_like(x)
    LOOPS[name](x, y)
    exact = EXACT[name](x.astype("float64"))
    assert (abs(y - exact) <= 2 * EPS * abs(exact)).all()


@needs_numba
@pytest.mark.parametrize("name", LOOPS)
def test_a_function_by_a_loop_has_an_error_of_at_most_2_eps(name):
    x = numbers_of_all_sizes()
    y, exact = getattr(numerics, name)(x), EXACT[name](x.astype("float64"))
    assert bits(y) == bits(by_loop(LOOPS[name], x)) and y.dtype == x.dtype
    assert (abs(y - exact) <= 2 * EPS * abs(exact)).all()


@needs_numba
def test_the_borders_of_float32():
    ends = np.array([np.nan, np.inf, -np.inf, 1000, -1000, -89, 0, -0.0, 1e-45], "float32")
    x = np.concatenate([ends, np.zeros(LEAST, "float32")])
    with np.errstate(all="raise"):
        s, t = numerics.sigmoid(x)[:9], numerics.tanh(x)[:9]
    np.testing.assert_array_equal(s, [np.nan, 1, 0, 1, 0, 0, 0.5, 0.5, 0.5])
    np.testing.assert_array_equal(t, [np.nan, 1, -1, 1, -1, -1, 0, 0, np.float32(1e-45)])
    assert np.signbit(t[7]) and not np.signbit(t[6])


@needs_numba
@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_writes_where_it_is_told(name):
    f, x = getattr(numerics, name), np.linspace(-3, 3, LEAST, dtype="float32").reshape(64, -1)
    expected, kept = f(x), x.copy()
    for given in (x, x[::-1][::-1], np.asfortranarray(x), np.broadcast_to(x[0], x.shape)):
        result = f(given)
        assert result.shape == x.shape and not np.shares_memory(result, given)
        if given.strides[0]:
            np.testing.assert_allclose(result, expected, rtol=4 * EPS)
    assert bits(x) == bits(kept)
    x.flags.writeable = False
    out = np.empty_like(x)
    assert f(x, out=out) is out and bits(out) == bits(expected)
    assert f(kept, out=kept) is kept and bits(kept) == bits(expected)
    columns = np.empty((64, 2 * x.shape[1]), "float32")[:, ::2]  # not contiguous: by NumPy
    np.testing.assert_allclose(f(x, out=columns), expected, rtol=4 * EPS)


@needs_numba
@pytest.mark.parametrize("name", LOOPS)
def test_numpy_computes_small_arrays_and_float64(name):
    x = np.linspace(-3, 3, LEAST)
    assert by_loop(LOOPS[name], x) is None
    assert by_loop(LOOPS[name], x.astype("float32")[1:]) is None
    assert by_loop(LOOPS[name], x.astype("float32")) is not None
    assert getattr(numerics, name)(x).dtype == "float64"


@needs_numba
@pytest.mark.parametrize("reduction", ["mean", "per_sample"])
def test_the_cross_entropy_of_logits_by_a_loop_is_right_up_to_rounding(reduction):
    rng, loss = np.random.default_rng(0), BinaryCrossEntropy(True, reduction)
    x = rng.normal(0, 8, (64, 100)).astype("float32")
    x[0, :6] = 0, -0.0, 200, -200, 17, -89
    t = rng.integers(0, 2, x.shape).astype("float32")
    t[1] = 0.25
    x.flags.writeable = t.flags.writeable = False  # as those of a file
    with np.errstate(all="raise", under="ignore"):
        assert module.cross_entropy_parts(x, t) is not None
        value, cache = loss.forward(x, t)
    exact, exact_cache = loss.forward(x.astype("float64"), t.astype("float64"))
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    np.testing.assert_allclose(cache[0], exact_cache[0], rtol=3 * EPS, atol=1e-38)
    np.testing.assert_allclose(loss.backward(cache), loss.backward(exact_cache), atol=1e-7)
    y = x.copy()
    y[5, 5] = np.nan
    value, (p, _) = loss.forward(y, t)
    assert np.isnan(value) and np.isnan(p).sum() == 1


@needs_numba
def test_the_loops_are_compiled_before_processes_are_forked():
    compiled_module._compiled.cache_clear()
    module.compile_functions()
    ready = compiled_module._compiled.cache_info().currsize
    numerics.sigmoid(np.zeros(LEAST, "float32")), numerics.tanh(np.zeros(LEAST, "float32"))
    x = np.zeros((2, LEAST), "float32")
    BinaryCrossEntropy(from_logits=True).forward(x, x)
    assert compiled_module._compiled.cache_info().currsize == ready == 5


@needs_numba
def test_layers_and_losses_use_the_loops(monkeypatch):
    used = []
    monkeypatch.setattr(
        module, "compiled", lambda loop, *arrays: used.append(loop) or compiled(loop, *arrays)
    )
    x = np.zeros((LEAST, 2), "float32")
    Tanh()(x), Sigmoid()(x), BinaryCrossEntropy(from_logits=True)(x, x)
    assert used == [tanh_loop, sigmoid_loop, module.cross_entropy_loop]
    used.clear()
    built(GRU(LEAST // 4), (1, 1))(np.zeros((4, 1, 1), "float32"))
    assert set(used) == set(module.IN_PLACE.values())


def test_arrays_on_a_gpu_are_left_to_it(xp):
    x = xp.zeros(LEAST, dtype="float32")
    y = numerics.sigmoid(x)
    assert type(y) is type(x) and float(y[0]) == 0.5
    assert xp is np or by_loop(sigmoid_loop, x) is None


@needs_numba
@pytest.mark.parametrize("f", [numerics.sigmoid, numerics.tanh])
def test_memory_of_another_shape_is_left_to_numpy(f):
    x = np.linspace(-3, 3, LEAST + 500, dtype="float32")
    for wrong in (np.zeros(LEAST, "float32"), np.zeros((LEAST + 500, 1), "float32")[:9]):
        with pytest.raises(ValueError, match="broadcast"):
            f(x, out=wrong)
    expected, both = f(x[:-1]), np.append(x, x[:1])[:-1]
    np.testing.assert_allclose(f(both[:-1], out=both[1:]), expected, rtol=4 * EPS)
