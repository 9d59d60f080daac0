"""Layers as data, and their forward and backward in the page."""

import numpy as np
import pytest
from browser import check_page, needs_browser
from page_data import data_of

from scratchnet.layers import (
    ELU,
    GELU,
    SELU,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    LeakyReLU,
    ReLU,
    Reshape,
    Sequential,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
from scratchnet.losses import BinaryCrossEntropy, MeanSquaredError, SoftmaxCrossEntropy
from scratchnet.pages.latent import latent_page
from scratchnet.pages.network import describe, numbers, plain_layers
from scratchnet.pages.step import step_page

ACTIVATIONS = [
    *(ReLU(), LeakyReLU(0.2), ELU(0.7), SELU(), GELU(), GELU(approximate=True)),
    *(Softplus(), Sigmoid(), Tanh(), Softmax()),
]


def built(layers, shape, seed=0):
    model = Sequential(layers)
    model.build(shape, seed)
    return model


def test_weights_are_those_of_the_model():
    model = built([Flatten(), Dense(3), ReLU(), Dropout(0.5), Dense(2, use_bias=False)], (2, 2))
    first, relu, last = describe(model)
    np.testing.assert_array_equal(first["W"], model.layers[1].W)
    np.testing.assert_array_equal(first["b"], model.layers[1].b)
    assert relu == {"kind": "ReLU"} and last["b"] is None


def test_batch_normalization_is_a_scale_and_a_shift(rng):
    for shape in ((3,), (2, 2, 3)):
        layer = BatchNormalization()
        layer.build(shape, 0)
        layer.gamma, layer.beta = rng.uniform(0.5, 2, (2, 3)).astype("float32")
        layer.state["moving_mean"][...] = rng.standard_normal(3)
        layer.state["moving_variance"][...] = rng.uniform(0.5, 2, 3)
        x = rng.standard_normal((4, *shape)).astype("float32")
        (described,) = describe(layer)
        y = x.reshape(4, -1) * described["scale"] + described["shift"]
        np.testing.assert_allclose(y, layer(x).reshape(4, -1), atol=1e-6)


def test_layers_of_inner_models_are_listed_in_order():
    inner = Sequential([Dense(2), Reshape((1, 2))])
    assert [type(layer) for layer in plain_layers(Sequential([inner, Tanh()]))] == [Dense, Tanh]


def test_other_layers_are_refused_with_the_supported_ones():
    model = built([Conv2D(2, 3)], (8, 8, 1))
    with pytest.raises(ValueError, match="the page expects the layers Dense, .*; got Conv2D"):
        describe(model, "the page")
    with pytest.raises(ValueError, match="not built yet"):
        describe(Dense(2))
    with pytest.raises(ValueError, match="got Softmax"):
        describe(Softmax(axis=2))


def test_numbers_are_exact():
    assert numbers(np.float32([0.1])) == [float(np.float32(0.1))]


@needs_browser
@pytest.mark.parametrize("part", [slice(0, 5), slice(5, 10)])
def test_forward_and_backward_equal_those_of_numpy(part, tmp_path, rng):
    """Numbers of several activations, with a Dense layer of weights near 1 before each."""
    layers = [layer for activation in ACTIVATIONS[part] for layer in (Dense(4), activation)]
    model = built(layers, (4,))
    for layer in layers[::2]:
        layer.W = 1.5 * np.eye(4, dtype="float32") + 0.3 * rng.standard_normal((4, 4))
    x = 2 * rng.standard_normal((8, 4)).astype("float32")
    path = step_page(model, tmp_path / "step.html", x=x, t=rng.uniform(size=(8, 4)))
    assert check_page(path).check["count"] > 1000
    first = [np.abs(step["backward"][1]["dx"]).max() for step in data_of(path)["check"]]
    assert max(first) > 1e-3  # the gradient reaches the first activation


@needs_browser
@pytest.mark.parametrize(
    "loss, t",
    [
        (MeanSquaredError(), np.array([[0.5, -1.0], [2.0, 0.0]])),
        (MeanSquaredError(reduction="per_sample"), np.array([[0.5, -1.0], [2.0, 0.0]])),
        (BinaryCrossEntropy(from_logits=True), np.array([[0.5, 1.0], [0.0, 0.2]])),
        (SoftmaxCrossEntropy(), np.array([1, 0])),
        (SoftmaxCrossEntropy(), np.array([[0.25, 0.75], [1.0, 0.0]])),
    ],
)
def test_losses_equal_those_of_numpy(loss, t, tmp_path, rng):
    model = built([Dense(2)], (3,))
    x = rng.standard_normal((2, 3)).astype("float32")
    check_page(step_page(model, tmp_path / "step.html", x=x, t=t, loss=loss))


@needs_browser
def test_a_loss_of_probabilities_equals_that_of_numpy(tmp_path, rng):
    model = built([Dense(2), Sigmoid()], (3,))
    x, t = rng.standard_normal((2, 3)), rng.uniform(size=(2, 2))
    check_page(step_page(model, tmp_path / "step.html", x=x, t=t, loss=BinaryCrossEntropy()))


@needs_browser
def test_the_inference_mode_of_a_whole_autoencoder(tmp_path, rng):
    encoder = built([Flatten(), Dense(6), BatchNormalization(), ELU(), Dense(3)], (4, 4, 1))
    encoder.layers[2].state["moving_mean"][...] = rng.standard_normal(6)
    decoder = built([Dense(6), Dropout(0.5), GELU(), Dense(16), Reshape((4, 4, 1))], (3,))
    check_page(latent_page((encoder, decoder), tmp_path / "latent.html"))
