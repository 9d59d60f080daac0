"""Exercise mean_field: one sweep of the mean-field equations of a deep Boltzmann machine.

    mu1 = sigmoid(v W1 + mu2 W2^T + b1)             v (N, D), W1 (D, H1), W2 (H1, H2)
    mu2 = sigmoid(mu1 W2 + b2)                      mu1 (N, H1), mu2 (N, H2), b1 (H1,), b2 (H2,)

The first layer receives input from below and from above, the old mu2. The second line takes the new
mu1. Then write `mean_field`: start at mu2 = 1/2 everywhere and make the given number of sweeps.
Check your answer with: scratchnet grade mean_field.py
"""

import numpy as np


def mean_field_sweep(v, mu2, W1, W2, b1, b2):
    """Compute the new mu1 (N, H1) and mu2 (N, H2)."""
    raise NotImplementedError


def mean_field(v, W1, W2, b1, b2, sweeps):
    """Compute mu1 (N, H1) and mu2 (N, H2) after this number of sweeps."""
    raise NotImplementedError
