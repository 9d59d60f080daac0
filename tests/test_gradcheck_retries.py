"""Causes that further calls of backward show: one sample, one time step, one use, new noise."""

import numpy as np
import pytest
from faults import IMAGES, STEPS, Faults, X, check
from integer_input import Table
from refusals import f32

from scratchnet.layers import (
    ActivityRegularization,
    Conv2D,
    Dense,
    Dropout,
    GaussianNoise,
    Layer,
)

fault = Faults()


@fault(X, {"x": "multiplies by W the wrong way round"}, 5)
class WeightNotTransposed(Dense):
    def backward(self, dy, x):
        return dy @ self.W, {"W": x.T @ dy, "b": dy.sum(axis=0)}


@fault(X, {"b": "only the first sample"}, 3)
class FirstSample(Dense):
    def backward(self, dy, x):
        return dy @ self.W.T, {"W": x.T @ dy, "b": dy[0]}


@fault(X, {"W": "only the last sample"}, 3)
class LastSample(Dense):
    def backward(self, dy, x):
        return dy @ self.W.T, {"W": np.outer(x[-1], dy[-1]), "b": dy.sum(axis=0)}


@fault(X, {"x": "two calls of backward with one cache differ"}, 0.5)
class FreshMask(Dropout):
    def backward(self, dy, mask):
        return super().backward(dy, self.forward(dy, True)[1])


@fault(X, {"x": "gradient of the penalty is missing"}, l1=0.1)
class NoPenalty(ActivityRegularization):
    def backward(self, dy, x):
        return dy, {}


@fault(IMAGES, {"x": "kernel W is not turned"}, 2, 3)
class KernelNotTurned(Conv2D):
    def backward(self, dy, cache):
        x = IMAGES.shape[1:]
        dx = np.zeros((len(dy), *x))
        for i, j in np.ndindex(dy.shape[1:3]):
            dx[:, i : i + 3, j : j + 3] += np.einsum("nf,uvcf->nuvc", dy[:, i, j], self.W)[
                :, ::-1, ::-1
            ]
        return dx, super().backward(dy, cache)[1]


class Recurrent(Layer):
    """h_t = tanh(x_t W + h_{t-1} U), all steps; `fault` selects an error of backward."""

    fault = ""

    def build(self, input_shape, rng):
        t, d = input_shape
        self.add("W", f32(rng.host.standard_normal((d, 2))))
        self.add("U", f32(rng.host.standard_normal((2, 2))))
        return (t, 2)

    def forward(self, x, train=False):
        h, hs = np.zeros((len(x), 2)), []
        for t in range(x.shape[1]):
            h = np.tanh(x[:, t] @ self.W + h @ self.U)
            hs.append(h)
        return np.stack(hs, axis=1), (x, np.stack(hs, axis=1))

    def backward(self, dy, cache):
        x, hs = cache
        dh, dx, dW, dU = 0, np.zeros_like(x), 0, 0
        for t in reversed(range(x.shape[1])):
            before = hs[:, t - 1] if t else 0 * hs[:, 0]
            da = (dy[:, t] + dh) * (1 - hs[:, t] ** 2)
            dW, dU = (0, 0) if self.fault == "assigned" else (dW, dU)
            dx[:, t], dh = da @ self.W.T, 0 if self.fault == "cut" else da @ self.U.T
            dW, dU = dW + x[:, t].T @ da, dU + before.T @ da
        return dx, {"W": dW, "U": dU}


@fault(STEPS, {n: "backpropagation through time is cut" for n in "xWU"})
class Truncated(Recurrent):
    fault = "cut"


@fault(STEPS, {n: "only time step 0 is used" for n in "WU"})
class Assigned(Recurrent):
    fault = "assigned"


class TwoUses(Layer):
    """The same layer twice: y = f(f(x))."""

    def __init__(self):
        super().__init__()
        self.children = {"f": Dense(5)}

    def build(self, input_shape, rng):
        return self.children["f"].build(input_shape, rng)

    def forward(self, x, train=False):
        y1, cache1 = self.children["f"].forward(x)
        y2, cache2 = self.children["f"].forward(y1)
        return y2, (cache1, cache2)

    def backward(self, dy, cache):
        grads = {}
        for c in reversed(cache):
            dy, g = self.children["f"].backward(dy, c)
            grads |= {f"f/{name}": value for name, value in g.items()}
        return dy, grads


@fault(X, {n: "only use 1 of 2 of the layer f counts" for n in ("f/W", "f/b")})
class LastUse(TwoUses):
    pass


@fault(np.array([[0, 1, 1], [2, 1, 4]]), {"E": "several times in x are wrong"})
class Overwritten(Table):
    def backward(self, dy, x):
        dE = np.zeros_like(self.E)
        dE[x] += dy
        return None, {"E": dE}


class TwoOutputs(Layer):
    def forward(self, x, train=False):
        return (2 * x, np.sin(x)), x

    def backward(self, dy, x):
        return 2 * dy[0], {}


@fault(X, {"x": "arrives at output 1"})
class IgnoredOutput(TwoOutputs):
    pass


@fault(X, {"x": "should be 0: the output of forward does not depend"})
class Constant(Layer):
    def forward(self, x, train=False):
        return 0 * x, None

    def backward(self, dy, cache):
        return dy, {}


@fault(X, {"x": "1.5 times the right value: a constant factor"}, 0.5)
class NoiseFactor(GaussianNoise):
    def backward(self, dy, cache):
        return 1.5 * dy, {}


@pytest.mark.parametrize("kind, options, keywords, x, expected", fault)
def test_a_wrong_layer_gets_its_sentence(kind, options, keywords, x, expected):
    check(kind, options, keywords, x, expected)
