"""Checks of triples, smoothed frequencies, and ratings grouped by case."""

import numpy as np
import pytest

from scratchnet.boltzmann import RatingBaseline, RatingRBM
from scratchnet.boltzmann.ratings.rating_data import (
    RatingsByCase,
    check_pairs,
    smoothed_frequencies,
)

NAN = np.nan


@pytest.mark.parametrize("kind", [RatingRBM, RatingBaseline])
@pytest.mark.parametrize("triples, words", [
    ([[0, 0]], "R, 3"), (np.empty((0, 3)), "R, 3"), ([[0, 5, 1]], "0 to 3"),
    ([[-1, 0, 1]], "users"),
    ([[0.5, 0, 1]], "whole numbers"), ([[0, 0, NAN]], "finite"), ([[0, 0, 1], [0, 0, 2]], "twice"),
])  # fmt: skip
def test_bad_triples_raise(kind, triples, words):
    with pytest.raises(ValueError, match=words):
        kind().fit_triples(triples, (3, 4))


def test_pairs_of_unequal_number_raise():
    with pytest.raises(ValueError, match="as many users as items; got 2 and 1"):
        check_pairs("RatingRBM", [0, 1], [0], (2, 2))


def test_smoothed_frequencies_are_shares_and_never_0():
    shares = smoothed_frequencies([0, 0, 0], [0, 0, 1], (2, 3), 2)
    overall = np.array([3, 2, 1]) / 6
    np.testing.assert_allclose(shares, [([2, 1, 0] + 2 * overall) / 5, overall])
    assert smoothed_frequencies([0], [0], (2, 3), 0).min() > 0


def test_the_ratings_of_some_cases_are_those_of_the_triples(rng):
    case, unit = rng.integers(0, 6, 40), rng.integers(0, 9, 40)
    category = rng.integers(0, 3, 40)
    ratings = RatingsByCase(case, unit, category, 8)  # cases 6 and 7 have no rating
    cases = np.array([7, 2, 5, 2])
    row, found, found_category = ratings.of(cases)
    for i, c in enumerate(cases):
        np.testing.assert_array_equal(found[row == i], unit[case == c])
        np.testing.assert_array_equal(found_category[row == i], category[case == c])
    assert RatingsByCase(case, unit, None, 8).of(cases)[2] is None
