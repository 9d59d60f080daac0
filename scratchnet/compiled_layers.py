"""Parts of layers as loops for `compiled`.

Backward passes have the bits of their NumPy forms. `lstm_step_loop`, with the functions of
`compiled_functions`, is equal to `LSTM.step` up to rounding. The two loops of an LSTM are looked up
once for a pass over a sequence, because a look-up takes as long as a step of few units.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scratchnet.backend import Array, on_host, xp_of
from scratchnet.compiled import LEAST, compiled, helper
from scratchnet.compiled_functions import ONE, ZERO, number, sigmoid, tanh

LEAST_OF_A_SEQUENCE = 1 << 13  # numbers of the gates of all steps
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


@helper
def times_slope(x, y, d, phi):
    """Write d = x phi'(a) for vectors, with the derivative computed from y = phi(a)."""
    if phi == TANH:
        for k in range(x.size):
            d[k] = x[k] * (ONE - y[k] * y[k])
    elif phi == RELU:
        for k in range(x.size):
            d[k] = x[k] * (ONE if y[k] > ZERO else ZERO)
    else:
        for k in range(x.size):
            d[k] = x[k] * (y[k] * (ONE - y[k]))


def lstm_step_loop(blocks, c, h_new, c_new, phi):
    """Compute `LSTM.step`, operation by operation, for blocks (5, M, N) and states (M, N).

    Each loop has few arrays, because a processor computes several numbers at once only where it is
    known that no array overlaps another one.
    """
    i, f, g = blocks[0].reshape(-1), blocks[1].reshape(-1), blocks[2].reshape(-1)
    o, phi_c, c = blocks[3].reshape(-1), blocks[4].reshape(-1), c.reshape(-1)
    h_new, c_new = h_new.reshape(-1), c_new.reshape(-1)
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


def lstm_step_backward_loop(da, dc, dh, blocks, c, phi):
    """Compute the `slopes` of one step of `LSTM`, and its `step_backward`, operation by operation.

    da is (4, M, N), blocks (5, M, N); c, before the step, and the gradients dc and dh are (M, N).
    """
    i, f, g = blocks[0].reshape(-1), blocks[1].reshape(-1), blocks[2].reshape(-1)
    o, phi_c, c = blocks[3].reshape(-1), blocks[4].reshape(-1), c.reshape(-1)
    da_i, da_f = da[0].reshape(-1), da[1].reshape(-1)
    da_g, da_o = da[2].reshape(-1), da[3].reshape(-1)
    dc, dh = dc.reshape(-1), dh.reshape(-1)
    slope_of_c = da_o  # memory that is free until da_o is written
    times_slope(o, phi_c, slope_of_c, phi)
    for k in range(c.size):
        dc[k] += dh[k] * slope_of_c[k]
    times_slope(g, i, da_i, SIGMOID)
    times_slope(c, f, da_f, SIGMOID)
    times_slope(i, g, da_g, phi)
    times_slope(phi_c, o, da_o, SIGMOID)
    for k in range(c.size):
        da_i[k] *= dc[k]
    for k in range(c.size):
        da_f[k] *= dc[k]
    for k in range(c.size):
        da_g[k] *= dc[k]
    for k in range(c.size):
        da_o[k] *= dh[k]
    for k in range(c.size):
        dc[k] *= f[k]


def step_by_loop(blocks: Array, states: Sequence[Array], phi: Any) -> Callable | None:
    """The function `LSTM.step` by its loop, for the steps of one pass; None: NumPy is to be used.

    Parameters
        blocks   (T, 5, M, N), the pre-activations and then the gates of all steps
        states   h and c, each (T + 1, M, N)
        phi      TANH, RELU or SIGMOID
    """
    if not _are_large(blocks):
        return None
    h, c = states
    loop = compiled(lstm_step_loop, blocks[0], c[0], h[0], c[0], least=1)
    if loop is None:
        return None

    def step(blocks, state, new_state):
        loop(blocks, state[1], *new_state, phi)

    return step


def steps_backward_by_loop(
    blocks: Array, states: Sequence[Array], dstates: Sequence[Array], phi: Any
) -> tuple[Array, Callable] | None:
    """The result of `LSTM.steps_backward` with the loop; None: NumPy is to be used.

    Parameters
        blocks, states, phi   those of `step_by_loop`
        dstates               dh and dc after the last step, each (M, N)
    """
    if not _are_large(blocks):
        return None
    c, (dh, dc) = states[1], dstates
    if not dh.shape == dc.shape == c[0].shape:  # the loop would read beyond an end
        return None
    da = xp_of(blocks).empty_like(blocks[:, :4])
    arrays = da[0], dc, dh, blocks[0], c[0]
    loop = compiled(lstm_step_backward_loop, *arrays, least=1)
    if loop is None:
        return None

    def step_backward(t, dstates):
        dh, dc = dstates
        loop(da[t], dc, dh, blocks[t], c[t], phi)

    return da, step_backward


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


def _are_large(blocks):
    """Whether the gates (T, 5, M, N) are float32, and enough for loops."""
    return blocks.dtype == number and blocks.size >= LEAST_OF_A_SEQUENCE


def compile_lstm() -> None:
    """Compile the loops of `LSTM`, best before processes are forked."""
    blocks = np.zeros((1, 5, LEAST_OF_A_SEQUENCE, 1), number)
    states = [*np.zeros((2, 2, LEAST_OF_A_SEQUENCE, 1), number)]
    step_by_loop(blocks, states, TANH)
    steps_backward_by_loop(blocks, states, states[0], TANH)


def compile_layers() -> None:
    """Compile the other loops of this module for float32, best before processes are forked."""
    relu_backward(*np.zeros((2, LEAST), "float32"))
    max_pool_backward(*np.zeros((3, 1, LEAST, 1, 1), "float32"))
