"""The stable primitives against SciPy's, and far beyond where the plain formulas overflow."""

import numpy as np
import pytest
import scipy.special
from cases import read_only
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.testing import assert_allclose, assert_array_equal

from scratchnet.numerics import (
    log_sigmoid,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    softmax,
    softplus,
    sum_log,
    sum_of_squares,
    times_transposed,
)

EVERYWHERE = [0, 1e-30, 1e-9, 1e-3, 0.1, 1, 3, 10, 17, 36, 88, 90, 700, 750, 1000, 1e30]
LINE = np.array(sorted({s * v for v in EVERYWHERE for s in (-1, 1)}))
ELEMENTWISE = {
    sigmoid: scipy.special.expit,
    softplus: lambda x: np.logaddexp(0, x),
    log_sigmoid: scipy.special.log_expit,
}
ALONG_AN_AXIS = {
    logsumexp: lambda x, axis: scipy.special.logsumexp(x, axis=axis, keepdims=True),
    log_softmax: lambda x, axis: scipy.special.log_softmax(x, axis=axis),
    softmax: lambda x, axis: scipy.special.softmax(x, axis=axis),
}
every_precision = pytest.mark.parametrize("dtype", ["float32", "float64"])
elementwise = pytest.mark.parametrize("function", ELEMENTWISE, ids=lambda f: f.__name__)
along_an_axis = pytest.mark.parametrize("function", ALONG_AN_AXIS, ids=lambda f: f.__name__)
blocks = arrays("float64", array_shapes(min_dims=2, max_dims=3), elements=st.floats(-1e3, 1e3))


def strictly(function, *args):
    """The result, for read-only input and with warnings as errors; its dtype is the input's."""
    x = read_only(args[0])
    with np.errstate(all="raise", under="ignore"):
        y = function(x, *args[1:])
    assert y.dtype == x.dtype
    return y


@elementwise
@every_precision
def test_elementwise_functions_are_right_everywhere(function, dtype):
    """(6, 20, 35) To the last digits, also where the result is tiny."""
    x = LINE.astype(dtype)
    exact = ELEMENTWISE[function](x.astype("float64"))
    few, tiny = 4 * np.finfo(dtype).eps, np.finfo(dtype).tiny  # below tiny digits run out
    assert_allclose(strictly(function, x), exact, rtol=few, atol=tiny)


@every_precision
@pytest.mark.parametrize("far", [1000, 1e30])
def test_far_out_the_limits_are_reached_exactly(far, dtype):
    """(6, 35)"""
    x = np.array([-far, far], dtype)
    assert strictly(sigmoid, x).tolist() == [0, 1]
    assert strictly(softplus, x).tolist() == [0, x[1]]
    assert strictly(log_sigmoid, x).tolist() == [x[0], 0]
    assert strictly(softmax, x).tolist() == [0, 1]
    assert strictly(log_softmax, x).tolist() == [2 * x[0], 0]
    assert strictly(logsumexp, x).tolist() == [x[1]]
    assert strictly(logsumexp, -abs(x)).tolist() == [x.dtype.type(-far + np.log(2))]


@along_an_axis
@pytest.mark.parametrize("axis", [-1, 0, 1])
@given(x=blocks)
def test_functions_along_an_axis_are_scipys(function, axis, x):
    exact = ALONG_AN_AXIS[function](x, axis)
    assert_allclose(strictly(function, x, axis), exact, rtol=1e-12, atol=1e-12)


@along_an_axis
@given(x=blocks)
def test_float32_is_float64_rounded(function, x):
    """Numbers up to 1000 have seven digits: about 1e-4 is what float32 can know of their logs."""
    x = x.astype("float32")
    exact = ALONG_AN_AXIS[function](x.astype("float64"), -1)
    assert_allclose(strictly(function, x), exact, rtol=1e-6, atol=2e-4)


@given(x=blocks, shift=st.floats(-1e3, 1e3))
def test_a_shift_of_all_logits_changes_no_probability(x, shift):
    assert_allclose(softmax(x + shift), softmax(x), rtol=1e-11, atol=1e-15)  # 1e3 rounds at 1e-13
    assert_allclose(logsumexp(x + shift), logsumexp(x) + shift, rtol=1e-12, atol=1e-12)
    assert_allclose(softmax(x).sum(axis=-1), 1, rtol=1e-14)


@every_precision
@pytest.mark.parametrize("shift", [0, 1e2, 1e4, 1e6, -1e6])
def test_log_softmax_keeps_its_digits_for_large_logits(shift, dtype):
    x = np.array([[0, 1, 2, 3], [5, 5, 5, -9]], dtype)
    exact = scipy.special.log_softmax(x.astype("float64"), axis=-1)
    assert_allclose(strictly(log_softmax, x + x.dtype.type(shift)), exact, rtol=2e-7)


