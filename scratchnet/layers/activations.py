"""Activation functions: layers y = f(x), elementwise, except Softmax.

    backward   dx = dy f'(x), with f'(x) computed from y where that is shorter

Where f is not differentiable, at x = 0, f' is the derivative from the left, as in PyTorch: 0 for
ReLU, negative_slope for LeakyReLU.

Sources: Nair and Hinton (2010) ReLU; Maas et al. (2013) LeakyReLU; Clevert et al. (2016) ELU;
Klambauer et al. (2017) SELU; Hendrycks and Gimpel (2016) GELU; Dugas et al. (2001) Softplus.
"""

import math

from scratchnet.backend import erf, xp_of
from scratchnet.compiled_layers import relu_backward
from scratchnet.layers.base import Layer
from scratchnet.layers.shapes import ShapeError
from scratchnet.numerics import log_softmax, relu, sigmoid, softmax, softplus, tanh
from scratchnet.validation import check_bool, check_float, require


class ReLU(Layer):
    """Rectified linear unit, y = max(x, 0).

    f'(x) = 1 where x > 0, otherwise 0

    >>> import numpy as np
    >>> from scratchnet.layers import ReLU
    >>> ReLU()(np.array([[-1.0, 2.0]]))
    array([[0., 2.]])
    """

    remembers = "y"
    splits_batch = keeps_steps = True

    def forward(self, x, train=False):
        y = relu(x)
        return y, y  # y > 0 where x > 0. The next layer caches y as its x: no memory for x is used

    def backward(self, dy, y):
        return relu_backward(dy, y), {}  # dy * (y > 0)


class LeakyReLU(Layer):
    """Leaky rectified linear unit, y = x where x > 0, otherwise a x.

    f'(x) = 1 where x > 0, otherwise a

    Parameters
        negative_slope   a

    >>> import numpy as np
    >>> from scratchnet.layers import LeakyReLU
    >>> LeakyReLU(0.5)(np.array([[-1.0, 2.0]]))
    array([[-0.5,  2. ]])
    """

    remembers = "x"
    splits_batch = keeps_steps = True

    def __init__(self, negative_slope=0.3, name=None):
        super().__init__(name)
        self.negative_slope = check_float("LeakyReLU", "negative_slope", negative_slope, at_least=0)

    def forward(self, x, train=False):
        # ten times faster than where(x > 0, x, a x)
        xp, a = xp_of(x), self.negative_slope
        if 0 < a <= 1:  # otherwise infinity, or the overflow of a x, would be in the way
            return xp.maximum(x, a * x), x
        return xp.maximum(x, 0) + a * xp.minimum(x, 0), x

    def backward(self, dy, x):
        return relu_backward(dy, x, self.negative_slope), {}


class ELU(Layer):
    """Exponential linear unit, y = x where x > 0, otherwise a (exp(x) - 1).

    f'(x) = 1 where x > 0, otherwise a exp(x) = y + a. In float32 the error of y + a is below
    2e-7 a: that is up to 1 % of f'(x) at x = -11, and y + a is 0 for x < -17.4, where f'(x) is
    below 3e-8 a

    Parameters
        alpha   a, greater than 0

    >>> import numpy as np
    >>> from scratchnet.layers import ELU
    >>> ELU()(np.array([[-1000.0, 2.0]]))
    array([[-1.,  2.]])
    """

    remembers = "y"
    splits_batch = keeps_steps = True

    def __init__(self, alpha=1.0, name=None):
        super().__init__(name)
        self.alpha = check_float("ELU", "alpha", alpha, above=0)

    def forward(self, x, train=False):
        xp = xp_of(x)
        y = xp.where(x > 0, x, self.alpha * xp.expm1(xp.minimum(x, 0)))  # no overflow for x >> 0
        return y, y

    def backward(self, dy, y):
        return xp_of(y).where(y > 0, dy, dy * (y + self.alpha)), {}


class SELU(Layer):
    """Scaled exponential linear unit, y = s x where x > 0, otherwise s a (exp(x) - 1).

    f'(x) = s where x > 0, otherwise s a exp(x) = y + s a, with the rounding error of `ELU`

    The constants s = 1.0507... and a = 1.6732... are such that inputs of mean 0 and variance 1 that
    are normally distributed give outputs of mean 0 and variance 1.

    Source: Klambauer et al. (2017), Self-normalizing neural networks, equation 2.

    >>> import numpy as np
    >>> from scratchnet.layers import SELU
    >>> SELU()(np.array([[-1000.0, 2.0]])).round(4)
    array([[-1.7581,  2.1014]])
    """

    remembers = "y"
    s, a = 1.0507009873554805, 1.6732632423543772

    splits_batch = keeps_steps = True

    def forward(self, x, train=False):
        xp = xp_of(x)
        negative = self.a * xp.expm1(xp.minimum(x, 0))  # no overflow for x >> 0
        y = self.s * xp.where(x > 0, x, negative)
        return y, y

    def backward(self, dy, y):
        return dy * xp_of(y).where(y > 0, self.s, y + self.s * self.a), {}


