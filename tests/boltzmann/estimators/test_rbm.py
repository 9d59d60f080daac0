"""BernoulliRBM and GaussianRBM: scikit-learn's contract (T15), scores, what they learn (T13)."""

import itertools

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from scratchnet.boltzmann import BernoulliRBM, GaussianRBM
from scratchnet.boltzmann.likelihood.pseudo_likelihood import one_pixel_estimate, pseudo_likelihood
from scratchnet.data import bars_and_stripes

DIGITS = (load_digits().data / 16 > 0.5).astype("float32")
TRAIN, TEST = train_test_split(DIGITS, test_size=0.2, random_state=0)


# -------------------------------------------------------------------------- scikit-learn's contract


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([BernoulliRBM(n_components=3), GaussianRBM(n_components=3)])
def test_it_passes_the_estimator_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_it_replaces_the_rbm_of_scikit_learn_in_a_pipeline():
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


def test_it_has_every_argument_and_attribute_of_the_rbm_of_scikit_learn():
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


def test_a_gaussian_rbm_works_in_a_pipeline_with_a_grid_search(rng):
    x, y = 100 * rng.standard_normal((60, 4)), np.arange(60) % 2
    rbm = GaussianRBM(n_iter=2, random_state=0)
    pipeline = make_pipeline(StandardScaler(), rbm, LogisticRegression())
    search = GridSearchCV(pipeline, {"gaussianrbm__n_components": [2, 3]}, cv=2).fit(x, y)
    assert search.predict(x).shape == y.shape


def test_values_outside_zero_and_one_raise_a_warning(bits):
    with pytest.warns(UserWarning, match="expect values from 0 to 1; got 0 to 16"):
        BernoulliRBM(5, n_iter=1, random_state=0).fit(16 * bits)
    rbm = BernoulliRBM(5, n_iter=1, random_state=0).fit(bits)
    with pytest.warns(UserWarning, match="only of rows of 0 and 1"):
        rbm.score_samples(0.5 * bits)


def test_columns_that_are_not_standardized_raise_a_warning(rng):
    with pytest.warns(UserWarning, match="standardize the columns"):
        GaussianRBM(2, n_iter=1, random_state=0).fit(1000 * rng.standard_normal((20, 3)))


# ------------------------------------------------------------------------------------------- scores


def test_the_score_is_the_probability_of_each_pixel_given_the_others(bars_rbm):
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


def test_one_random_pixel_estimates_the_score(bars_rbm):
    v = np.tile(bars_and_stripes(3), (3000, 1))
    estimate = one_pixel_estimate(bars_rbm.energy_model_, v, bars_rbm.rng_).mean()
    truth = pseudo_likelihood(bars_rbm.energy_model_, v[:14]).mean()
    assert estimate == pytest.approx(truth, rel=0.05)


# ---------------------------------------------------------------------------------- what they learn


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
    """T13. Fourteen images: the maximum of log p is -log 14 = -2.639."""
    pcd, cd = bars("pcd", 5), bars("cd", 1)
    assert -2.75 < pcd < -np.log(14)
    assert cd < pcd - 0.1


FLIPS = ((TRAIN, TEST), (1 - TRAIN, 1 - TEST))


def test_a_centered_rbm_learns_data_and_flipped_data_equally_well():
    options = dict(n_components=16, learning_rate=0.3, batch_size=20, n_iter=15, random_state=0)
    rbm = BernoulliRBM(center=True, **options)
    ours, theirs = (rbm.fit(x).log_likelihood(t).mean() for x, t in FLIPS)
    assert ours == pytest.approx(theirs, abs=0.3)


def test_a_gaussian_rbm_finds_clusters_and_does_not_explode(rng):
    centers = np.array([[3.0, 0, 0], [0, 3, 0], [0, 0, 3]])
    x = centers[rng.integers(0, 3, 900)] + 0.3 * rng.standard_normal((900, 3))
    x = StandardScaler().fit_transform(x)
    options = dict(learning_rate=0.05, n_iter=80, batch_size=50, random_state=0)
    rbm = GaussianRBM(4, learn_sigma=True, sigma=0.7, k=3, **options).fit(x)
    gauss = -0.5 * np.log(np.linalg.det(2 * np.pi * np.e * np.cov(x.T)))
    assert rbm.log_likelihood(x).mean() > gauss + 0.5  # one Gaussian does not fit three clusters
    assert ((rbm.sigma_ > 0.1) & (rbm.sigma_ < 0.7)).all()
    near = np.linalg.norm(rbm.sample(500, 200)[:, None] - x[None, ::9], axis=2).min(axis=1)
    assert np.median(near) < 0.5
