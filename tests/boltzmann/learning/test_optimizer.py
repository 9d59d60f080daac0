"""The update of the parameters: centering (T10), weight decay, momentum and sparsity."""

import numpy as np
import pytest
from small_machines import ROWS, D, cube, dbm, rbm

from scratchnet.boltzmann import EnergyModel, Gaussian, exact
from scratchnet.boltzmann.learning.optimizer import LikelihoodOptimizer, check_finite
from scratchnet.training import TrainingDiverged


def stepped(model, v, **options):
    """A copy of the model after one exact step."""
    model = model.map_arrays(np.copy)
    gradient = exact.gradient(model, v)
    LikelihoodOptimizer(**options).step(model, exact.data_statistics(model, v), gradient, 0.3)
    return model


def test_a_centered_step_is_a_step_of_the_centered_energy(rng):
    """T10, from E = -a_c v - b_c h - (v - mu) W (h - lambda) written out."""
    model = rbm(rng)
    W, (a, b) = model.weights[0], model.biases
    mean_h = model.mean(1, [ROWS, None])
    mu, lam = ROWS.mean(axis=0), mean_h.mean(axis=0)
    v, h, _, _, p = exact.conditionals(model)
    a_c, b_c = a + W @ lam, b + mu @ W  # the same model, centered
    E = -(v @ a_c)[:, None] - h @ b_c - (v - mu) @ W @ (h - lam).T
    joint = np.exp(-E) / np.exp(-E).sum()
    np.testing.assert_allclose(joint.sum(axis=1), p, atol=1e-14)

    gW = (ROWS - mu).T @ (mean_h - lam) / len(ROWS) - (v - mu).T @ joint @ (h - lam)
    ga = mu - joint.sum(axis=1) @ v
    gb = lam - joint.sum(axis=0) @ h
    W_c = W + 0.3 * gW
    ours = stepped(model, ROWS, center=True)
    np.testing.assert_allclose(ours.weights[0], W_c, atol=1e-12)
    np.testing.assert_allclose(ours.biases[0], a_c + 0.3 * ga - W_c @ lam, atol=1e-12)
    np.testing.assert_allclose(ours.biases[1], b_c + 0.3 * gb - mu @ W_c, atol=1e-12)


def flipped(model):
    """The model of 1 - v: W -> -W, a -> -a, b -> b + sum W."""
    W, (a, b) = model.weights[0], model.biases
    return EnergyModel(model.units, [-W], [-a, b + W.sum(axis=0)])


@pytest.mark.parametrize("center", [True, False])
def test_only_a_centered_step_is_the_same_for_data_and_flipped_data(center, rng):
    model = rbm(rng)
    ours = exact.log_likelihood(stepped(model, ROWS, center=center), cube(D))
    other = stepped(flipped(model), 1 - ROWS, center=center)
    theirs = exact.log_likelihood(other, 1 - cube(D))
    assert np.allclose(ours, theirs, atol=1e-10) == center


def test_weight_decay_acts_on_weights_and_not_on_biases(rng):
    for model in (rbm(rng), dbm(rng)):
        zeros = {name: 0 * array for name, array in model.parameters().items()}
        before = model.map_arrays(np.copy)
        LikelihoodOptimizer(weight_decay=0.1).step(model, zeros, zeros, 0.5)
        for ours, theirs in zip(model.weights, before.weights, strict=True):
            np.testing.assert_allclose(ours, 0.95 * theirs)
        for ours, theirs in zip(model.biases, before.biases, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_momentum_multiplies_a_constant_gradient_by_1_over_1_minus_momentum(rng):
    model = rbm(rng)
    gradient = {name: np.ones_like(array) for name, array in model.parameters().items()}
    optimizer = LikelihoodOptimizer(momentum=0.9)
    for _ in range(300):
        before = model.weights[0].copy()
        optimizer.step(model, gradient, gradient, 0.01)
    np.testing.assert_allclose(model.weights[0] - before, 0.01 / (1 - 0.9))


def test_a_sparsity_target_makes_units_rarely_active(rng):
    model = rbm(rng, scale=0.1)
    optimizer = LikelihoodOptimizer(sparsity=0.05, sparsity_cost=1.0)
    for _ in range(400):
        data = exact.data_statistics(model, cube(D))
        optimizer.step(model, data, {name: 0 * s for name, s in data.items()}, 0.5)
    np.testing.assert_allclose(data["b1"], 0.05, atol=0.01)


def test_a_learned_sigma_is_kept_within_its_bounds(rng):
    model = rbm(rng, Gaussian(D, 0.7, learned=True, bounds=(0.5, 1.0)))
    change = {name: np.full(array.shape, 9.0) for name, array in model.parameters().items()}
    LikelihoodOptimizer().step(model, change, change, 1.0)
    np.testing.assert_allclose(model.units[0].variance, 1.0)


@pytest.mark.parametrize(
    "option, words",
    [
        (dict(momentum=1), "momentum < 1"),
        (dict(weight_decay=-1), "weight_decay >= 0"),
        (dict(sparsity=2), "sparsity < 1"),
        (dict(sparsity_cost=-1), "sparsity_cost >= 0"),
    ],
)
def test_an_option_out_of_its_range_raises(option, words):
    with pytest.raises(ValueError, match=words):
        LikelihoodOptimizer(**option)


def test_numbers_that_are_not_finite_raise():
    check_finite("RBM", [np.ones(3), np.zeros((2, 2))], 0.1)
    for number in (np.nan, np.inf, -np.inf):
        with pytest.raises(TrainingDiverged, match=r"RBM.*lower the .*\(learning_rate=0.1\)"):
            check_finite("RBM", [np.ones(3), np.array([[1.0, number]])], 0.1)
