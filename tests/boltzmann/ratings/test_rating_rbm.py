"""The RBM for ratings against enumeration, and the data that must not influence it."""

import itertools

import fake_cupy
import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator

from scratchnet.backend import float64, parity, to_numpy, use_device
from scratchnet.boltzmann import RatingBaseline, RatingRBM, exact
from scratchnet.boltzmann.machine.gibbs import gibbs
from scratchnet.data.ratings import synthetic

NAN = np.nan
TINY = np.array([[1, 3, NAN, 2], [NAN, 2, 1, NAN], [3, NAN, 2, 1.0]])  # 3 users, 4 items, 3 ratings
KINDS = [{}, {"liked": 2}, {"conditional": True}, {"liked": 2, "conditional": True}]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=str)
each_orientation = pytest.mark.parametrize("orientation", ["item", "user"])


def tiny(rng, X=TINY, known=None, **options):
    """A model of X with 3 hidden units and random parameters, in float64."""
    triples = np.stack([*np.nonzero(~np.isnan(X)), X[~np.isnan(X)]], axis=1)
    model = RatingRBM(3, random_state=0, n_iter=1, **options)
    with float64():
        model.fit_triples(triples, X.shape, known=known)
    for p in model._arrays():
        p[...] = rng.standard_normal(p.shape)
    return model


def states(units, K):
    """Every way to fill these units: one-hot rows (M, units K), or 0-1 rows for K = 1."""
    for choice in itertools.product(range(max(K, 2)), repeat=units):
        yield choice, (np.eye(K)[list(choice)].ravel() if K > 1 else np.array(choice, float))


# ------------------------------------------------------------------------------------ prediction


@each_kind
@each_orientation
def test_a_predicted_distribution_is_that_of_the_enumerated_model(kind, orientation, rng):
    known = [(0, 2), (1, 3)] if kind.get("conditional") else None
    model = tiny(rng, orientation=orientation, known=known, **kind)
    W, a, b = model.weights_, model.intercept_visible_, model.intercept_hidden_
    X = TINY if orientation == "user" else TINY.T
    K = W.shape[1]
    for user, item in np.ndindex(3, 4):
        case, q = (user, item) if orientation == "user" else (item, user)
        rated = np.flatnonzero(~np.isnan(X[case]))
        z = b.copy()
        for i in rated:
            r = X[case, i]
            z += W[i, int(r) - 1] if K > 1 else W[i, 0] * (r >= 2)
        if model.conditional:
            seen = set(rated) | {p[1 - (orientation == "item")] for p in known
                                 if p[orientation == "item"] == case}  # fmt: skip
            z += sum(model.watched_[i] for i in seen)
        p = []
        for k in range(max(K, 2)):  # sum over all h of exp(-E), the parts without q being equal
            Wq = W[q, k] if K > 1 else k * W[q, 0]
            bias = a[q, k] if K > 1 else k * a[q, 0]
            h = np.array(list(itertools.product((0, 1), repeat=3)))
            p.append(np.exp(bias + h @ (z + Wq)).sum())
        ours = model.rating_probabilities([user], [item])[0]
        np.testing.assert_allclose(ours, np.array(p) / np.sum(p), rtol=1e-10)
        values = [1, 2, 3] if K > 1 else [0, 1]
        expected = model.expected_rating([user], [item])
        np.testing.assert_allclose(expected, ours @ values, rtol=1e-12)


def test_one_mean_field_step_is_exact_for_a_unit_with_small_weights(rng):
    model = tiny(rng)
    user, item = np.indices((3, 4)).reshape(2, -1)
    far = model.rating_probabilities(user, item) - model.rating_probabilities(user, item, True)
    assert abs(far).max() > 1e-3
    model.weights_[...] *= 1e-4
    near = model.rating_probabilities(user, item) - model.rating_probabilities(user, item, True)
    assert abs(near).max() < 1e-8


def test_a_softmax_of_two_categories_is_one_bit(rng):
    """T9d: W1 - W0, a1 - a0 and b + sum of W0 over the rated units."""
    X = np.where(TINY >= 2, 2.0, np.where(np.isnan(TINY), NAN, 1.0))
    X[np.isnan(TINY)] = 2  # every case has all units, so that sum is one and the same
    two, bit = tiny(rng, X), tiny(rng, X, liked=2)
    W, a = two.weights_, two.intercept_visible_
    bit.weights_[:, 0], bit.intercept_visible_[:, 0] = W[:, 1] - W[:, 0], a[:, 1] - a[:, 0]
    bit.intercept_hidden_[:] = two.intercept_hidden_ + W[:, 0].sum(axis=0)
    # the predicted unit is rated here, so its own W0 must be added once more
    user, item = np.indices((3, 4)).reshape(2, -1)
    for u, i in zip(user, item, strict=True):
        bit.intercept_hidden_ += W[u, 0]
        ours, other = (m.rating_probabilities([u], [i]) for m in (bit, two))
        bit.intercept_hidden_ -= W[u, 0]
        np.testing.assert_allclose(ours, other, rtol=1e-9)


