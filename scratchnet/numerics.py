"""Numerically stable functions: no overflow, no warning and no NaN, however large the input.

Each function takes and returns arrays of one floating-point dtype, NumPy or CuPy.
"""

from scratchnet.backend import xp_of


def sigmoid(x, out=None):
    """Logistic function s(x) = 1 / (1 + exp(-x)), elementwise.

    exp(-x) overflows for large negative x, so s(x) is computed from tanh, which cannot overflow:

        tanh(x/2) = (1 - exp(-x)) / (1 + exp(-x)) = 2 s(x) - 1        s(x) = (tanh(x/2) + 1) / 2

    In float32 the result is exactly 0 below about x = -20 and exactly 1 above 17, and log(0) is
    -inf. Compute log s(x) with `log_sigmoid`, from x itself.

    Parameters
        out   an array like x, or x itself, into which the result is written

    >>> import numpy as np
    >>> sigmoid(np.array([0.0, 1000.0]))
    array([0.5, 1. ])
    """
    xp = xp_of(x)
    y = xp.multiply(x, 0.5, out=out)  # x / 2
    xp.tanh(y, out=y)  # in place, because a new array takes as long as the computation
    y *= 0.5
    y += 0.5
    return y


def softplus(x):
    """Softplus log(1 + exp(x)), elementwise, computed as max(x, 0) + log(1 + exp(-abs(x))).

    >>> import numpy as np
    >>> softplus(np.array([-1000.0, 1000.0]))
    array([   0., 1000.])
    """
    xp = xp_of(x)
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


def log_sigmoid(x):
    """Logarithm of the sigmoid, log s(x) = -softplus(-x), elementwise.

    >>> import numpy as np
    >>> log_sigmoid(np.array([-1000.0]))
    array([-1000.])
    """
    return -softplus(-x)


def logsumexp(x, axis=-1):
    """Logarithm of a sum of exponentials, log sum_k exp(x_k), along an axis.

    With the maximum m of the x_k, log sum exp(x) = m + log sum exp(x - m), where no exponential is
    larger than 1. The axis stays, with length 1.

    >>> import numpy as np
    >>> logsumexp(np.array([[1000.0, 1000.0]])) - 1000  # log 2
    array([[0.69314718]])
    """
    xp = xp_of(x)
    m = x.max(axis=axis, keepdims=True)
    return m + xp.log(xp.exp(x - m).sum(axis=axis, keepdims=True))


def log_softmax(x, axis=-1):
    """Logarithm of the softmax, log softmax(x)_k = x_k - logsumexp(x), along an axis.

    >>> import numpy as np
    >>> log_softmax(np.array([[0.0, 1000.0]]))
    array([[-1000.,     0.]])
    """
    return x - logsumexp(x, axis=axis)


def softmax(x, axis=-1):
    """Softmax, softmax(x)_k = exp(x_k) / sum_j exp(x_j), along an axis.

    Computed from x - max(x): the result is the same, and no exponential overflows.

    >>> import numpy as np
    >>> softmax(np.array([[0.0, 0.0, -1000.0]]))
    array([[0.5, 0.5, 0. ]])
    """
    xp = xp_of(x)
    e = xp.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def kl_to_standard_normal(mu, log_var):
    """Kullback-Leibler divergence KL(Normal(mu, sigma^2) || Normal(0, 1)), elementwise, in nats.

    KL = -1/2 (1 + log_var - mu^2 - exp(log_var))        with log_var = log(sigma^2)

    Source: Kingma and Welling (2014), appendix B.

    >>> import numpy as np
    >>> kl_to_standard_normal(np.array([0.0, 1.0]), np.zeros(2))
    array([-0. ,  0.5])
    """
    return -0.5 * (1 + log_var - mu * mu - xp_of(mu, log_var).exp(log_var))


def kl_gradient(mu, log_var):
    """Derivatives of `kl_to_standard_normal` by mu and by log_var: mu and (exp(log_var) - 1) / 2.

    >>> import numpy as np
    >>> kl_gradient(np.ones(1), np.zeros(1))
    (array([1.]), array([0.]))
    """
    return mu, 0.5 * (xp_of(mu, log_var).exp(log_var) - 1)
