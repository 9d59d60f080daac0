"""Kinds of units. A kind knows how ONE layer answers when the layers beside it are held fixed.

Every kind has the same methods. In all of them h (N, n) is the layer's state, b (n,) its biases,
and f (N, n) its FIELD: b plus what comes in over the weights. beta scales the whole energy (an
inverse temperature, for tempering and annealing); 1 is the model itself.

    mean(f, beta)           (N, n)   E[h | the others]
    sample(mean, rng, beta) (N, n)   a draw of h
    coupled(h)              (N, n)   what the weights see of h
    own_energy(h, b)        (N,)     the terms of E in which h stands alone
    log_normalizer(f, b)    (N,)     log of the sum (integral) over h of exp(-E's terms with h)
    count(n), states(i, n)           how many states there are, and those of numbers i: (len(i), n)
"""

import math

from scratchnet.backend import float_dtype, xp_of, zeros
from scratchnet.numerics import logsumexp, sigmoid, softmax, softplus
from scratchnet.validation import check_positive_int, require

__all__ = ["Bernoulli", "Gaussian", "Labelled", "Softmax"]


class Unit:
    """What most kinds share."""

    def coupled(self, h):
        """h itself."""
        return h

    def own_energy(self, h, b):
        """-b h, summed over the layer."""
        return -(h * b).sum(axis=-1)

    def map_arrays(self, f):
        """A copy whose arrays are f(array): to another device or precision. Most have none."""
        return self


def _cooled(f, beta):
    """beta f, where beta may be a number or, for rows of different temperatures, (N, 1)."""
    return f if isinstance(beta, float) and beta == 1 else beta * f


class Bernoulli(Unit):
    """0 or 1.    E = -b h - ...    p(h = 1) = s(f)    log(1 + exp f)"""

    def mean(self, f, beta=1.0):
        """s(beta f)."""
        return sigmoid(_cooled(f, beta))

    def sample(self, mean, rng, beta=1.0):
        """1 where a uniform number falls below the mean."""
        return (rng.uniform(mean) < mean).astype(mean.dtype)

    def log_normalizer(self, f, b):
        """sum_i log(1 + exp f_i)."""
        return softplus(f).sum(axis=-1)

    def entropy(self, mean):
        """-sum_i p log p + (1 - p) log(1 - p), of independent units with these means: (N,)."""
        xp, tiny = xp_of(mean), 1e-30  # 0 log 0 = 0
        on, off = mean, 1 - mean
        each = on * xp.log(xp.maximum(on, tiny)) + off * xp.log(xp.maximum(off, tiny))
        return -each.sum(axis=-1)

    def count(self, n):
        """2^n."""
        return 2**n

    def states(self, i, n):
        """The binary digits of i, the lowest first."""
        bits = (i[:, None] >> xp_of(i).arange(n)) & 1
        return bits.astype(float_dtype())


