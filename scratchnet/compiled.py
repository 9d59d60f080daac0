"""Loops over the numbers of an array, compiled by Numba if it is installed.

NumPy computes a formula operation by operation, and each operation reads and writes whole arrays. A
loop that computes the whole formula for one number after the other reads and writes each array
once. In Python such a loop takes hundreds of times as long; Numba compiles it to machine code:

    pip install "scratchnet[numba]"

The loops of this module and the backward passes of `compiled_layers` have the bits of their NumPy
forms: the same operations in the same order, which Numba neither reorders nor joins to one with a
single rounding. Loops with functions of `compiled_functions` are equal up to rounding. Machine code
is kept in a folder of Numba's, where the next process finds it.
"""

import functools
import importlib.metadata
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet.backend import Array

FLOATS = "fd"  # the characters of the dtypes float32 and float64
LEAST = 1 << 12  # numbers of a vector; a shorter one is not worth the time to compile the loop

_lock = threading.Lock()
_helpers: list[Callable] = []  # functions that Numba does not know yet, see `helper`


def helper(function: Callable) -> Callable:
    """Decorator for a function of numbers that loops call: it is compiled with them."""
    _helpers.append(function)
    return function


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


def compiled(
    loop: Callable, *arrays: Array, gradients: int = 0, least: int | None = None
) -> Callable | None:
    """The loop as machine code, or None where NumPy is to be used.

    None without Numba, for arrays on a GPU, for a short first array, and for arrays that are not
    contiguous, writable and of one dtype, float32 or float64. The first call compiles the loop
    for this dtype, which takes from half a second to a second. The loop gives no warning of an
    overflow or of an invalid value.

    Parameters
        loop        function of arrays, and then of numbers, all of one dtype; it changes the
                    arrays in place and returns None
        arrays      the arrays of a call, or others like them
        gradients   length of the tuple of vectors that is the loop's second argument; 0: the second
                    argument is no tuple
        least       numbers of the first array, at least; None: LEAST
    """
    char, axes = arrays[0].dtype.char, []
    least = LEAST if least is None else least
    if arrays[0].size < least or char not in FLOATS or numba_problem():
        return None
    for a in arrays:
        if type(a) is not np.ndarray or a.dtype.char != char or not a.flags.carray:
            return None
        if not a.dtype.isnative:  # the order of its bytes is that of another processor
            return None
        axes.append(a.ndim)
    return _compiled(loop, char, tuple(axes), gradients)


@functools.cache
def _compiled(loop: Callable, char: str, axes: tuple[int, ...], gradients: int) -> Callable:
    import numba

    number = numba.from_dtype(np.dtype(char))
    types: list[Any] = [numba.types.Array(number, n, "C") for n in axes]
    if gradients:
        types[1] = numba.types.UniTuple(types[1], gradients)
    types += [number] * (loop.__code__.co_argcount - len(axes))
    # error_model: x / 0 is infinity as in NumPy, no exception. nogil: threads run in parallel
    compile_loop = functools.partial(
        numba.njit, numba.void(*types), error_model="numpy", nogil=True
    )
    with _lock:
        while _helpers:
            numba.extending.register_jitable(_helpers.pop())
        try:
            return compile_loop(cache=True)(loop)
        except Exception:  # no folder for machine code, a full disk, a damaged file: of many types
            return compile_loop()(loop)  # raises the error of a loop that cannot be compiled


def adam_loop(w, gradients, M, V, b1, b2, epsilon, rate, keep):
    """One update of `optimizers.Adam` as a loop over the parameters w (P,).

    Its operations are those of `Adam.update`, in the same order: see there for M, V and the values
    of epsilon and rate. The gradient is the sum of the workers' vectors, in the order of their
    ranks. keep is the factor of w in `AdamW`, 1 in `Adam`.

    All is read before the first write. Otherwise a read of V[i] has to wait for the write of M[i]
    where the two addresses agree in their last 12 bits, by which processors tell addresses apart at
    first: the vectors of a group all begin with a page of memory, and the loop would take three
    times as long.
    """
    for i in range(w.size):
        g = gradients[0][i]
        for r in range(1, len(gradients)):
            g = g + gradients[r][i]
        m = M[i] * b1 + g
        v = V[i] * b2 + g * g
        u = w[i] * keep - m / (np.sqrt(v) + epsilon) * rate
        M[i], V[i], w[i] = m, v, u


def flush_loop(v, least):
    """`optimizer_base.flush_subnormals` as a loop: entries smaller than `least` become zero."""
    for i in range(v.size):
        v[i] *= abs(v[i]) >= least
