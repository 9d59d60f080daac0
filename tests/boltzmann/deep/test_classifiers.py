"""The classifiers: initial weights from a DBN or DBM, training on labels, contract (T15)."""

import fake_cupy
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from scratchnet.backend import parity, use_device
from scratchnet.boltzmann import DBM, DBN, DBMClassifier, DBNClassifier
from scratchnet.boltzmann.machine.mean_field import mean_field, sweep
from scratchnet.gradcheck import gradcheck
from scratchnet.losses import SoftmaxCrossEntropy

X, Y = load_digits(return_X_y=True)
X = (X / 16).astype("float32")
UNTRAINED = dict(n_iter=1, learning_rate=1e-12, random_state=0)  # almost


def hidden(classifier, v):
    """The outputs of the hidden layers of a classifier."""
    outputs = []
    for dense, sigmoid in zip(
        classifier.network_.layers[:-1:2], classifier.network_.layers[1::2], strict=True
    ):
        v = sigmoid(dense(v))
        outputs.append(v)
    return outputs


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("sizes", [(9,), (9, 7), (9, 7, 5)])
def test_the_initial_outputs_are_the_upward_means_of_the_dbn(sizes, labels):
    dbn = DBN(sizes, n_iter=2, labels=labels, random_state=0).fit(X[:200], Y[:200])
    top = DBNClassifier(FrozenEstimator(dbn), **UNTRAINED).fit(X[:200], Y[:200])
    means = dbn.belief_network_.means_up(X[:5])[1:]
    found = hidden(top, X[:5])
    for mean, h in zip(means, found, strict=False):
        np.testing.assert_allclose(h, mean, atol=1e-6)
    no_label = np.zeros((5, dbn.belief_network_.K), dtype="float32")
    visible = np.hstack([dbn.belief_network_.means_up(X[:5])[-1], no_label])
    np.testing.assert_allclose(
        found[-1], dbn.belief_network_.top.mean(1, [visible, None]), atol=1e-6
    )
    assert len(found) == len(sizes)


def test_the_initial_outputs_are_one_more_mean_field_sweep_of_the_dbm():
    dbm = DBM((9, 7), pretrain=5, n_iter=2, random_state=0).fit(X[:200])
    top = DBMClassifier(FrozenEstimator(dbm), **UNTRAINED).fit(X[:200], Y[:200])
    mu = mean_field(dbm.energy_model_, X[:5], 10)
    v = np.hstack([X[:5], mu[2]])
    again = sweep(dbm.energy_model_, mu, clamped=0)
    for mean, h in zip(again[1:], hidden(top, v), strict=True):
        np.testing.assert_allclose(h, mean, atol=1e-6)
    np.testing.assert_allclose(top.inputs(X[:5]), v, atol=1e-6)


@pytest.mark.parametrize("sizes, width", [((9,), 64), ((9, 7), 71), ((9, 7, 5), 71)])
def test_q_of_h2_is_an_input_of_a_dbm_with_two_layers(sizes, width):
    dbm = DBM(sizes, pretrain=1, n_iter=1, random_state=0)
    shape = (width,)
    assert DBMClassifier(dbm, **UNTRAINED).fit(X[:60], Y[:60]).network_.input_shape == shape
    plain = DBMClassifier(dbm, pretrain=False, **UNTRAINED).fit(X[:60], Y[:60])
    assert plain.network_.input_shape == (64,) and plain.pretrained_ is None


def test_training_does_not_change_the_pretrained_model():
    dbn = DBN((9, 7), n_iter=2, random_state=0).fit(X[:100])
    before = dbn.transform(X[:5])
    top = DBNClassifier(FrozenEstimator(dbn), n_iter=3, learning_rate=0.01).fit(X[:100], Y[:100])
    np.testing.assert_array_equal(dbn.transform(X[:5]), before)
    assert abs(hidden(top, X[:5])[-1] - before).max() > 0.01
    fresh = DBNClassifier(dbn, n_iter=1, random_state=0).fit(X[:100] * 0.5, Y[:100])
    np.testing.assert_array_equal(dbn.transform(X[:5]), before)  # a clone was fitted
    assert fresh.pretrained_ is not dbn