class GELU(Layer):
    """Gaussian error linear unit, y = x P(x), with the standard normal distribution function P.

    f'(x) = P(x) + x p(x), with the derivative p of P

    approximate=False   P(x) = (1 + erf(x / sqrt(2))) / 2
                        p(x) = exp(-x^2 / 2) / sqrt(2 pi)
    approximate=True    P(x) = (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3)
                        p(x) = (1 - tanh(u)^2) / 2 du/dx = 2 P (1 - P) du/dx, because
                        1 - tanh(u)^2 = (1 + tanh(u)) (1 - tanh(u)) = 2 P * 2 (1 - P)

    Parameters
        approximate   True: the approximation by tanh

    >>> import numpy as np
    >>> from scratchnet.layers import GELU
    >>> GELU()(np.array([[0.0, 1000.0]]))
    array([[   0., 1000.]])
    """

    remembers = "x"
    splits_batch = keeps_steps = True

    def __init__(self, approximate=False, name=None):
        super().__init__(name)
        self.approximate = check_bool("GELU", "approximate", approximate)

    def forward(self, x, train=False):
        return x * self._P(x), x

    def backward(self, dy, x):
        xp = xp_of(x)
        P = self._P(x)
        if self.approximate:
            p = 2 * P * (1 - P) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
        else:
            p = xp.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
        return dy * (P + x * p), {}

    def _P(self, x):
        if self.approximate:
            return 0.5 * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
        return 0.5 * (1 + erf(x / math.sqrt(2)))


class Softplus(Layer):
    """Softplus, y = log(1 + exp(x)), a smooth form of ReLU.

    f'(x) = sigmoid(x)

    >>> import numpy as np
    >>> from scratchnet.layers import Softplus
    >>> Softplus()(np.array([[-1000.0, 1000.0]]))
    array([[   0., 1000.]])
    """

    remembers = "x"
    splits_batch = keeps_steps = True

    def forward(self, x, train=False):
        return softplus(x), x

    def backward(self, dy, x):
        return dy * sigmoid(x), {}


class Sigmoid(Layer):
    """Logistic sigmoid, y = 1 / (1 + exp(-x)).

    f'(x) = y (1 - y)

    >>> import numpy as np
    >>> from scratchnet.layers import Sigmoid
    >>> Sigmoid()(np.array([[0.0, 1000.0]]))
    array([[0.5, 1. ]])
    """

    remembers = "y"
    splits_batch = keeps_steps = True

    def forward(self, x, train=False):
        y = sigmoid(x)
        return y, y

    def backward(self, dy, y):
        dx = 1 - y
        dx *= y
        dx *= dy
        return dx, {}


class Tanh(Layer):
    """Hyperbolic tangent, y = tanh(x).

    f'(x) = 1 - y^2

    >>> import numpy as np
    >>> from scratchnet.layers import Tanh
    >>> Tanh()(np.array([[0.0, 1000.0]]))
    array([[0., 1.]])
    """

    remembers = "y"
    splits_batch = keeps_steps = True

    def forward(self, x, train=False):
        y = tanh(x)
        return y, y

    def backward(self, dy, y):
        dx = y * y
        xp_of(y).subtract(1, dx, out=dx)
        dx *= dy
        return dx, {}


class Softmax(Layer):
    """Softmax, y_k = exp(x_k) / sum_j exp(x_j) along one axis.

    Each y_k depends on each x_j. The derivative of y_k by x_j is J_kj = y_k (delta_kj - y_j), where
    delta_kj is 1 for k = j and otherwise 0. So

        dx_j = sum_k dy_k J_kj = sum_k dy_k y_k delta_kj - y_j sum_k dy_k y_k
             = y_j (dy_j - sum_k dy_k y_k)

    To train a classifier use `SoftmaxCrossEntropy` on the logits, the input of the softmax: its
    gradient is (predicted minus target probability) / N, and no logarithm of 0 can occur.

    Parameters
        axis   the axis of the classes, counted with the batch axis

    >>> import numpy as np
    >>> from scratchnet.layers import Softmax
    >>> Softmax()(np.array([[0.0, 0.0, -1000.0]]))
    array([[0.5, 0.5, 0. ]])
    """

    remembers = "y"
    splits_batch = keeps_steps = True
    needs_build = False  # build only checks the axis

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


class LogSoftmax(Softmax):
    """Logarithm of the softmax, y_k = x_k - log sum_j exp(x_j) along one axis.

    The derivative of y_k by x_j is delta_kj - p_j with p = exp(y), the softmax of x. So

        dx_j = dy_j - p_j sum_k dy_k

    With `NegativeLogLikelihood` behind it this is `SoftmaxCrossEntropy` on the logits x.

    Parameters
        axis   the axis of the classes, counted with the batch axis

    >>> import numpy as np
    >>> from scratchnet.layers import LogSoftmax
    >>> LogSoftmax()(np.array([[0.0, -1000.0]]))
    array([[    0., -1000.]])
    """

    def forward(self, x, train=False):
        self._check_axis(x.ndim)
        y = log_softmax(x, axis=self.axis)
        return y, y

    def backward(self, dy, y):
        p = xp_of(y).exp(y)
        return dy - p * dy.sum(axis=self.axis, keepdims=True), {}
