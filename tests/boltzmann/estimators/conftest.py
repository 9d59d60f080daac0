"""Data and a trained RBM for the tests of the estimators."""

import numpy as np
import pytest

from scratchnet.boltzmann import BernoulliRBM
from scratchnet.data import bars_and_stripes


@pytest.fixture
def bits(rng):
    """90 rows of 12 bits, each column with a frequency of its own."""
    return (rng.random((90, 12)) < rng.random(12)).astype("float32")


@pytest.fixture(scope="session")
def bars_rbm():
    """An RBM that is trained on bars and stripes of 3 x 3 pixels."""
    options = dict(learning_rate=0.3, batch_size=140, n_iter=250, k=3, random_state=0)
    return BernoulliRBM(9, **options).fit(np.tile(bars_and_stripes(3), (100, 1)))
