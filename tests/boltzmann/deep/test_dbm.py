"""The deep Boltzmann machine against sums over every state (T7), AIS at depth (T6), T13, T15."""

import itertools
import math

import fake_cupy
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks
from small_machines import cube

from scratchnet.backend import RNG, float64, parity, use_device
from scratchnet.boltzmann import DBM, Bernoulli, BernoulliRBM, EnergyModel, ais, exact
from scratchnet.boltzmann.deep.pretraining import DoubledBernoulli, compose_dbm, stacked_rbms
from scratchnet.boltzmann.machine.gibbs import EVEN, ODD, gibbs
from scratchnet.boltzmann.machine.mean_field import bottom_up, lower_bound, mean_field, settling

DIGITS = (load_digits().data / 16 > 0.5).astype("float32")
TRAIN, TEST = train_test_split(DIGITS, test_size=0.2, random_state=0)
SHAPES = [(5, 4, 3), (4, 3, 3, 2), (4, 2, 3, 2, 2)]
each_shape = pytest.mark.parametrize("sizes", SHAPES, ids=lambda s: "-".join(map(str, s)))


def machine(rng, sizes, scale=1.0):
    weights = [scale * rng.standard_normal(pair) for pair in itertools.pairwise(sizes)]
    biases = [rng.standard_normal(n) for n in sizes]
    return EnergyModel([Bernoulli() for _ in sizes], weights, biases)


def joint(network):
    """Every joint state of a machine, as layers, and exp(-E) of each."""
    sizes = [len(b) for b in network.biases]
    layers = np.split(cube(sum(sizes)), np.cumsum(sizes)[:-1], axis=1)
    return layers, np.exp(-network.energy(layers))


@pytest.fixture(scope="module")
def trained():
    settings = dict(pretrain=10, pretrain_rate=0.2, learning_rate=0.1, random_state=0)
    dbm = DBM((16, 10), n_iter=3, **settings)
    return dbm.fit(TRAIN[:400])


# -------------------------------------------------------------------------- the model (T7)


@each_shape
def test_each_layer_follows_from_its_neighbours_as_in_a_sum_over_all_states(sizes, rng):
    network = machine(rng, sizes)
    layers, weights = joint(network)
    asked = [(rng.random((1, n)) < 0.5).astype(float) for n in sizes]
    for i in range(len(sizes)):
        match = np.ones(len(weights), bool)  # where all layers but i are as asked
        for j, h in enumerate(asked):
            match &= (j == i) | (layers[j] == h).all(axis=1)
        mean = weights[match] @ layers[i][match] / weights[match].sum()
        np.testing.assert_allclose(network.mean(i, asked)[0], mean, atol=1e-12)


def test_without_its_second_layer_it_is_an_rbm(rng):
    network, v = machine(rng, (5, 4, 3)), cube(5)
    network.weights[1][...] = 0
    rbm = EnergyModel(network.units[:2], network.weights[:1], network.biases[:2])
    np.testing.assert_allclose(
        exact.log_likelihood(network, v), exact.log_likelihood(rbm, v), atol=1e-12
    )
    mu, with_rbm = mean_field(network, v, 1), rbm.mean(1, [v, None])
    np.testing.assert_allclose(mu[1], with_rbm, atol=1e-12)
    at = lower_bound(network, mu) - exact.log_partition(network)
    np.testing.assert_allclose(at, exact.log_likelihood(rbm, v), atol=1e-12)


@each_shape
@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_the_bound_never_falls_and_stays_below_the_truth(sizes, scale, rng):
    network, v = machine(rng, sizes, scale), cube(sizes[0])
    truth, log_z = exact.log_likelihood(network, v), exact.log_partition(network)
    sweeps = itertools.islice(settling(network, v), 30)
    bounds = np.array([lower_bound(network, layers) - log_z for layers in sweeps])
    assert (np.diff(bounds, axis=0) > -1e-12).all()
    assert (bounds <= truth + 1e-12).all()
    assert (bounds[-1] > bounds[0]).any()


def test_all_layers_at_once_may_fall_which_is_why_sides_take_turns():
    """Two layers that agree strongly, and start in disagreement, change places for ever."""
    weights, biases = [np.zeros((1, 1)), np.full((1, 1), 8.0)], [np.full(1, -4.0)] * 3
    network = EnergyModel([Bernoulli()] * 3, weights, biases)
    at = [np.zeros((1, 1)), np.array([[0.99]]), np.array([[0.01]])]
    both = [at[0], network.mean(1, at), network.mean(2, at)]
    assert both[1] < 0.03 and both[2] > 0.97  # they swapped


@each_shape
def test_the_bound_is_the_mean_energy_plus_the_entropy_of_independent_units(sizes, rng):
    network, v = machine(rng, sizes), (rng.random((1, sizes[0])) < 0.5).astype(float)
    mu = bottom_up(network, v)
    hidden, means = cube(sum(sizes[1:])), np.concatenate(mu[1:], axis=1)
    q = np.prod(np.where(hidden == 1, means, 1 - means), axis=1)
    layers = [np.repeat(v, len(q), axis=0), *np.split(hidden, np.cumsum(sizes[1:])[:-1], axis=1)]
    bound = q @ (-network.energy(layers) - np.log(q))
    np.testing.assert_allclose(lower_bound(network, mu), bound, atol=1e-12)


