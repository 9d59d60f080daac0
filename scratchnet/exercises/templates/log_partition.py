"""Exercise log_partition: the logarithm of the partition function of a small RBM.

    Z = sum over all v and all h of exp(a v + b h + v W h)          W (D, H), a (D,), b (H,)

The entries of v and h are 0 or 1. Enumerate the 2^H states of h with itertools.product; the sum
over v is then a product of D factors. Add up in logarithms, because Z itself may overflow.
Check your answer with: scratchnet grade log_partition.py
"""

import itertools

import numpy as np


def log_partition(W, a, b):
    """Compute log Z, one number."""
    raise NotImplementedError
