"""Convolutions: against loops over every number, and each as the other's adjoint."""

import itertools

import numpy as np
import pytest
from cases import built

import scratchnet.layers.conv.im2col as windows
from scratchnet.backend import float64
from scratchnet.layers import (
    Conv2D,
    Conv2DTranspose,
    MaxPooling2D,
    ReLU,
    Sequential,
    ShapeError,
    Sigmoid,
    UpSampling2D,
)
from scratchnet.layers.conv.im2col import Windows, convolve, convolve_transposed, kernel_gradient
from scratchnet.layers.conv.space_to_depth import depth_to_space, space_to_depth

GEOMETRIES = [
    Windows((5, 7), kernel, strides, dilation, padding)
    for kernel, strides, dilation, padding in itertools.product(
        [(3, 2), (1, 4)],
        [(1, 1), (2, 3), (1, 2)],
        [(1, 1), (2, 1)],
        [((0, 0), (0, 0)), ((1, 0), (0, 2)), ((3, 2), (1, 4))],
    )
]
each_geometry = pytest.mark.parametrize("g", GEOMETRIES, ids=str)


def normal(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape)


def by_loops(x, W, g):
    """The plain twin of `gather`: every product of the sum, one after the other."""
    y = np.zeros((len(x), *g.output, W.shape[3]))
    for n, i, j, a, b in itertools.product(*map(range, (*y.shape[:3], *g.kernel))):
        row = i * g.strides[0] + a * g.dilation[0] - g.padding[0][0]
        column = j * g.strides[1] + b * g.dilation[1] - g.padding[1][0]
        if 0 <= row < g.size[0] and 0 <= column < g.size[1]:
            y[n, i, j] += x[n, row, column] @ W[a, b]
    return y


def operands(g, c, f):
    return normal(2, *g.size, c), normal(*g.kernel, c, f), normal(2, *g.output, f)


# ----------------------------------------------------------------- three products, in all forms


@each_geometry
@pytest.mark.parametrize("c, f", [(1, 3), (6, 2), (5, 5)])  # few channels, fewer filters, equal
def test_a_gather_is_the_sum_over_every_window(g, c, f):
    x, W, _ = operands(g, c, f)
    np.testing.assert_allclose(convolve(x, W, g), by_loops(x, W, g), atol=1e-12)


@each_geometry
@pytest.mark.parametrize("c, f", [(1, 3), (6, 2), (5, 5)])
def test_scatter_and_kernel_gradient_are_its_adjoints(g, c, f):
    """<gather(x, W), dy> is linear in x and in W: three ways to write one number."""
    x, W, dy = operands(g, c, f)
    expected = (by_loops(x, W, g) * dy).sum()
    dx, dW = convolve_transposed(dy, W, g), kernel_gradient(x, dy, g)
    assert dx.shape == x.shape and dW.shape == W.shape
    np.testing.assert_allclose([(x * dx).sum(), (W * dW).sum()], expected, rtol=1e-10)


@pytest.mark.parametrize("function", [convolve, convolve_transposed, kernel_gradient])
def test_a_batch_in_chunks_gives_what_it_gives_whole(function, monkeypatch):
    g = Windows((5, 7), (3, 2), (1, 1), (1, 1), ((1, 1), (0, 1)))
    x, W, dy = operands(g, 5, 5)
    arguments = {convolve: (x, W), convolve_transposed: (dy, W), kernel_gradient: (x, dy)}[function]
    whole = function(*arguments, g)
    monkeypatch.setattr(windows, "CHUNK", 1)  # an image at a time
    np.testing.assert_allclose(function(*arguments, g), whole, atol=1e-12)


def test_unfold_is_the_adjoint_of_fold():
    x, y = normal(2, 5, 7, 3), normal(2, 3, 2, 6 * 3)
    folded = space_to_depth(x, (3, 2), (2, 3), (1, 0))  # cuts off columns that no window reaches
    back = depth_to_space(y, (5, 7), (2, 3), (1, 0))
    np.testing.assert_allclose((folded * y).sum(), (x * back).sum())


# ------------------------------------------------------------------------------------ the layers


