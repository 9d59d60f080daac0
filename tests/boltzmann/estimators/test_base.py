"""The base class of the estimators: training, missing entries, sampling and likelihoods."""

import itertools
import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from scratchnet.backend import parity, to_numpy, use_device
from scratchnet.boltzmann import PCD, BernoulliRBM, GaussianRBM, exact
from scratchnet.data import bars_and_stripes
from scratchnet.schedules import ExponentialDecay


def small(**options):
    return BernoulliRBM(**{"n_components": 5, "n_iter": 3, "random_state": 0} | options)


# ----------------------------------------------------------------------------------------- training


def test_partial_fit_continues_and_returns_the_estimator(bits):
    rbm = small()
    assert rbm.partial_fit(bits) is rbm
    first = rbm.components_
    particles = rbm.h_samples_
    assert rbm.partial_fit(bits[:7]) is rbm
    assert (rbm.components_ != first).any() and (rbm.h_samples_ != particles).any()


def test_equal_seeds_give_equal_bits_and_so_does_a_pickled_estimator(bits):
    one, two = small().fit(bits), small().fit(bits)
    np.testing.assert_array_equal(one.components_, two.components_)
    again = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(again.transform(bits), one.transform(bits))
    assert (small(random_state=1).fit(bits).components_ != one.components_).any()


def test_a_sparse_matrix_gives_the_results_of_its_dense_form(bits):
    sparse = small().fit(scipy.sparse.csr_array(bits))
    dense = small().fit(bits)
    np.testing.assert_array_equal(sparse.components_, dense.components_)
    np.testing.assert_array_equal(
        sparse.transform(scipy.sparse.csr_array(bits)), dense.transform(bits)
    )


def test_fit_never_makes_a_whole_sparse_matrix_dense(rng, monkeypatch):
    X = scipy.sparse.random_array((400, 12), density=0.3, format="csr", rng=rng)
    rows, toarray = [], type(X).toarray
    monkeypatch.setattr(type(X), "toarray", lambda X: rows.append(X.shape[0]) or toarray(X))
    small(batch_size=50).fit(X)
    assert rows and max(rows) <= 256  # a batch, and the rows of the history


def test_a_short_last_batch_is_averaged_over_its_own_rows(bits):
    """T14: an update is a mean over its rows; 90 rows in batches of 60 are two updates."""
    exactly = dict(trainer="exact", schedule="constant")
    thrice = np.tile(bits[:7], (3, 1))
    few, many = (small(n_iter=0, **exactly).fit(bits).partial_fit(x) for x in (bits[:7], thrice))
    np.testing.assert_allclose(few.components_, many.components_, atol=1e-6)
    rbm = small(n_iter=1, batch_size=60, **exactly).fit(bits)
    assert rbm.updates_ == 2


def test_each_phase_is_averaged_over_its_own_rows(bits):
    rbm = small(schedule="constant", n_chains=20_000, k=5, learning_rate=1.0)
    rbm.partial_fit(bits[:7])
    before = rbm.energy_model_.map_arrays(np.copy)
    rbm.partial_fit(bits[:7])
    step = rbm.components_.T - before.weights[0]
    np.testing.assert_allclose(step, exact.gradient(before, bits[:7])["W1"], atol=0.02)


def test_the_schedule_gives_the_learning_rate(bits):
    rates = []

    def note(rbm, epoch):
        rates.append(rbm._rate(rbm.updates_ / 9))

    schedules = {
        "linear": [0.2, 0.1, 0],
        "late": [0.3, 0.3, 0],
        "constant": [0.3, 0.3, 0.3],
        ExponentialDecay(0.4, 0.5, 3): [0.2, 0.1, 0.05],
    }
    for schedule, expected in schedules.items():
        small(batch_size=30, learning_rate=0.3, schedule=schedule, on_epoch=note).fit(bits)
        np.testing.assert_allclose(rates, expected, atol=1e-12)
        rates.clear()


BAD = {
    "trainer 'pdc'": dict(trainer="pdc"),
    "schedule 'linea'": dict(schedule="linea"),
    "n_components >= 1": dict(n_components=0),
    "learning_rate > 0": dict(learning_rate=-1),
    "batch_size >= 1": dict(batch_size=2.5),
    "momentum < 1": dict(momentum=1),
    "sparsity < 1": dict(sparsity=2),
}


@pytest.mark.parametrize("message, options", BAD.items(), ids=BAD)
def test_an_option_out_of_its_range_raises(message, options, bits):
    with pytest.raises(ValueError, match=message):
        small(**options).fit(bits)


def test_training_gives_the_same_numbers_on_every_device(bits, xp):
    def learned():
        return small(trainer="pcd", momentum=0.5, n_chains=20, center=True).fit(bits)

    with parity():
        ours = learned()
        with use_device("cpu"):
            expected = learned()
    assert isinstance(ours.energy_model_.weights[0], xp.ndarray)
    np.testing.assert_allclose(ours.components_, expected.components_, atol=1e-4)
    for method in ("transform", "score_samples", "reconstruct", "free_energy", "log_likelihood"):
        a, b = (getattr(rbm, method)(bits) for rbm in (ours, expected))
        assert type(a) is np.ndarray
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)
    assert type(to_numpy(ours.sample(2, 3))) is np.ndarray


