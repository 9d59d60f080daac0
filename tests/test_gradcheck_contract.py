"""The whole contract of layers and losses, which gradcheck verifies besides the derivative."""

import numpy as np
import pytest
from integer_input import Table
from refusals import f32, model_of, refused, says

from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Dense, Flatten, Layer, TimeDistributed
from scratchnet.losses import Loss, MeanSquaredError, SoftmaxCrossEntropy
from scratchnet.optimizers import SGD
from scratchnet.training import predict, train_step

RNG = np.random.default_rng(0)


X = RNG.standard_normal((4, 5)) + 0.8  # float64, few negative entries


def complaint(*arguments, **options):
    """What gradcheck says against a subject: a report that is not ok, or a sentence."""
    try:
        report = gradcheck(*arguments, **options)
    except (TypeError, ValueError) as problem:
        return str(problem)
    assert not report.ok, f"gradcheck passed:\n{report}"
    return str(report)


class Double(Layer):
    """y = 2 x, right in every respect; the faulty layers below differ in one."""

    def forward(self, x, train=False):
        return 2 * x, None

    def backward(self, dy, cache):
        return 2 * dy, {}


class Single(Layer):
    """Computes in float32, whatever comes."""

    def build(self, input_shape, rng):
        self.add("W", f32(rng.host.standard_normal((input_shape[0], 3))))
        return (3,)

    def forward(self, x, train=False):
        return x.astype(np.float32) @ self.W.astype(np.float32), x

    def backward(self, dy, x):
        return dy @ self.W.T, {"W": x.T @ dy}


def test_gradcheck_names_float32_inside_as_the_cause():
    assert "BACKWARD IS WRONG" not in says(complaint(Single(), X), "float32")


class Rectifier(Layer):
    def forward(self, x, train=False):
        return np.maximum(x, 0), x

    def backward(self, dy, x):
        dy[x <= 0] = 0
        return dy, {}


class Clipper(Layer):
    def forward(self, x, train=False):
        x[x < 0] = 0
        return x, x

    def backward(self, dy, y):
        return dy * (y > 0), {}


class Square(Layer):
    def forward(self, x, train=False):
        return x * x, x.copy()

    def backward(self, dy, x):
        x *= 2
        x *= dy
        return x, {}


@pytest.mark.parametrize(
    ("layer", "words"),
    [(Rectifier, ["backward", r"\bdy\b"]), (Clipper, ["forward", r"\bx\b"]), (Square, ["cache"])],
)
def test_gradcheck_finds_layers_that_write_into_their_arguments(layer, words):
    says(complaint(layer(), X), "chang|writ", *words)


def test_gradcheck_blames_no_kink_where_a_layer_writes_into_x():
    assert "kinks: choose" not in complaint(Clipper(), X - 2)


def test_gradcheck_leaves_integer_input_as_it_is():
    ids = RNG.integers(0, 7, (3, 4))
    report = gradcheck(Table(), ids)
    assert report.ok and [row.name for row in report.rows] == ["E"]


def test_a_model_leaves_the_check_of_integer_input_to_its_first_layer():
    ids = RNG.integers(0, 7, (6, 4))
    model = model_of([Table(), Flatten(), Dense(2)], (4,))
    expected = model.layers[2](model.layers[0].E[ids].reshape(6, 8))
    np.testing.assert_array_equal(model(ids), expected)
    np.testing.assert_array_equal(predict(model, ids, batch_size=4), expected)
    train_step(model, SoftmaxCrossEntropy(), SGD(0.1), ids, ids[:, 0] % 2)
    refused(lambda: model_of([Dense(2)], (4,))(ids), "Dense", "float32")  # the layer's own rule


class SquareOfX(Double):
    def forward(self, x, train=False):
        self.x = x
        return x * x, None

    def backward(self, dy, cache):
        return 2 * self.x * dy, {}


def test_gradcheck_finds_what_is_stored_on_the_layer():
    says(complaint(SquareOfX(), X), r"\bstor|on the layer|interleav|cache")


class Averages(Double):
    """Changes its running average in forward, with and without a dependence of y on it."""

    factor = 0

    def build(self, input_shape, rng):
        self.state["moving_mean"] = np.zeros(input_shape)
        return input_shape

    def forward(self, x, train=False):
        self.state["moving_mean"] = 0.9 * self.state["moving_mean"] + 0.1 * x.mean(axis=0)
        return 2 * x + self.factor * self.state["moving_mean"], None


@pytest.mark.parametrize("factor", [0, 1])
def test_gradcheck_names_a_layer_whose_forward_changes_running_averages(factor):
    layer = Averages()
    layer.factor = factor
    model = model_of([Dense(3), layer], (5,))
    says(complaint(model, X), "Averages 'averages': .*moving_mean", "cache.*update_running_stats")
    assert str(complaint(layer, X[:, :3])).startswith("Averages 'averages': forward changes the")


class AveragesOnTheLayer(Double):
    def build(self, input_shape, rng):
        self.mean = np.zeros(input_shape)
        return input_shape

    def forward(self, x, train=False):
        self.mean = self.mean + x.mean(axis=0)
        return 2 * x + self.mean, None


