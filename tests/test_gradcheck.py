"""The gradient checker: it passes what is right, and catches what is broken."""

import numpy as np
import pytest

from scratchnet import layers, losses
from scratchnet.gradcheck import gradcheck
from scratchnet.gradcheck_cases import LAYERS, LOSSES, all_cases
from scratchnet.layers import (
    ActivityRegularization,
    BatchNormalization,
    Dense,
    Dropout,
    Layer,
    ReLU,
    Sequential,
    Softmax,
)
from scratchnet.losses import Loss, MeanSquaredError, SoftmaxCrossEntropy
from scratchnet.validation import constructor_options

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 5))
NOT_CHECKED = {"Layer", "Loss", "ShapeError"}  # two base classes and an error
NOT_CHECKED |= {"MaxUnpooling2D"}  # in UnpoolingBlock, and with a pair in test_pooling.py


def case_id(case):
    options = ",".join(f"{k}={getattr(v, '__name__', v)}" for k, v in case.options.items())
    mode = "train" if case.train else "inference"
    x = case.arguments[0]
    shapes = [part.shape for part in x] if isinstance(x, tuple) else x.shape
    return f"{case.name}({options})-{shapes}-{mode}"


@pytest.mark.parametrize("case", all_cases(), ids=case_id)
def test_backward_agrees_with_finite_differences(case):
    report = case.run()
    assert report.ok, f"\n{report}"
    assert report.error <= 1e-6


# ------------------------------------------------------------------------ nothing is forgotten


def test_every_public_layer_and_loss_has_cases():
    public = {*layers.__all__, *losses.__all__} - NOT_CHECKED
    assert public == {*LAYERS, *LOSSES}


@pytest.mark.parametrize("name", [*LAYERS, *LOSSES])
def test_every_option_takes_at_least_two_values(name):
    kind = getattr(layers, name, None) or getattr(losses, name)
    combinations = (LAYERS | LOSSES)[name][0]
    for option in constructor_options(kind):
        values = [str(options.get(option, "default")) for options in combinations]
        if (name, option) == ("MaxPooling2D", "return_indices"):
            continue  # integers have no gradient; checked in test_pooling.py
        assert option == "name" or len(set(values)) >= 2, f"{name}({option}=...) is not varied"


# ----------------------------------------------------------------------- what is broken is caught


class MissingTranspose(Dense):
    def backward(self, dy, x):
        return dy @ self.W.T, {"W": dy.T @ x, "b": dy.sum(axis=0)}


class SquareMissingTranspose(Dense):
    """With as many units as inputs the wrong gradient even has the right shape."""

    def backward(self, dy, x):
        return dy @ self.W, {"W": x.T @ dy, "b": dy.sum(axis=0)}


class MeanForSum(Dense):
    def backward(self, dy, x):
        return dy @ self.W.T, {"W": x.T @ dy, "b": dy.mean(axis=0)}


class WrongMask(ReLU):
    def backward(self, dy, y):
        return dy * (y <= 0), {}


class MissingMask(ReLU):
    def backward(self, dy, y):
        return dy, {}


class DiagonalSoftmax(Softmax):
    def backward(self, dy, y):
        return dy * y * (1 - y), {}


class ConstantStatistics(BatchNormalization):
    def backward(self, dy, cache):
        xhat, inv_std, _ = cache
        return super().backward(dy, (xhat, inv_std, None))


class FreshMask(Dropout):
    def backward(self, dy, mask):
        return super().backward(dy, self.forward(dy, True)[1])


class SilentPenalty(ActivityRegularization):
    def backward(self, dy, x):
        return dy, {}


@pytest.mark.parametrize(
    "broken, wrong",
    [
        (MissingTranspose(3), {"W"}),
        (SquareMissingTranspose(5), {"x"}),
        (MeanForSum(3), {"b"}),
        (WrongMask(), {"x"}),
        (MissingMask(), {"x"}),
        (DiagonalSoftmax(), {"x"}),
        (ConstantStatistics(), {"x"}),
        (FreshMask(0.5), {"x"}),
        (SilentPenalty(l1=0.1), {"x"}),
    ],
    ids=lambda v: type(v).__name__,
)
def test_a_broken_layer_is_caught_in_the_right_array(broken, wrong):
    report = gradcheck(broken, X)
    assert not report.ok
    assert {row.name for row in report.rows if row.verdict != "ok"} == wrong
    assert "WRONG" in str(report)


class MissingN(MeanSquaredError):
    def backward(self, d):
        return 2 * d


class WrongSign(SoftmaxCrossEntropy):
    def backward(self, cache):
        return -super().backward(cache)


