"""State carried from part to part of a sequence: at inference, and in training."""

import contextlib

import fake_cupy
import numpy as np
import pytest
from refusals import f32, model_of, refused

from scratchnet.backend import to_device, to_numpy
from scratchnet.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Embedding,
    Sequential,
    SimpleRNN,
    TimeDistributed,
)
from scratchnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from scratchnet.optimizers import SGD, Adam
from scratchnet.sequence_training import truncated_bptt
from scratchnet.training import train_step

RNG = np.random.default_rng(0)
X, T = f32(RNG.standard_normal((3, 8, 2))), f32(RNG.standard_normal((3, 8, 4)))


def model(length=None, **options):
    inner = Sequential([LSTM(5, return_sequences=True), TimeDistributed(Dense(3))])
    layers = [GRU(4, return_sequences=True, **options), inner, SimpleRNN(4, return_sequences=True)]
    return model_of(layers, (length, 2))


@pytest.mark.parametrize("cell", [SimpleRNN, GRU, LSTM])
@pytest.mark.parametrize("steps", [True, False])
def test_a_layer_in_parts_gives_what_it_gives_in_one(cell, steps):
    layer = cell(3, return_sequences=steps)
    layer.build((None, 2), 0)
    parts, state = [], None
    for s in (slice(0, 3), slice(3, 4), slice(4, 8)):
        y, state = layer.run(X[:, s], state)
        parts.append(y)
    expected = layer(X)
    found = np.concatenate(parts, axis=1) if steps else parts[-1]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    whole = cell(3, return_state=True)
    whole.build((None, 2), 0)
    for ours, theirs in zip(state, whole(X)[1:], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_model_in_parts_gives_what_it_gives_in_one():
    machine = model()
    first, state = machine.run(X[:, :5])
    second, _ = machine.run(X[:, 5:], state)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), machine(X), atol=1e-6)
    again, _ = machine.run(X[:, 5:], state)  # nothing is stored on a layer
    np.testing.assert_array_equal(again, second)


def test_a_model_without_recurrent_layers_has_no_state():
    y, state = model_of([TimeDistributed(Dense(3))], (None, 2)).run(X)
    assert state is None and y.shape == (3, 8, 3)


def test_one_part_is_one_training_step():
    a, b = model(), model(8)
    value, _ = truncated_bptt(a, MeanSquaredError(), Adam(0.1), X, T, steps=8)
    expected, _, _ = train_step(b, MeanSquaredError(), Adam(0.1), X, T)
    assert value == pytest.approx(float(expected), rel=1e-6)
    np.testing.assert_array_equal(a.parameters, b.parameters)


def test_parts_are_training_steps_from_the_state_before_without_its_gradient():
    """By hand, with a layer that takes the state as an input: its dh0 is not used."""
    ours, layer = (SimpleRNN(4, return_sequences=True) for _ in range(2))
    for each in (ours, layer):
        each.build((None, 2), 0)
    value, state = truncated_bptt(ours, MeanSquaredError(), SGD(0.1), X, T, steps=3)
    optimizer, loss, h, total = SGD(0.1), MeanSquaredError(), f32(np.zeros((3, 4))), 0
    for s in (slice(0, 3), slice(3, 6), slice(6, 8)):
        y, cache = layer.forward((X[:, s], h), train=True)
        part, loss_cache = loss.forward(y, T[:, s])
        _, grads = layer.backward(loss.backward(loss_cache), cache)
        optimizer.step(layer.parameters, layer.flatten(grads))
        h, total = y[:, -1], total + part * y.shape[1]
    np.testing.assert_allclose(ours.parameters, layer.parameters, atol=1e-6)
    np.testing.assert_allclose(state[0], h, atol=1e-6)
    assert value == pytest.approx(total / 8, rel=1e-6)


def test_pieces_of_a_text_continue_with_the_state():
    def run(pieces):
        machine, optimizer, state = model(), Adam(0.1), None
        for s in pieces:
            arguments = MeanSquaredError(), optimizer, X[:, s], T[:, s], 2, state
            _, state = truncated_bptt(machine, *arguments)
        return machine.parameters

    whole, halves = run([slice(0, 8)]), run([slice(0, 4), slice(4, 8)])
    np.testing.assert_array_equal(whole, halves)


def test_a_memory_that_is_longer_than_a_part_is_used():
    """The target is the first letter of the text: later parts know it from the state alone."""
    x = np.repeat(RNG.integers(0, 3, (30, 1)), 12, axis=1)
    target = x.copy()
    x[:, 1:] = 3
    layers = [Embedding(4, 4), GRU(12, return_sequences=True), TimeDistributed(Dense(3))]
    machine, optimizer = model_of(layers, (None,)), Adam(0.03)
    for _ in range(40):
        truncated_bptt(machine, SoftmaxCrossEntropy(), optimizer, x, target, steps=4)
    _, state = machine.run(x[:, :8])
    y, _ = machine.run(x[:, 8:], state)
    assert (y.argmax(axis=-1) == target[:, 8:]).mean() > 0.95
    assert (machine.run(x[:, 8:])[0].argmax(axis=-1) == target[:, 8:]).mean() < 0.6


def test_masked_steps_keep_the_state():
    x = X.copy()
    x[0, 4:] = 0
    machine, short = model(mask_value=0.0), model()
    short.parameters[...] = machine.parameters
    _, state = machine.run(x[:, :6])
    _, expected = short.run(x[:1, :4])
    np.testing.assert_allclose(state[0][0][:1], expected[0][0], atol=1e-6)


def test_on_each_device_without_waiting(xp):
    def run(x, t):
        machine = model()
        waiting = fake_cupy.no_sync() if xp is fake_cupy.module else contextlib.nullcontext()
        with waiting:
            value, state = truncated_bptt(machine, MeanSquaredError(), SGD(0.1), x, t, 3)
        return machine.parameters, value, state[0][0]

    for ours in run(to_device(X), to_device(T)):
        assert isinstance(ours, xp.ndarray | np.generic)
        assert np.isfinite(to_numpy(ours)).all()


REFUSED = {
    "batch size": (lambda: model().run(X[:2], model().run(X)[1]), r"state \(2, 4\).*got \(3, 4\)"),
    "bidirectional": (lambda: model_of([Bidirectional(GRU(2))], (None, 2)).run(X), "whole"),
    "backwards": (
        lambda: truncated_bptt(model(go_backwards=True), MeanSquaredError(), SGD(0.1), X, T, 3),
        "from its end",
    ),
    "target": (
        lambda: truncated_bptt(model(), MeanSquaredError(), SGD(0.1), X, T[:, 1:], 3),
        r"\(N, T\); got \(3, 8, 2\) and \(3, 7, 4\)",
    ),
    "steps": (lambda: truncated_bptt(model(), MeanSquaredError(), SGD(0.1), X, T, 0), "steps >= 1"),
    "loss": (lambda: truncated_bptt(model(), "mse", SGD(0.1), X, T, 3), r"MeanSquaredError\(\)"),
    "precision": (
        lambda: model().run(X, model().astype("float64").run(X.astype("float64"))[1]),
        "float32",
    ),
}


@pytest.mark.parametrize(("call", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(call, words):
    refused(call, words)
