"""The deep belief network as an estimator: what it learns, what it dreams, its contract (T15)."""

import fake_cupy
import numpy as np
import pytest
from belief_networks import SHAPES, belief_network, log_p
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.estimator_checks import parametrize_with_checks
from small_machines import cube

from scratchnet.backend import parity, use_device
from scratchnet.boltzmann import DBN, BernoulliRBM, exact

X, Y = load_digits(return_X_y=True)
X = (X / 16 > 0.5).astype("float32")

# ---------------------------------------------------------------------------------- learning


def test_up_down_makes_the_bound_higher_and_leaves_the_pretrained_machines_alone():
    settings = dict(n_iter=15, random_state=0, fine_tune_iter=15, fine_tune_rate=0.3)
    greedy = DBN((12, 8), **settings).fit(X[:600])
    tuned = DBN((12, 8), fine_tune="up-down", **settings).fit(X[:600])
    assert (
        tuned.log_likelihood_bound(X[:200]).mean() > greedy.log_likelihood_bound(X[:200]).mean() + 1
    )
    assert tuned.log_likelihood(X[:200]).mean() > greedy.log_likelihood(X[:200]).mean() + 1
    for a, b in zip(greedy.rbms_, tuned.rbms_, strict=True):
        np.testing.assert_array_equal(a.components_, b.components_)
    assert len(tuned.history_["reconstruction"]) == 15 and not greedy.history_["reconstruction"]


def test_greedy_layers_are_rbms_trained_one_on_the_other():
    settings = dict(n_iter=3, learning_rate=0.1, trainer="cd", schedule="linear", batch_size=20)
    dbn = DBN((10, 6), n_iter=3, learning_rate=0.1, random_state=0).fit(X[:200])
    seed = int(check_random_state(0).randint(2**31 - 1))
    one = BernoulliRBM(10, random_state=seed, **settings).fit(X[:200])
    two = BernoulliRBM(6, random_state=seed, **settings).fit(one.transform(X[:200]))
    np.testing.assert_array_equal(dbn.rbms_[1].components_, two.components_)
    expected = two.transform(one.transform(X[:5]))
    np.testing.assert_allclose(dbn.transform(X[:5]), expected, rtol=1e-5)


# ------------------------------------------------------------------------------------- dreams


def made(belief, classes=None):
    """An estimator around a model."""
    rows, y = cube(len(belief.generative[0][1])), np.arange(16) % 2
    sizes = [len(r) for _, r in belief.recognition] + [len(belief.top.biases[1])]
    dbn = DBN(sizes, n_iter=0, labels=classes is not None, random_state=0).fit(rows, y)
    dbn.belief_network_ = belief
    return dbn


@pytest.mark.parametrize("sizes", SHAPES[1:], ids=str)
def test_dreams_follow_the_exact_distribution(sizes, rng):
    belief = belief_network(rng, sizes)
    dreams = made(belief).sample(20_000, burn_in=40)
    share = [(dreams == v).all(axis=1).mean() for v in cube(4)]
    np.testing.assert_allclose(share, np.exp(belief.log_likelihood(cube(4))), atol=0.02)


def test_a_clamped_label_is_dreamt_of(rng):
    belief = belief_network(rng, (4, 3, 2), K=2)
    dbn = made(belief, classes=[0, 1])
    dreams = dbn.sample(20_000, burn_in=40, label=1)
    h = np.hstack([cube(3), np.tile([0.0, 1.0], (8, 1))])
    p_h = np.exp(exact.log_likelihood(belief.top, h))
    G, g = belief.generative[0]
    p = np.exp([[log_p(v, one @ G + g) for one in cube(3)] for v in cube(4)]) @ (p_h / p_h.sum())
    share = [(dreams == v).all(axis=1).mean() for v in cube(4)]
    np.testing.assert_allclose(share, p, atol=0.02)
    assert dbn.sample(3, 2, label=[0, 1, 1], mean=True).shape == (3, 4)
    with pytest.raises(ValueError, match="unknown label '?2'?: choose one of 0, 1"):
        dbn.sample(2, label=2)
    with pytest.raises(ValueError, match="labels=True"):
        made(belief_network(rng, (4, 3, 2))).sample(2, label=1)


