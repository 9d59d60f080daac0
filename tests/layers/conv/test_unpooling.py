"""Unpooling: indices are valid for the image they were made from; NaN and -inf as in PyTorch."""

import numpy as np
import pytest
from refusals import f32, model_of, refused

from scratchnet.layers import (
    AveragePooling2D,
    MaxPooling2D,
    MaxUnpooling2D,
    Sequential,
    UnpoolingBlock,
)

RNG = np.random.default_rng(0)


NINE = f32(np.zeros((2, 5, 5, 1)))
NINE[0, 3, 3], NINE[0, 0, 0], NINE[0, 0, 2], NINE[0, 2, 0] = 9, 1, 2, 3
NINE[1, 0, 0], NINE[1, 0, 2], NINE[1, 2, 0], NINE[1, 2, 2] = 4, 5, 6, 7


def pool_then_unpool(shape, pool=2, **options):
    layers = [MaxPooling2D(pool, return_indices=True), MaxUnpooling2D(pool, **options)]
    return model_of(layers, shape)


def put_back(x, pool=2):
    """Zeros, and each window's maximum (the first) in its place: by hand."""
    y = np.zeros_like(x)
    n, h, w, c = x.shape
    for i, a, b, k in np.ndindex(n, h // pool, w // pool, c):
        rows, columns = slice(a * pool, (a + 1) * pool), slice(b * pool, (b + 1) * pool)
        window = x[i, rows, columns, k]
        r, s = np.unravel_index(window.argmax(), window.shape)
        y[i, a * pool + r, b * pool + s, k] = window[r, s]
    return y


def test_unpooling_to_another_size_is_refused_with_the_size_to_give():
    model = pool_then_unpool((5, 5, 1))
    refused(lambda: model(NINE), "indices", r"output_size", error=ValueError)


def test_unpooling_an_odd_picture_to_its_own_size_puts_every_number_in_its_place():
    model = pool_then_unpool((5, 5, 1), output_size=(5, 5))
    np.testing.assert_array_equal(model(NINE), put_back(NINE))
    y, cache = model.forward(NINE, train=True)
    dy = f32(RNG.standard_normal(y.shape))
    dx, _ = model.backward(dy, cache)
    np.testing.assert_array_equal(dx, dy * (put_back(NINE) != 0))  # all maxima are positive


@pytest.mark.parametrize("shape", [(5, 5, 2), (7, 4, 3), (4, 7, 1), (9, 3, 2), (6, 6, 1)])
def test_an_unpooling_block_puts_back_the_values_for_odd_sizes(shape):
    x = f32(RNG.random((3, *shape)))
    np.testing.assert_array_equal(model_of([UnpoolingBlock()], shape)(x), put_back(x))


@pytest.mark.parametrize("shape", [(4, 5, 1), (4, 7, 2)])
def test_an_odd_width_alone_is_refused(shape):
    x = f32(RNG.random((2, *shape)))
    refused(lambda: pool_then_unpool(shape)(x), "indices", "output_size", error=ValueError)


def test_an_odd_height_alone_loses_a_row_and_nothing_else():
    x = f32(RNG.random((2, 5, 4, 2)))
    np.testing.assert_array_equal(pool_then_unpool((5, 4, 2))(x), put_back(x)[:, :4])


def unpool(indices, shape=(2, 2, 2, 1), **options):
    layer = MaxUnpooling2D(2, **options)
    Sequential([layer]).build(shape[1:], 0)
    return layer((f32(np.ones(shape)), indices))


WRONG = {
    "negative": np.full((2, 2, 2, 1), -1),
    "in the next picture": np.full((2, 2, 2, 1), 16),
    "beyond all pictures": np.full((2, 2, 2, 1), 99),
    "in another window": np.array([[0, 1], [8, 10]]).reshape(1, 2, 2, 1).repeat(2, axis=0),
    "one place twice": np.zeros((2, 2, 2, 1), int),
}


@pytest.mark.parametrize("indices", WRONG.values(), ids=WRONG)
def test_indices_that_no_pooling_gave_are_refused(indices):
    refused(lambda: unpool(indices), "MaxUnpooling2D", "indices", error=ValueError)


def test_right_indices_are_taken():
    indices = np.array([[0, 3], [8, 15]]).reshape(1, 2, 2, 1).repeat(2, axis=0)
    y = unpool(indices)
    assert y.sum() == 8 and (y[:, [0, 0, 2, 3], [0, 3, 0, 3], 0] == 1).all()


def test_indices_of_a_larger_picture_are_refused():
    x = f32(RNG.random((2, 8, 8, 1)))
    p, indices = model_of([MaxPooling2D(2, return_indices=True)], (8, 8, 1))(x)
    layer = MaxUnpooling2D(2, output_size=(10, 10))  # the right number of windows, another width
    layer.build((4, 4, 1), 0)
    refused(lambda: layer((p, indices)), "indices", "output_size", error=ValueError)


def test_a_list_of_indices_is_refused():
    refused(lambda: unpool([[0]]), "indices", "integer|array")


def test_a_window_with_nan_is_nan_and_its_index_is_that_of_the_nan():
    x = f32(np.arange(8).reshape(1, 2, 4, 1))
    x[0, 0, 1] = np.nan
    y, indices = model_of([MaxPooling2D(2, return_indices=True)], (2, 4, 1))(x)
    np.testing.assert_array_equal(y[0, 0, :, 0], [np.nan, 7])
    np.testing.assert_array_equal(indices[0, 0, :, 0], [1, 7])


def test_the_gradient_of_a_nan_goes_to_the_nan():
    x = f32(np.arange(8).reshape(1, 2, 4, 1))
    x[0, 0, 1] = np.nan
    layer = MaxPooling2D(2)
    layer.build((2, 4, 1), 0)
    y, cache = layer.forward(x, train=True)
    dx, _ = layer.backward(np.ones_like(y), cache)
    np.testing.assert_array_equal(dx[0, :, :, 0], [[0, 1, 0, 0], [0, 0, 0, 1]])


def test_the_last_of_several_nan_wins_as_in_pytorch():
    x = f32(np.full((1, 2, 2, 1), np.nan))
    _, indices = model_of([MaxPooling2D(2, return_indices=True)], (2, 2, 1))(x)
    assert indices.item() == 3


OVERLAPPING = {
    "valid": dict(pool_size=2),
    "same": dict(pool_size=3, strides=2, padding="same"),
    "padding 1": dict(pool_size=3, strides=2, padding=1),
}


@pytest.mark.parametrize("options", OVERLAPPING.values(), ids=OVERLAPPING)
def test_a_window_of_minus_infinity_points_into_the_picture(options):
    x = f32(np.full((1, 4, 4, 1), -np.inf))
    layer = MaxPooling2D(return_indices=True, **options)
    layer.build((4, 4, 1), 0)
    (y, indices), cache = layer.forward(x, train=True)
    top = [max(0, 2 * i - int(options.get("padding") == 1)) for i in (0, 1)]
    first = [[4 * r + c for c in top] for r in top]  # the first pixel of each window
    assert (y == -np.inf).all()
    np.testing.assert_array_equal(indices[0, :, :, 0], first)
    dx, _ = layer.backward(np.ones_like(y), cache)
    assert dx.sum() == 4  # nothing is lost in the padding
    assert (dx.reshape(-1)[np.ravel(first)] >= 1).all()


def test_the_mean_of_a_window_with_nan_is_nan_and_others_stay():
    x = f32(np.arange(8).reshape(1, 2, 4, 1))
    x[0, 0, 1] = np.nan
    y = model_of([AveragePooling2D(2)], (2, 4, 1))(x)
    np.testing.assert_array_equal(y[0, 0, :, 0], [np.nan, 4.5])
