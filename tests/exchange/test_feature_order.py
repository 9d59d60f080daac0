"""The order of features between images and vectors, channels first and last."""

import numpy as np
import pytest

from scratchnet.exchange.feature_order import feature_orders
from scratchnet.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GroupNormalization,
    ReLU,
    Reshape,
    Sequential,
    Skip,
    Tanh,
    WeightRegularization,
)

ORDER = np.arange(12).reshape(2, 2, 3).transpose(2, 0, 1).ravel()  # of a vector of (2, 2, 3)


def orders_of(layers, shape=(2, 2, 3)):
    model = Sequential(layers)
    model.build(shape, 0)
    return feature_orders(model)


def test_activations_and_normalizations_keep_the_order():
    norm, dense, last = BatchNormalization(), Dense(12), Dense(12)
    found = orders_of(
        [Flatten(), ReLU(), norm, Dropout(0.5), dense, Tanh(), last, ReLU(), Reshape((2, 2, 3))]
    )
    np.testing.assert_array_equal(found[norm], [ORDER, ORDER])
    np.testing.assert_array_equal(found[dense][0], ORDER)
    np.testing.assert_array_equal(found[last][1], ORDER)
    assert found[dense][1] is found[last][0] is None


def test_layers_in_models_within_models_are_in_one_chain():
    dense = Dense(2)
    found = orders_of([Sequential([Flatten()]), Sequential([WeightRegularization(dense), ReLU()])])
    np.testing.assert_array_equal(found[dense][0], ORDER)


def test_one_channel_has_one_order():
    dense = Dense(4)
    assert orders_of([Flatten(), dense, Reshape((2, 2, 1))], (2, 2, 1))[dense] == (None, None)


def test_a_layer_inside_a_layer_is_a_chain_of_its_own():
    dense = Dense(12)
    inner = [Conv2D(3, 1), Flatten(), dense, Reshape((2, 2, 3))]
    found = orders_of([Skip(inner), ReLU()])
    np.testing.assert_array_equal(found[dense], [ORDER, ORDER])


@pytest.mark.parametrize("layers, words", [
    ([Flatten(), GroupNormalization(3)], "put a Dense layer between"),
    ([Flatten(), Skip(Dense(12))], "Skip .*put a Dense layer between"),
    ([Flatten(), ReLU(), Reshape((2, 1, 6))], "put a Dense layer between Flatten and Reshape"),
    ([Reshape((4, 3))], r"no equal in PyTorch.*\(2, 2, 3\) -> \(4, 3\)"),
    ([Flatten(), d := Dense(12), ReLU(), d], "is used twice"),
])  # fmt: skip
def test_a_model_without_an_equal_order_is_refused(layers, words):
    with pytest.raises(ValueError, match=words):
        orders_of(layers)
