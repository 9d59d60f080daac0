"""Answer to lesson 02: a gradient without the division by N.

The gradient check finds the mistake, because every entry is N times too large. The two other checks
pass: the value of the loss is right. Adam divides the gradient by the root of its own mean square,
so that a constant factor cancels, up to epsilon. With SGD a learning rate N times smaller hides the
mistake: for batches of 64, rate / 64. Only the last batch of an epoch differs, which is smaller.
"""

import numpy as np

from scratchnet.exercises.answers.continued import lesson, shown
from scratchnet.gradcheck import gradcheck
from scratchnet.losses import SoftmaxCrossEntropy
from scratchnet.metrics import accuracy
from scratchnet.optimizers import SGD, Adam
from scratchnet.training import fit


class Undivided(SoftmaxCrossEntropy):
    """The mistake: the sum over the batch in place of its mean."""

    def backward(self, cache):
        dx = super().backward(cache)
        return dx * len(dx)


def main():
    """Train with the right and the wrong gradient, with Adam and with SGD."""
    m = lesson("02", "shuffle = True")
    wrong = gradcheck(Undivided(), np.asarray(m.z), np.asarray(m.t_3))
    numbers = {"relative error in the gradient check": wrong.error}
    runs = {
        "Adam": (SoftmaxCrossEntropy(), Adam(0.001)),
        "Adam, wrong gradient": (Undivided(), Adam(0.001)),
        "SGD, rate 0.1": (SoftmaxCrossEntropy(), SGD(0.1)),
        "SGD, rate 0.1 / 64, wrong gradient": (Undivided(), SGD(0.1 / 64)),
    }
    for name, (loss, optimizer) in runs.items():
        model = m.build(m.ReLU)
        settings = dict(loss=loss, optimizer=optimizer, epochs=5, batch_size=64, verbose=False)
        fit(model, m.x, m.t, **settings, seed=0)
        numbers[f"test accuracy, {name}"] = accuracy(model(m.x_test), m.t_test)
    return shown(numbers)
