"""Exercise Softmax: probabilities from logits.

    y_k = exp(x_k) / sum over j of exp(x_j)         along one axis; without an overflow at x = 1000
    x and y have one shape, (N, K) or (N, H, W, C)

Write the two methods. Each y_k depends on every x_j of its row, so dx_j is a sum over k: first
derive dy_k/dx_j for k = j and for k != j. exp(x - c) / sum of exp(x - c) is the same for every c.
Check your answer with: scratchnet grade softmax.py
"""

import numpy as np

from scratchnet.layers.base import Layer


class Softmax(Layer):
    """Softmax along `axis`, which is counted with the batch axis and never 0."""

    def __init__(self, axis=-1, name=None):
        super().__init__(name)
        self.axis = axis

    def forward(self, x, train=False):
        """Compute the pair (y, cache) without a change of x."""
        raise NotImplementedError

    def backward(self, dy, cache):
        """Compute the pair (dx, {}): the layer has no parameters."""
        raise NotImplementedError