def test_fitting_on_clean_data_warns_of_nothing(bits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_pipeline(small(), LogisticRegression()).fit(bits, np.arange(90) % 2)


# ---------------------------------------------------------------------------------- missing entries


def with_holes(bits, rng):
    return np.where(rng.random(bits.shape) < 0.3, np.nan, bits).astype("float32")


def test_missing_entries_switch_the_training_to_cd(bits, rng):
    x = with_holes(bits, rng)
    with pytest.warns(UserWarning, match="persistent chains cannot leave them out"):
        rbm = small(n_iter=30, learning_rate=0.05).fit(x)
    assert np.isfinite(rbm.components_).all()
    filled = rbm.reconstruct(x)
    assert np.isfinite(filled).all() and filled.shape == x.shape
    holes = np.isnan(x)
    better = abs(filled - bits)[holes].mean()
    assert better < abs(0.5 - bits)[holes].mean()
    for options in (dict(trainer="pt"), dict(trainer="cd", center=True), dict(trainer=PCD())):
        with pytest.raises(ValueError, match="where X has missing entries"):
            small(**options).fit(x)


def test_a_column_without_observed_entries_keeps_its_weights(bits):
    x = bits.copy()
    x[:, 3] = np.nan
    rbm, other = small(trainer="cd", n_iter=5), small(trainer="cd", n_iter=0)
    learned, first = rbm.fit(x).components_, other.fit(x).components_
    np.testing.assert_array_equal(learned[:, 3], first[:, 3])
    assert (learned[:, 4] != first[:, 4]).all()


def test_results_do_not_depend_on_missing_entries(bits, rng):
    rbm = small(n_iter=10).fit(bits)
    x = with_holes(bits, rng)
    seen = np.where(np.isnan(x), 0, x)
    np.testing.assert_array_equal(rbm.transform(x), rbm.transform(seen))
    np.testing.assert_array_equal(rbm.free_energy(x), rbm.free_energy(seen))
    with pytest.raises(ValueError, match="complete rows"):
        rbm.log_likelihood(x)
    real = GaussianRBM(4, n_iter=2, random_state=0).fit(bits)
    alone = real.free_energy(np.full((1, 12), np.nan))  # no visible unit is left: sum_h exp(b h)
    expected = -np.log1p(np.exp(real.intercept_hidden_)).sum()
    np.testing.assert_allclose(alone, expected, rtol=1e-5)


# ------------------------------------------------------------------------- sampling and likelihoods


def test_energies_and_free_energies_follow_the_formula(bars_rbm):
    x = bars_and_stripes(3)
    h = np.array(list(itertools.product((0.0, 1.0), repeat=9)))
    E = np.stack([bars_rbm.energy(np.tile(row, (len(h), 1)), h) for row in x])
    F = bars_rbm.free_energy(x)
    np.testing.assert_allclose(F, -np.log(np.exp(-E).sum(axis=1)), rtol=1e-4)
    log_z = bars_rbm.log_partition().value
    np.testing.assert_allclose(bars_rbm.log_likelihood(x), -F - log_z, atol=1e-4)


def test_log_z_by_ais_agrees_with_enumeration(bars_rbm):
    truth, found = bars_rbm.log_partition(), bars_rbm.log_partition("ais", 500, 100)
    assert found.value == pytest.approx(truth.value, abs=0.3)
    assert truth.low == truth.value == truth.high and truth.effective_samples == np.inf
    with pytest.raises(ValueError, match="unknown method"):
        bars_rbm.log_partition("mean")


def test_samples_resemble_the_data_and_keep_clamped_entries(bars_rbm):
    x = bars_and_stripes(3)
    samples = bars_rbm.sample(400, 100)
    known = {row.tobytes() for row in x}
    assert np.mean([row.astype("float32").tobytes() in known for row in samples]) > 0.5
    clamp = np.full(9, np.nan)
    clamp[:3] = [1, 0, 1]  # so the image must be bars
    held = bars_rbm.sample(400, 100, clamp)
    assert (held[:, :3] == clamp[:3]).all()
    bars_of_it = (held.reshape(-1, 3, 3) == held[:, None, :3]).all(axis=(1, 2)).mean()
    assert bars_of_it > 0.4
    assert ((bars_rbm.sample(3, 5, mean=True) % 1) != 0).any()


def test_reconstruct_is_transform_followed_by_inverse_transform(bars_rbm):
    x = bars_and_stripes(3)
    back = bars_rbm.inverse_transform(bars_rbm.transform(x))
    np.testing.assert_allclose(back, bars_rbm.reconstruct(x), rtol=1e-5)
    assert abs(back - x).mean() < abs(x.mean(axis=0) - x).mean()
    assert set(np.unique(bars_rbm.gibbs(x, k=3))) == {0.0, 1.0}
