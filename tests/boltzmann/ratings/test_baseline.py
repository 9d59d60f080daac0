"""The baseline of means and biases against least squares and numbers by hand."""

import numpy as np
import pytest

from scratchnet.boltzmann import RatingBaseline
from scratchnet.data.ratings import synthetic


def test_biases_are_the_penalized_least_squares_solution(rng):
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
