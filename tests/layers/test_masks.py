"""A mask on its way through a model, from mask_value to each recurrent layer and the loss."""

import numpy as np
import pytest
from refusals import f32, model_of, refused

from scratchnet.layers import (
    GRU,
    LSTM,
    Dense,
    Dropout,
    RepeatVector,
    Sequential,
    SimpleRNN,
    Tanh,
    TimeDistributed,
)
from scratchnet.losses import Huber, MeanAbsoluteError, MeanSquaredError
from scratchnet.optimizers import SGD
from scratchnet.training import evaluate, fit, predict, train_step

RNG = np.random.default_rng(0)
CELLS = [SimpleRNN, GRU, LSTM]


@pytest.mark.parametrize("cell", CELLS)
def test_a_mask_reaches_the_second_recurrent_layer(cell):
    layers = lambda: [cell(6, return_sequences=True, mask_value=0.0), cell(4)]  # noqa: E731
    model, short = model_of(layers(), (5, 2)), model_of(layers(), (3, 2))
    short.parameters[...] = model.parameters
    x = f32(RNG.standard_normal((3, 5, 2)))
    x[:, 3:] = 0
    np.testing.assert_allclose(model(x), short(x[:, :3]), atol=1e-6)
    np.testing.assert_allclose(predict(model, x, batch_size=2), short(x[:, :3]), atol=1e-6)


def test_go_backwards_with_a_mask_returns_outputs_in_the_order_of_computation():
    layer = SimpleRNN(3, return_sequences=True, go_backwards=True, mask_value=0.0)
    model, x = model_of([layer], (5, 2)), f32(RNG.standard_normal((2, 5, 2)))
    x[0, 3:], x[1, 1] = 0, 0
    h, outputs = np.zeros((2, 3)), []
    for t in (4, 3, 2, 1, 0):
        new = np.tanh(x[:, t] @ layer.W + h @ layer.U + layer.b)
        h = np.where((x[:, t] == 0).all(axis=1)[:, None], h, new)
        outputs.append(h)
    np.testing.assert_allclose(model(x), np.stack(outputs, axis=1), atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_a_masked_layer_equals_the_short_sequence(cell):
    long, short = model_of([cell(4, mask_value=0.0)], (5, 2)), model_of([cell(4)], (3, 2))
    short.parameters[...] = long.parameters
    x = f32(RNG.standard_normal((2, 5, 2)))
    x[:, 3:] = 0
    np.testing.assert_allclose(long(x), short(x[:, :3]), atol=1e-7)


BETWEEN = {
    "activation": lambda: [Tanh()],
    "dropout": lambda: [Dropout(0.5)],
    "dense per step": lambda: [TimeDistributed(Dense(3))],
    "a model": lambda: [Sequential([TimeDistributed(Dense(3)), Tanh()])],
    "a third": lambda: [GRU(5, return_sequences=True)],
}


@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN)
def test_a_mask_passes_what_keeps_the_steps(between):
    def model(t):
        first = LSTM(6, return_sequences=True, mask_value=0.0)
        return model_of([first, *between(), LSTM(4)], (t, 2))

    long, short = model(5), model(3)
    short.parameters[...] = long.parameters
    x = f32(RNG.standard_normal((2, 5, 2)))
    x[:, 3:] = 0
    np.testing.assert_allclose(long(x), short(x[:, :3]), atol=1e-6)


def test_a_mask_leaves_an_encoder_that_is_a_model_of_its_own():
    def model(t):
        encoder = Sequential([LSTM(6, return_sequences=True, mask_value=0.0)])
        return model_of([encoder, Sequential([LSTM(4)])], (t, 2))

    long, short = model(5), model(3)
    short.parameters[...] = long.parameters
    x = f32(RNG.standard_normal((2, 5, 2)))
    x[:, 3:] = 0
    np.testing.assert_allclose(long(x), short(x[:, :3]), atol=1e-6)


def test_a_gap_in_the_middle_is_left_out_by_every_layer():
    layers = lambda: [LSTM(6, return_sequences=True, mask_value=0.0), GRU(4)]  # noqa: E731
    long, short = model_of(layers(), (5, 2)), model_of(layers(), (4, 2))
    short.parameters[...] = long.parameters
    x = f32(RNG.standard_normal((2, 5, 2)))
    x[:, 2] = 0
    np.testing.assert_allclose(long(x), short(np.delete(x, 2, axis=1)), atol=1e-6)


def test_the_gradients_are_those_of_the_short_sequence():
    layers = lambda: [LSTM(6, return_sequences=True, mask_value=0.0), LSTM(4)]  # noqa: E731
    long, short = model_of(layers(), (5, 2)), model_of(layers(), (3, 2))
    short.parameters[...] = long.parameters
    x = f32(RNG.standard_normal((3, 5, 2)))
    x[:, 3:] = 0
    found = []
    for model, sequences in ((long, x), (short, x[:, :3])):
        y, cache = model.forward(sequences, train=True)
        found.append(model.flatten(model.weight_gradients(np.ones_like(y), cache)))
    np.testing.assert_allclose(*found, atol=1e-5)