@pytest.mark.parametrize(
    "broken, target", [(MissingN(), X + 1), (WrongSign(), np.array([0, 1, 2, 4]))]
)
def test_a_broken_loss_is_caught(broken, target):
    assert not gradcheck(broken, X, target).ok


def test_a_broken_layer_is_caught_inside_a_model_with_its_loss():
    model = Sequential([Dense(6), MissingMask(), Dense(3)])
    report = gradcheck(model, X, np.array([0, 1, 2, 0]), loss=SoftmaxCrossEntropy())
    verdicts = {row.name: row.verdict for row in report.rows}
    assert verdicts["dense_1/W"] == verdicts["dense_1/b"] == "ok"  # behind the broken one
    assert verdicts["dense/W"] == verdicts["x"] == "WRONG"  # before it


def test_a_gradient_of_the_wrong_shape_or_missing_or_unknown_is_named():
    class Odd(Dense):
        def backward(self, dy, x):
            return dy @ self.W.T, {"W": x.T @ dy, "c": dy.sum(axis=0)}

    verdicts = {row.name: row.verdict for row in gradcheck(Odd(3), X).rows}
    assert verdicts["b"] == "backward gives no gradient for it"
    assert verdicts["c"] == "no such parameter"

    class Wide(Dense):
        def backward(self, dy, x):
            return dy @ self.W.T, {"W": x.T @ dy, "b": dy.sum(axis=0, keepdims=True)}

    verdicts = {row.name: row.verdict for row in gradcheck(Wide(3), X).rows}
    assert verdicts["b"] == "backward's has the shape (1, 3)"


def test_nan_in_a_gradient_is_wrong():
    class NotANumber(ReLU):
        def backward(self, dy, y):
            return dy * np.nan, {}

    assert not gradcheck(NotANumber(), X).ok


def test_a_forward_that_answers_differently_each_time_is_refused():
    class NotDeterministic(Layer):
        def forward(self, x, train=False):
            return x * next(self.factors), None

    layer = NotDeterministic()
    layer.factors = iter(np.arange(100.0))
    layer.__class__.__deepcopy__ = lambda self, memo: self
    with pytest.raises(ValueError, match="two calls of forward of .* differ"):
        gradcheck(layer, X)


# -------------------------------------------------------------------------- kinks, samples, copies


def test_a_point_on_a_kink_is_left_out_and_counted():
    (row,) = gradcheck(ReLU(), np.array([[-1.0, 0.0, 2.0]])).rows
    assert (row.checked, row.kinks, row.verdict) == (2, 1, "ok")


def test_a_point_close_to_a_kink_is_checked_from_closer():
    (row,) = gradcheck(ReLU(), np.array([[3e-7, -4e-8, 2.0]])).rows
    assert (row.checked, row.kinks, row.verdict) == (3, 0, "ok")


def test_an_input_full_of_kinks_proves_nothing():
    (row,) = gradcheck(ReLU(), np.zeros((2, 3))).rows
    assert row.verdict.startswith("mostly kinks")


def test_a_square_missing_transpose_is_caught_although_x_was_drawn_from_the_same_seed():
    x = np.random.default_rng(0).standard_normal((4, 5))
    assert not gradcheck(MissingTranspose(5), x, seed=0).ok


def test_a_sample_of_entries_still_finds_the_fault():
    report = gradcheck(MissingTranspose(5), X, samples=4)
    assert [row.checked for row in report.rows if row.name == "x"] == [4]
    assert not report.ok


def test_the_model_and_the_data_stay_as_they_are():
    model = Sequential([Dense(3), BatchNormalization(), Dropout(0.5)])
    model.build((5,), 0)
    x = X.astype(np.float32)
    x.flags.writeable = False
    before, generator = model.parameters.copy(), model.layers[2].rng
    gradcheck(model, x)
    assert np.array_equal(model.parameters, before) and model.parameters.dtype == np.float32
    assert model.layers[2].rng is generator


def test_a_layer_that_is_not_built_is_built_on_a_copy():
    layer = Dense(3)
    assert gradcheck(layer, X).ok
    assert layer.input_shape is None


def test_the_table_can_be_read():
    text = str(gradcheck(Dense(3), X))
    for word in ("Dense(units=3", "x (4, 5)", "float64", "(5, 3)", "checked", "all gradients"):
        assert word in text


def test_the_report_of_a_loss_names_its_arguments():
    report = gradcheck(losses.KLToStandardNormal(), X, X / 2)
    assert [row.name for row in report.rows] == ["mean", "log_variance"]
    assert isinstance(losses.KLToStandardNormal(), Loss)
