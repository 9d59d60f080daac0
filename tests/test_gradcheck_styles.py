"""Right layers in many styles: gradcheck raises no false alarm.

Each formula is written with each kind of cache and of arithmetic that a reader may choose.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
import pytest
from integer_input import Table
from refusals import f32

from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Layer
from scratchnet.losses import Loss

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 5))


class Named(NamedTuple):
    x: np.ndarray
    y: np.ndarray
    W: object = None


@dataclasses.dataclass
class Saved:
    x: np.ndarray
    y: np.ndarray
    W: object = None


KINDS = {  # of cache: (how to make it from x and y, how to get both back)
    "tuple": (lambda x, y: (x, y), lambda c: c),
    "list": (lambda x, y: [x, y], lambda c: c),
    "dict": (lambda x, y: {"x": x, "y": y}, lambda c: (c["x"], c["y"])),
    "named": (Named, lambda c: (c.x, c.y)),
    "object": (Saved, lambda c: (c.x, c.y)),
    "nested": (lambda x, y: ((x,), {"y": [y]}), lambda c: (c[0][0], c[1]["y"][0])),
    "copies": (lambda x, y: (x.copy(), y.copy()), lambda c: c),
    "function": (lambda x, y: lambda: (x, y), lambda c: c()),
}


class Styled(Layer):
    """f(x) with a cache of one kind, computed in place on arrays of the layer's own."""

    kind, weights = "tuple", {}

    def build(self, input_shape, rng):
        for name, shape in self.weights.items():
            self.add(name, f32(rng.host.standard_normal(shape) + 0.5))
        return self.output(input_shape)

    def output(self, input_shape):
        return input_shape

    def forward(self, x, train=False):
        y = self.f(x)
        return y, KINDS[self.kind][0](x, y)

    def backward(self, dy, cache):
        x, y = KINDS[self.kind][1](cache)
        return self.df(dy, x, y)


class Logistic(Styled):
    def f(self, x):
        y = np.negative(x)
        np.exp(y, out=y)
        y += 1
        np.reciprocal(y, out=y)
        return y

    def df(self, dy, x, y):
        dx = 1 - y
        dx *= y
        dx *= dy
        return dx, {}


class Rectified(Styled):
    def f(self, x):
        y = x.copy()
        y[y < 0] = 0
        return y

    def df(self, dy, x, y):
        dx = dy.copy()
        dx[x <= 0] = 0
        return dx, {}


class Affine(Styled):
    weights = {"W": (5, 3), "b": (3,)}

    def output(self, input_shape):
        return (3,)

    def f(self, x):
        y = np.empty((len(x), 3), x.dtype)
        np.matmul(x, self.W, out=y)
        y += self.b
        return y

    def df(self, dy, x, y):
        dW = np.zeros_like(self.W)
        for n in range(len(x)):
            dW += np.outer(x[n], dy[n])
        return np.einsum("nm,dm->nd", dy, self.W), {"b": np.ones(len(dy)) @ dy, "W": dW}


class Normalized(Styled):
    """A softmax, from logarithms."""

    def f(self, x):
        y = x - x.max(axis=1, keepdims=True)
        y -= np.log(np.exp(y).sum(axis=1))[:, None]
        return np.exp(y)

    def df(self, dy, x, y):
        jacobian = y[:, :, None] * (np.eye(y.shape[1]) - y[:, None])
        return np.einsum("nij,nj->ni", jacobian, dy), {}


class Halves(Styled):
    """(a, b) -> a tanh(b), from the two halves of the features."""

    weights = {"s": ()}

    def output(self, input_shape):
        return (2,)

    def f(self, x):
        return self.s * x[:, :2] * np.tanh(x[:, 2:4])

    def df(self, dy, x, y):
        a, t = x[:, :2], np.tanh(x[:, 2:4])
        dx = np.zeros_like(x)
        dx[:, :2] += self.s * dy * t
        dx[:, 2:4] += self.s * dy * a * (1 - t * t)
        return dx, {"s": np.array((dy * a * t).sum())}


FORMULAS = [Logistic, Rectified, Affine, Normalized, Halves]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_with_any_kind_of_cache_passes(formula, kind):
    layer = formula()
    layer.kind = kind
    passes(layer, X)


def passes(layer, x, *arguments):
    report = gradcheck(layer, x, *arguments)
    assert report.ok, f"\n{report}"
    assert not any(row.cause for row in report.rows)


# ------------------------------------------------------------------------------- special layers


class Same(Layer):
    """Returns x itself, and dy itself."""

    def forward(self, x, train=False):
        return x, None

    def backward(self, dy, cache):
        return dy, {}


class View(Layer):
    """Returns views: columns in reverse order."""

    def forward(self, x, train=False):
        return x[:, ::-1], None

    def backward(self, dy, cache):
        return dy[:, ::-1], {}


class Broadcast(Layer):
    """A gradient that is a read-only view, repeated by broadcasting."""

    def forward(self, x, train=False):
        return x.sum(axis=1, keepdims=True), x.shape

    def backward(self, dy, shape):
        return np.broadcast_to(dy, shape), {}


