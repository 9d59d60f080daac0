"""Exercise gibbs_half_sweep: the hidden units of an RBM sampled given its visible units.

    p(h_j = 1 | v) = sigmoid((v W + b)_j)           v (N, D), W (D, H), b (H,), h and p (N, H)
    h_j is 1 with probability p_j, otherwise 0

The random numbers are given: u (N, H), uniform in [0, 1). h is 1.0 where u < p and 0.0 elsewhere.
Check your answer with: scratchnet grade gibbs_half_sweep.py
"""

import numpy as np


def gibbs_half_sweep(v, W, b, u):
    """Compute the sample h and the probabilities p, (N, H) each."""
    raise NotImplementedError
