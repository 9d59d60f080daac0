"""Sigmoid, tanh and binary cross-entropy of the numbers of an array, as loops for `compiled`.

NumPy computes a sigmoid in four passes over the array, and most of the time goes into exp. A loop
does all in one pass, with an exp of some twenty operations, which the processor applies to eight
numbers at once. The results are right to 2 eps, but differ from NumPy's in the last bits.

An exponential function is computed in two steps, as in every library:

    exp(x) = 2^k exp(r)                      k = round(x / log 2), r = x - k log 2
    exp(r) = 1 + r + r^2 P(r)                abs(r) <= log(2) / 2, P a polynomial of degree 5

2^k is made by writing k + 127 into the bits of the exponent of a float32. The product k log 2 would
be rounded, so log 2 is the sum of two numbers, the first with so few digits that k times it is
exact. Source of both polynomials: Moshier, Cephes Mathematical Library (1989), expf and tanhf.
"""

from typing import Any

import numpy as np

from scratchnet.backend import Array, on_host
from scratchnet.compiled import LEAST, compiled, helper

number = np.float32  # a constant of another precision would make the computation float64

ZERO, ONE, TWO = number(0), number(1), number(2)
LARGEST, SMALLEST = number(89), number(-88)  # `exp` is infinite above and 0 below
INVERSE_OF_LOG_2 = number(1.44269504)
LOG_2_HIGH, LOG_2_LOW = number(0.693359375), number(-2.12194440e-4)  # their sum is log 2
ROWS = 32  # whose factors are multiplied in `cross_entropy_loop`
NARROW = 16  # numbers in a row; shorter ones are taken as one row
HALF, NEAR_ZERO = number(0.5), number(0.625)
# of P, the highest power first
E5, E4, E3 = number(1.9875691500e-4), number(1.3981999507e-3), number(8.3334519073e-3)
E2, E1, E0 = number(4.1665795894e-2), number(1.6666665459e-1), number(5.0000001201e-1)
# of Q in tanh(x) = x + x^3 Q(x^2) for small x
T4, T3, T2 = number(-5.70498872745e-3), number(2.06390887954e-2), number(-5.37397155531e-2)
T1, T0 = number(1.33314422036e-1), number(-3.33332819422e-1)


@helper
def exp(x):
    """Exponential function of a float32, with an error of at most 1 eps for -87.3 < x < 88.3.

    It is infinite above; below it is subnormal, and 0 from -87.7 on.

    >>> float(exp(number(1)))
    2.7182817459106445
    """
    x = LARGEST if x > LARGEST else x  # so that k fits into the exponent; NaN stays NaN
    x = SMALLEST if x < SMALLEST else x
    k = np.floor(x * INVERSE_OF_LOG_2 + HALF)
    r = (x - k * LOG_2_HIGH) - k * LOG_2_LOW
    P = ((((E5 * r + E4) * r + E3) * r + E2) * r + E1) * r + E0
    power_of_2 = np.int32((np.int32(k) + 127) << 23).view(np.float32)
    return (P * r * r + r + ONE) * power_of_2


@helper
def sigmoid(x):
    """Logistic function 1 / (1 + exp(-x)) of a float32.

    >>> float(sigmoid(number(0)))
    0.5
    """
    return ONE / (ONE + exp(-x))


@helper
def tanh(x):
    """Hyperbolic tangent of a float32.

    tanh(x) = 1 - 2 / (exp(2 x) + 1) for x > 0. Near zero, where this difference has few digits, it
    is a polynomial.

    >>> float(tanh(number(0)))
    0.0
    """
    a = abs(x)
    s = a * a
    Q = (((T4 * s + T3) * s + T2) * s + T1) * s + T0
    far = ONE - TWO / (exp(a + a) + ONE)
    return np.copysign(Q * s * a + a if a < NEAR_ZERO else far, x)


def sigmoid_loop(x, y):
    """Write y = sigmoid(x) for each number, see `numerics.sigmoid`; x and y share no memory."""
    for i in range(x.size):
        y[i] = sigmoid(x[i])


