"""Loops over the numbers of an array, compiled by Numba if it is installed.

NumPy computes a formula operation by operation, and each operation reads and writes whole arrays. A
loop that computes the whole formula for one number after the other reads and writes each array
once. In Python such a loop takes hundreds of times as long; Numba compiles it to machine code:

    pip install "scratchnet[numba]"

The results have the same bits with and without Numba: a loop has the operations of its NumPy form
in the same order, and Numba neither reorders them nor rounds a product and a sum together.
"""

import functools
import importlib.metadata
from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet.backend import Array, on_host

LEAST = 1 << 13  # numbers of a vector; a shorter one is not worth the time to compile the loop


def numba_description() -> str:
    """Version of Numba, or why no loop is compiled."""
    problem = numba_problem()
    return f"not used: {problem}" if problem else importlib.metadata.version("numba")


@functools.cache
def numba_problem() -> str | None:
    """Reason why no loop is compiled, the message of the import; None if Numba is imported."""
    try:
        import numba  # noqa: F401
    except ImportError as problem:  # also of a Numba for another version of NumPy
        return str(problem)
    return None


def compiled(loop: Callable, *vectors: Array, numbers: int) -> Callable | None:
    """The loop as machine code, or None where NumPy is to be used.

    None without Numba, for arrays on a GPU, for fewer than 8192 numbers, and for vectors that are
    not contiguous, writable and of one dtype, float32 or float64. The first call compiles the loop
    for this dtype, which takes about half a second. The loop gives no warning of an overflow.

    Parameters
        loop      function of vectors, and then of numbers, all of one dtype; it changes the vectors
                  in place and returns None
        vectors   the first arguments of the loop, or only some of them
        numbers   how many of the arguments, the last ones, are numbers
    """
    first = vectors[0]
    if first.size < LEAST or not on_host(first) or numba_problem():
        return None
    if first.dtype.name not in ("float32", "float64"):
        return None
    if not all(v.flags.carray and v.dtype == first.dtype for v in vectors):
        return None
    return _compiled(loop, first.dtype, numbers)


@functools.cache
def _compiled(loop: Callable, dtype: Any, numbers: int) -> Callable:
    import numba

    number = numba.from_dtype(dtype)
    vectors = loop.__code__.co_argcount - numbers
    signature = numba.void(*[number[::1]] * vectors, *[number] * numbers)
    # error_model: x / 0 is infinity as in NumPy, no exception. nogil: threads run in parallel
    return numba.njit(signature, error_model="numpy", nogil=True)(loop)


def adam_loop(w, g, M, V, b1, b2, epsilon, rate):
    """One update of `optimizers.Adam` as a loop over the parameters w (P,).

    Its operations are those of `Adam.update`, in the same order: see there for M, V and the values
    of epsilon and rate.
    """
    for i in range(w.size):
        M[i] = M[i] * b1 + g[i]
        V[i] = V[i] * b2 + g[i] * g[i]
        w[i] -= M[i] / (np.sqrt(V[i]) + epsilon) * rate


def flush_loop(v, least):
    """`optimizers.flush_subnormals` as a loop: entries of a size below `least` become zero."""
    for i in range(v.size):
        v[i] *= abs(v[i]) >= least
