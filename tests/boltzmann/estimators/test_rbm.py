"""The RBM estimators: scikit-learn's contract (T15), what they learn (T13), what they answer."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse
import sklearn.neural_network
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from scratchnet.backend import parity, to_numpy, use_device
from scratchnet.boltzmann import PCD, BernoulliRBM, GaussianRBM, exact
from scratchnet.data import bars_and_stripes
from scratchnet.schedules import ExponentialDecay

DIGITS = (load_digits().data / 16 > 0.5).astype("float32")
TRAIN, TEST = train_test_split(DIGITS, test_size=0.2, random_state=0)


@pytest.fixture
def bits(rng):
    return (rng.random((90, 12)) < rng.random(12)).astype("float32")


def small(**options):
    return BernoulliRBM(**{"n_components": 5, "n_iter": 3, "random_state": 0} | options)


# ------------------------------------------------------------------------ scikit-learn's contract


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([BernoulliRBM(n_components=3), GaussianRBM(n_components=3)])
def test_keeps_scikit_learns_contract(estimator, check):
    check(estimator)


def test_takes_the_place_of_scikit_learns_in_a_pipeline():
    labels = load_digits().target
    x, x_test, y, y_test = train_test_split(DIGITS, labels, test_size=0.2, random_state=0)

    def accuracy(kind):
        shared = dict(learning_rate=0.06, n_iter=10, random_state=0, batch_size=10)
        rbm = kind(n_components=64, **shared)
        pipeline = Pipeline([("rbm", rbm), ("logistic", LogisticRegression(C=10, max_iter=1000))])
        return pipeline.fit(x, y).score(x_test, y_test)

    theirs, ours = accuracy(sklearn.neural_network.BernoulliRBM), accuracy(BernoulliRBM)
    assert ours > theirs - 0.02
    assert ours > 0.88  # and 0.93 with learning_rate=0.3


def test_takes_every_argument_and_has_every_attribute_of_scikit_learns():
    theirs = sklearn.neural_network.BernoulliRBM(n_components=3, n_iter=1, random_state=0)
    ours = BernoulliRBM(n_components=3, n_iter=1, random_state=0)
    assert theirs.get_params().items() <= ours.get_params().items()
    theirs.fit(DIGITS[:50]), ours.fit(DIGITS[:50])
    for name in ("components_", "intercept_hidden_", "intercept_visible_"):
        assert getattr(ours, name).shape == getattr(theirs, name).shape
    for name in ("h_samples_", "n_features_in_", "get_feature_names_out", "gibbs"):
        assert hasattr(ours, name)
    for method in ("transform", "gibbs", "score_samples"):
        shapes = [getattr(rbm, method)(DIGITS[:4]).shape for rbm in (ours, theirs)]
        assert shapes[0] == shapes[1]


def test_a_grid_search_finds_the_better_rate(bits):
    x = np.concatenate([bars_and_stripes(3)] * 4)
    rbm = BernoulliRBM(9, n_iter=60, batch_size=14, random_state=0)
    search = GridSearchCV(rbm, {"learning_rate": [1e-5, 0.3]}, cv=2).fit(x)
    assert search.best_params_ == {"learning_rate": 0.3}
    names = search.best_estimator_.get_feature_names_out()
    assert names[0] == "bernoullirbm0" and len(names) == 9


def test_a_gaussian_rbm_has_its_place_in_a_searched_pipeline(rng):
    x, y = 100 * rng.standard_normal((60, 4)), np.arange(60) % 2
    rbm = GaussianRBM(n_iter=2, random_state=0)
    pipeline = make_pipeline(StandardScaler(), rbm, LogisticRegression())
    search = GridSearchCV(pipeline, {"gaussianrbm__n_components": [2, 3]}, cv=2).fit(x, y)
    assert search.predict(x).shape == y.shape


def test_partial_fit_goes_on_and_returns_the_estimator(bits):
    rbm = small()
    assert rbm.partial_fit(bits) is rbm
    first = rbm.components_
    particles = rbm.h_samples_
    assert rbm.partial_fit(bits[:7]) is rbm
    assert (rbm.components_ != first).any() and (rbm.h_samples_ != particles).any()


def test_equal_seeds_give_equal_bits_and_a_pickle_answers_alike(bits):
    one, two = small().fit(bits), small().fit(bits)
    np.testing.assert_array_equal(one.components_, two.components_)
    again = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(again.transform(bits), one.transform(bits))
    assert (small(random_state=1).fit(bits).components_ != one.components_).any()


def test_a_sparse_matrix_is_its_zeros(bits):
    sparse = small().fit(scipy.sparse.csr_array(bits))
    dense = small().fit(bits)
    np.testing.assert_array_equal(sparse.components_, dense.components_)
    np.testing.assert_array_equal(
        sparse.transform(scipy.sparse.csr_array(bits)), dense.transform(bits)
    )


def test_every_row_counts_and_a_short_last_batch_is_a_batch(bits):
    """T14: 90 rows in batches of 60. The last 30 weigh what their mean says, as the 60 do."""
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


def test_schedules_decide_the_rate(bits):
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
def test_a_bad_argument_gets_one_sentence(message, options, bits):
    with pytest.raises(ValueError, match=message):
        small(**options).fit(bits)


def test_values_outside_zero_and_one_are_warned_about(bits):
    with pytest.warns(UserWarning, match="expect values from 0 to 1; got 0 to 16"):
        small(n_iter=1).fit(16 * bits)
    rbm = small(n_iter=1).fit(bits)
    with pytest.warns(UserWarning, match="only of rows of 0 and 1"):
        rbm.score_samples(0.5 * bits)


# ----------------------------------------------------------------------------- what they learn


def test_sixteen_units_on_digits_beat_scikit_learns_by_a_nat():
    """T13. Exact test log-likelihood; the base rates alone give -24.66."""
    ours = BernoulliRBM(16, learning_rate=0.3, batch_size=20, n_iter=40, random_state=0).fit(TRAIN)
    assert ours.log_likelihood(TEST).mean() > -19.2
    assert len(ours.history_["reconstruction"]) == 40
    assert ours.history_["reconstruction"][-1] < 0.5 * ours.history_["reconstruction"][0]
    assert abs(ours.free_energy_gap(TRAIN, TEST)) < 2


def bars(trainer, k):
    x = bars_and_stripes(3)
    options = dict(learning_rate=0.4, schedule="linear", batch_size=14, n_iter=4000)
    rbm = BernoulliRBM(9, trainer=trainer, k=k, random_state=0, **options).fit(x)
    return rbm.log_likelihood(x).mean()


def test_persistent_chains_learn_bars_and_stripes_and_cd_one_does_not():
    """T13. Fourteen pictures: the best that can be is -log 14 = -2.639."""
    pcd, cd = bars("pcd", 5), bars("cd", 1)
    assert -2.75 < pcd < -np.log(14)
    assert cd < pcd - 0.1


def test_centering_learns_a_picture_and_its_negative_alike():
    options = dict(n_components=16, learning_rate=0.3, batch_size=20, n_iter=15, random_state=0)
    rbm = BernoulliRBM(center=True, **options)
    ours, theirs = (rbm.fit(x).log_likelihood(t).mean() for x, t in FLIPS)
    assert ours == pytest.approx(theirs, abs=0.3)


FLIPS = ((TRAIN, TEST), (1 - TRAIN, 1 - TEST))


def test_a_gaussian_rbm_finds_clusters_and_does_not_explode(rng):
    centers = np.array([[3.0, 0, 0], [0, 3, 0], [0, 0, 3]])
    x = centers[rng.integers(0, 3, 900)] + 0.3 * rng.standard_normal((900, 3))
    x = StandardScaler().fit_transform(x)
    options = dict(learning_rate=0.05, n_iter=80, batch_size=50, random_state=0)
    rbm = GaussianRBM(4, learn_sigma=True, sigma=0.7, k=3, **options).fit(x)
    gauss = -0.5 * np.log(np.linalg.det(2 * np.pi * np.e * np.cov(x.T)))
    assert rbm.log_likelihood(x).mean() > gauss + 0.5  # one Gaussian cannot hold three clusters
    assert ((rbm.sigma_ > 0.1) & (rbm.sigma_ < 0.7)).all()
    near = np.linalg.norm(rbm.sample(500, 200)[:, None] - x[None, ::9], axis=2).min(axis=1)
    assert np.median(near) < 0.5


def test_unscaled_columns_are_warned_about(rng):
    with pytest.warns(UserWarning, match="standardize the columns"):
        GaussianRBM(2, n_iter=1, random_state=0).fit(1000 * rng.standard_normal((20, 3)))


# ------------------------------------------------------------------------------ missing entries


def with_holes(bits, rng):
    return np.where(rng.random(bits.shape) < 0.3, np.nan, bits).astype("float32")


def test_missing_entries_are_learned_around_with_cd(bits, rng):
    x = with_holes(bits, rng)
    with pytest.warns(UserWarning, match="persistent chains know no mask"):
        rbm = small(n_iter=30, learning_rate=0.05).fit(x)
    assert np.isfinite(rbm.components_).all()
    filled = rbm.reconstruct(x)
    assert np.isfinite(filled).all() and filled.shape == x.shape
    holes = np.isnan(x)
    better = abs(filled - bits)[holes].mean()
    assert better < abs(0.5 - bits)[holes].mean()
    for options in (dict(trainer="pt"), dict(trainer="cd", center=True), dict(trainer=PCD())):
        with pytest.raises(ValueError, match="X has missing entries"):
            small(**options).fit(x)


def test_a_column_nobody_saw_keeps_its_weights(bits):
    x = bits.copy()
    x[:, 3] = np.nan
    rbm, other = small(trainer="cd", n_iter=5), small(trainer="cd", n_iter=0)
    learned, first = rbm.fit(x).components_, other.fit(x).components_
    np.testing.assert_array_equal(learned[:, 3], first[:, 3])
    assert (learned[:, 4] != first[:, 4]).all()


def test_a_missing_entry_is_absent_from_the_answers(bits, rng):
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


def test_learns_the_same_on_every_device(bits, xp):
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
