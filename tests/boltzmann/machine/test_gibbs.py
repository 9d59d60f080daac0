"""Gibbs samples against the exact distribution (T12): all types of units, clamps, temperatures."""

import math

import numpy as np
import pytest
from small_machines import MODELS, D, H, dbm, draw, rbm

from scratchnet.backend import RNG, float64, to_device, to_numpy
from scratchnet.boltzmann import EnergyModel, exact
from scratchnet.boltzmann.machine.gibbs import ODD, gibbs, half_sweep


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_gibbs_samples_have_the_distribution_of_the_model(make, rng, xp):
    """T12: many independent chains, of every type of units, on every device."""
    with float64():
        model = make(rng).map_arrays(to_device)
        model.weights[0] *= 0.4  # so that the chain mixes fast
        n = 20_000
        layers = [to_device(rng.integers(0, 2, (n, len(b))), "float64") for b in model.biases]
        _, means = gibbs(model, layers, 30, RNG(1))
    ours = {name: to_numpy(s) for name, s in model.statistics(means).items()}
    expected = {name: to_numpy(s) for name, s in exact.model_statistics(model).items()}
    for name, s in expected.items():
        np.testing.assert_allclose(ours[name], s, atol=0.05 * max(1, np.abs(s).max()))


def chi_square(counts, p, n):
    """A sum of squares that is about N(dof, 2 dof), in units of its standard deviation."""
    dof = len(p) - 1
    return (((counts - n * p) ** 2 / (n * p)).sum() - dof) / math.sqrt(2 * dof)


def test_a_hundred_thousand_samples_pass_a_chi_square_test(rng):
    model = rbm(rng)
    model.weights[0] *= 0.5  # so that the chain mixes fast
    *_, p = exact.conditionals(model)
    n = 100_000
    samples, _ = gibbs(model, [None, draw(rng, n, H) > 0], 25, RNG(3))
    code = (samples[0] @ 2 ** np.arange(D)).astype(int)
    assert abs(chi_square(np.bincount(code, minlength=2**D), p, n)) < 4
    uniform = np.full(2**D, 2.0**-D)
    assert chi_square(np.bincount(code, minlength=2**D), uniform, n) > 100


def test_a_clamped_entry_keeps_its_value_and_the_others_follow_it(rng):
    model = rbm(rng)
    v, _, _, _, p = exact.conditionals(model)
    fixed, values = np.arange(D) < 2, np.array([1.0, 0, 0, 0, 0])
    n = 40_000
    start = np.repeat(values[None], n, axis=0)
    layers, _ = half_sweep(model, [start, None], ODD, RNG(0))
    samples, _ = gibbs(model, layers, 30, RNG(1), clamp={0: (fixed, values)})
    assert (samples[0][:, :2] == [1, 0]).all()
    match = (v[:, :2] == [1, 0]).all(axis=1)
    expected = (p[match][:, None] * v[match]).sum(axis=0) / p[match].sum()
    np.testing.assert_allclose(samples[0].mean(axis=0), expected, atol=0.015)


def test_a_clamped_hidden_layer_is_clamped_in_samples_and_in_means(rng):
    model = dbm(rng)
    layers = [to_device(np.ones((2, len(b)))) for b in model.biases]
    values = np.array([1.0, 0])
    samples, means = gibbs(model, layers, 2, RNG(0), clamp={3: (True, values)})
    assert (samples[3] == values).all() and (means[3] == values).all()


def test_half_the_temperature_samples_the_squared_distribution(rng):
    model = rbm(rng)
    model.weights[0] *= 0.3
    doubled = EnergyModel(model.units, [2 * model.weights[0]], [2 * b for b in model.biases])
    layers = [None, np.ones((40_000, H))]
    samples, _ = gibbs(model, layers, 20, RNG(0), beta=2.0)
    expected = exact.model_statistics(doubled)["b0"]
    np.testing.assert_allclose(samples[0].mean(axis=0), expected, atol=0.015)


def test_sampling_does_not_change_its_arguments(rng):
    model = dbm(rng)
    layers = [draw(rng, 3, len(b)) for b in model.biases]
    for h in layers:
        h.flags.writeable = False
    gibbs(model, layers, 2, RNG(0))
