"""Predictions of a rating RBM, for the users of its fit and for new ones."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from scratchnet.backend import Array, to_device, to_numpy
from scratchnet.boltzmann.ratings.rating_data import RatingsByCase, check_pairs
from scratchnet.numerics import sigmoid, softplus
from scratchnet.validation import check_positive_int, require

__all__ = ["RatingPrediction"]

PAIRS = 1000  # pairs predicted at once
CASES = 100  # cases whose hidden units are computed at once
UNKNOWN = (
    ": a new user or item has no parameters yet: call partial_fit with its ratings, or fit again"
)


def _users_are_cases(model):
    return model.orientation == "user"


class RatingPrediction:
    """Part of `RatingRBM` that predicts, from the input z of the hidden units of a case.

    z = b + sum over the rated units i of W[i, r_i]     (+ the sum of D[i] if conditional)
    log p(r_q = k | the ratings) = a_qk + sum_j [softplus(z_j + W[q, k, j]) - softplus(z_j)] + c
    """

    shape_: tuple[int, int]  # these four are those of RatingRBM
    _rated: RatingsByCase
    _case_and_unit: Callable
    _validated: Callable

    def _pre_activation(self, cases):
        """z = b + sum over rated W (+ sum over known D) of these cases, (N, H), on the host."""
        z = [np.empty((0, self.n_components))]
        for s in range(0, len(cases), CASES):
            _, model, layers, _ = self._model_of(cases[s : s + CASES])
            z.append(to_numpy(model.pre_activation(1, layers)))
        return np.concatenate(z, dtype=self.weights_.dtype)

    def rating_probabilities(
        self, user: Array, item: Array, mean_field: bool = False
    ) -> np.ndarray:
        """Probability of each rating of each pair, (R, K) float64; (R, 2) with `liked`.

        For q, the unit of the pair, p(r_q = k | the training ratings of its case) is exact, with
        all hidden states summed out:

            log p(k) = a_qk + sum_j [softplus(z_j + W[q, k, j]) - softplus(z_j)] + const

        Each pair is predicted on its own. Raises ValueError for a user or item that is not below
        the shape of the fit.

        mean_field  one mean-field step instead, softmax(a_q + W[q] s(z)): cheaper and close to it
        """
        check_is_fitted(self)
        user, item = check_pairs("RatingRBM", user, item, self.shape_, UNKNOWN)
        case, unit = self._case_and_unit(user, item)
        cases, row = np.unique(case, return_inverse=True)
        return self._conditional(self._pre_activation(cases), row, unit, mean_field)

    def _conditional(self, z, row, unit, mean_field=False):
        """p(r_q = k | z[row]) of each unit q, (R, K) float64; (R, 2) with `liked`."""
        parts = [np.empty((0, self.weights_.shape[1]))]
        for s in range(0, len(row), PAIRS):
            q = to_device(unit[s : s + PAIRS])
            zq = to_device(z[row[s : s + PAIRS]], z.dtype)[:, None]  # (n, 1, H)
            W, a = self.weights_[q], self.intercept_visible_[q]  # (n, K, H), (n, K)
            if mean_field:
                logits = a + (W * sigmoid(zq)).sum(axis=-1)
            else:
                logits = a + (softplus(zq + W) - softplus(zq)).sum(axis=-1)
            parts.append(to_numpy(self._unit.mean(logits)))
        p = np.concatenate(parts)  # float64, as the empty array is
        return p if self.liked is None else np.append(1 - p, p, axis=1)

    def expected_rating(self, user: Array, item: Array, mean_field: bool = False) -> np.ndarray:
        """Expected rating sum_k k p(r = k) of each pair, (R,); with `liked`, p(liked)."""
        return self.rating_probabilities(user, item, mean_field) @ self._values()

    def recommend(self, user: Any, n: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """Items, and their expected ratings: the n highest of those the user has not rated.

        Parameters
            user  the number of a user of the fit; or, for a new user, her ratings: {item: rating},
                  or a pair (items, ratings) of arrays. An item is a number, or a name of `items_`.
                  A new user needs orientation="user"; nothing is trained or stored

        Returns (items, expected ratings): names if the ratings have names, else numbers. The
        expected ratings of a new user are exact, as in `rating_probabilities`: z is the sum over
        her ratings. Raises ValueError for an unknown user, item or rating.

        >>> from scratchnet.boltzmann import RatingRBM
        >>> triples = [[0, 0, 5], [0, 1, 1], [1, 0, 1], [1, 2, 5], [2, 1, 5], [2, 2, 1]]
        >>> model = RatingRBM(2, orientation="user", n_iter=5, random_state=0)
        >>> model = model.fit_triples(triples, (3, 3), items=["Alien", "Brazil", "Casablanca"])
        >>> model.recommend({"Alien": 5, "Brazil": 1})[0].tolist()
        ['Casablanca']
        """
        check_is_fitted(self)
        n = check_positive_int("RatingRBM.recommend", "n", n)
        if isinstance(user, (Mapping, tuple, list)):
            return self._recommend_to_new_user(user, n)
        check_pairs("RatingRBM", [user], [0], self.shape_, UNKNOWN)
        new = np.setdiff1d(np.arange(self.shape_[1]), self._rated.of(np.array([user]))[1])
        return _best(new, self.expected_rating(np.full(len(new), user), new), n)

    def _recommend_to_new_user(self, ratings, n):
        require(
            self.orientation == "user",
            "RatingRBM.recommend expects the number of a user of the fit: with orientation='item' "
            "a new user is a unit without parameters; use partial_fit, or orientation='user'",
        )
        items, r = (list(part) for part in _items_and_ratings(ratings))
        names = None
        if any(isinstance(item, str) for item in items):
            names = self._item_names()
            items = [_number_of(item, names) for item in items]
        zeros = np.zeros(len(items), int)
        _, items = check_pairs("RatingRBM", zeros, items, (1, self.shape_[1]), UNKNOWN)
        require(
            len(set(items)) == len(items) == len(r) > 0,
            "RatingRBM.recommend expects a rating of each item, and an item once; got "
            f"{len(items)} items and {len(r)} ratings",
        )
        z = self._input_of_hidden(zeros, items, self._category(r), n=1)
        new = np.setdiff1d(np.arange(self.shape_[1]), items)
        p = self._conditional(z, np.zeros(len(new), int), new)
        best, expected = _best(new, p @ self._values(), n)
        return (best if names is None else np.array(names)[best]), expected

    @available_if(_users_are_cases)
    def score(self, X: Array, y: Array | None = None, rated: Array | None = None) -> float:
        """Negative RMSE of the ratings in X, each predicted from the others in its row.

            -sqrt(mean (r - E[r | the other ratings of the user])^2)        a larger value is better

        The rows are users, of the fit or new ones: the ratings in X are the only ones that count.
        So GridSearchCV divides the users among folds. With `liked`, r is 1 (liked) or 0. With
        conditional=True the weights D of a rating that is predicted count, too: that the user has
        rated the item is known.

        There is no score with orientation="item", where a user who is left out of the fit has no
        parameters: search with orientation="user" on the transposed matrix, whose rows are items.
        It is the same model. Raises ValueError for ratings that the fit had not.

        >>> from sklearn.model_selection import GridSearchCV
        >>> from scratchnet.boltzmann import RatingRBM
        >>> X = np.array([[5, 1, np.nan], [5, np.nan, 1], [1, 5, np.nan], [np.nan, 5, 5]] * 5)
        >>> model = RatingRBM(2, orientation="user", n_iter=2, random_state=0)
        >>> search = GridSearchCV(model, {"learning_rate": [0.01, 0.1]}, cv=2).fit(X)
        >>> bool(-4 < search.best_score_ < 0)
        True
        """
        check_is_fitted(self)
        X, rated = self._validated(X, rated, reset=False)
        row, item = np.nonzero(rated)
        category = self._category(X[rated])
        values = self._values()
        z = self._input_of_hidden(row, item, category, n=len(X))
        others = z[row] - self._input_of_ratings(item, category)  # (R, H)
        expected = self._conditional(others, np.arange(len(row)), item) @ values
        return -float(np.sqrt(np.square(values[category] - expected).mean()))

    def _values(self):
        return self.categories_ if self.liked is None else np.array([0.0, 1.0])

    def _category(self, rating):
        """Number of the category of each rating; with `liked`, whether it is at least that."""
        rating = np.asarray(rating, np.float64)
        if self.liked is not None:
            require(bool(np.isfinite(rating).all()), "RatingRBM expects finite ratings; got NaN")
            return (rating >= self.liked).astype(int)
        unknown = rating[~np.isin(rating, self.categories_)]
        require(
            len(unknown) == 0,
            f"RatingRBM expects ratings of the fit, {', '.join(f'{k:g}' for k in self.categories_)}"
            + (f"; got {unknown[0]:g}" if len(unknown) else ""),
        )
        return np.searchsorted(self.categories_, rating)

    def _input_of_ratings(self, unit, category):
        """W[i, r_i] of each rating, (R, H), on the host; 0 for the category 0 with `liked`."""
        W = to_numpy(self.weights_)
        if self.liked is None:
            return W[unit, category]
        return W[unit, 0] * category[:, None].astype(W.dtype)

    def _input_of_hidden(self, row, unit, category, n):
        """z (n, H) of n cases with these ratings, on the host."""
        z = np.tile(to_numpy(self.intercept_hidden_), (n, 1))
        np.add.at(z, row, self._input_of_ratings(unit, category))
        if self.conditional:
            np.add.at(z, row, to_numpy(self.watched_)[unit])
        return z

    def _item_names(self):
        names = getattr(self, "items_", None)
        require(
            names is not None,
            "RatingRBM.recommend got names of items, but the fit had none: pass their numbers, or "
            "fit_triples(..., items=names)",
        )
        return names


def _best(items, expected, n):
    best = np.argsort(-expected, kind="stable")[:n]
    return items[best], expected[best]


def _items_and_ratings(ratings):
    if isinstance(ratings, Mapping):
        return ratings.keys(), ratings.values()
    require(
        len(ratings) == 2,
        "RatingRBM.recommend expects {item: rating}, or a pair (items, ratings); got "
        f"{len(ratings)} parts",
    )
    return ratings


def _number_of(name, names):
    """Number of an item from its name; ValueError for one that is unknown, or of several items."""
    found = [i for i, known in enumerate(names) if known == name]
    if not found:
        close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
        hint = f": did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"RatingRBM has no item {name!r} among its {len(names)} names{hint}")
    require(
        len(found) == 1, f"RatingRBM has {len(found)} items {name!r}: pass the number, of {found}"
    )
    return found[0]
