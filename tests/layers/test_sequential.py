"""Models of layers and of models: nesting, sharing, gradients, names, summary."""

import copy
import re

import numpy as np
import pytest
from cases import assert_vector_is_right, bits, built, run, three_levels
from numpy.testing import assert_allclose

from scratchnet.layers import (
    ActivityRegularization,
    BatchNormalization,
    Dense,
    Dropout,
    Layer,
    ReLU,
    Sequential,
    Tanh,
)
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import SGD
from scratchnet.training import train_step


def autoencoder():
    encoder = Sequential([Dense(2), Tanh()], name="encoder")
    decoder = Sequential([Dense(4)], name="decoder")
    return encoder, decoder, built(Sequential([encoder, decoder]))


def leaves(model):
    """The layers that are not models, in the order in which they compute."""
    if not isinstance(model, Sequential):
        return [model]
    return [leaf for layer in model.layers for leaf in leaves(layer)]


# --------------------------------------------------------------------------- nesting and sharing


def test_models_in_models_compute_what_one_flat_model_computes(x, dy):
    nested = three_levels()
    flat = built(Sequential(leaves(nested)))
    y, _, dx, grads = run(nested, x, dy, train=True)
    y_flat, _, dx_flat, grads_flat = run(flat, x, dy, train=True)
    assert bits([y, dx]) == bits([y_flat, dx_flat])
    assert {id(p): bits(grads[path]) for path, p in nested.parameter_items()} == {
        id(p): bits(grads_flat[path]) for path, p in flat.parameter_items()
    }


def test_paths_name_the_way_to_a_parameter_and_gradients_come_under_the_same_paths(x, dy):
    model = three_levels()
    paths = [path for path, _ in model.parameter_items()]
    assert paths == [
        *("dense/W", "dense/b", "middle/inner/dense/W", "middle/inner/dense/b"),
        *("middle/batch_normalization/gamma", "middle/batch_normalization/beta"),
        *("middle/dense/W", "middle/dense/b", "dense_1/W"),
    ]
    assert set(run(model, x, dy)[3]) == set(paths)
    assert list(model.named_parameters()) == paths
    assert list(model.named_state()) == [
        "middle/batch_normalization/moving_mean",
        "middle/batch_normalization/moving_variance",
    ]


def test_the_flat_gradient_is_ordered_like_the_parameters(rng):
    """Move one number of the vector: the loss changes as its entry of the gradient says."""
    model = three_levels().astype("float64")
    x, dy = rng.standard_normal((2, 6, 4))
    g = model.flatten(run(model, x, dy)[3])
    direction, step = rng.standard_normal(g.shape), 1e-6
    w = model.parameters
    start = w.copy()

    def loss_at(t):
        w[...] = start + t * direction
        return (model(x) * dy).sum()

    slope = (loss_at(step) - loss_at(-step)) / (2 * step)
    assert_allclose(slope, g @ direction, rtol=1e-7)  # differences of step 1e-6 are good to 1e-9


def test_encoder_and_decoder_share_the_weights_of_their_autoencoder(x):
    encoder, decoder, model = autoencoder()
    before = bits(encoder(x))
    train_step(model, MeanSquaredError(), SGD(0.1), x, x)
    assert bits(encoder(x)) != before
    assert bits(decoder(encoder(x))) == bits(model(x))
    w = model.parameters
    for part in (encoder, decoder):
        assert np.shares_memory(part.parameters, w)
        assert_vector_is_right(part)
    assert np.shares_memory(model.parameters, w)  # asking a part moved nothing


def test_building_again_with_another_seed_is_refused_and_a_trained_part_keeps_its_weights(x):
    """A second seed that has no effect went unnoticed before."""
    encoder, _, model = autoencoder()
    before = bits(model(x))
    built(model)  # with the same seed: nothing to do
    for part, seed in ((model, 99), (encoder, 99)):
        with pytest.raises(ValueError, match=f"built already.*seed {seed}: make a new model"):
            built(part, seed=seed)
    built(Sequential([encoder, Dense(3)]), seed=99)
    assert bits(model(x)) == before
    train_step(model, MeanSquaredError(), SGD(0.1), x, x)
    with pytest.raises(ValueError, match="built already and keeps its weights"):
        built(model)  # trained: no longer the weights of its seed


