"""Exercise lstm_step: one step of an LSTM.

    (a_i a_f a_g a_o) = x W + b + h U       x (N, D), h and c (N, M), W (D, 4M), U (M, 4M), b (4M,)
    i f o = sigmoid(a_i a_f a_o)            g = tanh(a_g)               (N, M) each
    c_new = f c + i g                       h_new = o tanh(c_new)

The columns of W, U and b are ordered input gate, forget gate, candidate, output gate: np.split
makes the four parts. Write the two functions. c_new acts on the loss in two ways: as the state of
the next step, with the gradient dc_new, and through h_new.
Check your answer with: scratchnet grade lstm_step.py
"""

import numpy as np


def lstm_step(x, h, c, W, U, b):
    """Compute h_new and c_new, (N, M) each."""
    raise NotImplementedError


def lstm_step_backward(dh_new, dc_new, x, h, c, W, U, b):
    """Compute dx, dh, dc, dW, dU and db."""
    raise NotImplementedError
