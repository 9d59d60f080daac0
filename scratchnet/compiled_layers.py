"""Backward passes of layers as loops for `compiled`, with the bits of their NumPy forms."""

import numpy as np

from scratchnet.backend import Array, on_host, xp_of
from scratchnet.compiled import LEAST, compiled


def relu_backward_loop(dy, x, dx, slope):
    """Write dx: dy where x > 0, otherwise dy times the slope, which is 0 in ReLU."""
    for i in range(dx.size):
        dx[i] = dy[i] if x[i] > 0 else dy[i] * slope


def max_pool_backward_loop(x, y, left, dx):
    """Write into dx what `MaxPooling2D.backward` computes for windows that cover the image once.

    left is dy at first. The first maximum of a window takes it, so that nothing is left for the
    others. All arrays are (N, H, W, C), those of y and left smaller by the size of a window.
    """
    N, OH, OW, C = y.shape
    kh, kw = x.shape[1] // OH, x.shape[2] // OW
    for n in range(N):
        for i in range(OH):
            for u in range(kh):
                for j in range(OW):
                    for v in range(kw):
                        h, w = i * kh + u, j * kw + v
                        for c in range(C):
                            taken = left[n, i, j, c] * (x[n, h, w, c] == y[n, i, j, c])
                            left[n, i, j, c] -= taken
                            dx[n, h, w, c] = taken


def relu_backward(dy: Array, x: Array, slope: float = 0.0) -> Array:
    """New array: dy where x > 0, otherwise dy times the slope; by a loop where Numba is installed.

    Parameters
        x       input of ReLU or LeakyReLU; y = max(x, 0) has the same result
        slope   for x <= 0

    >>> relu_backward(np.array([2.0, 3.0]), np.array([0.0, 1.0]), 0.5)
    array([1., 3.])
    """
    if x.size >= LEAST and _alike(dy, x) and dy.flags.c_contiguous:
        dx = np.empty_like(dy)
        flat = dy.reshape(-1), x.reshape(-1), dx.reshape(-1)
        if loop := compiled(relu_backward_loop, *flat):
            loop(*flat, x.dtype.type(slope))
            return dx
    xp, number = xp_of(x), x.dtype.type
    return dy * (xp.where(x > 0, number(1), number(slope)) if slope else x > 0)


def max_pool_backward(dy: Array, x: Array, y: Array) -> Array | None:
    """New array dx by `max_pool_backward_loop`, or None where NumPy is to be used."""
    if x.size < LEAST or not _alike(dy, y):  # the loop does not check where it reads and writes
        return None
    loop = compiled(max_pool_backward_loop, x, y, y, x)
    if loop is None:
        return None
    left, dx = np.array(dy, order="C"), np.empty_like(x)
    loop(x, y, left, dx)
    return dx


def _alike(dy, y):
    """Whether both are arrays in CPU memory of one shape and dtype, y in C order."""
    if not on_host(y) or not y.flags.c_contiguous:
        return False
    return isinstance(dy, np.ndarray) and dy.shape == y.shape and dy.dtype == y.dtype


def compile_layers() -> None:
    """Compile the loops of this module for float32, best before processes are forked."""
    relu_backward(*np.zeros((2, LEAST), "float32"))
    max_pool_backward(*np.zeros((3, 1, LEAST, 1, 1), "float32"))