class Constants(Layer):
    """Float32 constants, and a float32 mask: the products have the precision of x."""

    def forward(self, x, train=False):
        mask = (x > 0).astype(np.float32)
        return x * mask * np.full(5, 0.3, np.float32), mask

    def backward(self, dy, mask):
        return dy * mask * np.full(5, 0.3, np.float32), {}


class Float32Mask(Layer):
    """Sorts in float32, gathers in float64."""

    def forward(self, x, train=False):
        order = np.argsort(x.astype(np.float32), axis=1)
        return np.take_along_axis(x, order, axis=1), order

    def backward(self, dy, order):
        dx = np.empty_like(dy)
        np.put_along_axis(dx, order, dy, axis=1)
        return dx, {}


class Recomputes(Layer):
    """Caches x only, computes y again."""

    def forward(self, x, train=False):
        return np.tanh(x), x

    def backward(self, dy, x):
        return dy - dy * np.tanh(x) ** 2, {}


class Noise(Layer):
    needs_whole_batch = True

    def forward(self, x, train=False):
        factor = 1 + self.rng.normal(like=x)
        return x * factor, factor

    def backward(self, dy, factor):
        return dy * factor, {}


class Pair(Layer):
    """Two outputs."""

    def forward(self, x, train=False):
        return (np.sin(x), x.sum(axis=1)), x

    def backward(self, dy, x):
        return dy[0] * np.cos(x) + dy[1][:, None], {}


class Three(Layer):
    """Three outputs, one of them integers."""

    def forward(self, x, train=False):
        best = x.argmax(axis=1)
        return (x.max(axis=1), best, 2 * x), best

    def backward(self, dy, best):
        dx = 2 * dy[2]
        dx[np.arange(len(dx)), best] += dy[0]
        return dx, {}


class OneHotTable(Table):
    def backward(self, dy, x):
        one_hot = (x[..., None] == np.arange(7)).astype(dy.dtype)
        return None, {"E": np.tensordot(one_hot, dy, axes=(tuple(range(x.ndim)),) * 2)}


class BagOfWords(Table):
    def build(self, input_shape, rng):
        super().build(input_shape, rng)
        return self.E.shape[1:]

    def forward(self, x, train=False):
        return self.E[x].sum(axis=1), x

    def backward(self, dy, x):
        dE = np.zeros_like(self.E)
        for column in x.T:
            np.add.at(dE, column, dy)
        return None, {"E": dE}


class InputAndInteger(Layer):
    """A floating and an integer input."""

    def check_input(self, x):
        pass

    def forward(self, x, train=False):
        a, factor = x
        return a * factor, factor

    def backward(self, dy, factor):
        return (dy * factor, None), {}


class Unused(Layer):
    """A parameter and columns of x that y does not depend on."""

    def build(self, input_shape, rng):
        self.add("w", f32(np.ones(3)))
        return (2,)

    def forward(self, x, train=False):
        return 2 * x[:, :2], x.shape

    def backward(self, dy, shape):
        dx = np.zeros(shape)
        dx[:, :2] = 2 * dy
        return dx, {"w": np.zeros(3)}


SPECIAL = [Same, View, Broadcast, Constants, Float32Mask, Recomputes, Noise, Pair, Three]
IDS = RNG.integers(0, 7, (4, 5))


@pytest.mark.parametrize("kind", [*SPECIAL, Unused])
def test_a_layer_in_a_special_style_passes(kind):
    passes(kind(), X)


@pytest.mark.parametrize("kind", [Table, OneHotTable, BagOfWords])
def test_a_layer_with_integer_input_passes(kind):
    passes(kind(), IDS)


def test_a_layer_with_a_floating_and_an_integer_input_passes():
    passes(InputAndInteger(), (X, IDS))


def test_at_least_fifty_right_layers_are_checked():
    assert len(FORMULAS) * len(KINDS) + len(SPECIAL) + 5 >= 50


class SquaredInPlace(Loss):
    def forward(self, prediction, target):
        d = prediction - target
        d **= 2
        return d.sum() / len(d), {"d": prediction - target}

    def backward(self, cache):
        d = cache["d"].copy()
        d *= 2
        d /= len(d)
        return d


class FromThePrediction(Loss):
    def forward(self, prediction, target):
        return np.abs(prediction - target).mean(), [prediction, target]

    def backward(self, cache):
        return np.sign(cache[0] - cache[1]) / cache[0].size


@pytest.mark.parametrize("loss", [SquaredInPlace, FromThePrediction])
def test_a_loss_in_another_style_passes(loss):
    passes(loss(), X, RNG.random((4, 5)))


class RoundsInside(Layer):
    """Right, but computed in float32: the report says so, not that the gradient is wrong."""

    def forward(self, x, train=False):
        return (np.sin(x.astype(np.float32)) * 3).astype(x.dtype), x

    def backward(self, dy, x):
        return 3 * dy * np.cos(x), {}


def test_rounding_to_float32_inside_is_named_and_is_no_wrong_gradient():
    with pytest.raises(TypeError, match="RoundsInside: forward computes in float32 inside"):
        gradcheck(RoundsInside(), X)
