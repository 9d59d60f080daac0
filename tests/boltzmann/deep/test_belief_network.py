"""The model of a deep belief network against sums over every hidden state (T8)."""

import numpy as np
import pytest
from belief_networks import SHAPES, belief_network, log_p, pair
from small_machines import cube

from scratchnet.backend import RNG, float64
from scratchnet.boltzmann import Bernoulli, EnergyModel, Labelled, ais, exact
from scratchnet.boltzmann.deep.belief_network import BeliefNetwork
from scratchnet.boltzmann.deep.up_down import delta_rule, up_down
from scratchnet.boltzmann.learning.optimizer import LikelihoodOptimizer
from scratchnet.boltzmann.machine.gibbs import gibbs
from scratchnet.numerics import sigmoid

each_shape = pytest.mark.parametrize("sizes", SHAPES, ids=lambda s: "-".join(map(str, s)))


@pytest.fixture(autouse=True)
def in_double_precision():
    with float64():
        yield


def paths(belief, v):
    """Every state of h_1 ... h_{L-1} beside the one row v, as layers."""
    sizes = [len(r) for _, r in belief.recognition]
    states = cube(sum(sizes))
    h = np.split(states, np.cumsum(sizes)[:-1], axis=1) if sizes else []
    return [np.repeat(v[None], len(states), axis=0), *h]


# --------------------------------------------------------------------------- the model (T8)


@each_shape
@pytest.mark.parametrize("K", [0, 3])
def test_its_probability_is_the_sum_over_all_hidden_states(sizes, K, rng):
    belief = belief_network(rng, sizes, K)
    found = belief.log_likelihood(cube(4))
    np.testing.assert_allclose(np.exp(found).sum(), 1)
    for v, value in zip(cube(4)[::5], found[::5], strict=True):
        layers = paths(belief, v)
        log_joint = sum(
            log_p(below, above @ G + g)
            for below, above, (G, g) in zip(layers, layers[1:], belief.generative, strict=False)
        )
        labels = np.eye(K) if K else [np.zeros(0)]
        tops = [np.hstack([layers[-1], np.tile(k, (len(layers[-1]), 1))]) for k in labels]
        top = sum(np.exp(exact.log_likelihood(belief.top, seen)) for seen in tops)
        np.testing.assert_allclose(value, np.log((np.exp(log_joint) * top).sum()), atol=1e-12)


def test_a_top_that_starts_as_the_transpose_leaves_the_probability_of_v_as_it_was(rng):
    rbm = pair(rng, 5, 3)
    W, (a, b) = rbm.weights[0], rbm.biases
    flipped = EnergyModel(rbm.units, [W.T], [b, a])
    deep, v = BeliefNetwork.stacked([rbm, flipped]), cube(5)
    np.testing.assert_allclose(deep.log_likelihood(v), exact.log_likelihood(rbm, v), atol=1e-12)

    deep.top.weights[0] += 0.1  # and any other top does not
    assert abs(deep.log_likelihood(v) - exact.log_likelihood(rbm, v)).max() > 0.01
    np.testing.assert_array_equal(deep.recognition[0][0], rbm.weights[0])


@each_shape
@pytest.mark.parametrize("K", [0, 3])
def test_the_bound_is_below_the_truth_and_the_weights_average_to_it(sizes, K, rng):
    belief = belief_network(rng, sizes, K)
    log_z = exact.log_partition(belief.top)
    for v, truth in zip(cube(4), belief.log_likelihood(cube(4)), strict=True):
        layers = paths(belief, v)
        log_q = sum(
            log_p(above, below @ R + r)
            for below, above, (R, r) in zip(layers, layers[1:], belief.recognition, strict=False)
        )
        q, log_w = np.exp(log_q) * np.ones(len(layers[0])), belief.log_weight(layers) - log_z
        np.testing.assert_allclose(q.sum(), 1)
        assert q @ log_w <= truth + 1e-12
        np.testing.assert_allclose(np.log(q @ np.exp(log_w)), truth, atol=1e-12)


def test_the_bound_of_a_transposed_top_is_the_truth(rng):
    """There q is the true posterior, and the bound has no gap: where greedy training starts."""
    rbm = pair(rng, 4, 3)
    deep = BeliefNetwork.stacked(
        [rbm, EnergyModel(rbm.units, [rbm.weights[0].T], rbm.biases[::-1])]
    )
    v = cube(4)
    log_w = deep.log_weight(deep.draw_up(v, RNG(0))) - exact.log_partition(deep.top)
    np.testing.assert_allclose(log_w, deep.log_likelihood(v), atol=1e-12)