def test_a_sub_model_used_twice_has_its_gradients_added(rng):
    """(38)"""
    block = Sequential([Dense(4), BatchNormalization(), Tanh()], name="block")
    twice = built(Sequential([block, Sequential([block, Dense(4)]), block])).astype("float64")
    blocks = [copy.deepcopy(twice.layers[0]) for _ in range(3)]
    last = copy.deepcopy(twice.layers[1].layers[1])
    tied = built(Sequential([blocks[0], Sequential([blocks[1], last]), Sequential([blocks[2]])]))
    x, dy = rng.standard_normal((2, 6, 4))
    y, cache, dx, grads = run(twice, x, dy, train=True)
    y_tied, cache_tied, dx_tied, tied_grads = run(tied, x, dy, train=True)
    assert_allclose(y, y_tied, rtol=1e-12)
    assert_allclose(dx, dx_tied, rtol=1e-12, atol=1e-15)
    for name in ("dense/W", "dense/b", "batch_normalization/gamma", "batch_normalization/beta"):
        added = sum(g for path, g in tied_grads.items() if path.endswith(f"block/{name}"))
        assert_allclose(grads[f"block/{name}"], added, rtol=1e-12, atol=1e-15)
    assert len(grads) == 6  # four of the block and two of the last Dense, each once
    twice.update_running_stats(cache)
    tied.update_running_stats(cache_tied)
    mean = 0  # three moves one after the other, where each tied block made one, from 0
    for block in blocks:
        mean = 0.99 * mean + block.layers[1].state["moving_mean"]
    assert_allclose(twice.layers[0].layers[1].state["moving_mean"], mean, rtol=1e-12)


def test_a_layer_in_two_places_is_counted_once():
    norm = BatchNormalization(name="norm")
    model = built(Sequential([Sequential([norm], name="a"), Tanh(), norm], name="b"))
    assert list(model.named_layers().values()) == [model, model.layers[0], norm, model.layers[1]]
    assert list(model.named_parameters()) == ["a/norm/gamma", "a/norm/beta"]
    assert len(model.named_state()) == 2
    assert model.n_parameters == model.parameters.size == 8


# -------------------------------------------------------------- gradients without the input's