class Softmax(Unit):
    """Groups of K units of which exactly one is 1: a rating from 1 to K, a class.

    A layer of n = K items units holds `items` groups side by side. A group that is all zeros is an
    item that nobody rated: it is absent, as nothing of it reaches the other side.
    """

    def __init__(self, K):
        self.K = check_positive_int("Softmax", "K", K, " category")

    def groups(self, x):
        """(N, n) -> (N, items, K)."""
        return x.reshape(*x.shape[:-1], -1, self.K)

    def mean(self, f, beta=1.0):
        """softmax_k(beta f) within each group."""
        return softmax(self.groups(_cooled(f, beta))).reshape(f.shape)

    def sample(self, mean, rng, beta=1.0):
        """One category a group: how many of the summed probabilities lie below one uniform."""
        xp = xp_of(mean)
        below = self.groups(mean).cumsum(axis=-1)[..., :-1]  # without the last: rounding, not 1
        k = (rng.uniform(below[..., 0])[..., None] >= below).sum(axis=-1)
        return (xp.arange(self.K) == k[..., None]).astype(mean.dtype).reshape(mean.shape)

    def log_normalizer(self, f, b):
        """sum over groups of log sum_k exp f_k."""
        return logsumexp(self.groups(f))[..., 0].sum(axis=-1)

    def count(self, n):
        """K^items."""
        return self.K ** (n // self.K)

    def states(self, i, n):
        """The digits of i in base K, the lowest first, each as a group."""
        xp = xp_of(i)
        digits = i[:, None] // self.K ** xp.arange(n // self.K) % self.K  # (len(i), items)
        return (xp.arange(self.K) == digits[..., None]).reshape(-1, n).astype(float_dtype())


class Labelled(Unit):
    """0-1 units and, as the last K of the layer, one softmax group: what is seen, and its class."""

    def __init__(self, K):
        self.K, self.bits, self.label = K, Bernoulli(), Softmax(K)

    def _of_both(self, f, bits, label):
        """f's columns answered by the kind they belong to, side by side again."""
        return xp_of(f).concatenate([bits(f[:, : -self.K]), label(f[:, -self.K :])], axis=1)

    def mean(self, f, beta=1.0):
        """s(beta f), and softmax(beta f) for the label."""
        return self._of_both(
            f, lambda f: self.bits.mean(f, beta), lambda f: self.label.mean(f, beta)
        )

    def sample(self, mean, rng, beta=1.0):
        """Bits, and one label."""
        return self._of_both(
            mean, lambda p: self.bits.sample(p, rng), lambda p: self.label.sample(p, rng)
        )

    def log_normalizer(self, f, b):
        """sum_i log(1 + exp f_i) + log sum_k exp f_k."""
        bits = self.bits.log_normalizer(f[:, : -self.K], b)
        return bits + self.label.log_normalizer(f[:, -self.K :], b)

    def count(self, n):
        """2^(n - K) K."""
        return self.bits.count(n - self.K) * self.K

    def states(self, i, n):
        """Each state of the bits with each label."""
        bits, label = (
            self.bits.states(i // self.K, n - self.K),
            self.label.states(i % self.K, self.K),
        )
        return xp_of(i).concatenate([bits, label], axis=1)


class Gaussian(Unit):
    """A real number.    E = (v - a)^2 / (2 sigma^2) - (v / sigma^2) W h    v | h ~ N(f, sigma^2)

    The weights see v / sigma^2, so that f = a + W h is the mean itself. (Some texts couple
    v / sigma; their W is ours divided by sigma.) The variance is kept as z = log sigma^2, which
    cannot become negative; a learned one is kept within bounds, because a unit whose sigma falls
    to 0 wins any likelihood.

    Parameters
        n        units of the layer
        sigma    the standard deviation, at the start if it is learned
        learned  whether z is a parameter
        bounds   of a learned sigma
    """

    def __init__(self, n, sigma=1.0, learned=False, bounds=(0.1, 2.0)):
        require(sigma > 0, f"Gaussian expects sigma > 0; got {sigma!r}")
        self.z = zeros((n,)) + 2 * math.log(sigma)  # (n,)
        self.learned, self.bounds = learned, bounds

    @property
    def variance(self):
        """sigma^2, (n,)."""
        return xp_of(self.z).exp(self.z)

    def mean(self, f, beta=1.0):
        """f, at every temperature."""
        return f

    def sample(self, mean, rng, beta=1.0):
        """f + sigma / sqrt(beta) e, e ~ N(0, 1)."""
        return mean + (self.variance / beta) ** 0.5 * rng.normal(mean)

    def coupled(self, h):
        """v / sigma^2."""
        return h / self.variance

    def own_energy(self, h, b):
        """(v - a)^2 / (2 sigma^2), summed over the layer."""
        return ((h - b) ** 2 / (2 * self.variance)).sum(axis=-1)

    def log_normalizer(self, f, b):
        """sum_i (f^2 - a^2) / (2 sigma^2) + (z + log 2 pi) / 2."""
        squares = (f**2 - b**2) / (2 * self.variance)
        return (squares + 0.5 * (self.z + math.log(2 * math.pi))).sum(axis=-1)

    def count(self, n):
        """There is no end of states."""
        return math.inf

    def keep_within_bounds(self):
        """Push a learned sigma back between its bounds."""
        low, high = (2 * math.log(s) for s in self.bounds)
        self.z[...] = self.z.clip(low, high)

    def map_arrays(self, f):
        """A copy whose z is f(z): to another device or precision."""
        other = Gaussian.__new__(Gaussian)
        vars(other).update(vars(self) | {"z": f(self.z)})
        return other
