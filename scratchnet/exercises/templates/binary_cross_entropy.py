"""Exercise BinaryCrossEntropy: the cross-entropy of probabilities or logits.

    L = -1/n sum of t log p + (1 - t) log(1 - p)                        t in [0, 1], of p's shape
    from_logits=False    the prediction is p
    from_logits=True     the prediction is x, and p = 1 / (1 + exp(-x))

n is the number of entries of the prediction, all samples together; with reduction "per_sample" it
is the number of samples. From logits, first simplify L until it contains no logarithm of a number
that may be 0: np.logaddexp(0, x) is log(1 + exp(x)). The gradient by x is short.

Check your answer with: scratchnet grade binary_cross_entropy.py
"""

import numpy as np

from scratchnet.loss_base import Loss


class BinaryCrossEntropy(Loss):
    """Binary cross-entropy."""

    def __init__(self, from_logits=False, reduction="mean"):
        super().__init__(reduction)  # now self.reduction
        self.from_logits = from_logits

    def forward(self, prediction, target):
        """Compute the pair (value, cache); the value is one number."""
        raise NotImplementedError

    def backward(self, cache):
        """Compute dL/dprediction, of the shape of the prediction."""
        raise NotImplementedError
