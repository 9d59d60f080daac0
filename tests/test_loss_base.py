"""The frame of the losses: the domain of targets and predictions, and masked steps."""

import numpy as np
import pytest
from refusals import PROBABILITY, f32, model_of, refused

from scratchnet.gradcheck import gradcheck
from scratchnet.layers import LSTM, Dense, RepeatVector, TimeDistributed
from scratchnet.loss_base import MaskedLoss, batch_weight, with_mask
from scratchnet.losses import (
    BinaryCrossEntropy,
    GaussianNLL,
    Huber,
    KLToStandardNormal,
    MeanAbsoluteError,
    MeanSquaredError,
    SoftmaxCrossEntropy,
    WeightedLoss,
)

RNG = np.random.default_rng(0)


def test_softmax_cross_entropy_refuses_targets_that_are_no_probabilities():
    refused(lambda: SoftmaxCrossEntropy()(f32([[0, 0]]), f32([[-3, 2]])), PROBABILITY, "-3")


def test_minus_one_is_no_target_of_a_binary_cross_entropy():
    for loss in (BinaryCrossEntropy(), BinaryCrossEntropy(from_logits=True)):
        p = f32([[0.5], [0.5]])
        refused(lambda loss=loss, p=p: loss(p, f32([[-1], [1]])), PROBABILITY, "-1")
        refused(lambda loss=loss, p=p: loss(p, f32([[0], [2]])), PROBABILITY, "2")


def test_a_class_per_step_is_a_class_of_each_row():
    loss, x = SoftmaxCrossEntropy(), f32(RNG.standard_normal((2, 3, 4)))
    target = RNG.integers(0, 4, (2, 3))
    value, cache = loss.forward(x, target)
    rows, cache_of_rows = loss.forward(x.reshape(-1, 4), target.reshape(-1))
    assert value == rows
    gradient = loss.backward(cache_of_rows).reshape(x.shape)
    np.testing.assert_array_equal(loss.backward(cache), gradient)


@pytest.mark.parametrize(("p", "t", "sign"), [(0.0, 1.0, -1), (1.0, 0.0, 1)])
def test_a_wrong_certainty_costs_what_it_costs_in_keras(p, t, sign):
    loss = BinaryCrossEntropy()
    value, cache = loss.forward(f32([[p]]), f32([[t]]))
    assert 15 < value < 17  # -log 1e-7 = 16.1
    assert 1e6 < sign * loss.backward(cache).item() < 2e7


def test_a_right_certainty_costs_nothing():
    loss = BinaryCrossEntropy()
    value, cache = loss.forward(f32([[0.0, 1.0]]), f32([[0.0, 1.0]]))
    assert value == pytest.approx(0, abs=2e-7)
    assert np.abs(loss.backward(cache)).max() <= 1


def test_from_logits_every_certainty_is_exact():
    loss = BinaryCrossEntropy(from_logits=True)
    value, cache = loss.forward(f32([[-1000.0]]), f32([[1.0]]))
    assert value == 1000 and loss.backward(cache).item() == -1


def test_rounding_is_no_violation():
    above = np.nextafter(np.float32(1), np.float32(2))
    assert np.isfinite(BinaryCrossEntropy()(f32([[0.5]]), f32([[above]])))
    assert np.isfinite(BinaryCrossEntropy(from_logits=True)(f32([[0.5]]), f32([[-1e-8]])))


@pytest.mark.parametrize("p", [1.3, -0.2])
def test_a_prediction_that_is_no_probability_is_named_as_the_cause(p):
    words = PROBABILITY, str(p), r"Sigmoid\(\)", "from_logits=True"
    said = refused(lambda: BinaryCrossEntropy()(f32([[p]]), f32([[1]])), *words, error=ValueError)
    assert "learning rate" not in said


def test_nan_passes_forward_so_that_fit_can_call_it_divergence():
    assert np.isnan(BinaryCrossEntropy().forward(f32([[np.nan]]), f32([[1]]))[0])


def test_the_value_of_a_prediction_with_nan_is_refused():
    refused(
        lambda: BinaryCrossEntropy()(f32([[np.nan]]), f32([[1]])),
        "BinaryCrossEntropy expects predictions without NaN",
        error=ValueError,
    )


def test_all_targets_can_be_checked_before_the_first_update():
    loss = SoftmaxCrossEntropy()
    loss.check_target(np.array([0, 3]), (4,))
    refused(lambda: loss.check_target(np.array([0, 4]), (4,)), "0 to 3", "4", error=ValueError)


def test_a_loss_declares_whether_it_expects_logits():
    assert SoftmaxCrossEntropy().expects_logits
    assert BinaryCrossEntropy(from_logits=True).expects_logits
    assert not BinaryCrossEntropy().expects_logits


