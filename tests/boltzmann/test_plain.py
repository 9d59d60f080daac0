"""The plain formulas against enumeration, and the general modules against the plain formulas."""

import numpy as np
import pytest
from small_machines import ROWS, D, H, cube, dbm, joint, positive_phase, rbm

from scratchnet.backend import RNG
from scratchnet.boltzmann import CD, exact, plain
from scratchnet.boltzmann.machine.gibbs import EVEN, ODD, gibbs, half_sweep
from scratchnet.boltzmann.machine.mean_field import sweep


@pytest.fixture
def model(rng):
    return rbm(rng)


def parts(model):
    """W, a, b of an RBM."""
    return model.weights[0], *model.biases


# ------------------------------------------------------------------- plain against enumeration


def test_plain_conditionals_are_those_of_the_enumerated_joint_distribution(model):
    W, a, b = parts(model)
    (v, h), weights = joint(model)
    _, p_h = plain.sample_h_given_v(ROWS, W, b, RNG(0))
    for row, p in zip(ROWS, p_h, strict=True):
        match = (v == row).all(axis=1)
        np.testing.assert_allclose(p, weights[match] @ h[match] / weights[match].sum())
    _, p_v = plain.sample_v_given_h(cube(H), W, a, RNG(0))
    for row, p in zip(cube(H), p_v, strict=True):
        match = (h == row).all(axis=1)
        np.testing.assert_allclose(p, weights[match] @ v[match] / weights[match].sum())


def test_plain_samples_are_bits_whose_mean_is_their_probability(model):
    W, a, b = parts(model)
    many = np.repeat(ROWS[:1], 40_000, axis=0)
    h, p_h = plain.sample_h_given_v(many, W, b, RNG(1))
    v, p_v = plain.sample_v_given_h(np.repeat(h[:1], 40_000, axis=0), W, a, RNG(2))
    for samples, p in ((h, p_h), (v, p_v)):
        assert set(np.unique(samples)) == {0.0, 1.0}
        np.testing.assert_allclose(samples.mean(axis=0), p[0], atol=0.015)


def test_plain_free_energy_and_log_z_are_sums_over_all_states(model):
    W, a, b = parts(model)
    (v, _), weights = joint(model)
    np.testing.assert_allclose(plain.log_partition(W, a, b), np.log(weights.sum()), rtol=1e-13)
    for row, F in zip(ROWS, plain.free_energy(ROWS, W, a, b), strict=True):
        match = (v == row).all(axis=1)
        np.testing.assert_allclose(F, -np.log(weights[match].sum()), rtol=1e-12)


def test_plain_model_statistics_are_averages_over_all_states(model):
    (v, h), weights = joint(model)
    p = weights / weights.sum()
    expected = ((p[:, None] * v).T @ h, p @ v, p @ h)
    for s, e in zip(plain.model_statistics(*parts(model)), expected, strict=True):
        np.testing.assert_allclose(s, e, rtol=1e-12)


@pytest.mark.parametrize("k", [1, 3])
def test_plain_cd_has_the_mean_that_enumeration_expects(k, model):
    n = 120_000
    found = plain.cd_gradient(np.tile(ROWS, (n // 3, 1)), *parts(model), k, RNG(0))
    expected = exact.expected_cd_gradient(model, ROWS, k)
    for g, name in zip(found, ("W1", "b0", "b1"), strict=True):
        np.testing.assert_allclose(g, expected[name], atol=5 * 0.5 / np.sqrt(n))


# -------------------------------------- the general modules against plain, equal random numbers


def test_half_sweeps_draw_the_plain_samples(model):
    W, a, b = parts(model)
    samples, means = half_sweep(model, [ROWS, None], ODD, RNG(3))
    h, p = plain.sample_h_given_v(ROWS, W, b, RNG(3))
    np.testing.assert_array_equal(samples[1], h)
    np.testing.assert_array_equal(means[1], p)
    samples, means = half_sweep(model, [None, h], EVEN, RNG(4))
    v, p = plain.sample_v_given_h(h, W, a, RNG(4))
    np.testing.assert_array_equal(samples[0], v)
    np.testing.assert_array_equal(means[0], p)


def test_gibbs_repeats_the_plain_sweep(model, rng):
    h = (rng.random((6, H)) < 0.5).astype(float)
    samples, means = gibbs(model, [None, h], 4, RNG(5))
    again = RNG(5)
    for _ in range(4):
        v, h, p = plain.gibbs_sweep(h, *parts(model), again)
    for found, expected in ((samples[0], v), (samples[1], h), (means[1], p)):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("k", [1, 3])
def test_cd_is_the_plain_gradient(k, model):
    data = positive_phase(model, ROWS)
    positive = model.statistics(data)
    negative = CD(k).model_statistics(model, data, RNG(6))
    expected = plain.cd_gradient(ROWS, *parts(model), k, RNG(6))
    for name, g in zip(("W1", "b0", "b1"), expected, strict=True):
        np.testing.assert_allclose(positive[name] - negative[name], g, atol=1e-14)


def test_enumeration_in_chunks_is_the_plain_enumeration(model, monkeypatch):
    W, a, b = parts(model)
    monkeypatch.setattr(exact, "CHUNK", 3)
    for parity in (EVEN, ODD):
        assert exact.log_partition(model, parity) == pytest.approx(plain.log_partition(W, a, b))
    found = exact.model_statistics(model)
    for name, s in zip(("W1", "b0", "b1"), plain.model_statistics(W, a, b), strict=True):
        np.testing.assert_allclose(found[name], s, rtol=1e-12)
    np.testing.assert_allclose(
        exact.log_unnormalized(model, cube(D)), -plain.free_energy(cube(D), W, a, b), rtol=1e-12
    )


def test_a_mean_field_sweep_of_two_hidden_layers_is_the_plain_one(rng):
    model = dbm(rng, (5, 4, 3))
    (W1, W2), (_, b1, b2) = model.weights, model.biases
    mu2 = rng.random((3, 3))
    found = sweep(model, [ROWS, rng.random((3, 4)), mu2], clamped=0)
    expected = plain.mean_field_sweep(ROWS, mu2, W1, W2, b1, b2)
    np.testing.assert_allclose(found[1], expected[0], rtol=1e-13)
    np.testing.assert_allclose(found[2], expected[1], rtol=1e-13)


def test_a_free_energy_is_the_plain_one(model):
    np.testing.assert_allclose(
        model.free_energy(ROWS), plain.free_energy(ROWS, *parts(model)), rtol=1e-13
    )
