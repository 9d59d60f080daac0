"""Trainers and the step uphill, against the exact gradient: T4, T5, T9, T10 and T14."""

import itertools
import types

import numpy as np
import pytest

from scratchnet.backend import RNG, float64, parity, to_device, to_numpy, use_device
from scratchnet.boltzmann import (
    CD,
    PCD,
    Bernoulli,
    Exact,
    FastPCD,
    Network,
    ParallelTempering,
    Softmax,
    check_gradient,
    exact,
)
from scratchnet.boltzmann.ascent import Ascent
from scratchnet.boltzmann.trainers import make_trainer

D, H = 5, 4


def rbm(rng, scale=1.0, dtype="float64"):
    parts = [scale * rng.standard_normal(shape) for shape in ((D, H), (D,), (H,))]
    W, a, b = (to_device(part, dtype) for part in parts)
    return Network([Bernoulli()] * 2, [W], [a, b])


def cube(n):
    return np.array(list(itertools.product((0.0, 1.0), repeat=n)))


def phases(network, v):
    return [v, network.mean(1, [v, None])]


def largest(ours, expected):
    return max(np.abs(to_numpy(ours[n]) - to_numpy(expected[n])).max() for n in expected)


ROWS = np.array([[1.0, 0, 1, 1, 0], [0, 0, 1, 0, 1], [1, 1, 1, 0, 0]])


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


def two_valleys(n=6, height=4.0):
    """All visible units 0 or all 1, equally probable, and hardly anything between."""
    W, a = np.full((n, 2), height), np.full(n, -height)
    return Network([Bernoulli()] * 2, [W], [a, np.full(2, -height * n / 2)])


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


# ------------------------------------------------------------------------------ missing entries


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
    two = Network([Softmax(2), Bernoulli()], [W.reshape(-1, H)], [a.reshape(-1), b])
    biases = [a[:, 1] - a[:, 0], b + W[:, 0].sum(axis=0)]
    one = Network([Bernoulli()] * 2, [W[:, 1] - W[:, 0]], biases)
    v = cube(D)
    one_hot = np.stack([1 - v, v], axis=2).reshape(len(v), -1)
    ours, theirs = exact.log_likelihood(two, one_hot), exact.log_likelihood(one, v)
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_persistent_chains_refuse_a_mask():
    with pytest.raises(ValueError, match="no mask: use CD"):
        PCD().model_statistics(two_valleys(), None, RNG(0), {0: (True, 0.0)})


# ------------------------------------------------------------------------------- the step uphill


def stepped(network, v, **options):
    """One exact step of a copy of the network."""
    network = network.mapped(np.copy)
    gradient = exact.gradient(network, v)
    Ascent(**options).step(network, exact.data_statistics(network, v), gradient, 0.3)
    return network


def test_a_centered_step_is_a_step_of_the_centered_energy(rng):
    """T10, from E = -a_c v - b_c h - (v - mu) W (h - lambda) written out."""
    network = rbm(rng)
    W, (a, b) = network.weights[0], network.biases
    mean_h = network.mean(1, [ROWS, None])
    mu, lam = ROWS.mean(axis=0), mean_h.mean(axis=0)
    v, h, _, _, p = exact.conditionals(network)
    a_c, b_c = a + W @ lam, b + mu @ W  # the same model, centered
    E = -(v @ a_c)[:, None] - h @ b_c - (v - mu) @ W @ (h - lam).T
    joint = np.exp(-E) / np.exp(-E).sum()
    np.testing.assert_allclose(joint.sum(axis=1), p, atol=1e-14)

    gW = (ROWS - mu).T @ (mean_h - lam) / len(ROWS) - (v - mu).T @ joint @ (h - lam)
    ga = mu - joint.sum(axis=1) @ v
    gb = lam - joint.sum(axis=0) @ h
    W_c = W + 0.3 * gW
    ours = stepped(network, ROWS, center=True)
    np.testing.assert_allclose(ours.weights[0], W_c, atol=1e-12)
    np.testing.assert_allclose(ours.biases[0], a_c + 0.3 * ga - W_c @ lam, atol=1e-12)
    np.testing.assert_allclose(ours.biases[1], b_c + 0.3 * gb - mu @ W_c, atol=1e-12)


def flipped(network):
    """The model of 1 - v: W -> -W, a -> -a, b -> b + sum W."""
    W, (a, b) = network.weights[0], network.biases
    return Network(network.units, [-W], [-a, b + W.sum(axis=0)])


@pytest.mark.parametrize("center", [True, False])
def test_only_a_centered_step_does_not_care_what_is_called_one(center, rng):
    network = rbm(rng)
    ours = exact.log_likelihood(stepped(network, ROWS, center=center), cube(D))
    other = stepped(flipped(network), 1 - ROWS, center=center)
    theirs = exact.log_likelihood(other, 1 - cube(D))
    assert np.allclose(ours, theirs, atol=1e-10) == center


def test_decay_pulls_at_weights_and_not_at_biases(rng):
    network = rbm(rng)
    nothing = {name: 0 * array for name, array in network.parameters().items()}
    before = network.mapped(np.copy)
    Ascent(weight_decay=0.1).step(network, nothing, nothing, 0.5)
    np.testing.assert_allclose(network.weights[0], 0.95 * before.weights[0])
    for ours, theirs in zip(network.biases, before.biases, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_momentum_multiplies_a_steady_pull_by_one_over_one_minus_it(rng):
    network = rbm(rng)
    pull = {name: np.ones_like(array) for name, array in network.parameters().items()}
    ascent = Ascent(momentum=0.9)
    for _ in range(300):
        before = network.weights[0].copy()
        ascent.step(network, pull, pull, 0.01)
    np.testing.assert_allclose(network.weights[0] - before, 0.01 / (1 - 0.9))


def test_a_sparsity_target_makes_units_rarely_active(rng):
    network = rbm(rng, 0.1)
    ascent = Ascent(sparsity=0.05, sparsity_cost=1.0)
    for _ in range(400):
        data = exact.data_statistics(network, cube(D))
        ascent.step(network, data, {name: 0 * s for name, s in data.items()}, 0.5)
    np.testing.assert_allclose(data["b1"], 0.05, atol=0.01)


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
        Ascent(momentum=0.5, weight_decay=0.01, center=True).step(network, positive, gradient, 0.1)
        return network.parameters()

    single, double = step("float32"), step("float64")
    assert {array.dtype for array in single.values()} == {np.dtype("float32")}
    assert largest(single, double) < 1e-5


@pytest.mark.parametrize("name", ["cd", "pcd", "fpcd", "pt", "exact"])
def test_every_trainer_takes_the_same_step_on_every_device(name, xp):
    def step():
        network = rbm(np.random.default_rng(0))
        data, rng = phases(network, to_device(ROWS, "float64")), RNG(0)
        trainer, ascent = make_trainer(name, 2, 10), Ascent(0.5, 0.01, True, 0.1)
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
