"""Losses: values worked out by hand, the division by N, far-out inputs, and what they refuse.

Numbers in parentheses count the project's list of defects, as in `test_layers.py`.
"""

import math
import re

import numpy as np
import pytest
from cases import arrays_in, bits, read_only
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import scratchnet.losses
from scratchnet.layers import ShapeError
from scratchnet.losses import (
    BinaryCrossEntropy,
    GaussianNLL,
    Huber,
    KLToStandardNormal,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    NegativeLogLikelihood,
    SoftmaxCrossEntropy,
    WeightedLoss,
)

LOG2, LOG4 = math.log(2), math.log(4)
every_precision = pytest.mark.parametrize("dtype", ["float32", "float64"])

# Each line: the loss, prediction, target, and by hand its value and gradient.
Y, T = [[1, 2], [3, 4]], [[0, 2], [3, 6]]  # y - t = [[1, 0], [0, -2]]
P, YES = [[1 / 2, 1 / 4]], [[1, 0]]  # costs log 2 + log 4/3
LOGITS = np.log([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])  # softmax gives these probabilities back
GAUSS = LOG2 + math.log(2 * math.pi) / 2  # what a standard deviation of 2 costs a number
SURE = -(math.log(0.7) + math.log(0.8)) / 2
PULL = [[-0.15, 0.1, 0.05], [0.05, 0.05, -0.1]]  # (p - t) / 2
TWICE = 2 * np.array(PULL)
LOG_P = np.log([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]).tolist()
ONLY_LAST = [[0, 0, 0], [0, 0, -1]]
BY_HAND = [
    (MeanSquaredError(), Y, T, 5 / 4, [[0.5, 0], [0, -1]]),
    (MeanSquaredError("per_sample"), Y, T, 5 / 2, [[1, 0], [0, -2]]),
    (GaussianNLL(2), Y, T, 5 / 32 + GAUSS, [[1 / 16, 0], [0, -1 / 8]]),
    (GaussianNLL(2, "per_sample"), Y, T, 5 / 16 + 2 * GAUSS, [[1 / 8, 0], [0, -1 / 4]]),
    (MeanAbsoluteError(), Y, T, 3 / 4, [[0.25, 0], [0, -0.25]]),
    (MeanAbsoluteError("per_sample"), Y, T, 3 / 2, [[0.5, 0], [0, -0.5]]),
    (Huber(), Y, T, (0.5 + 1.5) / 4, [[0.25, 0], [0, -0.25]]),
    (Huber(3), Y, T, (0.5 + 2) / 4, [[0.25, 0], [0, -0.5]]),
    (Huber(0.5, "per_sample"), Y, T, (0.375 + 0.875) / 2, [[0.25, 0], [0, -0.25]]),
    (BinaryCrossEntropy(), P, YES, (LOG2 + LOG4 - math.log(3)) / 2, [[-1, 2 / 3]]),
    (BinaryCrossEntropy(reduction="per_sample"), P, YES, math.log(8 / 3), [[-2, 4 / 3]]),
    (BinaryCrossEntropy(), [[0.5]], [[0.5]], LOG2, [[0]]),
    (BinaryCrossEntropy(True), [[0, -math.log(3)]], YES, math.log(8 / 3) / 2, [[-0.25, 0.125]]),
    (SoftmaxCrossEntropy(), LOGITS, np.array([0, 2]), SURE, PULL),
    (SoftmaxCrossEntropy(), LOGITS, [[1, 0, 0], [0, 0, 1]], SURE, PULL),
    (SoftmaxCrossEntropy(), [[0, 0]], [[0.25, 0.75]], LOG2, [[0.25, -0.25]]),
    (SoftmaxCrossEntropy(), [[0, 0]], [[1, 1]], 2 * LOG2, [[0, 0]]),
    (SoftmaxCrossEntropy(), [LOGITS], np.array([[0, 2]]), SURE, [PULL]),
    (SoftmaxCrossEntropy("per_sample"), [LOGITS], np.array([[0, 2]]), 2 * SURE, [TWICE]),
    (SoftmaxCrossEntropy("per_sample"), [LOGITS], [np.eye(3)[[0, 2]]], 2 * SURE, [TWICE]),
    (
        SoftmaxCrossEntropy(ignore_index=-1),
        LOGITS,
        np.array([-1, 2]),
        -math.log(0.8),
        [[0, 0, 0], [0.1, 0.1, -0.2]],
    ),
    (SoftmaxCrossEntropy(ignore_index=255), LOGITS, np.array([255, 255]), 0, np.zeros((2, 3))),
    (
        SoftmaxCrossEntropy(class_weights=[3, 9, 1]),
        LOGITS,
        np.array([0, 2]),
        -(3 * math.log(0.7) + math.log(0.8)) / 4,
        [[-0.225, 0.15, 0.075], [0.025, 0.025, -0.05]],
    ),
    (
        SoftmaxCrossEntropy("per_sample", class_weights=[3, 9, 1]),
        LOGITS,
        np.array([0, 2]),
        -(3 * math.log(0.7) + math.log(0.8)) / 2,
        [[-0.45, 0.3, 0.15], [0.05, 0.05, -0.1]],
    ),
    (NegativeLogLikelihood(), LOG_P, np.array([0, 2]), SURE, [[-0.5, 0, 0], [0, 0, -0.5]]),
    (NegativeLogLikelihood(), LOG_P, [[1, 0, 0], [0, 0, 1]], SURE, [[-0.5, 0, 0], [0, 0, -0.5]]),
    (NegativeLogLikelihood(ignore_index=0), LOG_P, np.array([0, 2]), -math.log(0.8), ONLY_LAST),
    (KLToStandardNormal(), [[0, 0]], [[0, 0]], 0, ([[0, 0]], [[0, 0]])),
    (
        KLToStandardNormal(),
        [[1, 0], [2, 0]],
        [[0, LOG4], [0, -LOG4]],
        ((0.5 + (3 - LOG4) / 2) + (2 + (LOG4 - 0.75) / 2)) / 2,
        ([[0.5, 0], [1, 0]], [[0, 0.75], [0, -0.1875]]),
    ),
]
every_example = pytest.mark.parametrize(
    "example", BY_HAND, ids=[f"{i} {type(e[0]).__name__}" for i, e in enumerate(BY_HAND)]
)


