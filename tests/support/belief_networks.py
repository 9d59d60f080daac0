"""Small deep belief networks with random weights, for tests that enumerate all their states."""

import numpy as np
from small_machines import pairs

from scratchnet.boltzmann import Bernoulli, EnergyModel, Labelled
from scratchnet.boltzmann.deep.belief_network import BeliefNetwork
from scratchnet.numerics import sigmoid

SHAPES = [(4, 3), (4, 3, 2), (4, 3, 3, 2)]


def random_rbm(rng, n, m, visible=None):
    """An RBM with n visible and m hidden units."""
    biases = [rng.standard_normal(n), rng.standard_normal(m)]
    return EnergyModel([visible or Bernoulli(), Bernoulli()], [rng.standard_normal((n, m))], biases)


def belief_network(rng, sizes, K=0):
    """A deep belief network with independent weights up and down, and K classes at its top."""
    *below, n, m = sizes
    shapes = pairs([*below, n])
    up = [(rng.standard_normal(s), rng.standard_normal(s[1])) for s in shapes]
    down = [(rng.standard_normal(s[::-1]), rng.standard_normal(s[0])) for s in shapes]
    return BeliefNetwork(up, down, random_rbm(rng, n + K, m, Labelled(K) if K else None))


def log_p(y, z):
    """Log-probability of bits y with pre-activations z."""
    return np.log(np.where(y == 1, sigmoid(z), sigmoid(-z))).sum(axis=-1)
