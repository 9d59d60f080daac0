"""The loop of learning that RBM and DBM share, as a scikit-learn estimator."""

import math
import time
import warnings

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from scratchnet.backend import RNG, to_device, to_numpy, xp_of
from scratchnet.boltzmann.learning.optimizer import LikelihoodOptimizer
from scratchnet.boltzmann.learning.trainers import first_particles, make_trainer
from scratchnet.boltzmann.likelihood import exact
from scratchnet.boltzmann.likelihood.ais import ais, enumerated
from scratchnet.boltzmann.machine.energy_model import EnergyModel
from scratchnet.boltzmann.machine.gibbs import EVEN, ODD, gibbs, half_sweep
from scratchnet.boltzmann.machine.units import Bernoulli
from scratchnet.validation import check_float, check_positive_int, require, unknown_name

__all__ = ["BoltzmannEstimator"]

SCHEDULES = {  # of the learning rate: its share at each point of fit, from 0 to 1
    "constant": lambda progress: 1.0,
    "linear": lambda progress: 1 - progress,
    "late": lambda progress: min(1.0, 3 * (1 - progress)),
}
WATCHED = 256  # rows that the numbers of the history are taken from


class BoltzmannEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What fit, partial_fit and transform do; a subclass says what its visible units are.

    It defines visible_units(n), first_biases(v, missing) and check_values(v). A deeper model has a
    first_network and an infer of its own.
    """

    finite = "allow-nan"  # what rows may hold: NaN as a missing entry, or (True) numbers only

    def fit(self, X, y=None):
        """Learn from the rows of X, shuffled anew each epoch; returns self.

        X  (n_samples, n_features), dense or sparse. NaN is a missing entry, absent from its row
        """
        X = self._validated(X, reset=True)
        n, size = X.shape[0], check_positive_int(type(self).__name__, "batch_size", self.batch_size)
        complete = self._begin(X) is None
        updates = self.n_iter * math.ceil(n / size)
        source = X if scipy.sparse.issparse(X) else to_device(X, X.dtype)
        for epoch in range(self.n_iter):
            began = time.perf_counter()
            order = self.rng_.permutation(n)
            order = to_numpy(order) if scipy.sparse.issparse(X) else order
            for start in range(0, n, size):
                rows = self._split(source[order[start : start + size]], complete)
                self._update(*rows, self.updates_ / updates)
            self._note(source[:WATCHED])
            if self.verbose:
                seconds, last = time.perf_counter() - began, self.history_["reconstruction"][-1]
                name = type(self).__name__
                print(f"[{name}] iteration {epoch + 1}, reconstruction {last:.4f}, {seconds:.2f}s")
            if self.on_epoch is not None:
                self.on_epoch(self, epoch)
        return self

    def partial_fit(self, X, y=None):
        """One update from the rows of X as a batch; returns self. The rate does not decay."""
        first = not hasattr(self, "energy_model_")
        X = self._validated(X, reset=first)
        if first:
            self._begin(X)
        self._update(*self._split(X if scipy.sparse.issparse(X) else to_device(X, X.dtype)), 0.0)
        return self

    def transform(self, X):
        """The means of the hidden units, p(h = 1 | v = X): (n_samples, n_components)."""
        v, _ = self._rows(X)
        return to_host_like(self.infer(v)[-1], X)

    def infer(self, v):
        """[v, the means of the hidden units given v]: what the data's statistics are taken of."""
        return [v, self.energy_model_.mean(1, [v, None])]

    # ------------------------------------------------------------------------------ one update

    def _update(self, v, missing, progress):
        v = v.astype(self.energy_model_.biases[0].dtype, copy=False)
        clamp = None if missing is None else {0: (missing, 0.0)}
        data = self.infer(v)
        positive = self.energy_model_.statistics(data)
        negative = self.trainer_.model_statistics(self.energy_model_, data, self.rng_, clamp)
        gradient = {name: s - negative[name] for name, s in positive.items()}
        self.optimizer_.step(self.energy_model_, positive, gradient, self._rate(progress))
        self.trainer_.learn(gradient)
        self.updates_ += 1

    def _rate(self, progress):
        return rate_at(self.schedule, self.learning_rate, self.updates_, progress)

    def _begin(self, X):
        name = type(self).__name__
        check_float(name, "learning_rate", self.learning_rate, above=0)
        check_float(name, "n_iter", self.n_iter, at_least=0)
        if not callable(self.schedule) and self.schedule not in SCHEDULES:
            raise unknown_name("schedule", self.schedule, SCHEDULES)
        dense = to_device(X.toarray() if scipy.sparse.issparse(X) else X, X.dtype)
        v, missing = self._split(dense)
        trainer = self.trainer
        if missing is not None and isinstance(trainer, str) and trainer == "pcd":
            warnings.warn(
                f"X has missing entries, and persistent chains know no mask: {name} learns with "
                f"trainer='cd', k={self.k} instead",
                UserWarning,
                stacklevel=3,
            )
            trainer = "cd"
        self.trainer_ = make_trainer(trainer, self.k, self.n_chains)
        require(
            missing is None or (self.trainer_.masks and not self.center),
            f"X has missing entries: {name} then learns with trainer='cd' and center=False only, "
            "because persistent chains and centers know no mask; or fill them before",
        )
        self.check_values(v)
        self.rng_ = RNG(seed_of(self.random_state))
        self.energy_model_ = self.initial_model(v, missing)
        self.optimizer_ = LikelihoodOptimizer(
            self.momentum, self.weight_decay, self.center, self.sparsity, self.sparsity_cost
        )
        self.updates_, self._n_features_out = 0, len(self.energy_model_.biases[-1])
        self.history_ = {"reconstruction": [], "mean_activity": [], "update_ratio": []}
        return missing

    def initial_model(self, v, missing):
        """The model before the first update: small weights, biases that fit the data's means."""
        D, F = (
            v.shape[1],
            check_positive_int(type(self).__name__, "n_components", self.n_components),
        )
        W = 0.01 * self.rng_.host.standard_normal((D, F))
        biases = [self.first_biases(v, missing), xp_of(v).zeros(F, dtype=v.dtype)]
        units = [self.visible_units(D).map_arrays(lambda a: a.astype(v.dtype)), Bernoulli()]
        return EnergyModel(units, [to_device(W, v.dtype)], biases)

    def _note(self, rows):
        """Once an epoch: how far a row is from its reconstruction, how many hidden units are on,
        and the last update in units of the weights (about 0.001 is healthy)."""
        v, missing = self._split(rows)
        v = v.astype(self.energy_model_.biases[0].dtype, copy=False)
        layers = self.infer(v)
        error = (self.energy_model_.mean(0, layers) - v) ** 2
        error = error.mean() if missing is None else error[~missing].mean()
        W, moved = self.energy_model_.weights[0], self.optimizer_.velocity["W1"]
        ratio = abs(moved).mean() / abs(W).mean()
        for name, number in zip(self.history_, (error, layers[1].mean(), ratio), strict=True):
            self.history_[name].append(float(number))

    # ------------------------------------------------------------------------------ rows in and out

    def _validated(self, X, reset, finite=None):
        return validate_data(
            self,
            X,
            accept_sparse="csr",
            dtype=(np.float64, np.float32),
            ensure_all_finite=finite or self.finite,
            reset=reset,
        )

    def _split(self, rows, complete=False):
        """(v with 0 where an entry is missing, the mask of these or None, at once if complete)."""
        v = to_device(rows.toarray(), rows.dtype) if scipy.sparse.issparse(rows) else rows
        if complete:  # known before: a GPU need not wait for the answer in every update
            return v, None
        missing = xp_of(v).isnan(v)
        if not bool(missing.any()):
            return v, None
        return xp_of(v).where(missing, 0.0, v).astype(v.dtype, copy=False), missing

    def _rows(self, X, finite=None):
        """(rows, missing) of a fitted model's question, on its device, in its precision."""
        check_is_fitted(self)
        X = self._validated(X, reset=False, finite=finite)
        v, missing = self._split(X)
        b = self.energy_model_.biases[0]
        xp = xp_of(b)
        v = xp.asarray(v, dtype=b.dtype)
        return v, None if missing is None else xp.asarray(missing)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse, tags.input_tags.allow_nan = True, self.finite == "allow-nan"
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    # ---------------------------------------------------------------------------------- dreaming

    def gibbs(self, v, k=1):
        """The rows after k steps of the Gibbs chain, visible -> hidden -> visible."""
        rows, _ = self._rows(v)
        layers, _ = half_sweep(self.energy_model_, self.infer(rows), ODD, self.rng_)
        state, _ = gibbs(self.energy_model_, layers, check_positive_int("gibbs", "k", k), self.rng_)
        return to_host_like(state[0], v)

    def sample(self, n, burn_in=1000, clamp=None, mean=False):
        """n rows that the model dreams, each at the end of a chain of its own.

        burn_in   sweeps before the row is taken
        clamp     (n_features,): entries to hold; NaN where the model is free
        mean      give the means p(v | h) of the last sweep instead of samples: a calmer picture
        """
        model, held = self.energy_model_, None
        layers = first_particles(model, check_positive_int("sample", "n", n), self.rng_)
        if clamp is not None:
            values, missing = self._rows(clamp.reshape(1, -1), "allow-nan")
            fixed = xp_of(values).ones_like(values) > 0 if missing is None else ~missing
            held = {0: (fixed, values)}
        layers, _ = gibbs(
            model, layers, check_positive_int("sample", "burn_in", burn_in), self.rng_, 1.0, held
        )
        state, expected = half_sweep(model, layers, EVEN, self.rng_, 1.0, held)
        return to_numpy((expected if mean else state)[0])

    def reconstruct(self, X):
        """p(v | E[h | X]), no randomness in it; missing entries come back filled in."""
        v, _ = self._rows(X)
        return to_host_like(self.energy_model_.mean(0, self.infer(v)), X)

    def inverse_transform(self, H):
        """p(v | h = H), from (n, n_components)."""
        h = xp_of(self.energy_model_.biases[1]).asarray(H, dtype=self.energy_model_.biases[1].dtype)
        return to_numpy(self.energy_model_.mean(0, [None, h]))

    # ------------------------------------------------------------------------------ probabilities

    def energy(self, v, *h):
        """E(v, h) of each row, (n,); h is one array for each hidden layer."""
        rows, _ = self._rows(v)
        h = [xp_of(rows).asarray(layer, dtype=rows.dtype) for layer in h]
        return to_numpy(self.energy_model_.energy([rows, *h]))

    def free_energy(self, X):
        """F(v) = -log sum_h exp(-E(v, h)) of each row, (n,); low is probable.

        Rows with missing entries have a Z of their own: compare them only with their like.
        """
        v, missing = self._rows(X)
        F = self.energy_model_.free_energy(v)
        if missing is not None:  # the energy of the units that are absent, alone at 0
            unit, a = self.energy_model_.units[0], self.energy_model_.biases[0]
            F = F - unit.own_energy(0 * v, a * missing)
        return to_host_like(F, X)

    def free_energy_gap(self, X, X_new):
        """mean F of new rows minus that of the training rows: log Z cancels.

        It grows where the model learns its training rows by heart. Hinton (2010), section 6.
        """
        return float(self.free_energy(X_new).mean() - self.free_energy(X).mean())

    def log_partition(self, method="exact", n_temperatures=1000, n_runs=100):
        """log Z as a `LogPartition`: value, low, high, effective_samples.

        "exact" enumerates the smaller side, "ais" estimates, starting from the visible biases.
        """
        if method == "ais":
            side = EVEN if self.energy_model_.depth == 1 else ODD  # keep the side that is smaller
            return ais(
                self.energy_model_, self.rng_, n_temperatures, n_runs, self.base_model(), side
            )
        return enumerated(self.energy_model_, method)

    def base_model(self):
        """The biases of the model without weights that AIS begins with, one entry a layer."""
        return [self.base_biases_] + [None] * self.energy_model_.depth

    def log_likelihood(self, X, log_Z=None):
        """log p(v) of each row in nats, (n,): with log_Z given, or else exactly."""
        v, missing = self._rows(X)
        require(missing is None, "log_likelihood expects complete rows: each mask has its own Z")
        log_Z = exact.log_partition(self.energy_model_) if log_Z is None else log_Z
        return to_numpy(exact.log_unnormalized(self.energy_model_, v) - log_Z)

    # ------------------------------------------------------------- scikit-learn's names for it all

    @property
    def components_(self):
        """W^T, (n_components, n_features)."""
        return to_numpy(self.energy_model_.weights[0].T).copy()

    @property
    def intercept_visible_(self):
        """a, (n_features,)."""
        return to_numpy(self.energy_model_.biases[0]).copy()

    @property
    def intercept_hidden_(self):
        """b, (n_components,)."""
        return to_numpy(self.energy_model_.biases[1]).copy()

    @property
    def h_samples_(self):
        """The hidden units of the persistent chains, (n_chains, n_components)."""
        return to_numpy(self.trainer_.particles[1]).copy()


def seed_of(random_state):
    """A seed from what scikit-learn allows: a number, its generator, or None."""
    return int(check_random_state(random_state).randint(2**31 - 1))


def rate_at(schedule, learning_rate, update, progress):
    """The learning rate of an update, at this share of fit's updates."""
    if callable(schedule):
        return schedule(update)
    return learning_rate * SCHEDULES[schedule](progress)


def to_host_like(result, X):
    """Back to the host, in the precision of the question X."""
    dtype = X.dtype if getattr(X, "dtype", None) == np.float32 else np.float64
    return to_numpy(result).astype(dtype, copy=False)


def warn_unless_probabilities(v):
    """0-1 units take 0, 1 and probabilities; other numbers are learned from, but mean nothing."""
    if v.size and (float(v.min()) < 0 or float(v.max()) > 1):
        warnings.warn(
            f"0-1 units expect values from 0 to 1; got {float(v.min()):g} to {float(v.max()):g}: "
            "scale them, or use GaussianRBM",
            UserWarning,
            stacklevel=4,
        )
