"""Poolings, their indices, and the layers that enlarge an image again."""

import numpy as np
import pytest
from cases import built

from scratchnet.backend import float64
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import (
    AveragePooling2D,
    Conv2D,
    Cropping2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
    MaxUnpooling2D,
    ShapeError,
    UnpoolingBlock,
    UpSampling2D,
)

X = np.random.default_rng(1).standard_normal((2, 5, 7, 3))


@pytest.fixture(autouse=True)
def double_precision():
    with float64():
        yield


def test_padding_is_never_the_maximum():
    y = built(MaxPooling2D(3, 1, "same"), (5, 7, 3))(-np.abs(X) - 1)
    assert (y < 0).all()


def test_of_equal_numbers_the_first_gets_the_gradient():
    pool = built(MaxPooling2D((2, 3)), (2, 3, 1))
    _, cache = pool.forward(np.ones((1, 2, 3, 1)))
    dx, _ = pool.backward(np.full((1, 1, 1, 1), 5.0), cache)
    np.testing.assert_array_equal(dx[0, ..., 0], [[5, 0, 0], [0, 0, 0]])


def test_overlapping_windows_of_a_constant_image_keep_the_sum_of_the_gradient():
    pool = built(MaxPooling2D(3, 1, "same"), (5, 7, 3))
    y, cache = pool.forward(np.zeros_like(X))
    dx, _ = pool.backward(np.ones_like(y), cache)
    assert dx.sum() == y.size


@pytest.mark.parametrize("options", [{}, {"padding": "same"}, {"pool_size": (3, 2), "padding": 1}])
def test_an_index_is_the_place_of_the_maximum_in_the_unpadded_image(options):
    pool = built(MaxPooling2D(**options, return_indices=True), (5, 7, 3))
    y, indices = pool(X)
    flat = X.reshape(2, 35, 1, 3)
    assert indices.dtype == np.int64 and indices.shape == y.shape
    found = np.take_along_axis(flat, indices.reshape(2, -1, 1, 3), axis=1)
    np.testing.assert_array_equal(found.reshape(y.shape), y)


def test_unpooling_puts_each_number_back_and_zeros_elsewhere():
    pair = built(MaxPooling2D(2, return_indices=True), (5, 7, 3))(X)
    y = built(MaxUnpooling2D(2, output_size=(5, 7)), (2, 3, 3))(pair)
    assert y.shape == X.shape
    np.testing.assert_array_equal(y[y != 0], X[y != 0])
    assert (y != 0).sum() == pair[0].size


def test_without_an_output_size_unpooling_loses_the_pixels_that_no_window_covered():
    assert built(MaxUnpooling2D(2), (2, 3, 3)).output_shape == (4, 6, 3)
    assert built(MaxUnpooling2D((2, 1), (3, 2)), (2, 3, 3)).output_shape == (5, 5, 3)


def test_unpooling_passes_the_gradient_check_for_fixed_indices():
    pair = built(MaxPooling2D(2, return_indices=True), (5, 7, 3))(X)
    report = gradcheck(built(MaxUnpooling2D(2, output_size=(5, 7)), (2, 3, 3)), pair)
    assert report.ok, f"\n{report}"


def test_nested_blocks_keep_every_size_and_train_the_inner_layer():
    conv = Conv2D(3, 3, padding="same")
    block = built(UnpoolingBlock(UnpoolingBlock(conv)), (5, 7, 3))
    report = gradcheck(block, X)
    assert block.output_shape == (5, 7, 3)
    assert {row.name for row in report.rows} == {"x", "inner/inner/W", "inner/inner/b"}
    assert report.ok, f"\n{report}"


def test_an_average_does_not_count_padding():
    y = built(AveragePooling2D(3, 1, "same"), (5, 7, 3))(np.ones_like(X))
    np.testing.assert_allclose(y, 1)


def test_the_gradient_of_an_upsampled_pixel_is_the_sum_over_its_copies():
    up = built(UpSampling2D((2, 3)), (5, 7, 3))
    y, cache = up.forward(X)
    dx, _ = up.backward(np.ones_like(y), cache)
    np.testing.assert_array_equal(dx, np.full_like(X, 6))


