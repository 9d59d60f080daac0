"""Exercise contrastive_divergence: the gradient estimate CD-1 of an RBM.

    p0 = p(h = 1 | v0) = sigmoid(v0 W + b)          h0 = 1 where u_h < p0, otherwise 0
    v1 = 1 where u_v < sigmoid(h0 W^T + a), otherwise 0
    p1 = p(h = 1 | v1)
    dW = <v0^T p0 - v1^T p1>        da = <v0 - v1>        db = <p0 - p1>

v0 and v1 (N, D), p0, h0 and p1 (N, H), W (D, H), a (D,), b (H,); < > is the mean over the N rows.
The random numbers u_h (N, H) and u_v (N, D) are given. v1 is sampled given the SAMPLE h0; the
products take the probabilities p0 and p1.
Check your answer with: scratchnet grade contrastive_divergence.py
"""

import numpy as np


def contrastive_divergence(v0, W, a, b, u_h, u_v):
    """Compute dW (D, H), da (D,) and db (H,): the direction in which the likelihood grows."""
    raise NotImplementedError
