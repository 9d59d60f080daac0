"""Stable primitives: no overflow, no warning and no NaN, however large the input.

Each takes and returns arrays of one floating dtype, on the device of its argument.
"""

from scratchnet.backend import xp_of


def sigmoid(x, out=None):
    """s(x) = 1 / (1 + exp(-x)), computed as (tanh(x/2) + 1) / 2, which cannot overflow.

    In float32 the result is exactly 0 below about -17 and exactly 1 above 17: never take its log.
    Losses that need log s(x) start from x itself, see `log_sigmoid`. With out, an array like x or
    x itself, the result is written there.
    """
    xp = xp_of(x)
    y = xp.multiply(x, 0.5, out=out)
    xp.tanh(y, out=y)  # in place: y is ours, and every fresh array costs time
    y *= 0.5
    y += 0.5
    return y


def softplus(x):
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-abs(x)))."""
    xp = xp_of(x)
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


def log_sigmoid(x):
    """log s(x) = -softplus(-x)."""
    return -softplus(-x)


def logsumexp(x, axis=-1):
    """log sum_k exp(x_k) along an axis that is kept with length 1.

    The maximum m is taken out first: log sum exp(x) = m + log sum exp(x - m).
    """
    xp = xp_of(x)
    m = x.max(axis=axis, keepdims=True)
    return m + xp.log(xp.exp(x - m).sum(axis=axis, keepdims=True))


def log_softmax(x, axis=-1):
    """log softmax(x)_k = x_k - logsumexp(x)."""
    return x - logsumexp(x, axis=axis)


def softmax(x, axis=-1):
    """softmax(x)_k = exp(x_k) / sum_j exp(x_j); x - max(x) gives the same and cannot overflow."""
    xp = xp_of(x)
    e = xp.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def kl_to_standard_normal(m, v):
    """KL(N(m, exp(v)) || N(0, 1)) = -1/2 (1 + v - m^2 - exp(v)), number by number."""
    return -0.5 * (1 + v - m * m - xp_of(m, v).exp(v))


def kl_gradient(m, v):
    """Its derivatives by m and by v: m and (exp(v) - 1) / 2."""
    return m, 0.5 * (xp_of(m, v).exp(v) - 1)
