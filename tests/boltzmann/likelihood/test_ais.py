"""Annealed importance sampling: its mean is Z however few the temperatures (T6)."""

import itertools
import math

import numpy as np
import pytest
from sklearn.datasets import load_digits

from scratchnet.backend import RNG, float64, parity, to_device, use_device
from scratchnet.boltzmann import DBM, Bernoulli, EnergyModel, Gaussian, Softmax, ais, exact
from scratchnet.boltzmann.likelihood.ais import _summary
from scratchnet.boltzmann.machine.gibbs import EVEN, ODD


def network(kind):
    rng = np.random.default_rng(4)
    sizes = (4, 3, 3, 2) if kind == "dbm" else (6, 4)
    weights = [rng.standard_normal(shape) for shape in itertools.pairwise(sizes)]
    biases = [rng.standard_normal(n) for n in sizes]
    visible = {"softmax": Softmax(3), "gaussian": Gaussian(6)}.get(kind, Bernoulli())
    return EnergyModel([visible, *[Bernoulli()] * (len(sizes) - 1)], weights, biases)


@pytest.mark.parametrize("kind", ["rbm", "dbm", "softmax", "gaussian"])
@pytest.mark.parametrize("side", [EVEN, ODD])
@pytest.mark.parametrize("K", [1, 2, 3])
def test_the_mean_weight_is_z_for_any_number_of_temperatures(kind, side, K):
    """Moving before weighing misses log Z by about 1 at K = 2, hundreds of standard errors."""
    with float64():
        model = network(kind)
    model.weights[:] = [0.5 * W for W in model.weights]
    found = ais(model, RNG(K), n_temperatures=K, n_runs=60_000, side=side)
    log_z = exact.log_partition(model)
    assert found.low - 0.004 < log_z < found.high + 0.004
    assert kind == "gaussian" or found.high - found.low < 0.5


@pytest.mark.parametrize("kind", ["rbm", "dbm"])
def test_many_temperatures_and_a_near_start_leave_little_noise(kind):
    model = network(kind)
    log_z = exact.log_partition(model)
    base = [b if i == 0 else None for i, b in enumerate(model.biases)]
    found = ais(model, RNG(0), 1000, 200, base)
    assert found.value == pytest.approx(log_z, abs=0.05)
    assert found.effective_samples > 150
    assert found.effective_samples > ais(model, RNG(0), 10, 200).effective_samples


def test_the_interval_and_the_effective_samples_are_what_they_say():
    log_w = np.log(np.array([1.0, 2.0, 3.0, 4.0])) + 700  # weights that no float holds
    found = _summary(log_w)
    error = 3 * np.std([1, 2, 3, 4], ddof=1) / 2
    assert found.value == pytest.approx(700 + math.log(2.5))
    assert found.high == pytest.approx(700 + math.log(2.5 + error))
    assert found.low == pytest.approx(700 + math.log(2.5 - error))
    assert found.effective_samples == pytest.approx(100 / 30)
    assert _summary(np.array([0.0, 9.0])).low == -math.inf


def test_a_gpu_finds_the_same(xp):
    def run():
        model = network("dbm").map_arrays(to_device)
        return ais(model, RNG(3), 20, 50).value

    with parity():
        ours = run()
        with use_device("cpu"):
            assert ours == pytest.approx(run(), abs=1e-4)


def test_numbers_below_one_are_refused():
    with pytest.raises(ValueError, match="n_temperatures >= 1"):
        ais(network("rbm"), RNG(0), 0)


def test_a_deep_machine_begins_with_its_hidden_layers_about_as_active_as_they_will_be():
    """A DBM names biases for every layer to begin with; from even odds the weights spread more."""
    x = (load_digits().data[:400] / 16 > 0.5).astype("float32")
    settings = dict(pretrain=10, pretrain_rate=0.2, learning_rate=0.1, n_iter=3, random_state=0)
    dbm = DBM((16, 10), **settings).fit(x)
    begun = dbm.log_partition("ais", 20, 500)
    even = ais(dbm.energy_model_, RNG(0), 20, 500, [dbm.base_biases_, None, None], ODD)
    assert begun.log_weights.std() < 0.95 * even.log_weights.std()
    assert begun.low < exact.log_partition(dbm.energy_model_) < begun.high
