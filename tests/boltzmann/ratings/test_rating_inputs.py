"""Ratings that RatingRBM and RatingBaseline refuse or warn of, and what is not there."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from sklearn.exceptions import NotFittedError

from scratchnet.boltzmann import RatingBaseline, RatingRBM
from scratchnet.data.ratings import synthetic
from scratchnet.training import TrainingDiverged

DATA = synthetic(30, 20)
ZEROS = "(?s)for every pair.*unrated.*NaN"


def small(**options):
    return RatingRBM(4, **{"n_iter": 1, "random_state": 0} | options)


@pytest.fixture(scope="module")
def fitted():
    return small().fit_triples(DATA.triples, DATA.shape)


# ------------------------------------------------------------------------------------- ratings


def test_zeros_in_place_of_missing_ratings_raise_a_warning():
    M = np.zeros(DATA.shape)
    user, item = DATA.triples[:, :2].astype(int).T
    M[user, item] = DATA.triples[:, 2]
    assert (M == 0).mean() > 0.5
    with pytest.warns(UserWarning, match=ZEROS):
        small().fit(M)
    triples = np.stack([*np.indices(M.shape).reshape(2, -1), M.ravel()], axis=1)
    for model in (small(), RatingBaseline()):
        with pytest.warns(UserWarning, match=ZEROS):
            model.fit_triples(triples, M.shape)


def test_complete_ratings_raise_no_warning(rng, recwarn):
    M = rng.integers(1, 6, (20, 15)).astype(float)
    small().fit(M)
    M[3, 2] = np.nan
    M[:15] = 1  # most of them, but one is missing
    M[0, 0] = np.nan
    small().fit(M)
    RatingBaseline().fit_triples([[0, 0, 3.0]], (1, 1))
    assert not recwarn


def test_equal_ratings_raise(rng):
    M = np.where(rng.random((6, 5)) > 0.4, 3.0, np.nan)
    with pytest.raises(ValueError, match="two different ratings; got 3 alone"):
        small().fit(M)
    assert small(liked=3).fit(M).expected_rating([0], [0]) > 0.5


def test_rated_of_another_shape_raises(rng):
    M, rated = rng.integers(1, 6, (20, 15)).astype(float), rng.random((20, 15)) > 0.3
    with pytest.raises(ValueError, match=r"rated .*\(20, 15\); got \(15,\)"):
        small().fit(M, rated=rated[0])
    by_nan = small().fit(np.where(rated, M, np.nan)).weights_
    np.testing.assert_array_equal(small().fit(M, rated=rated.tolist()).weights_, by_nan)


def test_a_sparse_matrix_raises_with_the_way_to_triples():
    with pytest.raises(TypeError, match="sparse.*fit_triples"):
        small().fit(scipy.sparse.csr_array(np.eye(4)))


def test_a_diverging_fit_raises_and_leaves_the_estimator_unfitted():
    model = small(learning_rate=1e30, n_iter=2)
    with pytest.raises(TrainingDiverged, match="RatingRBM.*learning_rate"):
        with np.errstate(all="ignore"):
            model.fit_triples(DATA.triples, DATA.shape)
    with pytest.raises(NotFittedError):
        model.recommend(0)


# ------------------------------------------------------------------------------- what is missing


def test_an_unknown_user_or_item_needs_another_fit(fitted):
    baseline = RatingBaseline().fit_triples(DATA.triples, DATA.shape)
    for call in (
        lambda: fitted.recommend(user=30),
        lambda: fitted.expected_rating([30], [0]),
        lambda: fitted.rating_probabilities([0], [30]),
        lambda: baseline.expected_rating([0], [30]),
    ):
        with pytest.raises(ValueError, match="got 30: a new user or item .* fit again"):
            call()


def test_the_rating_of_a_new_user_by_hand_is_that_of_the_docstring(rng):
    """orientation="user": z = b + sum of W[i, r_i], then as for every other user."""
    M = rng.integers(1, 4, (12, 6)).astype(float)
    M[:, 5] = np.where(np.arange(12) == 0, np.nan, M[:, 5])
    model = small(orientation="user").fit(M)
    W, a = model.weights_, model.intercept_visible_
    z = model.intercept_hidden_ + sum(W[i, int(M[0, i]) - 1] for i in range(5))
    p = np.exp(a[5] + (np.log1p(np.exp(z + W[5])) - np.log1p(np.exp(z))).sum(axis=-1))
    expected = p @ [1, 2, 3] / p.sum()
    assert model.expected_rating([0], [5])[0] == pytest.approx(expected, rel=1e-5)


WAYS = {
    "score": "transposed matrix",
    "predict": "expected_rating",
    "colour": "'colour'$",
}


@pytest.mark.parametrize("name, way", WAYS.items(), ids=WAYS)
def test_a_method_that_is_missing_shows_what_to_use(fitted, name, way):
    assert not hasattr(fitted, name)
    with pytest.raises(AttributeError, match=f"'RatingRBM' object has no attribute.*{way}"):
        getattr(fitted, name)


def test_a_pickled_model_gives_equal_recommendations(fitted):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.recommend(3)[0], fitted.recommend(3)[0])
