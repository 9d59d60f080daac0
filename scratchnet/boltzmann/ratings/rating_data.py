"""Ratings as checked triples (user, item, rating), grouped into the training cases of an RBM."""

import warnings

import numpy as np

from scratchnet.boltzmann.estimators.rows import refuse_masked
from scratchnet.inputs import as_array
from scratchnet.validation import require

__all__ = [
    "UNKNOWN",
    "RatingsByCase",
    "check_pairs",
    "check_triples",
    "smoothed_frequencies",
    "warn_of_zeros",
]

UNKNOWN = ": a new user or item has no parameters yet, so fit again with its ratings"


def check_pairs(owner, user, item, shape, hint=""):
    """Check users and items, and return them as integer arrays (R,).

    Raises ValueError, which names `owner`, unless they are whole numbers (R,) of equal length, not
    negative and below shape = (users, items). `hint` ends the message where one is too large.

    >>> check_pairs("RatingRBM", [0, 1], [2.0, 0.0], shape=(2, 3))
    [array([0, 1]), array([2, 0])]
    """
    checked = []
    for what, values, size in (("users", user, shape[0]), ("items", item, shape[1])):
        n = np.asarray(values)
        refuse_masked(owner, what, values)
        whole = n.ndim == 1 and n.dtype.kind in "iuf" and bool((n == np.floor(n)).all())
        beyond = whole and len(n) > 0 and n.max() >= size
        require(
            whole and not beyond and (len(n) == 0 or n.min() >= 0),
            f"{owner} expects {what} as whole numbers (R,) from 0 to {size - 1}; "
            + (f"got {n.max():g}{hint}" if beyond else f"got {values!r:.60}"),
        )
        checked.append(n.astype(np.int64))
    require(
        len(checked[0]) == len(checked[1]),
        f"{owner} expects as many users as items; got {len(checked[0])} and {len(checked[1])}",
    )
    return checked


def check_triples(owner, triples, shape):
    """Check (user, item, rating) triples (R, 3): two integer arrays and a float64 array, (R,).

    Raises TypeError for a masked array or text, and ValueError for another shape, for pairs that
    `check_pairs` refuses, for ratings that are not finite, and for a pair that occurs twice. Warns
    of zeros for unrated pairs.

    >>> check_triples("RatingRBM", [[0, 1, 4.5]], shape=(1, 2))
    (array([0]), array([1]), array([4.5]))
    """
    triples = as_array(f"{owner}: triples", triples, lists=True)
    require(
        triples.ndim == 2 and triples.shape[1:] == (3,) and len(triples) > 0,
        f"{owner} expects triples (R, 3) of user, item and rating; got {triples.shape}",
    )
    user, item = check_pairs(owner, triples[:, 0], triples[:, 1], shape)
    rating = triples[:, 2].astype(np.float64)
    require(np.isfinite(rating).all(), f"{owner} expects finite ratings: leave out what is unrated")
    require(
        len(np.unique(user * shape[1] + item)) == len(user),
        f"{owner} expects each user to rate an item once: a pair occurs twice in the triples",
    )
    warn_of_zeros(owner, rating, shape)
    return user, item, rating


def warn_of_zeros(owner, rating, shape):
    """Warn where every pair has a rating, and most ratings are one number that is the smallest.

    The number, usually 0, then probably marks the pairs without a rating.

    >>> warn_of_zeros("RatingRBM", np.array([4.0, 1.0, 5.0]), shape=(2, 2))
    """
    zeros = float((rating == rating.min()).mean())
    if len(rating) == shape[0] * shape[1] > 1 and 0.5 < zeros < 1:
        warnings.warn(
            f"{owner} got a rating for every pair, and {zeros:.0%} of the ratings are "
            f"{rating.min():g}: if this number marks unrated pairs, put NaN there in a matrix, or "
            "leave them out of the triples",
            UserWarning,
            stacklevel=4,
        )


def smoothed_frequencies(unit, category, shape, smoothing):
    """Frequency of each category at each unit, (units, K), smoothed towards that of all units.

        (n_ik + smoothing * p_k) / (n_i + smoothing)        p_k = (n_k + 1) / (n + K)

    n_ik is the number of ratings of category k at unit i. No frequency is 0, so that its logarithm
    exists.

    >>> smoothed_frequencies([0, 0], [1, 1], shape=(2, 2), smoothing=2.0)
    array([[0.125, 0.875],
           [0.25 , 0.75 ]])
    """
    n = np.zeros(shape)
    np.add.at(n, (unit, category), 1)
    overall = (n.sum(axis=0) + 1) / (n.sum() + shape[1])
    smoothing = max(smoothing, 1e-6)
    return (n + smoothing * overall) / (n.sum(axis=1, keepdims=True) + smoothing)


class RatingsByCase:
    """Ratings sorted by training case, with quick access to those of some cases.

    A case is a row of the training data: a user with the items rated, or an item with the users who
    rated it. Its units are the rated ones alone; the others are not stored, so nothing can depend
    on them.

    Parameters
        case, unit, category  integers (R,), one of each a rating; category may be None
        n                     number of cases, those without a rating included

    >>> ratings = RatingsByCase(np.array([1, 0, 1]), np.array([5, 6, 7]), np.array([0, 1, 2]), n=2)
    >>> row, unit, category = ratings.of(np.array([1]))
    >>> unit, category
    (array([5, 7]), array([0, 2]))
    """

    def __init__(self, case, unit, category, n):
        order = np.argsort(case, kind="stable")
        self.unit = unit[order]
        self.category = None if category is None else category[order]
        self.start = np.searchsorted(case[order], np.arange(n + 1))  # case c: start[c] : start[c+1]

    def of(self, cases):
        """Ratings of these cases: (row, unit, category), where cases[row] is the case of each."""
        n = self.start[cases + 1] - self.start[cases]  # ratings of each case
        row = np.repeat(np.arange(len(cases)), n)
        first = np.repeat(n.cumsum() - n, n)  # index in `row` at which the case begins
        at = np.arange(n.sum()) - first + np.repeat(self.start[cases], n)
        return row, self.unit[at], None if self.category is None else self.category[at]
