"""Ratings of new users against enumeration, recommendations by name, and the score."""

import io
import itertools

import joblib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from scratchnet.backend import float64
from scratchnet.boltzmann import RatingRBM

NAN = np.nan
X = np.array([[1, 3, NAN, 2], [NAN, 2, 1, NAN], [3, NAN, 2, 1.0]])  # 3 users, 4 items, 3 ratings
TITLES = ("Alien", "Brazil", "Casablanca", "Dune")
KINDS = [{}, {"liked": 2}, {"conditional": True}, {"liked": 2, "conditional": True}]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=str)


def tiny(rng, **kind):
    """A model with users as cases, 3 hidden units and random parameters, in float64."""
    model = RatingRBM(3, orientation="user", random_state=0, n_iter=1, **kind)
    triples = np.stack([*np.nonzero(~np.isnan(X)), X[~np.isnan(X)]], axis=1)
    with float64():
        model.fit_triples(triples, X.shape, items=TITLES)
    for p in model._arrays():
        p[...] = rng.standard_normal(p.shape)
    return model


def enumerated(model, ratings, q, rated_q=False):
    """Expected rating of item q given {item: rating}, from all states of h and of the unit q.

        E(v, h) = -sum_i a[i, r_i] - b h - sum_i W[i, r_i] h - sum_i D[i] h

    `rated_q`: that q is rated is known, so that D[q] counts.
    """
    W, a, b = model.weights_, model.intercept_visible_, model.intercept_hidden_
    one_bit = W.shape[1] == 1

    def of_unit(i, r):  # the parts of -E with and without h
        if one_bit:
            return W[i, 0] * (r >= 2), a[i, 0] * (r >= 2)
        return W[i, r - 1], a[i, r - 1]

    weights = []
    choices = (1, 2) if one_bit else (1, 2, 3)  # with one bit: not liked, liked
    for choice in choices:
        total = 0.0
        for h in itertools.product((0, 1), repeat=3):
            minus_energy = b @ h
            for i, r in [*ratings.items(), (q, choice)]:
                w, bias = of_unit(i, r)
                minus_energy += w @ h + bias
            if model.conditional:
                known = [*ratings, q] if rated_q else [*ratings]
                minus_energy += sum(model.watched_[i] @ h for i in known)
            total += np.exp(minus_energy)
        weights.append(total)
    values = (0, 1) if one_bit else choices
    return np.dot(values, weights) / np.sum(weights)


@each_kind
def test_a_new_user_is_rated_as_in_the_enumerated_model(kind, rng):
    model = tiny(rng, **kind)
    for ratings in ({0: 1}, {0: 3, 2: 1}, {1: 2, 2: 3, 3: 1}):
        items, expected = model.recommend(ratings)
        exact = [enumerated(model, ratings, q) for q in items]
        np.testing.assert_allclose(expected, exact, rtol=1e-10)
        assert set(items) == set(range(4)) - set(ratings)
        assert (np.diff(expected) <= 0).all()


@each_kind
def test_a_user_of_the_fit_and_a_new_one_with_the_same_ratings_are_equal(kind, rng):
    model = tiny(rng, **kind)
    for user, row in enumerate(X):
        items = np.flatnonzero(~np.isnan(row))
        one, other = model.recommend(user), model.recommend((items, row[items]))
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_allclose(one[1], other[1], rtol=1e-10)


def test_ratings_by_name_give_names(rng):
    model = tiny(rng)
    by_name = model.recommend({"Dune": 3, "Alien": 1}, n=1)
    by_number = model.recommend(([3, 0], [3, 1]), n=1)
    assert by_name[0].tolist() == [TITLES[by_number[0][0]]]
    np.testing.assert_array_equal(by_name[1], by_number[1])


def test_the_columns_of_a_table_are_the_names():
    pandas = pytest.importorskip("pandas")
    model = RatingRBM(2, orientation="user", n_iter=1, random_state=0)
    model.fit(pandas.DataFrame(X, columns=TITLES))
    assert set(model.recommend({"Alien": 1})[0]) == set(TITLES[1:])


@pytest.mark.parametrize("ratings, words", [
    ({"Alein": 1}, "no item 'Alein' among its 4 names: did you mean 'Alien'?"),
    ({"Alien": 4}, "ratings of the fit, 1, 2, 3; got 4"),
    ({7: 1}, "got 7: a new user or item has no parameters yet: call partial_fit"),
    ({}, "expects a rating of each item"),
    (([0, 0], [1, 2]), "an item once"),
    (([0, 1], [1]), "got 2 items and 1 ratings"),
    (([0], [1], [2]), "got 3 parts"),
])  # fmt: skip
def test_ratings_that_do_not_fit_are_refused(ratings, words, rng):
    with pytest.raises(ValueError, match=words.replace("?", r"\?")):
        tiny(rng).recommend(ratings)


def test_a_name_of_two_items_or_of_none_is_refused(rng):
    model = tiny(rng)
    model.items_ = ("Alien", "Alien", "Brazil", "Dune")
    with pytest.raises(ValueError, match=r"2 items 'Alien': pass the number, of \[0, 1\]"):
        model.recommend({"Alien": 1})
    del model.items_
    with pytest.raises(ValueError, match="names of items, but the fit had none"):
        model.recommend({"Alien": 1})


def test_items_as_cases_need_a_user_of_the_fit():
    model = RatingRBM(2, n_iter=1, random_state=0).fit(X)
    with pytest.raises(ValueError, match="a new user is a unit without parameters"):
        model.recommend({0: 1})
    assert not hasattr(model, "score")


@each_kind
def test_the_score_is_the_error_of_each_rating_given_the_others(kind, rng):
    model = tiny(rng, **kind)
    new = np.array([[2, NAN, 3, 1], [NAN, 1, NAN, 3.0], [NAN, NAN, 2, NAN]])
    errors = []
    for row in new:
        ratings = {i: int(r) for i, r in enumerate(row) if r > 0}
        for q, r in ratings.items():
            others = {i: rating for i, rating in ratings.items() if i != q}
            target = r if model.liked is None else r >= 2
            errors.append(target - enumerated(model, others, q, rated_q=True))
    expected = -np.sqrt(np.mean(np.square(errors)))
    assert model.score(new) == pytest.approx(expected, rel=1e-10)
    rated = ~np.isnan(new)
    assert model.score(np.where(rated, new, 1), rated=rated) == model.score(new)


def test_a_grid_search_prefers_the_model_that_learns(rng):
    """Two kinds of users: one likes the first four of eight items, the other the last four."""
    likes_first, is_first = np.arange(60)[:, None] % 2 == 0, np.arange(8) < 4
    matrix = np.where(likes_first == is_first, 5.0, 1.0)
    matrix[rng.random(matrix.shape) < 0.3] = NAN
    model = RatingRBM(4, orientation="user", batch_size=10, n_iter=30, random_state=0)
    search = GridSearchCV(model, {"learning_rate": [1e-6, 0.1]}, cv=3).fit(matrix)
    assert search.best_params_ == {"learning_rate": 0.1}
    without, learned = search.cv_results_["mean_test_score"]
    assert without < -1.9 and learned > -1


def test_joblib_writes_and_reads_a_fitted_model(rng):
    model, file = tiny(rng), io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    again = joblib.load(file)
    for ratings in ({"Alien": 1}, 0):
        for ours, theirs in zip(model.recommend(ratings), again.recommend(ratings), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    again.partial_fit(X), model.partial_fit(X)
    np.testing.assert_array_equal(again.weights_, model.weights_)
