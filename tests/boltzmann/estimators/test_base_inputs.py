"""What the estimators accept as input: masks, lists, sparse rows; guards; before the fit."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse
from sklearn.exceptions import NotFittedError

from scratchnet.boltzmann import (
    DBM,
    DBN,
    BernoulliRBM,
    DBMClassifier,
    DBNClassifier,
    GaussianRBM,
    RatingBaseline,
    RatingRBM,
)
from scratchnet.training import TrainingDiverged

PLACES = np.random.default_rng(0).integers((3000, 10000), size=(30000, 2))  # of ones
ROWS = scipy.sparse.csr_matrix((np.ones(30000, "float32"), PLACES.T), shape=(3000, 10000))
ROWS.data[:] = 1  # where a place is drawn twice, too; as an array 120 MB
ONE = {"n_iter": 1, "random_state": 0}


def peak(call):
    """Largest memory that call() takes, in MB."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


# --------------------------------------------------------------------------------------- input


def calls_with_a_mask():
    """{name: call with a masked array}."""
    rng = np.random.default_rng(0)
    P = np.ma.masked_array(rng.random((40, 6)), mask=rng.random((40, 6)) > 0.8)
    y = np.ma.masked_array(np.arange(40) % 2, mask=np.arange(40) > 30)
    rbm, dbn = BernoulliRBM(3, **ONE).fit(P.data), DBN((3,), **ONE)
    network = DBNClassifier(dbn, **ONE).fit(P.data, y.data)
    ratings = np.ma.masked_array(rng.integers(1, 6, (4, 3)).astype(float), mask=np.eye(4, 3))
    return {
        "RBM, fit": lambda: BernoulliRBM(3, **ONE).fit(P),
        "RBM, partial_fit": lambda: BernoulliRBM(3, **ONE).partial_fit(P),
        "RBM, transform": lambda: rbm.transform(P),
        "RBM, free_energy": lambda: rbm.free_energy(P),
        "RBM, inverse_transform": lambda: rbm.inverse_transform(P[:, :3]),
        "RBM, clamp": lambda: rbm.sample(2, 3, clamp=P[0]),
        "Gaussian, fit": lambda: GaussianRBM(3, **ONE).fit(P),
        "DBM, fit": lambda: DBM((3,), **ONE).fit(P),
        "DBN, fit": lambda: DBN((3,), **ONE).fit(P),
        "DBN, labels": lambda: DBN((3,), labels=True, **ONE).fit(P.data, y),
        "DBN, transform": lambda: DBN((3,), **ONE).fit(P.data).transform(P),
        "classifier, fit": lambda: DBNClassifier(dbn, **ONE).fit(P, y.data),
        "classifier, classes": lambda: DBMClassifier(DBM((3,), **ONE), **ONE).fit(P.data, y),
        "classifier, predict": lambda: network.predict(P),
        "ratings": lambda: RatingRBM(3, **ONE).fit(ratings),
        "rated": lambda: RatingRBM(3, **ONE).fit(ratings.data, rated=ratings > 2),
        "triples": lambda: RatingBaseline().fit_triples(
            np.ma.masked_array([[0, 0, 3.0]], mask=[[0, 0, 1]]), (1, 1)
        ),
    }


@pytest.mark.parametrize("call", (made := calls_with_a_mask()).values(), ids=made)
def test_a_masked_array_raises(call):
    with pytest.raises(TypeError, match="(?s)mask.*fill"):
        call()


