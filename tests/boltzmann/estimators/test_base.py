"""What a trained RBM can be asked, beside what enumeration answers."""

import itertools

import numpy as np
import pytest

from scratchnet.boltzmann import BernoulliRBM
from scratchnet.boltzmann.likelihood.pseudo_likelihood import one_pixel_estimate, pseudo_likelihood
from scratchnet.data import bars_and_stripes


@pytest.fixture(scope="module")
def bars_rbm():
    options = dict(learning_rate=0.3, batch_size=140, n_iter=250, k=3, random_state=0)
    return BernoulliRBM(9, **options).fit(np.tile(bars_and_stripes(3), (100, 1)))


def test_the_pseudo_likelihood_is_each_pixel_given_the_others(bars_rbm):
    v = np.array(list(itertools.product((0.0, 1.0), repeat=9)), dtype="float32")
    p = np.exp(bars_rbm.log_likelihood(v))
    expected = np.zeros(len(v))
    for i in range(9):
        flipped = v.copy()
        flipped[:, i] = 1 - v[:, i]
        q = np.exp(bars_rbm.log_likelihood(flipped))
        expected += np.log(p / (p + q))
    np.testing.assert_allclose(bars_rbm.score_samples(v), expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(bars_rbm.score_samples(v), bars_rbm.score_samples(v))


def test_one_random_pixel_estimates_it(bars_rbm):
    v = np.tile(bars_and_stripes(3), (3000, 1))
    estimate = one_pixel_estimate(bars_rbm.energy_model_, v, bars_rbm.rng_).mean()
    truth = pseudo_likelihood(bars_rbm.energy_model_, v[:14]).mean()
    assert estimate == pytest.approx(truth, rel=0.05)


def test_energies_and_free_energies_are_those_of_the_formula(bars_rbm):
    x = bars_and_stripes(3)
    h = np.array(list(itertools.product((0.0, 1.0), repeat=9)))
    E = np.stack([bars_rbm.energy(np.tile(row, (len(h), 1)), h) for row in x])
    F = bars_rbm.free_energy(x)
    np.testing.assert_allclose(F, -np.log(np.exp(-E).sum(axis=1)), rtol=1e-4)
    log_z = bars_rbm.log_partition().value
    np.testing.assert_allclose(bars_rbm.log_likelihood(x), -F - log_z, atol=1e-4)


def test_log_z_is_estimated_too(bars_rbm):
    truth, found = bars_rbm.log_partition(), bars_rbm.log_partition("ais", 500, 100)
    assert found.value == pytest.approx(truth.value, abs=0.3)
    assert truth.low == truth.value == truth.high and truth.effective_samples == np.inf
    with pytest.raises(ValueError, match="unknown method"):
        bars_rbm.log_partition("guess")


def test_samples_look_like_the_data_and_hold_what_is_clamped(bars_rbm):
    x = bars_and_stripes(3)
    dreams = bars_rbm.sample(400, 100)
    known = {row.tobytes() for row in x}
    assert np.mean([row.astype("float32").tobytes() in known for row in dreams]) > 0.5
    clamp = np.full(9, np.nan)
    clamp[:3] = [1, 0, 1]  # so the picture must be bars
    held = bars_rbm.sample(400, 100, clamp)
    assert (held[:, :3] == clamp[:3]).all()
    bars_of_it = (held.reshape(-1, 3, 3) == held[:, None, :3]).all(axis=(1, 2)).mean()
    assert bars_of_it > 0.4
    assert ((bars_rbm.sample(3, 5, mean=True) % 1) != 0).any()


def test_there_and_back_again(bars_rbm):
    x = bars_and_stripes(3)
    back = bars_rbm.inverse_transform(bars_rbm.transform(x))
    np.testing.assert_allclose(back, bars_rbm.reconstruct(x), rtol=1e-5)
    assert abs(back - x).mean() < abs(x.mean(axis=0) - x).mean()
    assert set(np.unique(bars_rbm.gibbs(x, k=3))) == {0.0, 1.0}
