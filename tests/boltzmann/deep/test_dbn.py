"""The deep belief network as an estimator: training, samples, labels, contract (T15)."""

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

# ---------------------------------------------------------------------------------- training


def test_up_down_raises_the_bound_and_does_not_change_the_pretrained_rbms():
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


def test_layers_are_rbms_trained_one_on_the_means_of_the_other():
    settings = dict(n_iter=3, learning_rate=0.1, trainer="cd", schedule="linear", batch_size=20)
    dbn = DBN((10, 6), n_iter=3, learning_rate=0.1, random_state=0).fit(X[:200])
    seed = int(check_random_state(0).randint(2**31 - 1))
    one = BernoulliRBM(10, random_state=seed, **settings).fit(X[:200])
    two = BernoulliRBM(6, random_state=seed, **settings).fit(one.transform(X[:200]))
    np.testing.assert_array_equal(dbn.rbms_[1].components_, two.components_)
    expected = two.transform(one.transform(X[:5]))
    np.testing.assert_allclose(dbn.transform(X[:5]), expected, rtol=1e-5)


# ------------------------------------------------------------------------ samples and labels


def estimator_of(network, classes=None):
    """A DBN whose model is the given belief network."""
    rows, y = cube(len(network.generative[0][1])), np.arange(16) % 2
    sizes = [len(r) for _, r in network.recognition] + [len(network.top.biases[1])]
    dbn = DBN(sizes, n_iter=0, labels=classes is not None, random_state=0).fit(rows, y)
    dbn.belief_network_ = network
    return dbn


@pytest.mark.parametrize("sizes", SHAPES[1:], ids=str)
def test_samples_follow_the_exact_distribution(sizes, rng):
    network = belief_network(rng, sizes)
    samples = estimator_of(network).sample(20_000, burn_in=40)
    share = [(samples == v).all(axis=1).mean() for v in cube(4)]
    np.testing.assert_allclose(share, np.exp(network.log_likelihood(cube(4))), atol=0.02)


def test_samples_of_a_class_follow_the_conditional_distribution(rng):
    network = belief_network(rng, (4, 3, 2), K=2)
    dbn = estimator_of(network, classes=[0, 1])
    samples = dbn.sample(20_000, burn_in=40, label=1)
    h = np.hstack([cube(3), np.tile([0.0, 1.0], (8, 1))])
    p_h = np.exp(exact.log_likelihood(network.top, h))
    G, g = network.generative[0]
    p = np.exp([[log_p(v, one @ G + g) for one in cube(3)] for v in cube(4)]) @ (p_h / p_h.sum())
    share = [(samples == v).all(axis=1).mean() for v in cube(4)]
    np.testing.assert_allclose(share, p, atol=0.02)
    assert dbn.sample(3, 2, label=[0, 1, 1], mean=True).shape == (3, 4)
    with pytest.raises(ValueError, match="unknown label '?2'?: choose one of 0, 1"):
        dbn.sample(2, label=2)
    with pytest.raises(ValueError, match="labels=True"):
        estimator_of(belief_network(rng, (4, 3, 2))).sample(2, label=1)


def test_it_predicts_labels_and_samples_digits_of_a_class():
    settings = dict(n_iter=20, learning_rate=0.2, fine_tune="up-down", fine_tune_iter=10)
    dbn = DBN((64, 64), labels=True, fine_tune_rate=0.2, random_state=0, **settings)
    dbn.fit(X[:1400], Y[:1400])
    p = dbn.label_probabilities(X[1400:])
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    assert (dbn.classes_[p.argmax(axis=1)] == Y[1400:]).mean() > 0.75
    label = np.repeat(np.arange(10), 10)
    samples = dbn.sample(100, burn_in=200, label=label, mean=True)
    predicted = LogisticRegression(max_iter=500).fit(X, Y).predict(samples)
    assert (predicted == label).mean() > 0.6
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
def test_it_passes_the_estimator_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_it_works_in_a_pipeline_with_a_grid_search():
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
            samples, exactly = there.sample(3, 2, label=1), there.log_likelihood(X[:5])
    np.testing.assert_allclose(top, here.transform(X[:5]), atol=1e-5)
    np.testing.assert_allclose(p, here.label_probabilities(X[:5]), atol=1e-5)
    np.testing.assert_allclose(exactly, here.log_likelihood(X[:5]), atol=1e-4)
    assert isinstance(samples, np.ndarray)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(n_components=()), "at least one layer"),
        (dict(n_components=(4, 0)), "n_components >= 1"),
        (dict(fine_tune="backprop"), "choose one of up-down"),
        (dict(fine_tune_k=0), "fine_tune_k >= 1"),
        (dict(fine_tune_rate=0), "fine_tune_rate > 0"),
        (dict(labels=True), "needs y"),
    ],
)
def test_an_option_out_of_its_range_raises(options, message):
    with pytest.raises(ValueError, match=message):
        DBN(**options).fit(X[:10])


def test_too_many_states_raise():
    dbn = DBN((30, 3), n_iter=0).fit(X[:10])
    with pytest.raises(ValueError, match="too many to enumerate"):
        dbn.log_likelihood(X[:2])


def test_continuous_labels_raise_and_words_do_not(rng):
    X, dbn = rng.random((20, 4)), DBN((3,), labels=True, n_iter=1, random_state=0)
    with pytest.raises(ValueError, match="label.*continuous"):
        dbn.fit(X, rng.standard_normal(20))
    assert list(dbn.fit(X, np.array(["a", "b"])[np.arange(20) % 2]).classes_) == ["a", "b"]


def test_values_that_are_no_probabilities_raise_a_warning(rng):
    with pytest.warns(UserWarning, match="0 to 1.*scale"):
        DBN((3,), n_iter=1).fit(5 * rng.random((40, 6)))