@pytest.mark.parametrize("strides", [1, 2, (2, 3)])
@pytest.mark.parametrize("padding", ["valid", "same", ((1, 0), (0, 2))])
def test_a_transposed_convolution_is_the_transpose_of_the_convolution(strides, padding):
    """<conv(x), y> = <x, conv_transpose(y)> for one W."""
    with float64():
        conv = built(Conv2D(3, (3, 2), strides, padding, use_bias=False), (6, 9, 2))
        y = normal(4, *conv.output_shape)
        extra = 0 if padding == "same" else (conv.windows.size[0] - 6, 0)
        transpose = Conv2DTranspose(2, (3, 2), strides, padding, extra, use_bias=False)
        transpose = built(transpose, conv.output_shape)
    transpose.W = conv.W
    h, w, _ = transpose.output_shape  # a stride may leave the last rows of x out
    x = normal(4, 6, 9, 2)
    x[:, h:], x[:, :, w:] = 0, 0
    back = transpose(y)[:, :6, :9]
    expected = (conv(x) * y).sum()
    inside = x[:, : back.shape[1], : back.shape[2]]
    np.testing.assert_allclose((inside * back).sum(), expected, rtol=1e-10)


@pytest.mark.parametrize("kernel", [1, 2, 4])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("n", [5, 6, 7])
def test_same_padding_gives_ceil_n_over_s_as_in_keras(n, stride, kernel):
    conv = built(Conv2D(1, kernel, stride, "same"), (n, n + 1, 1))
    assert conv.output_shape == (-(-n // stride), -(-(n + 1) // stride), 1)
    transpose = built(Conv2DTranspose(1, kernel, stride, "same"), (n, n + 1, 1))
    assert transpose.output_shape == (n * stride, (n + 1) * stride, 1)


def test_a_group_sees_its_own_channels_only():
    conv = built(Conv2D(4, 2, groups=2), (3, 3, 6))
    x = np.zeros((1, 3, 3, 6), "float32")
    x[..., :3] = 1  # the first group
    y = conv(x)
    assert (y[..., :2] != 0).all() and (y[..., 2:] == 0).all()


def test_the_transposed_autoencoder_of_lesson_ten_has_185217_parameters():
    def conv(f):
        return Conv2D(f, 3, padding="same")

    def transpose(f):
        return Conv2DTranspose(f, 3, padding="same")

    down = [conv(32), ReLU(), MaxPooling2D(), conv(64), ReLU(), MaxPooling2D(), conv(128), ReLU()]
    up = [transpose(64), ReLU(), UpSampling2D(), transpose(32), ReLU(), UpSampling2D()]
    model = built(Sequential([*down, *up, transpose(1), Sigmoid()]), (28, 28, 1))
    assert model.n_parameters == 185_217
    assert model.output_shape == (28, 28, 1)


# ------------------------------------------------------------------------------------- sentences


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Conv2D(0, 3), "filters >= 1"),
        (lambda: Conv2D(2, (3, 3, 3)), "kernel_size as one number or two"),
        (lambda: Conv2D(2, 3, padding="full"), "unknown padding of Conv2D 'full'"),
        (lambda: Conv2D(2, 3, padding=-1), "no number below 0; got -1"),
        (lambda: Conv2D(3, 3, groups=2), "filters that 2 groups can share; got 3"),
        (lambda: Conv2DTranspose(2, 3, 2, output_padding=2), "less than its strides"),
        (lambda: Conv2DTranspose(2, 3, 2, "same", 1), 'none with padding="same"'),
    ],
)
def test_a_senseless_option_gets_a_sentence(make, words):
    with pytest.raises(ValueError) as problem:
        make()
    assert words in str(problem.value)


@pytest.mark.parametrize(
    "layer, shape, words",
    [
        (Conv2D(2, 5), (4, 9, 1), "windows of (5, 5) pixels do not fit on images of (4, 9)"),
        (Conv2D(2, 3, groups=2), (4, 4, 3), "2 groups cannot share 3 channels"),
        (Conv2D(2, 3), (784,), "expects (N, H, W, C); got (N, 784)"),
        (Conv2DTranspose(2, 2, padding=1), (1, 3, 1), "leaves nothing of (1, 3)"),
    ],
)
def test_an_image_that_does_not_fit_gets_a_sentence(layer, shape, words):
    with pytest.raises(ShapeError) as problem:
        layer.build(shape, 0)
    assert words in str(problem.value)


def test_channels_first_gets_the_repair():
    conv = built(Conv2D(2, 3), (28, 28, 3))
    with pytest.raises(ShapeError, match=r"x\.transpose\(0, 2, 3, 1\)"):
        conv(np.zeros((1, 3, 28, 28), "float32"))
