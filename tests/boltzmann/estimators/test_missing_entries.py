"""Missing entries: a clamp at 0 takes them out of the model, row by row (T9)."""

import numpy as np
import pytest
from small_machines import ROWS, D, H, cube, largest, phases, rbm

from scratchnet.backend import RNG
from scratchnet.boltzmann import CD, PCD, Bernoulli, EnergyModel, Softmax, exact


def masked_statistics(network, v, missing, clamp=True, seed=0):
    mask = {0: (missing, 0.0)} if clamp else None
    v = np.where(missing, 0.0, v)
    return CD(2).model_statistics(network, phases(network, v), RNG(seed), mask)


def test_a_column_missing_everywhere_gets_no_gradient_at_all(rng):
    """T9b."""
    network = rbm(rng)
    missing = np.zeros(ROWS.shape, dtype=bool)
    missing[:, 2] = True
    negative = masked_statistics(network, ROWS, missing)
    positive = network.statistics(phases(network, np.where(missing, 0, ROWS)))
    assert (positive["W1"][2] - negative["W1"][2] == 0).all()
    assert positive["b0"][2] - negative["b0"][2] == 0
    assert (positive["W1"][1] - negative["W1"][1] != 0).any()


def test_nothing_missing_is_the_unmasked_path_bit_for_bit(rng):
    """T9c."""
    network = rbm(rng)
    nothing = np.zeros(ROWS.shape, dtype=bool)
    with_mask = masked_statistics(network, ROWS, nothing)
    without = masked_statistics(network, ROWS, nothing, clamp=False)
    assert largest(with_mask, without) == 0


def test_two_categories_are_a_bernoulli_unit(rng):
    """T9d: W_1 - W_0, bv_1 - bv_0 and b + sum W_0."""
    W, a, b = rng.standard_normal((D, 2, H)), rng.standard_normal((D, 2)), rng.standard_normal(H)
    two = EnergyModel([Softmax(2), Bernoulli()], [W.reshape(-1, H)], [a.reshape(-1), b])
    biases = [a[:, 1] - a[:, 0], b + W[:, 0].sum(axis=0)]
    one = EnergyModel([Bernoulli()] * 2, [W[:, 1] - W[:, 0]], biases)
    v = cube(D)
    one_hot = np.stack([1 - v, v], axis=2).reshape(len(v), -1)
    ours, theirs = exact.log_likelihood(two, one_hot), exact.log_likelihood(one, v)
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_persistent_chains_refuse_a_mask(rng):
    with pytest.raises(ValueError, match="no mask: use CD"):
        PCD().model_statistics(rbm(rng), None, RNG(0), {0: (True, 0.0)})
