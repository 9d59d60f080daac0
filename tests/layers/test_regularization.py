"""Noise, dropout, a penalty on activity, and the running statistics of BatchNormalization."""

import numpy as np
import pytest
from cases import bits, built, run
from numpy.testing import assert_allclose

from scratchnet.backend import RNG
from scratchnet.layers import (
    ActivityRegularization,
    BatchNormalization,
    Dropout,
    GaussianNoise,
    Sequential,
    Tanh,
)

noisy = pytest.mark.parametrize("kind", [Dropout, GaussianNoise])
MANY = 100_000  # a share of 0.3 among so many is off by at most 0.006 (four standard errors)


def trained_on(layer, x, seed=1):
    """The output for x in training, of a layer with this seed."""
    layer.set_rng(RNG(seed))
    return layer.forward(x, train=True)[0]


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_zeroes_its_share_and_keeps_the_mean(rate):
    y = trained_on(built(Dropout(rate), (MANY,)), np.ones((1, MANY), "float32"))
    assert abs((y == 0).mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / MANY)
    assert_allclose(y[y != 0], 1 / (1 - rate), rtol=1e-6)
    assert abs(y.mean() - 1) < 4 * np.sqrt(rate / (1 - rate) / MANY)


def test_dropout_sends_gradients_through_the_places_it_kept(rng):
    layer, x = built(Dropout(0.4)), np.ones((40, 4), "float32")
    dy = rng.standard_normal(x.shape).astype("float32")
    y, _, dx, _ = run(layer, x, dy, train=True)
    assert_allclose(dx, dy * y, rtol=1e-6)  # for x = 1, y is the mask over 1 - rate


def test_gaussian_noise_has_mean_zero_and_the_promised_deviation():
    x = np.full((1, MANY), 3, "float64")
    noise = trained_on(built(GaussianNoise(0.5), (MANY,)), x) - x
    assert abs(noise.mean()) < 4 * 0.5 / np.sqrt(MANY)
    assert_allclose(noise.std(), 0.5, rtol=4 / np.sqrt(2 * MANY))


@noisy
def test_equal_seeds_give_equal_noise_and_different_seeds_different(kind, rng):
    layer, x = built(kind(0.3)), rng.standard_normal((40, 4))
    assert bits(trained_on(layer, x, 1)) == bits(trained_on(layer, x, 1))
    assert bits(trained_on(layer, x, 1)) != bits(trained_on(layer, x, 2))


@noisy
def test_each_step_draws_anew(kind, rng):
    layer, x = built(kind(0.3)), rng.standard_normal((40, 4))
    assert bits(layer.forward(x, train=True)[0]) != bits(layer.forward(x, train=True)[0])


@noisy
def test_each_layer_of_a_model_draws_its_own(kind, rng):
    model, x = built(Sequential([kind(0.3), kind(0.3)])), rng.standard_normal((40, 4))
    first, second = (layer.forward(x, train=True)[0] for layer in model.layers)
    assert bits(first) != bits(second)


@noisy
def test_inference_is_the_identity_and_draws_nothing(kind, rng):
    layer, x = built(kind(0.3)), rng.standard_normal((40, 4))
    layer.rng = None
    y, _, dx, _ = run(layer, x, x, train=False)
    assert bits(y) == bits(dx) == bits(x)


@noisy
def test_none_of_it_is_the_identity_in_training_too(kind, rng):
    x = rng.standard_normal((40, 4))
    y, _, dx, _ = run(built(kind(0)), x, x, train=True)
    assert bits(y) == bits(dx) == bits(x)


PENALTIES = {"mean": (0.1 * 10 + 0.5 * 30) / 2, "sum": 0.1 * 10 + 0.5 * 30}
X = np.array([[1.0, -2.0], [-3.0, 4.0]])  # sum of abs(x) 10, of squares 30, two samples


@pytest.mark.parametrize("reduction", PENALTIES)
def test_the_penalty_on_activity_and_its_gradient(reduction):
    layer, n = ActivityRegularization(0.1, 0.5, reduction), 2 if reduction == "mean" else 1
    y, cache, dx, _ = run(layer, X, np.zeros_like(X))
    assert bits(y) == bits(X)
    assert_allclose(layer.penalty(cache), PENALTIES[reduction], rtol=1e-12)
    assert_allclose(dx, (0.1 * np.sign(X) + 2 * 0.5 * X) / n, rtol=1e-12)


@pytest.mark.parametrize(("reduction", "factor"), [("mean", 1), ("sum", 2)])
def test_twice_the_batch_costs_the_same_on_average_and_double_in_the_sum(reduction, factor):
    layer = ActivityRegularization(0.1, 0.5, reduction)
    of_one, of_both = (layer.penalty(layer.forward(x)[1]) for x in (X, np.concatenate([X, X])))
    assert_allclose(of_both, factor * of_one, rtol=1e-12)


def test_a_model_adds_the_penalties_of_its_layers_and_of_each_use():
    layer = ActivityRegularization(0.1, 0.5, "sum")
    model = built(Sequential([layer, Sequential([Tanh(), layer])]), (2,))
    _, cache = model.forward(X)
    by_hand = sum(0.1 * np.abs(a).sum() + 0.5 * (a * a).sum() for a in (X, np.tanh(X)))
    assert_allclose(model.penalty(cache), by_hand, rtol=1e-12)


def test_batch_statistics_are_per_channel(rng):
    """(12) Of images (N, H, W, C) there are C means, not H * W * C."""
    layer, x = built(BatchNormalization(), (4, 5, 3)), rng.normal(2, 3, (6, 4, 5, 3))
    layer = layer.astype("float64")
    arrays = layer.named_parameters() | layer.named_state()
    assert {path: a.shape for path, a in arrays.items()} == {
        name: (3,) for name in ("gamma", "beta", "moving_mean", "moving_variance")
    }
    y, _ = layer.forward(x, train=True)
    assert_allclose(y.mean(axis=(0, 1, 2)), 0, atol=1e-14)
    var = x.var(axis=(0, 1, 2))
    assert_allclose(y.var(axis=(0, 1, 2)), var / (var + layer.epsilon), rtol=1e-12)


def test_running_averages_change_in_update_running_stats_only(rng):
    model = built(Sequential([BatchNormalization(momentum=0.9)]), (3,)).astype("float64")
    x, start = rng.normal(2, 3, (8, 3)), bits(model.named_state())
    for train in (True, False):
        _, cache = model.forward(x, train)
        assert bits(model.named_state()) == start
    model.update_running_stats(cache)
    assert bits(model.named_state()) == start  # inference changes nothing
    model.update_running_stats(model.forward(x, train=True)[1])
    mean, variance = model.named_state().values()
    assert_allclose(mean, 0.1 * x.mean(axis=0), rtol=1e-12)
    assert_allclose(variance, 0.9 + 0.1 * x.var(axis=0), rtol=1e-12)


def test_inference_uses_the_running_statistics(rng):
    """(13)"""
    layer = built(BatchNormalization(epsilon=1e-3), (3,)).astype("float64")
    mean, variance = layer.state.values()
    mean[:], variance[:] = [1, 2, 3], [4, 5, 6]
    x = rng.standard_normal((2, 3))
    assert_allclose(layer(x), (x - [1, 2, 3]) / np.sqrt(np.array([4, 5, 6]) + 1e-3), rtol=1e-12)


def test_a_constant_channel_and_a_batch_of_one_give_beta():
    layer = built(BatchNormalization(), (2,))
    layer.beta = np.array([5, 7], "float32")
    y, _ = layer.forward(np.array([[100, -100]], "float32"), train=True)
    assert y.tolist() == [[5, 7]]
