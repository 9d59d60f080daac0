"""Bidirectional: both directions, masks, states, and what it refuses."""

import numpy as np
import pytest
from refusals import f32, model_of, refused

from scratchnet.backend import float64
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import GRU, LSTM, Bidirectional, Dense, Sequential, SimpleRNN, Tanh
from scratchnet.saving import load, save

RNG = np.random.default_rng(0)
CELLS = [SimpleRNN, GRU, LSTM]
X = RNG.standard_normal((3, 5, 2))
every_cell = pytest.mark.parametrize("cell", CELLS)


def built(layer, shape=(5, 2)):
    with float64():
        layer.build(shape, 0)
    return layer


@every_cell
@pytest.mark.parametrize("merge", ["add", "concatenate"])
@pytest.mark.parametrize("steps", [True, False])
def test_each_direction_is_the_layer_on_its_own(cell, merge, steps):
    layer = built(Bidirectional(cell(3, return_sequences=steps), merge))
    forward = layer.layer(X)
    reverse = built(cell(3, return_sequences=steps))
    reverse.parameters[...] = layer.backwards.parameters
    backward = reverse(X[:, ::-1])
    backward = backward[:, ::-1] if steps else backward
    parts = [forward, backward]
    expected = sum(parts) if merge == "add" else np.concatenate(parts, axis=-1)
    np.testing.assert_allclose(layer(X), expected, rtol=1e-12)
    assert layer(X).shape[1:] == layer.output_shape
    assert (layer.layer.W != layer.backwards.W).all()  # weights of its own


@every_cell
def test_masked_steps_are_left_out_in_both_directions_and_the_mask_passes(cell):
    def model(t):
        first = Bidirectional(cell(3, return_sequences=True, mask_value=0.0))
        second = Bidirectional(cell(2, return_sequences=True), "add")
        return model_of([first, Tanh(), second, GRU(4)], (t, 2))

    long, short = model(5), model(3)
    short.parameters[...] = long.parameters
    x = f32(X)
    x[:, 3:] = 0
    np.testing.assert_allclose(long(x), short(x[:, :3]), atol=1e-6)
    y, cache = long.forward(x)
    np.testing.assert_array_equal(long.input_mask(cache), (x == 0).all(axis=2))


@every_cell
@pytest.mark.parametrize("merge", ["add", "concatenate"])
@pytest.mark.parametrize("steps", [True, False])
def test_the_gradients_with_initial_states_final_states_and_masks_are_right(cell, merge, steps):
    layer = cell(3, return_sequences=steps, return_state=True, mask_value=0.0)
    layer = Bidirectional(layer, merge)
    x = X.copy()
    x[0, 3:], x[1, 1] = 0, 0
    states = [RNG.standard_normal((3, 3)) for _ in layer.input_names[1:]]
    report = gradcheck(layer, (x, *states))
    assert report.ok, report
    assert {row.name for row in report.rows} >= {"x", "forward h0", "backward h0"}


def test_states_are_in_the_order_of_keras():
    layer = built(Bidirectional(LSTM(3, return_state=True)))
    y, *states = layer(X)
    one_way = built(LSTM(3, return_state=True))
    one_way.parameters[...] = layer.layer.parameters
    for ours, expected in zip(states[:2], one_way(X)[1:], strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-12)
    np.testing.assert_allclose(y, np.concatenate([states[0], states[2]], axis=1), rtol=1e-12)


REFUSED = {
    "no recurrent layer": (lambda: Bidirectional(Dense(3)), "recurrent layer"),
    "backwards": (lambda: Bidirectional(LSTM(3, go_backwards=True)), "go_backwards=False"),
    "built": (lambda: Bidirectional(built(LSTM(3))), "not built"),
    "merge": (lambda: Bidirectional(LSTM(3), "sum"), "'sum'", "add, concatenate"),
    "merge_mode": (lambda: Bidirectional(LSTM(3), merge_mode="sum"), 'merge="concatenate"'),
    "states": (lambda: built(Bidirectional(GRU(3)))((X, X[:, 0])), r"forward h0, backward h0"),
    "state": (lambda: built(Bidirectional(GRU(3))).run(X), "whole sequence"),
    "state backwards": (lambda: built(GRU(3, go_backwards=True)).run(X), "from its end"),
    "float32": (lambda: built(Bidirectional(GRU(3)))(f32(X)), "float64"),
}


@pytest.mark.parametrize(("call", "words"), [(c, w) for c, *w in REFUSED.values()], ids=REFUSED)
def test_refused(call, words):
    refused(call, *words)


def test_it_is_saved_and_loaded(tmp_path):
    def model(seed):
        return model_of([Bidirectional(GRU(3)), Dense(1)], (None, 2), seed)

    first, second = model(0), model(1)
    save(first, tmp_path / "model.npz")
    load(second, tmp_path / "model.npz")
    np.testing.assert_array_equal(first(f32(X)), second(f32(X)))
    assert "backward (GRU)" in first.summary()
    assert isinstance(first, Sequential) and repr(first.layers[0]).startswith("Bidirectional(layer")
