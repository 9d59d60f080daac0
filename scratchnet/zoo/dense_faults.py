"""Faults in dense layers, activation functions and in layers that are used twice."""

from scratchnet.backend import ones, xp_of
from scratchnet.layers import Dense, Layer, ReLU, Sigmoid, Tanh
from scratchnet.numerics import sigmoid
from scratchnet.optimizers import Adam
from scratchnet.zoo.fault import Fault, catalogue


class PlainDense(Dense):
    """Dense with the three formulas of backward."""

    def backward(self, dy, x):
        return dy @ self.W.T, {"W": x.T @ dy, "b": dy.sum(axis=0)}


class BiasOfOneSample(PlainDense):
    """The bias gradient of the first sample only."""

    def backward(self, dy, x):
        return dy @ self.W.T, {"W": x.T @ dy, "b": dy[0]}


class NotTransposed(PlainDense):
    """W instead of W^T: the shapes fit, because W is square."""

    def backward(self, dy, x):
        return dy @ self.W, {"W": x.T @ dy, "b": dy.sum(axis=0)}


class TransposedWeights(PlainDense):
    """The gradient of W^T instead of that of W: the shapes fit, because W is square."""

    def backward(self, dy, x):
        return dy @ self.W.T, {"W": dy.T @ x, "b": dy.sum(axis=0)}


class MeanOfMean(PlainDense):
    """A division by N, which the loss contains already."""

    def backward(self, dy, x):
        return dy @ self.W.T, {"W": x.T @ dy / len(x), "b": dy.sum(axis=0)}


class PlainReLU(ReLU):
    """ReLU, whose cache is y."""

    def backward(self, dy, y):
        return dy * (y > 0), {}


class NoMask(PlainReLU):
    """The gradient passes everywhere."""

    def backward(self, dy, y):
        return dy, {}


class MaskOfGradient(PlainReLU):
    """The sign of dy, instead of that of y, decides."""

    def backward(self, dy, y):
        return dy * (dy > 0), {}


class PlainSigmoid(Sigmoid):
    """Sigmoid, whose cache is y."""

    def forward(self, x, train=False):
        y = sigmoid(x)
        return y, y

    def backward(self, dy, y):
        return dy * y * (1 - y), {}


class SlopeOfX(PlainSigmoid):
    """The slope y (1 - y), computed from x."""

    def forward(self, x, train=False):
        return sigmoid(x), x

    def backward(self, dy, x):
        return dy * x * (1 - x), {}


class SigmoidTwice(PlainSigmoid):
    """The sigmoid applied to y, which is the sigmoid of x already."""

    def backward(self, dy, y):
        s = sigmoid(y)
        return dy * s * (1 - s), {}


class PlainTanh(Tanh):
    """Tanh, whose cache is y."""

    def backward(self, dy, y):
        return dy * (1 - y**2), {}


class TanhWithoutSquare(PlainTanh):
    """The slope 1 - y instead of 1 - y^2."""

    def backward(self, dy, y):
        return dy * (1 - y), {}


class Residual(Layer):
    """Residual block with a shortcut: y = x + tanh(x W + b)."""

    def build(self, input_shape, rng):
        self.children = {"inner": PlainDense(input_shape[0])}
        return self.children["inner"].build(input_shape, rng)

    def forward(self, x, train=False):
        a, inner_cache = self.children["inner"].forward(x)
        t = xp_of(a).tanh(a)
        return x + t, (inner_cache, t)

    def backward(self, dy, cache):
        inner_cache, t = cache
        dx, grads = self.children["inner"].backward(dy * (1 - t**2), inner_cache)
        return dy + dx, {f"inner/{name}": g for name, g in grads.items()}


class NoShortcut(Residual):
    """The gradient of the shortcut is missing."""

    def backward(self, dy, cache):
        inner_cache, t = cache
        dx, grads = self.children["inner"].backward(dy * (1 - t**2), inner_cache)
        return dx, {f"inner/{name}": g for name, g in grads.items()}


class Tied(Layer):
    """One layer f(x) = tanh(x W) used twice, y = f(f(x)): dW is the sum over both uses."""

    def build(self, input_shape, rng):
        self.add("W", Dense(input_shape[0]).initializer(rng, (input_shape[0],) * 2))
        return input_shape

    def forward(self, x, train=False):
        xp = xp_of(x)
        y1 = xp.tanh(x @ self.W)
        y2 = xp.tanh(y1 @ self.W)
        return y2, (x, y1, y2)

    def backward(self, dy, cache):
        x, y1, y2 = cache
        da = dy * (1 - y2**2)
        dW = y1.T @ da
        da = da @ self.W.T * (1 - y1**2)
        dW = dW + x.T @ da
        return da @ self.W.T, {"W": dW}


