"""Finite differences: kinks, and gradients that are zero up to rounding."""

import numpy as np
import pytest

from scratchnet.gradcheck import gradcheck
from scratchnet.gradcheck_differences import differences, rounding
from scratchnet.layers import Dense, Layer, Sequential
from scratchnet.losses import SoftmaxCrossEntropy


def kinks(f, at, eps=1e-6):
    a, rng = np.array([at]), np.random.default_rng(0)
    return differences(lambda: [f(a)], a, [np.ones(1)], eps, None, rng)[2].tolist()


def test_a_kink_is_a_kink_however_large_the_output():
    assert kinks(abs, 0.0) == [True]
    assert kinks(abs, 1.0) == [False]
    for size in (1e4, 1e6, 1e7):
        assert kinks(lambda a, size=size: size + abs(a), 0.0) == [True]


def test_rounding_of_a_constant_is_no_kink():
    noise = np.random.default_rng(0)
    assert not any(kinks(lambda a: 3 + 4e-16 * noise.standard_normal(1), 1.0)[0] for _ in range(50))


def test_the_rounding_of_a_difference_grows_with_the_output_and_with_a_smaller_step():
    y, R = [np.full(4, 2.0), np.zeros(())], [np.ones(4), np.ones(())]
    assert rounding(y, R, 1e-6) == pytest.approx(10 * rounding(y, R, 1e-5))
    assert rounding([10 * y[0]], R[:1], 1e-6) == pytest.approx(10 * rounding(y, R, 1e-6))


@pytest.mark.parametrize("seed", range(20))
def test_gradients_that_are_zero_up_to_rounding_pass(seed):
    """The hidden units of equal weights cancel in the gradient of the layers before."""
    rng = np.random.default_rng(seed)
    equal = [Dense(64, kernel_initializer=lambda _, shape: np.full(shape, 0.05)) for _ in range(2)]
    last = Dense(10, kernel_initializer=lambda _, shape: np.full(shape, 0.05))
    model, x, target = Sequential([*equal, last]), rng.random((11, 64)), rng.integers(0, 10, 11)
    report = gradcheck(model, x, target, loss=SoftmaxCrossEntropy(), samples=12, seed=seed)
    assert report.ok, report


class SlightlyWrong(Layer):
    """y = 1e3 + a x, with a gradient of x that is wrong by one part in 100,000."""

    def forward(self, x, train=False):
        return 1e3 + 0.5 * x, None

    def backward(self, dy, cache):
        return 0.5 * (1 + 1e-5) * dy, {}


def test_a_small_error_is_found_beside_a_large_output():
    assert not gradcheck(SlightlyWrong(), np.ones((4, 3))).ok