def test_it_reads_labels_and_dreams_of_them():
    settings = dict(n_iter=20, learning_rate=0.2, fine_tune="up-down", fine_tune_iter=10)
    dbn = DBN((64, 64), labels=True, fine_tune_rate=0.2, random_state=0, **settings)
    dbn.fit(X[:1400], Y[:1400])
    p = dbn.label_probabilities(X[1400:])
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    assert (dbn.classes_[p.argmax(axis=1)] == Y[1400:]).mean() > 0.75
    asked = np.repeat(np.arange(10), 10)
    dreams = dbn.sample(100, burn_in=200, label=asked, mean=True)
    answer = LogisticRegression(max_iter=500).fit(X, Y).predict(dreams)
    assert (answer == asked).mean() > 0.6
    assert dbn.transform(X[:3]).shape == (3, 64) and dbn.reconstruct(X[:3]).shape == (3, 64)


def test_log_z_by_enumeration_and_by_importance_sampling_agree():
    dbn = DBN((12, 8), n_iter=5, random_state=0).fit(X[:300])
    assert dbn.log_partition().value == exact.log_partition(dbn.belief_network_.top)
    estimate = dbn.log_partition("ais", n_temperatures=300)
    assert abs(estimate.value - dbn.log_partition().value) < 0.1
    assert dbn.log_likelihood_bound(X[:4], log_Z=estimate.value).shape == (4,)
    assert (dbn.log_likelihood_bound(X[:50], n_draws=200) < dbn.log_likelihood(X[:50]) + 0.1).all()


# ------------------------------------------------------------------------- contract (T15)


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(
    [DBN((3, 2), n_iter=2), DBN(3, n_iter=1, fine_tune="up-down", fine_tune_iter=1)]
)
def test_keeps_scikit_learns_contract(estimator, check):
    check(estimator)


def test_stands_in_a_pipeline_and_a_grid_search():
    steps = [("dbn", DBN(n_iter=1, random_state=0)), ("logistic", LogisticRegression(max_iter=99))]
    search = GridSearchCV(Pipeline(steps), {"dbn__n_components": [(8, 6), (8, 6, 4)]}, cv=2)
    search.fit(X[:200], Y[:200])
    assert search.best_estimator_["dbn"].get_feature_names_out()[0] == "dbn0"


def test_the_stand_in_for_a_gpu_gives_the_same_numbers():
    settings = dict(labels=True, n_iter=2, fine_tune="up-down", fine_tune_iter=2, random_state=0)
    with parity():
        here = DBN((6, 4), **settings).fit(X[:60], Y[:60])
        with fake_cupy.installed(), use_device("gpu"):
            there = DBN((6, 4), **settings).fit(X[:60], Y[:60])
            assert type(there.belief_network_.top.weights[0]) is not np.ndarray
            top, p = there.transform(X[:5]), there.label_probabilities(X[:5])
            dreams, exactly = there.sample(3, 2, label=1), there.log_likelihood(X[:5])
    np.testing.assert_allclose(top, here.transform(X[:5]), atol=1e-5)
    np.testing.assert_allclose(p, here.label_probabilities(X[:5]), atol=1e-5)
    np.testing.assert_allclose(exactly, here.log_likelihood(X[:5]), atol=1e-4)
    assert isinstance(dreams, np.ndarray)


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        (dict(n_components=()), "at least one layer"),
        (dict(n_components=(4, 0)), "n_components >= 1"),
        (dict(fine_tune="backprop"), "choose one of up-down"),
        (dict(fine_tune_k=0), "fine_tune_k >= 1"),
        (dict(fine_tune_rate=0), "fine_tune_rate > 0"),
        (dict(labels=True), "needs y"),
    ],
)
def test_bad_settings_get_a_sentence(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        DBN(**wrong).fit(X[:10])


def test_too_many_states_are_refused():
    dbn = DBN((30, 3), n_iter=0).fit(X[:10])
    with pytest.raises(ValueError, match="too many to enumerate"):
        dbn.log_likelihood(X[:2])
