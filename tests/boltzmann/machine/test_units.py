"""Each type of unit against sums over the states of a layer."""

import math

import numpy as np
import pytest
from small_machines import D, H, cube

from scratchnet.backend import RNG
from scratchnet.boltzmann import Bernoulli, EnergyModel, Gaussian, Labelled, Softmax, exact


def test_the_entropy_treats_0_log_0_as_0():
    mean = np.array([[0.0, 1.0, 0.5]])
    np.testing.assert_allclose(Bernoulli().entropy(mean), math.log(2))


def test_softmax_draws_one_category_a_group_with_its_probability():
    unit = Softmax(4)
    z = np.log(np.array([[0.1, 0.2, 0.3, 0.4, 0.7, 0.1, 0.1, 0.1]]))
    mean = np.repeat(unit.mean(z), 50_000, axis=0)
    sample = unit.sample(mean, RNG(5))
    assert (sample.reshape(-1, 2, 4).sum(axis=2) == 1).all()
    np.testing.assert_allclose(sample.mean(axis=0), np.exp(z[0]), atol=0.01)


def test_softmax_of_two_categories_is_a_bernoulli_unit(rng):
    """T9d: W_1 - W_0, a_1 - a_0 and b + sum W_0."""
    W, a, b = rng.standard_normal((D, 2, H)), rng.standard_normal((D, 2)), rng.standard_normal(H)
    two = EnergyModel([Softmax(2), Bernoulli()], [W.reshape(-1, H)], [a.reshape(-1), b])
    biases = [a[:, 1] - a[:, 0], b + W[:, 0].sum(axis=0)]
    one = EnergyModel([Bernoulli()] * 2, [W[:, 1] - W[:, 0]], biases)
    v = cube(D)
    one_hot = np.stack([1 - v, v], axis=2).reshape(len(v), -1)
    ours, theirs = exact.log_likelihood(two, one_hot), exact.log_likelihood(one, v)
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_a_labelled_layer_has_its_states_means_and_samples(rng):
    unit, z, b = Labelled(3), rng.standard_normal((5, 6)), rng.standard_normal(6)
    states = unit.states(np.arange(unit.count(6)), 6)
    assert len(np.unique(states, axis=0)) == unit.count(6) == 24
    assert (states[:, 3:].sum(axis=1) == 1).all()
    weights = np.exp(states @ z.T)  # (states, 5)
    np.testing.assert_allclose(unit.log_normalizer(z, b), np.log(weights.sum(axis=0)))
    means = (weights / weights.sum(axis=0)).T @ states
    np.testing.assert_allclose(unit.mean(z), means)
    samples = unit.sample(np.repeat(unit.mean(z[:1]), 20_000, axis=0), RNG(0))
    assert (samples[:, 3:].sum(axis=1) == 1).all()
    np.testing.assert_allclose(samples.mean(axis=0), unit.mean(z)[0], atol=0.02)


def test_a_learned_sigma_stays_within_its_bounds():
    unit = Gaussian(3, learned=True, bounds=(0.5, 2))
    unit.log_variance[...] = [-9, 0, 9]
    unit.keep_within_bounds()
    np.testing.assert_allclose(unit.variance**0.5, [0.5, 1, 2], rtol=1e-6)


def test_a_copy_of_a_gaussian_layer_has_an_array_of_its_own():
    unit = Gaussian(2, sigma=0.5, learned=True, bounds=(0.1, 3))
    other = unit.map_arrays(lambda a: a + 1)
    np.testing.assert_allclose(other.log_variance, unit.log_variance + 1)
    assert other.learned and other.bounds == (0.1, 3)


def test_a_sigma_of_0_raises():
    with pytest.raises(ValueError, match="sigma > 0"):
        Gaussian(2, sigma=0)
