"""Mean field and its lower bound against enumeration (T7)."""

import itertools

import numpy as np
import pytest
from small_machines import cube, dbm

from scratchnet.boltzmann import Bernoulli, EnergyModel, exact
from scratchnet.boltzmann.machine.mean_field import bottom_up, iterates, lower_bound, mean_field

SHAPES = [(5, 4, 3), (4, 3, 3, 2), (4, 2, 3, 2, 2)]
each_shape = pytest.mark.parametrize("sizes", SHAPES, ids=lambda s: "-".join(map(str, s)))


def test_a_dbm_whose_second_weights_are_0_is_an_rbm(rng):
    model, v = dbm(rng, (5, 4, 3)), cube(5)
    model.weights[1][...] = 0
    rbm = EnergyModel(model.units[:2], model.weights[:1], model.biases[:2])
    np.testing.assert_allclose(
        exact.log_likelihood(model, v), exact.log_likelihood(rbm, v), atol=1e-12
    )
    mu, with_rbm = mean_field(model, v, 1), rbm.mean(1, [v, None])
    np.testing.assert_allclose(mu[1], with_rbm, atol=1e-12)
    bound = lower_bound(model, mu) - exact.log_partition(model)
    np.testing.assert_allclose(bound, exact.log_likelihood(rbm, v), atol=1e-12)


@each_shape
@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_the_bound_never_falls_and_is_below_the_exact_likelihood(sizes, scale, rng):
    model, v = dbm(rng, sizes, scale), cube(sizes[0])
    truth, log_z = exact.log_likelihood(model, v), exact.log_partition(model)
    sweeps = itertools.islice(iterates(model, v), 30)
    bounds = np.array([lower_bound(model, layers) - log_z for layers in sweeps])
    assert (np.diff(bounds, axis=0) > -1e-12).all()
    assert (bounds <= truth + 1e-12).all()
    assert (bounds[-1] > bounds[0]).any()


def test_an_update_of_all_layers_at_once_may_oscillate():
    """Two layers with strong weights that start unequal exchange their values, without end."""
    weights, biases = [np.zeros((1, 1)), np.full((1, 1), 8.0)], [np.full(1, -4.0)] * 3
    model = EnergyModel([Bernoulli()] * 3, weights, biases)
    at = [np.zeros((1, 1)), np.array([[0.99]]), np.array([[0.01]])]
    both = [at[0], model.mean(1, at), model.mean(2, at)]
    assert both[1] < 0.03 and both[2] > 0.97


@each_shape
def test_the_bound_is_minus_the_mean_energy_plus_the_entropy(sizes, rng):
    model, v = dbm(rng, sizes), (rng.random((1, sizes[0])) < 0.5).astype(float)
    mu = bottom_up(model, v)
    hidden, means = cube(sum(sizes[1:])), np.concatenate(mu[1:], axis=1)
    q = np.prod(np.where(hidden == 1, means, 1 - means), axis=1)
    layers = [np.repeat(v, len(q), axis=0), *np.split(hidden, np.cumsum(sizes[1:])[:-1], axis=1)]
    bound = q @ (-model.energy(layers) - np.log(q))
    np.testing.assert_allclose(lower_bound(model, mu), bound, atol=1e-12)
