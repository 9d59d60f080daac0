"""The up-down algorithm: its delta rule, and each part of one update (T8)."""

import numpy as np
import pytest
from belief_networks import belief_network, log_p
from small_machines import cube

from scratchnet.backend import RNG, float64
from scratchnet.boltzmann import Bernoulli
from scratchnet.boltzmann.deep.up_down import delta_rule, up_down
from scratchnet.boltzmann.learning.optimizer import LikelihoodOptimizer
from scratchnet.boltzmann.machine.gibbs import gibbs
from scratchnet.numerics import sigmoid


@pytest.fixture(autouse=True)
def in_double_precision():
    with float64():
        yield


def test_the_delta_rule_is_the_gradient_of_the_log_probability(rng):
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


def test_up_down_changes_each_part_by_the_gradient_of_its_phase(rng):
    network, v = belief_network(rng, (4, 3, 2), K=2), cube(4)
    labels = np.eye(2)[np.arange(16) % 2]
    before = belief_network(np.random.default_rng(0), (4, 3, 2), K=2)
    before.recognition, before.generative = (
        [(W.copy(), b.copy()) for W, b in part]
        for part in (network.recognition, network.generative)
    )
    before.top = network.top.map_arrays(lambda a: a.copy())
    up_down(network, v, RNG(3), LikelihoodOptimizer(), 0.1, 2, labels)

    again = RNG(3)  # the same draws in the same order
    wake = before.sample_up(v, again)
    visible = np.hstack([wake[-1], labels])
    h = before.top.mean(1, [visible, None])
    start = [visible, Bernoulli().sample(h, again)]
    samples, means = gibbs(before.top, start, 2, again)
    assert (samples[0][:, -2:].sum(axis=1) == 1).all()  # one label each
    sleep, _ = before.sample_down(samples[0][:, :-2], again)
    (R, r), (G, g) = before.recognition[0], before.generative[0]
    dG = wake[1].T @ (v - sigmoid(wake[1] @ G + g)) / 16
    dR = sleep[0].T @ (sleep[1] - sigmoid(sleep[0] @ R + r)) / 16
    dW = visible.T @ h / 16 - means[0].T @ means[1] / 16
    np.testing.assert_allclose(network.generative[0][0] - G, 0.1 * dG, atol=1e-12)
    np.testing.assert_allclose(network.recognition[0][0] - R, 0.1 * dR, atol=1e-12)
    np.testing.assert_allclose(network.top.weights[0] - before.top.weights[0], 0.1 * dW, atol=1e-12)
