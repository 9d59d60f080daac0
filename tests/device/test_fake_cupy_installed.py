"""scratchnet on the stand-in for CuPy: it believes that it has a GPU, and trains on it."""

import sys

import fake_cupy
import numpy as np
import pytest
from fake_cupy import STATS, DevArray, no_sync

from scratchnet import backend
from scratchnet.backend import RNG, to_device, to_numpy, use_device
from scratchnet.layers import GELU, BatchNormalization, Dense, Sequential, Tanh
from scratchnet.losses import SoftmaxCrossEntropy
from scratchnet.optimizers import Adam
from scratchnet.training import evaluate, fit, train_step


def model():
    layers = [Dense(5), BatchNormalization(), Tanh(), Dense(4, use_bias=False), GELU(), Dense(3)]
    model = Sequential(layers)
    model.build((4,), 0)
    return model


def trained():
    """(history, parameters, evaluation) on whichever device new arrays go to."""
    rng, m = np.random.default_rng(0), model()
    x = to_device(rng.standard_normal((20, 4)))
    t, loss = to_device(rng.integers(0, 3, 20)), SoftmaxCrossEntropy()
    history = fit(m, x, t, loss=loss, optimizer=Adam(0.01), epochs=2, batch_size=8, verbose=False)
    return history["loss"], to_numpy(m.parameters).tolist(), evaluate(m, loss, x, t)


def test_it_takes_cupys_place_and_leaves_it():
    before, problem = backend.cupy, backend.gpu_problem()
    with pytest.raises(ZeroDivisionError), fake_cupy.installed():
        assert backend.gpu_available() and "cupyx.scipy.special" in sys.modules
        assert STATS.syncs == STATS.launches == 0, "the probe is not counted"
        raise ZeroDivisionError
    assert backend.cupy is before and backend.gpu_problem() == problem


def test_scratchnet_trains_on_it_to_the_numbers_of_numpy():
    here = trained()
    with fake_cupy.installed(), use_device("gpu"):
        there = trained()
    assert there == here


def test_a_training_step_on_it_never_waits():
    with fake_cupy.installed(), use_device("gpu"):
        m, loss, optimizer = model(), SoftmaxCrossEntropy(), Adam()
        x = RNG(0).normal(like=to_device(np.ones((8, 4))))
        t = to_device(np.arange(8) % 3)
        with no_sync():
            value, _, y = train_step(m, loss, optimizer, x, t)
        assert all(isinstance(part, DevArray) for part in (value, y, m.parameters))
        assert m.layers[0].W.base is m.parameters, "the weights are views of one vector"
