"""Causes that the entries of a wrong gradient show: factors, transposes, missing sums."""

import numpy as np
import pytest
from faults import IMAGES, STEPS, Faults, X, changed, check, compare

from scratchnet.gradcheck import gradcheck
from scratchnet.layers import GRU, LSTM, Conv2D, Dense, SimpleRNN

fault = Faults()


FACTORS = {
    "MeanForSum": (Dense, X, lambda g, n: g / n, "b", "1/4 times .* batch size N"),
    "SumForMean": (Dense, X, lambda g, n: g * n, "W", "is 4 times .* batch size N"),
    "Sign": (Dense, X, lambda g: -g, "W", "sign is wrong"),
    "Two": (Dense, X, lambda g: 2 * g, "W", "is 2 times the right value"),
    "Half": (Dense, X, lambda g: g / 2, "W", "is 1/2 times the right value"),
    "NegativeN": (Dense, X, lambda g, n: -g / n, "W", "-1/4 times .* batch size N"),
    "Other": (Dense, X, lambda g: 1.37 * g, "W", "1.37 times the right value: a constant"),
    "Pixels": (Conv2D, IMAGES, lambda g: g / 20, "W", "1/20 times .* number of pixels of x"),
    "OutputPixels": (Conv2D, IMAGES, lambda g: g / 9, "b", "1/9 times .* pixels of y"),
    "Steps": (SimpleRNN, STEPS, lambda g: g / 6, "W", "1/6 times .* number of time steps"),
    "NotANumber": (Dense, X, lambda g: g * np.nan, "W", "NaN or infinity"),
    "Zeros": (Dense, X, lambda g: 0 * g, "W", "returns zeros"),
    "KernelFlipped": (Conv2D, IMAGES, lambda g: g[::-1, ::-1], "W", "flipped along the axes"),
    "KernelTransposed": (Conv2D, IMAGES, lambda g: g.transpose(1, 0, 2, 3), "W", "transpose"),
    "Reversed": (SimpleRNN, STEPS, lambda g: g[:, ::-1], "x", "time steps are in reverse order"),
    "Shifted": (Conv2D, IMAGES, lambda g: np.roll(g, 1, 1), "x", "shifted by one along axis 1"),
    "Single": (Dense, X, lambda g: g.astype("f").astype("d"), "W", "computes in float32"),
    "Keepdims": (Dense, X, lambda g: g[None], "b", "not their shape: return .* shape \\(3,\\)"),
    "TooManySums": (Dense, X, lambda g: g.sum(axis=0), "W", "summed over too many axes"),
    "Averaged": (Dense, X, lambda g: g * np.eye(5)[0, :, None], "W", "only rows 0 .* right"),
}
KERNEL = {Conv2D: (2, (3, 2)), SimpleRNN: (3,), Dense: (3,)}


@pytest.mark.parametrize("name", FACTORS)
def test_a_change_of_one_gradient_is_named(name):
    kind, x, change, array, pattern = FACTORS[name]
    options = (2, 2) if name == "KernelTransposed" else KERNEL[kind]
    layer = changed(kind, change, array)(*options)
    if name == "Single":
        report = gradcheck(layer, x, tolerance=1e-12)
    else:
        report = gradcheck(layer, x)
    assert not report.ok
    causes = {row.name: row.cause for row in report.rows if row.verdict != "ok"}
    if name == "Single":
        causes = {array: causes[array]}
    compare(causes, {array: pattern}, report)


# ------------------------------------------------------------------------- transposes, sums, gates


@fault(X, {"W": "transposed: return its transpose"}, 3)
class TransposedShape(Dense):
    def backward(self, dy, x):
        return dy @ self.W.T, {"W": dy.T @ x, "b": dy.sum(axis=0)}


@fault(X, {"W": "transposed: return its transpose"}, 5)
class TransposedSquare(Dense):
    def backward(self, dy, x):
        return dy @ self.W.T, {"W": dy.T @ x, "b": dy.sum(axis=0)}


@fault(X, {"b": "sum dy over axis 0$"}, 3)
class BatchNotSummed(Dense):
    def backward(self, dy, x):
        return dy @ self.W.T, {"W": x.T @ dy, "b": dy}


@fault(X, {"W": "sum over the batch is missing"}, 3)
class WeightsPerSample(Dense):
    def backward(self, dy, x):
        return dy @ self.W.T, {"W": x[:, :, None] * dy[:, None], "b": dy.sum(axis=0)}


@fault(IMAGES, {"b": "sum dy over all axes but the last, \\(0, 1, 2\\)"}, 2, 2)
class PartOfTheSum(Conv2D):
    def backward(self, dy, cache):
        dx, grads = super().backward(dy, cache)
        return dx, grads | {"b": dy.sum(axis=2)}


@fault(X, {"b": "no 'b' in grads"}, 3)
class NoBias(Dense):
    def backward(self, dy, x):
        return dy @ self.W.T, {"W": x.T @ dy}


@fault(X, {"x": "None as dx"}, 3)
class NoInput(Dense):
    def backward(self, dy, x):
        return None, {"W": x.T @ dy, "b": dy.sum(axis=0)}


def blocks(order):
    def change(g):
        parts = np.split(g, len(order), axis=-1)
        return np.concatenate([parts[i] for i in order], axis=-1)

    return change


@fault(STEPS, {n: "wrong gate: gate 0 contains .* gate 1, gate 1 .* gate 0" for n in "WUb"}, 3)
class GatesExchanged(changed(LSTM, blocks([1, 0, 2, 3]), "W", "U", "b")):
    pass


@fault(STEPS, {n: "wrong gate: gate 1 contains the gradient of gate 0" for n in "WU"}, 3)
class GateTwice(changed(GRU, blocks([0, 0, 2]), "W", "U")):
    pass


def wrong_gate(g):
    g = g.copy()
    g[..., 3:6] *= 1 + np.arange(3)
    return g


@fault(STEPS, {"W": r"only the gradient of gate 1 \(columns"}, 3)
class OneGate(changed(LSTM, wrong_gate, "W")):
    pass


@pytest.mark.parametrize("kind, options, keywords, x, expected", fault)
def test_a_wrong_layer_gets_its_sentence(kind, options, keywords, x, expected):
    check(kind, options, keywords, x, expected)
