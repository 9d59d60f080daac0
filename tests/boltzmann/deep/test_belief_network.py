"""The model of a deep belief network against sums over every hidden state (T8)."""

import numpy as np
import pytest
from belief_networks import SHAPES, belief_network, log_p, random_rbm
from small_machines import cube

from scratchnet.backend import RNG, float64
from scratchnet.boltzmann import EnergyModel, exact
from scratchnet.boltzmann.deep.belief_network import BeliefNetwork

each_shape = pytest.mark.parametrize("sizes", SHAPES, ids=lambda s: "-".join(map(str, s)))


@pytest.fixture(autouse=True)
def in_double_precision():
    with float64():
        yield


def states_above(network, v):
    """Every state of h_1 ... h_{L-1} with the row v, as layers."""
    sizes = [len(r) for _, r in network.recognition]
    states = cube(sum(sizes))
    h = np.split(states, np.cumsum(sizes)[:-1], axis=1) if sizes else []
    return [np.repeat(v[None], len(states), axis=0), *h]


@each_shape
@pytest.mark.parametrize("K", [0, 3])
def test_its_probability_is_the_sum_over_all_hidden_states(sizes, K, rng):
    network = belief_network(rng, sizes, K)
    found = network.log_likelihood(cube(4))
    np.testing.assert_allclose(np.exp(found).sum(), 1)
    for v, value in zip(cube(4)[::5], found[::5], strict=True):
        layers = states_above(network, v)
        log_joint = sum(
            log_p(below, above @ G + g)
            for below, above, (G, g) in zip(layers, layers[1:], network.generative, strict=False)
        )
        labels = np.eye(K) if K else [np.zeros(0)]
        visible = [np.hstack([layers[-1], np.tile(k, (len(layers[-1]), 1))]) for k in labels]
        top = sum(np.exp(exact.log_likelihood(network.top, row)) for row in visible)
        np.testing.assert_allclose(value, np.log((np.exp(log_joint) * top).sum()), atol=1e-12)


def test_a_top_rbm_with_transposed_weights_does_not_change_the_probability_of_v(rng):
    rbm = random_rbm(rng, 5, 3)
    W, (a, b) = rbm.weights[0], rbm.biases
    flipped = EnergyModel(rbm.units, [W.T], [b, a])
    deep, v = BeliefNetwork.from_rbms([rbm, flipped]), cube(5)
    np.testing.assert_allclose(deep.log_likelihood(v), exact.log_likelihood(rbm, v), atol=1e-12)

    deep.top.weights[0] += 0.1  # any other top RBM changes it
    assert abs(deep.log_likelihood(v) - exact.log_likelihood(rbm, v)).max() > 0.01
    np.testing.assert_array_equal(deep.recognition[0][0], rbm.weights[0])


@each_shape
@pytest.mark.parametrize("K", [0, 3])
def test_the_mean_log_weight_is_a_lower_bound_and_the_mean_weight_is_exact(sizes, K, rng):
    network = belief_network(rng, sizes, K)
    log_z = exact.log_partition(network.top)
    for v, truth in zip(cube(4), network.log_likelihood(cube(4)), strict=True):
        layers = states_above(network, v)
        log_q = sum(
            log_p(above, below @ R + r)
            for below, above, (R, r) in zip(layers, layers[1:], network.recognition, strict=False)
        )
        q, log_w = np.exp(log_q) * np.ones(len(layers[0])), network.log_weight(layers) - log_z
        np.testing.assert_allclose(q.sum(), 1)
        assert q @ log_w <= truth + 1e-12
        np.testing.assert_allclose(np.log(q @ np.exp(log_w)), truth, atol=1e-12)


def test_the_bound_of_a_transposed_top_rbm_is_exact(rng):
    """There q is the true posterior, so the bound has no gap; greedy training starts there."""
    rbm = random_rbm(rng, 4, 3)
    deep = BeliefNetwork.from_rbms(
        [rbm, EnergyModel(rbm.units, [rbm.weights[0].T], rbm.biases[::-1])]
    )
    v = cube(4)
    log_w = deep.log_weight(deep.sample_up(v, RNG(0))) - exact.log_partition(deep.top)
    np.testing.assert_allclose(log_w, deep.log_likelihood(v), atol=1e-12)
