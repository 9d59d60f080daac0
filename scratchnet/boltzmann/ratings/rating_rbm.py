"""RBM for ratings, in which the units of missing ratings are left out of the model.

Each training case (an item with the users who rated it, or a user with the items rated) is an RBM
of its own over its rated units, and all of them share weights and biases:

    p(h_j = 1 | V) = s(b_j + sum over rated i of W[i, r_i, j])
    p(v_i = k | h) = softmax_k(a_i + W[i] h)          K categories; s(a_i + W[i] h) with `liked`

Source: Salakhutdinov, Mnih, Hinton (2007), Restricted Boltzmann machines for collaborative
filtering, ICML, sections 2.1 to 2.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from scratchnet.backend import RNG, Array, to_device, to_numpy, zeros
from scratchnet.boltzmann.estimators.rows import refuse_masked, seed_of
from scratchnet.boltzmann.learning.optimizer import check_finite
from scratchnet.boltzmann.learning.rates import check_schedule, learning_rate_at
from scratchnet.boltzmann.machine.energy_model import EnergyModel
from scratchnet.boltzmann.machine.gibbs import ODD, gibbs, half_sweep
from scratchnet.boltzmann.machine.units import Bernoulli, Softmax
from scratchnet.boltzmann.ratings.rating_data import (
    UNKNOWN,
    RatingsByCase,
    check_pairs,
    check_triples,
    smoothed_frequencies,
)
from scratchnet.numerics import sigmoid, softplus
from scratchnet.training import TrainingDiverged
from scratchnet.validation import check_bool, check_float, check_positive_int, require, unknown_name

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["RatingRBM"]

PAIRS = 1000  # pairs predicted at once
CASES = 100  # cases whose hidden units are computed at once
ABSENT = {  # methods of other estimators, and what to use instead
    "partial_fit": "call fit_triples on all ratings, the old and the new ones",
    "score": "compare expected_rating(user, item) with ratings that were left out of the fit",
    "predict": "use expected_rating(user, item)",
}


class RatingRBM(BaseEstimator):
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

    A user or item beyond `shape_` needs another fit. With orientation="user", its expected rating
    can also be computed by hand, from z = b + the sum of W[i, r_i] over its ratings.

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
        refuse_masked("RatingRBM", "X", X)
        refuse_masked("RatingRBM", "rated", rated)
        if scipy.sparse.issparse(X):
            raise TypeError(
                "RatingRBM.fit expects a dense matrix with NaN where there is no rating; got a "
                "sparse one, in which these are 0: use fit_triples on its (row, column, data)"
            )
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        rated = np.ones(X.shape, bool) if rated is None else np.asarray(rated, bool)
        require(
            rated.shape == X.shape,
            f"RatingRBM expects rated in the shape of X, {X.shape}; got {rated.shape}",
        )
        rated &= np.isfinite(X)
        require(rated.any(), "RatingRBM expects at least one rating; every entry is NaN")
        return self.fit_triples(np.stack([*np.nonzero(rated), X[rated]], axis=1), X.shape)

    def fit_triples(
        self, triples: Array, shape: tuple[int, int], known: Array | None = None
    ) -> Self:
        """Fit to (user, item, rating) triples (R, 3); users and items are below shape.

        known  (user, item) pairs (P, 2) that are known to be rated while the rating is not known,
               such as the pairs to predict; only for conditional=True
        """
        self._check()
        user, item, r = check_triples("RatingRBM", triples, shape)
        self.shape_, self.n_features_in_ = tuple(shape), shape[1]
        self.categories_, category = np.unique(r, return_inverse=True)
        if self.liked is not None:
            category = (r >= self.liked).astype(int)
        case, unit = self._case_and_unit(user, item)
        n_cases, n_units = self._case_and_unit(*shape)
        self._cases = RatingsByCase(case, unit, category, n_cases)
        self._rated = RatingsByCase(user, item, None, shape[0])
        self._known = self._known_by_case(case, unit, known, n_cases)
        require(
            self.liked is not None or len(self.categories_) > 1,
            f"RatingRBM expects at least two different ratings; got {r[0]:g} alone",
        )
        self._begin(unit, category, n_units)
        self._train(np.unique(case))
        return self

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

    def _begin(self, unit, category, n_units):
        """Initialize the parameters: biases from smoothed frequencies, weights near 0."""
        self._unit = Bernoulli() if self.liked is not None else Softmax(len(self.categories_))
        K = 2 if self.liked is not None else len(self.categories_)
        a = np.log(smoothed_frequencies(unit, category, (n_units, K), self.smoothing))
        if self.liked is not None:
            a = a[:, 1:] - a[:, :1]  # log-odds (units, 1)
        self._rng = RNG(seed_of(self.random_state))
        W = 0.01 * self._rng.host.standard_normal((*a.shape, self.n_components))
        self.weights_, self.intercept_visible_ = to_device(W), to_device(a)
        self.intercept_hidden_ = zeros((self.n_components,))
        if self.conditional:
            self.watched_ = zeros((n_units, self.n_components))
        self._velocities = [0 * p for p in self._arrays()]

    def _arrays(self):
        """The parameters in the order of `_gradient`; all but the last have a row for each unit."""
        watched = [self.watched_] if self.conditional else []
        return [self.weights_, self.intercept_visible_, *watched, self.intercept_hidden_]

    def _train(self, cases):
        updates = self.n_iter * -(-len(cases) // self.batch_size)
        self.history_, t = {"reconstruction": []}, 0
        for epoch in range(self.n_iter):
            shuffled, changed = self._rng.host.permutation(cases), 0
            for s in range(0, len(cases), self.batch_size):
                rate = learning_rate_at(self.schedule, self.learning_rate, t, t / updates)
                changed = changed + self._update(shuffled[s : s + self.batch_size], rate)
                t += 1
            self._check_finite()
            self.history_["reconstruction"].append(float(changed) / len(self._cases.unit))
            if self.on_epoch is not None:
                self.on_epoch(self, epoch)

    def _check_finite(self):
        """Raise TrainingDiverged, and leave the estimator unfitted, unless the model is finite."""
        try:
            check_finite("RatingRBM", self._arrays(), self.learning_rate)
        except TrainingDiverged:
            for name in [name for name in vars(self) if name.endswith("_")]:
                delattr(self, name)
            raise

    def _update(self, cases, rate):
        """Gradient ascent with momentum and weight decay, for the units of the batch alone.

        velocity = momentum * velocity + rate * (g - decay * p),  p += velocity

        Returns the number of ratings that the Gibbs chain changed.
        """
        units, gradient, changed = self._gradient(cases)
        places = [units] * (len(gradient) - 1) + [slice(None)]
        for p, v, g, at in zip(self._arrays(), self._velocities, gradient, places, strict=True):
            is_bias = p is self.intercept_visible_ or p is self.intercept_hidden_
            decay = 0 if is_bias else self.weight_decay
            step = self.momentum * v[at] + rate * (g - decay * p[at] if decay else g)
            v[at] = step
            p[at] += step
        return changed

    def _gradient(self, cases):
        """CD-k gradient: (units of these cases, gradients of `_arrays`, number of changed ratings).

        The gradients of all arrays but the last have a row for each of the units.
        """
        units, model, layers, missing = self._model_of(cases)
        clamp = {0: (missing, 0)}  # a missing rating stays 0 and adds nothing to any hidden unit
        if self.conditional:
            clamp[2] = (layers[2] >= 0, layers[2])  # everywhere
        samples, data = half_sweep(model, layers, ODD, self._rng)
        ended, means = gibbs(model, samples, self.k, self._rng, clamp=clamp)
        positive, negative = model.statistics(data), model.statistics(means)
        g = {name: positive[name] - negative[name] for name in positive}
        shape = (len(units), -1, self.n_components)
        watched = [g["W2"].T] if self.conditional else []
        gradient = [g["W1"].reshape(shape), g["b0"].reshape(shape[:2]), *watched, g["b1"]]
        K = self.weights_.shape[1]
        changed = abs(ended[0] - layers[0]).sum() / min(K, 2)  # another category changes two units
        return units, gradient, changed

    def _model_of(self, cases):
        """The RBM of some cases: (units, model, layers, missing), N cases with n units in all.

        units    the units that at least one of the cases has
        model    an `EnergyModel` of these units and the hidden ones. If conditional, the known
                 units form a third layer of 0-1 units, with weights D^T: the hidden units get
                 sum over known units of D, and the layer itself is clamped
        layers   [v (N, n K), None], and the known units (N, n) if conditional
        missing  (N, n K), True where the unit is not rated in the case
        """
        row, unit, category = self._cases.of(cases)
        known_row, known_unit = row, unit
        if self._known is not None:
            known_row, known_unit, _ = self._known.of(cases)
        units = np.unique(known_unit)  # sorted; every rated unit is among the known ones
        column, K = np.searchsorted(units, unit), self.weights_.shape[1]
        v = np.zeros((len(cases), len(units), K), self.weights_.dtype)
        if K == 1:
            v[row, column, 0] = category  # 0 or 1
        else:
            v[row, column, category] = 1  # one-hot
        missing = np.ones(v.shape, bool)
        missing[row, column] = False

        at = to_device(units)
        layers = [to_device(v.reshape(len(v), -1), v.dtype), None]
        types = [self._unit, Bernoulli()]
        weights = [self.weights_[at].reshape(-1, self.n_components)]  # (n K, H)
        biases = [self.intercept_visible_[at].reshape(-1), self.intercept_hidden_]
        if self.conditional:
            known = np.zeros((len(cases), len(units)), v.dtype)
            known[known_row, np.searchsorted(units, known_unit)] = 1
            layers.append(to_device(known, known.dtype))
            types.append(Bernoulli())
            weights.append(self.watched_[at].T)  # D^T, (H, n)
            biases.append(0 * self.watched_[at, 0])
        missing = to_device(missing.reshape(len(v), -1))
        return at, EnergyModel(types, weights, biases), layers, missing

    # ------------------------------------------------------------------------------ prediction

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
        z, parts = self._pre_activation(cases), [np.empty((0, self.weights_.shape[1]))]
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
        values = self.categories_ if self.liked is None else np.array([0.0, 1.0])
        return self.rating_probabilities(user, item, mean_field) @ values

    def recommend(self, user: int, n: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """Items, and their expected ratings: the n highest of those the user has not rated."""
        check_is_fitted(self)
        check_pairs("RatingRBM", [user], [0], self.shape_, UNKNOWN)
        n = check_positive_int("RatingRBM.recommend", "n", n)
        new = np.setdiff1d(np.arange(self.shape_[1]), self._rated.of(np.array([user]))[1])
        rating = self.expected_rating(np.full(len(new), user), new)
        best = np.argsort(-rating, kind="stable")[:n]
        return new[best], rating[best]
