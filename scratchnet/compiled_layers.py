"""Parts of layers as loops for `compiled`.

Backward passes have the bits of their NumPy forms. `lstm_step_loop`, with the functions of
`compiled_functions`, is equal to `LSTM.step` up to rounding.
"""

from typing import Any

import numpy as np

from scratchnet.backend import Array, on_host, xp_of
from scratchnet.compiled import LEAST, compiled, helper
from scratchnet.compiled_functions import ZERO, number, sigmoid, tanh

TANH, RELU, SIGMOID = number(0), number(1), number(2)  # functions phi of `lstm_step_loop`


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


@helper
def activate(x, y, phi):
    """Write y = phi(x) for vectors x and y; phi is TANH, RELU or SIGMOID."""
    if phi == TANH:
        for k in range(x.size):
            y[k] = tanh(x[k])
    elif phi == RELU:
        for k in range(x.size):
            y[k] = ZERO if x[k] < ZERO else x[k]  # NaN stays NaN
    else:
        for k in range(x.size):
            y[k] = sigmoid(x[k])


def lstm_step_loop(blocks, c, h_new, c_new, phi):
    """Compute `LSTM.step`, operation by operation, for blocks (5, K) and states (K,).

    Each loop has few arrays, because a processor computes several numbers at once only where it is
    known that no array overlaps another one.
    """
    i, f, g, o, phi_c = blocks[0], blocks[1], blocks[2], blocks[3], blocks[4]
    for k in range(c.size):
        i[k] = sigmoid(i[k])
    for k in range(c.size):
        f[k] = sigmoid(f[k])
    for k in range(c.size):
        o[k] = sigmoid(o[k])
    phi_c[:] = g
    activate(phi_c, g, phi)
    for k in range(c.size):
        c_new[k] = f[k] * c[k] + i[k] * g[k]
    activate(c_new, phi_c, phi)
    for k in range(c.size):
        h_new[k] = o[k] * phi_c[k]


def lstm_step_backward_loop(da, dc, dh, slope_of_c, f):
    """Compute `LSTM.step_backward`, operation by operation, for da (4, K) and states (K,)."""
    for k in range(dc.size):
        dc[k] += dh[k] * slope_of_c[k]
    for gate in range(3):
        d = da[gate]
        for k in range(dc.size):
            d[k] *= dc[k]
    d = da[3]
    for k in range(dc.size):
        d[k] *= dh[k]
    for k in range(dc.size):
        dc[k] *= f[k]


def in_one_loop(loop: Any, blocks: Array, *states: Array, phi: tuple = ()) -> bool:
    """Run a loop over the numbers of one step of an LSTM; False where NumPy is to be used.

    Parameters
        loop     lstm_step_loop or lstm_step_backward_loop
        blocks   (B, M, N), the gates or their gradients
        states   its other arguments, each (M, N)
        phi      the last argument of lstm_step_loop, in a tuple
    """
    if blocks.size < LEAST or blocks.dtype != "float32":
        return False
    for a in (blocks, *states):  # others would be copied by reshape
        if not a.flags.c_contiguous:
            return False
    flat = blocks.reshape(len(blocks), -1), *(a.reshape(-1) for a in states)
    machine_code = compiled(loop, *flat)
    if machine_code is not None:
        machine_code(*flat, *phi)
    return machine_code is not None


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


def compile_lstm() -> None:
    """Compile the loops of `LSTM`, best before processes are forked."""
    blocks, states = np.zeros((5, LEAST, 1), "float32"), np.zeros((4, LEAST, 1), "float32")
    in_one_loop(lstm_step_loop, blocks, *states[:3], phi=(TANH,))
    in_one_loop(lstm_step_backward_loop, blocks[:4], *states)


def compile_layers() -> None:
    """Compile the other loops of this module for float32, best before processes are forked."""
    relu_backward(*np.zeros((2, LEAST), "float32"))
    max_pool_backward(*np.zeros((3, 1, LEAST, 1, 1), "float32"))
