"""Exercise rnn_step: one step of a simple recurrent layer.

    h_new = tanh(x W + b + h U)             x (N, D), h (N, M), W (D, M), U (M, M), b (M,)

Write the two functions. dh_new is dL/dh_new, the gradient of a loss L by the new state.
Check your answer with: scratchnet grade rnn_step.py
"""

import numpy as np


def rnn_step(x, h, W, U, b):
    """Compute h_new, (N, M)."""
    raise NotImplementedError


def rnn_step_backward(dh_new, x, h, W, U, b):
    """Compute dx, dh, dW, dU and db."""
    raise NotImplementedError