def test_entropy_knows_that_0_log_0_is_0():
    mean = np.array([[0.0, 1.0, 0.5]])
    np.testing.assert_allclose(Bernoulli().entropy(mean), math.log(2))


# ---------------------------------------------------------------------- log Z by AIS (T6)


@pytest.mark.parametrize("side", [EVEN, ODD])
@pytest.mark.parametrize("n_temperatures", [1, 2, 3])
def test_the_mean_weight_is_unbiased_even_with_few_temperatures(side, n_temperatures, rng):
    network, n = machine(rng, (4, 3, 3, 2), 0.7), 60_000
    base = [rng.standard_normal(4), None, None, None]
    with float64():
        estimate = ais(network, RNG(1), n_temperatures, n, base, side)
    w = np.exp(estimate.log_weights - exact.log_partition(network))
    assert abs(w.mean() - 1) < 5 * w.std() / math.sqrt(n)
    assert w.std() / math.sqrt(n) < 0.05  # sharp enough to notice


def test_ais_of_a_trained_machine_agrees_with_enumeration(trained):
    estimate = trained.log_partition("ais", n_temperatures=500, n_runs=100)
    assert estimate.low < trained.log_partition().value < estimate.high
    assert abs(estimate.value - trained.log_partition().value) < 0.1


# ------------------------------------------------------------------------------ pretraining


def test_pretraining_counts_no_layer_twice():
    rbms = stacked_rbms(TRAIN[:60], (6, 5, 4), doubled=True, n_iter=1, random_state=0)
    first, middle, last = (rbm.energy_model_ for rbm in rbms)
    v, h = TRAIN[:3], (TRAIN[:3, :6] > 0).astype("float32")
    W, (a, b) = first.weights[0], first.biases
    np.testing.assert_allclose(first.field(1, [v, None]), 2 * v @ W + b, rtol=1e-5)
    np.testing.assert_allclose(first.field(0, [None, h]), h @ W.T + a, rtol=1e-5)
    W, (a, b) = last.weights[0], last.biases
    np.testing.assert_allclose(last.field(1, [h[:, :5], None]), h[:, :5] @ W + b, rtol=1e-5)
    np.testing.assert_allclose(last.field(0, [None, h[:, :4]]), 2 * h[:, :4] @ W.T + a, rtol=1e-5)
    assert not any(isinstance(unit, DoubledBernoulli) for unit in middle.units)

    dbm = compose_dbm(rbms)
    np.testing.assert_array_equal(dbm.weights[0], first.weights[0])
    np.testing.assert_array_equal(dbm.weights[1], middle.weights[0] / 2)
    np.testing.assert_array_equal(dbm.weights[2], last.weights[0])
    np.testing.assert_array_equal(dbm.biases[1], (first.biases[1] + middle.biases[0]) / 2)
    np.testing.assert_array_equal(dbm.biases[3], last.biases[1])
    assert type(dbm.units[0]) is Bernoulli


def test_of_one_layer_nothing_is_doubled():
    (rbm,) = stacked_rbms(TRAIN[:60], (6,), doubled=True, n_iter=2, random_state=0)
    same = BernoulliRBM(6, n_iter=2, random_state=0).fit(TRAIN[:60])
    np.testing.assert_array_equal(rbm.components_, same.components_)


def test_joint_training_leaves_the_pretrained_machines_as_they_were():
    settings = dict(pretrain=2, learning_rate=0.1, random_state=0)
    before = DBM((6, 4), n_iter=0, **settings).fit(TRAIN[:100])
    after = DBM((6, 4), n_iter=2, **settings).fit(TRAIN[:100])
    for was, now in zip(before.rbms_, after.rbms_, strict=True):
        np.testing.assert_array_equal(was.components_, now.components_)
    assert abs(before.weights_[1] - after.weights_[1]).max() > 1e-3


# --------------------------------------------------------------------------------- learning


def test_the_joint_step_is_mean_field_minus_particles():
    dbm = DBM((6, 4), pretrain=2, n_iter=0, learning_rate=0.1, random_state=0).fit(TRAIN[:100])
    rng_was, trainer = dbm.rng_.fork(0), dbm.trainer_
    dbm.rng_ = rng_was.fork(1)
    dbm.partial_fit(TRAIN[:20])  # now there are particles
    before = dbm.energy_model_.map_arrays(lambda a: a.copy())
    particles, dbm.rng_ = list(trainer.particles), rng_was.fork(2)
    dbm.partial_fit(TRAIN[:20])

    mu = mean_field(before, TRAIN[:20], 10)
    _, dreams = gibbs(before, particles, 1, rng_was.fork(2))
    for i in (1, 2):
        dW = mu[i - 1].T @ mu[i] / 20 - dreams[i - 1].T @ dreams[i] / 100
        moved = dbm.energy_model_.weights[i - 1] - before.weights[i - 1]
        np.testing.assert_allclose(moved, 0.1 * dW, atol=1e-6)


