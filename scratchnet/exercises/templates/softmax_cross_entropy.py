"""Exercise SoftmaxCrossEntropy: the categorical cross-entropy, from logits.

    p = softmax(x)                                                  x (N, K), the logits
    L = -1/N sum over n and k of t[n, k] log p[n, k]                t (N, K) or (N,)

The target is t (N, K), one row of probabilities for each sample, or the classes (N,) as integers
from 0 to K - 1, short for one-hot rows. log p = x - log(sum of exp(x)) needs no division;
subtract the maximum of each row first, so that x = 1000 does not overflow.

Check your answer with: scratchnet grade softmax_cross_entropy.py
"""

import numpy as np

from scratchnet.loss_base import Loss


class SoftmaxCrossEntropy(Loss):
    """Cross-entropy of a softmax."""

    def __init__(self):
        super().__init__("per_sample")

    def forward(self, prediction, target):
        """Compute the pair (value, cache); the value is one number."""
        raise NotImplementedError

    def backward(self, cache):
        """Compute dL/dprediction, of the shape of the prediction."""
        raise NotImplementedError
