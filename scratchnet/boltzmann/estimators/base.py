"""Base class of the RBM and DBM estimators: the training loop, sampling and likelihoods."""

from __future__ import annotations

import math
import time
import warnings
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from scratchnet.backend import RNG, Array, to_device, to_numpy, xp_of
from scratchnet.boltzmann.estimators.rows import (
    Rows,
    clean,
    dense,
    refuse_masked,
    seed_of,
    to_host_like,
)
from scratchnet.boltzmann.learning.optimizer import LikelihoodOptimizer, check_finite
from scratchnet.boltzmann.learning.rates import check_schedule, learning_rate_at
from scratchnet.boltzmann.learning.trainers import initial_particles, make_trainer
from scratchnet.boltzmann.likelihood import exact
from scratchnet.boltzmann.likelihood.ais import LogPartition, ais, exact_log_partition
from scratchnet.boltzmann.machine.energy_model import EnergyModel
from scratchnet.boltzmann.machine.gibbs import EVEN, ODD, gibbs, half_sweep
from scratchnet.boltzmann.machine.units import Bernoulli
from scratchnet.inputs import as_array
from scratchnet.training import TrainingDiverged
from scratchnet.validation import check_float, check_positive_int, require

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["BoltzmannEstimator"]

MONITORED_ROWS = 256  # the numbers of history_ are averages over the first rows of X
BLOCK = 2**20  # entries of a sparse X that are dense at once


class BoltzmannEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base class of scikit-learn estimators around an `EnergyModel`.

    A subclass has a constructor whose arguments include those of `BernoulliRBM`, and defines

        visible_units(n)      the type of the n visible units
        initial_biases(rows)  their biases before training; sets base_biases_, where AIS starts
        check_values(rows)    a warning for unsuitable data

    where rows is a `Rows`. A deeper model defines initial_model(rows) and infer(v) as well.

    Fitted attributes: energy_model_ (the `EnergyModel`, on the device of the fit), trainer_ and
    optimizer_ (with the state of the training), updates_ (their number), rng_, base_biases_,
    n_features_in_, and history_, lists with one number an epoch: "reconstruction" (mean squared
    error of the reconstruction), "mean_activity" (of the hidden units) and "update_ratio" (mean
    size of the last update of W_1, relative to W_1; about 0.001 is healthy).

    >>> from scratchnet.boltzmann import BernoulliRBM
    >>> rbm = BernoulliRBM(2, n_iter=3, random_state=0).fit(np.eye(4))
    >>> isinstance(rbm, BoltzmannEstimator), len(rbm.history_["reconstruction"])
    (True, 3)
    """

    ensure_all_finite: bool | str = "allow-nan"  # NaN is a missing entry; True: NaN is an error

    # ------------------------------------------------------------------------------ training

    def fit(self, X: Array, y: Array | None = None) -> Self:
        """Train on the rows of X, shuffled anew in each epoch.

        X  (n_samples, n_features), dense or sparse. NaN is a missing entry: its unit is left out of
           the model of that row

        Raises TypeError for a masked array, and `TrainingDiverged` where the parameters become
        infinite; the estimator is then not fitted.
        """
        rows = Rows(self._validated(X, reset=True))
        n, size = len(rows), check_positive_int(type(self).__name__, "batch_size", self.batch_size)
        self._begin(rows)
        updates = self.n_iter * math.ceil(n / size)
        for epoch in range(self.n_iter):
            start_time = time.perf_counter()
            order = self.rng_.permutation(n)
            for start in range(0, n, size):
                v, missing = rows[order[start : start + size]]
                self._update(v, missing, self.updates_ / updates)
            self._check_finite()
            self._record(*rows[:MONITORED_ROWS])
            if self.verbose:
                seconds = time.perf_counter() - start_time
                name, error = type(self).__name__, self.history_["reconstruction"][-1]
                print(f"[{name}] iteration {epoch + 1}, reconstruction {error:.4f}, {seconds:.2f}s")
            if self.on_epoch is not None:
                self.on_epoch(self, epoch)
        return self

    def partial_fit(self, X: Array, y: Array | None = None) -> Self:
        """Make one update with the rows of X as the batch, at the initial learning rate."""
        first = not hasattr(self, "energy_model_")
        rows = Rows(self._validated(X, reset=first))
        if first:
            self._begin(rows)
        v, missing = rows[:]
        self._update(v, missing, progress=0.0)
        self._check_finite()
        return self

    def _begin(self, rows):
        """Check the options and set the fitted attributes to their state before training."""
        name, missing = type(self).__name__, rows.missing is not None
        check_float(name, "learning_rate", self.learning_rate, above=0)
        check_float(name, "n_iter", self.n_iter, at_least=0)
        check_schedule(self.schedule)
        trainer = self.trainer
        if missing and isinstance(trainer, str) and trainer == "pcd":
            warnings.warn(
                f"X has missing entries, and persistent chains cannot leave them out: {name} uses "
                f"trainer='cd', k={self.k} instead",
                UserWarning,
                stacklevel=3,
            )
            trainer = "cd"
        self.trainer_ = make_trainer(trainer, self.k, self.n_chains)
        require(
            not missing or (self.trainer_.supports_missing and not self.center),
            f"{name} expects trainer='cd' and center=False where X has missing entries; got "
            f"trainer={self.trainer!r}, center={self.center!r}: use these, or fill the entries in",
        )
        self.check_values(rows)
        self.rng_ = RNG(seed_of(self.random_state))
        self.energy_model_ = self.initial_model(rows)
        self.optimizer_ = LikelihoodOptimizer(
            self.momentum, self.weight_decay, self.center, self.sparsity, self.sparsity_cost
        )
        self.updates_, self._n_features_out = 0, len(self.energy_model_.biases[-1])
        self.history_ = {"reconstruction": [], "mean_activity": [], "update_ratio": []}

    def initial_model(self, rows: Rows) -> EnergyModel:
        """Create the model before the first update: small weights, biases that fit the data."""
        D, dtype = rows.shape[1], rows.dtype
        H = check_positive_int(type(self).__name__, "n_components", self.n_components)
        W = to_device(self.initial_scale(D) * self.rng_.host.standard_normal((D, H)), dtype)
        a = self.initial_biases(rows)
        units = [self.visible_units(D).map_arrays(lambda z: z.astype(dtype)), Bernoulli()]
        return EnergyModel(units, [W], [a, xp_of(a).zeros(H, dtype=dtype)])

    def initial_scale(self, n: int) -> float:
        """Standard deviation of the initial weights of a layer with n visible units."""
        if self.weight_scale is None:
            return 1 / math.sqrt(n)
        return check_float(type(self).__name__, "weight_scale", self.weight_scale, above=0)

    def _check_finite(self):
        """Raise TrainingDiverged, and leave the estimator unfitted, unless the model is finite."""
        try:
            parameters = self.energy_model_.parameters().values()
            check_finite(type(self).__name__, parameters, self.learning_rate)
        except TrainingDiverged:
            del self.energy_model_
            raise

    def _update(self, v, missing, progress):
        """Move the parameters along the gradient of one batch v (N, D) with mask `missing`."""
        model = self.energy_model_
        v = v.astype(model.biases[0].dtype, copy=False)
        clamp = None if missing is None else {0: (missing, 0.0)}
        data = self.infer(v)
        positive = model.statistics(data)
        negative = self.trainer_.model_statistics(model, data, self.rng_, clamp)
        gradient = {name: s - negative[name] for name, s in positive.items()}
        self.optimizer_.step(model, positive, gradient, self._rate(progress))
        self.trainer_.after_update(gradient)
        self.updates_ += 1

    def _rate(self, progress):
        return learning_rate_at(self.schedule, self.learning_rate, self.updates_, progress)

    def _record(self, v, missing):
        """Append the numbers of the epoch to history_, measured on v (N, D)."""
        v = v.astype(self.energy_model_.biases[0].dtype, copy=False)
        layers = self.infer(v)
        error = (self.energy_model_.mean(0, layers) - v) ** 2
        error = error.mean() if missing is None else error[~missing].mean()
        W, change = self.energy_model_.weights[0], self.optimizer_.velocity["W1"]
        ratio = abs(change).mean() / abs(W).mean()
        for name, number in zip(self.history_, (error, layers[1].mean(), ratio), strict=True):
            self.history_[name].append(float(number))

    # ------------------------------------------------------------------------ rows in and out

    def _validated(self, X, reset, ensure_all_finite=None):
        refuse_masked(type(self).__name__, "X", X)
        return validate_data(
            self,
            X,
            accept_sparse="csr",
            dtype=(np.float64, np.float32),
            ensure_all_finite=ensure_all_finite or self.ensure_all_finite,
            reset=reset,
        )

    def _rows(self, X, ensure_all_finite=None):
        """Rows v and mask (or None) for the fitted model, on its device and in its precision."""
        b = self._model.biases[0]
        v, missing = clean(self._validated(X, reset=False, ensure_all_finite=ensure_all_finite))
        xp = xp_of(b)
        v = xp.asarray(dense(v), dtype=b.dtype)
        return v, None if missing is None else xp.asarray(dense(missing))

    def _blocks(self, X):
        """Slices of X that cover it, each small enough to become dense; one slice if X is dense."""
        if not scipy.sparse.issparse(X) or X.ndim != 2:
            return [X]
        n = max(1, BLOCK // max(1, X.shape[1]))
        X = X.tocsr()
        return [X[start : start + n] for start in range(0, X.shape[0], n)] or [X]

    def _by_block(self, function, X):
        """Results function(v, missing) for all rows of X, on the host."""
        check_is_fitted(self, "energy_model_")
        results = [to_numpy(function(*self._rows(block))) for block in self._blocks(X)]
        return results[0] if len(results) == 1 else np.concatenate(results)

    @property
    def _model(self):
        """The fitted model; NotFittedError before the fit."""
        check_is_fitted(self, "energy_model_")
        return self.energy_model_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self.ensure_all_finite == "allow-nan"
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def infer(self, v: Array) -> list[Array]:
        """Layers [v, E[h | v]] of the positive phase; v (N, D) is on the device of the model."""
        return [v, self.energy_model_.mean(1, [v, None])]

    def transform(self, X: Array) -> np.ndarray:
        """Conditional means p(h = 1 | v = X) of the (top) hidden layer, (n_samples, n_hidden)."""
        return to_host_like(self._by_block(lambda v, _: self.infer(v)[-1], X), X)

    def inverse_transform(self, H: Array) -> np.ndarray:
        """Conditional means of v given hidden units H (n_samples, n_hidden)."""
        b = self._model.biases[1]
        h = xp_of(b).asarray(as_array("H", H, lists=True), dtype=b.dtype)
        return to_numpy(self.energy_model_.mean(0, [None, h]))

    def reconstruct(self, X: Array) -> np.ndarray:
        """Conditional means of v given E[h | v = X]; missing entries come back filled in."""
        means = self._by_block(lambda v, _: self.energy_model_.mean(0, self.infer(v)), X)
        return to_host_like(means, X)

    # ------------------------------------------------------------------------------ sampling

    def gibbs(self, v: Array, k: int = 1) -> np.ndarray:
        """Visible units after k sweeps of the Gibbs chain that starts at the rows v."""
        rows, _ = self._rows(v)
        model, k = self.energy_model_, check_positive_int("gibbs", "k", k)
        samples, _ = half_sweep(model, self.infer(rows), ODD, self.rng_)
        samples, _ = gibbs(model, samples, k, self.rng_)
        return to_host_like(samples[0], v)

    def sample(
        self, n: int, burn_in: int = 1000, clamp: Array | None = None, mean: bool = False
    ) -> np.ndarray:
        """Draw n rows (n, n_features), each at the end of a Gibbs chain of its own.

        Parameters
            burn_in  sweeps before the row is taken
            clamp    (n_features,): values of the visible units that are fixed; NaN at the others
            mean     return the means p(v | h) of the last sweep instead of samples
        """
        model, clamped = self._model, None
        n = check_positive_int("sample", "n", n)
        burn_in = check_positive_int("sample", "burn_in", burn_in)
        layers = initial_particles(model, n, self.rng_)
        if clamp is not None:
            clamp = as_array("clamp", clamp, lists=True).reshape(1, -1)
            values, missing = self._rows(clamp, "allow-nan")
            fixed = xp_of(values).ones_like(values) > 0 if missing is None else ~missing
            clamped = {0: (fixed, values)}
        layers, _ = gibbs(model, layers, burn_in, self.rng_, clamp=clamped)
        samples, means = half_sweep(model, layers, EVEN, self.rng_, clamp=clamped)
        return to_numpy((means if mean else samples)[0])

    # --------------------------------------------------------------------------- likelihoods

    def energy(self, v: Array, *h: Array) -> np.ndarray:
        """Energy E(v, h_1, ...) of each row, (n,); one array for each hidden layer."""
        rows, _ = self._rows(v)
        hidden = [as_array("h", layer, lists=True) for layer in h]
        hidden = [xp_of(rows).asarray(layer, dtype=rows.dtype) for layer in hidden]
        return to_numpy(self.energy_model_.energy([rows, *hidden]))

    def free_energy(self, X: Array) -> np.ndarray:
        """Free energy F(v) of each row, (n,); log p(v) = -F(v) - log Z.

        A row with missing entries has a model of its own, with another Z: compare its free energy
        only with that of rows in which the same entries are missing.
        """
        return to_host_like(self._by_block(self._free_energy, X), X)

    def _free_energy(self, v, missing):
        F = self.energy_model_.free_energy(v)
        if missing is None:
            return F
        unit, a = self.energy_model_.units[0], self.energy_model_.biases[0]
        return F - unit.bias_energy(0 * v, a * missing)  # v is 0 there: their bias energy at 0

    def free_energy_gap(self, X: Array, X_new: Array) -> float:
        """Mean free energy of new rows minus that of training rows, in which log Z cancels.

        A gap that grows during training shows overfitting. Hinton (2010), section 6.
        """
        return float(self.free_energy(X_new).mean() - self.free_energy(X).mean())

    def log_partition(
        self, method: str = "exact", n_temperatures: int = 1000, n_runs: int = 100
    ) -> LogPartition:
        """Log Z, with an interval and the effective sample size.

        method  "exact" enumerates the layers of one parity, "ais" estimates by annealed importance
                sampling, from the base model of `ais_base_biases`

        Raises ValueError for a model that is too large to enumerate.
        """
        model = self._model
        if method == "ais":
            parity = EVEN if model.depth == 1 else ODD  # the layers that the chain holds
            base = self.ais_base_biases()
            return ais(model, self.rng_, n_temperatures, n_runs, base, parity)
        return exact_log_partition(model, method)

    def ais_base_biases(self) -> list[Array | None]:
        """Biases of each layer of the model without weights in which AIS starts; None is zeros."""
        return [self.base_biases_] + [None] * self.energy_model_.depth

    def log_likelihood(self, X: Array, log_Z: float | None = None) -> np.ndarray:
        """Log-likelihood log p(v) of each row in nats, (n,).

        log_Z  the value to use; None: by enumeration

        Raises ValueError for rows with missing entries, which have another Z.
        """
        model = self._model
        log_Z = exact.log_partition(model) if log_Z is None else log_Z

        def log_p(v, missing):
            complete = missing is None
            require(complete, "log_likelihood expects complete rows: each mask has its own Z")
            return exact.log_unnormalized(model, v) - log_Z

        return self._by_block(log_p, X)

    # ------------------------------------------------------------ attributes of scikit-learn's RBM

    @property
    def components_(self) -> np.ndarray:
        """Weights W_1^T, (n_hidden, n_features)."""
        return to_numpy(self._model.weights[0].T).copy()

    @property
    def intercept_visible_(self) -> np.ndarray:
        """Visible biases a = b_0, (n_features,)."""
        return to_numpy(self._model.biases[0]).copy()

    @property
    def intercept_hidden_(self) -> np.ndarray:
        """Hidden biases b = b_1, (n_hidden,)."""
        return to_numpy(self._model.biases[1]).copy()

    @property
    def h_samples_(self) -> np.ndarray:
        """Hidden units of the persistent chains, (n_chains, n_hidden)."""
        check_is_fitted(self, "energy_model_")
        particles = getattr(self.trainer_, "particles", None)
        if particles is None:
            raise AttributeError(
                f"h_samples_ expects the chains of trainer='pcd' after an update; this "
                f"{type(self).__name__} has trainer={self.trainer!r}, updates_={self.updates_}"
            )
        return to_numpy(particles[1]).copy()
