"""Small deep belief networks with random weights, for tests that enumerate them."""

import itertools

import numpy as np

from scratchnet.boltzmann import Bernoulli, EnergyModel, Labelled
from scratchnet.boltzmann.deep.belief_network import BeliefNetwork
from scratchnet.numerics import sigmoid

SHAPES = [(4, 3), (4, 3, 2), (4, 3, 3, 2)]


def pair(rng, n, m, unit=None):
    """An RBM of random weights."""
    biases = [rng.standard_normal(n), rng.standard_normal(m)]
    return EnergyModel([unit or Bernoulli(), Bernoulli()], [rng.standard_normal((n, m))], biases)


def belief_network(rng, sizes, K=0):
    """A deep belief network whose two directions are not tied, its top with K classes."""
    *below, n, m = sizes
    steps = list(itertools.pairwise([*below, n]))
    up = [(rng.standard_normal(s), rng.standard_normal(s[1])) for s in steps]
    down = [(rng.standard_normal(s[::-1]), rng.standard_normal(s[0])) for s in steps]
    return BeliefNetwork(up, down, pair(rng, n + K, m, Labelled(K) if K else None))


def log_p(y, f):
    return np.log(np.where(y == 1, sigmoid(f), sigmoid(-f))).sum(axis=-1)
