"""Exercise SGD: gradient descent with momentum.

    v = momentum v + g               w = w - rate v                             v starts at 0
    with nesterov=True               w = w - rate (g + momentum v), with the new v

Write `update`. It receives vectors (P,) and changes them in place, as in ``w -= rate * g``;
``w = w - rate * g`` would make a new vector and leave the parameters as they are. g stays as it is.
Check your answer with: scratchnet grade sgd.py
"""

import numpy as np

from scratchnet.optimizers import Optimizer


class SGD(Optimizer):
    """Gradient descent with momentum."""

    slots = ("v",)  # vectors of zeros, one for each optimizer

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False):
        super().__init__(learning_rate)
        self.momentum, self.nesterov = momentum, nesterov

    def update(self, w, g, rate, v):
        """Change w and the optimizer's own vectors, in place; self.t is 1 in the first update."""
        raise NotImplementedError
