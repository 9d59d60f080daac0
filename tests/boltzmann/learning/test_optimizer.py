"""The step uphill, written out: centering (T10), decay, momentum and sparsity."""

import numpy as np
import pytest
from small_machines import ROWS, D, cube, rbm

from scratchnet.boltzmann import EnergyModel, exact
from scratchnet.boltzmann.learning.optimizer import LikelihoodOptimizer


def stepped(network, v, **options):
    """One exact step of a copy of the network."""
    network = network.map_arrays(np.copy)
    gradient = exact.gradient(network, v)
    LikelihoodOptimizer(**options).step(network, exact.data_statistics(network, v), gradient, 0.3)
    return network


def test_a_centered_step_is_a_step_of_the_centered_energy(rng):
    """T10, from E = -a_c v - b_c h - (v - mu) W (h - lambda) written out."""
    network = rbm(rng)
    W, (a, b) = network.weights[0], network.biases
    mean_h = network.mean(1, [ROWS, None])
    mu, lam = ROWS.mean(axis=0), mean_h.mean(axis=0)
    v, h, _, _, p = exact.conditionals(network)
    a_c, b_c = a + W @ lam, b + mu @ W  # the same model, centered
    E = -(v @ a_c)[:, None] - h @ b_c - (v - mu) @ W @ (h - lam).T
    joint = np.exp(-E) / np.exp(-E).sum()
    np.testing.assert_allclose(joint.sum(axis=1), p, atol=1e-14)

    gW = (ROWS - mu).T @ (mean_h - lam) / len(ROWS) - (v - mu).T @ joint @ (h - lam)
    ga = mu - joint.sum(axis=1) @ v
    gb = lam - joint.sum(axis=0) @ h
    W_c = W + 0.3 * gW
    ours = stepped(network, ROWS, center=True)
    np.testing.assert_allclose(ours.weights[0], W_c, atol=1e-12)
    np.testing.assert_allclose(ours.biases[0], a_c + 0.3 * ga - W_c @ lam, atol=1e-12)
    np.testing.assert_allclose(ours.biases[1], b_c + 0.3 * gb - mu @ W_c, atol=1e-12)


def flipped(network):
    """The model of 1 - v: W -> -W, a -> -a, b -> b + sum W."""
    W, (a, b) = network.weights[0], network.biases
    return EnergyModel(network.units, [-W], [-a, b + W.sum(axis=0)])


@pytest.mark.parametrize("center", [True, False])
def test_only_a_centered_step_does_not_care_what_is_called_one(center, rng):
    network = rbm(rng)
    ours = exact.log_likelihood(stepped(network, ROWS, center=center), cube(D))
    other = stepped(flipped(network), 1 - ROWS, center=center)
    theirs = exact.log_likelihood(other, 1 - cube(D))
    assert np.allclose(ours, theirs, atol=1e-10) == center


def test_decay_pulls_at_weights_and_not_at_biases(rng):
    network = rbm(rng)
    nothing = {name: 0 * array for name, array in network.parameters().items()}
    before = network.map_arrays(np.copy)
    LikelihoodOptimizer(weight_decay=0.1).step(network, nothing, nothing, 0.5)
    np.testing.assert_allclose(network.weights[0], 0.95 * before.weights[0])
    for ours, theirs in zip(network.biases, before.biases, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_momentum_multiplies_a_steady_pull_by_one_over_one_minus_it(rng):
    network = rbm(rng)
    pull = {name: np.ones_like(array) for name, array in network.parameters().items()}
    ascent = LikelihoodOptimizer(momentum=0.9)
    for _ in range(300):
        before = network.weights[0].copy()
        ascent.step(network, pull, pull, 0.01)
    np.testing.assert_allclose(network.weights[0] - before, 0.01 / (1 - 0.9))


def test_a_sparsity_target_makes_units_rarely_active(rng):
    network = rbm(rng, 0.1)
    ascent = LikelihoodOptimizer(sparsity=0.05, sparsity_cost=1.0)
    for _ in range(400):
        data = exact.data_statistics(network, cube(D))
        ascent.step(network, data, {name: 0 * s for name, s in data.items()}, 0.5)
    np.testing.assert_allclose(data["b1"], 0.05, atol=0.01)