@pytest.mark.parametrize("classifier", [DBNClassifier, DBMClassifier])
def test_its_gradients_are_right_and_it_learns(classifier):
    machine = DBN((30,), n_iter=3) if classifier is DBNClassifier else DBM((30, 9), n_iter=3)
    top = classifier(machine, n_iter=15, learning_rate=0.01, random_state=0)
    top.fit(X[:1000], Y[:1000])
    v = top.inputs(X[:3])
    assert gradcheck(top.network_, v, Y[:3], loss=SoftmaxCrossEntropy(), samples=30).ok
    assert top.score(X[1000:], Y[1000:]) > 0.85
    assert len(top.history_["loss"]) == 15
    np.testing.assert_allclose(top.predict_proba(X[:9]).sum(axis=1), 1, rtol=1e-5)


def test_it_has_no_sample_method():
    assert not hasattr(DBNClassifier(), "sample") and not hasattr(DBMClassifier(), "sample")


SCALED = dict(n_iter=20, learning_rate=0.05)


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(
    [
        DBNClassifier(DBN((8, 6), n_iter=1), **SCALED),
        DBMClassifier(DBM((8, 6), n_iter=1, pretrain=1), **SCALED),
    ]
)
def test_it_passes_the_estimator_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "classifier, grid",
    [
        (DBNClassifier(DBN((8, 6), n_iter=1), n_iter=1), "top__dbn__n_components"),
        (DBMClassifier(DBM((8, 6), n_iter=1, pretrain=1), n_iter=1), "top__dbm__n_components"),
    ],
)
def test_it_works_in_a_pipeline_with_a_grid_search(classifier, grid):
    pipeline = Pipeline([("scale", MinMaxScaler()), ("top", classifier)])
    search = GridSearchCV(pipeline, {grid: [(8, 6), (8, 6, 4)]}, cv=2).fit(X[:200], Y[:200])
    assert search.predict(X[:3]).shape == (3,)


@pytest.mark.parametrize("machine", [DBN((6, 4), n_iter=2), DBM((6, 4), n_iter=2, pretrain=2)])
def test_the_stand_in_for_a_gpu_gives_the_same_numbers(machine):
    classifier = DBNClassifier if isinstance(machine, DBN) else DBMClassifier
    machine.set_params(random_state=0)
    with parity():
        here = classifier(machine, n_iter=2, random_state=0).fit(X[:60], Y[:60])
        with fake_cupy.installed(), use_device("gpu"):
            there = classifier(machine, n_iter=2, random_state=0).fit(X[:60], Y[:60])
            assert type(there.network_.layers[0].W) is not np.ndarray
            p = there.predict_proba(X[:5])
    assert isinstance(p, np.ndarray)
    np.testing.assert_allclose(p, here.predict_proba(X[:5]), atol=1e-5)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(pretrain="no"), "True or False"),
        (dict(n_iter=0), "n_iter >= 1"),
        (dict(learning_rate=-1), "learning_rate"),
        (dict(dbn=DBN(())), "at least one layer"),
    ],
)
def test_an_option_out_of_its_range_raises(options, message):
    with pytest.raises(ValueError, match=message):
        DBNClassifier(**options).fit(X[:20], Y[:20])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("classifier", [DBNClassifier(DBN((9, 7), n_iter=1)), DBMClassifier()])
def test_a_prediction_does_not_depend_on_the_other_rows(classifier, dtype):
    rows = X[:150].astype(dtype)
    classifier.set_params(n_iter=2, random_state=0).fit(rows, Y[:150])
    expected = classifier.predict_proba(rows)
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(150)
        found = classifier.predict_proba(rows[order])
        np.testing.assert_allclose(found, expected[order], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(
            classifier.predict_proba(rows[seed : seed + 1]), expected[seed : seed + 1], rtol=1e-10
        )
