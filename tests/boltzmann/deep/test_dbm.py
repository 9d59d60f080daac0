"""The deep Boltzmann machine as an estimator: what it learns, samples, scikit-learn's contract."""

import fake_cupy
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks
from small_machines import cube
from small_machines import dbm as random_dbm

from scratchnet.backend import parity, use_device
from scratchnet.boltzmann import DBM, Bernoulli, EnergyModel, exact
from scratchnet.boltzmann.machine.gibbs import gibbs
from scratchnet.boltzmann.machine.mean_field import mean_field

DIGITS = (load_digits().data / 16 > 0.5).astype("float32")
TRAIN, TEST = train_test_split(DIGITS, test_size=0.2, random_state=0)


@pytest.fixture(scope="module")
def trained():
    settings = dict(pretrain=10, pretrain_rate=0.2, learning_rate=0.1, random_state=0)
    dbm = DBM((16, 10), n_iter=3, **settings)
    return dbm.fit(TRAIN[:400])


# ----------------------------------------------------------------------------------------- training


def test_the_joint_step_is_mean_field_minus_particles():
    dbm = DBM((6, 4), pretrain=2, n_iter=0, learning_rate=0.1, random_state=0).fit(TRAIN[:100])
    source, trainer = dbm.rng_.fork(0), dbm.trainer_
    dbm.rng_ = source.fork(1)
    dbm.partial_fit(TRAIN[:20])  # creates the particles
    before = dbm.energy_model_.map_arrays(lambda a: a.copy())
    particles, dbm.rng_ = list(trainer.particles), source.fork(2)
    dbm.partial_fit(TRAIN[:20])

    mu = mean_field(before, TRAIN[:20], 10)
    _, means = gibbs(before, particles, 1, source.fork(2))
    for i in (1, 2):
        dW = mu[i - 1].T @ mu[i] / 20 - means[i - 1].T @ means[i] / 100
        moved = dbm.energy_model_.weights[i - 1] - before.weights[i - 1]
        np.testing.assert_allclose(moved, 0.1 * dW, atol=1e-6)


def test_on_digits_it_reaches_the_published_likelihood_with_both_layers_in_use():
    """T13; after 100 epochs -18.6, see the lesson on the deep Boltzmann machine."""
    settings = dict(pretrain=20, pretrain_rate=0.1, learning_rate=0.1, random_state=0)
    dbm = DBM((16, 10), n_iter=15, **settings).fit(TRAIN)
    truth, bound = dbm.log_likelihood(TEST).mean(), dbm.log_likelihood_bound(TEST).mean()
    assert truth > -19.2
    assert 0 < truth - bound < 0.3
    assert abs(dbm.weights_[1]).mean() > 0.2

    idle = DBM((16, 10), pretrain=0, n_iter=15, learning_rate=0.1, random_state=0).fit(TRAIN)
    assert abs(idle.weights_[1]).mean() < 0.1  # which is the reason for pretraining


def test_ais_of_a_trained_dbm_agrees_with_enumeration(trained):
    estimate = trained.log_partition("ais", n_temperatures=500, n_runs=100)
    assert estimate.low < trained.log_partition().value < estimate.high
    assert abs(estimate.value - trained.log_partition().value) < 0.1


# ------------------------------------------------------------------------------------------ results


def single_precision(rng):
    return random_dbm(rng, (4, 3, 2)).map_arrays(lambda a: a.astype("float32"))


def test_clamped_units_are_fixed_and_the_others_follow_the_conditional(rng):
    dbm = DBM((3, 2), pretrain=0, n_iter=0, random_state=0).fit(cube(4).astype("float32"))
    dbm.energy_model_ = model = single_precision(rng)
    clamp = np.array([1.0, 0.0, np.nan, np.nan], dtype="float32")
    samples = dbm.sample(20_000, burn_in=40, clamp=clamp)
    assert (samples[:, :2] == [1, 0]).all()
    v = np.concatenate([np.tile([1.0, 0.0], (4, 1)), cube(2)], axis=1)
    p = np.exp(exact.log_likelihood(model, v))
    share = [(samples[:, 2:] == rest).all(axis=1).mean() for rest in cube(2)]
    np.testing.assert_allclose(share, p / p.sum(), atol=0.02)


