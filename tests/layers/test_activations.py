"""What each activation computes, written out by hand: at 1, on both sides of the kink, far out."""

import math

import numpy as np
import pytest
from cases import run
from numpy.testing import assert_allclose

from scratchnet.layers import (
    ELU,
    GELU,
    SELU,
    LeakyReLU,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)

E = math.exp(-1)
S = 1 / (1 + E)  # the sigmoid at 1
T = math.tanh(1)
P = (1 + math.erf(math.sqrt(0.5))) / 2  # the standard normal distribution function at 1 ...
p = math.exp(-0.5) / math.sqrt(2 * math.pi)  # ... and its density
Q = (1 + math.tanh(math.sqrt(2 / math.pi) * 1.044715)) / 2  # what GELU's approximation has for P
q = 2 * Q * (1 - Q) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715)  # and its slope

X = [-1000, -1, 1, 1000]
VALUES_AND_SLOPES = {
    ReLU(): ([0, 0, 1, 1000], [0, 0, 1, 1]),
    LeakyReLU(0.3): ([-300, -0.3, 1, 1000], [0.3, 0.3, 1, 1]),
    ELU(1.0): ([-1, E - 1, 1, 1000], [0, E, 1, 1]),
    ELU(0.5): ([-0.5, 0.5 * (E - 1), 1, 1000], [0, 0.5 * E, 1, 1]),
    GELU(): ([0, P - 1, P, 1000], [0, 1 - P - p, P + p, 1]),
    GELU(approximate=True): ([0, Q - 1, Q, 1000], [0, 1 - Q - q, Q + q, 1]),
    Softplus(): ([0, math.log1p(E), 1 + math.log1p(E), 1000], [0, 1 - S, S, 1]),
    Sigmoid(): ([0, 1 - S, S, 1], [0, S * (1 - S), S * (1 - S), 0]),
    Tanh(): ([-1, -T, T, 1], [0, 1 - T * T, 1 - T * T, 0]),
}
KINKED = {ReLU(): 0, LeakyReLU(0.2): 0.2, ELU(0.5): 0.5, ELU(1.0): 1}


@pytest.mark.parametrize("layer", VALUES_AND_SLOPES, ids=repr)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_and_slopes_of(layer, dtype):
    """(6, 15, 16, 35) A slope is dx for dy = 1; warnings are errors."""
    tolerance = 20 * np.finfo(dtype).eps
    with np.errstate(all="raise", under="ignore"):
        y, _, slope, _ = run(layer, np.array([X], dtype), np.ones((1, 4), dtype))
    values, slopes = VALUES_AND_SLOPES[layer]
    assert_allclose(y[0], values, rtol=tolerance, atol=tolerance)
    assert_allclose(slope[0], slopes, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("layer", KINKED, ids=repr)
def test_at_its_kink_an_activation_takes_the_slope_from_the_left(layer):
    """(15) As PyTorch does: documented, and the same on every machine."""
    y, _, dx, _ = run(layer, np.zeros((1, 1)), np.ones((1, 1)))
    assert y == 0 and dx == KINKED[layer]


@pytest.mark.parametrize("axis", [-1, 1, 2])
def test_softmax_alone_sends_back_the_whole_jacobian(axis, rng):
    """(10) dy_k/dx_j = y_k ([k = j] - y_j): written out, one sample and row at a time."""
    x, dy = rng.standard_normal((2, 2, 3, 4))
    y, _, dx, _ = run(Softmax(axis), x, dy)
    for y_row, dy_row, dx_row in zip(*(rows(a, axis) for a in (y, dy, dx)), strict=True):
        jacobian = np.diag(y_row) - np.outer(y_row, y_row)
        assert_allclose(dx_row, jacobian @ dy_row, rtol=1e-12, atol=1e-15)


def rows(array, axis):
    return np.moveaxis(array, axis, -1).reshape(-1, array.shape[axis])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_of_a_thousand_is_one(dtype):
    """(6)"""
    x = np.array([[1000, -1000], [-1000, -1000]], dtype)
    with np.errstate(all="raise", under="ignore"):
        y, _, dx, _ = run(Softmax(), x, np.array([[1, 2], [1, 2]], dtype))
    assert y.tolist() == [[1, 0], [0.5, 0.5]]
    assert dx.tolist() == [[0, 0], [-0.25, 0.25]]


@pytest.mark.parametrize("layer, a", [(ELU(), 1.0), (ELU(0.4), 0.4), (SELU(), SELU.s * SELU.a)])
def test_the_slope_from_y_has_the_stated_rounding_error(layer, a):
    x = np.linspace(-30, -1e-3, 20001, dtype="float32")[:, None]
    slope = layer.backward(np.ones_like(x), layer.forward(x)[1])[0]
    exact = a * np.exp(x.astype("float64"))
    assert abs(slope - exact).max() < 2e-7 * a
    near = x > -11
    assert (abs(slope - exact)[near] < 0.01 * exact[near]).all()
    assert not slope[x < -17.4].any() and slope[x > -17.3].all()


def test_leaky_relu_at_the_ends_of_float32():
    x = np.array([np.inf, -np.inf, np.nan, 1e38, -1e38, 0.0], "float32")
    with np.errstate(all="raise"):
        for a in (0.3, 1.0):
            np.testing.assert_allclose(LeakyReLU(a)(x), np.where(x > 0, x, np.float32(a) * x))
        np.testing.assert_array_equal(LeakyReLU(10.0)(x[3:4]), x[3:4])
    with np.errstate(invalid="ignore"):  # 0 infinity
        np.testing.assert_array_equal(LeakyReLU(0.0)(x[[0, 3, 4]]), [np.inf, x[3], 0])
    assert LeakyReLU(0.5).forward(np.array(-2.0))[0] == -1
