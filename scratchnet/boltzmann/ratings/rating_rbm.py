"""RBM for ratings, in which the units of missing ratings are left out of the model.

Each training case (an item with the users who rated it, or a user with the items rated) is an RBM
of its own over its rated units, and all of them share weights and biases:

    p(h_j = 1 | V) = s(b_j + sum over rated i of W[i, r_i, j])
    p(v_i = k | h) = softmax_k(a_i + W[i] h)          K categories; s(a_i + W[i] h) with `liked`

Source: Salakhutdinov, Mnih, Hinton (2007), Restricted Boltzmann machines for collaborative
filtering, ICML, sections 2.1 to 2.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from scratchnet.backend import Array, xp_of
from scratchnet.boltzmann.estimators.rows import refuse_masked
from scratchnet.boltzmann.learning.rates import check_schedule
from scratchnet.boltzmann.ratings.rating_data import (
    RatingsByCase,
    check_pairs,
    check_triples,
)
from scratchnet.boltzmann.ratings.rating_prediction import RatingPrediction
from scratchnet.boltzmann.ratings.rating_training import RatingTraining
from scratchnet.validation import check_bool, check_float, check_positive_int, require, unknown_name

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["RatingRBM"]

ABSENT = {  # methods of other estimators, and what to use instead
    "predict": "use expected_rating(user, item)",
    "score": "orientation='user' has it; on the transposed matrix this is the same model",
}


class RatingRBM(RatingTraining, RatingPrediction, BaseEstimator):
    """RBM over ratings, trained by CD-k, that predicts missing ratings.

    Parameters
        n_components  H, hidden units
        orientation   "item": a case is an item and its units are the users; "user": a case is a
                      user and its units are the items. "item" predicts better on MovieLens
        liked         None: a unit is one of the K different ratings (softmax). A number: a unit is
                      0 or 1, whether the rating is at least that
        conditional   add weights D (units, H) to the hidden units from all rated units, whatever
                      the rating: that a film was watched is information, too (section 2.4)
        k             Gibbs sweeps of the negative phase
        learning_rate of the first update; smaller where the cases have more ratings each
        schedule      "linear" down to 0 at the end of fit, "constant", or rate = f(update)
        momentum, weight_decay (of W and D, not of biases), batch_size (cases), n_iter (epochs)
        smoothing     the biases of a unit start at the logs of its rating frequencies, mixed with
                      this many ratings distributed as those of all units
        random_state  seed, or scikit-learn's generator
        on_epoch      f(estimator, epoch), called after each epoch

    Fitted attributes, on the device of the fit
        weights_ (units, K, H), intercept_visible_ (units, K), intercept_hidden_ (H,); K is 1 with
        `liked`
        watched_ (units, H), the weights D, if conditional
        categories_ (K,), the different ratings
        history_ {"reconstruction": share of training ratings that the Gibbs chain changes}, a
        number an epoch
        n_features_in_ and shape_, the numbers of items and (users, items)
        items_, the names of the items, if fit_triples got them or X is a table with such columns

    A new user needs no training with orientation="user": `recommend` takes her ratings. With
    "item" a user is a unit with parameters, which `partial_fit` adds. `score`, for GridSearchCV
    with orientation="user", is the negative RMSE.

    joblib.dump(model, path) and joblib.load write and read a fitted model, with on_epoch=None or a
    function that can be imported.

    Raises ValueError for an option out of its range, at fit.

    >>> X = np.array([[5.0, 1.0, np.nan], [5.0, np.nan, 4.0], [1.0, 5.0, 1.0]])  # users, items
    >>> model = RatingRBM(2, orientation="user", n_iter=50, random_state=0).fit(X)
    >>> bool(1 <= model.expected_rating([0], [2])[0] <= 5)
    True
    """

    def __init__(
        self,
        n_components=100,
        *,
        orientation="item",
        liked=None,
        conditional=False,
        k=1,
        learning_rate=0.3,
        schedule="linear",
        momentum=0.9,
        weight_decay=1e-3,
        batch_size=100,
        n_iter=20,
        smoothing=20.0,
        random_state=None,
        on_epoch=None,
    ):
        self.n_components = n_components
        self.orientation = orientation
        self.liked = liked
        self.conditional = conditional
        self.k = k
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.smoothing = smoothing
        self.random_state = random_state
        self.on_epoch = on_epoch

    def __getattr__(self, name):
        way = f": {ABSENT[name]}" if name in ABSENT else ""
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{way}")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True  # NaN is a missing rating
        return tags

    # -------------------------------------------------------------------------------- training

    def fit(self, X: Array, y: Array | None = None, rated: Array | None = None) -> Self:
        """Fit to a matrix (users, items); an entry is missing if it is NaN or `rated` is False.

        Raises TypeError for a masked or a sparse matrix, ValueError for `rated` of another shape
        and for fewer than two different ratings, and `TrainingDiverged` where the parameters become
        infinite.
        """
        X, rated = self._validated(X, rated, reset=True)
        self.fit_triples(_triples(X, rated), X.shape)
        return self._with_columns()

    def _validated(self, X, rated, reset):
        """X as an array (users, items), and where it has ratings."""
        refuse_masked("RatingRBM", "X", X)
        refuse_masked("RatingRBM", "rated", rated)
        if scipy.sparse.issparse(X):
            raise TypeError(
                "RatingRBM.fit expects a dense matrix with NaN where there is no rating; got a "
                "sparse one, in which these are 0: use fit_triples on its (row, column, data)"
            )
        X = validate_data(self, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan")
        rated = np.ones(X.shape, bool) if rated is None else np.asarray(rated, bool)
        require(
            rated.shape == X.shape,
            f"RatingRBM expects rated in the shape of X, {X.shape}; got {rated.shape}",
        )
        rated &= np.isfinite(X)
        require(rated.any(), "RatingRBM expects at least one rating; every entry is NaN")
        return X, rated

    def _with_columns(self):
        """Name the items as the columns of a table, if X was one."""
        if hasattr(self, "feature_names_in_"):
            self.items_ = tuple(self.feature_names_in_)
        return self

    def fit_triples(
        self,
        triples: Array,
        shape: tuple[int, int],
        known: Array | None = None,
        items: Sequence[str] | None = None,
    ) -> Self:
        """Fit to (user, item, rating) triples (R, 3); users and items are below shape.

        known  (user, item) pairs (P, 2) that are known to be rated while the rating is not known,
               such as the pairs to predict; only for conditional=True
        items  names of the items, for `recommend`: the titles of a `Ratings`
        """
        user, item, category = self._start(triples, shape, items)
        case, unit = self._case_and_unit(user, item)
        self._store(case, unit, category, known)
        self._begin(unit, category)
        cases, epochs = np.unique(case), self.n_iter
        updates, t = epochs * -(-len(cases) // self.batch_size), 0
        for epoch in range(epochs):
            t = self._epoch(cases, t, updates)
            if self.on_epoch is not None:
                self.on_epoch(self, epoch)
        return self

    def partial_fit(self, X: Array, y: Array | None = None, rated: Array | None = None) -> Self:
        """Train for one epoch on further users, the rows of X, at the initial learning rate.

        The users get the numbers after the known ones: n to n + len(X) - 1 for n = shape_[0]. The
        first call must have every rating that can occur. Raises the errors of `fit`.

        >>> X = np.array([[5.0, 1.0, np.nan], [1.0, np.nan, 4.0]])
        >>> model = RatingRBM(2, n_iter=5, random_state=0).fit(X)
        >>> model.partial_fit(np.array([[np.nan, 5.0, 1.0]])).shape_
        (3, 3)
        """
        first = not hasattr(self, "weights_")
        X, rated = self._validated(X, rated, reset=first)
        n = 0 if first else self.shape_[0]
        triples = _triples(X, rated) + np.array([n, 0, 0])
        self.partial_fit_triples(triples, (n + len(X), X.shape[1]))
        return self._with_columns()

    def partial_fit_triples(self, triples: Array, shape: tuple[int, int] | None = None) -> Self:
        """Train for one epoch on further (user, item, rating) triples, of known and of new users.

        The epoch goes over the cases with a triple. A new rating replaces an old one of the same
        user and item; all ratings together are those from which `expected_rating` predicts.

        shape  numbers of users and items, at least those of the fit: further ones begin with the
               parameters that `fit` would give them. None: those of the fit

        Raises ValueError for a rating that the fit had not, and the errors of `fit_triples`.
        """
        if not hasattr(self, "weights_"):
            require(shape is not None, "RatingRBM expects shape=(users, items) at the first call")
            user, item, category = self._start(triples, shape, None)
            case, unit = self._case_and_unit(user, item)
            self._store(case, unit, category, None)
            self._begin(unit, category)
        else:
            shape = self.shape_ if shape is None else (shape[0], shape[1])
            require(
                shape[0] >= self.shape_[0] and shape[1] >= self.shape_[1],
                f"RatingRBM expects a shape of at least {self.shape_}, as the fit; got {shape}",
            )
            user, item, r = check_triples("RatingRBM", triples, shape)
            case, unit = self._case_and_unit(user, item)
            self._add(case, unit, self._category(r), shape)
        cases = np.unique(case)
        self._epoch(cases, 0, None)
        return self

    def _start(self, triples, shape, items):
        """Check options and triples, and set what does not depend on the parameters."""
        self._check()
        user, item, r = check_triples("RatingRBM", triples, shape)
        self.shape_, self.n_features_in_ = tuple(shape), shape[1]
        self.categories_ = np.unique(r)
        vars(self).pop("items_", None)
        if items is not None:
            require(
                len(items) == shape[1],
                f"RatingRBM expects {shape[1]} names of items; got {len(items)}",
            )
            self.items_ = tuple(items)
        return user, item, self._category(r)

    def _store(self, case, unit, category, known):
        n_cases = self._case_and_unit(*self.shape_)[0]
        self._cases = RatingsByCase(case, unit, category, n_cases)
        self._rated = RatingsByCase(*self._case_and_unit(case, unit), None, self.shape_[0])
        self._known = self._known_by_case(case, unit, known, n_cases)

    def _add(self, case, unit, category, shape):
        """Add ratings to the stored ones, and rows to the parameters for further units."""
        row, old_unit, old_category = self._cases.of(np.arange(len(self._cases.start) - 1))
        pairs = [c * max(max(shape), 1) + u for c, u in ((row, old_unit), (case, unit))]
        kept = ~np.isin(*pairs)
        known = None
        if self._known is not None:
            known_row, known_unit, _ = self._known.of(np.arange(len(self._known.start) - 1))
            known = np.stack(self._case_and_unit(known_row, known_unit), axis=1)  # (user, item)
        case, unit, category = (
            np.append(old[kept], new)
            for old, new in ((row, case), (old_unit, unit), (old_category, category))
        )
        if shape[1] > self.shape_[1]:
            vars(self).pop("items_", None)
        self.shape_, self.n_features_in_ = shape, shape[1]
        self._store(case, unit, category, known)
        missing = self._case_and_unit(*shape)[1] - len(self.weights_)
        if missing:
            first = [p[-missing:] for p in self._initial_arrays(unit, category)[:-1]]
            *arrays, b = self._arrays()
            *velocities, velocity_of_b = self._velocities
            join = xp_of(b).concatenate
            self._velocities = [
                *(join([v, 0 * new]) for v, new in zip(velocities, first, strict=True)),
                velocity_of_b,
            ]
            self._set_arrays([*(join(pair) for pair in zip(arrays, first, strict=True)), b])

    def _check(self):
        for name in ("n_components", "k", "batch_size", "n_iter"):
            check_positive_int("RatingRBM", name, getattr(self, name))
        for name in ("momentum", "weight_decay", "smoothing"):
            check_float("RatingRBM", name, getattr(self, name), at_least=0)
        check_float("RatingRBM", "learning_rate", self.learning_rate, above=0)
        check_bool("RatingRBM", "conditional", self.conditional)
        if self.orientation not in ("item", "user"):
            raise unknown_name("orientation", self.orientation, ["item", "user"])
        check_schedule(self.schedule, ["linear", "constant"])

    def _case_and_unit(self, user, item):
        """(case, unit) from what belongs to users and to items."""
        return (item, user) if self.orientation == "item" else (user, item)

    def _known_by_case(self, case, unit, known, n_cases):
        """The rated units of each case and those in `known`; None if not conditional."""
        require(
            known is None or self.conditional, "known pairs are for RatingRBM(conditional=True)"
        )
        if not self.conditional:
            return None
        pairs = np.empty((0, 2)) if known is None else np.asarray(known)
        more = self._case_and_unit(*check_pairs("RatingRBM", *pairs.T, self.shape_))
        both = np.unique(np.stack([np.append(case, more[0]), np.append(unit, more[1])]), axis=1)
        return RatingsByCase(*both, None, n_cases)


def _triples(X, rated):
    return np.stack([*np.nonzero(rated), X[rated]], axis=1)
