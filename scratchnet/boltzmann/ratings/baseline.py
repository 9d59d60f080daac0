"""Baseline of every recommender: the mean rating plus a bias of the user and of the item."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from scratchnet.backend import Array
from scratchnet.boltzmann.ratings.rating_data import UNKNOWN, check_pairs, check_triples
from scratchnet.validation import check_float, check_positive_int, unknown_name

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["RatingBaseline"]

BIASES = {"constant": "", "user": "u", "item": "i", "biases": "ui"}  # kind: the biases it has


class RatingBaseline(BaseEstimator):
    """Predicted rating = mean rating + bias of the user + bias of the item.

        r_ui = mu + b_u + b_i        b_u = sum_i (r_ui - mu - b_i) / (shrink + n_u)
                                     b_i = sum_u (r_ui - mu - b_u) / (shrink + n_i)

    The biases minimize the squared error plus a penalty of shrink b^2 for each; they are found by
    alternating the two lines. The penalty matters: without it an item with one enthusiastic rating
    would be predicted to be the best of all. Koren (2010), Factor in the neighbors, ACM TKDD 4(1),
    section 2.1.

    Parameters
        kind    "constant" (mu alone), "user" (no b_i), "item" (no b_u) or "biases" (both)
        shrink  number of additional ratings, equal to the mean, that each user and item gets
        n_iter  alternations

    Fitted attributes: mean_ (mu), user_ (b_u, (users,)) and item_ (b_i, (items,)).

    >>> triples = [[0, 0, 1.0], [0, 1, 3.0], [1, 0, 5.0]]  # user, item, rating
    >>> model = RatingBaseline("user", shrink=0).fit_triples(triples, shape=(2, 2))
    >>> model.expected_rating([0, 1], [1, 1])  # the mean rating of each user
    array([2., 5.])
    """

    def __init__(self, kind="biases", shrink=4.0, n_iter=20):
        self.kind, self.shrink, self.n_iter = kind, shrink, n_iter

    def fit_triples(self, triples: Array, shape: tuple[int, int]) -> Self:
        """Fit to (user, item, rating) triples (R, 3); users and items are below shape.

        Raises ValueError for triples that `check_triples` refuses, and for an unknown kind.
        """
        if self.kind not in BIASES:
            raise unknown_name("baseline", self.kind, BIASES)
        shrink = check_float("RatingBaseline", "shrink", self.shrink, at_least=0)
        user, item, r = check_triples("RatingBaseline", triples, shape)
        self.mean_ = r.mean()
        self.user_, self.item_ = np.zeros(shape[0]), np.zeros(shape[1])
        for _ in range(check_positive_int("RatingBaseline", "n_iter", self.n_iter)):
            for name, index, bias, other_bias in (
                ("i", item, self.item_, self.user_[user]),
                ("u", user, self.user_, self.item_[item]),
            ):
                if name in BIASES[self.kind]:
                    n = np.bincount(index, minlength=len(bias))
                    total = np.bincount(index, r - self.mean_ - other_bias, len(bias))
                    bias[:] = total / np.maximum(shrink + n, 1e-12)  # 0 without ratings
        return self

    def expected_rating(self, user: Array, item: Array) -> np.ndarray:
        """Predicted rating of each pair, (R,) float64; users or items without ratings have bias 0.

        Raises ValueError for a user or item that is not below the shape of the fit.
        """
        if not hasattr(self, "mean_"):
            raise NotFittedError("this RatingBaseline is not fitted: call fit_triples first")
        shape = len(self.user_), len(self.item_)
        user, item = check_pairs("RatingBaseline", user, item, shape, UNKNOWN)
        return self.mean_ + self.user_[user] + self.item_[item]
