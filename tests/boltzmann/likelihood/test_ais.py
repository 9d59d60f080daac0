"""Annealed importance sampling: the mean weight is Z for any number of temperatures (T6)."""

import itertools
import math

import numpy as np
import pytest
from belief_networks import random_rbm
from sklearn.datasets import load_digits
from small_machines import dbm

from scratchnet.backend import RNG, float64, parity, to_device, use_device
from scratchnet.boltzmann import (
    DBM,
    Bernoulli,
    EnergyModel,
    Gaussian,
    Labelled,
    Softmax,
    ais,
    exact,
)
from scratchnet.boltzmann.likelihood.ais import _summary, exact_log_partition
from scratchnet.boltzmann.machine.gibbs import EVEN, ODD


def model_of(kind):
    rng = np.random.default_rng(4)
    sizes = (4, 3, 3, 2) if kind == "dbm" else (6, 4)
    weights = [rng.standard_normal(shape) for shape in itertools.pairwise(sizes)]
    biases = [rng.standard_normal(n) for n in sizes]
    visible = {"softmax": Softmax(3), "gaussian": Gaussian(6)}.get(kind, Bernoulli())
    return EnergyModel([visible, *[Bernoulli()] * (len(sizes) - 1)], weights, biases)


@pytest.mark.parametrize("kind", ["rbm", "dbm", "softmax", "gaussian"])
@pytest.mark.parametrize("held", [EVEN, ODD])
@pytest.mark.parametrize("K", [1, 2, 3])
def test_the_mean_weight_is_z_for_any_number_of_temperatures(kind, held, K):
    """To move before weighing misses log Z by about 1 at K = 2, hundreds of standard errors."""
    with float64():
        model = model_of(kind)
    model.weights[:] = [0.5 * W for W in model.weights]
    found = ais(model, RNG(K), n_temperatures=K, n_runs=60_000, parity=held)
    log_z = exact.log_partition(model)
    assert found.low - 0.004 < log_z < found.high + 0.004
    assert kind == "gaussian" or found.high - found.low < 0.5


@pytest.mark.parametrize("held", [EVEN, ODD])
@pytest.mark.parametrize("n_temperatures", [1, 2, 3])
def test_the_mean_weight_is_unbiased_from_a_base_model_with_biases(held, n_temperatures, rng):
    model, n = dbm(rng, scale=0.7), 60_000
    base = [rng.standard_normal(4), None, None, None]
    with float64():
        estimate = ais(model, RNG(1), n_temperatures, n, base, held)
    w = np.exp(estimate.log_weights - exact.log_partition(model))
    assert abs(w.mean() - 1) < 5 * w.std() / math.sqrt(n)
    assert w.std() / math.sqrt(n) < 0.05  # sharp enough to notice


@pytest.mark.parametrize("n_temperatures", [1, 3])
def test_the_mean_weight_is_unbiased_with_a_label_too(n_temperatures, rng):
    with float64():
        top = random_rbm(rng, 5, 3, Labelled(2))
        base = [rng.standard_normal(5), None]
        estimate = ais(top, RNG(1), n_temperatures, 60_000, base)
        w = np.exp(estimate.log_weights - exact.log_partition(top))
    assert abs(w.mean() - 1) < 5 * w.std() / 60_000**0.5 < 0.2


@pytest.mark.parametrize("kind", ["rbm", "dbm"])
def test_many_temperatures_and_a_near_base_model_leave_little_noise(kind):
    model = model_of(kind)
    log_z = exact.log_partition(model)
    base = [b if i == 0 else None for i, b in enumerate(model.biases)]
    found = ais(model, RNG(0), 1000, 200, base)
    assert found.value == pytest.approx(log_z, abs=0.05)
    assert found.effective_samples > 150
    assert found.effective_samples > ais(model, RNG(0), 10, 200).effective_samples


def test_the_interval_and_the_effective_samples_follow_their_definitions():
    log_w = np.log(np.array([1.0, 2.0, 3.0, 4.0])) + 700  # exp of their sum would overflow
    found = _summary(log_w)
    error = 3 * np.std([1, 2, 3, 4], ddof=1) / 2
    assert found.value == pytest.approx(700 + math.log(2.5))
    assert found.high == pytest.approx(700 + math.log(2.5 + error))
    assert found.low == pytest.approx(700 + math.log(2.5 - error))
    assert found.effective_samples == pytest.approx(100 / 30)
    assert _summary(np.array([0.0, 9.0])).low == -math.inf


def test_a_gpu_gives_the_same_estimate(xp):
    def run():
        model = model_of("dbm").map_arrays(to_device)
        return ais(model, RNG(3), 20, 50).value

    with parity():
        ours = run()
        with use_device("cpu"):
            assert ours == pytest.approx(run(), abs=1e-4)


def test_numbers_below_one_and_unknown_methods_raise():
    with pytest.raises(ValueError, match="n_temperatures >= 1"):
        ais(model_of("rbm"), RNG(0), 0)
    with pytest.raises(ValueError, match="unknown method 'asi'.*did you mean 'ais'"):
        exact_log_partition(model_of("rbm"), "asi")


def test_the_base_model_of_a_dbm_reduces_the_variance_of_the_weights():
    """Its hidden layers have biases, too; from zeros the log weights spread more."""
    x = (load_digits().data[:400] / 16 > 0.5).astype("float32")
    settings = dict(pretrain=10, pretrain_rate=0.2, learning_rate=0.1, n_iter=3, random_state=0)
    dbm = DBM((16, 10), weight_scale=0.01, **settings).fit(x)
    from_base = dbm.log_partition("ais", 20, 500)
    from_zeros = ais(dbm.energy_model_, RNG(0), 20, 500, [dbm.base_biases_, None, None], ODD)
    assert from_base.log_weights.std() < 0.95 * from_zeros.log_weights.std()
    assert from_base.low < exact.log_partition(dbm.energy_model_) < from_base.high
