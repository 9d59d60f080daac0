"""Exercise ReLU: the rectified linear unit.

    y = max(x, 0) for each entry; take 0 as the derivative at x = 0
    x and y have one shape, (N, D) or (N, H, W, C)

Write the two methods. `forward` returns y and a cache of your choice, which `backward` receives.
dy is dL/dy, the gradient of a loss L, and dx is dL/dx; use the chain rule for each entry.
Check your answer with: scratchnet grade relu.py
"""

import numpy as np

from scratchnet.layers.base import Layer


class ReLU(Layer):
    """Rectified linear unit."""

    def forward(self, x, train=False):
        """Compute the pair (y, cache) without a change of x."""
        raise NotImplementedError

    def backward(self, dy, cache):
        """Compute the pair (dx, {}): the layer has no parameters."""
        raise NotImplementedError
