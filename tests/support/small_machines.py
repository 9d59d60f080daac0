"""A Boltzmann machine of five visible and four hidden units, for tests that enumerate it."""

import itertools

import numpy as np

from scratchnet.backend import to_device, to_numpy
from scratchnet.boltzmann import Bernoulli, EnergyModel

D, H = 5, 4


def rbm(rng, scale=1.0, dtype="float64"):
    parts = [scale * rng.standard_normal(shape) for shape in ((D, H), (D,), (H,))]
    W, a, b = (to_device(part, dtype) for part in parts)
    return EnergyModel([Bernoulli()] * 2, [W], [a, b])


def cube(n):
    return np.array(list(itertools.product((0.0, 1.0), repeat=n)))


def phases(network, v):
    return [v, network.mean(1, [v, None])]


def largest(ours, expected):
    return max(np.abs(to_numpy(ours[n]) - to_numpy(expected[n])).max() for n in expected)


ROWS = np.array([[1.0, 0, 1, 1, 0], [0, 0, 1, 0, 1], [1, 1, 1, 0, 0]])
