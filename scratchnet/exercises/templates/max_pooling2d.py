"""Exercise MaxPooling2D: the maximum of each window of an image.

    y[n, i, j, c] = max over u, v of x[n, i sh + u, j sw + v, c]

    x (N, H, W, C), y (N, OH, OW, C), window (KH, KW), strides (sh, sw)
    OH = (H - KH) // sh + 1, OW = (W - KW) // sw + 1

Write the two methods. Each entry of dy belongs to the pixel that was the maximum; windows may
overlap if a stride is smaller than the window. No two pixels of a window are equal in the checks.
Check your answer with: scratchnet grade max_pooling2d.py
"""

import numpy as np

from scratchnet.layers.base import Layer


def pair(number):
    """The number for rows and for columns."""
    return number if isinstance(number, tuple) else (number, number)


class MaxPooling2D(Layer):
    """Max pooling; without strides the windows lie side by side."""

    def __init__(self, pool_size=2, strides=None, name=None):
        super().__init__(name)
        self.pool_size = pair(pool_size)
        self.strides = self.pool_size if strides is None else pair(strides)

    def build(self, input_shape, rng):
        (h, w, c), (kh, kw), (sh, sw) = input_shape, self.pool_size, self.strides
        return ((h - kh) // sh + 1, (w - kw) // sw + 1, c)

    def forward(self, x, train=False):
        """Compute the pair (y, cache) without a change of x."""
        raise NotImplementedError

    def backward(self, dy, cache):
        """Compute the pair (dx, {}): the layer has no parameters."""
        raise NotImplementedError
