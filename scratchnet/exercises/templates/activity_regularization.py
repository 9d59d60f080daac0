"""Exercise ActivityRegularization: a penalty on large activations, as in a sparse autoencoder.

    y = x
    P = (l1 sum of abs(x) + l2 sum of x^2) / N           N = len(x); P is added to the loss

Write three methods. dy is the gradient of the loss without P; `backward` has to add dP/dx. The
derivative of abs(x) is np.sign(x).
Check your answer with: scratchnet grade activity_regularization.py
"""

import numpy as np

from scratchnet.layers.base import Layer


class ActivityRegularization(Layer):
    """Penalty P with the coefficients l1 and l2."""

    def __init__(self, l1=0.0, l2=0.0, name=None):
        super().__init__(name)
        self.l1, self.l2 = l1, l2

    def forward(self, x, train=False):
        """Compute the pair (y, cache)."""
        raise NotImplementedError

    def penalty(self, cache):
        """Compute P, one number."""
        raise NotImplementedError

    def backward(self, dy, cache):
        """Compute the pair (dx, {}): the layer has no parameters."""
        raise NotImplementedError