HEADS = {
    "no parameters": [ReLU(), Dropout(0.5)],
    "a penalty": [ActivityRegularization(0.1)],
    "a frozen layer": [Dense(4, name="frozen"), ReLU()],
    "a frozen model": [Sequential([Dense(4), Tanh()], name="frozen"), Tanh()],
    "a model that is partly frozen": [Sequential([Dense(4, name="frozen"), Dense(4)])],
    "nothing": [],
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_gradients_without_that_of_the_input_are_the_same(head, x, dy):
    model = built(Sequential([*head, Dense(3), Tanh(), Dense(4)]))
    for layer in model.named_layers().values():
        layer.trainable = layer.name != "frozen"
    _, cache = model.forward(x, train=True)
    short = bits(model.flatten(model.weight_gradients(dy, cache)))
    assert short == bits(model.flatten(model.backward(dy, cache)[1]))


def test_the_gradient_of_the_input_is_not_computed_where_it_is_not_used(x, dy):
    class Untouchable(Layer):
        def forward(self, x, train=False):
            return x, None

        def backward(self, dy, cache):
            raise AssertionError("this gradient is not used")

    model = built(Sequential([Untouchable(), Sequential([Untouchable(), Dense(3)]), Dense(4)]))
    _, cache = model.forward(x)
    assert len(model.weight_gradients(dy, cache)) == 4

    class Frozen(Untouchable, Dense):
        forward = Dense.forward

    frozen = Frozen(4)
    model = built(Sequential([Sequential([frozen, Tanh()]), Dense(4)]))
    frozen.trainable = False
    _, cache = model.forward(x)
    assert len(model.weight_gradients(dy, cache)) == 2


def test_weights_get_no_gradient_where_only_the_input_is_asked_for(x, dy):
    class Unlearning(Dense):
        def backward(self, dy, x, need_grads=True):
            assert not need_grads
            return super().backward(dy, x, need_grads=False)

    model = built(Sequential([Unlearning(3), Sequential([Tanh(), Unlearning(4)])]))
    _, cache = model.forward(x)
    assert model.input_gradient(dy, cache).shape == x.shape


def test_a_first_layer_gets_need_dx_false_if_its_backward_has_the_option(x, dy):
    class Counting(Dense):
        def backward(self, dy, x, need_dx=True):
            dx, grads = super().backward(dy, x, need_dx)
            computed.append(dx is not None)
            return dx, grads

    computed = []
    model = built(Sequential([Counting(3), Tanh(), Counting(4)]))
    _, cache = model.forward(x)
    model.weight_gradients(dy, cache)
    assert computed == [True, False]  # last layer, first layer


def test_a_backward_of_two_arguments_is_enough(x, dy):
    """The options need_dx and need_grads are not required: dx and grads are then both computed."""

    class Plain(Dense):
        def backward(self, dy, x):
            return dy @ self.W.T, {"W": x.T @ dy, "b": dy.sum(axis=0)}

    model, plain = (
        built(Sequential([kind(3, name="a"), Tanh(), kind(4, name="b")])) for kind in (Dense, Plain)
    )
    for method in ("backward", "weight_gradients", "input_gradient"):
        a, b = (getattr(m, method)(dy, m.forward(x)[1]) for m in (model, plain))
        assert bits(a) == bits(b)


@pytest.mark.parametrize("model", [Sequential([]), Sequential([ReLU(), Tanh()])], ids=repr)
def test_a_model_with_nothing_to_learn(model, x, dy):
    y, cache, _, grads = run(built(model), x, dy)
    assert y.shape == x.shape and grads == model.weight_gradients(dy, cache) == {}
    assert model.n_parameters == 0 and model.penalty(cache) == 0
    with pytest.raises(ValueError, match="no trainable parameters: is everything frozen"):
        _ = model.parameters


# ------------------------------------------------------------------------------ names and summary


def test_names_are_those_given_or_the_kind_with_the_first_free_number():
    layers = [Dense(2), Dense(2, name="code"), Dense(2), BatchNormalization(), Dense(2), ReLU()]
    expected = ["dense", "code", "dense_1", "batch_normalization", "dense_2", "relu"]
    assert list(Sequential(layers).children) == expected
    assert [layer.name for layer in layers] == expected


def test_a_name_depends_on_its_model_alone():
    """Weights saved by one program fit another that made more models before."""
    a, b = (Sequential([Dense(2), Sequential([Dense(2)])]) for _ in range(2))
    assert list(a.named_layers()) == list(b.named_layers())
    assert list(b.named_layers()) == ["", "dense", "sequential", "sequential/dense"]


def test_a_layer_is_a_line_that_could_be_typed_again():
    model = Sequential([Dense(2, use_bias=False), ReLU()])
    line = "Dense(units=2, kernel_initializer='glorot_uniform', use_bias=False)"
    assert repr(model) == f"Sequential(layers=({line}, ReLU()))"


def summary_rows(model):
    """[name with its indentation, output shape, number of parameters, what is remembered]."""
    *_, table, _ = re.split(r"^-+$\n", model.summary(), flags=re.MULTILINE)
    return [re.split(r"(?<=\S) {2,}", row) for row in table.splitlines()]


def test_the_summary_has_a_row_for_each_layer_and_indents_models():
    head, *_ = three_levels().summary().split("\n")
    assert head == "Model: outer, input (N, 4)"
    assert [(row[0], row[1], row[3]) for row in summary_rows(three_levels())] == [
        ("dense (Dense)", "(N, 5)", "x"),
        ("middle (Sequential)", "(N, 2)", "the caches of its layers"),
        ("  inner (Sequential)", "(N, 3)", "the caches of its layers"),
        ("    dense (Dense)", "(N, 3)", "x"),
        ("    tanh (Tanh)", "(N, 3)", "y"),
        ("  batch_normalization (BatchNormalization)", "(N, 3)", "x_hat and 1/std"),
        ("  dense (Dense)", "(N, 2)", "x"),
        ("dense_1 (Dense)", "(N, 4)", "x"),
    ]


def test_the_rows_of_the_summary_add_up_to_its_totals():
    model = three_levels()
    model.layers[0].trainable = False
    totals = dict(re.findall(r"^ *([\w ]+): +(\d+)$", model.summary(), re.MULTILINE))
    sizes = {"trainable": "40", "frozen": "25", "running averages": "6"}
    assert totals == sizes | {"Total params": "71"}
    outermost = [row for row in summary_rows(model) if not row[0].startswith(" ")]
    assert sum(int(row[2]) for row in outermost) == 71


def test_the_summary_counts_a_layer_used_twice_once():
    shared = Dense(4)
    assert "Total params: 20" in built(Sequential([shared, Tanh(), shared])).summary()


def test_the_summary_needs_shapes():
    with pytest.raises(ValueError, match="Sequential is not built yet: call build"):
        Sequential([Dense(2)]).summary()
