"""Losses of classes: samples, steps and pixels, with class weights and ignored labels."""

import numpy as np
import pytest
from refusals import f32, model_of, refused

from scratchnet.backend import to_device, to_numpy
from scratchnet.layers import GRU, LSTM, Conv2D, Dense, Embedding, LogSoftmax, TimeDistributed
from scratchnet.loss_base import MaskedLoss, WeightedLoss
from scratchnet.losses import NegativeLogLikelihood, SoftmaxCrossEntropy
from scratchnet.metrics import accuracy
from scratchnet.optimizers import Adam
from scratchnet.training import evaluate, fit

RNG = np.random.default_rng(0)
SHAPES = [(4,), (4, 3), (2, 3, 5)]
every_shape = pytest.mark.parametrize("positions", SHAPES)


@every_shape
def test_one_hot_rows_and_indices_cost_the_same(positions):
    x, t = RNG.standard_normal((*positions, 4)), RNG.integers(0, 4, positions)
    loss = SoftmaxCrossEntropy()
    (value, cache), (expected, cache_t) = loss.forward(x, t), loss.forward(x, np.eye(4)[t])
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(loss.backward(cache), loss.backward(cache_t), atol=1e-15)


@every_shape
def test_ignored_labels_are_as_if_they_were_not_there(positions):
    x, t = RNG.standard_normal((*positions, 4)), RNG.integers(-1, 4, positions)
    loss, there = SoftmaxCrossEntropy(ignore_index=-1), t >= 0
    value, cache = loss.forward(x, t)
    np.testing.assert_allclose(value, SoftmaxCrossEntropy()(x[there], t[there]), rtol=1e-12)
    dx = loss.backward(cache)
    assert not dx[~there].any() and dx[there].all()
    assert loss.batch_weight(x, t) == there.sum()
    x[~there] = 1e30  # without an effect
    assert loss(x, t) == value


def test_a_class_weight_is_a_number_of_copies():
    x, t = RNG.standard_normal((6, 3)), np.array([0, 1, 2, 2, 1, 0])
    repeated = np.repeat(np.arange(6), np.array([1, 3, 2])[t])
    value = SoftmaxCrossEntropy(class_weights=[1, 3, 2])(x, t)
    np.testing.assert_allclose(value, SoftmaxCrossEntropy()(x[repeated], t[repeated]), rtol=1e-12)


@every_shape
def test_on_each_device_without_waiting(positions, xp):
    x, t = RNG.standard_normal((*positions, 4)), RNG.integers(-1, 4, positions)
    loss = SoftmaxCrossEntropy(class_weights=[1, 2, 0.5, 3], ignore_index=-1)
    expected, cache = loss.forward(f32(x), t)
    gradient = loss.backward(cache)
    value, cache = loss.forward(to_device(f32(x)), to_device(t))
    np.testing.assert_allclose(to_numpy(value), expected, rtol=1e-5)
    np.testing.assert_allclose(to_numpy(loss.backward(cache)), gradient, atol=1e-6)


def test_a_class_per_pixel_is_learned_with_fit():
    """The class of a pixel is whether it is brighter than the one to its left."""
    x = f32(RNG.random((40, 6, 6, 1)))
    t = (np.diff(x[..., 0], axis=2, prepend=0) > 0).astype(int)
    t[:, :, 0] = 255  # the first column has no left neighbour
    model = model_of([Conv2D(4, 3, padding="same"), Conv2D(2, 1)], (None, None, 1))
    settings = dict(loss=SoftmaxCrossEntropy(ignore_index=255), optimizer=Adam(0.05))
    history = fit(model, x, t, epochs=40, validation=(x, t), verbose=False, **settings)
    assert history["val_loss"][-1] < 0.15
    assert accuracy(model(x)[:, :, 1:], t[:, :, 1:]) > 0.95
    counted = accuracy(model(x), t, ignore_index=255)
    assert counted == accuracy(model(x)[:, :, 1:], t[:, :, 1:])
    batches = evaluate(model, settings["loss"], x, t, batch_size=7)["loss"]
    assert batches == pytest.approx(evaluate(model, settings["loss"], x, t)["loss"], rel=1e-5)


