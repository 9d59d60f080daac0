"""Answers made of means, which a recommender has to beat; and what triples must be."""

import numpy as np
import pytest

from scratchnet.boltzmann import RatingBaseline, RatingRBM
from scratchnet.boltzmann.ratings.rating_data import smoothed_frequencies
from scratchnet.data.ratings import synthetic

NAN = np.nan


@pytest.mark.parametrize("kind", [RatingRBM, RatingBaseline])
@pytest.mark.parametrize("triples, words", [
    ([[0, 0]], "R, 3"), (np.empty((0, 3)), "R, 3"), ([[0, 5, 1]], "0 to 3"),
    ([[-1, 0, 1]], "users"),
    ([[0.5, 0, 1]], "whole numbers"), ([[0, 0, NAN]], "finite"), ([[0, 0, 1], [0, 0, 2]], "twice"),
])  # fmt: skip
def test_triples_that_are_not_understood_get_one_sentence(kind, triples, words):
    with pytest.raises(ValueError, match=words):
        kind().fit_triples(triples, (3, 4))


def test_biases_are_the_penalised_least_squares_solution(rng):
    data = synthetic(20, 15, share=0.4)
    user, item = data.triples[:, :2].astype(int).T
    base = RatingBaseline(shrink=3, n_iter=200).fit_triples(data.triples, data.shape)
    A = np.concatenate([np.eye(20)[user], np.eye(15)[item]], axis=1)
    y = data.triples[:, 2] - data.triples[:, 2].mean()
    b = np.linalg.solve(A.T @ A + 3 * np.eye(35), A.T @ y)
    np.testing.assert_allclose([*base.user_, *base.item_], b, atol=1e-6)


def test_baselines_by_hand():
    triples = [[0, 0, 1], [0, 1, 3], [1, 0, 5.0]]
    for kind, expected in (("constant", 3), ("user", 2), ("item", 3)):
        base = RatingBaseline(kind, shrink=0).fit_triples(triples, (2, 3))
        assert base.expected_rating([0], [0])[0] == pytest.approx(expected)
        assert base.expected_rating([0], [2])[0] == pytest.approx(2 if kind == "user" else 3)
    with pytest.raises(ValueError, match="did you mean 'biases'"):
        RatingBaseline("bias").fit_triples(triples, (2, 3))


def test_smoothed_frequencies_are_shares_that_are_never_nothing():
    shares = smoothed_frequencies([0, 0, 0], [0, 0, 1], (2, 3), 2)
    everybody = np.array([3, 2, 1]) / 6
    np.testing.assert_allclose(shares, [([2, 1, 0] + 2 * everybody) / 5, everybody])
    assert smoothed_frequencies([0], [0], (2, 3), 0).min() > 0
