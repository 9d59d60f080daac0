"""Layers against overfitting: dropout, noise, and a penalty on large activations.

Dropout and GaussianNoise draw from ``self.rng``, the `RNG` that `build` or `set_rng` sets. What
`forward` drew, `backward` takes from the cache.
"""

from scratchnet.backend import xp_of
from scratchnet.layers.base import Layer
from scratchnet.validation import check_float, unknown_name


class Dropout(Layer):
    """Dropout: sets random inputs to zero in training.

    forward    training    y = x m / (1 - rate), with m = 0 with probability rate, otherwise 1
               inference   y = x
    backward   dx = dy m / (1 - rate)

    The division keeps the mean of y equal to x, so inference needs no factor: "inverted dropout",
    as in Keras and PyTorch. Source: Srivastava et al. (2014).

    Parameters
        rate   probability that an input is set to zero, at least 0 and below 1

    >>> import numpy as np
    >>> from scratchnet.layers import Dropout
    >>> layer = Dropout(0.5)
    >>> layer.build((4,), 0)
    (4,)
    >>> y, mask = layer.forward(np.ones((1, 4)), train=True)
    >>> sorted(set(y.ravel().tolist()))  # 1 becomes 0 or 1 / (1 - rate)
    [0.0, 2.0]
    """

    remembers = "the mask"
    keeps_steps = True
    fixed_axes = 0
    needs_whole_batch = True  # random numbers are drawn for one sample after the other
    draws_noise = splits_batch = True

    def __init__(self, rate, name=None):
        super().__init__(name)
        self.rate = check_float("Dropout", "rate", rate, at_least=0, below=1)

    def build(self, input_shape, rng):
        self.rng = rng
        return input_shape

    def forward(self, x, train=False):
        if not train or self.rate == 0:
            return x, None
        mask = (self.rng.uniform(like=x) >= self.rate).astype(x.dtype)  # 0 or 1
        mask /= 1 - self.rate
        return x * mask, mask

    def backward(self, dy, mask):
        return (dy if mask is None else dy * mask), {}


class GaussianNoise(Layer):
    """Gaussian noise, added in training.

    forward    training    y = x + e with e ~ Normal(0, stddev^2)
               inference   y = x
    backward   dx = dy

    Parameters
        stddev   standard deviation of the noise

    >>> import numpy as np
    >>> from scratchnet.layers import GaussianNoise
    >>> layer = GaussianNoise(0.1)
    >>> layer.build((2,), 0)
    (2,)
    >>> layer(np.array([[1.0, 2.0]]))  # in inference mode
    array([[1., 2.]])
    """

    keeps_steps = True
    fixed_axes = 0
    needs_whole_batch = True  # random numbers are drawn for one sample after the other
    draws_noise = splits_batch = True

    def __init__(self, stddev, name=None):
        super().__init__(name)
        self.stddev = check_float("GaussianNoise", "stddev", stddev, at_least=0)

    def build(self, input_shape, rng):
        self.rng = rng
        return input_shape

    def forward(self, x, train=False):
        if not train or self.stddev == 0:
            return x, None
        return x + self.stddev * self.rng.normal(like=x), None

    def backward(self, dy, cache):
        return dy, {}


class ActivityRegularization(Layer):
    """Penalty on activations: adds P(x) to the loss and returns x unchanged.

    forward    y = x
    penalty    P(x) = (l1 sum abs(x) + l2 sum x^2) / n
    backward   dx = dy + dP/dx = dy + (l1 sign(x) + 2 l2 x) / n, with sign(0) = 0

    dy is the gradient of the loss behind this layer, which does not contain P; `backward` adds the
    gradient of P.

    Parameters
        l1, l2      coefficients of the two terms
        reduction   "mean": n = N, the mean penalty of a sample, independent of the batch size, as
                    in Keras. "sum": n = 1, the sum over the batch, N times as large: coefficients
                    that suit "mean" may then make all activations zero

    >>> import numpy as np
    >>> from scratchnet.layers import ActivityRegularization
    >>> layer = ActivityRegularization(l1=0.1)
    >>> y, cache = layer.forward(np.array([[1.0, -2.0]]))
    >>> round(float(layer.penalty(cache)), 3)  # 0.1 (1 + 2)
    0.3
    """

    remembers = "x"
    splits_batch = keeps_steps = True

    def __init__(self, l1=0.0, l2=0.0, reduction="mean", name=None):
        super().__init__(name)
        self.l1 = check_float("ActivityRegularization", "l1", l1, at_least=0)
        self.l2 = check_float("ActivityRegularization", "l2", l2, at_least=0)
        if reduction not in ("mean", "sum"):
            raise unknown_name("reduction", reduction, ["mean", "sum"])
        self.reduction = reduction
        # a training step that splits the batch takes the mean over its parts, which is not the sum
        self.needs_whole_batch = reduction == "sum"

    def _n(self, x):
        return len(x) if self.reduction == "mean" else 1

    def forward(self, x, train=False):
        return x, x

    def penalty(self, x):
        return (self.l1 * xp_of(x).abs(x).sum() + self.l2 * (x * x).sum()) / self._n(x)

    def backward(self, dy, x):
        return dy + (self.l1 * xp_of(x).sign(x) + 2 * self.l2 * x) / self._n(x), {}
