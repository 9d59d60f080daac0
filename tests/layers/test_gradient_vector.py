"""Gradients that layers write into the vector of a training step: the same as copied ones."""

import numpy as np
import pytest

from scratchnet.layers import (
    LSTM,
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    ReLU,
    Sequential,
    Skip,
    TimeDistributed,
    WeightRegularization,
)
from scratchnet.layers.base import Layer
from scratchnet.layers.gradient_vector import GradientVector, kernel_gradient
from scratchnet.parallel import run

MODELS = {
    "dense": (lambda: Sequential([Dense(4), ReLU(), Dense(2)]), (3,)),
    "no bias": (lambda: Sequential([Dense(4, use_bias=False), Dense(2)]), (3,)),
    "nested": (lambda: Sequential([Sequential([Dense(4), ReLU()]), Dense(2)]), (3,)),
    "a layer twice": (lambda: Sequential([s := Dense(3), ReLU(), s, Dense(2)]), (3,)),
    "skip": (lambda: Sequential([Skip([Dense(3), ReLU(), Dense(3)]), Dense(2)]), (3,)),
    "penalty of weights": (lambda: Sequential([WeightRegularization(Dense(3), l2=0.1)]), (3,)),
    "each step": (lambda: Sequential([TimeDistributed(Dense(2))]), (5, 3)),
    "convolution": (lambda: Sequential([Conv2D(2, 3), ReLU(), Flatten(), Dense(2)]), (6, 6, 1)),
    "steps": (lambda: Sequential([LSTM(3), Dense(2)]), (4, 2)),
    "normalization": (lambda: Sequential([Dense(4), BatchNormalization(), Dense(2)]), (3,)),
}


def built(name):
    """Model, dy and the cache of a forward pass."""
    make, shape = MODELS[name]
    model, rng = make(), np.random.default_rng(0)
    model.build(shape, 0)
    y, cache = model.forward(rng.standard_normal((6, *shape), "float32"), train=True)
    return model, rng.standard_normal(y.shape, "float32"), cache


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("frozen", [False, True])
def test_the_vector_is_that_of_flatten(name, frozen):
    model, dy, cache = built(name)
    if frozen and len(model.layers) > 1:
        model.layers[0].trainable = False
    expected = model.flatten(model.weight_gradients(dy, cache))
    with GradientVector(model) as memory:
        grads = model.weight_gradients(dy, cache)
    g = memory.filled(grads)
    assert g is memory.vector and memory.parameters is not g
    assert np.array_equal(g, expected)


def test_dense_layers_write_their_weights_into_the_vector():
    model, dy, cache = built("nested")
    memory = GradientVector(model)
    for _ in range(2):  # in the second pass the places are free again
        with memory:
            grads = model.weight_gradients(dy, cache)
        assert grads["sequential/dense/W"] is memory.places["sequential/dense/W"]
        assert grads["dense/W"] is memory.places["dense/W"]


def test_parameters_that_another_model_has_moved_are_found_again():
    shared = Dense(3)
    one, two = Sequential([shared, Dense(2)]), Sequential([Dense(3), shared])
    for model in (one, two):
        model.build((3,), 0)
    memories = [GradientVector(one), GradientVector(two)]  # the second moves the shared weights
    for model, memory in zip((one, two), memories, strict=True):
        with memory:
            memory.parameters += 1
        assert np.shares_memory(shared.W, memory.parameters)
        assert np.shares_memory(model.parameters, memory.parameters)


def test_outside_of_the_context_gradients_are_new_arrays():
    model, dy, cache = built("dense")
    with GradientVector(model) as memory:
        pass
    grads = model.weight_gradients(dy, cache)
    g = kernel_gradient(model.layers[0].params["W"], np.ones((2, 3)), np.ones((2, 4)))
    assert not np.may_share_memory(g, memory.vector)
    assert not any(np.may_share_memory(g, memory.vector) for g in grads.values())


def test_the_memory_of_another_model_is_not_used():
    model, dy, cache = built("dense")
    other, _, _ = built("nested")
    with GradientVector(other) as memory:
        grads = model.weight_gradients(dy, cache)
    assert not any(np.may_share_memory(g, memory.vector) for g in grads.values())


def test_an_inner_context_ends_before_the_outer_one():
    (model, dy, cache), (other, _, _) = built("dense"), built("nested")
    with GradientVector(model) as memory:
        with GradientVector(other):
            pass
        grads = model.weight_gradients(dy, cache)
    assert grads["dense/W"] is memory.places["dense/W"]


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_workers_have_memory_of_their_own(kind):
    model, dy, cache = built("dense")
    expected = model.flatten(model.weight_gradients(dy, cache))

    def work(group):
        with GradientVector(model, group) as memory:
            grads = model.weight_gradients((group.rank + 1) * dy, cache)
        total = group.sum_of(memory.filled(grads))
        assert np.may_share_memory(memory.vector, group.buffer(len(total)))
        return total

    assert np.allclose(run(work, 2, kind, capacity=len(expected)), 3 * expected, rtol=1e-6)


class Wrong(Dense):
    """Dense with a gradient of its bias that is not right in the way of `change`."""

    def backward(self, dy, x, need_dx=True, need_grads=True):
        dx, grads = super().backward(dy, x, need_dx, need_grads)
        return dx, self.change(grads)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: {"W": g["W"]}, r"expects the gradients of .*/W, .*/b; missing: .*/b$"),
        (lambda g: g | {"b": g["b"].sum()}, r"gradient of .*/b as \(2,\) float32.*got \(\) "),
        (lambda g: g | {"b": g["b"].astype("float64")}, r"/b as \(2,\) float32.*\(2,\) float64"),
    ],
)
def test_a_wrong_gradient_is_named(change, message):
    layer = Wrong(2)
    layer.change = change
    model = Sequential([layer])
    model.build((3,), 0)
    y, cache = model.forward(np.ones((4, 3), "float32"), train=True)
    with GradientVector(model) as memory:
        grads = model.weight_gradients(np.ones_like(y), cache)
    with pytest.raises(ValueError, match=message):
        memory.filled(grads)


def test_an_array_of_another_shape_but_its_size_is_taken():
    class Row(Layer):
        def build(self, input_shape, rng):
            self.add("a", np.ones(input_shape, "float32"))
            return input_shape

        def forward(self, x, train=False):
            return x * self.a, x

        def backward(self, dy, x):
            return dy * self.a, {"a": (dy * x).sum(axis=0, keepdims=True)}

    layer = Row()
    layer.build((3,), 0)
    y, cache = layer.forward(np.ones((4, 3), "float32"), train=True)
    with GradientVector(layer) as memory:
        grads = layer.weight_gradients(np.ones_like(y), cache)
    assert memory.filled(grads).tolist() == [4, 4, 4]
