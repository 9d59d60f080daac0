"""Layers that make a model learn less by heart: noise, dropout, a price on activity.

Dropout and GaussianNoise draw from ``self.rng``, the `RNG` that `build` or `set_rng` gave them: the
only thing that a forward pass changes. What was drawn is in the cache, so backward sees the same.
"""

from scratchnet.backend import xp_of
from scratchnet.layers.base import Layer
from scratchnet.validation import check_float, unknown_name


class Dropout(Layer):
    """Training: y = x m / (1 - rate), with m = 0 at probability rate, else 1. Inference: y = x.

    backward   dx = dy m / (1 - rate)

    The division keeps the mean of y at x, so inference needs no correction. Srivastava et al.
    (2014); this "inverted" form is the one of Keras and PyTorch.
    """

    remembers = "the mask"
    needs_whole_batch = True  # random numbers come in the order of the samples

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
    """Training: y = x + e with e ~ N(0, stddev^2). Inference: y = x. backward: dx = dy."""

    needs_whole_batch = True  # random numbers come in the order of the samples

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
    """y = x, and the loss grows by P(x) = (l1 sum abs(x) + l2 sum x^2) / n.

    backward   dx = dy + dP/dx = dy + (l1 sign(x) + 2 l2 x) / n, with sign(0) = 0

    Parameters
        l1, l2      the two prices
        reduction   "mean": n = N, the price of an average sample, whatever the batch size (Keras);
                    "sum": n = 1, summed over the batch: N times as strong. A price that looks small
                    then silences every unit.
    """

    remembers = "x"

    def __init__(self, l1=0.0, l2=0.0, reduction="mean", name=None):
        super().__init__(name)
        self.l1 = check_float("ActivityRegularization", "l1", l1, at_least=0)
        self.l2 = check_float("ActivityRegularization", "l2", l2, at_least=0)
        if reduction not in ("mean", "sum"):
            raise unknown_name("reduction", reduction, ["mean", "sum"])
        self.reduction = reduction
        self.needs_whole_batch = reduction == "sum"

    def _n(self, x):
        return len(x) if self.reduction == "mean" else 1

    def forward(self, x, train=False):
        return x, x

    def penalty(self, x):
        return (self.l1 * xp_of(x).abs(x).sum() + self.l2 * (x * x).sum()) / self._n(x)

    def backward(self, dy, x):
        return dy + (self.l1 * xp_of(x).sign(x) + 2 * self.l2 * x) / self._n(x), {}
