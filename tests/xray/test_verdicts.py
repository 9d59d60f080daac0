"""Sentences about an X-ray: each fault is recognized, and a healthy network has none."""

import numpy as np
import pytest

from scratchnet.layers import LSTM, Dense, ReLU, Sequential, Sigmoid, SimpleRNN, Tanh
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import SGD, Adam, ClipByGlobalNorm
from scratchnet.training import fit
from scratchnet.xray import xray

RNG = np.random.default_rng(0)
X = RNG.normal(size=(512, 20)).astype("float32")
T = (X[:, :1] * X[:, 1:2]).astype("float32")
FINE = "No fault found"


@pytest.fixture(autouse=True)
def every_step(monkeypatch):
    """Sampling depends on the load of the machine."""
    monkeypatch.setattr("scratchnet.xray.recorder.SHARE", float("inf"))


def deep(activation, initializer, depth=10):
    hidden = [layer for _ in range(depth - 1) for layer in (Dense(32, initializer), activation())]
    model = Sequential([*hidden, Dense(1)])
    model.build((20,), 0)
    return model


def trained(model, optimizer, epochs=5):
    with xray(model) as seen:
        fit(model, X, T, loss=MeanSquaredError(), optimizer=optimizer, epochs=epochs, verbose=False)
    return seen.verdicts()


def test_a_vanishing_gradient_is_recognized_in_a_batch_and_in_training():
    model = deep(Sigmoid, "glorot_uniform")
    (sentence,) = xray(model, X[:64], T[:64], MeanSquaredError()).verdicts()
    assert sentence.startswith("The gradient vanishes: its norm is ")
    assert " in dense_9 and " in sentence
    assert any("vanishes" in sentence for sentence in trained(model, Adam()))


@pytest.mark.parametrize("depth", [2, 10])
def test_a_relu_network_with_he_weights_has_no_fault(depth):
    model = deep(ReLU, "he_normal", depth)
    assert xray(model, X[:64], T[:64], MeanSquaredError()).verdicts()[0].startswith(FINE)
    assert trained(model, Adam())[0].startswith(FINE)


def test_dead_units_are_counted_and_not_called_vanishing():
    model = deep(ReLU, "he_normal", 3)
    model.layers[2].b = np.full(32, -100, "float32")  # before the second ReLU
    sentences = xray(model, X[:64], T[:64], MeanSquaredError()).verdicts()
    assert sentences == [
        "32 of 32 units of relu_1 are dead: their output is 0 for every sample of the last "
        "recorded batch, and they pass no gradient."
    ]


def test_units_that_die_in_training_are_recognized():
    sentences = trained(deep(ReLU, "he_normal", 3), SGD(3.0, clip=ClipByGlobalNorm(5.0)), 20)
    assert any("units of relu_1 are dead" in sentence for sentence in sentences)
    assert any(sentence.startswith("Updates are large") for sentence in sentences)


def test_saturated_units_are_recognized():
    model = deep(Tanh, "glorot_uniform", 2)
    model.layers[0].W = 100 * model.layers[0].W
    (sentence,) = xray(model, X[:64], T[:64], MeanSquaredError()).verdicts()
    assert sentence.startswith("tanh is saturated: 9")


@pytest.mark.parametrize("layer", [LSTM(32, recurrent_initializer="he_normal"), SimpleRNN(32)])
def test_an_exploding_recurrent_layer_is_recognized(layer):
    x = RNG.normal(size=(64, 100, 1)).astype("float32")
    model = Sequential([layer, Dense(1)])
    model.build((100, 1), 0)
    layer.U *= 4
    (sentence,) = xray(model, x, x[:, 0], MeanSquaredError()).verdicts()
    assert sentence.startswith("The gradient explodes: its norm is ")


def test_updates_and_gradients_that_are_too_small_are_recognized():
    model = deep(ReLU, "he_normal", 2)
    assert trained(model, SGD(1e-12))[0].startswith("Updates are tiny")
    (sentence,) = xray(model, X, model(X), MeanSquaredError()).verdicts()
    assert sentence.startswith("No gradient arrives: that of dense_1")