def padded(*lengths):
    """Sequences (N, 6, 1) of these lengths, the rest zeros; and which steps exist."""
    x = f32(RNG.standard_normal((len(lengths), 6, 1)))
    exists = np.arange(6) < np.array(lengths)[:, None]
    x[~exists] = 0
    return x, exists


COSTS = {
    MeanSquaredError: lambda d: d * d,
    MeanAbsoluteError: np.abs,
    Huber: lambda d: np.where(np.abs(d) <= 1, d * d / 2, np.abs(d) - 0.5),
    GaussianNLL: lambda d: d * d / 2 + np.log(2 * np.pi) / 2,
}


@pytest.mark.parametrize("kind", COSTS)
@pytest.mark.parametrize("reduction", ["mean", "per_sample"])
def test_masked_steps_cost_nothing_and_have_no_gradient(kind, reduction):
    """A constant in the loss, as in GaussianNLL, does not count for them either."""
    t, exists = padded(2, 6, 1, 4)
    y = f32(RNG.standard_normal(t.shape))
    loss = MaskedLoss(kind(reduction=reduction), ~exists)
    value, cache = loss.forward(y, t)
    costs = COSTS[kind](y - t)[exists]
    expected = costs.mean() if reduction == "mean" else costs.sum() / 4
    assert value == pytest.approx(expected, rel=1e-5)
    assert loss.batch_weight(y, t) == (13 if reduction == "mean" else 4)
    dy = loss.backward(cache)
    assert dy.shape == y.shape and (dy[~exists] == 0).all() and (dy[exists] != 0).any()


@pytest.mark.parametrize("reduction", ["mean", "per_sample"])
def test_the_gradient_of_a_masked_loss_is_right(reduction):
    t, exists = padded(2, 6, 1)
    loss = MaskedLoss(MeanSquaredError(reduction), ~exists)
    assert gradcheck(loss, RNG.standard_normal(t.shape), t).ok


def test_a_batch_without_any_step_costs_nothing():
    y = f32(RNG.standard_normal((2, 6, 1)))
    loss = MaskedLoss(MeanSquaredError(), np.ones((2, 6), bool))
    value, cache = loss.forward(y, y * 0)
    assert value == 0 and (loss.backward(cache) == 0).all() and loss.batch_weight(y, y) == 0


def test_a_mask_of_other_steps_is_refused():
    y = f32(np.zeros((2, 5, 1)))
    loss = MaskedLoss(MeanSquaredError(), np.ones((2, 6), bool))
    refused(lambda: loss(y, y), r"\(2, 6\)", r"\(2, 5, 1\)", error=ValueError)


def test_the_masked_loss_of_an_autoencoder_is_that_of_its_real_steps():
    x, exists = padded(2, 2, 5)
    layers = [LSTM(8, mask_value=0.0), RepeatVector(6), LSTM(8, return_sequences=True)]
    model = model_of([*layers, TimeDistributed(Dense(1))], (6, 1))
    y, cache = model.forward(x)
    found = MaskedLoss(MeanSquaredError(), model.input_mask(cache))(y, x)
    assert found == pytest.approx(((y - x) ** 2)[exists].mean(), rel=1e-5)


NOTHING = f32(np.zeros((0, 3)))


@pytest.mark.parametrize(
    "loss",
    [MeanSquaredError(), MeanAbsoluteError(), Huber(), GaussianNLL(), BinaryCrossEntropy()]
    + [BinaryCrossEntropy(True), SoftmaxCrossEntropy(), KLToStandardNormal()],
    ids=repr,
)
def test_no_samples_have_no_mean(loss):
    refused(lambda: loss(NOTHING, NOTHING), "empty", error=ValueError)


# --------------------------------------------------------------------------------------- weights

LOSSES = [MeanSquaredError, MeanAbsoluteError, Huber, GaussianNLL, BinaryCrossEntropy]
every_loss = pytest.mark.parametrize("kind", LOSSES)
every_reduction = pytest.mark.parametrize("reduction", ["mean", "per_sample"])
P, Q = RNG.uniform(0.1, 0.9, (4, 3, 2)), RNG.uniform(0.1, 0.9, (4, 3, 2))


def value_and_gradient(loss, y, t):
    value, cache = loss.forward(y, t)
    return value, loss.backward(cache)


@every_loss
@every_reduction
@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 3, 2)])
def test_equal_weights_change_nothing(kind, reduction, shape):
    loss = kind(reduction=reduction)
    weighted = WeightedLoss(loss, np.full(shape, 1.0))
    for ours, expected in zip(
        value_and_gradient(weighted, P, Q), value_and_gradient(loss, P, Q), strict=True
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-12)


