"""Numerically stable functions: no overflow, no warning and no NaN, however large the input.

Each function takes and returns arrays of one floating-point dtype, NumPy or CuPy.
"""

import math

from scratchnet.backend import on_host, overflow_to_infinity, xp_of
from scratchnet.compiled_functions import by_loop, sigmoid_loop, tanh_loop

FEW_ROWS = 64  # at most, see `times_transposed`
FEW_ENTRIES = 512  # at most, see `sum_log`
LONGEST_ROW = 1 << 15  # numbers, see `sum_of_squares`


def times_transposed(dy, W):
    """Matrix product dy W^T of (N, M) and (D, M), a new array (N, D).

    Plain form: ``dy @ W.T``, with the same result up to rounding. In CPU memory, and if N is at
    most 64, D and M, it is computed as (W dy^T)^T. BLAS first copies the factors of a product, and
    on processors with AVX-512 takes so long for a transposed W that it saves a third of the time to
    transpose dy and the result, which are small.

    >>> import numpy as np
    >>> times_transposed(np.array([[1.0, 2.0]]), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
    array([[1., 2., 3.]])
    """
    if len(dy) > min(FEW_ROWS, *W.shape) or not on_host(dy):
        return dy @ W.T
    xp = xp_of(dy)
    dx_transposed = W @ xp.ascontiguousarray(dy.T)  # (D, M) (M, N) -> (D, N)
    return xp.ascontiguousarray(dx_transposed.T)


def relu(x, out=None):
    """Positive part max(x, 0), elementwise.

    Plain form: ``xp.maximum(x, 0)``, with the same result. In CPU memory 0 is an array of zeros of
    one sample's shape instead: NumPy reads an array with vector instructions and a single number
    without them, which takes up to three times as long.

    Parameters
        out   an array like x, or x itself, into which the result is written

    >>> import numpy as np
    >>> relu(np.array([[-1.0, 2.0]]))
    array([[0., 2.]])
    """
    xp = xp_of(x)
    return xp.maximum(x, xp.zeros(x.shape[1:], x.dtype) if on_host(x) else 0, out=out)