def test_without_weights_it_predicts_the_smoothed_frequencies():
    triples = np.array([[0, 0, 1], [0, 1, 1], [0, 2, 5], [1, 0, 5.0]])
    options = dict(n_components=2, n_iter=1, learning_rate=1e-9, random_state=0)
    model = RatingRBM(smoothing=2, **options).fit_triples(triples, (3, 3))
    share = np.array([3, 3]) / 6  # of all ratings, one more of each
    rows = [([2, 1] + 2 * share) / 5, ([0, 1] + 2 * share) / 3, share]
    model.weights_[...] = 0
    np.testing.assert_allclose(model.rating_probabilities([0, 1, 2], [2] * 3), rows, atol=1e-3)
    bits = RatingRBM(smoothing=2, liked=3, **options).fit_triples(triples, (3, 3))
    bits.weights_[...] = 0
    np.testing.assert_allclose(bits.rating_probabilities([0, 1, 2], [2] * 3), rows, atol=1e-3)


# -------------------------------------------------------------------------------------- learning


@pytest.mark.parametrize("kind", KINDS[:2], ids=str)
@pytest.mark.parametrize("k", [1, 2])
def test_the_gradient_is_the_mean_of_the_cd_gradients_of_the_cases(kind, k, rng):
    """Averages over 40,000 chains against the exact expectation of CD-k for the units of a case."""
    model = tiny(rng, k=k, orientation="user", **kind)
    n, K = 40_000, model.weights_.shape[1]
    expected = [0 * p for p in model._arrays()]
    for case in (0, 1):
        units, rbm, layers, _ = model._model_of(np.array([case]))
        assert rbm.biases[0].size == (~np.isnan(TINY[case])).sum() * K  # these units, no others
        g = exact.expected_cd_gradient(rbm, layers[0], k)
        expected[0][units] += g["W1"].reshape(len(units), K, 3) / 2
        expected[1][units] += g["b0"].reshape(len(units), K) / 2
        expected[2] += g["b1"] / 2
    units, gradient, _ = model._gradient(np.repeat([0, 1], n))
    for got, wanted in zip(gradient, [expected[0][units], expected[1][units], expected[2]],
                           strict=True):  # fmt: skip
        np.testing.assert_allclose(got, wanted, atol=5 / np.sqrt(2 * n))
    assert abs(expected[0]).max() > 0.05


@each_kind
def test_the_value_of_a_missing_rating_changes_no_bit(kind, rng):
    rated = rng.random((12, 9)) < 0.5
    X = rng.integers(1, 4, (12, 9)).astype(float)
    options = dict(n_components=4, n_iter=3, batch_size=4, random_state=0, **kind)
    plain = RatingRBM(**options).fit(np.where(rated, X, NAN))
    for garbage in (-1, 0, 2, 1e9):
        other = RatingRBM(**options).fit(np.where(rated, X, garbage), rated=rated)
        for p, q in zip(plain._arrays(), other._arrays(), strict=True):
            assert p.tobytes() == q.tobytes()
        user, item = np.indices((12, 9)).reshape(2, -1)
        answers = [m.expected_rating(user, item).tobytes() for m in (plain, other)]
        assert answers[0] == answers[1]


@each_kind
def test_a_unit_without_rating_in_the_batch_is_not_in_its_model(kind, rng):
    model = tiny(rng, orientation="user", **kind)
    units, gradient, _ = model._gradient(np.array([1, 1]))
    np.testing.assert_array_equal(units, [1, 2])
    model._gradient(np.array([0, 1]))
    _, rbm, layers, missing = model._model_of(np.array([0, 1]))
    assert not layers[0][missing].any() and missing.any()
    start = [layers[0], np.ones((2, 3)), *layers[2:]]
    clamp = {0: (missing, 0)} | ({2: (layers[2] >= 0, layers[2])} if len(layers) == 3 else {})
    samples, means = gibbs(rbm, start, 1, model._rng, clamp=clamp)
    assert not samples[0][missing].any() and not means[0][missing].any()


def test_d_learns_from_the_hidden_units_of_the_known_pairs(rng):
    model = tiny(rng, orientation="user", conditional=True, known=[(1, 0)])
    units, (_, _, watched, b), _ = model._gradient(np.array([0, 1]))
    np.testing.assert_array_equal(units, [0, 1, 2, 3])
    np.testing.assert_allclose(watched[:2], [b, b])  # both users know items 0 and 1
    np.testing.assert_allclose(watched[2] + watched[3], b)  # item 2 by user 1, item 3 by user 0


def test_an_update_has_momentum_weight_decay_and_a_falling_rate(monkeypatch):
    model = RatingRBM(2, n_iter=2, batch_size=4, learning_rate=0.5, momentum=0.5, weight_decay=0.1,
                      orientation="user", random_state=0)  # fmt: skip
    fixed = [0, np.ones((4, 3, 2)), np.ones((4, 3)), np.ones(2)]
    initial = []

    def gradient(self, cases):
        if not initial:
            initial.extend(p.copy() for p in self._arrays())
        return np.arange(4), fixed[1:], 0.0

    monkeypatch.setattr(RatingRBM, "_gradient", gradient)
    model.fit(TINY)
    for p, start, decay in zip(model._arrays(), initial, (0.1, 0, 0), strict=True):
        step = 0.5 * (1 - decay * start)
        after = start + step
        step = 0.5 * step + 0.25 * (1 - decay * after)  # the second of two updates: half the rate
        np.testing.assert_allclose(p, after + step, rtol=1e-5)


