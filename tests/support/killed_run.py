"""A small training run with every kind of chance and memory in it, for several tests; one kills it:

    python killed_run.py CHECKPOINT [STEP]

goes on from the checkpoint if there is one. In its STEP-th step it says "waiting" and waits.
"""

import contextlib
import sys

import numpy as np

from scratchnet.callbacks import Checkpoint, EarlyStopping
from scratchnet.layers import BatchNormalization, Dense, Dropout, GaussianNoise, ReLU, Sequential
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import Adam
from scratchnet.training import fit

EPOCHS, STEPS = 6, 5  # in all; in each epoch


class Waiting(MeanSquaredError):
    """A loss that waits for the end of its process in one of its steps (0: in none)."""

    def __init__(self, step):
        super().__init__()
        self.left = step

    def backward(self, d):
        self.left -= 1
        if self.left == 0:
            print("waiting", flush=True)
            sys.stdin.read()
        return super().backward(d)


def everything(model):
    """{path: array} of all that training changes: parameters and running averages."""
    return model.named_parameters() | model.named_state()


@contextlib.contextmanager
def unchanged(model):
    """What happens within must leave the model as it was."""
    before = {path: array.copy() for path, array in everything(model).items()}
    yield
    np.testing.assert_equal(everything(model), before)


def build():
    """A model with noise, dropout and running averages."""
    model = Sequential(
        [GaussianNoise(0.1), Dense(8), BatchNormalization(), ReLU(), Dropout(0.3), Dense(1)]
    )
    model.build((3,), 5)
    return model


def kept_in(path, patience=9):
    """Callbacks with a memory: the largest loss counts as the best, so epoch 1 is kept in mind."""
    return [EarlyStopping("loss", mode="max", patience=patience), Checkpoint(path, resume=True)]


def train(path=None, epochs=EPOCHS, samples=37, step=0, model=None, **changes):
    """(model, history) of new objects that go on from the checkpoint at path, if there is one."""
    model = model or build()
    x = np.random.default_rng(0).normal(size=(samples, 3)).astype("float32")
    options = {
        "loss": Waiting(step),
        "optimizer": Adam(0.01),
        "epochs": epochs,
        "batch_size": 8,  # 37 samples: four whole batches and a short one
        "callbacks": kept_in(path) if path else [],
        "verbose": False,
    }
    return model, fit(model, x, x[:, :1] ** 2, **options | changes)


if __name__ == "__main__":
    train(sys.argv[1], step=int(*sys.argv[2:]))
