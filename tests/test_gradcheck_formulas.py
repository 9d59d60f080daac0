"""Causes that x, y and dy show: masks, slopes, missing terms."""

import numpy as np
import pytest
from faults import IMAGES, RNG, Faults, X, check
from refusals import f32

from scratchnet.layers import (
    AveragePooling2D,
    BatchNormalization,
    Dropout,
    Layer,
    LayerNormalization,
    MaxPooling2D,
    ReLU,
    Sampling,
    Sigmoid,
    Softmax,
    Tanh,
)
from scratchnet.numerics import sigmoid

fault = Faults()


@fault(X, {"x": "mask is inverted"})
class InvertedMask(ReLU):
    def backward(self, dy, y):
        return dy * (y <= 0), {}


@fault(X, {"x": "mask is missing"})
class MissingMask(ReLU):
    def backward(self, dy, y):
        return dy, {}


@fault(X, {"x": "mask is taken from dy"})
class MaskOfDy(ReLU):
    def backward(self, dy, y):
        return dy * (dy > 0), {}


@fault(IMAGES[:, :4], {"x": "mask is missing"}, 2)
class PoolToAll(MaxPooling2D):
    def backward(self, dy, cache):
        return dy.repeat(2, axis=1).repeat(2, axis=2), {}


@fault(IMAGES[:, :4], {"x": "is 4 times the right value, and 4 is .*pool_size"}, 2)
class PoolWithoutMean(AveragePooling2D):
    def backward(self, dy, cache):
        return dy.repeat(2, axis=1).repeat(2, axis=2), {}


@fault(X, {"x": "0.8 times the right value, and 0.8 is 1 - rate"}, 0.2)
class DropoutWithoutScale(Dropout):
    def backward(self, dy, mask):
        return super().backward(dy, mask)[0] * 0.8, {}


@fault(X, {"x": r"x \(1 - x\) is computed from x"})
class SlopeOfX(Sigmoid):
    def forward(self, x, train=False):
        return super().forward(x, train)[0], x

    def backward(self, dy, x):
        return dy * x * (1 - x), {}


@fault(X, {"x": "applied to y again"})
class SigmoidTwice(Sigmoid):
    def backward(self, dy, y):
        s = 1 / (1 + np.exp(-y))
        return dy * s * (1 - s), {}


@fault(X, {"x": r"slope 1 - x\^2 is computed from x"})
class TanhOfX(Tanh):
    def forward(self, x, train=False):
        return super().forward(x, train)[0], x

    def backward(self, dy, x):
        return dy * (1 - x * x), {}


@fault(X, {"x": "returns dy as it is"})
class NoSlope(Sigmoid):
    def backward(self, dy, y):
        return dy, {}


@fault(X, {"x": "factor dy is missing"})
class NoChainRule(Sigmoid):
    def backward(self, dy, y):
        return y * (1 - y), {}


@fault(X, {"x": "factor 1 - y is missing"})
class HalfASlope(Sigmoid):
    def backward(self, dy, y):
        return dy * y, {}


class Scale(Layer):
    """y = a x + b."""

    def build(self, input_shape, rng):
        self.add("a", f32(rng.host.standard_normal(input_shape) + 2))
        self.add("b", f32(rng.host.standard_normal(input_shape)))
        return input_shape

    def forward(self, x, train=False):
        return x * self.a + self.b, x

    def backward(self, dy, x):
        return dy * self.a, {"a": (dy * x).sum(axis=0), "b": dy.sum(axis=0)}


@fault(X, {"x": "factor a is missing|dy as it is"})
class ScaleWithoutA(Scale):
    def backward(self, dy, x):
        return dy, super().backward(dy, x)[1]


@fault(X, {"x": "factor a is one too many"})
class ScaleWithASquared(Scale):
    def backward(self, dy, x):
        return dy * self.a**2, super().backward(dy, x)[1]


@fault(X, {"a": "gradients of a and b are exchanged", "b": "gradients of b and a are exchanged"})
class Exchanged(Scale):
    def backward(self, dy, x):
        dx, grads = super().backward(dy, x)
        return dx, {"a": grads["b"], "b": grads["a"]}


@fault(X, {"a": "this is the gradient of b"})
class TheOther(Scale):
    def backward(self, dy, x):
        dx, grads = super().backward(dy, x)
        return dx, {"a": grads["b"], "b": grads["b"]}


