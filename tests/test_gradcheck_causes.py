"""The causes in the report of gradcheck: losses, broken contracts, and no false cause."""

import numpy as np
import pytest
from faults import RNG, X, changed, compare
from refusals import model_of

from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Dense, Layer, Sigmoid, SimpleRNN
from scratchnet.losses import (
    BinaryCrossEntropy,
    KLToStandardNormal,
    MeanSquaredError,
    SoftmaxCrossEntropy,
)


def changed_loss(loss, change):
    class Changed(type(loss)):
        def backward(self, cache):
            return change(super().backward(cache))

    return Changed(**{"from_logits": False} if isinstance(loss, BinaryCrossEntropy) else {})


P = 1 / (1 + np.exp(-X))
T = RNG.random((4, 5))
CLASSES = np.array([0, 1, 2, 4])


@pytest.mark.parametrize(
    "loss, prediction, target, change, pattern",
    [
        (MeanSquaredError(), X, T, lambda g: g / 2, "1/2 times"),
        (MeanSquaredError(), X, T, lambda g: g * g.size, "20 times .* number of entries"),
        (MeanSquaredError(), X, T, lambda g: -g, "sign is wrong"),
        (SoftmaxCrossEntropy(), X, CLASSES, lambda g: g * len(g), "4 times .* batch size N"),
        (SoftmaxCrossEntropy(), X, CLASSES, lambda g: g / len(g), "1/4 times .* batch size N"),
        (SoftmaxCrossEntropy(), X, CLASSES, lambda g: g + np.eye(5)[CLASSES] / 4, "target"),
        (BinaryCrossEntropy(), P, T, lambda g: g * P * (1 - P), r"x \(1 - x\) is one too many"),
    ],
)
def test_a_wrong_loss_gets_its_sentence(loss, prediction, target, change, pattern):
    report = gradcheck(changed_loss(loss, change), prediction, target)
    compare({r.name: r.cause for r in report.rows}, {report.rows[0].name: pattern}, report)


def test_the_two_gradients_of_kl_are_told_from_each_other():
    class Other(KLToStandardNormal):
        def backward(self, cache):
            return super().backward(cache)[::-1]

    report = gradcheck(Other(), X, T)
    assert "gradients of mean and log_variance are exchanged" in report.rows[0].cause


# -------------------------------------------------------------------------------------- contract


class Cut(Dense):
    def backward(self, dy, x):
        return dy @ self.W, {"W": x.T @ dy, "b": dy.sum(axis=0)}


class Unpacks(Dense):
    def backward(self, dy, cache):
        x, y = cache[0], cache[1]
        a, b, c = x, y
        return dy * a * b * c, {}


class Raises(Dense):
    def backward(self, dy, cache):
        raise ValueError("a message of this layer")


@pytest.mark.parametrize(
    "layer, pattern",
    [
        (Cut(3), r"Cut.*dy \(4, 3\), W \(5, 3\), b \(3,\) .*transpose"),
        (Unpacks(3), "unpacks another number of values"),
        (Raises(3), "^a message of this layer"),
    ],
)
def test_an_exception_in_backward_is_explained(layer, pattern):
    with pytest.raises(ValueError, match=pattern):
        gradcheck(layer, X)


class StoredX(Sigmoid):
    def forward(self, x, train=False):
        self.last = x
        return super().forward(x, train)

    def backward(self, dy, y):
        return dy * y * (1 - y) * (self.last + 1), {}


class Counts(Sigmoid):
    calls = 0

    def forward(self, x, train=False):
        self.calls += 1
        return x * self.calls, None


class OwnNoise(Sigmoid):
    def forward(self, x, train=False):
        return x + np.random.default_rng().standard_normal(x.shape), None


@pytest.mark.parametrize(
    "layer, pattern",
    [
        (StoredX(), r"stores something of a batch on the layer \(self.last\)"),
        (Counts(), r"forward changes self.calls; store nothing"),
        (OwnNoise(), r"draw random numbers from self.rng"),
    ],
)
def test_the_attribute_that_is_stored_on_the_layer_is_named(layer, pattern):
    with pytest.raises(ValueError, match=pattern):
        gradcheck(layer, X)


def test_a_product_with_a_parameter_of_equal_entries_is_named_when_it_is_missing():
    class Scale(Layer):
        def build(self, input_shape, rng):
            self.add("g", np.full(input_shape, 1.5))  # 1 / 1.5 is 2 / 3, and x has 3 features
            return input_shape

        def forward(self, x, train=False):
            return x * self.g, x

        def backward(self, dy, x):
            return dy, {"g": (dy * x).sum(axis=0)}

    report = str(gradcheck(Scale(), X[:, :3]))
    assert "1.5 is every entry of g" in report and "a product with it that is missing" in report


# -------------------------------------------------------------------------------- no false causes


def test_a_right_layer_has_no_cause():
    report = gradcheck(Dense(3), X)
    assert not any(row.cause for row in report.rows) and "cause" not in str(report)


def test_an_error_without_a_simple_explanation_has_no_cause():
    noise = RNG.standard_normal((4, 5))
    layer = changed(Sigmoid, lambda g: g + noise, "x")()
    report = gradcheck(layer, X)
    assert [row.cause for row in report.rows] == [""]
    assert "\nx: no known cause fits: keep one term in forward and backward" in str(report)
    report = str(gradcheck(model_of([Dense(5), layer], (5,)), X))
    assert "\nx, dense/W, dense/b: no known cause fits: check each layer alone" in report


def test_a_cause_is_found_in_a_model_with_its_loss_and_from_a_sample_of_entries():
    model = model_of([Dense(6), changed(Dense, lambda g, n: g / n, "W")(3)], (5,))
    report = gradcheck(model, X, CLASSES % 3, loss=SoftmaxCrossEntropy(), samples=7)
    causes = {row.name: row.cause for row in report.rows if row.cause}
    assert list(causes) == ["changed/W"] and "1/4 times" in causes["changed/W"]


def test_the_check_leaves_the_layer_as_it_was_after_the_search_for_causes():
    class NotTransposed(Dense):
        def backward(self, dy, x):
            return dy @ self.W, super().backward(dy, x)[1]

    layer = NotTransposed(5)
    layer.build((5,), 0)
    before = layer.parameters.copy()
    assert "W^T" in str(gradcheck(layer, X))
    np.testing.assert_array_equal(layer.parameters, before)


def test_a_recurrent_layer_in_a_model_with_its_loss_needs_no_time_steps_of_y():
    recurrent = changed(SimpleRNN, lambda g: g + 1, "W", "x")(3)
    steps = RNG.standard_normal((4, 6, 3))
    report = gradcheck(model_of([recurrent], (6, 3)), steps, steps[:, 0], loss=MeanSquaredError())
    assert {row.name for row in report.rows if row.verdict != "ok"} == {"x", "changed/W"}
