"""Shapes of images, and examples as bytes."""

import base64

import numpy as np
import pytest

from scratchnet.pages.images import example_images, image_shape_of


@pytest.mark.parametrize(
    "shapes, given, expected",
    [
        ([(64,)], None, (8, 8)),
        ([(6,)], None, (1, 6)),
        ([(6,)], (2, 3), (2, 3)),
        ([(28, 20, 1), (560,)], None, (28, 20)),
        ([(4, 5)], None, (4, 5)),
    ],
)
def test_the_shape_of_the_images(shapes, given, expected):
    assert image_shape_of(shapes, given) == expected


@pytest.mark.parametrize(
    "shapes, given, message",
    [
        ([(64,), (16,)], None, "one input size; got"),
        ([(8, 8, 3)], None, "gray images"),
        ([(64,)], (8, 7), "pass image_shape"),
    ],
)
def test_shapes_that_do_not_fit(shapes, given, message):
    with pytest.raises(ValueError, match=message):
        image_shape_of(shapes, given)


def test_examples_are_taken_from_all_classes_by_turns(rng):
    x = rng.uniform(-1, 2, (50, 9)).astype("float32")
    labels = [0] * 40 + [1] * 10
    found = example_images(x, labels)
    assert found["labels"] == ["0", "1"] * 10
    got = np.frombuffer(base64.b64decode(found["bytes"]), "u1").reshape(20, 9)
    values = found["low"] + (found["high"] - found["low"]) * got / 255
    np.testing.assert_allclose(values[1], x[40], atol=0.007)


def test_bits_are_exact_and_large_images_are_few():
    found = example_images(np.eye(3))
    assert np.frombuffer(base64.b64decode(found["bytes"]), "u1").reshape(3, 3).max() == 255
    assert len(base64.b64decode(example_images(np.zeros((30, 5000)))["bytes"])) == 4 * 5000
    assert example_images(None) is None and example_images(np.zeros((0, 4))) is None
