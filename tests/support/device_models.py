"""Small models and inputs for the tests that run on a device."""

import numpy as np

from scratchnet.layers import (
    ActivityRegularization,
    BatchNormalization,
    Dense,
    Dropout,
    GaussianNoise,
    ReLU,
    Sequential,
)
from scratchnet.losses import MeanSquaredError, SoftmaxCrossEntropy


def numbers(shape, seed=3):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def classifier():
    """Lesson 02's model, narrower."""
    model = Sequential([Dense(8), ReLU(), Dense(6), ReLU(), Dense(3)])
    return model, SoftmaxCrossEntropy(), np.array([0, 2, 1, 0, 1])


def everything():
    """Noise, dropout, statistics and a penalty in one model."""
    parts = [GaussianNoise(0.1), Dense(7), BatchNormalization(), ReLU(), Dropout(0.5)]
    model = Sequential([*parts, ActivityRegularization(l1=0.1), Dense(9)])
    return model, MeanSquaredError(), None