def test_orientation_item_is_orientation_user_of_the_transposed_matrix():
    models = [RatingRBM(3, n_iter=2, random_state=0, orientation=o) for o in ("item", "user")]
    models[0].fit(TINY)
    models[1].fit(TINY.T)
    for p, q in zip(*(m._arrays() for m in models), strict=True):
        np.testing.assert_array_equal(p, q)
    assert models[0].expected_rating([0], [2]) == models[1].expected_rating([2], [0])


@pytest.mark.parametrize("kind", KINDS[:2], ids=str)
def test_the_stand_in_for_a_gpu_gives_the_same_numbers(kind):
    data = synthetic(30, 20)
    options = dict(n_components=5, n_iter=3, batch_size=8, random_state=0, **kind)
    plain = RatingRBM(**options).fit_triples(data.triples, data.shape)
    with fake_cupy.installed(), use_device("gpu"), parity():
        other = RatingRBM(**options).fit_triples(data.triples, data.shape)
        for p, q in zip(plain._arrays(), other._arrays(), strict=True):
            np.testing.assert_allclose(p, to_numpy(q), atol=1e-5)
        answers = other.expected_rating([0, 1, 2], [3, 4, 5])
    np.testing.assert_allclose(plain.expected_rating([0, 1, 2], [3, 4, 5]), answers, atol=1e-5)


# ------------------------------------------------------------------------------ as a recommender


@pytest.fixture(scope="module")
def fitted():
    data = synthetic(100, 300, factors=1, share=0.4)
    train, test = data.split()
    options = dict(n_components=10, learning_rate=0.1, batch_size=20, n_iter=20, random_state=0)
    return RatingRBM(**options).fit_triples(train, data.shape), train, test


def test_it_predicts_better_than_the_biases_of_users_and_items(fitted):
    model, train, test = fitted
    user, item, r = test.T
    answers = [RatingBaseline(kind).fit_triples(train, model.shape_).expected_rating(user, item)
               for kind in ("constant", "user", "item", "biases")]  # fmt: skip
    rmse = [np.sqrt(((p - r) ** 2).mean()) for p in (*answers, model.expected_rating(user, item))]
    assert rmse[4] < rmse[3] - 0.1 and rmse[3] < min(rmse[1:3]) and max(rmse) == rmse[0]
    assert model.history_["reconstruction"][-1] < model.history_["reconstruction"][0]


def test_no_test_rating_is_an_input_of_an_evaluation(fitted, monkeypatch):
    model, train, test = fitted
    seen, original = [], type(model._cases).of

    def of(self, cases):
        row, unit, category = original(self, cases)
        seen.extend(zip(unit, np.asarray(cases)[row], strict=True))  # (user, item)
        return row, unit, category

    monkeypatch.setattr(type(model._cases), "of", of)
    model.expected_rating(*test[:, :2].T)
    pairs = {tuple(map(int, t)) for t in train[:, :2]}
    assert seen and set(seen) <= pairs
    assert not set(seen) & {tuple(map(int, t)) for t in test[:, :2]}


def test_it_recommends_the_best_items_that_a_user_has_not_rated(fitted):
    model, train, _ = fitted
    items, score = model.recommend(7, n=5)
    rated = set(train[train[:, 0] == 7, 1])
    assert len(items) == 5 and not set(items) & rated and (np.diff(score) <= 0).all()
    others = [i for i in range(model.shape_[1]) if i not in rated | set(items)]
    assert model.expected_rating([7] * len(others), others).max() <= score[-1] + 1e-6


@pytest.mark.parametrize("name, value, words", [
    ("n_components", 0, "n_components >= 1"), ("k", 1.5, "k >= 1"), ("batch_size", 0, "batch_size"),
    ("momentum", -1, "momentum"), ("learning_rate", 0, "learning_rate > 0"),
    ("orientation", "items", "did you mean 'item'"), ("schedule", "liner", "did you mean 'linear'"),
    ("conditional", "no", "True or False"),
])  # fmt: skip
def test_an_option_out_of_its_range_raises(name, value, words):
    with pytest.raises(ValueError, match=words):
        RatingRBM(**{name: value}).fit(TINY)


def test_known_pairs_without_conditional_and_nan_alone_raise():
    with pytest.raises(ValueError, match="conditional=True"):
        RatingRBM().fit_triples([[0, 0, 1]], (1, 1), known=[[0, 0]])
    with pytest.raises(ValueError, match="at least one rating"):
        RatingRBM().fit(TINY * NAN)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_it_passes_the_estimator_checks_of_scikit_learn():
    check_estimator(RatingRBM(5, n_iter=2))
