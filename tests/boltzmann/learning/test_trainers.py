"""The negative phase of each trainer against enumeration: T4, T5, T9 and T14."""

import itertools
import types

import numpy as np
import pytest
from small_machines import ROWS, largest_difference, positive_phase, rbm

from scratchnet.backend import RNG, float64, parity, to_device, use_device
from scratchnet.boltzmann import (
    CD,
    PCD,
    Bernoulli,
    EnergyModel,
    Exact,
    FastPCD,
    ParallelTempering,
    exact,
)
from scratchnet.boltzmann.learning.optimizer import LikelihoodOptimizer
from scratchnet.boltzmann.learning.trainers import make_trainer


@pytest.mark.parametrize("k", [1, 2])
def test_sampled_cd_has_the_mean_that_enumeration_expects(k, rng):
    """T4. Compared with its own mean, not with the gradient of the likelihood: CD is biased."""
    model, n = rbm(rng), 200_000
    data = positive_phase(model, np.tile(ROWS, (n // 3, 1)))
    negative = CD(k).model_statistics(model, data, RNG(0))
    positive = exact.data_statistics(model, ROWS)
    ours = {name: positive[name] - s for name, s in negative.items()}
    noise = 5 * 0.5 / np.sqrt(n)
    assert largest_difference(ours, exact.expected_cd_gradient(model, ROWS, k)) < noise
    assert largest_difference(ours, exact.gradient(model, ROWS)) > 3 * noise


def test_the_bias_of_cd_falls_with_k(rng):
    model = rbm(rng)
    truth = exact.gradient(model, ROWS)
    bias = [
        largest_difference(exact.expected_cd_gradient(model, ROWS, k), truth) for k in (1, 2, 5, 20)
    ]
    assert bias == sorted(bias, reverse=True) and bias[-1] < 0.05 * bias[0]


def test_probabilities_in_place_of_visible_samples_change_the_expectation(rng):
    model, n = rbm(rng), 200_000
    data = positive_phase(model, np.tile(ROWS, (n // 3, 1)))
    sampled, with_means = (CD(1, m).model_statistics(model, data, RNG(0)) for m in (False, True))
    assert largest_difference(sampled, with_means) > 0.005


def test_cd_with_visible_probabilities_has_the_mean_that_enumeration_expects(rng):
    """The sum over all hidden states h of p(h | v) times the statistics that follow from h."""
    model, n = rbm(rng), 200_000
    data = positive_phase(model, np.tile(ROWS, (n // 3, 1)))
    found = CD(1, mean_visible=True).model_statistics(model, data, RNG(0))
    q = model.mean(1, [ROWS, None])  # (3, M), p(h_j = 1 | v)
    h = np.array(list(itertools.product([0.0, 1.0], repeat=q.shape[1])))  # (2^M, M)
    p = np.where(h == 1, q[:, None], 1 - q[:, None]).prod(-1).mean(0)  # (2^M,), mean over rows
    v_new = model.mean(0, [None, h])  # (2^M, D)
    h_new = model.mean(1, [v_new, None])
    expected = {"W1": v_new.T @ (p[:, None] * h_new), "b0": p @ v_new, "b1": p @ h_new}
    assert found.keys() == expected.keys()
    assert largest_difference(found, expected) < 5 * 0.5 / np.sqrt(n)


@pytest.mark.parametrize("trainer", [PCD(), FastPCD(), ParallelTempering()], ids=type)
def test_a_perfect_model_does_not_drift(trainer, rng):
    """T5. Particles with the distribution of the model keep it: the mean gradient is zero."""
    model, n = rbm(rng), 100_000
    v, *_, p = exact.conditionals(model)
    rows = v[rng.choice(len(p), n, p=p)]
    h = model.units[1].sample(model.mean(1, [rows, None]), RNG(1))
    trainer.n_chains = n
    if isinstance(trainer, ParallelTempering):
        trainer.betas, trainer.M = [1.0, 1.0], 2  # equal: every swap is accepted
    trainer.particles = [rows, h]
    ours = trainer.model_statistics(model, None, RNG(2))
    assert largest_difference(ours, exact.model_statistics(model)) < 5 * 0.5 / np.sqrt(n)


def test_swaps_keep_the_distribution_at_each_temperature(rng):
    """T5 of chains that start with the distribution of their temperature, exp(-beta E)."""
    model, n = rbm(rng), 50_000
    trainer, rows, hidden = ParallelTempering(1, n, 3, 0.2), [], []
    for beta in trainer.betas:
        tempered = model.map_arrays(lambda a, beta=beta: beta * a)
        v, *_, p = exact.conditionals(tempered)
        rows.append(v[rng.choice(len(p), n, p=p)])
        hidden.append(tempered.units[1].sample(tempered.mean(1, [rows[-1], None]), RNG(1)))
    trainer.particles = [np.concatenate(rows), np.concatenate(hidden)]
    for turn in range(2):
        ours = trainer.model_statistics(model, None, RNG(2 + turn))
        assert largest_difference(ours, exact.model_statistics(model)) < 5 * 0.5 / np.sqrt(n)


def two_modes(n=6, height=4.0):
    """All visible units 0 or all 1, equally probable; other states are improbable."""
    W, a = np.full((n, 2), height), np.full(n, -height)
    return EnergyModel([Bernoulli()] * 2, [W], [a, np.full(2, -height * n / 2)])


def mean_after(trainer, model, sweeps):
    for seed in range(sweeps):
        statistics = trainer.model_statistics(model, None, RNG(seed))
    return statistics["b0"].mean()


def test_tempered_chains_move_between_modes_where_a_chain_at_beta_1_stays():
    model = two_modes()
    cold, hot = PCD(1, 500), ParallelTempering(1, 500, 6, 0.1)
    zeros = [np.zeros((500, 6)), np.zeros((500, 2))]
    cold.particles, hot.particles = zeros, zeros
    assert mean_after(cold, model, 60) < 0.1
    assert mean_after(hot, model, 60) == pytest.approx(0.5, abs=0.1)


def test_the_exact_trainer_returns_the_statistics_of_the_model(rng):
    model = rbm(rng, dtype="float32")
    ours = Exact().model_statistics(model, None, RNG(0))
    assert largest_difference(ours, exact.model_statistics(model)) < 1e-6
    assert {s.dtype for s in ours.values()} == {np.dtype("float32")}


def test_fast_weights_follow_the_gradient_decay_and_change_only_the_chains(rng):
    model = rbm(rng)
    still, fast = PCD(2, 50), FastPCD(2, 50, fast_rate=0.5, decay=0.9)
    same = [t.model_statistics(model, None, RNG(1)) for t in (still, fast)]
    assert largest_difference(*same) == 0  # no fast weights yet
    before = {name: array.copy() for name, array in model.parameters().items()}
    g = {name: rng.standard_normal(array.shape) for name, array in before.items()}
    fast.after_update(g)
    fast.after_update(g)
    np.testing.assert_allclose(fast.fast["W1"], (0.9 * 0.5 + 0.5) * g["W1"])
    other = [t.model_statistics(model, None, RNG(2)) for t in (still, fast)]
    assert largest_difference(*other) > 0.01
    assert largest_difference(model.parameters(), before) == 0


def test_trainers_have_names_and_a_trainer_object_is_copied():
    assert isinstance(make_trainer("pt", k=2), ParallelTempering)
    mine = PCD(3, 7)
    mine.particles = [np.zeros(2)]
    theirs = make_trainer(mine)
    assert theirs.k == 3 and theirs.particles is not mine.particles
    with pytest.raises(ValueError, match="did you mean 'pcd'"):
        make_trainer("pdc")


# ------------------------------------------------------------------------------ missing entries


def masked_statistics(model, v, missing, clamp=True, seed=0):
    mask = {0: (missing, 0.0)} if clamp else None
    v = np.where(missing, 0.0, v)
    return CD(2).model_statistics(model, positive_phase(model, v), RNG(seed), mask)


def test_a_column_that_is_missing_everywhere_gets_no_gradient(rng):
    """T9b."""
    model = rbm(rng)
    missing = np.zeros(ROWS.shape, dtype=bool)
    missing[:, 2] = True
    negative = masked_statistics(model, ROWS, missing)
    positive = model.statistics(positive_phase(model, np.where(missing, 0, ROWS)))
    assert (positive["W1"][2] - negative["W1"][2] == 0).all()
    assert positive["b0"][2] - negative["b0"][2] == 0
    assert (positive["W1"][1] - negative["W1"][1] != 0).any()


def test_a_mask_without_missing_entries_changes_no_bit(rng):
    """T9c."""
    model = rbm(rng)
    complete = np.zeros(ROWS.shape, dtype=bool)
    with_mask = masked_statistics(model, ROWS, complete)
    without = masked_statistics(model, ROWS, complete, clamp=False)
    assert largest_difference(with_mask, without) == 0


@pytest.mark.parametrize("trainer", [PCD(), Exact()], ids=type)
def test_trainers_without_support_for_missing_entries_raise(trainer, rng):
    assert CD.supports_missing and not trainer.supports_missing
    with pytest.raises(ValueError, match="no missing entries: use CD"):
        trainer.model_statistics(rbm(rng), None, RNG(0), {0: (True, 0.0)})


# ------------------------------------------------------------------------- precision and devices


def test_float32_and_float64_agree_on_the_same_random_numbers(rng):
    """T14."""
    numbers = rng.random((40, 3, 5))

    def step(dtype):
        draws = iter(numbers)

        def uniform(like):
            return next(draws)[: like.shape[0], : like.shape[1]].astype(like.dtype)

        model = rbm(np.random.default_rng(0), dtype=dtype)
        data = positive_phase(model, ROWS.astype(dtype))
        positive = model.statistics(data)
        stub = types.SimpleNamespace(uniform=uniform)
        negative = CD(3).model_statistics(model, data, stub)
        gradient = {name: s - negative[name] for name, s in positive.items()}
        LikelihoodOptimizer(momentum=0.5, weight_decay=0.01, center=True).step(
            model, positive, gradient, 0.1
        )
        return model.parameters()

    single, double = step("float32"), step("float64")
    assert {array.dtype for array in single.values()} == {np.dtype("float32")}
    assert largest_difference(single, double) < 1e-5


@pytest.mark.parametrize("name", ["cd", "pcd", "fpcd", "pt", "exact"])
def test_every_trainer_takes_the_same_step_on_every_device(name, xp):
    def step():
        model = rbm(np.random.default_rng(0))
        data, rng = positive_phase(model, to_device(ROWS, "float64")), RNG(0)
        trainer, optimizer = make_trainer(name, 2, 10), LikelihoodOptimizer(0.5, 0.01, True, 0.1)
        for _ in range(3):
            positive = model.statistics(data)
            negative = trainer.model_statistics(model, data, rng)
            gradient = {n: s - negative[n] for n, s in positive.items()}
            optimizer.step(model, positive, gradient, 0.1)
            trainer.after_update(gradient)
        return model.parameters()

    with parity(), float64():
        ours = step()
        with use_device("cpu"):
            expected = step()
    assert all(isinstance(array, xp.ndarray) for array in ours.values())
    assert largest_difference(ours, expected) < 1e-10