def sigmoid(x, out=None):
    """Logistic function s(x) = 1 / (1 + exp(-x)), elementwise.

    For large negative x, exp(-x) overflows to infinity, and 1 / infinity is 0, the right result to
    all digits.

    In float32 the result is exactly 0 below about x = -88 and exactly 1 above 17, and log(0) is
    -inf. Compute log s(x) with `log_sigmoid`, from x itself. With Numba a large array of float32 is
    computed by `compiled_functions.sigmoid_loop`, with the same result up to rounding.

    Parameters
        out   an array like x, or x itself, into which the result is written

    >>> import numpy as np
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    y = by_loop(sigmoid_loop, x, out)
    if y is None:
        with overflow_to_infinity():
            y = _sigmoid_by_numpy(x, out)
    return y


def sigmoid_steps(x, out=None):
    """`sigmoid` without the context that silences the warning of an overflow.

    For a loop over small arrays, where entering the context in each step would take longer than the
    sigmoid: the caller enters it once, around the loop.

    >>> import numpy as np
    >>> with overflow_to_infinity():
    ...     sigmoid_steps(np.array([-1000.0, 0.0]))
    array([0. , 0.5])
    """
    y = by_loop(sigmoid_loop, x, out)
    return _sigmoid_by_numpy(x, out) if y is None else y


def _sigmoid_by_numpy(x, out):
    xp = xp_of(x)
    y = xp.negative(x, out=out)
    xp.exp(y, out=y)  # in place, because a new array takes as long as the computation
    y += 1
    return xp.reciprocal(y, out=y)


def tanh(x, out=None):
    """Hyperbolic tangent, elementwise.

    Plain form: ``xp.tanh``, with the same result up to rounding. With Numba a large array of
    float32 is computed by `compiled_functions.tanh_loop`.

    Parameters
        out   an array like x, or x itself, into which the result is written

    >>> import numpy as np
    >>> tanh(np.array([0.0, 1000.0]))
    array([0., 1.])
    """
    y = by_loop(tanh_loop, x, out)
    return xp_of(x).tanh(x, out=out) if y is None else y


def log1p(e):
    """Logarithm log(1 + e) for e in [0, 1], elementwise, also where 1 + e rounds to 1.

    Plain form: ``xp.log1p``, with the same result up to rounding. In CPU memory it is computed from
    log, which NumPy computes several times as fast: with u the rounded 1 + e and r = e - (u - 1)
    what the rounding has lost,

        log(1 + e) = log(u + r) = log(u) + r / u        up to (r / u)^2, which is below rounding

    >>> import numpy as np
    >>> log1p(np.array([0.0, 1e-20]))
    array([0.e+00, 1.e-20])
    """
    xp = xp_of(e)
    if not on_host(e):
        return xp.log1p(e)
    u = 1 + e
    y = e - (u - 1)  # r
    y /= u
    y += xp.log(u)
    return y


def sum_log(q, at_least=None):
    """Sum of log q over all entries of q, which lie between `at_least` and 1.

    Plain form: ``xp.log(q).sum()``, with the same result up to rounding. In CPU memory, where a
    logarithm takes as long as twenty products, it is the sum of the logarithms of products of 2, 4,
    8, 16 or 32 entries: of so many that no product can underflow. At most 512 have the plain form.

    Parameters
        at_least   lower bound of the entries; None: eps of their precision

    >>> import numpy as np
    >>> sum_log(np.array([1.0, 0.5, 0.5])) == np.log(0.25)
    np.True_
    """
    xp = xp_of(q)
    if not on_host(q) or q.size <= FEW_ENTRIES:
        return xp.log(q).sum()
    finfo = xp.finfo(q.dtype)
    entries = math.log(finfo.tiny) / math.log(finfo.eps if at_least is None else at_least)
    q = q.reshape(-1)
    for _ in range(min(5, int(math.log2(entries)))):
        half = q.size // 2
        pairs = q[:half] * q[half : 2 * half]
        q = pairs if q.size == 2 * half else xp.append(pairs, q[-1:])
    return xp.log(q).sum()


def sum_of_squares(d):
    """Sum of d^2 over all entries.

    Plain form: ``(d * d).sum()``, with the same result up to rounding. In CPU memory each row of at
    most 32,768 numbers is a product of BLAS, without an array of squares. In longer rows the error
    of this product would be larger than that of NumPy's sum, which adds in pairs.

    >>> import numpy as np
    >>> float(sum_of_squares(np.array([[3.0], [4.0]])))
    25.0
    """
    if not on_host(d) or d.ndim < 2 or not 0 < d.size <= LONGEST_ROW * len(d):
        return (d * d).sum()
    rows = d.reshape(len(d), -1)
    return xp_of(d).matmul(rows[:, None, :], rows[:, :, None]).sum()  # (N, 1, M) (N, M, 1)


def softplus(x):
    """Softplus log(1 + exp(x)), elementwise, computed as max(x, 0) + log(1 + exp(-abs(x))).

    >>> import numpy as np
    >>> softplus(np.array([-1000.0, 1000.0]))
    array([   0., 1000.])
    """
    xp = xp_of(x)
    y = log1p(xp.exp(-xp.abs(x)))
    y += relu(x)
    return y


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

    Computed as d_k - log sum_j exp(d_j) with d = x - max(x). The difference of x_k and logsumexp(x)
    would lose the digits of the result where all x_k are large: in float32, 1e4 is rounded to 1e-3.

    >>> import numpy as np
    >>> log_softmax(np.array([[0.0, 1000.0]]))
    array([[-1000.,     0.]])
    """
    xp = xp_of(x)
    d = x - x.max(axis=axis, keepdims=True)
    return d - xp.log(xp.exp(d).sum(axis=axis, keepdims=True))


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