def as_arrays(prediction, target, dtype):
    """Both in one precision, read-only; class indices stay integers."""
    if not (isinstance(target, np.ndarray) and target.dtype.kind == "i"):
        target = np.array(target, dtype)
    return read_only([np.array(prediction, dtype), target])


def value_and_gradient(loss, prediction, target):
    """As two lists of arrays, with a cache that cannot be written to."""
    with np.errstate(all="raise", under="ignore"):
        value, cache = loss.forward(prediction, target)
        return value, loss.backward(read_only(cache))


def test_every_public_loss_has_an_example():
    kinds = {getattr(scratchnet.losses, name) for name in scratchnet.losses.__all__} - {Loss}
    in_another_file = {WeightedLoss}  # test_loss_base.py
    assert {type(loss) for loss, *_ in BY_HAND} == kinds - in_another_file


@every_example
@every_precision
def test_a_loss_has_the_value_and_the_gradient_worked_out_by_hand(example, dtype):
    loss, prediction, target, by_hand, gradient_by_hand = example
    value, gradient = value_and_gradient(loss, *as_arrays(prediction, target, dtype))
    tolerance = 8 * np.finfo(dtype).eps
    assert_allclose(value, by_hand, rtol=tolerance, atol=tolerance)
    assert_allclose(gradient, gradient_by_hand, rtol=tolerance, atol=tolerance)
    assert value == loss(*as_arrays(prediction, target, dtype))


@every_example
@every_precision
def test_a_loss_keeps_the_rules_of_a_layer(example, dtype):
    """(21, 30, 32) Precision stays, nothing is written to, backward may be called twice."""
    loss, before = example[0], bits(vars(example[0]))
    prediction, target = as_arrays(*example[1:3], dtype)
    value, cache = loss.forward(prediction, target)
    once = loss.backward(read_only(cache))
    assert bits(loss.backward(cache)) == bits(once)
    assert all(g.shape == prediction.shape for g in arrays_in(once))
    floats = [a for a in arrays_in([value, cache, once]) if a.dtype.kind == "f"]
    assert {a.dtype for a in floats} == {np.dtype(dtype)} and value.shape == ()
    assert bits(vars(loss)) == before


@every_example
def test_the_costs_are_the_terms_of_the_sum(example):
    loss, *data = example[:3]
    prediction, target = as_arrays(*data, "float64")
    if isinstance(loss, KLToStandardNormal):
        with pytest.raises(NotImplementedError, match="KLToStandardNormal has no costs"):
            loss.costs(prediction, target)
        return
    costs, n = loss.costs(prediction, target), loss.divisor(prediction, target)
    assert_allclose(costs.sum() / n, loss(prediction, target), rtol=1e-12)


@every_example
def test_a_batch_twice_as_large_has_the_same_value_and_half_the_gradient_each(example):
    """The division by N, in the value and in the gradient."""
    loss, *data = example[:3]
    prediction, target = as_arrays(*data, "float64")
    value, gradient = value_and_gradient(loss, prediction, target)
    doubled = [np.concatenate([a, a]) for a in (prediction, target)]
    value_2, gradient_2 = value_and_gradient(loss, *doubled)
    assert_allclose(value_2, value, rtol=1e-14)
    for g, g_2 in zip(arrays_in([gradient]), arrays_in([gradient_2]), strict=True):
        assert_allclose(g_2, np.concatenate([g, g]) / 2, rtol=1e-14)


