"""Ratings as triples (user, item, rating), checked; and sorted into the cases of a machine."""

import numpy as np

from scratchnet.validation import require

__all__ = ["RatingsByCase", "check_pairs", "check_triples", "smoothed_frequencies"]


def check_pairs(owner, user, item, shape):
    """Users and items as integer arrays (R,), after checking that they are numbers below shape."""
    numbers = []
    for what, given, size in (("users", user, shape[0]), ("items", item, shape[1])):
        n = np.asarray(given)
        whole = n.ndim == 1 and n.dtype.kind in "iuf" and bool((n == np.floor(n)).all())
        require(
            whole and (len(n) == 0 or 0 <= n.min() <= n.max() < size),
            f"{owner} expects {what} as whole numbers (R,) from 0 to {size - 1}; got {given!r:.60}",
        )
        numbers.append(n.astype(np.int64))
    require(
        len(numbers[0]) == len(numbers[1]),
        f"{owner} expects as many users as items; got {len(numbers[0])} and {len(numbers[1])}",
    )
    return numbers


def check_triples(owner, triples, shape):
    """(user, item, rating), integer and float64 arrays (R,), after checking them."""
    triples = np.asarray(triples)
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
    return user, item, rating


def smoothed_frequencies(unit, category, shape, smoothing):
    """How often each unit shows each category, (units, K), mixed with `smoothing` ratings of all.

    None is 0, so that a logarithm may be taken.
    """
    n = np.zeros(shape)
    np.add.at(n, (unit, category), 1)
    everybody = (n.sum(axis=0) + 1) / (n.sum() + shape[1])
    smoothing = max(smoothing, 1e-6)
    return (n + smoothing * everybody) / (n.sum(axis=1, keepdims=True) + smoothing)


class RatingsByCase:
    """Which units each training case has, and which category each of them shows.

    A case is a row of the machine's data: a user with the items he rated, or an item with the users
    who rated it. What is not rated is not here, so it cannot enter anything.

    case, unit, category  (R,) integers; category None: which units, and no more
    n                     how many cases there are, those without a rating included
    """

    def __init__(self, case, unit, category, n):
        order = np.argsort(case, kind="stable")
        self.unit = unit[order]
        self.category = None if category is None else category[order]
        self.start = np.searchsorted(case[order], np.arange(n + 1))

    def of(self, cases):
        """(row, unit, category) of these cases' entries; row counts within `cases`."""
        n = self.start[cases + 1] - self.start[cases]
        row = np.repeat(np.arange(len(cases)), n)
        at = np.arange(n.sum()) - np.repeat(n.cumsum() - n, n) + np.repeat(self.start[cases], n)
        return row, self.unit[at], None if self.category is None else self.category[at]
