"""A Boltzmann machine for ratings, in which what nobody rated does not exist.

Every case (a film with its raters, or a user with his films) is an RBM of its own over the units
that it has, and all share weights and biases:

    p(h_j = 1 | V) = s(b_j + sum over rated i of W[i, r_i, j])
    p(v_i = k | h) = softmax_k(a_i + W[i] h)            K categories; or s(a_i + W[i] h) for liked

Source: Salakhutdinov, Mnih, Hinton (2007), Restricted Boltzmann machines for collaborative
filtering, ICML, sections 2.1 to 2.4.
"""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from scratchnet.backend import RNG, to_device, to_numpy, zeros
from scratchnet.boltzmann.estimators.base import rate_at, seed_of
from scratchnet.boltzmann.machine.energy_model import EnergyModel
from scratchnet.boltzmann.machine.gibbs import ODD, gibbs, half_sweep
from scratchnet.boltzmann.machine.units import Bernoulli, Softmax
from scratchnet.boltzmann.ratings.rating_data import (
    RatingsByCase,
    check_pairs,
    check_triples,
    smoothed_frequencies,
)
from scratchnet.numerics import sigmoid, softplus
from scratchnet.validation import check_bool, check_float, check_positive_int, require, unknown_name

__all__ = ["RatingRBM"]

ROWS = 1000  # pairs asked at once