class LastUse(Tied):
    """The gradient of the second use is overwritten by that of the first."""

    def backward(self, dy, cache):
        x, y1, y2 = cache
        da = dy * (1 - y2**2)
        dW = y1.T @ da
        da = da @ self.W.T * (1 - y1**2)
        dW = x.T @ da
        return da @ self.W.T, {"W": dW}


class GlorotDense(Dense):
    """Dense with its usual initial weights, uniform within sqrt(6 / (D + M))."""

    def build(self, input_shape, rng):
        d, m = input_shape[0], self.units
        limit = (6 / (d + m)) ** 0.5
        self.add("W", limit * (2 * rng.uniform(ones((d, m))) - 1))
        self.add("b", 0 * ones((m,)))
        return (m,)


class EqualWeights(GlorotDense):
    """Equal initial weights: all units of a layer stay equal for ever."""

    def build(self, input_shape, rng):
        d, m = input_shape[0], self.units
        self.add("W", 0.1 * ones((d, m)))
        self.add("b", 0 * ones((m,)))
        return (m,)


class LargeWeights(GlorotDense):
    """Standard normal initial weights, whatever the number of inputs is."""

    def build(self, input_shape, rng):
        d, m = input_shape[0], self.units
        self.add("W", rng.normal(like=ones((d, m))))
        self.add("b", 0 * ones((m,)))
        return (m,)


def _square(kind):
    """A network with a square layer of this kind in the middle."""
    return {"layers": [Dense(64), ReLU(), kind(64), ReLU(), Dense(10)]}


def _all(kind):
    return {"layers": [kind(64), ReLU(), kind(64), ReLU(), kind(10)]}


def _activation(kind):
    return {"layers": [Dense(64), kind(), Dense(64), kind(), Dense(10)]}


def _sigmoids(kind):
    return _activation(kind) | {"optimizer": Adam(0.01)}


def _inside(kind):
    return {"layers": [Dense(64), Tanh(), kind(), Dense(10)]}


BOOK = "first backward passes by hand, where shapes are the only check"
SLOPES = "activation functions by hand, when the derivative is copied from a table"
FAULTS = catalogue(
    Fault(
        "bias_of_one_sample",
        "bias gradient of one sample, not summed over the batch",
        BOOK,
        PlainDense,
        BiasOfOneSample,
        "digits",
        _all,
    ),
    Fault(
        "not_transposed",
        "dx = dy W instead of dy W^T, for a square W",
        BOOK,
        PlainDense,
        NotTransposed,
        "digits",
        _square,
    ),
    Fault(
        "transposed_weights",
        "dW transposed, for a square W",
        BOOK,
        PlainDense,
        TransposedWeights,
        "digits",
        _square,
    ),
    Fault(
        "mean_of_mean",
        "dW divided by N in the layer and in the loss",
        "layers and losses from two sources, each with its own 1/N",
        PlainDense,
        MeanOfMean,
        "digits",
        _all,
    ),
    Fault(
        "relu_without_mask",
        "ReLU whose gradient passes everywhere",
        SLOPES,
        PlainReLU,
        NoMask,
        "digits",
        _activation,
    ),
    Fault(
        "relu_mask_of_gradient",
        "ReLU with the mask dy > 0 instead of y > 0",
        SLOPES,
        PlainReLU,
        MaskOfGradient,
        "digits",
        _activation,
    ),
    Fault(
        "sigmoid_slope_of_x",
        "sigmoid slope x (1 - x) instead of y (1 - y)",
        SLOPES,
        PlainSigmoid,
        SlopeOfX,
        "digits",
        _sigmoids,
    ),
    Fault(
        "sigmoid_twice",
        "sigmoid slope of y, as if y were x",
        SLOPES,
        PlainSigmoid,
        SigmoidTwice,
        "digits",
        _sigmoids,
    ),
    Fault(
        "tanh_without_square",
        "tanh slope 1 - y instead of 1 - y^2",
        SLOPES,
        PlainTanh,
        TanhWithoutSquare,
        "digits",
        _activation,
    ),
    Fault(
        "no_shortcut",
        "residual block without the gradient of its shortcut",
        "residual blocks by hand",
        Residual,
        NoShortcut,
        "digits",
        _inside,
    ),
    Fault(
        "last_use_wins",
        "a layer used twice: gradients overwritten, not added",
        "tied weights with a dictionary of gradients",
        Tied,
        LastUse,
        "digits",
        _inside,
    ),
    Fault(
        "equal_weights",
        "all weights initialized to one value",
        "initial weights written as zeros or ones",
        GlorotDense,
        EqualWeights,
        "digits",
        _all,
    ),
    Fault(
        "large_weights",
        "standard normal initial weights",
        "a random normal matrix without a factor 1 / sqrt(D)",
        GlorotDense,
        LargeWeights,
        "digits",
        _all,
    ),
)