# ------------------------------------------------------------------------------ up-down (T8)


def test_the_wake_update_is_the_gradient_of_how_well_the_layer_below_is_explained(rng):
    x, y = (rng.random((6, 3)) < 0.5).astype(float), (rng.random((6, 4)) < 0.5).astype(float)
    W, b = rng.standard_normal((3, 4)), rng.standard_normal(4)
    dW, db = delta_rule(x, y, W, b)
    for array, gradient in ((W, dW), (b, db)):
        for at in np.ndindex(array.shape):
            array[at] += 1e-6
            high = log_p(y, x @ W + b).mean()
            array[at] -= 2e-6
            low = log_p(y, x @ W + b).mean()
            array[at] += 1e-6
            np.testing.assert_allclose(gradient[at], (high - low) / 2e-6, atol=1e-7)


def test_up_down_moves_each_part_as_its_phase_says(rng):
    belief, v = belief_network(rng, (4, 3, 2), K=2), cube(4)
    labels = np.eye(2)[np.arange(16) % 2]
    was = belief_network(np.random.default_rng(0), (4, 3, 2), K=2)
    was.recognition, was.generative = (
        [(W.copy(), b.copy()) for W, b in part] for part in (belief.recognition, belief.generative)
    )
    was.top = belief.top.map_arrays(lambda a: a.copy())
    up_down(belief, v, RNG(3), LikelihoodOptimizer(), 0.1, 2, labels)

    again = RNG(3)  # the same draws in the same order
    wake = was.draw_up(v, again)
    seen = np.hstack([wake[-1], labels])
    h = was.top.mean(1, [seen, None])
    start = [seen, Bernoulli().sample(h, again)]
    dream, expected = gibbs(was.top, start, 2, again)
    assert (dream[0][:, -2:].sum(axis=1) == 1).all()  # one label each
    sleep, _ = was.draw_down(dream[0][:, :-2], again)
    (R, r), (G, g) = was.recognition[0], was.generative[0]
    dG = wake[1].T @ (v - sigmoid(wake[1] @ G + g)) / 16
    dR = sleep[0].T @ (sleep[1] - sigmoid(sleep[0] @ R + r)) / 16
    dW = seen.T @ h / 16 - expected[0].T @ expected[1] / 16
    np.testing.assert_allclose(belief.generative[0][0] - G, 0.1 * dG, atol=1e-12)
    np.testing.assert_allclose(belief.recognition[0][0] - R, 0.1 * dR, atol=1e-12)
    np.testing.assert_allclose(belief.top.weights[0] - was.top.weights[0], 0.1 * dW, atol=1e-12)


# --------------------------------------------------------------------------- bits and a label


def test_a_layer_of_bits_and_a_label_has_its_states_and_its_sums(rng):
    unit, f, b = Labelled(3), rng.standard_normal((5, 6)), rng.standard_normal(6)
    states = unit.states(np.arange(unit.count(6)), 6)
    assert len(np.unique(states, axis=0)) == unit.count(6) == 24
    assert (states[:, 3:].sum(axis=1) == 1).all()
    weights = np.exp(states @ f.T)  # (states, 5)
    np.testing.assert_allclose(unit.log_normalizer(f, b), np.log(weights.sum(axis=0)))
    np.testing.assert_allclose(unit.mean(f), (weights / weights.sum(axis=0)).T @ states)
    draws = unit.sample(np.repeat(unit.mean(f[:1]), 20_000, axis=0), RNG(0))
    assert (draws[:, 3:].sum(axis=1) == 1).all()
    np.testing.assert_allclose(draws.mean(axis=0), unit.mean(f)[0], atol=0.02)


@pytest.mark.parametrize("n_temperatures", [1, 3])
def test_the_mean_weight_is_unbiased_with_a_label_too(n_temperatures, rng):
    top = pair(rng, 5, 3, Labelled(2))
    base = [rng.standard_normal(5), None]
    estimate = ais(top, RNG(1), n_temperatures, 60_000, base)
    w = np.exp(estimate.log_weights - exact.log_partition(top))
    assert abs(w.mean() - 1) < 5 * w.std() / 60_000**0.5 < 0.2
