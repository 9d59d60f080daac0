"""Recurrent layers: states, masks, order and options; gradients over all combinations."""

import numpy as np
import pytest
from cases import bits, built
from numpy.testing import assert_allclose, assert_array_equal

from scratchnet.backend import float64
from scratchnet.gradcheck_cases import grid
from scratchnet.layers import (
    GRU,
    LSTM,
    Dense,
    RepeatVector,
    Sequential,
    ShapeError,
    SimpleRNN,
    TimeDistributed,
)
from scratchnet.layers.recurrent import Recurrent

CELLS = [SimpleRNN, GRU, LSTM]
X = np.random.default_rng(0).standard_normal((4, 6, 3))
every_cell = pytest.mark.parametrize("kind", CELLS)


def in_float64(layer, shape=(6, 3)):
    with float64():
        return built(layer, shape)


def test_the_autoencoder_of_sines_has_its_17160_parameters():
    model = Sequential(
        [LSTM(64, "relu"), RepeatVector(50), LSTM(1, "sigmoid", return_sequences=True)]
    )
    assert model.build((50, 1), 0) == (50, 1)
    assert model.n_parameters == 17160


@every_cell
def test_a_sequence_in_two_pieces_gives_what_it_gives_in_one(kind):
    """The state that one piece returns is where the next one starts."""
    layer = in_float64(kind(5, return_state=True))
    second = in_float64(kind(5, return_state=True), (3, 3))
    second.parameters[...] = layer.parameters
    _, *state = second(X[:, :3])
    for whole, pieces in zip(layer(X), second((X[:, 3:], *state)), strict=True):
        assert_allclose(pieces, whole, rtol=1e-12)


@every_cell
def test_a_padded_sequence_gives_what_it_gives_without_the_padding(kind):
    layer = in_float64(kind(5, mask_value=-9.0))
    short = in_float64(kind(5), (4, 3))
    short.parameters[...] = layer.parameters
    padded = X.copy()
    padded[:, 4:] = -9.0
    assert_allclose(layer(padded), short(X[:, :4]), rtol=1e-12)
    y, cache = layer.forward(padded)
    dx, _ = layer.backward(np.ones_like(y), cache)
    assert not dx[:, 4:].any() and dx[:, :4].all()


@every_cell
def test_going_backwards_is_going_forwards_through_the_reversed_sequence(kind):
    layer = in_float64(kind(5, go_backwards=True, return_sequences=True))
    forwards = in_float64(kind(5, return_sequences=True))
    assert_array_equal(layer(X), forwards(X[:, ::-1]))


RETURNED = grid(
    return_sequences=[False, True], return_state=[False, True], activation=["tanh", "relu"]
)
INPUTS = grid(t=[1, 2, 7], with_state=[False, True], with_mask=[False, True])


def parts(x):
    return x if isinstance(x, tuple) else (x,)


def slope_and_rise(layer, x, eps=1e-6):
    """Derivative of <dy, y> in one random direction, by backward and by two forward passes.

    The direction changes all parameters and inputs at once, so the number depends on every
    gradient. Zeros, which mark masked steps, stay zero.
    """
    rng = np.random.default_rng(2)
    dy = [rng.standard_normal(part.shape) for part in parts(layer(x))]
    at = [layer.parameters.copy(), *parts(x)]
    way = [rng.standard_normal(a.shape) * (a != 0) for a in at]

    def forward(step):
        layer.parameters[...], *inputs = [a + step * w for a, w in zip(at, way, strict=True)]
        y, cache = layer.forward(tuple(inputs) if isinstance(x, tuple) else inputs[0])
        return sum((a * b).sum() for a, b in zip(dy, parts(y), strict=True)), cache

    rise = (forward(eps)[0] - forward(-eps)[0]) / (2 * eps)
    dx, grads = layer.backward(tuple(dy) if layer.return_state else dy[0], forward(0)[1])
    gradients = [layer.flatten(grads), *parts(dx)]
    return sum((g * w).sum() for g, w in zip(gradients, way, strict=True)), rise


