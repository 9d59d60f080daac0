"""Trainers against enumeration: T4, T5 and T14."""

import types

import numpy as np
import pytest
from small_machines import ROWS, largest, phases, rbm

from scratchnet.backend import RNG, float64, parity, to_device, use_device
from scratchnet.boltzmann import (
    CD,
    PCD,
    Bernoulli,
    EnergyModel,
    Exact,
    FastPCD,
    ParallelTempering,
    check_gradient,
    exact,
)
from scratchnet.boltzmann.learning.optimizer import LikelihoodOptimizer
from scratchnet.boltzmann.learning.trainers import make_trainer


@pytest.mark.parametrize("k", [1, 2])
def test_sampled_cd_has_the_mean_that_enumeration_expects(k, rng):
    """T4. Compared with its own mean, not with the gradient of the likelihood: CD is biased."""
    network, n = rbm(rng), 200_000
    data = phases(network, np.tile(ROWS, (n // 3, 1)))
    negative = CD(k).model_statistics(network, data, RNG(0))
    positive = exact.data_statistics(network, ROWS)
    ours = {name: positive[name] - s for name, s in negative.items()}
    noise = 5 * 0.5 / np.sqrt(n)
    assert largest(ours, exact.expected_cd_gradient(network, ROWS, k)) < noise
    assert largest(ours, exact.gradient(network, ROWS)) > 3 * noise


def test_the_bias_of_cd_falls_with_k(rng):
    network = rbm(rng)
    truth = exact.gradient(network, ROWS)
    bias = [largest(exact.expected_cd_gradient(network, ROWS, k), truth) for k in (1, 2, 5, 20)]
    assert bias == sorted(bias, reverse=True) and bias[-1] < 0.05 * bias[0]


def test_probabilities_in_place_of_visible_samples_change_the_expectation(rng):
    network, n = rbm(rng), 200_000
    data = phases(network, np.tile(ROWS, (n // 3, 1)))
    sampled, meant = (CD(1, m).model_statistics(network, data, RNG(0)) for m in (False, True))
    assert largest(sampled, meant) > 0.005


@pytest.mark.parametrize("trainer", [PCD(), FastPCD(), ParallelTempering()], ids=type)
def test_a_perfect_model_does_not_drift(trainer, rng):
    """T5. Particles that have the model's distribution keep it: the gradient's mean is zero."""
    network, n = rbm(rng), 100_000
    v, *_, p = exact.conditionals(network)
    rows = v[rng.choice(len(p), n, p=p)]
    h = network.units[1].sample(network.mean(1, [rows, None]), RNG(1))
    trainer.n_chains = n
    if isinstance(trainer, ParallelTempering):
        trainer.betas, trainer.M = [1.0, 1.0], 2  # all alike: every swap is accepted
    trainer.particles = [rows, h]
    ours = trainer.model_statistics(network, None, RNG(2))
    assert largest(ours, exact.model_statistics(network)) < 5 * 0.5 / np.sqrt(n)


def test_swaps_leave_each_temperature_its_distribution(rng):
    """T5 of tempered chains that begin where they belong: exp(-beta E)."""
    network, n = rbm(rng), 50_000
    trainer, rows, hidden = ParallelTempering(1, n, 3, 0.2), [], []
    for beta in trainer.betas:
        tempered = network.map_arrays(lambda a, beta=beta: beta * a)
        v, *_, p = exact.conditionals(tempered)
        rows.append(v[rng.choice(len(p), n, p=p)])
        hidden.append(tempered.units[1].sample(tempered.mean(1, [rows[-1], None]), RNG(1)))
    trainer.particles = [np.concatenate(rows), np.concatenate(hidden)]
    for turn in range(2):
        ours = trainer.model_statistics(network, None, RNG(2 + turn))
        assert largest(ours, exact.model_statistics(network)) < 5 * 0.5 / np.sqrt(n)


def two_valleys(n=6, height=4.0):
    """All visible units 0 or all 1, equally probable, and hardly anything between."""
    W, a = np.full((n, 2), height), np.full(n, -height)
    return EnergyModel([Bernoulli()] * 2, [W], [a, np.full(2, -height * n / 2)])


def mean_after(trainer, network, sweeps):
    for seed in range(sweeps):
        statistics = trainer.model_statistics(network, None, RNG(seed))
    return statistics["b0"].mean()


def test_tempered_chains_cross_the_valley_that_holds_a_cold_one():
    network = two_valleys()
    cold, hot = PCD(1, 500), ParallelTempering(1, 500, 6, 0.1)
    zeros = [np.zeros((500, 6)), np.zeros((500, 2))]
    cold.particles, hot.particles = zeros, zeros
    assert mean_after(cold, network, 60) < 0.1
    assert mean_after(hot, network, 60) == pytest.approx(0.5, abs=0.1)


def test_the_exact_trainer_gives_the_models_statistics(rng):
    network = rbm(rng, dtype="float32")
    ours = Exact().model_statistics(network, None, RNG(0))
    assert largest(ours, exact.model_statistics(network)) < 1e-6
    assert {s.dtype for s in ours.values()} == {np.dtype("float32")}


def test_fast_weights_follow_the_gradient_decay_and_move_only_the_chains(rng):
    network = rbm(rng)
    still, fast = PCD(2, 50), FastPCD(2, 50, fast_rate=0.5, decay=0.9)
    same = [t.model_statistics(network, None, RNG(1)) for t in (still, fast)]
    assert largest(*same) == 0  # no fast weights yet
    before = {name: array.copy() for name, array in network.parameters().items()}
    g = {name: rng.standard_normal(array.shape) for name, array in before.items()}
    fast.learn(g)
    fast.learn(g)
    np.testing.assert_allclose(fast.fast["W1"], (0.9 * 0.5 + 0.5) * g["W1"])
    other = [t.model_statistics(network, None, RNG(2)) for t in (still, fast)]
    assert largest(*other) > 0.01
    assert largest(network.parameters(), before) == 0


def test_trainers_have_names_and_a_given_one_is_copied():
    assert isinstance(make_trainer("pt", k=2), ParallelTempering)
    mine = PCD(3, 7)
    mine.particles = [np.zeros(2)]
    theirs = make_trainer(mine)
    assert theirs.k == 3 and theirs.particles is not mine.particles
    with pytest.raises(ValueError, match="did you mean 'pcd'"):
        make_trainer("pdc")


# ------------------------------------------------------------------------- precision and devices


def test_float32_and_float64_agree_on_the_same_random_numbers(rng):
    """T14."""
    numbers = rng.random((40, 3, 5))

    def step(dtype):
        draws = iter(numbers)

        def uniform(like):
            return next(draws)[: like.shape[0], : like.shape[1]].astype(like.dtype)

        network = rbm(np.random.default_rng(0), dtype=dtype)
        data = phases(network, ROWS.astype(dtype))
        positive = network.statistics(data)
        stub = types.SimpleNamespace(uniform=uniform)
        negative = CD(3).model_statistics(network, data, stub)
        gradient = {name: s - negative[name] for name, s in positive.items()}
        LikelihoodOptimizer(momentum=0.5, weight_decay=0.01, center=True).step(
            network, positive, gradient, 0.1
        )
        return network.parameters()

    single, double = step("float32"), step("float64")
    assert {array.dtype for array in single.values()} == {np.dtype("float32")}
    assert largest(single, double) < 1e-5


@pytest.mark.parametrize("name", ["cd", "pcd", "fpcd", "pt", "exact"])
def test_every_trainer_takes_the_same_step_on_every_device(name, xp):
    def step():
        network = rbm(np.random.default_rng(0))
        data, rng = phases(network, to_device(ROWS, "float64")), RNG(0)
        trainer, ascent = make_trainer(name, 2, 10), LikelihoodOptimizer(0.5, 0.01, True, 0.1)
        for _ in range(3):
            positive = network.statistics(data)
            negative = trainer.model_statistics(network, data, rng)
            gradient = {n: s - negative[n] for n, s in positive.items()}
            ascent.step(network, positive, gradient, 0.1)
            trainer.learn(gradient)
        return network.parameters()

    with parity(), float64():
        ours = step()
        with use_device("cpu"):
            expected = step()
    assert all(isinstance(array, xp.ndarray) for array in ours.values())
    assert largest(ours, expected) < 1e-10


def test_the_public_check_finds_a_wrong_gradient(rng, monkeypatch):
    network = rbm(rng)
    report = check_gradient(network, ROWS)
    assert report.ok and "all gradients agree" in str(report)
    right = exact.gradient

    def wrong(network, v):  # the visible bias forgets its negative phase
        return right(network, v) | {"b0": exact.data_statistics(network, v)["b0"]}

    monkeypatch.setattr(exact, "gradient", wrong)
    report = check_gradient(network, ROWS, samples=3)
    assert [row.verdict for row in report.rows] == ["ok", "WRONG", "ok"]
