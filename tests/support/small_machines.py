"""Small Boltzmann machines with random weights, for tests that enumerate all their states."""

import itertools

import numpy as np

from scratchnet.backend import to_device, to_numpy
from scratchnet.boltzmann import Bernoulli, EnergyModel, Gaussian, Softmax

D, H = 5, 4  # visible and hidden units
ROWS = np.array([[1.0, 0, 1, 1, 0], [0, 0, 1, 0, 1], [1, 1, 1, 0, 0]])


def draw(rng, *shape):
    return to_device(rng.standard_normal(shape), "float64")


def rbm(rng, visible=None, d=D, dtype="float64", scale=1.0):
    """An RBM with d visible units of some type and H hidden units."""
    parts = [scale * rng.standard_normal(shape) for shape in ((d, H), (d,), (H,))]
    W, a, b = (to_device(part, dtype) for part in parts)
    return EnergyModel([visible or Bernoulli(), Bernoulli()], [W], [a, b])


def dbm(rng, sizes=(4, 3, 3, 2), scale=1.0):
    """A DBM of 0-1 units; the scale is that of the weights."""
    weights = [to_device(scale * rng.standard_normal(s), "float64") for s in pairs(sizes)]
    return EnergyModel([Bernoulli() for _ in sizes], weights, [draw(rng, n) for n in sizes])


def pairs(sizes):
    return list(itertools.pairwise(sizes))


MODELS = {
    "rbm": rbm,
    "dbm": dbm,
    "softmax": lambda rng: rbm(rng, Softmax(3), 6),
    "gaussian": lambda rng: rbm(rng, Gaussian(D, 0.7)),
    "learned variance": lambda rng: rbm(rng, Gaussian(D, 0.7, learned=True)),
}


def cube(n):
    """All states of n bits, (2^n, n)."""
    return np.array(list(itertools.product((0.0, 1.0), repeat=n)))


def joint(model):
    """Every joint state of a model of 0-1 units, as layers, and exp(-E) of each."""
    sizes = [len(b) for b in model.biases]
    layers = np.split(cube(sum(sizes)), np.cumsum(sizes)[:-1], axis=1)
    return layers, np.exp(-model.energy(layers))


def positive_phase(model, v):
    """The layers of the positive phase of an RBM: v and the means of the hidden units."""
    return [v, model.mean(1, [v, None])]


def largest_difference(ours, expected):
    """Largest absolute difference between two {name: array}."""
    return max(np.abs(to_numpy(ours[n]) - to_numpy(expected[n])).max() for n in expected)
