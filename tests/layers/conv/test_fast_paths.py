"""Products that share one copy of the pixels: the same numbers as the two products on their own."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from scratchnet.layers import Conv2D, Conv2DTranspose
from scratchnet.layers.conv import convolution, fast_paths
from scratchnet.layers.conv.fast_paths import (
    convolve,
    kernel_gradient,
    strip_products,
    strips_pay,
)
from scratchnet.layers.conv.im2col import Windows

WINDOWS = [
    Windows((5, 7), (3, 3)),
    Windows((5, 7), (3, 2), padding=((1, 0), (2, 1))),
    Windows((4, 4), (1, 4)),
    Windows((6, 5), (6, 1), padding=((0, 2), (0, 0))),
]


def normal(*shape, dtype="float64"):
    return np.random.default_rng(shape).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("win", WINDOWS, ids=str)
@pytest.mark.parametrize(("c", "f"), [(1, 1), (2, 5), (6, 3)])
@pytest.mark.parametrize("images_at_a_time", [1, 2, 99])
def test_strips_give_the_products_of_patches(win, c, f, images_at_a_time, monkeypatch):
    x, W = normal(5, *win.image_size, c), normal(*win.kernel_size, c, f)
    dy = normal(5, *win.output_size, f)
    rows = (win.output_size[0] + win.kernel_size[0] - 1) * win.output_size[1]
    size = rows * win.kernel_size[1] * c * 8  # bytes of an image's strips
    monkeypatch.setattr(fast_paths, "CHUNK", images_at_a_time * size // 2)
    y, dW = strip_products(x, W, win, dy)
    assert_allclose(y, convolve(x, W, win), rtol=1e-12, atol=1e-12)
    assert_allclose(dW, kernel_gradient(x, dy, win), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", [Conv2D, Conv2DTranspose])
def test_a_layer_with_strips_has_the_gradients_of_one_without_in_float32(kind, monkeypatch):
    layer = kind(16, 3, padding=1)
    layer.build((14, 14, 8), 0)
    x, dy = normal(8, 14, 14, 8, dtype="float32"), normal(8, 14, 14, 16, dtype="float32")
    dx, grads = layer.backward(dy, x)
    monkeypatch.setattr(convolution, "strips_pay", lambda *arguments: False)
    monkeypatch.delattr(convolution, "strip_products")
    plain_dx, plain_grads = layer.backward(dy, x)
    assert not np.array_equal(dx, plain_dx)  # another order of the sums
    for a, b in [(dx, plain_dx), *((grads[name], plain_grads[name]) for name in grads)]:
        assert abs(a - b).max() < 2e-6 * abs(b).max()


@pytest.mark.parametrize(
    ("win", "c", "f", "pays"),
    [
        (WINDOWS[0], 5, 48, True),
        (WINDOWS[0], 4, 16, False),
        (WINDOWS[0], 16, 49, False),
        (Windows((8, 8), (3, 3), (2, 2)), 16, 16, False),
        (Windows((8, 8), (3, 3), (1, 1), (2, 2)), 16, 16, False),
        (None, 16, 16, False),
    ],
)
def test_strips_are_for_medium_numbers_of_channels_and_stride_1(win, c, f, pays):
    assert strips_pay(win, c, f, np.zeros(1)) is pays
