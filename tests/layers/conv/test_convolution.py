"""Convolutions: compared with their plain forms, and each as the transpose of the other."""

import itertools

import numpy as np
import pytest
from cases import built

from scratchnet.backend import float64
from scratchnet.layers import (
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    MaxPooling2D,
    ReLU,
    Sequential,
    ShapeError,
    Sigmoid,
    UpSampling2D,
    ZeroPadding2D,
    plain,
)
from scratchnet.layers.conv import fast_paths
from scratchnet.layers.conv.fast_paths import (
    choose_path,
    convolve,
    convolve_transposed,
    kernel_gradient,
)
from scratchnet.layers.conv.im2col import Windows, add_patches, patches
from scratchnet.layers.conv.space_to_depth import depth_to_space, space_to_depth

GEOMETRIES = [
    Windows((5, 7), kernel_size, strides, dilation_rate, padding)
    for kernel_size, strides, dilation_rate, padding in itertools.product(
        [(3, 2), (1, 4)],
        [(1, 1), (2, 3), (1, 2)],
        [(1, 1), (2, 1)],
        [((0, 0), (0, 0)), ((1, 0), (0, 2)), ((3, 2), (1, 4))],
    )
]
each_geometry = pytest.mark.parametrize("win", GEOMETRIES, ids=str)


def normal(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape)


def plain_convolve(x, W, win):
    """`conv2d` with what it has no option for: padding, dilation and a stride for each axis."""
    (sh, sw), (dh, dw) = win.strides, win.dilation_rate
    kernel = np.zeros((*win.effective_kernel, *W.shape[2:]))
    kernel[::dh, ::dw] = W
    return plain.conv2d(np.pad(x, ((0, 0), *win.padding, (0, 0))), kernel, 0)[:, ::sh, ::sw]


def operands(win, c, f):
    """x, W and dy."""
    shapes = (2, *win.image_size, c), (*win.kernel_size, c, f), (2, *win.output_size, f)
    return [normal(*shape) for shape in shapes]


# -------------------------------------------------------------------------- patches and products


@each_geometry
@pytest.mark.parametrize("c", [3, 5])  # copied by columns, and by rows
def test_add_patches_is_the_transpose_of_patches(win, c):
    x, rows = normal(2, *win.image_size, c), normal(2, *win.output_size, *win.kernel_size, c)
    rows = rows.reshape(-1, c * win.kernel_size[0] * win.kernel_size[1])
    back = add_patches(rows, win)
    assert patches(x, win).shape == rows.shape and back.shape == x.shape
    np.testing.assert_allclose((patches(x, win) * rows).sum(), (x * back).sum(), rtol=1e-10)


@each_geometry
@pytest.mark.parametrize("c, f", [(1, 3), (6, 2), (5, 5)])  # few channels, fewer filters, equal
def test_convolve_is_the_plain_convolution(win, c, f):
    x, W, _ = operands(win, c, f)
    np.testing.assert_allclose(convolve(x, W, win), plain_convolve(x, W, win), atol=1e-12)


@each_geometry
@pytest.mark.parametrize("c, f", [(1, 3), (6, 2), (5, 5)])
def test_the_gradients_are_the_transposes_of_the_plain_convolution(win, c, f):
    """The sum of conv(x, W) * dy is linear in x and in W, so dx and dW give the same number."""
    x, W, dy = operands(win, c, f)
    expected = (plain_convolve(x, W, win) * dy).sum()
    dx, dW = convolve_transposed(dy, W, win), kernel_gradient(x, dy, win)
    assert dx.shape == x.shape and dW.shape == W.shape
    np.testing.assert_allclose([(x * dx).sum(), (W * dW).sum()], expected, rtol=1e-10)


@pytest.mark.parametrize("function", [convolve, convolve_transposed, kernel_gradient])
@pytest.mark.parametrize("c, f", [(5, 5), (6, 2), (2, 6)])
def test_a_batch_in_chunks_gives_the_numbers_of_the_whole_batch(function, c, f, monkeypatch):
    win = Windows((5, 7), (3, 2), padding=((1, 1), (0, 1)))
    x, W, dy = operands(win, c, f)
    arguments = {convolve: (x, W), convolve_transposed: (dy, W), kernel_gradient: (x, dy)}[function]
    whole = function(*arguments, win)
    monkeypatch.setattr(fast_paths, "CHUNK", 1)  # an image at a time
    np.testing.assert_allclose(function(*arguments, win), whole, atol=1e-12)


STRIDE_1 = Windows((8, 8), (3, 3), padding=((1, 1), (1, 1)))
STRIDE_2 = Windows((8, 8), (4, 4), (2, 2), padding=((1, 1), (1, 1)))
DILATED = Windows((8, 8), (3, 3), (2, 2), (2, 2))
MUCH_PADDING = Windows((8, 8), (3, 3), padding=((3, 3), (3, 3)))


