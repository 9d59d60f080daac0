"""Training of a rating RBM: the gradient of CD-k for some cases, and the update of their units."""

import numpy as np

from scratchnet.backend import RNG, to_device, zeros
from scratchnet.boltzmann.estimators.rows import seed_of
from scratchnet.boltzmann.learning.optimizer import check_finite
from scratchnet.boltzmann.learning.rates import learning_rate_at
from scratchnet.boltzmann.machine.energy_model import EnergyModel
from scratchnet.boltzmann.machine.gibbs import ODD, gibbs, half_sweep
from scratchnet.boltzmann.machine.units import Bernoulli, Softmax
from scratchnet.boltzmann.ratings.rating_data import smoothed_frequencies
from scratchnet.training import TrainingDiverged
from scratchnet.validation import require

__all__ = ["RatingTraining"]


class RatingTraining:
    """Part of `RatingRBM` that trains: the parameters, and updates for batches of cases."""

    def _begin(self, unit, category):
        """Initialize the parameters: biases from smoothed frequencies, weights near 0."""
        require(
            self.liked is not None or len(self.categories_) > 1,
            f"RatingRBM expects at least two different ratings; got {self.categories_[0]:g} alone",
        )
        self._unit = Bernoulli() if self.liked is not None else Softmax(len(self.categories_))
        self._rng = RNG(seed_of(self.random_state))
        self._set_arrays(self._initial_arrays(unit, category))
        self._velocities = [0 * p for p in self._arrays()]
        self.history_ = {"reconstruction": []}

    def _initial_arrays(self, unit, category):
        n_units = self._case_and_unit(*self.shape_)[1]
        K = 2 if self.liked is not None else len(self.categories_)
        a = np.log(smoothed_frequencies(unit, category, (n_units, K), self.smoothing))
        if self.liked is not None:
            a = a[:, 1:] - a[:, :1]  # log-odds (units, 1)
        W = 0.01 * self._rng.host.standard_normal((*a.shape, self.n_components))
        watched = [zeros((n_units, self.n_components))] if self.conditional else []
        return [to_device(W), to_device(a), *watched, zeros((self.n_components,))]

    def _arrays(self):
        """The parameters in the order of `_gradient`; all but the last have a row for each unit."""
        watched = [self.watched_] if self.conditional else []
        return [self.weights_, self.intercept_visible_, *watched, self.intercept_hidden_]

    def _set_arrays(self, arrays):
        self.weights_, self.intercept_visible_, *watched, self.intercept_hidden_ = arrays
        if self.conditional:
            (self.watched_,) = watched

    def _epoch(self, cases, t, updates):
        """Train on these cases once, from update t of `updates` on; return the next t.

        Without `updates` the learning rate is that of the start.
        """
        shuffled, changed = self._rng.host.permutation(cases), 0
        for s in range(0, len(cases), self.batch_size):
            progress = t / updates if updates else 0.0
            rate = learning_rate_at(self.schedule, self.learning_rate, t, progress)
            changed = changed + self._update(shuffled[s : s + self.batch_size], rate)
            t += 1
        self._check_finite()
        n = len(self._cases.of(cases)[0])
        self.history_["reconstruction"].append(float(changed) / n)
        return t

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