@every_cell
@pytest.mark.parametrize("inputs", INPUTS, ids=str)
def test_the_gradient_is_right_for_every_combination_of_options(kind, inputs):
    t, rng = inputs["t"], np.random.default_rng(1)
    x = rng.standard_normal((3, t, 3))
    if inputs["with_mask"]:
        x[0, t // 2] = x[1, -1] = 0
    for options in RETURNED:
        layer = in_float64(
            kind(2, mask_value=0.0 if inputs["with_mask"] else None, **options), (t, 3)
        )
        layer.parameters[...] = rng.normal(0, 0.5, layer.n_parameters)
        start = tuple(rng.standard_normal((3, 2)) for _ in layer.state_names)
        slope, rise = slope_and_rise(layer, (x, *start) if inputs["with_state"] else x)
        assert_allclose(slope, rise, rtol=1e-6, atol=1e-7, err_msg=str(options))


def test_the_forget_gate_alone_starts_with_a_bias_of_one():
    assert_array_equal(built(LSTM(2), (6, 3)).b, [0, 0, 1, 1, 0, 0, 0, 0])
    assert not built(LSTM(2, unit_forget_bias=False), (6, 3)).b.any()


@every_cell
def test_recurrent_weights_preserve_norms(kind):
    U = in_float64(kind(5)).U
    assert_allclose(U @ U.T, np.eye(5), atol=1e-12)


@every_cell
def test_the_first_layer_of_a_model_computes_no_gradient_of_its_input(kind, monkeypatch):
    layer = in_float64(kind(5))
    y, cache = layer.forward(X)
    grads = layer.backward(y, cache)[1]
    monkeypatch.delattr(Recurrent, "_input_gradient")
    assert bits(layer.weight_gradients(y, cache)) == bits(grads)


@every_cell
def test_a_representation_names_all_options_own_ones_and_those_handed_on(kind):
    layer = kind(3, "relu", use_bias=False, mask_value=0.0, name="code")
    line = repr(layer)
    assert line.startswith(f"{kind.__name__}(units=3, activation='relu', ")
    assert "use_bias=False, " in line and line.endswith("mask_value=0.0)")


def test_time_distributed_gives_each_step_what_the_layer_gives_it():
    dense = Dense(2)
    layer = in_float64(TimeDistributed(dense))
    assert_allclose(layer(X), np.stack([dense(X[:, t]) for t in range(6)], axis=1), rtol=1e-12)
    assert list(layer.named_parameters()) == ["dense/W", "dense/b"]


@pytest.mark.parametrize(
    ("x", "says"),
    [
        ((X, X), r"expects x or \(x, h0, c0\); got 2 arrays"),
        (
            (X, np.zeros((4, 5)), np.zeros((4, 4))),
            r"expects a state \(4, 5\) float64; got \(4, 4\)",
        ),
        (X[:, :, :2], r"expects \(N, 6, 3\); got \(4, 6, 2\)"),
    ],
)
def test_an_input_that_does_not_fit_is_named(x, says):
    with pytest.raises(ShapeError, match=says):
        in_float64(LSTM(5))(x)


def test_an_option_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match=r"unknown activation 'tahn'.*did you mean 'tanh'"):
        LSTM(3, activation="tahn")
    with pytest.raises(ValueError, match="return_state to be True or False"):
        GRU(3, return_state=1)
    with pytest.raises(TypeError, match="GRU has no argument 'unit_forget_bias'"):
        GRU(3, unit_forget_bias=True)
    with pytest.raises(TypeError, match="TimeDistributed expects a layer"):
        TimeDistributed(3)
    with pytest.raises(ShapeError, match=r"TimeDistributed expects \(N, T, ...\)"):
        built(TimeDistributed(Dense(2)), (3,))
    with pytest.raises(ShapeError, match=r"LSTM expects \(N, T, D\)"):
        built(LSTM(2), (3,))
