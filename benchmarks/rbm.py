"""``python -m benchmarks.rbm``: a tenth of an epoch of an RBM beside scikit-learn's and PyTorch's.

6000 rows of 784 pixels, 256 hidden units, one persistent chain's step (PCD-1) for each batch of 100
rows. The rows of scratchnet and scikit-learn are the whole of ``fit``, checks included; PyTorch has
no RBM, so its row is a loop with the same formulas.
"""

import numpy as np

from benchmarks import separate
from benchmarks.models import MODELS
from benchmarks.ours import prepare  # noqa: F401, called by the workers

SHARED = {"n_components": 256, "learning_rate": 0.05, "batch_size": 100, "n_iter": 1}


class Pixels:
    """Random pixels of which 13 % are 1, as many as in MNIST."""

    title = "RBM 784-256, PCD-1, 6000 rows in batches of 100 (a step is all 60 updates)"

    def batch(self):
        """Draw (6000, 784) float32."""
        return (np.random.default_rng(0).random((6000, 784)) < 0.13).astype(np.float32)


MODELS["rbm"] = Pixels()  # for the workers, which import this file


def has(model):
    """Whether it is the model of this file."""
    return model is MODELS["rbm"]


def _nothing():
    """Wait for nothing: a call returns when its work is done."""


def ours(model):
    """`scratchnet.boltzmann.BernoulliRBM`."""
    from scratchnet.boltzmann import BernoulliRBM

    x = model.batch()
    return lambda: BernoulliRBM(**SHARED, random_state=0).fit(x), _nothing


def scikit_learn(model):
    """`sklearn.neural_network.BernoulliRBM`."""
    from sklearn.neural_network import BernoulliRBM

    x = model.batch()
    return lambda: BernoulliRBM(**SHARED, random_state=0).fit(x), _nothing


if __name__ == "__main__":
    separate.main(
        "python -m benchmarks.rbm",
        __doc__,
        "rbm",
        {
            "scratchnet": ("rbm", "ours", "scratchnet"),
            "scikit-learn": ("rbm", "scikit_learn", "scratchnet"),
            "torch": ("rbm_torch", "loop", "torch"),
        },
        steps=1,
    )
