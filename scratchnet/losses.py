"""Losses: one number from a batch of predictions and targets, and the gradient that backward needs.

    forward(prediction, target) -> value, cache          backward(cache) -> dL/dprediction

The value stays on the device (a 0-d array): reading it with float() makes a GPU wait, so read it
once an epoch. Every loss is divided by the batch size, in the value AND in the gradient: that is
what keeps a learning rate right when the batch size changes.

Losses over several numbers a sample take ``reduction``:
    "mean"         averaged over samples and numbers (pixels): the default, as in Keras
    "per_sample"   summed over the numbers of a sample, averaged over samples, as in a likelihood
"""

import math

from scratchnet.backend import on_host, xp_of
from scratchnet.layers.shapes import ShapeError
from scratchnet.numerics import (
    kl_gradient,
    kl_to_standard_normal,
    log_softmax,
    sigmoid,
    softplus,
)
from scratchnet.validation import check_bool, check_float, constructor_call, unknown_name

__all__ = [
    "BinaryCrossEntropy",
    "GaussianNLL",
    "Huber",
    "KLToStandardNormal",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SoftmaxCrossEntropy",
]


class Loss:
    """Base class: a loss is the last layer, and nothing follows it, so backward takes no dy."""

    def __init__(self, reduction="mean"):
        if reduction not in ("mean", "per_sample"):
            raise unknown_name("reduction", reduction, ["mean", "per_sample"])
        self.reduction = reduction

    def forward(self, prediction, target):
        """(value, cache) for prediction and target; ShapeError where they do not fit."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, cache):
        """dL/dprediction, of the prediction's shape."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def __call__(self, prediction, target):
        """The value alone."""
        return self.forward(prediction, target)[0]

    def __repr__(self):
        return constructor_call(self)

    def _n(self, prediction):
        """What the sum over everything is divided by."""
        return prediction.size if self.reduction == "mean" else len(prediction)

    def _check(self, prediction, target):
        self._check_arrays(prediction, target)
        self._check_precision(prediction, target)
        if prediction.shape != target.shape:
            raise ShapeError(  # NumPy would broadcast (N, 1) and (N,) to (N, N) and say nothing
                f"{type(self).__name__} expects prediction and target of one shape; "
                f"got {prediction.shape} and {target.shape}"
            )

    def _check_arrays(self, prediction, target):
        name = type(self).__name__
        for array in (prediction, target):
            if not hasattr(array, "dtype"):
                raise TypeError(f"{name} expects arrays; got {type(array).__name__}")

    def _check_precision(self, prediction, target):
        if target.dtype != prediction.dtype or target.dtype.kind != "f":
            raise TypeError(
                f"{type(self).__name__} expects a target of its prediction's {prediction.dtype}; "
                f"got {target.dtype}: use target.astype('{prediction.dtype}')"
            )


class MeanSquaredError(Loss):
    """L = 1/n sum (y - t)^2;  dL/dy = 2/n (y - t)."""

    def forward(self, prediction, target):
        self._check(prediction, target)
        d = prediction - target
        return (d * d).sum() / self._n(d), d

    def backward(self, d):
        return (2 / self._n(d)) * d


class GaussianNLL(Loss):
    """L = 1/n sum (y - t)^2 / (2 s^2) + log s + 1/2 log(2 pi) = -log N(t; y, s^2), in nats.

    dL/dy = 1/n (y - t) / s^2. The squared error, as what it stands for in a likelihood: t is y and
    noise of the standard deviation `sigma`, s, one number for all. Where its derivative
    dL/ds is zero, s is the root of the mean squared error: L may fall below zero, as a density may
    rise above one.
    """

    def __init__(self, sigma=1.0, reduction="mean"):
        super().__init__(reduction)
        self.sigma = check_float("GaussianNLL", "sigma", sigma, above=0)

    def forward(self, prediction, target):
        self._check(prediction, target)
        d = prediction - target
        n, s = self._n(d), self.sigma
        constant = (math.log(s) + 0.5 * math.log(2 * math.pi)) * (d.size / n)
        return (d * d).sum() / (2 * s * s * n) + constant, d

    def backward(self, d):
        return d / (self._n(d) * self.sigma**2)


class MeanAbsoluteError(Loss):
    """L = 1/n sum abs(y - t);  dL/dy = 1/n sign(y - t), 0 at the kink."""

    def forward(self, prediction, target):
        self._check(prediction, target)
        d = prediction - target
        return xp_of(d).abs(d).sum() / self._n(d), d

    def backward(self, d):
        return xp_of(d).sign(d) / self._n(d)


class Huber(Loss):
    """L = 1/n sum h(y - t), h(d) = d^2 / 2 up to abs(d) = delta, then delta (abs(d) - delta / 2).

    dL/dy = 1/n (y - t) clipped to [-delta, delta]: an outlier pulls no harder than delta.
    Huber (1964).
    """

    def __init__(self, delta=1.0, reduction="mean"):
        super().__init__(reduction)
        self.delta = check_float("Huber", "delta", delta, above=0)

    def forward(self, prediction, target):
        self._check(prediction, target)
        d = prediction - target
        a = xp_of(d).abs(d)
        c = xp_of(d).minimum(a, self.delta)  # c (a - c/2) is a^2/2 below delta, the line above
        return (c * (a - 0.5 * c)).sum() / self._n(d), d

    def backward(self, d):
        return xp_of(d).clip(d, -self.delta, self.delta) / self._n(d)


