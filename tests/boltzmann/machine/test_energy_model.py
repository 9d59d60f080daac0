"""Energies, conditional means and free energies against the formulas and enumeration."""

import numpy as np
import pytest
from small_machines import D, H, cube, dbm, joint, rbm

from scratchnet.boltzmann import Bernoulli, EnergyModel

SHAPES = [(5, 4, 3), (4, 3, 3, 2), (4, 2, 3, 2, 2)]
each_shape = pytest.mark.parametrize("sizes", SHAPES, ids=lambda s: "-".join(map(str, s)))


def test_the_energy_is_the_formula(rng):
    model = dbm(rng)
    layers = [cube(len(b))[-2:-1] for b in model.biases]
    expected = -sum(float(h[0] @ b) for h, b in zip(layers, model.biases, strict=True))
    for h, W, k in zip(layers, model.weights, layers[1:], strict=False):
        expected -= (h @ W @ k.T).item()
    assert model.energy(layers).item() == pytest.approx(expected, abs=1e-12)


def test_the_free_energy_is_minus_the_log_of_the_sum_over_hidden_states(rng):
    model = rbm(rng)
    for v in cube(D):
        E = model.energy([np.repeat(v[None], 2**H, axis=0), cube(H)])
        ours = model.free_energy(v[None])
        np.testing.assert_allclose(ours, -np.log(np.exp(-E).sum()), atol=1e-12)


def test_a_free_energy_of_a_dbm_raises(rng):
    with pytest.raises(ValueError, match="free_energy expects an RBM, got EnergyModel.4-3-3-2"):
        dbm(rng).free_energy(cube(4))


def test_an_inner_layer_gets_input_from_both_neighbours(rng):
    model = dbm(rng)
    layers, weights = joint(model)
    v, h2 = np.array([1.0, 0, 1, 1]), np.array([0.0, 1, 1])
    match = (layers[0] == v).all(axis=1) & (layers[2] == h2).all(axis=1)
    expected = (weights[match][:, None] * layers[1][match]).sum(axis=0) / weights[match].sum()
    ours = model.mean(1, [v[None], None, h2[None], None])[0]
    np.testing.assert_allclose(ours, expected, atol=1e-12)


@each_shape
def test_the_mean_of_each_layer_given_the_others_is_that_of_enumeration(sizes, rng):
    model = dbm(rng, sizes)
    layers, weights = joint(model)
    others = [(rng.random((1, n)) < 0.5).astype(float) for n in sizes]
    for i in range(len(sizes)):
        match = np.ones(len(weights), bool)  # where all layers but i are as in others
        for j, h in enumerate(others):
            match &= (j == i) | (layers[j] == h).all(axis=1)
        mean = weights[match] @ layers[i][match] / weights[match].sum()
        np.testing.assert_allclose(model.mean(i, others)[0], mean, atol=1e-12)


def test_weights_and_biases_that_do_not_fit_raise():
    with pytest.raises(ValueError, match="expects weights"):
        EnergyModel([Bernoulli()] * 2, [np.zeros((3, 4))], [np.zeros(4), np.zeros(3)])