# ----------------------------------------------------------------------------------------- far out


@every_precision
@pytest.mark.parametrize("logit", [1000, -1000, 800, -800])
@pytest.mark.parametrize("label", [0, 1])
def test_a_logit_of_a_thousand_costs_nothing_if_right_and_a_thousand_if_wrong(logit, label, dtype):
    """(20)"""
    right = (logit > 0) == bool(label)
    x, t = as_arrays([[logit]], [[label]], dtype)
    value, gradient = value_and_gradient(BinaryCrossEntropy(from_logits=True), x, t)
    assert value == (0 if right else abs(logit))
    assert gradient == (0 if right else math.copysign(1, logit))


@every_precision
@pytest.mark.parametrize(("label", "cost", "pull"), [(0, 0, [0, 0]), (1, 2000, [1, -1])])
@pytest.mark.parametrize("one_hot", [False, True])
def test_logits_two_thousand_apart(label, cost, pull, one_hot, dtype):
    """(20)"""
    target = np.eye(2)[[label]] if one_hot else np.array([label])
    x, t = as_arrays([[1000, -1000]], target, dtype)
    value, gradient = value_and_gradient(SoftmaxCrossEntropy(), x, t)
    assert value == cost and gradient.tolist() == [pull]


@every_precision
@pytest.mark.parametrize("kind", [MeanSquaredError, MeanAbsoluteError, Huber])
def test_a_distance_of_a_thousand(kind, dtype):
    value, gradient = value_and_gradient(kind(), *as_arrays([[1000]], [[-1000]], dtype))
    assert (value, gradient) == {
        MeanSquaredError: (4e6, 4000),
        MeanAbsoluteError: (2000, 1),
        Huber: (1999.5, 1),
    }[kind]


@given(st.floats(-15, 15), st.sampled_from([0.0, 0.3, 1.0]))
def test_probabilities_and_logits_cost_the_same(x, t):
    """(27) Up to 15, where 1 - p still has ten digits of its own."""
    x, t = np.array([[x]]), np.array([[t]])
    p = 1 / (1 + np.exp(-x))
    value, gradient = value_and_gradient(BinaryCrossEntropy(), p, t)
    value_x, gradient_x = value_and_gradient(BinaryCrossEntropy(from_logits=True), x, t)
    assert_allclose(value, value_x, rtol=1e-9)
    assert_allclose(gradient * p * (1 - p), gradient_x, rtol=1e-9, atol=1e-12)  # dp/dx = p (1 - p)


