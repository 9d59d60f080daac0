"""Exercise gru_step: one step of a GRU.

    (a_z a_r a_g) = x W + b[0]              x (N, D), W (D, 3M), b (2, 3M)
    (u_z u_r u_g) = h U + b[1]              h (N, M), U (M, 3M)
    z = sigmoid(a_z + u_z)                  r = sigmoid(a_r + u_r)
    g = tanh(a_g + r u_g)                   h_new = z h + (1 - z) g     (N, M) each

The columns are ordered update gate, reset gate, candidate. Write the two functions. The old h acts
on h_new in two ways: through h U, and directly through z h.
Check your answer with: scratchnet grade gru_step.py
"""

import numpy as np


def gru_step(x, h, W, U, b):
    """Compute h_new, (N, M)."""
    raise NotImplementedError


def gru_step_backward(dh_new, x, h, W, U, b):
    """Compute dx, dh, dW, dU and db."""
    raise NotImplementedError