def test_a_class_per_step_of_sequences_of_different_lengths():
    """A mask of the model, and ignored labels, give the mean over the same steps."""
    model = model_of(
        [Embedding(5, 4, mask_value=0), LSTM(6, return_sequences=True), TimeDistributed(Dense(5))],
        (None,),
    )
    x = RNG.integers(1, 5, (6, 7))
    x[0, 3:], x[1, 5:] = 0, 0
    y, cache = model.forward(x)
    masked, t = model.input_mask(cache), RNG.integers(0, 5, x.shape)
    ours = MaskedLoss(SoftmaxCrossEntropy(), masked)(y, t)
    t_ignored = np.where(masked, -1, t)
    expected = SoftmaxCrossEntropy(ignore_index=-1)(y, t_ignored)
    assert ours == pytest.approx(float(expected), rel=1e-6)
    both = MaskedLoss(SoftmaxCrossEntropy(ignore_index=-1), masked)
    assert both(y, t_ignored) == pytest.approx(float(expected), rel=1e-6)
    assert both.batch_weight(y, t_ignored) == (~masked).sum()


def test_fit_checks_all_labels_before_the_first_update():
    model = model_of([GRU(3, return_sequences=True)], (None, 2))
    x, t = f32(RNG.random((6, 4, 2))), RNG.integers(0, 3, (6, 4))
    t[5, 3] = 3
    settings = dict(optimizer=Adam(), batch_size=2, verbose=False)
    before = model.parameters.copy()
    refused(lambda: fit(model, x, t, loss=SoftmaxCrossEntropy(), **settings), "0 to 2; got 0 to 3")
    np.testing.assert_array_equal(model.parameters, before)
    fit(model, x, t, loss=SoftmaxCrossEntropy(ignore_index=3), **settings)


@every_shape
@pytest.mark.parametrize("options", [{}, {"class_weights": [1, 2, 0.5, 3], "ignore_index": -1}])
@pytest.mark.parametrize("reduction", ["mean", "per_sample"])
def test_log_softmax_and_the_log_likelihood_are_the_cross_entropy(positions, options, reduction):
    x, t = RNG.standard_normal((*positions, 4)), RNG.integers(0, 4, positions)
    t.flat[0] = options.get("ignore_index", 0)
    loss, expected = (
        kind(reduction, **options) for kind in (NegativeLogLikelihood, SoftmaxCrossEntropy)
    )
    y, cache = LogSoftmax().forward(x)
    value, loss_cache = loss.forward(y, t)
    dx, _ = LogSoftmax().backward(loss.backward(loss_cache), cache)
    value_x, cache_x = expected.forward(x, t)
    np.testing.assert_allclose(value, value_x, rtol=1e-12)
    np.testing.assert_allclose(dx, expected.backward(cache_x), atol=1e-15)
    assert loss.batch_weight(y, t) == expected.batch_weight(x, t)
    w = RNG.random(positions[:1])
    np.testing.assert_allclose(WeightedLoss(loss, w)(y, t), WeightedLoss(expected, w)(x, t))


def test_a_classifier_that_ends_in_log_softmax_learns_with_fit_on_two_workers():
    x = f32(RNG.standard_normal((60, 4)))
    t = x.argmax(axis=1)
    model = model_of([Dense(4), LogSoftmax()], (4,))
    settings = dict(loss=NegativeLogLikelihood(), optimizer=Adam(0.1), verbose=False, workers=2)
    fit(model, x, t, epochs=20, metrics={"accuracy": accuracy}, **settings)
    assert evaluate(model, settings["loss"], x, t, {"accuracy": accuracy})["accuracy"] > 0.9


X = f32(np.zeros((2, 3, 4)))
REFUSED = {
    "negative weight": (lambda: SoftmaxCrossEntropy(class_weights=[1, -1]), r"class_weights\[1\]"),
    "number of weights": (
        lambda: SoftmaxCrossEntropy(class_weights=[1, 1])(X, np.zeros((2, 3), int)),
        "each of the 4 classes; got 2",
    ),
    "ignore_index": (lambda: SoftmaxCrossEntropy(ignore_index=0.5), "integer"),
    "another label": (
        lambda: SoftmaxCrossEntropy(ignore_index=-1)(X, np.full((2, 3), -2)),
        "0 to 3, and -1 for no label; got -2",
    ),
    "soft targets": (
        lambda: SoftmaxCrossEntropy(class_weights=[1] * 4)(X, X),
        r"class indices.*argmax\(axis=-1\)",
    ),
    "shape": (lambda: SoftmaxCrossEntropy()(X, np.zeros((2, 4), int)), r"\(2, 3\).*\(2, 3, 4\)"),
    "of log-probabilities": (
        lambda: NegativeLogLikelihood()(X, np.zeros((2, 3))),
        "NegativeLogLikelihood expects integer class indices; got float64",
    ),
    "weight of PyTorch": (lambda: SoftmaxCrossEntropy(weight=[1]), "class_weights"),
}


@pytest.mark.parametrize(("call", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(call, words):
    refused(call, words)
