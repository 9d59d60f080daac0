"""The base class of layers made of layers: options of the inner layers, and paths of gradients."""

import numpy as np
from cases import built

from scratchnet.layers import GRU, BatchNormalization, Dense, Sequential
from scratchnet.layers.composite import Composite, options_for
from scratchnet.layers.sequential import layer_of


class Sum(Composite):
    """Two layers, of which both paths may be the same layer."""

    def __init__(self, a, b):
        super().__init__()
        self.children = {"a": a, "b": b}

    def build(self, input_shape, rng):
        shapes = [child.build(input_shape, rng) for child in self.children.values()]
        self.name_gradients()
        return shapes[0]

    def forward(self, x, train=False):
        (y, c), (z, d) = (child.forward(x, train) for child in self.children.values())
        return y + z, (c, d)

    def backward(self, dy, cache):
        grads = {}
        layers = zip(self.children.values(), cache, strict=True)
        dx = [self.add_gradients(grads, layer, layer.backward(dy, c)) for layer, c in layers]
        return sum(dx), grads


def test_the_gradients_of_a_shared_layer_add_up_under_its_first_path():
    x, dy = np.ones((2, 4), "float32"), np.ones((2, 3), "float32")
    shared = Dense(3)
    one, two = built(Sum(shared, Dense(3))), built(Sum(shared, shared))
    grads = two.backward(dy, two.forward(x)[1])[1]
    assert list(grads) == ["a/W", "a/b"]
    single = one.backward(dy, one.forward(x)[1])[1]
    np.testing.assert_array_equal(grads["a/W"], 2 * single["a/W"])


def test_a_layer_gets_only_the_options_that_it_takes():
    everything = dict(mask="m", initial_state="s")
    assert options_for(GRU(2), **everything) == everything
    assert options_for(Dense(2), **everything) == options_for(GRU(2)) == {}


def test_a_list_becomes_a_model_and_a_layer_stays():
    layer = BatchNormalization()
    assert layer_of("Skip", layer) is layer
    assert isinstance(layer_of("Skip", [layer]), Sequential)
