"""Exercise Sampling: the random code of a variational autoencoder, and its KL term.

    x (N, 2Z) = [mu | log_var], z (N, Z), sigma = exp(log_var / 2)
    train=False    z = mu
    train=True     z = mu + sigma eps, with ``eps = self.rng.normal(like=mu)``
    P = beta / N times the sum over samples and components of
        -1/2 (1 + log_var - mu^2 - exp(log_var))                P is added to the loss

Write three methods. eps does not depend on x, so that z is a differentiable function of mu and
log_var (reparametrization). dz is the gradient of the loss without P; `backward` has to add dP/dx.
Check your answer with: scratchnet grade sampling.py
"""

import numpy as np

from scratchnet.layers.base import Layer


class Sampling(Layer):
    """Random code with the KL term as penalty; x may have more axes before the last."""

    needs_whole_batch = True  # the random numbers of a sample depend on the samples before it

    def __init__(self, beta=1.0, name=None):
        super().__init__(name)
        self.beta = beta

    def build(self, input_shape, rng):
        *before, width = input_shape
        self.rng = rng
        return (*before, width // 2)

    def forward(self, x, train=False):
        """Compute the pair (z, cache) without a change of x."""
        raise NotImplementedError

    def penalty(self, cache):
        """Compute P, one number."""
        raise NotImplementedError

    def backward(self, dz, cache):
        """Compute the pair (dx, {}): the layer has no parameters."""
        raise NotImplementedError
