"""Exercise RMSprop: the gradient divided by the root of its running mean square.

    v = rho v + (1 - rho) g^2        w = w - rate g / (sqrt(v) + epsilon)       v starts at 0

Write `update`. It receives vectors (P,) and changes them in place, as in ``w -= rate * g``;
``w = w - rate * g`` would make a new vector and leave the parameters as they are. g stays as it is.
Check your answer with: scratchnet grade rmsprop.py
"""

import numpy as np

from scratchnet.optimizers import Optimizer


class RMSprop(Optimizer):
    """RMSprop."""

    slots = ("v",)  # vectors of zeros, one for each optimizer

    def __init__(self, learning_rate=0.001, rho=0.9, epsilon=1e-7):
        super().__init__(learning_rate)
        self.rho, self.epsilon = rho, epsilon

    def update(self, w, g, rate, v):
        """Change w and the optimizer's own vectors, in place; self.t is 1 in the first update."""
        raise NotImplementedError
