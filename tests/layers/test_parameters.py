"""Parameters: one vector for a model, after writing, sharing, copying and freezing."""

import copy

import numpy as np
import pytest
from cases import assert_vector_is_right, bits, built, three_levels
from numpy.testing import assert_allclose

from scratchnet.layers import Dense, Sequential, Tanh
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import SGD, AdamW
from scratchnet.training import train_step

WRITES = {
    "the vector": lambda model, layer: model.parameters.__setitem__(slice(None), 0.5),
    "one weight": lambda model, layer: layer.W.__setitem__(slice(None), 0.5),
    "an attribute": lambda model, layer: setattr(layer, "W", np.full(layer.W.shape, 0.5)),
    "in place": lambda model, layer: setattr(layer, "W", layer.W.__imul__(2)),
    "names, as loading does": lambda model, layer: [
        p.__setitem__(..., 0.5) for p in model.named_parameters().values()
    ],
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("one_vector", [True, False])
def test_parameters_stay_in_their_vector_after_each_way_to_write(write, one_vector, x):
    """(41)"""
    model = three_levels()
    layer = model.layers[1].layers[0].layers[0]
    vector = model.parameters if one_vector else None
    before = bits([layer.W, model(x)])
    write(model, layer)
    assert_vector_is_right(model)
    assert one_vector is False or np.shares_memory(layer.W, vector)
    assert layer.W.dtype == "float32"
    assert all(now != was for now, was in zip(bits([layer.W, model(x)]), before, strict=True))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: m.astype("float64")], ids=["", "64"])
def test_a_copy_has_a_vector_of_its_own(copied):
    """(41)"""
    model = three_levels()
    vector = model.parameters
    other = copied(model)
    assert_vector_is_right(other)
    assert not np.shares_memory(other.parameters, vector)
    before = bits(other.named_parameters())
    vector += 1
    assert bits(other.named_parameters()) == before
    assert_vector_is_right(model)
    assert model.parameters.dtype == "float32"


def test_a_copy_of_a_model_with_a_shared_layer_shares_it_too():
    shared = Dense(4)
    copied = copy.deepcopy(built(Sequential([Sequential([shared, Tanh()]), shared])))
    assert copied.layers[0].layers[0] is copied.layers[1]
    assert_vector_is_right(copied)


def test_two_models_with_a_layer_in_common_stay_right_when_trained_in_turns(x):
    """Each has its own vector in turn; an update of one changes the layer in the other."""
    shared = Dense(4, name="shared")
    models = [built(Sequential([shared, Tanh(), Dense(4)]), seed=seed) for seed in (1, 2)]
    optimizers, loss = [SGD(0.1), SGD(0.1)], MeanSquaredError()
    for model, optimizer in list(zip(models, optimizers, strict=True)) * 3:
        others = [m for m in models if m is not model]
        mine, theirs = model(x), [m.layers[2].W.copy() for m in others]
        moved = shared.W.copy()
        train_step(model, loss, optimizer, x, x)
        assert_vector_is_right(model)
        assert (shared.W != moved).any() and (model(x) != mine).all()
        assert bits([m.layers[2].W for m in others]) == bits(theirs)
    for model in models:  # and each still computes with the weights that it shows
        W, b, out = shared.W, shared.b, model.layers[2]
        assert_allclose(model(x), np.tanh(x @ W + b) @ out.W + out.b, rtol=1e-5, atol=1e-6)


# --------------------------------------------------------------------------------------- freezing


@pytest.mark.parametrize("frozen", [0, 1, 2, slice(0, 2), slice(1, 3)], ids=str)
def test_a_frozen_part_leaves_the_vector_but_not_the_model(frozen, x):
    """(5) AdamW would also shrink what has no gradient, if it were in the vector."""
    model = three_levels()
    everything = model.parameters.size
    parts = model.layers[frozen] if isinstance(frozen, slice) else [model.layers[frozen]]
    for part in parts:
        part.trainable = False
    frozen_before = bits([part.named_parameters() for part in parts])
    others_before = [(p, bits(p)) for _, p in model.parameter_items(trainable_only=True)]
    optimizer = AdamW(0.1)
    for _ in range(2):
        train_step(model, MeanSquaredError(), optimizer, x, x)
    assert bits([part.named_parameters() for part in parts]) == frozen_before
    assert others_before and all(bits(p) != before for p, before in others_before)
    assert_vector_is_right(model)
    for part in parts:
        part.trainable = True
    assert model.parameters.size == everything == model.n_parameters
    assert_vector_is_right(model)


def test_a_layer_frozen_in_one_place_and_not_in_another_learns(x):
    """Freezing a model freezes its layers, as in Keras, until one of them is set again."""
    shared = Dense(4, name="shared")
    frozen = Sequential([shared], name="frozen")
    frozen.trainable = False
    assert not shared.trainable
    shared.trainable = True
    model = built(Sequential([frozen, Tanh(), shared]))
    before = bits(shared.W)
    train_step(model, MeanSquaredError(), SGD(0.1), x, x)
    assert bits(shared.W) != before
