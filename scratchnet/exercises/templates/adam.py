"""Exercise Adam: running means of the gradient and its square, corrected for their start at 0.

    m = b1 m + (1 - b1) g            m^ = m / (1 - b1^t)            b1 = beta_1
    v = b2 v + (1 - b2) g^2          v^ = v / (1 - b2^t)            b2 = beta_2
    w = w - rate m^ / (sqrt(v^) + epsilon)                          m and v start at 0, t at 1

Write `update`. It receives vectors (P,) and changes them in place, as in ``w -= rate * g``;
``w = w - rate * g`` would make a new vector and leave the parameters as they are. g stays as it is.
Check your answer with: scratchnet grade adam.py
"""

import numpy as np

from scratchnet.optimizers import Optimizer


class Adam(Optimizer):
    """Adam."""

    slots = ("m", "v")  # vectors of zeros, one pair for each optimizer

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        super().__init__(learning_rate)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def update(self, w, g, rate, m, v):
        """Change w and the optimizer's own vectors, in place; self.t is 1 in the first update."""
        raise NotImplementedError
