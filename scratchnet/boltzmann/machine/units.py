"""Types of units: the conditional distribution of one layer, given its neighbours.

Every type has the same methods. In all of them h (N, n) is the state of the layer, b (n,) its
biases, and z (N, n) its pre-activation or total input: b plus what the neighbouring layers add
through the weights. beta scales the whole energy (an inverse temperature, for tempering); the model
itself has beta = 1.

    mean(z, beta)            (N, n)        E[h | neighbours]
    sample(mean, rng, beta)  (N, n)        h drawn from p(h | neighbours)
    scaled(h)                (N, n)        the value that multiplies W: h, or h / sigma^2
    bias_energy(h, b)        (N,)          the part of the energy without weights, such as -b h
    log_normalizer(z, b)     (N,)          log of the sum (integral) of exp(-E) over the states of
                                           this layer, E without the terms of other layers alone
    count(n)                               number of states of a layer of n units
    states(i, n)             (len(i), n)   the states number i, each from 0 to count(n) - 1
"""

import copy
import math

from scratchnet.backend import float_dtype, xp_of, zeros
from scratchnet.numerics import logsumexp, sigmoid, softmax, softplus
from scratchnet.validation import check_positive_int, require

__all__ = ["Bernoulli", "Gaussian", "Labelled", "Softmax"]


class Unit:
    """Methods that most types of units share.

    >>> import numpy as np
    >>> Unit().bias_energy(h=np.array([[1.0, 0.0]]), b=np.array([2.0, 3.0]))
    array([-2.])
    """

    def scaled(self, h):
        """The value that multiplies W: h itself."""
        return h

    def bias_energy(self, h, b):
        """Bias energy -b h, summed over the layer, (N,)."""
        return -(h * b).sum(axis=-1)

    def map_arrays(self, function):
        """A copy with function(array) for each array; a type without arrays returns itself."""
        return self


def _tempered(z, beta):
    """Return beta z; beta is a float or, for rows of different temperatures, an array (N, 1)."""
    return z if isinstance(beta, float) and beta == 1 else beta * z  # beta = 1 needs no copy


class Bernoulli(Unit):
    """Units that are 0 or 1.

        bias energy -b h        p(h = 1) = s(z)        log normalizer log(1 + exp z)

    >>> import numpy as np
    >>> Bernoulli().mean(np.array([[0.0, 100.0]]))
    array([[0.5, 1. ]])
    """

    def mean(self, z, beta=1.0):
        """Probabilities p(h = 1) = s(beta z), (N, n)."""
        return sigmoid(_tempered(z, beta))

    def sample(self, mean, rng, beta=1.0):
        """Draw 1 with probability `mean`, else 0; the mean already contains beta."""
        return (rng.uniform(mean) < mean).astype(mean.dtype)

    def log_normalizer(self, z, b):
        """Log-normalizer sum_i log(1 + exp z_i), (N,)."""
        return softplus(z).sum(axis=-1)

    def entropy(self, mean):
        """Entropy in nats of independent units with these means p, (N,).

        H = -sum_i (p_i log p_i + (1 - p_i) log(1 - p_i))
        """
        xp, tiny = xp_of(mean), 1e-30  # 0 log 0 = 0
        on, off = mean, 1 - mean
        each = on * xp.log(xp.maximum(on, tiny)) + off * xp.log(xp.maximum(off, tiny))
        return -each.sum(axis=-1)

    def count(self, n):
        """Number of states, 2^n."""
        return 2**n

    def states(self, i, n):
        """Binary digits of i, lowest first, (len(i), n)."""
        bits = (i[:, None] >> xp_of(i).arange(n)) & 1
        return bits.astype(float_dtype())


