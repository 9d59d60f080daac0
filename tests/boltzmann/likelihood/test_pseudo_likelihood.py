"""The pseudo-likelihood against enumeration, and biases from the frequencies of the data."""

import numpy as np
import pytest
from small_machines import D, cube, rbm

from scratchnet.backend import RNG
from scratchnet.boltzmann import exact
from scratchnet.boltzmann.likelihood.pseudo_likelihood import (
    log_odds,
    one_pixel_estimate,
    pseudo_likelihood,
)


def log_p_of_each_unit(model, v):
    """log p(v_i | the others) from the enumerated p(v), (N, D)."""
    p = np.exp(exact.log_likelihood(model, v))
    each = np.zeros(v.shape)
    for i in range(v.shape[1]):
        flipped = v.copy()
        flipped[:, i] = 1 - v[:, i]
        each[:, i] = np.log(p / (p + np.exp(exact.log_likelihood(model, flipped))))
    return each


def test_the_pseudo_likelihood_is_each_unit_given_the_others(rng):
    model, v = rbm(rng), cube(D)
    each = log_p_of_each_unit(model, v)
    np.testing.assert_allclose(pseudo_likelihood(model, v), each.sum(axis=1), rtol=1e-10)


def test_missing_entries_are_left_out_of_the_sum(rng):
    model, v = rbm(rng), cube(D)
    missing = rng.random(v.shape) < 0.4
    each = np.where(missing, 0, log_p_of_each_unit(model, v))
    ours = pseudo_likelihood(model, v, missing)
    np.testing.assert_allclose(ours, each.sum(axis=1), rtol=1e-10, atol=1e-12)


def test_one_random_unit_estimates_it_without_bias(rng):
    model, v = rbm(rng), np.tile(cube(D), (2000, 1))
    estimate = one_pixel_estimate(model, v, RNG(0)).mean()
    assert estimate == pytest.approx(pseudo_likelihood(model, cube(D)).mean(), rel=0.02)


def test_log_odds_are_the_biases_of_a_model_with_the_frequencies_of_the_data():
    v = np.array([[0.0, 1.0, 1.0]] * 3 + [[0.0, 0.0, 1.0]])
    p = 1 / (1 + np.exp(-log_odds(v.sum(axis=0), 4.0)))
    np.testing.assert_allclose(p, [1 / 6, 3 / 4, 5 / 6])  # a frequency of 0 becomes 1 / (n + 2)
    counts = np.array([0.0, 4.0, 4.0])  # the first unit was never observed
    assert log_odds(v.sum(axis=0), counts)[0] == 0
