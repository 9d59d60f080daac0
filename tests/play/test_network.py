"""Settings of the playground and the networks that they describe."""

import numpy as np
import pytest

from scratchnet.layers import Dense, Tanh
from scratchnet.play.network import (
    LayerSpec,
    Settings,
    checked,
    copy_weights,
    make_network,
    missing_part,
)


def test_the_default_network_has_2_8_8_1_units():
    network = make_network(Settings(), 2)
    assert [type(layer) for layer in network.model.layers] == [Dense, Tanh, Dense, Tanh, Dense]
    assert network.model.shapes == [(8,), (8,), (8,), (8,), (1,)]
    assert network.ends == [1, 3, 4]


def test_more_than_two_classes_have_a_softmax():
    network = make_network(Settings(), 3)
    p = network.probabilities(network.model(np.ones((5, 2), "float32")))
    assert p.shape == (5, 3)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)


def test_the_probabilities_of_one_logit_are_those_of_a_sigmoid():
    p = make_network(Settings(), 2).probabilities(np.array([[0.0], [np.log(3.0)]]))
    np.testing.assert_allclose(p, [[0.5, 0.5], [0.25, 0.75]])


def test_without_hidden_layers_the_network_is_a_linear_classifier():
    assert make_network(Settings(layers=()), 2).model.shapes == [(1,)]


@pytest.mark.parametrize(
    "sent, message",
    [
        ({"lr": 1}, "unknown setting 'lr'"),
        ({"rate": 0}, "0 < learning rate <= 100; got 0"),
        ({"rate": "fast"}, "learning rate"),
        ({"batch": 0}, "batch >= 1"),
        ({"steps": 201}, "steps <= 200; got 201"),
        ({"optimizer": "Adma"}, "unknown optimizer 'Adma'.*did you mean 'Adam'"),
        ({"output": "relu"}, "unknown output"),
        ({"layers": 3}, "a list of at most 6 hidden layers"),
        ({"layers": [{}] * 7}, "a list of at most 6 hidden layers"),
        ({"layers": [{"width": 3}]}, "a layer expects kind, units and activation"),
        ({"layers": [{"kind": "Conv2D"}]}, "unknown layer 'Conv2D'"),
        ({"layers": [{"activation": "relu"}]}, "unknown activation 'relu'"),
        ({"layers": [{"units": 33}]}, "units <= 32; got 33"),
        ({"layers": [{"units": 2.5}]}, "units >= 1; got 2.5"),
    ],
)
def test_a_setting_that_does_not_exist_is_refused(sent, message):
    with pytest.raises(ValueError, match=message):
        checked(sent)


def test_weights_are_copied_between_networks_of_one_shape():
    old, new = make_network(Settings(), 2), make_network(Settings(), 2, ["mean_of_mean"], seed=1)
    assert copy_weights(old, new)
    np.testing.assert_array_equal(new.model.parameters, old.model.parameters)
    wider = make_network(Settings(layers=(LayerSpec(units=9),)), 2)
    assert not copy_weights(old, wider)


@pytest.mark.parametrize(
    "name, settings, needed",
    [
        ("tanh_without_square", Settings(), ""),
        ("loss_sign", Settings(), "the output softmax"),
        ("loss_sign", Settings(output="softmax"), ""),
        ("momentum_sign", Settings(), "the optimizer Momentum"),
        ("no_shortcut", Settings(), "Residual"),
        ("mean_of_mean", Settings(), ""),
        ("not_transposed", Settings(), ""),
        ("not_transposed", Settings(layers=(LayerSpec(),)), "two Dense layers of equal units"),
    ],
)
def test_a_fault_needs_its_part(name, settings, needed):
    assert missing_part(name, settings, 2) == needed


def test_a_fault_of_a_square_matrix_is_in_square_layers_only():
    layers = make_network(Settings(), 2, ["not_transposed"]).model.layers
    assert [type(layer).__name__ for layer in layers[::2]] == ["Dense", "NotTransposed", "Dense"]
