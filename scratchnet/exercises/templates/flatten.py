"""Exercise Flatten: a vector of all numbers of a sample.

    x (N, H, W, C) -> y (N, H*W*C), also for other numbers of axes; the numbers stay as they are

Write the two methods. What does `backward` need from `forward`, and what does it not need?
Check your answer with: scratchnet grade flatten.py
"""

import math

from scratchnet.layers.base import Layer


class Flatten(Layer):
    """Vector of all numbers of a sample."""

    def build(self, input_shape, rng):
        return (math.prod(input_shape),)

    def forward(self, x, train=False):
        """Compute the pair (y, cache)."""
        raise NotImplementedError

    def backward(self, dy, cache):
        """Compute the pair (dx, {}): the layer has no parameters."""
        raise NotImplementedError
