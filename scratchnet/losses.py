"""Losses: the value and the gradient of each, next to each other, and the cache between the two.

    forward(prediction, target) -> value, cache          backward(cache) -> dL/dprediction

The value stays on the device, as an array without axes: float(value) makes a GPU wait, so read it
once an epoch. Value AND gradient are divided by the batch size, so that a learning rate stays right
if the batch size changes.

In the formulas y is the prediction, t the target and N the number of samples. Losses of several
numbers per sample (pixels, features) have the option ``reduction``, which selects the divisor n:

    "mean"         n = N times the numbers per sample: the mean over all, the default as in Keras
    "per_sample"   n = N: the sum over the numbers of a sample, as in a log-likelihood

`costs` of a loss is its plain form, the array of the terms of the sum: the sum of the costs is n L.

The base class, `Loss`, and WeightedLoss are in loss_base.py, SoftmaxCrossEntropy and
NegativeLogLikelihood in cross_entropy.py.
"""

import math

from scratchnet.backend import xp_of
from scratchnet.compiled_functions import cross_entropy_parts
from scratchnet.cross_entropy import NegativeLogLikelihood, SoftmaxCrossEntropy
from scratchnet.loss_base import Loss, WeightedLoss
from scratchnet.numerics import (
    kl_gradient,
    kl_to_standard_normal,
    relu,
    sigmoid,
    softplus,
    sum_log,
    sum_of_squares,
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
    "NegativeLogLikelihood",
    "SoftmaxCrossEntropy",
    "WeightedLoss",
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
        return sum_of_squares(d) / self._n(d), d

    def costs(self, prediction, target):
        return (prediction - target) ** 2

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
        return sum_of_squares(d) / (2 * s * s * n) + constant, d

    def costs(self, prediction, target):
        d, s = prediction - target, self.sigma
        return d * d / (2 * s * s) + (math.log(s) + 0.5 * math.log(2 * math.pi))

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

    def costs(self, prediction, target):
        return xp_of(prediction).abs(prediction - target)

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

    def costs(self, prediction, target):
        xp, a = xp_of(prediction), xp_of(prediction).abs(prediction - target)
        return xp.where(a <= self.delta, a * a / 2, self.delta * (a - self.delta / 2))

    def backward(self, d):
        return xp_of(d).clip(d, -self.delta, self.delta) / self._n(d)


class BinaryCrossEntropy(Loss):
    """Binary cross-entropy of predictions for targets t in [0, 1], each number on its own.

    L = -1/n sum t log p + (1 - t) log(1 - p)

    from probabilities p    dL/dp = 1/n (p - t) / (p (1 - p))
    from logits x           p = sigmoid(x)
                            L = 1/n sum softplus(x) - t x          dL/dx = 1/n (p - t)

    The form from logits has no logarithm of 0: it is right to eps for every x. A probability p may
    have been rounded to 0 or 1: in the logarithms p and 1 - p are at least eps, and p (1 - p) in
    the gradient, too, with the eps of the precision (1.2e-7 in float32). So an entry costs at most
    16 nats instead of infinity, as in Keras. A training step of a model that ends with `Sigmoid`
    uses the form from logits, see `training_step.sigmoid_before`.

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
            p, total = cross_entropy_parts(prediction, t) or self._parts(prediction, t)
            return total / self._n(p), (p, t)
        p = prediction
        eps = xp.finfo(p.dtype).eps
        q = xp.clip(1 - p, eps, 1)
        costs = xp.clip(p, eps, 1)
        costs /= q
        xp.log(costs, out=costs)  # in place, because a new array costs time
        costs *= t
        total = costs.sum() + sum_log(q)  # t log(p / q) + log q = t log p + (1 - t) log q
        return -total / self._n(p), (p, t)

    def _parts(self, x, t):
        """The array p = sigmoid(x), and the sum of softplus(x) - t x.

        softplus(x) = max(x, 0) + log(1 + exp(-abs(x))) = max(x, 0) - log max(p, 1 - p)
        """
        p, costs = sigmoid(x), relu(x)
        costs -= t * x
        q = 1 - p
        return p, costs.sum() - sum_log(xp_of(x).maximum(p, q, out=q), at_least=0.5)

    def costs(self, prediction, target):
        xp, t = xp_of(prediction), target
        if self.from_logits:
            return softplus(prediction) - t * prediction
        eps = xp.finfo(prediction.dtype).eps
        log_p, log_q = (xp.log(xp.clip(p, eps, 1)) for p in (prediction, 1 - prediction))
        return -(t * log_p + (1 - t) * log_q)

    def backward(self, cache):
        p, t = cache
        d = p - t
        if self.from_logits:
            d /= self._n(p)
            return d
        xp = xp_of(p)
        variance = 1 - p
        variance *= p
        variance = xp.clip(variance, xp.finfo(p.dtype).eps, 1)
        variance *= self._n(p)
        d /= variance
        return d


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
