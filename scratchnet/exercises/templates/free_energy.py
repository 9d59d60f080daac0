"""Exercise free_energy: the free energy of a restricted Boltzmann machine.

    E(v, h) = -a v - b h - v W h            v (N, D), h (N, H), W (D, H), a (D,), b (H,)
    F(v) = -log sum over all h of exp(-E(v, h))

The entries of v and h are 0 or 1. The sum has 2^H terms, but it factorizes into one factor for each
hidden unit: derive the closed form. np.logaddexp(0, x) is log(1 + exp(x)) without an overflow.
Check your answer with: scratchnet grade free_energy.py
"""

import numpy as np


def free_energy(v, W, a, b):
    """Compute F, (N,)."""
    raise NotImplementedError
