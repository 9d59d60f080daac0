"""partial_fit: further users, further ratings, and the epoch over them."""

import numpy as np
import pytest

from scratchnet.boltzmann import RatingRBM
from scratchnet.data.ratings import synthetic

NAN = np.nan
X = np.array([[1, 3, NAN, 2], [NAN, 2, 1, NAN], [3, NAN, 2, 1.0]])
each_orientation = pytest.mark.parametrize("orientation", ["item", "user"])
each_kind = pytest.mark.parametrize("kind", [{}, {"liked": 2}, {"conditional": True}], ids=str)


def model_of(orientation="user", **options):
    return RatingRBM(3, orientation=orientation, n_iter=1, random_state=0, **options)


def triples_of(X):
    return np.stack([*np.nonzero(~np.isnan(X)), X[~np.isnan(X)]], axis=1)


@each_orientation
@each_kind
def test_the_first_call_is_one_epoch_of_fit_at_a_constant_rate(orientation, kind):
    fitted = model_of(orientation, schedule="constant", **kind).fit(X)
    partial = model_of(orientation, **kind).partial_fit(X)
    for p, q in zip(fitted._arrays(), partial._arrays(), strict=True):
        np.testing.assert_array_equal(p, q)


@each_orientation
@each_kind
def test_further_users_follow_the_known_ones(orientation, kind):
    model = model_of(orientation, **kind).fit(X)
    before = [p.copy() for p in model._arrays()]
    assert model.partial_fit(X[:2]) is model
    assert model.shape_ == (5, 4) and len(model.history_["reconstruction"]) == 2
    n = 5 if orientation == "item" else 4
    assert [len(p) for p in model._arrays()[:-1]] == [n] * len(before[:-1])
    assert [v.shape for v in model._velocities] == [p.shape for p in model._arrays()]
    assert (model.intercept_hidden_ != before[-1]).any()
    rated = [set(model._rated.of(np.array([user]))[1]) for user in range(5)]
    assert rated == [{0, 1, 3}, {1, 2}, {0, 2, 3}, {0, 1, 3}, {1, 2}]
    assert model.recommend(4)[0].size == 2
    assert np.isfinite(model.expected_rating([3, 4], [2, 0])).all()


def test_a_new_rating_replaces_the_old_one_and_the_others_stay():
    model = model_of().fit(X)
    model.partial_fit_triples([[0, 1, 1], [1, 0, 3]])
    row, unit, category = model._cases.of(np.arange(3))
    stored = {(int(u), int(i)): int(c) + 1 for u, i, c in zip(row, unit, category, strict=True)}
    expected = {(int(u), int(i)): int(r) for u, i, r in triples_of(X)}
    assert stored == expected | {(0, 1): 1, (1, 0): 3}
    assert len(row) == len(stored)


def test_only_the_cases_with_a_new_rating_are_trained(monkeypatch):
    model, seen = model_of().fit(X), []
    update = RatingRBM._update

    def record(self, cases, rate):
        seen.append((sorted(cases.tolist()), rate))
        return update(self, cases, rate)

    monkeypatch.setattr(RatingRBM, "_update", record)
    model.partial_fit_triples([[1, 0, 3], [3, 0, 2]], shape=(4, 4))
    assert seen == [([1, 3], model.learning_rate)]


@each_orientation
def test_known_pairs_stay_known(orientation):
    model = model_of(orientation, conditional=True)
    model.fit_triples(triples_of(X), X.shape, known=[(0, 2)])
    model.partial_fit(X[:1])
    case = 0 if orientation == "user" else 2
    assert (2 if orientation == "user" else 0) in model._known.of(np.array([case]))[1]


def test_further_items_get_the_parameters_of_a_fit():
    model = model_of("user", smoothing=2.0).fit(X)
    names = model_of("user").fit_triples(triples_of(X), X.shape, items=["a", "b", "c", "d"])
    names.partial_fit_triples([[0, 4, 1]], shape=(3, 5))
    assert not hasattr(names, "items_")
    model.learning_rate = 1e-9
    model.partial_fit_triples([[0, 4, 1]], shape=(3, 6))
    a = model.intercept_visible_
    assert a.shape == (6, 3)
    n = np.array([3, 3, 2]) + np.array([1, 0, 0])  # ratings of 1, 2 and 3, and the new one
    share = (n + 1) / (n.sum() + 3)
    np.testing.assert_allclose(a[5], np.log(share), rtol=1e-5)
    np.testing.assert_allclose(a[4], np.log((2 * share + [1, 0, 0]) / 3), rtol=1e-5)


def test_what_does_not_fit_is_refused():
    model = model_of().fit(X)
    with pytest.raises(ValueError, match="ratings of the fit, 1, 2, 3; got 5"):
        model.partial_fit(5 * X / X)
    with pytest.raises(ValueError, match="4 features"):
        model.partial_fit(X[:, :3])
    with pytest.raises(ValueError, match=r"at least \(3, 4\), as the fit; got \(2, 4\)"):
        model.partial_fit_triples([[0, 0, 1]], shape=(2, 4))
    with pytest.raises(ValueError, match=r"shape=\(users, items\) at the first call"):
        model_of().partial_fit_triples([[0, 0, 1]])
    assert model.shape_ == (3, 4)


@each_orientation
def test_a_stream_of_users_is_learned(orientation):
    data = synthetic(120, 20, factors=1, share=0.6)
    train, test = data.split()
    matrix = np.full(data.shape, NAN)
    matrix[tuple(train[:, :2].astype(int).T)] = train[:, 2]
    options = dict(batch_size=10, smoothing=5.0, random_state=0, learning_rate=0.1)
    model = RatingRBM(5, orientation=orientation, n_iter=10, **options).fit(matrix[:60])
    model.partial_fit(matrix[60:])
    assert model.shape_ == data.shape
    for _ in range(20):
        model.partial_fit_triples(train)
    user, item, r = test.T
    errors = [np.square(r - guess).mean() for guess in
              (model.expected_rating(user, item), np.full(len(r), train[:, 2].mean()))]  # fmt: skip
    assert errors[0] < 0.9 * errors[1]