class BinaryCrossEntropy(Loss):
    """L = -1/n sum t log p + (1 - t) log(1 - p): yes/no targets t in [0, 1], each on its own.

    From probabilities   dL/dp = 1/n (p - t) / (p (1 - p))
    From logits x        p = s(x):  L = 1/n sum softplus(x) - t x    dL/dx = 1/n (p - t)

    From logits the formula is exact for every x. From probabilities, a p that has already been
    rounded to 0 or 1 cannot be told from a wrong certainty: the smallest normal number (1e-38 in
    float32) is added before the log, so one such entry costs at most 87 nats instead of infinity.

    Parameters
        from_logits   True: predictions are the numbers before the sigmoid
        reduction     see the head of this file
    """

    def __init__(self, from_logits=False, reduction="mean"):
        super().__init__(reduction)
        self.from_logits = check_bool("BinaryCrossEntropy", "from_logits", from_logits)

    def forward(self, prediction, target):
        self._check(prediction, target)
        xp, t = xp_of(prediction, target), target
        if self.from_logits:
            x = prediction
            return (softplus(x) - t * x).sum() / self._n(x), (x, t)
        p = prediction
        tiny = xp.finfo(p.dtype).tiny
        log_p, log_q = xp.log(p + tiny), xp.log(1 - p + tiny)
        return -(log_q + t * (log_p - log_q)).sum() / self._n(p), (p, t)

    def backward(self, cache):
        if self.from_logits:
            x, t = cache
            return (sigmoid(x) - t) / self._n(x)
        p, t = cache
        xp = xp_of(p)
        variance = p * (1 - p) + xp.finfo(p.dtype).tiny
        return (p - t) / (self._n(p) * variance)


class SoftmaxCrossEntropy(Loss):
    """L = -1/N sum over samples of log p_c, p = softmax(x), c the right class;  dL/dx = (p - t)/N.

    Predictions are the numbers BEFORE the softmax, (N, K). Targets are class indices (N,), integers
    from 0 to K-1, or one row of K probabilities for each sample (N, K), one-hot or soft.

    Why p - t: raising x_k raises log p_c by [k = c] - p_k, so the pull on each class is what is
    there minus what should be there.
    """

    def __init__(self):
        super().__init__("per_sample")

    def forward(self, prediction, target):
        self._check(prediction, target)
        log_p = log_softmax(prediction)  # (N, K)
        if target.ndim == 1:
            n = xp_of(prediction, target).arange(len(target))
            value = -log_p[n, target].sum() / len(target)
        else:
            value = -(target * log_p).sum() / len(target)
        return value, (log_p, target)

    def backward(self, cache):
        log_p, target = cache
        xp = xp_of(log_p)
        p = xp.exp(log_p)  # (N, K)
        if target.ndim == 1:
            p[xp.arange(len(p)), target] -= 1  # p - one_hot(target)
        else:  # sum_k t_k (log p_k) also holds where the t_k do not add up to one
            p = p * target.sum(axis=1, keepdims=True) - target
        return p / len(p)

    def _check(self, x, target):
        self._check_arrays(x, target)
        if x.ndim != 2:
            raise ShapeError(f"SoftmaxCrossEntropy expects predictions (N, K); got {x.shape}")
        n, k = x.shape
        if target.shape == (n,):
            if target.dtype.kind not in "iu":
                raise TypeError(
                    f"SoftmaxCrossEntropy expects integer class indices; got {target.dtype}: "
                    "use target.astype('int64')"
                )
            if on_host(target) and n and not (0 <= target.min() and target.max() < k):
                raise ValueError(
                    f"SoftmaxCrossEntropy expects class indices from 0 to {k - 1}; "
                    f"got {target.min()} to {target.max()}"
                )
        elif target.shape != (n, k):
            raise ShapeError(
                f"SoftmaxCrossEntropy expects class indices ({n},) or one row of {k} "
                f"probabilities each ({n}, {k}); got {target.shape}"
            )
        else:
            self._check_precision(x, target)


class KLToStandardNormal(Loss):
    """KL(N(m, s^2) || N(0, 1)) = -1/2 sum 1 + v - m^2 - exp(v), v = log s^2, averaged over samples.

    dL/dm = m / N        dL/dv = (exp(v) - 1) / (2 N)

    forward(mean, log_variance), both (N, Z); backward gives both gradients. Kingma and Welling
    (2014), appendix B. It enters the VAE's loss beside a reconstruction loss "per_sample".
    """

    def __init__(self):
        super().__init__("per_sample")

    def forward(self, mean, log_variance):
        self._check(mean, log_variance)
        m, v = mean, log_variance
        return kl_to_standard_normal(m, v).sum() / len(m), (m, v)

    def backward(self, cache):
        dm, dv = kl_gradient(*cache)
        return dm / len(dm), dv / len(dv)