def test_a_mask_ends_where_the_steps_end():
    layers = lambda: [  # noqa: E731
        LSTM(6, mask_value=0.0),
        RepeatVector(4),
        LSTM(3, return_sequences=True),
    ]
    long, short = model_of(layers(), (5, 2)), model_of(layers(), (3, 2))
    short.parameters[...] = long.parameters
    x = f32(RNG.standard_normal((2, 5, 2)))
    x[:, 3:] = 0
    np.testing.assert_allclose(long(x), short(x[:, :3]), atol=1e-6)  # all four steps are real


@pytest.mark.parametrize("layer", [LSTM, GRU, SimpleRNN])
def test_nan_is_no_mask_value(layer):
    refused(lambda: layer(3, mask_value=np.nan), "mask_value", "nan", error=ValueError)


def test_a_large_number_is_a_mask_value():
    model = model_of([LSTM(3, mask_value=1e30)], (4, 2))
    x = f32(RNG.standard_normal((2, 4, 2)))
    x[:, 2:] = 1e30
    assert np.isfinite(model(x)).all()


def test_the_mask_of_the_input_is_known_for_the_loss():
    """Also behind RepeatVector, and in the order of x where the layer reads it backwards."""
    x = f32(RNG.standard_normal((2, 4, 1)))
    x[0, 3:], x[1, 1] = 0, 0
    masked = (x == 0)[:, :, 0]
    for options in ({}, {"go_backwards": True}):
        encoder = Sequential([LSTM(3, mask_value=0.0, **options)])
        model = model_of([Dropout(0.1), encoder, RepeatVector(4), GRU(2)], (4, 1))
        np.testing.assert_array_equal(model.input_mask(model.forward(x)[1]), masked)
    model = model_of([LSTM(3)], (4, 1))
    assert model.input_mask(model.forward(x)[1]) is None


# ------------------------------------------------------------------------------------- the loss


def autoencoder():
    layers = [
        LSTM(8, mask_value=0.0),
        RepeatVector(6),
        LSTM(8, return_sequences=True),
        TimeDistributed(Dense(1)),
    ]
    return model_of(layers, (6, 1))


def padded(*lengths):
    """Sequences (N, 6, 1) of these lengths, the rest zeros; and which steps are real."""
    x = f32(RNG.standard_normal((len(lengths), 6, 1)))
    real = np.arange(6) < np.array(lengths)[:, None]
    x[~real] = 0
    return x, real


def test_padded_steps_do_not_count_in_the_loss():
    model, (x, real) = autoencoder(), padded(2, 2, 2, 2)
    expected = ((model(x) - x) ** 2)[real].mean()
    assert evaluate(model, MeanSquaredError(), x, x)["loss"] == pytest.approx(expected, rel=1e-5)
    settings = dict(loss=MeanSquaredError(), optimizer=SGD(1e-9), verbose=False)
    history = fit(model, x, x, **settings)
    assert history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_padded_steps_do_not_change_the_weights():
    model, (x, _) = autoencoder(), padded(2, 2, 2, 2)
    other = x.copy()
    other[:, 2:] = 50  # targets of steps that do not exist
    moved = []
    for target in (x, other):
        other_model = autoencoder()
        other_model.parameters[...] = model.parameters
        train_step(other_model, MeanSquaredError(), SGD(0.1), x, target)
        moved.append(other_model.parameters.copy())
    np.testing.assert_array_equal(*moved)


LOSSES = {
    "absolute": (MeanAbsoluteError, lambda d: np.abs(d)),
    "Huber": (Huber, lambda d: np.where(np.abs(d) <= 1, d * d / 2, np.abs(d) - 0.5)),
    "squared": (MeanSquaredError, lambda d: d * d),
}


@pytest.mark.parametrize(("loss", "each"), LOSSES.values(), ids=LOSSES)
def test_every_loss_leaves_padded_steps_out(loss, each):
    model, (x, real) = autoencoder(), padded(2, 6, 1, 4)
    costs = each(model(x) - x)
    assert evaluate(model, loss(), x, x)["loss"] == pytest.approx(costs[real].mean(), rel=1e-5)
    found = evaluate(
        model, loss("per_sample") if loss is not Huber else Huber(1.0, "per_sample"), x, x
    )
    assert found["loss"] == pytest.approx(costs[real].sum() / 4, rel=1e-5)


def test_the_mean_over_real_steps_does_not_depend_on_the_batches():
    model, (x, real) = autoencoder(), padded(6, 1, 2, 6, 1, 3)
    expected = ((model(x) - x) ** 2)[real].mean()
    for size in (1, 2, 4, 1000):
        found = evaluate(model, MeanSquaredError(), x, x, batch_size=size)["loss"]
        assert found == pytest.approx(expected, rel=1e-5)


def test_an_empty_sequence_costs_nothing():
    model, (x, real) = autoencoder(), padded(3, 0, 5)
    expected = ((model(x) - x) ** 2)[real].mean()
    assert evaluate(model, MeanSquaredError(), x, x)["loss"] == pytest.approx(expected, rel=1e-5)
    assert np.isfinite(evaluate(model, MeanSquaredError(), x[1:2], x[1:2])["loss"])


def test_without_a_mask_every_step_counts():
    model = model_of([LSTM(8), RepeatVector(6), LSTM(1, return_sequences=True)], (6, 1))
    x, _ = padded(2, 3)
    expected = ((model(x) - x) ** 2).mean()
    assert evaluate(model, MeanSquaredError(), x, x)["loss"] == pytest.approx(expected, rel=1e-5)
