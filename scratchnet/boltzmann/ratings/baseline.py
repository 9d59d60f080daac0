"""What every recommender has to beat: answers made of means alone."""

import numpy as np
from sklearn.base import BaseEstimator

from scratchnet.boltzmann.ratings.rating_data import check_pairs, check_triples
from scratchnet.validation import check_float, check_positive_int, unknown_name

__all__ = ["RatingBaseline"]

BIASES = {"constant": "", "user": "u", "item": "i", "biases": "ui"}


class RatingBaseline(BaseEstimator):
    """The mean rating, moved by how mild a user is and how good an item is.

        r_ui = mu + b_u + b_i        b_u = sum_i (r_ui - mu - b_i) / (shrink + n_u)
                                     b_i = sum_u (r_ui - mu - b_u) / (shrink + n_i)

    the least squares solution with a penalty of shrink / 2 b^2, found by turns. The shrinking
    matters: a film that one user loved is not the best of all films.
    Source: Koren (2010), Factor in the neighbors, ACM TKDD 4(1), section 2.1.

    Parameters
        kind    "constant" (mu alone), "user" (no b_i), "item" (no b_u) or "biases" (both)
        shrink  how many ratings of no difference each user and item is given
        n_iter  turns
    """

    def __init__(self, kind="biases", shrink=4.0, n_iter=20):
        self.kind, self.shrink, self.n_iter = kind, shrink, n_iter

    def fit_triples(self, triples, shape):
        """Learn from (user, item, rating) triples (R, 3), numbers below shape = (users, items)."""
        if self.kind not in BIASES:
            raise unknown_name("baseline", self.kind, BIASES)
        shrink = check_float("RatingBaseline", "shrink", self.shrink, at_least=0)
        user, item, r = check_triples("RatingBaseline", triples, shape)
        self.mean_ = r.mean()
        self.user_, self.item_ = np.zeros(shape[0]), np.zeros(shape[1])
        for _ in range(check_positive_int("RatingBaseline", "n_iter", self.n_iter)):
            for name, who, mine, theirs in (
                ("i", item, self.item_, self.user_[user]),
                ("u", user, self.user_, self.item_[item]),
            ):
                if name in BIASES[self.kind]:
                    n = np.bincount(who, minlength=len(mine))
                    total = np.bincount(who, r - self.mean_ - theirs, len(mine))
                    mine[:] = total / np.maximum(shrink + n, 1e-12)  # 0 / 0 is 0: nobody rated it
        return self

    def expected_rating(self, user, item):
        """The answer for each pair (R,), float64; a new user or item has no bias."""
        user, item = check_pairs("RatingBaseline", user, item, (len(self.user_), len(self.item_)))
        return self.mean_ + self.user_[user] + self.item_[item]