def test_gradcheck_names_the_inner_layer_that_stores_an_attribute():
    model = model_of([Dense(3), AveragesOnTheLayer(name="inner")], (5,))
    says(complaint(model, X), "self.mean of AveragesOnTheLayer 'inner'", "update_running_stats")


class Centers(Double):
    """Subtracts the batch's mean and does not say that it needs the whole batch."""

    def forward(self, x, train=False):
        return x - x.mean(axis=0), None

    def backward(self, dy, cache):
        return dy - dy.mean(axis=0), {}


def test_gradcheck_finds_samples_that_depend_on_one_another():
    says(complaint(Centers(), X), "whole.batch|halves")


class DeclaredCenters(Centers):
    needs_whole_batch = True


def test_gradcheck_passes_a_layer_that_declares_its_need_of_the_whole_batch():
    assert gradcheck(DeclaredCenters(), X).ok


class Scaler(Double):
    def build(self, input_shape, rng):
        self.add("W", f32(rng.host.standard_normal(input_shape)))
        return input_shape

    def forward(self, x, train=False):
        y = x * self.W
        return y, (x, self.W.copy())

    def backward(self, dy, cache):
        x, W = cache
        self.W *= 0
        return dy * W, {"W": (dy * x).sum(axis=0)}


def test_gradcheck_finds_a_layer_that_writes_into_its_parameters():
    says(complaint(Scaler(), X), r"backward.*\bW\b|\bW\b.*backward", "chang|writ")


class OnlyY(Double):
    def forward(self, x, train=False):
        return 2 * x


class OnlyDx(Double):
    def backward(self, dy, cache):
        return 2 * dy


class ListOfGradients(Double):
    def backward(self, dy, cache):
        return 2 * dy, []


class ListOfRows(Double):
    def forward(self, x, train=False):
        return (2 * x).tolist(), None


class NoShape(Double):
    def build(self, input_shape, rng):
        self.add("W", f32(np.ones(input_shape)))


class OtherShape(Double):
    def build(self, input_shape, rng):
        return (2 * input_shape[0],)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (OnlyY, ["OnlyY", "forward", r"\(y, cache\)"]),
        (OnlyDx, ["OnlyDx", "backward", r"\(dx, grads\)"]),
        (ListOfGradients, ["ListOfGradients", "backward", "dict|name"]),
        (ListOfRows, ["ListOfRows", "forward", "array"]),
        (NoShape, ["NoShape", "build", "shape"]),
        (OtherShape, ["OtherShape", "build", r"\b10\b", r"\b5\b"]),
    ],
)
def test_gradcheck_explains_wrong_return_values(layer, words):
    says(complaint(layer(), X), *words)


class Summed(Loss):
    def forward(self, prediction, target):
        d = prediction - target
        return (d * d).sum(), d

    def backward(self, d):
        return 2 * d


class MeanSquare(Loss):
    def forward(self, prediction, target):
        d = prediction - target
        return (d * d).mean(), (d, prediction)

    def backward(self, cache):
        d, prediction = cache
        prediction *= 0
        return 2 * d / d.size


class SquaredError(Loss):
    def forward(self, prediction, target):
        self.d = prediction - target
        return (self.d**2).mean(), None

    def backward(self, cache):
        return 2 * self.d / self.d.size


class SingleLoss(Loss):
    def forward(self, prediction, target):
        d = (prediction - target).astype(np.float32)
        return (d * d).mean(), d

    def backward(self, d):
        return 2 * d / d.size


class OneEach(Loss):
    def forward(self, prediction, target):
        d = prediction - target
        return (d * d).mean(axis=1), d

    def backward(self, d):
        return 2 * d / d.shape[1]


class OnlyValue(Loss):
    def forward(self, prediction, target):
        return ((prediction - target) ** 2).mean()


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (Summed, ["mean", "sample"]),
        (MeanSquare, ["backward", "chang|writ"]),
        (SquaredError, ["stor|on the loss|interleav|cache"]),
        (SingleLoss, ["float32"]),
        (OneEach, ["OneEach", "forward", "one number|single number|a number|0-d"]),
        (OnlyValue, ["OnlyValue", "forward", r"\(value, cache\)"]),
    ],
)
def test_gradcheck_verifies_the_contract_of_a_loss(loss, words):
    says(complaint(loss(), X, 2 * X + 1), *words)


def test_an_embedding_inside_time_distributed_keeps_its_integers():
    model = model_of([TimeDistributed(Table())], (3, 4))
    ids = RNG.integers(0, 7, (2, 3, 4))
    np.testing.assert_array_equal(model(ids), model.layers[0].layer.E[ids])
    assert gradcheck(model, ids).ok


class Numbers(Layer):
    def check_input(self, x):
        pass

    def forward(self, x, train=False):
        return x * 0.5, None

    def backward(self, dy, cache):
        return None, {}


def test_an_empty_batch_and_a_subject_without_numbers_are_refused():
    refused(lambda: gradcheck(Double(), X[:0]), "empty", "at least one sample")
    refused(lambda: gradcheck(Numbers(), np.array([[1, 2]])), "nothing to check")


def test_a_model_and_its_loss_are_both_checked():
    t = X[:, :1]
    says(complaint(Dense(1), X, t, loss=Summed()), "mean", "sample")
    says(complaint(model_of([Dense(1), Rectifier()], (5,)), X, t, loss=MeanSquaredError()), "dy")
