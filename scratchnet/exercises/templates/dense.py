"""Exercise Dense: the fully connected layer.

    y = x W + b                 x (N, D), W (D, M), b (M,), y (N, M); without b if use_bias is False

Write the two methods. `forward` returns y and a cache of your choice, which `backward` receives.
Derive dW entry by entry: W[d, m] appears in y[n, m] of every sample n, multiplied by x[n, d]. Then
write the sums as matrix products. The shapes of dx, dW and db are those of x, W and b.
Check your answer with: scratchnet grade dense.py
"""

import numpy as np

from scratchnet.backend import zeros
from scratchnet.initializers import initializer
from scratchnet.layers.base import Layer


class Dense(Layer):
    """Fully connected layer with the parameters self.W and, with use_bias, self.b."""

    def __init__(self, units, use_bias=True, name=None):
        super().__init__(name)
        self.units, self.use_bias = units, use_bias

    def build(self, input_shape, rng):
        (d,) = input_shape
        self.add("W", initializer("glorot_uniform")(rng, (d, self.units)))  # now self.W
        if self.use_bias:
            self.add("b", zeros((self.units,)))
        return (self.units,)

    def forward(self, x, train=False):
        """Compute the pair (y, cache) without a change of x."""
        raise NotImplementedError

    def backward(self, dy, cache):
        """Compute the pair (dx, {"W": dW, "b": db}), or (dx, {"W": dW}) without a bias."""
        raise NotImplementedError
