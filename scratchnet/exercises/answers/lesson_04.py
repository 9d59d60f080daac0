"""Answer to lesson 04: the gradient of the mean squared error, and the factor 2/n.

`scratchnet exercise MeanSquaredError` writes the loss without its bodies. L = 1/n sum of (y - t)^2
contains y_i once, so dL/dy_i = 2/n (y_i - t_i). Without 2/n the gradient is n/2 times too large.
Adam, RMSprop and Adagrad would hardly notice: they divide the gradient by the root of a mean of its
squares, so that the factor cancels. For SGD the step would be n/2 times too long.
"""

import numpy as np

from scratchnet.exercises.answers.continued import shown
from scratchnet.optimizers import SGD, Adagrad, Adam, RMSprop


def main():
    """Steps of four optimizers for a gradient and for one that is 1000 times as large."""
    rng = np.random.default_rng(0)
    gradients = rng.standard_normal((20, 8))
    numbers = {}
    for kind in (SGD, Adam, RMSprop, Adagrad):
        ends = []
        for factor in (1, 1000):
            w, optimizer = np.zeros(8), kind(learning_rate=0.01)
            for g in gradients:
                optimizer.step(w, factor * g)
            ends.append(w)
        change = np.linalg.norm(ends[1]) / np.linalg.norm(ends[0])
        numbers[f"{kind.__name__}: length of the way, times"] = change
    return shown(numbers)
