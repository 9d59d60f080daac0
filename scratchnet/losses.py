"""Losses: the value and the gradient of each, next to each other, and the cache between the two.

    forward(prediction, target) -> value, cache          backward(cache) -> dL/dprediction

The value stays on the device, as an array without axes: float(value) makes a GPU wait, so read it
once an epoch. Value AND gradient are divided by the batch size, so that a learning rate stays right
if the batch size changes.

In the formulas y is the prediction, t the target and N the number of samples. Losses of several
numbers per sample (pixels, features) have the option ``reduction``, which selects the divisor n:

    "mean"         n = N times the numbers per sample: the mean over all, the default as in Keras
    "per_sample"   n = N: the sum over the numbers of a sample, as in a log-likelihood

The base class, `Loss`, is in loss_base.py.
"""

import math

from scratchnet.backend import xp_of
from scratchnet.layers.shapes import ShapeError
from scratchnet.loss_base import Loss
from scratchnet.numerics import (
    kl_gradient,
    kl_to_standard_normal,
    log_softmax,
    sigmoid,
    softplus,
)
from scratchnet.validation import check_bool, check_float

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


class MeanSquaredError(Loss):
    """Mean squared error.

    L = 1/n sum (y - t)^2             dL/dy = 2/n (y - t)

    >>> import numpy as np
    >>> loss = MeanSquaredError()
    >>> value, cache = loss.forward(np.array([[1.0, 5.0]]), np.array([[1.0, 2.0]]))
    >>> float(value), loss.backward(cache)
    (4.5, array([[0., 3.]]))
    """

    splits_batch = True

    def forward(self, prediction, target):
        self._check(prediction, target)
        d = prediction - target
        return (d * d).sum() / self._n(d), d

    def backward(self, d):
        return (2 / self._n(d)) * d


class GaussianNLL(Loss):
    """Negative log-likelihood of a normal distribution around the prediction, in nats.

    L = 1/n sum (y - t)^2 / (2 s^2) + log s + 1/2 log(2 pi)          dL/dy = 1/n (y - t) / s^2

    The model behind the formula is t = y + noise, with noise of the standard deviation s (`sigma`),
    the same for all numbers: L = -log N(t; y, s^2). L is smallest for s = the root of the mean
    squared error, and may be negative, because a density may be larger than one.

    >>> import numpy as np
    >>> round(float(GaussianNLL(sigma=0.1)(np.zeros((1, 1)), np.zeros((1, 1)))), 4)
    -1.3836
    """

    splits_batch = True

    def __init__(self, sigma: float = 1.0, reduction: str = "mean"):
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
    """Mean absolute error.

    L = 1/n sum abs(y - t)            dL/dy = 1/n sign(y - t), 0 where y = t

    >>> import numpy as np
    >>> float(MeanAbsoluteError()(np.array([[1.0, 5.0]]), np.array([[1.0, 2.0]])))
    1.5
    """

    splits_batch = True

    def forward(self, prediction, target):
        self._check(prediction, target)
        d = prediction - target
        return xp_of(d).abs(d).sum() / self._n(d), d

    def backward(self, d):
        return xp_of(d).sign(d) / self._n(d)


class Huber(Loss):
    """Huber loss: squared error for small differences, absolute error for large ones.

    L = 1/n sum h(y - t)              h(d) = d^2 / 2                      if abs(d) <= delta
                                      h(d) = delta (abs(d) - delta / 2)   otherwise
    dL/dy = 1/n (y - t) clipped to [-delta, delta], so that outliers have a bounded gradient

    Huber (1964).

    >>> import numpy as np
    >>> float(Huber(delta=1.0)(np.array([[1.0, 5.0]]), np.array([[1.0, 2.0]])))
    1.25
    """

    splits_batch = True

    def __init__(self, delta: float = 1.0, reduction: str = "mean"):
        super().__init__(reduction)
        self.delta = check_float("Huber", "delta", delta, above=0)

    def forward(self, prediction, target):
        self._check(prediction, target)
        d = prediction - target
        a = xp_of(d).abs(d)
        c = xp_of(d).minimum(a, self.delta)
        # c (a - c / 2) is a^2 / 2 for a <= delta, where c = a, and delta (a - delta / 2) above
        return (c * (a - 0.5 * c)).sum() / self._n(d), d

    def backward(self, d):
        return xp_of(d).clip(d, -self.delta, self.delta) / self._n(d)


