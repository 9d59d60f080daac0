"""Exercise KLToStandardNormal: the KL divergence of a variational autoencoder.

    L = KL(N(m, s^2) || N(0, 1)) = -1/(2 N) sum of 1 + v - m^2 - exp(v)             v = log s^2

The mean m and the log variance v are (N, Z). The sum goes over the N samples and the Z numbers of
the code, and is divided by N. Write the two methods; `backward` returns two gradients.
Check your answer with: scratchnet grade kl_to_standard_normal.py
"""

import numpy as np

from scratchnet.loss_base import Loss


class KLToStandardNormal(Loss):
    """Kullback-Leibler divergence from the standard normal distribution."""

    def __init__(self):
        super().__init__("per_sample")

    def forward(self, mean, log_variance):
        """Compute the pair (value, cache); the value is one number."""
        raise NotImplementedError

    def backward(self, cache):
        """Compute the pair (dL/dm, dL/dv), (N, Z) each."""
        raise NotImplementedError