def test_a_bilinear_enlargement_of_a_constant_is_constant():
    y = built(UpSampling2D(3, "bilinear"), (5, 7, 3))(np.full_like(X, 2))
    np.testing.assert_allclose(y, 2)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: MaxPooling2D(2, padding=2), "padding smaller than pool_size (2, 2)"),
        (lambda: MaxUnpooling2D(3, 2), "windows that do not overlap"),
        (lambda: UpSampling2D(2, "cubic"), "unknown interpolation 'cubic'"),
        (lambda: UpSampling2D(1.5), "size >= 1; got 1.5"),
        (lambda: UnpoolingBlock(3), "expects a layer or None; got 3"),
    ],
)
def test_an_invalid_option_raises_an_error_that_names_it(make, words):
    with pytest.raises((ValueError, TypeError)) as problem:
        make()
    assert words in str(problem.value)


@pytest.mark.parametrize(
    "layer, words",
    [
        (Cropping2D((3, 0)), "leaves at least a pixel; got ((3, 3), (0, 0)) on images of (5, 7)"),
        (GlobalAveragePooling2D(), None),
        (UnpoolingBlock(Conv2D(2, 1)), "the shape of the indices; got (N, 2, 3, 2)"),
    ],
)
def test_images_that_do_not_fit_raise_an_error(layer, words):
    if words is None:
        shape, words = (7,), "expects (N, H, W, C); got (N, 7)"
    else:
        shape = (5, 7, 3)
    with pytest.raises(ShapeError) as problem:
        layer.build(shape, 0)
    assert words in str(problem.value)


def test_unpooling_without_indices_raises_an_error():
    unpool = built(MaxUnpooling2D(2), (2, 3, 3))
    x = np.zeros((1, 2, 3, 3))
    with pytest.raises(TypeError, match=r"the pair \(x, indices\)"):
        unpool(x)
    with pytest.raises(ShapeError, match="expects an array of integer indices of shape"):
        unpool((x, x))


@pytest.mark.parametrize("size", [1, 2, 3, 12])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_without_nan_the_paths_for_windows_that_do_not_overlap_give_the_same_bits(size, padding):
    """A sample of NaN selects the general path for the whole batch; entries of equal value too."""
    x = np.random.default_rng(0).integers(0, 3, (2, 13, 26, 3)).astype("float64")
    with_nan = np.concatenate([x, np.full_like(x[:1], np.nan)])
    layer = MaxPooling2D(size, padding=padding, return_indices=True)
    layer.build(x.shape[1:], 0)
    (y, indices), cache = layer.forward(x)
    (_, general_indices), general_cache = layer.forward(with_nan)
    dy = np.random.default_rng(1).standard_normal((3, *y.shape[1:]))
    assert (indices == general_indices[:2]).all()
    dx, general_dx = layer.backward(dy[:2], cache)[0], layer.backward(dy, general_cache)[0]
    assert (dx == general_dx[:2]).all()


def test_the_first_of_equal_global_maxima_gets_the_gradient():
    layer = GlobalMaxPooling2D()
    layer.build((2, 3, 2), 0)
    x = np.zeros((1, 2, 3, 2), "float32")
    x[0, 0, 2, 0] = x[0, 1, 0, 0] = 5
    y, cache = layer.forward(x)
    np.testing.assert_array_equal(y, [[5, 0]])
    dx, _ = layer.backward(np.array([[3, 7]], "float32"), cache)
    expected = np.zeros_like(x)
    expected[0, 0, 2, 0], expected[0, 0, 0, 1] = 3, 7
    np.testing.assert_array_equal(dx, expected)


def test_nan_is_the_global_maximum_and_gets_the_gradient():
    layer = GlobalMaxPooling2D()
    layer.build((2, 2, 1), 0)
    x = np.array([1, np.nan, 7, 3], "float32").reshape(1, 2, 2, 1)
    y, cache = layer.forward(x)
    assert np.isnan(y).all()
    np.testing.assert_array_equal(layer.backward(np.ones_like(y), cache)[0].ravel(), [0, 1, 0, 0])
