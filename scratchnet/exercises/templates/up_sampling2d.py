"""Exercise UpSampling2D: images enlarged by the repetition of their pixels.

    y[n, i, j, c] = x[n, i // sh, j // sw, c]           x (N, H, W, C), y (N, H sh, W sw, C)

Write the two methods. Each pixel of x appears sh * sw times in y: what does this mean for dx?
Check your answer with: scratchnet grade up_sampling2d.py
"""

import numpy as np

from scratchnet.layers.base import Layer


def pair(number):
    """The number for rows and for columns."""
    return number if isinstance(number, tuple) else (number, number)


class UpSampling2D(Layer):
    """Upsampling by the factors size = (sh, sw)."""

    def __init__(self, size=2, name=None):
        super().__init__(name)
        self.size = pair(size)

    def build(self, input_shape, rng):
        h, w, c = input_shape
        return (h * self.size[0], w * self.size[1], c)

    def forward(self, x, train=False):
        """Compute the pair (y, cache)."""
        raise NotImplementedError

    def backward(self, dy, cache):
        """Compute the pair (dx, {}): the layer has no parameters."""
        raise NotImplementedError
