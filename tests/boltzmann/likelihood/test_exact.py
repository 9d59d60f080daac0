"""Enumerated likelihoods and gradients against sums over every joint state (T1, T2, T3, T11)."""

import itertools
import math

import numpy as np
import pytest
from small_machines import MODELS, H, cube, dbm, draw, joint, rbm

from scratchnet.backend import float64
from scratchnet.boltzmann import Bernoulli, EnergyModel, Gaussian, Softmax, exact
from scratchnet.boltzmann.machine.gibbs import EVEN, ODD


@pytest.mark.parametrize("make", [rbm, dbm])
def test_log_z_is_the_sum_over_all_states_by_either_parity(make, rng):
    model = make(rng)
    log_z = math.log(joint(model)[1].sum())
    for parity in (None, EVEN, ODD):
        assert exact.log_partition(model, parity) == pytest.approx(log_z, abs=1e-12)


@pytest.mark.parametrize("make", [rbm, dbm])
def test_the_likelihood_is_the_sum_over_hidden_states(make, rng):
    model = make(rng)
    layers, weights = joint(model)
    for v in cube(len(model.biases[0])):
        p = weights[(layers[0] == v).all(axis=1)].sum() / weights.sum()
        ours = exact.log_likelihood(model, v[None])
        np.testing.assert_allclose(ours, math.log(p), atol=1e-12)


def rows_for(model, rng):
    unit, n = model.units[0], len(model.biases[0])
    if unit.count(n) == math.inf:
        return draw(rng, 3, n)
    return unit.states(np.array([0, 2, 5]), n).astype("float64")


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_the_exact_gradient_is_the_slope_of_the_exact_likelihood(make, rng):
    with float64():
        model = make(rng)
    v = rows_for(model, rng)
    grads = exact.gradient(model, v)
    assert grads.keys() == model.parameters().keys()
    for name, array in model.parameters().items():
        for at in np.ndindex(array.shape):
            value, values = array[at], []
            for step in (1e-5, -1e-5):
                array[at] = value + step
                values.append(exact.log_likelihood(model, v).mean())
            array[at] = value
            slope = (values[0] - values[1]) / 2e-5
            assert grads[name][at] == pytest.approx(slope, abs=1e-7), (name, at)


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_the_number_of_states_in_a_chunk_does_not_matter(make, rng, monkeypatch):
    with float64():
        model = make(rng)
    in_one, log_z = exact.model_statistics(model), exact.log_partition(model)
    monkeypatch.setattr(exact, "CHUNK", 3)
    assert exact.log_partition(model) == pytest.approx(log_z, abs=1e-12)
    for name, s in exact.model_statistics(model).items():
        np.testing.assert_allclose(s, in_one[name], atol=1e-12)


def test_softmax_states_are_one_category_a_group(rng):
    model = rbm(rng, Softmax(3), 6)
    states = [np.concatenate(pair) for pair in itertools.product(np.eye(3), repeat=2)]
    E = [model.energy([v[None], h[None]]).item() for v in states for h in cube(H)]
    log_z = math.log(np.exp(-np.array(E)).sum())
    for parity in (EVEN, ODD):
        assert exact.log_partition(model, parity) == pytest.approx(log_z, abs=1e-12)


def test_a_gaussian_model_integrates_to_one(rng):
    """T11: exp(-F) / Z over a one-dimensional grid."""
    with float64():
        model = rbm(rng, Gaussian(1, 0.6), 1)
    v = np.linspace(-30, 30, 60001)[:, None]
    p = np.exp(exact.log_likelihood(model, v))
    assert np.trapezoid(p, v[:, 0]) == pytest.approx(1, abs=1e-10)


def test_a_gaussian_model_is_a_mixture_of_gaussians(rng):
    with float64():
        model = rbm(rng, Gaussian(2, 0.6), 2)
    W, a, b = model.weights[0], *model.biases
    h = cube(H)
    means = a + h @ W.T
    log_pi = h @ b + ((means**2 - a**2) / (2 * 0.36)).sum(axis=1)
    pi = np.exp(log_pi - log_pi.max())
    pi /= pi.sum()
    v = draw(rng, 7, 2)
    squares = ((v[:, None] - means) ** 2).sum(axis=2)
    p = (pi * np.exp(-squares / 0.72)).sum(axis=1) / (2 * math.pi * 0.36)
    np.testing.assert_allclose(exact.log_likelihood(model, v), np.log(p), atol=1e-12)


@pytest.mark.parametrize("name", ["rbm", "softmax"])
def test_the_transition_matrix_keeps_the_distribution_and_is_reversible(name, rng):
    """T3: p T = p, and p_v T(v, v') is symmetric (detailed balance)."""
    _, _, h_given_v, v_given_h, p = exact.conditionals(MODELS[name](rng))
    T = h_given_v @ v_given_h.T
    np.testing.assert_allclose(T.sum(axis=1), 1, atol=1e-13)
    np.testing.assert_allclose(p @ T, p, atol=1e-14)
    flow = p[:, None] * T
    np.testing.assert_allclose(flow, flow.T, atol=1e-15)


def test_too_many_states_raise():
    wide = EnergyModel([Bernoulli()] * 2, [np.zeros((2000, 30))], [np.zeros(2000), np.zeros(30)])
    with pytest.raises(ValueError, match=r"2\^30 states are too many to enumerate"):
        exact.log_partition(wide)


def test_tables_of_a_dbm_and_rows_that_are_no_states_raise(rng):
    with pytest.raises(ValueError, match="conditionals expects an RBM"):
        exact.conditionals(dbm(rng))
    with pytest.raises(ValueError, match="rows of zeros and ones"):
        exact.expected_cd_gradient(rbm(rng), 0.5 + cube(5), 1)