def test_on_digits_it_reaches_the_likelihood_of_the_guide_with_both_layers_in_use():
    """T13; the whole bar, -18.6 after 100 epochs, is lesson 25's."""
    settings = dict(pretrain=20, pretrain_rate=0.1, learning_rate=0.1, random_state=0)
    dbm = DBM((16, 10), n_iter=15, **settings).fit(TRAIN)
    truth, bound = dbm.log_likelihood(TEST).mean(), dbm.log_likelihood_bound(TEST).mean()
    assert truth > -19.2
    assert 0 < truth - bound < 0.3
    assert abs(dbm.weights_[1]).mean() > 0.2

    idle = DBM((16, 10), pretrain=0, n_iter=15, learning_rate=0.1, random_state=0).fit(TRAIN)
    assert abs(idle.weights_[1]).mean() < 0.1  # why there is pretraining


# --------------------------------------------------------------------------------- answering


def test_clamped_units_stay_and_the_others_follow_from_them(rng):
    dbm = DBM((3, 2), pretrain=0, n_iter=0, random_state=0).fit(cube(4).astype("float32"))
    dbm.energy_model_ = network = machine(rng, (4, 3, 2)).map_arrays(lambda a: a.astype("float32"))
    clamp = np.array([1.0, 0.0, np.nan, np.nan], dtype="float32")
    dreams = dbm.sample(20_000, burn_in=40, clamp=clamp)
    assert (dreams[:, :2] == [1, 0]).all()
    v = np.concatenate([np.tile([1.0, 0.0], (4, 1)), cube(2)], axis=1)
    p = np.exp(exact.log_likelihood(network, v))
    share = [(dreams[:, 2:] == rest).all(axis=1).mean() for rest in cube(2)]
    np.testing.assert_allclose(share, p / p.sum(), atol=0.02)


def test_dreams_follow_the_exact_distribution(rng):
    dbm = DBM((3, 2), pretrain=0, n_iter=0, random_state=0).fit(cube(4).astype("float32"))
    dbm.energy_model_ = network = machine(rng, (4, 3, 2)).map_arrays(lambda a: a.astype("float32"))
    for dreams in (dbm.sample(20_000, burn_in=40), dbm.gibbs(np.tile(cube(4), (2000, 1)), 40)):
        share = [(dreams == v).all(axis=1).mean() for v in cube(4)]
        np.testing.assert_allclose(share, np.exp(exact.log_likelihood(network, cube(4))), atol=0.02)


def test_answers_have_their_shapes(trained):
    h1, h2 = trained.hidden(TEST[:7])
    assert h1.shape == (7, 16) and h2.shape == (7, 10)
    np.testing.assert_array_equal(trained.transform(TEST[:7]), h2)
    assert trained.reconstruct(TEST[:7]).shape == trained.inverse_transform(h2).shape == (7, 64)
    assert trained.energy(TEST[:7], h1, h2).shape == (7,)
    assert (trained.log_likelihood_bound(TEST) <= trained.log_likelihood(TEST) + 1e-4).all()


def test_the_top_layer_leads_back_to_the_visible_one():
    dbm = DBM((1, 1), pretrain=0, n_iter=0, random_state=0).fit(cube(1))
    weights, biases = [np.full((1, 1), 8.0)] * 2, [np.full(1, -4.0)] * 3
    dbm.energy_model_ = EnergyModel([Bernoulli()] * 3, weights, biases)
    on, off = dbm.inverse_transform(np.array([[1.0], [0.0]]))[:, 0]
    assert on > 0.95 and off < 0.05


# ------------------------------------------------------------------------- contract (T15)


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([DBM((3, 2), n_iter=2, pretrain=2)])
def test_keeps_scikit_learns_contract(estimator, check):
    check(estimator)


def test_stands_in_a_pipeline_and_a_grid_search():
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
            W2, top, dreams = there.weights_[1], there.transform(TEST[:5]), there.sample(3, 2)
    np.testing.assert_allclose(W2, here.weights_[1], atol=1e-5)
    np.testing.assert_allclose(top, here.transform(TEST[:5]), atol=1e-5)
    assert isinstance(dreams, np.ndarray)


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        (dict(n_components=()), "at least one layer"),
        (dict(n_components=(4, 0)), "n_components >= 1"),
        (dict(mean_field_steps=0), "mean_field_steps >= 1"),
        (dict(pretrain=-1), "pretrain >= 0"),
    ],
)
def test_bad_settings_get_a_sentence(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        DBM(**wrong).fit(TRAIN[:10])


def test_missing_entries_are_refused():
    x = TRAIN[:10].copy()
    x[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        DBM((3, 2)).fit(x)
