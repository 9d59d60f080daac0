"""Exercise Tanh: the hyperbolic tangent.

    y = tanh(x) = (exp(x) - exp(-x)) / (exp(x) + exp(-x)) for each entry
    x and y have one shape, (N, D) or (N, H, W, C)

Write the two methods. `forward` returns y and a cache of your choice, which `backward` receives.
dy is dL/dy, the gradient of a loss L, and dx is dL/dx; use the chain rule for each entry.
Check your answer with: scratchnet grade tanh.py
"""

import numpy as np

from scratchnet.layers.base import Layer


class Tanh(Layer):
    """Hyperbolic tangent."""

    def forward(self, x, train=False):
        """Compute the pair (y, cache) without a change of x."""
        raise NotImplementedError

    def backward(self, dy, cache):
        """Compute the pair (dx, {}): the layer has no parameters."""
        raise NotImplementedError