# --------------------------------------------------------------------------------- missing terms


class Residual(Layer):
    def forward(self, x, train=False):
        return x + np.sin(x), x

    def backward(self, dy, x):
        return dy * (1 + np.cos(x)), {}


@fault(X, {"x": "lacks 1 x dy"})
class NoShortcut(Residual):
    def backward(self, dy, x):
        return dy * np.cos(x), {}


class SiLU(Layer):
    """y = x s(beta x), as in CONTRIBUTING.md."""

    beta = 1.3
    signs = 1, 1

    def forward(self, x, train=False):
        s = sigmoid(self.beta * x)
        return x * s, (x, s)

    def backward(self, dy, cache):
        (x, s), (a, b) = cache, self.signs
        return dy * (a * s + b * self.beta * x * s * (1 - s)), {}


@fault(X, {"x": r"y = x g\(x\).*the second term is missing"})
class NoSecondTerm(SiLU):
    signs = 1, 0


@fault(X, {"x": "the second term has the wrong sign"})
class SignOfSecondTerm(SiLU):
    signs = 1, -1


@fault(X, {"x": "the second term is 0.769231 times the right value"})
class NoBeta(SiLU):
    signs = 1, 1 / 1.3


@fault(X, {"x": "the first term is missing"})
class NoFirstTerm(SiLU):
    signs = 0, 1


@fault(X, {"x": "the first term has the wrong sign"})
class SignOfFirstTerm(SiLU):
    signs = -1, 1


@fault(X, {"x": "^$"})
class NoInnerDerivative(SiLU):
    def backward(self, dy, cache):
        x, s = cache
        return dy * (s + self.beta * x * s), {}


@fault(X, {"x": "^$"})
class HalfOfASquare(Sigmoid):
    """y = s(x)^2 is no product with x."""

    def forward(self, x, train=False):
        s = sigmoid(x)
        return s * s, s

    def backward(self, dy, s):
        return dy * s * s, {}


@fault(X, {"x": r"lacks -1 x y sum\(dy y\)"})
class DiagonalSoftmax(Softmax):
    def backward(self, dy, y):
        return dy * y, {}


@fault(RNG.standard_normal((6, 3)), {"x": "terms through the mean and the variance over the batch"})
class ConstantStatistics(BatchNormalization):
    def backward(self, dy, cache):
        x_hat, inv_std, _ = cache
        return super().backward(dy, (x_hat, inv_std, None))


class _PartOfStatistics(BatchNormalization):
    mean = variance = 1.0

    def backward(self, dy, cache):
        x_hat, inv_std, _ = cache
        d, grads = self._gradients(dy, x_hat)
        mean, product = d.mean(axis=0), (d * x_hat).mean(axis=0)
        return inv_std * (d - self.mean * mean - self.variance * x_hat * product), grads


@fault(RNG.standard_normal((6, 3)), {"x": "term through the mean over the batch"})
class NoMeanTerm(_PartOfStatistics):
    mean = 0


@fault(RNG.standard_normal((6, 3)), {"x": "term through the variance over the batch"})
class NoVarianceTerm(_PartOfStatistics):
    variance = 0


@fault(RNG.standard_normal((6, 3)), {"x": "term through the variance .* wrong factor"})
class WrongN(_PartOfStatistics):
    variance = 6 / 5


@fault(RNG.standard_normal((3, 6)), {"x": "over the last axis"})
class ConstantLayerStatistics(LayerNormalization):
    def backward(self, dy, cache):
        x_hat, inv_std = cache[:2]
        d, grads = self._gradients(dy, x_hat)
        return inv_std * d, grads


@fault(X[:, :4], {"x": "columns 2, 3 .*wrong|columns 0, 1 .*right"})
class NoLogVariance(Sampling):
    def backward(self, dz, cache):
        dx, _ = super().backward(dz, cache)
        mu, log_var, _ = cache
        dx[:, 2:] = (np.exp(log_var) - 1) / (2 * len(mu))
        return dx, {}


@pytest.mark.parametrize("kind, options, keywords, x, expected", fault)
def test_a_wrong_layer_gets_its_sentence(kind, options, keywords, x, expected):
    check(kind, options, keywords, x, expected)