@every_loss
@every_reduction
def test_whole_weights_of_samples_are_repeated_samples(kind, reduction):
    w = np.array([2.0, 0.0, 1.0, 3.0])
    repeated = np.repeat(np.arange(4), w.astype(int))
    loss = kind(reduction=reduction)
    value, gradient = value_and_gradient(WeightedLoss(loss, w), P, Q)
    expected, of_repeated = value_and_gradient(loss, P[repeated], Q[repeated])
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    sums = np.zeros_like(P)
    np.add.at(sums, repeated, of_repeated)
    np.testing.assert_allclose(gradient, sums, rtol=1e-12)


@every_loss
@every_reduction
def test_weights_of_zero_and_one_are_a_mask(kind, reduction):
    masked = np.arange(12).reshape(4, 3) % 5 == 1
    loss = kind(reduction=reduction)
    expected = value_and_gradient(MaskedLoss(loss, masked), P, Q)
    for weighted in (
        WeightedLoss(loss, f32(~masked)),
        WeightedLoss(loss, np.ones((4, 3)), masked),
        WeightedLoss(loss, ~masked),
    ):
        for ours, theirs in zip(value_and_gradient(weighted, P, Q), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)
        assert weighted.batch_weight(P, Q) == MaskedLoss(loss, masked).batch_weight(P, Q)


def test_labels_and_weights_multiply():
    x, t = RNG.standard_normal((4, 3, 5)), RNG.integers(0, 5, (4, 3))
    t[0, 1] = -1
    w, of_classes = RNG.random((4, 3)), [1.0, 0.5, 2.0, 0.0, 3.0]
    loss = SoftmaxCrossEntropy(class_weights=of_classes, ignore_index=-1)
    total = w * np.array([*of_classes, 0.0])[t]
    value, gradient = value_and_gradient(WeightedLoss(loss, w), x, t)
    expected = value_and_gradient(WeightedLoss(SoftmaxCrossEntropy(), total), x, abs(t))
    np.testing.assert_allclose(value, expected[0], rtol=1e-12)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-12, atol=1e-15)
    assert WeightedLoss(loss, w).batch_weight(x, t) == pytest.approx(total.sum())


@pytest.mark.parametrize(
    "loss", [MeanSquaredError(), MeanSquaredError("per_sample"), SoftmaxCrossEntropy()], ids=repr
)
def test_the_mean_over_batches_is_that_of_the_whole(loss):
    w = RNG.random(4)
    target = RNG.integers(0, 2, (4, 3)) if isinstance(loss, SoftmaxCrossEntropy) else Q
    whole = WeightedLoss(loss, w)(P, target)
    parts = []
    for s in (slice(0, 1), slice(1, 4)):
        part = WeightedLoss(loss, w[s])
        parts.append((part(P[s], target[s]), batch_weight(part, P[s], target[s])))
    mean = sum(v * weight for v, weight in parts) / sum(weight for _, weight in parts)
    np.testing.assert_allclose(mean, whole, rtol=1e-12)


def test_without_a_weight_above_zero_the_loss_is_zero():
    for shape in ((4,), (4, 3)):
        value, gradient = value_and_gradient(WeightedLoss(Huber(), np.zeros(shape)), P, Q)
        assert value == 0 and not gradient.any()


def test_a_mask_of_the_model_and_weights_are_both_taken():
    masked = np.arange(12).reshape(4, 3) % 5 == 1
    weighted = with_mask(WeightedLoss(MeanSquaredError(), np.arange(4.0)), P, masked)
    steps = np.arange(4.0)[:, None] * ~masked
    expected = WeightedLoss(MeanSquaredError(), steps)(P, Q)
    np.testing.assert_allclose(weighted(P, Q), expected, rtol=1e-12)


def test_the_precision_is_that_of_the_prediction():
    value, gradient = value_and_gradient(WeightedLoss(Huber(), np.arange(4)), f32(P), f32(Q))
    assert value.dtype == gradient.dtype == np.float32


WRONG_WEIGHTS = {
    "negative": (lambda: WeightedLoss(Huber(), np.array([1.0, -1])), "weights >= 0; got -1"),
    "NaN": (lambda: WeightedLoss(Huber(), np.array([1.0, np.nan])), "weights >= 0; got nan"),
    "shape": (lambda: WeightedLoss(Huber(), np.ones((4, 2)))(P, Q), r"\(4, 3, 2\); got \(4, 2\)"),
    "no loss": (lambda: WeightedLoss("mse", np.ones(4)), "expects a loss; got 'mse'"),
    "a list": (lambda: WeightedLoss(Huber(), [1.0]), "weights is a list"),
    "targets": (lambda: WeightedLoss(BinaryCrossEntropy(), np.ones(4))(P, 2 * Q), PROBABILITY),
}


@pytest.mark.parametrize(("call", "words"), WRONG_WEIGHTS.values(), ids=WRONG_WEIGHTS)
def test_wrong_weights_are_refused(call, words):
    refused(call, words)
