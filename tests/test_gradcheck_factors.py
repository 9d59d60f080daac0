"""Factors of a wrong gradient: a second batch decides between quantities that are equal."""

import numpy as np
import pytest
from faults import X, changed

from scratchnet.gradcheck import gradcheck
from scratchnet.gradcheck_factors import factor
from scratchnet.gradcheck_patterns import Pair
from scratchnet.layers import BatchNormalization, Dense, MaxPooling2D
from scratchnet.losses import MeanSquaredError

IMAGES = np.random.default_rng(0).standard_normal((4, 4, 6, 1))


def cause(layer, x):
    return next(row.cause for row in gradcheck(layer, x).rows if row.cause)


def test_the_size_of_a_window_is_not_taken_for_the_batch_size():
    found = cause(changed(MaxPooling2D, lambda g: g / 4, "x")(2), IMAGES)
    assert "4 is pool_size[0] * pool_size[1] or strides[0] * strides[1]: one div" in found
    found = cause(changed(MaxPooling2D, lambda g, n: g / n, "x")(2), IMAGES)
    assert "4 is the batch size N: one division by it too many" in found


def test_a_factor_2_is_not_taken_for_a_size_of_the_batch():
    found = cause(changed(BatchNormalization, lambda g: g / 2, "x")(), X[:3])
    assert found == "every entry is 1/2 times the right value: look for a factor 2 or 1/2"
    found = cause(changed(Dense, lambda g: 2 * g, "W")(3), X[:2])
    assert found == "every entry is 2 times the right value: look for a factor 2 or 1/2"


def test_a_number_that_equals_the_batch_size_by_chance_is_a_constant():
    found = cause(changed(Dense, lambda g: 4 * g, "W")(3), X)
    assert found == "every entry is 4 times the right value: a constant factor is wrong"


def test_a_factor_that_depends_on_the_batch_in_another_way_is_told():
    found = cause(changed(Dense, lambda g, n: n**1.5 * g, "W")(3), X)
    assert "8 times the right value, and 18.5203 times with another batch size" in found


@pytest.mark.parametrize("axes", [(2, 3, 2), (3, 2)])
def test_the_axes_of_a_loss_are_no_time_steps(axes):
    class Wrong(MeanSquaredError):
        def backward(self, cache):
            grad = super().backward(cache)
            return grad * grad[0].size

    rng = np.random.default_rng(0)
    found = cause_of_loss(Wrong(), rng.standard_normal(axes), rng.standard_normal(axes))
    assert "step" not in found and ("sample of prediction" in found or "factor 2" in found)


def cause_of_loss(loss, prediction, target):
    return gradcheck(loss, prediction, target).rows[0].cause


def test_without_a_second_batch_every_quantity_is_named():
    pair = Pair("x", (2,), np.array([4.0, 8.0]), np.arange(2), np.array([1.0, 2.0]))
    found = factor(pair, {"the batch size N": 4, "units": 4})
    assert "4 is the batch size N or units" in found
