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
from scratchnet.boltzmann.ascent import Ascent
from scratchnet.boltzmann.network import Network
from scratchnet.boltzmann.trainers import make_trainer
from scratchnet.boltzmann.units import Bernoulli
from scratchnet.errors import real, require, unknown_name, whole

__all__ = ["Learner"]

SCHEDULES = {  # of the learning rate: its share at each point of fit, from 0 to 1
    "constant": lambda progress: 1.0,
    "linear": lambda progress: 1 - progress,
    "late": lambda progress: min(1.0, 3 * (1 - progress)),
}
WATCHED = 256  # rows that the numbers of the history are taken from


class Learner(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
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
        n, size = X.shape[0], whole(type(self).__name__, "batch_size", self.batch_size)
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
        first = not hasattr(self, "network_")
        X = self._validated(X, reset=first)
        if first:
            self._begin(X)
        self._update(*self._split(X if scipy.sparse.issparse(X) else to_device(X, X.dtype)), 0.0)
        return self

    def transform(self, X):
        """The means of the hidden units, p(h = 1 | v = X): (n_samples, n_components)."""
        v, _ = self._rows(X)
        return as_asked(self.infer(v)[-1], X)

    def infer(self, v):
        """[v, the means of the hidden units given v]: what the data's statistics are taken of."""
        return [v, self.network_.mean(1, [v, None])]

    # ------------------------------------------------------------------------------ one update

    def _update(self, v, missing, progress):
        v = v.astype(self.network_.biases[0].dtype, copy=False)
        clamp = None if missing is None else {0: (missing, 0.0)}
        data = self.infer(v)
        positive = self.network_.statistics(data)
        negative = self.trainer_.model_statistics(self.network_, data, self.rng_, clamp)
        gradient = {name: s - negative[name] for name, s in positive.items()}
        self.ascent_.step(self.network_, positive, gradient, self._rate(progress))
        self.trainer_.learn(gradient)
        self.updates_ += 1

    def _rate(self, progress):
        return rate_at(self.schedule, self.learning_rate, self.updates_, progress)

    def _begin(self, X):
        name = type(self).__name__
        real(name, "learning_rate", self.learning_rate, above=0)
        real(name, "n_iter", self.n_iter, at_least=0)
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
        self.network_ = self.first_network(v, missing)
        self.ascent_ = Ascent(
            self.momentum, self.weight_decay, self.center, self.sparsity, self.sparsity_cost
        )
        self.updates_, self._n_features_out = 0, len(self.network_.biases[-1])
        self.history_ = {"reconstruction": [], "mean_activity": [], "update_ratio": []}
        return missing

    def first_network(self, v, missing):
        """The model before the first update: small weights, biases that fit the data's means."""
        D, F = v.shape[1], whole(type(self).__name__, "n_components", self.n_components)
        W = 0.01 * self.rng_.host.standard_normal((D, F))
        biases = [self.first_biases(v, missing), xp_of(v).zeros(F, dtype=v.dtype)]
        units = [self.visible_units(D).mapped(lambda a: a.astype(v.dtype)), Bernoulli()]
        return Network(units, [to_device(W, v.dtype)], biases)

    def _note(self, rows):
        """Once an epoch: how far a row is from its reconstruction, how many hidden units are on,
        and the last update in units of the weights (about 0.001 is healthy)."""
        v, missing = self._split(rows)
        v = v.astype(self.network_.biases[0].dtype, copy=False)
        layers = self.infer(v)
        error = (self.network_.mean(0, layers) - v) ** 2
        error = error.mean() if missing is None else error[~missing].mean()
        W, moved = self.network_.weights[0], self.ascent_.velocity["W1"]
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
        b = self.network_.biases[0]
        xp = xp_of(b)
        v = xp.asarray(v, dtype=b.dtype)
        return v, None if missing is None else xp.asarray(missing)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse, tags.input_tags.allow_nan = True, self.finite == "allow-nan"
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    # ------------------------------------------------------------- scikit-learn's names for it all

    @property
    def components_(self):
        """W^T, (n_components, n_features)."""
        return to_numpy(self.network_.weights[0].T).copy()

    @property
    def intercept_visible_(self):
        """a, (n_features,)."""
        return to_numpy(self.network_.biases[0]).copy()

    @property
    def intercept_hidden_(self):
        """b, (n_components,)."""
        return to_numpy(self.network_.biases[1]).copy()

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


def as_asked(result, X):
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