def sigmoid_in_place_loop(y):
    """Replace each number y by sigmoid(y). For `sigmoid_loop` to do so would be slow."""
    for i in range(y.size):
        y[i] = sigmoid(y[i])


def tanh_loop(x, y):
    """Write y = tanh(x) for each number, see `numerics.tanh`; x and y share no memory."""
    for i in range(x.size):
        y[i] = tanh(x[i])


def tanh_in_place_loop(y):
    """Replace each number y by tanh(y)."""
    for i in range(y.size):
        y[i] = tanh(y[i])


IN_PLACE = {sigmoid_loop: sigmoid_in_place_loop, tanh_loop: tanh_in_place_loop}


def cross_entropy_loop(x, t, p, costs, products):
    """Parts of `losses.BinaryCrossEntropy` for logits x and targets t (N, M).

    p = sigmoid(x)        softplus(x) - t x = max(x, 0) - t x - log q        q = max(p, 1 - p)

    The terms of 32 rows are added in one row of costs and multiplied in one row of products, both
    (N / 32, M), with zeros and ones at first: a logarithm takes as long as twenty products. q is at
    least 1/2, so no product underflows.
    """
    for i in range(p.shape[0]):
        b = i // ROWS
        for j in range(p.shape[1]):  # two loops of few arrays each, see `lstm_step_loop`
            e = exp(-abs(x[i, j]))
            q = ONE / (ONE + e)
            products[b, j] *= q
            p[i, j] = q if x[i, j] > ZERO else e * q
        for j in range(p.shape[1]):
            costs[b, j] += (x[i, j] if x[i, j] > ZERO else ZERO) - t[i, j] * x[i, j]


def cross_entropy_parts(x: Array, t: Array) -> tuple[Array, Any] | None:
    """The new array p = sigmoid(x) and the sum of softplus(x) - t x, by `cross_entropy_loop`.

    None where NumPy is to be used.

    Parameters
        x, t   logits and targets, of one shape
    """
    if not _is_large(x):
        return None
    x, t = (np.require(a, number, ["C", "W"]) for a in (x, t))
    p = np.empty(x.shape, number)
    shape = (len(x), -1) if x.size >= NARROW * len(x) else (1, -1)  # short rows are slow
    rows = [a.reshape(shape) for a in (x, t, p)]  # (N, M)
    costs = np.zeros((-(-len(rows[0]) // ROWS), rows[0].shape[1]), number)
    products = np.ones_like(costs)
    machine_code = compiled(cross_entropy_loop, *rows, costs, products)
    if machine_code is None:
        return None
    machine_code(*rows, costs, products)
    return p, costs.sum() - np.log(products).sum()


def by_loop(loop: Any, x: Array, out: Array | None = None) -> Array | None:
    """The values of a function at x, by its loop, or None where NumPy is to be used.

    None for other numbers than float32, and where `compiled` has no loop.

    Parameters
        loop   sigmoid_loop or tanh_loop
        out    an array like x, or x itself, for the result; None: a new array, in C order
    """
    if not _is_large(x):
        return None
    y = np.empty(x.shape, number) if out is None else out
    if not y.flags.carray:
        return None
    flat: tuple[Array, ...]
    if out is None and x.flags.carray:
        flat = x.reshape(-1), y.reshape(-1)
    else:
        if y is not x:  # another shape is an error here; x may be a part of y
            np.copyto(y, x)
        loop, flat = IN_PLACE[loop], (y.reshape(-1),)
    machine_code = compiled(loop, *flat)
    if machine_code is None:
        return None
    machine_code(*flat)
    return y


def _is_large(x):
    """Whether x is an array of float32 in CPU memory for which a loop may be compiled."""
    return x.size >= LEAST and x.dtype == number and on_host(x)


def compile_functions() -> None:
    """Compile the loops of this module, which are for float32, best before processes are forked."""
    for loop in IN_PLACE:
        x = np.zeros(LEAST, number)
        by_loop(loop, x, by_loop(loop, x))
    cross_entropy_parts(*np.zeros((2, LEAST), number))