class BinaryCrossEntropy(Loss):
    """Binary cross-entropy of predictions for targets t in [0, 1], each number on its own.

    L = -1/n sum t log p + (1 - t) log(1 - p)

    from probabilities p    dL/dp = 1/n (p - t) / (p (1 - p))
    from logits x           p = sigmoid(x)
                            L = 1/n sum softplus(x) - t x          dL/dx = 1/n (p - t)

    The form from logits is exact for every x. A probability p may have been rounded to 0 or 1: in
    the logarithms p and 1 - p are at least eps, and p (1 - p) in the gradient, too, with the eps of
    the precision (1.2e-7 in float32). So an entry costs at most 16 nats instead of infinity, as in
    Keras.

    Parameters
        from_logits   True: predictions are logits x, the numbers before the sigmoid
        reduction     "mean" or "per_sample", see the head of this file

    >>> import numpy as np
    >>> loss = BinaryCrossEntropy()
    >>> value, cache = loss.forward(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]]))
    >>> round(float(value), 4), loss.backward(cache)  # log 2
    (0.6931, array([[-1.,  1.]]))
    """

    splits_batch = True

    def __init__(self, from_logits: bool = False, reduction: str = "mean"):
        super().__init__(reduction)
        self.from_logits = check_bool("BinaryCrossEntropy", "from_logits", from_logits)
        self.expects_logits = self.from_logits

    def check_prediction(self, prediction):
        if not self.from_logits:
            hint = ": end the model with Sigmoid(), or pass logits and from_logits=True"
            self._check_probabilities("predictions", prediction, hint)

    def check_target(self, target, sample_shape):
        self._check_probabilities("targets", target)

    def forward(self, prediction, target):
        self._check(prediction, target)
        xp, t = xp_of(prediction, target), target
        if self.from_logits:
            x = prediction
            return (softplus(x) - t * x).sum() / self._n(x), (x, t)
        p = prediction
        eps = xp.finfo(p.dtype).eps
        log_p, log_q = xp.log(xp.clip(p, eps, 1)), xp.log(xp.clip(1 - p, eps, 1))  # q = 1 - p
        # t log p + (1 - t) log q = log q + t (log p - log q)
        return -(log_q + t * (log_p - log_q)).sum() / self._n(p), (p, t)

    def backward(self, cache):
        if self.from_logits:
            x, t = cache
            return (sigmoid(x) - t) / self._n(x)
        p, t = cache
        xp = xp_of(p)
        variance = xp.clip(p * (1 - p), xp.finfo(p.dtype).eps, 1)
        return (p - t) / (self._n(p) * variance)


class SoftmaxCrossEntropy(Loss):
    """Cross-entropy of a softmax, for classification into K classes.

    L = -1/N sum over samples of log p_c           p = softmax(x), c the class of the sample
    dL/dx = 1/N (p - t)                            t = one-hot(c)

    Raising x_k raises log p_c by (1 if k = c else 0) - p_k, so the gradient is the predicted minus
    the target probability of each class.

    Predictions x are logits (N, K), the numbers before the softmax. Targets are class indices (N,),
    integers from 0 to K - 1, or a row t of K probabilities for each sample (N, K), one-hot or soft:
    L = -1/N sum over samples and classes of t_k log p_k.

    >>> import numpy as np
    >>> loss = SoftmaxCrossEntropy()
    >>> value, cache = loss.forward(np.zeros((1, 4)), np.array([2]))
    >>> round(float(value), 4), loss.backward(cache)  # log 4
    (1.3863, array([[ 0.25,  0.25, -0.75,  0.25]]))
    """

    expects_logits = True
    splits_batch = True

    def __init__(self):
        super().__init__("per_sample")

    def check_target(self, target, sample_shape):
        (k,) = sample_shape[-1:] or (math.inf,)  # the number of classes, if there is an axis for it
        if target.ndim > 1:
            self._check_probabilities("probabilities as targets", target)
        elif target.dtype.kind in "iu" and not (0 <= target.min() and target.max() < k):
            raise ValueError(
                f"SoftmaxCrossEntropy expects class indices from 0 to {k - 1}; "
                f"got {target.min()} to {target.max()}"
            )

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
        else:  # the gradient of -sum_k t_k log p_k; p - t if the t_k add up to one
            p = p * target.sum(axis=1, keepdims=True) - target
        return p / len(p)

    def _check(self, x, target):
        if x.ndim != 2:
            hint = f": use prediction.reshape(-1, {x.shape[-1]}) and target.reshape(-1)"
            raise ShapeError(
                f"SoftmaxCrossEntropy expects predictions (N, K); got {x.shape}"
                + (hint if x.ndim > 2 else "")
            )
        n, k = x.shape
        if target.shape == (n,):
            if target.dtype.kind not in "iu":
                raise TypeError(
                    f"SoftmaxCrossEntropy expects integer class indices; got {target.dtype}: "
                    "use target.astype('int64')"
                )
        elif target.shape != (n, k):
            raise ShapeError(
                f"SoftmaxCrossEntropy expects class indices ({n},) or one row of {k} "
                f"probabilities each ({n}, {k}); got {target.shape}"
            )
        else:
            self._check_precision(x, target)


class KLToStandardNormal(Loss):
    """Kullback-Leibler divergence from the standard normal distribution, averaged over samples.

    L = KL(N(m, s^2) || N(0, 1)) = -1/2 1/N sum 1 + v - m^2 - exp(v)          v = log s^2
    dL/dm = m / N        dL/dv = (exp(v) - 1) / (2 N)

    forward(mean, log_variance) takes m and v, both (N, Z); backward returns both gradients. In a
    VAE it is added to a reconstruction loss with reduction "per_sample". Kingma and Welling (2014),
    appendix B.

    >>> import numpy as np
    >>> loss = KLToStandardNormal()
    >>> value, cache = loss.forward(np.array([[2.0]]), np.array([[0.0]]))
    >>> float(value), loss.backward(cache)
    (2.0, (array([[2.]]), array([[0.]])))
    """

    splits_batch = True

    def __init__(self):
        super().__init__("per_sample")

    def forward(self, mean, log_variance):
        self._check(mean, log_variance)
        m, v = mean, log_variance
        return kl_to_standard_normal(m, v).sum() / len(m), (m, v)

    def backward(self, cache):
        dm, dv = kl_gradient(*cache)
        return dm / len(dm), dv / len(dv)