def test_a_fitted_rbm_takes_lists(rng):
    rbm = BernoulliRBM(3, **ONE).fit(rng.random((20, 6)))
    samples = rbm.sample(2, 5, clamp=[1, np.nan, 0, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(samples[:, [0, 2]], [[1, 0]] * 2)
    expected = rbm.inverse_transform(np.array([[0.0, 1.0, 0.0]]))
    np.testing.assert_array_equal(rbm.inverse_transform([[0, 1, 0]]), expected)
    assert rbm.energy([[1, 0, 1, 0, 1, 0]], [[0, 1, 0]]).shape == (1,)


def test_values_with_a_rounding_error_raise_no_warning(rng, recwarn):
    X = rng.random((40, 6))
    BernoulliRBM(3, **ONE).fit(X / X.max() * (1 + 2.3e-16))
    assert not recwarn


# --------------------------------------------------------------------------------- sparse rows


@pytest.mark.parametrize("kind, rate", [(BernoulliRBM, 0.1), (GaussianRBM, 1e-4)])
def test_sparse_rows_become_dense_a_block_at_a_time(kind, rate):
    rbm = kind(8, batch_size=100, learning_rate=rate, **ONE)
    assert peak(lambda: rbm.fit(ROWS)) < 100
    assert peak(lambda: rbm.transform(ROWS)) < 40
    assert peak(lambda: rbm.free_energy(ROWS)) < 60


@pytest.mark.parametrize("container", [scipy.sparse.csr_array, scipy.sparse.csc_matrix])
def test_blocks_of_sparse_rows_give_the_results_of_an_array(container, bits, monkeypatch):
    monkeypatch.setattr("scratchnet.boltzmann.estimators.base.BLOCK", 12 * 7)  # blocks of 7 rows
    X = container(bits)
    rbm, dbm = BernoulliRBM(4, **ONE).fit(bits), DBM((4, 3), **ONE).fit(bits)
    questions = "transform free_energy score_samples reconstruct log_likelihood".split()
    for ask in [getattr(rbm, name) for name in questions]:
        np.testing.assert_allclose(ask(X), ask(bits), rtol=1e-5, atol=1e-6)
    for ask in (dbm.transform, dbm.log_likelihood_bound):
        np.testing.assert_allclose(ask(X), ask(bits), rtol=1e-5, atol=1e-6)
    for found, expected in zip(dbm.hidden(X), dbm.hidden(bits), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_missing_entry_of_sparse_rows_is_found(bits):
    bits[40, 2] = np.nan
    with pytest.warns(UserWarning, match="missing"):
        BernoulliRBM(3, batch_size=10, **ONE).fit(scipy.sparse.csr_array(bits))


# ------------------------------------------------------------------------------------- guards


@pytest.mark.filterwarnings("ignore:a column has the standard deviation")
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_diverging_fit_raises_and_leaves_the_estimator_unfitted(method, rng):
    X = (5 * rng.standard_normal((60, 4))).astype("float32")
    rbm = GaussianRBM(4, learning_rate=50, n_iter=30, random_state=0)
    with pytest.raises(TrainingDiverged, match="GaussianRBM.*learning_rate=50"):
        with np.errstate(all="ignore"):
            for _ in range(1 if method == "fit" else 200):
                getattr(rbm, method)(X)
    with pytest.raises(NotFittedError):
        rbm.transform(X)


UNFITTED = {
    "sample": lambda: BernoulliRBM().sample(3),
    "components_": lambda: BernoulliRBM().components_,
    "intercept_hidden_": lambda: BernoulliRBM().intercept_hidden_,
    "h_samples_": lambda: BernoulliRBM().h_samples_,
    "log_partition": lambda: BernoulliRBM().log_partition(),
    "log_likelihood": lambda: BernoulliRBM().log_likelihood(np.zeros((2, 3))),
    "inverse_transform": lambda: BernoulliRBM().inverse_transform(np.zeros((2, 3))),
    "transform": lambda: BernoulliRBM().transform(np.zeros((2, 3))),
    "energy": lambda: BernoulliRBM().energy(np.zeros((2, 3)), np.zeros((2, 3))),
    "sigma_": lambda: GaussianRBM().sigma_,
    "DBM, weights_": lambda: DBM().weights_,
    "DBM, hidden": lambda: DBM().hidden(np.zeros((2, 3))),
    "DBM, inverse_transform": lambda: DBM().inverse_transform(np.zeros((2, 3))),
    "DBN, sample": lambda: DBN().sample(2),
    "classifier": lambda: DBNClassifier().predict(np.zeros((2, 3))),
    "baseline": lambda: RatingBaseline().expected_rating([0], [0]),
    "recommend": lambda: RatingRBM().recommend(0),
}


@pytest.mark.parametrize("call", UNFITTED.values(), ids=UNFITTED)
def test_a_question_before_the_fit_raises(call):
    with pytest.raises(NotFittedError, match="not fitted"):
        call()


def test_h_samples_exist_only_with_persistent_chains(bits):
    with pytest.raises(AttributeError, match="trainer='pcd'.*has trainer='cd'"):
        BernoulliRBM(3, trainer="cd", **ONE).fit(bits).h_samples_  # noqa: B018
