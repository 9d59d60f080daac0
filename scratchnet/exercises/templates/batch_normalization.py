"""Exercise BatchNormalization: each channel with mean 0 and variance 1, then scaled and shifted.

    x_hat = (x - mean) / sqrt(var + epsilon)        x (N, C) or (N, H, W, C); mean and var (C,)
    y = gamma x_hat + beta                          gamma and beta (C,)

    train=True     mean and var (divided by the number of entries, not by that minus 1) of the
                   batch, over all axes but the last
    train=False    the running averages self.state["moving_mean"] and self.state["moving_variance"]

Write three methods. `forward` leaves the running averages as they are; `update_running_stats` is
called once in a training step and changes them in place. In training, mean and var depend on x,
too: dx is a sum of three terms.
Check your answer with: scratchnet grade batch_normalization.py
"""

import numpy as np

from scratchnet.backend import ones, zeros
from scratchnet.layers.base import Layer


class BatchNormalization(Layer):
    """Batch normalization with the parameters self.gamma and self.beta."""

    needs_whole_batch = True  # mean and variance are those of all samples

    def __init__(self, momentum=0.99, epsilon=1e-3, name=None):
        super().__init__(name)
        self.momentum, self.epsilon = momentum, epsilon

    def build(self, input_shape, rng):
        channels = input_shape[-1]
        self.add("gamma", ones((channels,)))
        self.add("beta", zeros((channels,)))
        self.state = {"moving_mean": zeros((channels,)), "moving_variance": ones((channels,))}
        return input_shape

    def forward(self, x, train=False):
        """Compute the pair (y, cache) without a change of x."""
        raise NotImplementedError

    def backward(self, dy, cache):
        """Compute the pair (dx, {"gamma": dgamma, "beta": dbeta})."""
        raise NotImplementedError

    def update_running_stats(self, cache):
        """Set each average to momentum * average + (1 - momentum) * that of the batch, in place.

        The cache is that of a `forward` with train=True.
        """
        raise NotImplementedError