@pytest.mark.parametrize(
    ("p", "dtype"), [(1e-3, "float32"), (1e-6, "float32"), (1e-3, "float64"), (1e-9, "float64")]
)
def test_a_small_probability_costs_its_logarithm(p, dtype):
    """(27) 20.7 nats for 1e-9, not the 6.9 of a clip at 0.001. Below eps see the next but one."""
    value, gradient = value_and_gradient(BinaryCrossEntropy(), *as_arrays([[p]], [[1]], dtype))
    from_logits = BinaryCrossEntropy(from_logits=True)
    exact, _ = from_logits.forward(np.array([[math.log(p) - math.log1p(-p)]]), np.ones((1, 1)))
    assert_allclose(value, exact, rtol=4 * np.finfo(dtype).eps)
    assert_allclose(gradient, -1 / p, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("q", [1e-3, 1e-9])
def test_a_probability_close_to_one_costs_the_logarithm_of_what_is_missing(q):
    """(27) In float64: in float32 the nearest number to 1 - 1e-9 is 1."""
    value, gradient = value_and_gradient(
        BinaryCrossEntropy(), np.array([[1 - q]]), np.zeros((1, 1))
    )
    assert_allclose(value, -math.log(q), rtol=1e-8)  # 1 - q keeps q to 1e-16 / q
    assert_allclose(gradient, 1 / q, rtol=1e-6)


@every_precision
@pytest.mark.parametrize("p", [0.0, 1.0])
@pytest.mark.parametrize("t", [0.0, 1.0])
def test_a_certainty_costs_nothing_if_right_and_a_finite_number_if_wrong(p, t, dtype):
    """(27) -log eps as in Keras, 15.9 nats in float32: a gradient of 1e38 would end a training."""
    value, gradient = value_and_gradient(BinaryCrossEntropy(), *as_arrays([[p]], [[t]], dtype))
    eps = np.finfo(dtype).eps
    assert_allclose(value, 0 if p == t else -math.log(eps), rtol=1e-6)
    assert_allclose(gradient, (p - t) / eps, rtol=1e-6)


@every_precision
@pytest.mark.parametrize("log_variance", [-50, 50])
def test_the_divergence_is_finite_for_log_variances_of_fifty(log_variance, dtype):
    m, v = as_arrays([[1]], [[log_variance]], dtype)
    value, (dm, dv) = value_and_gradient(KLToStandardNormal(), m, v)
    tolerance = 8 * np.finfo(dtype).eps
    assert_allclose(value, (math.exp(log_variance) - log_variance) / 2, rtol=tolerance)
    assert_allclose([dm, dv], [[[1]], [[(math.exp(log_variance) - 1) / 2]]], rtol=tolerance)


# ---------------------------------------------------------------------------------------- refusals

PAIRWISE = [
    *(MeanSquaredError(), MeanAbsoluteError(), Huber()),
    *(BinaryCrossEntropy(), BinaryCrossEntropy(from_logits=True), KLToStandardNormal()),
]
every_pairwise = pytest.mark.parametrize("loss", PAIRWISE, ids=lambda loss: type(loss).__name__)


@every_pairwise
@pytest.mark.parametrize(
    ("a", "b"), [((3, 1), (3,)), ((3,), (3, 1)), ((3, 2), (1, 2)), ((3, 2), (2, 2))]
)
def test_shapes_that_numpy_would_broadcast_are_refused(loss, a, b):
    sentence = f"{type(loss).__name__} expects prediction and target of one shape; got {a} and {b}"
    with pytest.raises(ShapeError, match=re.escape(sentence)):
        loss(np.ones(a), np.ones(b))


@every_pairwise
@pytest.mark.parametrize("dtype", ["float64", "int64"])
def test_targets_that_would_change_the_precision_are_refused(loss, dtype):
    """(21) float32 with float64, and with int64 as labels often come, makes float64 gradients."""
    with pytest.raises(TypeError, match=f"{type(loss).__name__} expects .*float32.*{dtype}"):
        loss(np.ones((3, 2), "float32"), np.ones((3, 2), dtype))


def test_an_option_given_as_a_numpy_number_does_not_change_the_precision():
    """(21)"""
    value, gradient = value_and_gradient(Huber(np.float64(0.5)), *as_arrays(Y, T, "float32"))
    assert value.dtype == gradient.dtype == "float32"


@every_pairwise
def test_lists_numbers_and_empty_batches_are_refused(loss):
    name, x = type(loss).__name__, np.ones((3, 2))
    with pytest.raises(TypeError, match=f"{name}: prediction is a list: make it an array"):
        loss([[1.0]], [[1.0]])
    with pytest.raises(ValueError, match=f"{name}: target is one number, without an axis"):
        loss(x, np.ones(()))
    with pytest.raises(ValueError, match=f"{name}: the batch is empty"):
        loss(x[:0], x[:0])


CLASSES = "SoftmaxCrossEntropy expects class indices"
X3 = np.zeros((4, 3), "float32")


@pytest.mark.parametrize(
    ("x", "target", "error", "sentence"),
    [
        (X3, np.array([0, 1, 2, 3]), ValueError, f"{CLASSES} from 0 to 2; got 0 to 3"),
        (X3, np.array([0, 1, 2, -1]), ValueError, f"{CLASSES} from 0 to 2; got -1 to 2"),
        (X3, np.array([0.0, 1, 2, 2]), TypeError, "got float64: use target.astype('int64')"),
        (X3, np.array([True] * 4), TypeError, "got bool: use target.astype('int64')"),
        (X3, np.array([0, 1]), ShapeError, f"{CLASSES} (4,) or one row of 3 probabilities"),
        (X3, np.zeros((4, 1), int), ShapeError, "each (4, 3); got (4, 1)"),
        (X3, np.zeros((3, 4)), ShapeError, "each (4, 3); got (3, 4)"),
        (X3, np.ones((4, 3)), TypeError, "SoftmaxCrossEntropy expects"),
        (X3[0], np.array([0, 1, 2]), ShapeError, "expects predictions (N, ..., K); got (3,)"),
    ],
)
def test_classes_that_do_not_fit_are_refused(x, target, error, sentence):
    with pytest.raises(error, match=re.escape(sentence)):
        SoftmaxCrossEntropy()(x, target)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_class_indices_may_be_any_integers(dtype):
    assert_allclose(SoftmaxCrossEntropy()(X3, np.array([0, 1, 2, 2], dtype)), math.log(3), 1e-6)


def test_options_that_nobody_knows_are_refused():
    with pytest.raises(ValueError, match="unknown reduction 'sum': choose one of mean, per_sample"):
        MeanSquaredError("sum")
    with pytest.raises(ValueError, match="Huber expects delta > 0; got 0"):
        Huber(0)
    with pytest.raises(NotImplementedError, match="Loss has no forward"):
        Loss()(X3, X3)