@pytest.mark.parametrize(
    "operation, win, c, f, cpu, path",
    [
        ("convolve", STRIDE_1, 5, 4, True, "transposed"),
        ("convolve", STRIDE_1, 5, 4, False, "direct"),
        ("convolve", STRIDE_1, 4, 4, True, "direct"),
        ("convolve", STRIDE_1, 5, 5, True, "direct"),
        ("convolve", STRIDE_2, 5, 4, True, "direct"),
        ("convolve_transposed", STRIDE_2, 1, 8, True, "space_to_depth"),
        ("convolve_transposed", STRIDE_1, 5, 8, True, "transposed"),
        ("convolve_transposed", STRIDE_1, 4, 8, True, "direct"),
        ("convolve_transposed", STRIDE_1, 4, 8, False, "transposed"),
        ("convolve_transposed", DILATED, 5, 8, True, "entries"),
        ("convolve_transposed", DILATED, 4, 8, True, "direct"),
        ("convolve_transposed", MUCH_PADDING, 5, 8, True, "entries"),
        ("kernel_gradient", STRIDE_1, 5, 4, True, "transposed"),
        ("kernel_gradient", STRIDE_1, 5, 5, True, "direct"),
        ("kernel_gradient", MUCH_PADDING, 5, 4, True, "direct"),
    ],
)
def test_each_case_of_the_table_takes_its_path(operation, win, c, f, cpu, path):
    assert choose_path(operation, win, c, f, cpu) == path


def test_depth_to_space_is_the_transpose_of_space_to_depth():
    x, y = normal(2, 5, 7, 3), normal(2, 3, 2, 6 * 3)
    blocks = space_to_depth(x, (3, 2), (2, 3), (1, 0))  # drops a column that no block covers
    back = depth_to_space(y, (5, 7), (2, 3), (1, 0))
    np.testing.assert_allclose((blocks * y).sum(), (x * back).sum())


# ------------------------------------------------------------------------------------ the layers


@pytest.mark.parametrize("strides", [1, 2, (2, 3)])
@pytest.mark.parametrize("padding", ["valid", "same", ((1, 0), (0, 2))])
def test_a_transposed_convolution_is_the_transpose_of_the_convolution(strides, padding):
    """The sum of conv(x) * y equals the sum of x * conv_transpose(y), for one W."""
    with float64():
        conv = built(Conv2D(3, (3, 2), strides, padding, use_bias=False), (6, 9, 2))
        y = normal(4, *conv.output_shape)
        extra = 0 if padding == "same" else (conv.windows.image_size[0] - 6, 0)
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


def test_the_filters_of_a_group_use_its_channels_only():
    conv = built(Conv2D(4, 2, groups=2), (3, 3, 6))
    x = np.zeros((1, 3, 3, 6), "float32")
    x[..., :3] = 1  # the first group
    y = conv(x)
    assert (y[..., :2] != 0).all() and (y[..., 2:] == 0).all()


def test_the_transposed_autoencoder_has_185217_parameters():
    def conv(f):
        return Conv2D(f, 3, padding="same")

    def transpose(f):
        return Conv2DTranspose(f, 3, padding="same")

    down = [conv(32), ReLU(), MaxPooling2D(), conv(64), ReLU(), MaxPooling2D(), conv(128), ReLU()]
    up = [transpose(64), ReLU(), UpSampling2D(), transpose(32), ReLU(), UpSampling2D()]
    model = built(Sequential([*down, *up, transpose(1), Sigmoid()]), (28, 28, 1))
    assert model.n_parameters == 185_217
    assert model.output_shape == (28, 28, 1)


# -------------------------------------------------------------------------------- error messages


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Conv2D(0, 3), "filters >= 1"),
        (lambda: Conv2D(2, (3, 3, 3)), "kernel_size as one number or two"),
        (lambda: Conv2D(2, 3, padding="full"), "unknown padding of Conv2D 'full'"),
        (lambda: Conv2D(2, 3, padding=-1), 'padding as "valid", "same", an integer, (rows'),
        (lambda: Conv2D(2, 3, padding=((1, 2), (3, -1))), "integers >= 0; got ((1, 2), (3, -1))"),
        (lambda: Conv2D(3, 3, groups=2), "filters that are a multiple of groups=2; got 3"),
        (lambda: Conv2DTranspose(2, 3, 2, output_padding="same"), "output_padding as one or two"),
        (lambda: Conv2DTranspose(2, 3, 2, output_padding=((1, 0), (1, 0))), "integers >= 0; got"),
        (lambda: ZeroPadding2D("same"), "padding as an integer, (rows, columns) or"),
        (lambda: Cropping2D("same"), "cropping as an integer, (rows, columns) or"),
        (lambda: Conv2DTranspose(2, 3, 2, output_padding=2), "less than its strides"),
        (lambda: Conv2DTranspose(2, 3, 2, "same", (1, 2)), "less than its strides"),
    ],
)
def test_an_invalid_option_raises_an_error_that_names_it(make, words):
    with pytest.raises(ValueError) as problem:
        make()
    assert words in str(problem.value)


@pytest.mark.parametrize(
    "layer, shape, words",
    [
        (Conv2D(2, 5), (4, 9, 1), "a window of (5, 5) pixels does not fit on images of (4, 9)"),
        (Conv2D(2, 3, groups=2), (4, 4, 3), "channels that are a multiple of groups=2; got 3"),
        (Conv2D(2, 3), (784,), "expects (N, H, W, C); got (N, 784)"),
        (
            Conv2DTranspose(2, 2, padding=1),
            (1, 3, 1),
            "leaves at least a pixel of y; got ((1, 1), (1, 1))",
        ),
    ],
)
def test_images_that_do_not_fit_raise_an_error(layer, shape, words):
    with pytest.raises(ShapeError) as problem:
        layer.build(shape, 0)
    assert words in str(problem.value)


def test_channels_first_images_raise_an_error_that_names_the_repair():
    conv = built(Conv2D(2, 3), (28, 28, 3))
    with pytest.raises(ShapeError, match=r"x\.transpose\(0, 2, 3, 1\)"):
        conv(np.zeros((1, 3, 28, 28), "float32"))