class Softmax(Unit):
    """Categorical (one-hot) units: groups of K units, of which exactly one is 1.

        p(unit k of a group is 1) = softmax(z)_k        log normalizer log sum_k exp z_k

    A layer of n = K items units contains `items` groups side by side, for example a rating from 1
    to K of each item. A group of zeros represents a missing rating: it adds nothing to the total
    input of the other layer. Not to be confused with the activation `scratchnet.layers.Softmax`.

    >>> import numpy as np
    >>> Softmax(2).mean(np.array([[1.0, 1.0, 0.0, np.log(3)]]))  # two groups of two units
    array([[0.5 , 0.5 , 0.25, 0.75]])
    """

    def __init__(self, K):
        self.K = check_positive_int("Softmax", "K", K, " category")

    def groups(self, x):
        """Reshape (N, n) -> (N, items, K)."""
        return x.reshape(*x.shape[:-1], -1, self.K)

    def mean(self, z, beta=1.0):
        """Probabilities softmax_k(beta z) within each group, (N, n)."""
        return softmax(self.groups(_tempered(z, beta))).reshape(z.shape)

    def sample(self, mean, rng, beta=1.0):
        """Draw one category a group by inverse-CDF sampling, with one uniform number u a group.

        The category is the number of cumulative probabilities p_1, p_1 + p_2, ... that u reaches.
        The last sum is left out: rounding may leave it below 1, and u then would exceed all K.
        """
        xp = xp_of(mean)
        cumulative = self.groups(mean).cumsum(axis=-1)[..., :-1]  # (N, items, K - 1)
        k = (rng.uniform(cumulative[..., 0])[..., None] >= cumulative).sum(axis=-1)
        return (xp.arange(self.K) == k[..., None]).astype(mean.dtype).reshape(mean.shape)

    def log_normalizer(self, z, b):
        """Log-normalizer: the sum over the groups of log sum_k exp z_k, (N,)."""
        return logsumexp(self.groups(z))[..., 0].sum(axis=-1)

    def count(self, n):
        """Number of states, K^items."""
        return self.K ** (n // self.K)

    def states(self, i, n):
        """Digits of i in base K, lowest first, each as a one-hot group: (len(i), n)."""
        xp = xp_of(i)
        digits = i[:, None] // self.K ** xp.arange(n // self.K) % self.K  # (len(i), items)
        return (xp.arange(self.K) == digits[..., None]).reshape(-1, n).astype(float_dtype())


class Labelled(Unit):
    """Layer of 0-1 units whose last K units are the one-hot class label of the row.

    >>> import numpy as np
    >>> Labelled(2).mean(np.array([[0.0, 3.0, 3.0]]))  # one 0-1 unit, two classes
    array([[0.5, 0.5, 0.5]])
    """

    def __init__(self, K):
        self.K, self.bits, self.label = K, Bernoulli(), Softmax(K)

    def _by_type(self, x, bits, label):
        """Apply `bits` to the 0-1 columns of x and `label` to its last K columns."""
        return xp_of(x).concatenate([bits(x[:, : -self.K]), label(x[:, -self.K :])], axis=1)

    def mean(self, z, beta=1.0):
        """Probabilities s(beta z) of the 0-1 units and softmax(beta z) of the label, (N, n)."""
        return self._by_type(
            z, lambda z: self.bits.mean(z, beta), lambda z: self.label.mean(z, beta)
        )

    def sample(self, mean, rng, beta=1.0):
        """Draw the 0-1 units, then one label a row."""
        return self._by_type(
            mean, lambda p: self.bits.sample(p, rng), lambda p: self.label.sample(p, rng)
        )

    def log_normalizer(self, z, b):
        """Log-normalizer of the 0-1 units plus that of the label, (N,)."""
        bits = self.bits.log_normalizer(z[:, : -self.K], b)
        return bits + self.label.log_normalizer(z[:, -self.K :], b)

    def count(self, n):
        """Number of states, 2^(n - K) K."""
        return self.bits.count(n - self.K) * self.K

    def states(self, i, n):
        """Each state of the 0-1 units with each label, (len(i), n)."""
        bits = self.bits.states(i // self.K, n - self.K)
        label = self.label.states(i % self.K, self.K)
        return xp_of(i).concatenate([bits, label], axis=1)


class Gaussian(Unit):
    """Units with real values and a Gaussian conditional distribution.

        E(v, h) = (v - a)^2 / (2 sigma^2) - (v / sigma^2) W h - b h        v | h ~ N(z, sigma^2)

    W multiplies v / sigma^2, so that the pre-activation z = a + W h is the conditional mean. (Some
    texts use v / sigma; their W is this W divided by sigma.) a is the layer's bias, b in the
    methods. The parameter is log sigma^2, so that the variance stays positive. A learned sigma is
    kept within bounds: where it falls to 0, the likelihood diverges. Cho, Ilin and Raiko (2011).

    Parameters
        n        units of the layer
        sigma    the standard deviation, or its initial value if it is learned
        learned  whether log sigma^2 is a parameter
        bounds   (lowest, highest) value of a learned sigma

    Raises ValueError for a sigma that is not positive.

    >>> Gaussian(2, sigma=0.5).variance
    array([0.25, 0.25], dtype=float32)
    """

    def __init__(self, n, sigma=1.0, learned=False, bounds=(0.1, 2.0)):
        require(sigma > 0, f"Gaussian expects sigma > 0; got {sigma!r}")
        self.log_variance = zeros((n,)) + 2 * math.log(sigma)  # log sigma^2, (n,)
        self.learned, self.bounds = learned, bounds

    @property
    def variance(self):
        """Variance sigma^2, (n,)."""
        return xp_of(self.log_variance).exp(self.log_variance)

    def mean(self, z, beta=1.0):
        """Conditional mean z, whatever the temperature."""
        return z

    def sample(self, mean, rng, beta=1.0):
        """Draw mean + sigma / sqrt(beta) e with e ~ N(0, 1)."""
        return mean + (self.variance / beta) ** 0.5 * rng.normal(mean)

    def scaled(self, h):
        """The value that multiplies W: h / sigma^2."""
        return h / self.variance

    def bias_energy(self, h, b):
        """Bias energy (h - b)^2 / (2 sigma^2), summed over the layer, (N,)."""
        return ((h - b) ** 2 / (2 * self.variance)).sum(axis=-1)

    def log_normalizer(self, z, b):
        """Log-normalizer sum_i (z^2 - b^2) / (2 sigma^2) + log(2 pi sigma^2) / 2, (N,).

        The bias energy contains b^2 / (2 sigma^2), so completing the square in v leaves z^2 - b^2.
        """
        squares = (z**2 - b**2) / (2 * self.variance)
        return (squares + 0.5 * (self.log_variance + math.log(2 * math.pi))).sum(axis=-1)

    def count(self, n):
        """Infinity: real numbers cannot be enumerated."""
        return math.inf

    def keep_within_bounds(self):
        """Clip sigma to its bounds, in place."""
        low, high = (2 * math.log(s) for s in self.bounds)
        self.log_variance[...] = self.log_variance.clip(low, high)

    def map_arrays(self, function):
        """A copy with function(log sigma^2): on another device or in another precision."""
        other = copy.copy(self)
        other.log_variance = function(self.log_variance)
        return other
