"""Activation functions: each y = f(x) element by element (Softmax along one axis).

    backward   dx = dy * f'(x), f'(x) written with y wherever that is shorter

Kinks: at x = 0 the derivative of ReLU is 0 and that of LeakyReLU its negative slope, as in PyTorch.
Sources: Nair and Hinton (2010) ReLU; Maas et al. (2013) LeakyReLU; Clevert et al. (2016) ELU;
Hendrycks and Gimpel (2016) GELU; Dugas et al. (2001) Softplus.
"""

import math

from scratchnet.backend import erf, xp_of
from scratchnet.layers.base import Layer
from scratchnet.layers.shapes import ShapeError
from scratchnet.numerics import sigmoid, softmax, softplus
from scratchnet.validation import check_bool, check_float, require


class ReLU(Layer):
    """y = max(x, 0);  dy/dx = 1 where x > 0, else 0."""

    remembers = "y"

    def forward(self, x, train=False):
        y = xp_of(x).maximum(x, 0)
        return y, y  # y > 0 exactly where x > 0, and the next layer remembers y anyway

    def backward(self, dy, y):
        return dy * (y > 0), {}


class LeakyReLU(Layer):
    """y = x where x > 0, else a x;  dy/dx = 1 or a, with a = negative_slope."""

    remembers = "x"

    def __init__(self, negative_slope=0.3, name=None):
        super().__init__(name)
        self.negative_slope = check_float("LeakyReLU", "negative_slope", negative_slope, at_least=0)

    def forward(self, x, train=False):
        xp = xp_of(x)  # sums of both halves: where(x > 0, ...) costs a processor ten times as much
        return xp.maximum(x, 0) + self.negative_slope * xp.minimum(x, 0), x

    def backward(self, dy, x):
        above = x > 0
        return dy * above + self.negative_slope * dy * ~above, {}


class ELU(Layer):
    """y = x where x > 0, else a (exp(x) - 1);  dy/dx = 1 or a exp(x) = y + a, with a = alpha."""

    remembers = "y"

    def __init__(self, alpha=1.0, name=None):
        super().__init__(name)
        self.alpha = check_float("ELU", "alpha", alpha, above=0)

    def forward(self, x, train=False):
        xp = xp_of(x)
        y = xp.where(x > 0, x, self.alpha * xp.expm1(xp.minimum(x, 0)))  # no overflow for x >> 0
        return y, y

    def backward(self, dy, y):
        return xp_of(y).where(y > 0, dy, dy * (y + self.alpha)), {}


class GELU(Layer):
    """y = x P(x), with P the standard normal distribution function;  dy/dx = P(x) + x p(x).

    Parameters
        approximate   True: P(x) = (1 + tanh u) / 2 with u = sqrt(2/pi) (x + 0.044715 x^3)
    """

    remembers = "x"

    def __init__(self, approximate=False, name=None):
        super().__init__(name)
        self.approximate = check_bool("GELU", "approximate", approximate)

    def forward(self, x, train=False):
        return x * self._P(x), x

    def backward(self, dy, x):
        xp = xp_of(x)
        P = self._P(x)
        if self.approximate:  # p = dP/dx = (1 - tanh^2 u) / 2 * du/dx, and 1 - tanh^2 = 4 P (1 - P)
            p = 2 * P * (1 - P) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
        else:  # p(x) = exp(-x^2 / 2) / sqrt(2 pi)
            p = xp.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
        return dy * (P + x * p), {}

    def _P(self, x):
        if self.approximate:
            return 0.5 * (1 + xp_of(x).tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
        return 0.5 * (1 + erf(x / math.sqrt(2)))


class Softplus(Layer):
    """y = log(1 + exp(x));  dy/dx = s(x), the sigmoid."""

    remembers = "x"

    def forward(self, x, train=False):
        return softplus(x), x

    def backward(self, dy, x):
        return dy * sigmoid(x), {}


class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x));  dy/dx = y (1 - y)."""

    remembers = "y"

    def forward(self, x, train=False):
        y = sigmoid(x)
        return y, y

    def backward(self, dy, y):
        return dy * y * (1 - y), {}


class Tanh(Layer):
    """y = tanh(x);  dy/dx = 1 - y^2."""

    remembers = "y"

    def forward(self, x, train=False):
        y = xp_of(x).tanh(x)
        return y, y

    def backward(self, dy, y):
        return dy * (1 - y * y), {}


class Softmax(Layer):
    """y_k = exp(x_k) / sum_j exp(x_j) along one axis;  dx = y (dy - sum_j dy_j y_j).

    Every output depends on every input: dy_k/dx_j = y_k ([k = j] - y_j). To train a classifier, use
    `SoftmaxCrossEntropy` on the numbers BEFORE the softmax: its gradient is p - t, and no log can
    meet a zero.

    Parameters
        axis   the axis of the classes, counted with the batch axis
    """

    remembers = "y"
    needs_build = False

    def __init__(self, axis=-1, name=None):
        super().__init__(name)
        require(axis != 0, "Softmax expects an axis other than 0, the batch axis")
        self.axis = axis

    def build(self, input_shape, rng):
        self._check_axis(1 + len(input_shape))
        return input_shape

    def forward(self, x, train=False):
        self._check_axis(x.ndim)
        y = softmax(x, axis=self.axis)
        return y, y

    def backward(self, dy, y):
        return y * (dy - (dy * y).sum(axis=self.axis, keepdims=True)), {}

    def _check_axis(self, ndim):
        if not (0 < self.axis < ndim or -ndim < self.axis < 0):
            raise ShapeError(
                f"{self.title} expects one of its input's {ndim} axes other than 0, the batch "
                f"axis; got axis={self.axis}"
            )
