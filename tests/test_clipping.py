"""Clipping: entries and norms of gradients, up to the ends of float32."""

import numpy as np
import pytest

from scratchnet.clipping import ClipByGlobalNorm, ClipByValue


def test_clipping_by_value_cuts_each_entry():
    clipped = ClipByValue(0.5)(np.array([-3, -0.5, 0.2, 0.7]))
    assert clipped.tolist() == [-0.5, -0.5, 0.2, 0.5]


# float32 ends at 3.4e38: it cannot hold the square of 1e30, nor the norm of several 3e38
@pytest.mark.parametrize("scale", [1.0, 1e30, 3e38])
def test_clipping_by_norm_caps_the_norm_and_keeps_the_direction(scale):
    shape = np.array([1, -0.5, 0.25, 0, 1], "float32")
    clipped = ClipByGlobalNorm(0.1)(shape * np.float32(scale))
    expected = 0.1 * shape / np.linalg.norm(shape)
    np.testing.assert_allclose(clipped, expected, rtol=1e-6)  # a few roundings in float32


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e-42])
def test_clipping_by_norm_leaves_a_small_gradient_alone(scale):
    g = np.array([1, -0.5, 0.25, 0], "float32") * np.float32(scale)
    np.testing.assert_allclose(ClipByGlobalNorm(2)(g), g, rtol=1e-6)


def test_clipping_by_norm_leaves_a_zero_gradient_zero():
    assert ClipByGlobalNorm(1)(np.zeros(5, "float32")).tolist() == [0] * 5
