"""Exercise MeanSquaredError: the mean squared error.

    L = 1/n sum of (y - t)^2                        y the prediction, t the target, of one shape

n is the number of entries of y, all samples together; with reduction "per_sample" it is the number
of samples N = len(y). Write the two methods: the value L and its gradient dL/dy.

Check your answer with: scratchnet grade mean_squared_error.py
"""

import numpy as np

from scratchnet.loss_base import Loss


class MeanSquaredError(Loss):
    """Mean squared error."""

    def __init__(self, reduction="mean"):
        super().__init__(reduction)  # now self.reduction

    def forward(self, prediction, target):
        """Compute the pair (value, cache); the value is one number."""
        raise NotImplementedError

    def backward(self, cache):
        """Compute dL/dprediction, of the shape of the prediction."""
        raise NotImplementedError
