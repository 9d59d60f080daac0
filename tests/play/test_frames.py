"""Numbers of a frame, compared with a loop by hand."""

import numpy as np
import pytest

from scratchnet.play.frames import EDGE, grid, seen, unit_numbers
from scratchnet.play.network import LayerSpec, Settings, make_network
from scratchnet.play.points import Points, built_in


@pytest.fixture(scope="module")
def frame():
    network = make_network(Settings(), 2)
    return network, seen(network, built_in("xor"))


def test_the_map_begins_at_the_top_left():
    assert grid(3)[0].tolist() == [-EDGE, EDGE]
    assert grid(3)[5].tolist() == [EDGE, 0]


def test_activations_are_those_of_the_model_on_the_map(frame):
    network, found = frame
    dense, tanh = network.model.layers[:2]
    y = tanh(dense(grid(60))).reshape(60, 60, 8)[::2, ::2]
    assert [layer["maps"].shape for layer in found["layers"]] == [(8, 30, 30)] * 2 + [(1, 30, 30)]
    np.testing.assert_array_equal(found["layers"][0]["maps"][3], y[:, :, 3])


def test_regions_hold_class_and_confidence(frame):
    network, found = frame
    p = 1 / (1 + np.exp(-network.model(grid(60)).astype("float64")[:, 0]))
    expected = np.where(p > 0.5, 1, 0) + 0.999 * np.abs(2 * p - 1)
    np.testing.assert_allclose(found["regions"].ravel(), expected, atol=1e-5)


def test_loss_and_accuracy_are_those_of_all_points(frame):
    network, found = frame
    points = built_in("xor")
    z = network.model(points.x).astype("float64")[:, 0]
    p = np.where(points.c == 1, 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(z)))
    assert found["loss"] == pytest.approx(-np.log(p).mean(), rel=1e-5)
    assert found["accuracy"] == pytest.approx((p > 0.5).mean())


def test_gradients_are_the_mean_sizes_of_finite_differences():
    network = make_network(Settings(layers=(LayerSpec(units=3),)), 2)
    network.model = network.model.astype("float64")
    points = built_in("xor", n=20)
    points = Points(points.x.astype("float64"), points.c, points.classes)
    dense, tanh, output = network.model.layers
    y, e = tanh(dense(points.x)), 1e-5  # (20, 3)

    def loss(y):
        return network.loss.forward(output(y), network.encoded(points.c).astype("float64"))[0]

    expected = np.zeros_like(y)
    for place in np.ndindex(y.shape):
        d = np.zeros_like(y)
        d[place] = e
        expected[place] = (loss(y + d) - loss(y - d)) / (2 * e)
    network.encoded = lambda c: c[:, None].astype("float64")
    _, units = unit_numbers(network, points)
    np.testing.assert_allclose(units[0][0], np.abs(expected).mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(units[0][1], np.stack([y.min(0), y.max(0)], axis=1))


def test_without_points_there_is_no_loss_and_no_gradient():
    found = seen(make_network(Settings(), 2), Points.empty())
    assert "loss" not in found
    assert (found["layers"][0]["gradient"] == 0).all()