def test_samples_follow_the_exact_distribution(rng):
    dbm = DBM((3, 2), pretrain=0, n_iter=0, random_state=0).fit(cube(4).astype("float32"))
    dbm.energy_model_ = model = single_precision(rng)
    for samples in (dbm.sample(20_000, burn_in=40), dbm.gibbs(np.tile(cube(4), (2000, 1)), 40)):
        share = [(samples == v).all(axis=1).mean() for v in cube(4)]
        np.testing.assert_allclose(share, np.exp(exact.log_likelihood(model, cube(4))), atol=0.02)


def test_results_have_their_shapes(trained):
    h1, h2 = trained.hidden(TEST[:7])
    assert h1.shape == (7, 16) and h2.shape == (7, 10)
    np.testing.assert_array_equal(trained.transform(TEST[:7]), h2)
    assert trained.reconstruct(TEST[:7]).shape == trained.inverse_transform(h2).shape == (7, 64)
    assert trained.energy(TEST[:7], h1, h2).shape == (7,)
    assert (trained.log_likelihood_bound(TEST) <= trained.log_likelihood(TEST) + 1e-4).all()


def test_inverse_transform_reaches_the_visible_units_from_the_top_layer():
    dbm = DBM((1, 1), pretrain=0, n_iter=0, random_state=0).fit(cube(1))
    weights, biases = [np.full((1, 1), 8.0)] * 2, [np.full(1, -4.0)] * 3
    dbm.energy_model_ = EnergyModel([Bernoulli()] * 3, weights, biases)
    on, off = dbm.inverse_transform(np.array([[1.0], [0.0]]))[:, 0]
    assert on > 0.95 and off < 0.05


# ----------------------------------------------------------------------------------- contract (T15)


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([DBM((3, 2), n_iter=2, pretrain=2)])
def test_it_passes_the_estimator_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_it_works_in_a_pipeline_with_a_grid_search():
    y = load_digits().target
    dbm = DBM((8, 6), n_iter=1, pretrain=1, random_state=0)
    pipeline = Pipeline([("dbm", dbm), ("logistic", LogisticRegression(max_iter=200))])
    search = GridSearchCV(pipeline, {"dbm__n_components": [(8, 6), (8, 6, 4)]}, cv=2)
    search.fit(DIGITS[:200], y[:200])
    assert search.best_estimator_["dbm"].get_feature_names_out()[0] == "dbm0"


def test_the_stand_in_for_a_gpu_gives_the_same_numbers():
    settings = dict(n_iter=2, pretrain=2, random_state=0)
    with parity():
        here = DBM((6, 4), **settings).fit(TRAIN[:60])
        with fake_cupy.installed(), use_device("gpu"):
            there = DBM((6, 4), **settings).fit(TRAIN[:60])
            assert type(there.energy_model_.weights[1]) is not np.ndarray
            W2, top, samples = there.weights_[1], there.transform(TEST[:5]), there.sample(3, 2)
    np.testing.assert_allclose(W2, here.weights_[1], atol=1e-5)
    np.testing.assert_allclose(top, here.transform(TEST[:5]), atol=1e-5)
    assert isinstance(samples, np.ndarray)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(n_components=()), "at least one layer"),
        (dict(n_components=(4, 0)), "n_components >= 1"),
        (dict(mean_field_steps=0), "mean_field_steps >= 1"),
        (dict(pretrain=-1), "pretrain >= 0"),
    ],
)
def test_an_option_out_of_its_range_raises(options, message):
    with pytest.raises(ValueError, match=message):
        DBM(**options).fit(TRAIN[:10])


def test_missing_entries_raise():
    x = TRAIN[:10].copy()
    x[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        DBM((3, 2)).fit(x)
