"""Exercise Dropout: random inputs are set to zero in training.

    train=False    y = x
    train=True     y = x m / (1 - rate), with m = 1 where u >= rate and 0 elsewhere

u are uniform random numbers of the shape of x: ``u = self.rng.uniform(like=x)``. Draw them once in
`forward`, and never in `backward`, which needs the same m.
Check your answer with: scratchnet grade dropout.py
"""

import numpy as np

from scratchnet.layers.base import Layer


class Dropout(Layer):
    """Dropout with the probability `rate` of a zero, at least 0 and below 1."""

    needs_whole_batch = True  # the random numbers of a sample depend on the samples before it

    def __init__(self, rate, name=None):
        super().__init__(name)
        self.rate = rate

    def build(self, input_shape, rng):
        self.rng = rng
        return input_shape

    def forward(self, x, train=False):
        """Compute the pair (y, cache) without a change of x."""
        raise NotImplementedError

    def backward(self, dy, cache):
        """Compute the pair (dx, {}): the layer has no parameters."""
        raise NotImplementedError