@given(x=arrays("float64", 9, elements=st.floats(-1e3, 1e3)))
def test_each_function_is_its_own_mirror_image(x):
    assert_allclose(sigmoid(-x), 1 - sigmoid(x), rtol=0, atol=1e-15)
    assert_allclose(softplus(x) - softplus(-x), x, rtol=1e-14, atol=1e-15)
    assert_allclose(log_sigmoid(x) - log_sigmoid(-x), x, rtol=1e-14, atol=1e-15)


@along_an_axis
def test_one_class_alone_is_certain(function):
    x = np.array([[1000.0], [-1000.0]])
    certain = {logsumexp: x, log_softmax: [[0], [0]], softmax: [[1], [1]]}
    assert_allclose(strictly(function, x), certain[function], rtol=0)


@pytest.mark.parametrize("function", [relu, sigmoid], ids=lambda f: f.__name__)
def test_sigmoid_and_relu_can_write_over_their_input(function):
    x = np.linspace(-3, 3, 7)
    expected = function(x)
    assert function(x, out=x) is x
    assert_array_equal(x, expected)


@every_precision
@pytest.mark.parametrize("shape", [(7,), (4, 5), (2, 3, 4), (2, 3, 4, 5), (0, 3), (3, 0)])
def test_relu_is_the_maximum_with_zero(shape, dtype):
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    for view in (x, x[::-1], x[..., ::2], x.T):
        assert_array_equal(strictly(relu, view), np.maximum(view, 0))


@every_precision
@pytest.mark.parametrize("n", [0, 1, 31, 32, 64, 65, 200])
@pytest.mark.parametrize("d, m", [(70, 90), (90, 32), (1, 1), (64, 64), (100, 0)])
def test_a_product_with_a_transposed_matrix_is_that_of_its_plain_form(n, d, m, dtype):
    rng = np.random.default_rng(0)
    dy, W = (rng.standard_normal(shape).astype(dtype) for shape in ((n, m), (d, m)))
    for a in (dy, dy[::-1], dy.copy(order="F")):
        dx = times_transposed(read_only(a), read_only(W))
        exact = a.astype("float64") @ W.T.astype("float64")
        assert dx.dtype == dtype and dx.shape == (n, d) and dx.flags.c_contiguous
        assert_allclose(dx, exact, rtol=0, atol=2 * np.sqrt(m + 1) * 8 * np.finfo(dtype).eps)


@given(x=arrays("float32", 50, elements=st.floats(-120, 120, width=32)))
def test_softplus_without_log1p_is_the_plain_form(x):
    plain = np.maximum(x, 0) + np.log1p(np.exp(-abs(x)))
    assert_allclose(softplus(x), plain, rtol=3e-7, atol=np.finfo("float32").tiny)


@given(x=arrays("float32", 50, elements=st.floats(-80, 120, width=32)))
def test_sigmoid_keeps_its_digits_where_the_form_by_tanh_loses_them(x):
    by_tanh = 0.5 * np.tanh(0.5 * x) + np.float32(0.5)
    assert_allclose(sigmoid(x), by_tanh, rtol=0, atol=1.2e-7)
    assert_allclose(sigmoid(x), scipy.special.expit(x.astype("float64")), rtol=3e-7)


@every_precision
@pytest.mark.parametrize("size", [0, 1, 2, 3, 15, 16, 17, 1000])
def test_sums_of_logarithms_of_products_are_the_sums_of_the_logarithms(size, dtype):
    eps = np.finfo(dtype).eps
    rng = np.random.default_rng(0)
    for least in (eps, 1e-3, 0.5):
        for q in (rng.uniform(least, 1, (size, 3)), np.full((size, 3), least)):
            q = np.clip(q.astype(dtype), np.dtype(dtype).type(least), 1)
            expected = np.log(q.astype("float64")).sum()
            assert_allclose(strictly(sum_log, q), expected, rtol=8 * eps)
            assert_allclose(strictly(sum_log, q, least), expected, rtol=8 * eps)
    smallest = np.full((size, 5), eps, dtype)
    assert_allclose(strictly(sum_log, smallest), size * 5 * np.log(float(eps)), rtol=8 * eps)


@pytest.mark.parametrize("shape", [(0, 5), (1, 1), (7,), (160, 800), (2, 40_000), (3, 4, 5)])
def test_a_sum_of_squares_is_that_of_numpy(shape, rng):
    """Also of almost equal numbers, where each addition rounds in the same direction."""
    for d in (rng.standard_normal(shape, "float32"), np.full(shape, 0.7, "float32")):
        expected = (d.astype("float64") ** 2).sum()
        assert_allclose(strictly(sum_of_squares, d), expected, rtol=2e-6)
        assert_allclose(strictly(sum_of_squares, d.T), expected, rtol=2e-6)