class RatingRBM(BaseEstimator):
    """An RBM over ratings, trained by CD-k, that predicts the ratings nobody gave.

    Parameters
        n_components  F, hidden units
        orientation   "item": a case is an item, its units are the users; "user": the other way
                      round. Here the first predicts better
        liked         None: a unit is one of the K different ratings (softmax). A number: a unit is
                      0 or 1, whether the rating is at least that
        conditional   hidden units also see WHICH items are rated, through D (units, F), as a film
                      that was watched and not yet rated tells something too (section 2.4)
        k             Gibbs steps of the negative phase
        learning_rate of the first update: smaller where the cases have more ratings each
        schedule      "linear" down to 0 at the end of fit, "constant", or rate = f(update)
        momentum, weight_decay (of W and D, not of biases), batch_size (cases), n_iter (epochs)
        smoothing     each unit starts at the log of its own rating frequencies, mixed with this
                      many ratings of everybody's; the start decides much of the result
        random_state  seed, or scikit-learn's generator
        on_epoch      f(estimator, epoch), called after each

    Attributes, on the device of the fit
        weights_ (units, K, F), intercept_visible_ (units, K), intercept_hidden_ (F,), and D:
        watched_ (units, F) if conditional; K is 1 for liked or not. categories_ (K,) the ratings;
        history_ {"reconstruction": share of training entries that the chain's end has changed}
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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True  # NaN is unrated
        return tags

    # -------------------------------------------------------------------------------- learning

    def fit(self, X, y=None, rated=None):
        """Learn from a matrix (users, items): NaN, or False in `rated`, where nobody rated."""
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        rated = np.isfinite(X) if rated is None else np.isfinite(X) & np.asarray(rated, bool)
        require(rated.any(), "RatingRBM expects at least one rating; every entry is NaN")
        return self.fit_triples(np.stack([*np.nonzero(rated), X[rated]], axis=1), X.shape)

    def fit_triples(self, triples, shape, known=None):
        """Learn from (user, item, rating) triples (R, 3), numbers below shape = (users, items).

        known  pairs (P, 2) known to be rated, how is not known: only for conditional=True
        """
        self._check()
        user, item, r = check_triples("RatingRBM", triples, shape)
        self.shape_, self.n_features_in_ = tuple(shape), shape[1]
        self.categories_, category = np.unique(r, return_inverse=True)
        if self.liked is not None:
            category = (r >= self.liked).astype(int)
        case, unit = self._turned(user, item)
        n_cases, n_units = self._turned(*shape)
        self._cases = RatingsByCase(case, unit, category, n_cases)
        self._rated = RatingsByCase(user, item, None, shape[0])
        self._known = self._all_known(case, unit, known, n_cases)
        self._start(unit, category, n_units)
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
        if not callable(self.schedule) and self.schedule not in ("linear", "constant"):
            raise unknown_name("schedule", self.schedule, ["linear", "constant"])

    def _turned(self, user, item):
        """(case, unit) from what belongs to users and to items."""
        return (item, user) if self.orientation == "item" else (user, item)

    def _all_known(self, case, unit, known, n_cases):
        require(
            known is None or self.conditional, "known pairs are for RatingRBM(conditional=True)"
        )
        if not self.conditional:
            return None
        pairs = np.empty((0, 2)) if known is None else np.asarray(known)
        more = self._turned(*check_pairs("RatingRBM", *pairs.T, self.shape_))
        both = np.unique(np.stack([np.append(case, more[0]), np.append(unit, more[1])]), axis=1)
        return RatingsByCase(*both, None, n_cases)

    def _start(self, unit, category, n_units):
        """Biases from smoothed frequencies, weights near 0."""
        self._unit = Bernoulli() if self.liked is not None else Softmax(len(self.categories_))
        K = 2 if self.liked is not None else len(self.categories_)
        a = np.log(smoothed_frequencies(unit, category, (n_units, K), self.smoothing))
        if self.liked is not None:
            a = a[:, 1:] - a[:, :1]  # log odds (units, 1)
        self._rng = RNG(seed_of(self.random_state))
        W = 0.01 * self._rng.host.standard_normal((*a.shape, self.n_components))
        self.weights_, self.intercept_visible_ = to_device(W), to_device(a)
        self.intercept_hidden_ = zeros((self.n_components,))
        if self.conditional:
            self.watched_ = zeros((n_units, self.n_components))
        self._velocities = [0 * p for p in self._arrays()]

    def _arrays(self):
        """The parameters in the order of `_gradient`; all but the last are gathered by unit."""
        watched = [self.watched_] if self.conditional else []
        return [self.weights_, self.intercept_visible_, *watched, self.intercept_hidden_]

    def _train(self, cases):
        updates = self.n_iter * -(-len(cases) // self.batch_size)
        self.history_, t = {"reconstruction": []}, 0
        for epoch in range(self.n_iter):
            shuffled, changed = self._rng.host.permutation(cases), 0
            for s in range(0, len(cases), self.batch_size):
                rate = rate_at(self.schedule, self.learning_rate, t, t / updates)
                changed, t = changed + self._update(shuffled[s : s + self.batch_size], rate), t + 1
            self.history_["reconstruction"].append(float(changed) / len(self._cases.unit))
            if self.on_epoch is not None:
                self.on_epoch(self, epoch)

    def _update(self, cases, rate):
        """velocity = momentum velocity + rate (g - decay p), p += velocity, for the batch's units.

        Units that are not in the batch stay where they are. Returns how many entries changed.
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
        """(units, gradients of the log-likelihood by CD-k, how many entries the chain changed)."""
        units, model, layers, absent = self._machine(cases)
        clamp = {0: (absent, 0)}  # an entry at 0 sends nothing: it is absent from its row's model
        if self.conditional:
            clamp[2] = (layers[2] >= 0, layers[2])
        begun, positive = half_sweep(model, layers, ODD, self._rng)
        ended, negative = gibbs(model, begun, self.k, self._rng, clamp=clamp)
        up, down = model.statistics(positive), model.statistics(negative)
        g = {name: up[name] - down[name] for name in up}
        shape = (len(units), -1, self.n_components)
        watched = [g["W2"].T] if self.conditional else []
        gradient = [g["W1"].reshape(shape), g["b0"].reshape(shape[:2]), *watched, g["b1"]]
        K = self.weights_.shape[1]
        change = abs(ended[0] - layers[0]).sum() / min(K, 2)  # a changed group moves two units
        return units, gradient, change

    def _machine(self, cases):
        """The units that these cases have, their model, its layers, and what is absent (N, n).

        Known pairs stand in a third layer of 0-1 units, clamped, joined to the hidden ones by D.
        """
        row, unit, category = self._cases.of(cases)
        known_row, known_unit, _ = (
            (row, unit, None) if self._known is None else self._known.of(cases)
        )
        units = np.unique(known_unit)  # sorted; all that are rated are known to be
        column, K = np.searchsorted(units, unit), self.weights_.shape[1]
        v = np.zeros((len(cases), len(units), K), self.weights_.dtype)
        absent = np.ones(v.shape, bool)
        absent[row, column] = False
        v[row, column, 0 if K == 1 else category] = category if K == 1 else 1
        layers = [to_device(v.reshape(len(v), -1), v.dtype), None]
        absent = to_device(absent.reshape(len(v), -1))
        units = to_device(units)
        W = self.weights_[units].reshape(-1, self.n_components)  # (n, F) with n = units K
        model = [self._unit, Bernoulli()], [W], [self.intercept_visible_[units].reshape(-1)]
        model[2].append(self.intercept_hidden_)
        if self.conditional:
            known = np.zeros((len(cases), len(units)), self.weights_.dtype)
            known[known_row, np.searchsorted(to_numpy(units), known_unit)] = 1
            layers.append(to_device(known, known.dtype))
            model[0].append(Bernoulli())
            model[1].append(self.watched_[units].T)
            model[2].append(0 * self.watched_[units, 0])
        return units, EnergyModel(*model), layers, absent

    # ------------------------------------------------------------------------------ prediction

    def _hidden_input(self, cases):
        """z = b + sum over rated W (+ sum over known D) of these cases, (N, F), on the host."""
        z = [np.empty((0, self.n_components))]
        for s in range(0, len(cases), 100):
            _, model, layers, _ = self._machine(cases[s : s + 100])
            z.append(to_numpy(model.field(1, layers)))
        return np.concatenate(z, dtype=self.weights_.dtype)

    def rating_probabilities(self, user, item, mean_field=False):
        """p(r_q = k | the training ratings of q's case), (R, K) float64; (R, 2) for liked or not.

        Exact for each pair on its own, with every hidden state summed out:

            log p(k) = a_qk + sum_j [softplus(z_j + W[q, k, j]) - softplus(z_j)] + const

        mean_field   instead one step, softmax(a_q + W[q] s(z)): cheaper, and nearly the same
        """
        check_is_fitted(self)
        user, item = check_pairs("RatingRBM", user, item, self.shape_)
        case, unit = self._turned(user, item)
        asked, row = np.unique(case, return_inverse=True)
        z, p = self._hidden_input(asked), [np.empty((0, self.weights_.shape[1]))]
        for s in range(0, len(row), ROWS):
            q, zq = to_device(unit[s : s + ROWS]), to_device(z[row[s : s + ROWS]], z.dtype)[:, None]
            W, a = self.weights_[q], self.intercept_visible_[q]  # (n, K, F), (n, K)
            if mean_field:
                logits = a + (W * sigmoid(zq)).sum(axis=-1)
            else:
                logits = a + (softplus(zq + W) - softplus(zq)).sum(axis=-1)
            p.append(to_numpy(self._unit.mean(logits)))
        p = np.concatenate(p)  # float64, as the empty array is
        return p if self.liked is None else np.append(1 - p, p, axis=1)

    def expected_rating(self, user, item, mean_field=False):
        """sum_k k p(r = k) for each pair, (R,); with `liked`, the probability of liking."""
        values = self.categories_ if self.liked is None else np.array([0.0, 1.0])
        return self.rating_probabilities(user, item, mean_field) @ values

    def recommend(self, user, n=10):
        """(items, expected ratings): the n best of those that this user has not rated."""
        check_is_fitted(self)
        check_pairs("RatingRBM", [user], [0], self.shape_)
        new = np.setdiff1d(np.arange(self.shape_[1]), self._rated.of(np.array([user]))[1])
        score = self.expected_rating(np.full(len(new), user), new)
        best = np.argsort(-score, kind="stable")[
            : check_positive_int("RatingRBM.recommend", "n", n)
        ]
        return new[best], score[best]
