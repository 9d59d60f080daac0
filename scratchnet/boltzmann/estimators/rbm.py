"""Restricted Boltzmann machines as scikit-learn estimators: BernoulliRBM and GaussianRBM."""

import warnings

import numpy as np

from scratchnet.backend import Array, to_numpy
from scratchnet.boltzmann.estimators.base import BoltzmannEstimator
from scratchnet.boltzmann.estimators.rows import (
    ROUNDING,
    Rows,
    to_host_like,
    warn_unless_probabilities,
)
from scratchnet.boltzmann.likelihood.pseudo_likelihood import log_odds, pseudo_likelihood
from scratchnet.boltzmann.machine.units import Bernoulli, Gaussian

__all__ = ["BernoulliRBM", "GaussianRBM"]


class BernoulliRBM(BoltzmannEstimator):
    """RBM of 0-1 units, a replacement for sklearn.neural_network.BernoulliRBM.

        E(v, h) = -a v - b h - v W h      p(h = 1 | v) = s(v W + b)      p(v = 1 | h) = s(h W^T + a)

    Parameters
        n_components    hidden units
        learning_rate   of the first update
        batch_size      rows an update
        n_iter          epochs
        verbose         print a line an epoch
        random_state    seed, or scikit-learn's generator
        trainer         "pcd" persistent chains, "cd" contrastive divergence, "fpcd" fast PCD, "pt"
                        parallel tempering, "exact" enumeration; or an object of `trainers`
        k               Gibbs sweeps an update
        n_chains        number of persistent chains, whatever the batch size
        schedule        "late": the rate is constant, then falls to 0 over the last third of the
                        fit, which averages out the noise of the chains; "linear": it falls to 0
                        from the start; "constant"; or a function rate = f(update) that replaces
                        learning_rate (see scratchnet.schedules)
        momentum, weight_decay, center, sparsity, sparsity_cost   see `LikelihoodOptimizer`
        weight_scale    standard deviation of the initial weights; None: 1 / sqrt(n_features), with
                        which the hidden units differ from the first update on. With 0.01, as in
                        scikit-learn, they remain almost equal for several epochs
        on_epoch        f(estimator, epoch), called after each epoch

    Fitted attributes
        components_        W^T, (n_components, n_features)
        intercept_visible_ a, (n_features,)
        intercept_hidden_  b, (n_components,)
        h_samples_         hidden units of the persistent chains, (n_chains, n_components)
        history_           {"reconstruction", "mean_activity", "update_ratio"}: a number an epoch
        energy_model_      the model on its device, an `EnergyModel`
        n_features_in_, and others of `BoltzmannEstimator`

    Differences from scikit-learn's: the rows are shuffled, the visible biases start at the log-odds
    of the data, the initial weights are larger (weight_scale), each phase is averaged over its own
    number of rows, score_samples is exact and not random, and NaN is a missing entry.

    Raises ValueError for an option out of its range, at fit.

    >>> X = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]] * 10)
    >>> rbm = BernoulliRBM(2, learning_rate=0.5, n_iter=200, random_state=0).fit(X)
    >>> rbm.transform(X).shape, rbm.components_.shape
    ((20, 2), (2, 3))
    >>> np.exp(rbm.log_likelihood(X[:2])).round(1)  # p(v); the data have two rows
    array([0.5, 0.5])
    """

    def __init__(
        self,
        n_components=256,
        *,
        learning_rate=0.1,
        batch_size=10,
        n_iter=10,
        verbose=0,
        random_state=None,
        trainer="pcd",
        k=1,
        n_chains=100,
        schedule="late",
        momentum=0.0,
        weight_decay=0.0,
        weight_scale=None,
        center=False,
        sparsity=None,
        sparsity_cost=0.1,
        on_epoch=None,
    ):
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.verbose = verbose
        self.random_state = random_state
        self.trainer = trainer
        self.k = k
        self.n_chains = n_chains
        self.schedule = schedule
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.weight_scale = weight_scale
        self.center = center
        self.sparsity = sparsity
        self.sparsity_cost = sparsity_cost
        self.on_epoch = on_epoch

    def visible_units(self, n: int) -> Bernoulli:
        """Type of the visible units."""
        return Bernoulli()

    def initial_biases(self, rows: Rows) -> Array:
        """Log-odds of the data, (n_features,), also the base model of AIS."""
        self.base_biases_ = log_odds(rows.sums(), rows.counts())
        return self.base_biases_.copy()

    def check_values(self, rows: Rows) -> None:
        """Warn of values outside [0, 1]."""
        warn_unless_probabilities(rows)

    def score_samples(self, X: Array) -> np.ndarray:
        """Exact pseudo-log-likelihood, sum_i log p(v_i | the others), (n,).

        Missing entries are left out of the sum. It is a likelihood only of rows of 0 and 1; other
        values raise a warning.
        """
        bits = True

        def log_p(v, missing):
            nonlocal bits
            bits = bits and float(abs(v * (1 - v)).max()) <= ROUNDING
            return pseudo_likelihood(self.energy_model_, v, missing)

        scores = to_host_like(self._by_block(log_p, X), X)
        if not bits:
            message = "the pseudo-likelihood is a probability only of rows of 0 and 1"
            warnings.warn(message, UserWarning, stacklevel=2)
        return scores

    def score(self, X: Array, y: Array | None = None) -> float:
        """Mean of score_samples; a larger value is better (for GridSearchCV)."""
        return float(self.score_samples(X).mean())


class GaussianRBM(BoltzmannEstimator):
    """RBM with Gaussian visible units and 0-1 hidden units, for standardized real-valued data.

        E(v, h) = sum (v - a)^2 / (2 sigma^2) - b h - (v / sigma^2) W h
        p(h = 1 | v) = s((v / sigma^2) W + b)            v | h ~ N(a + W h, sigma^2)

    The model is a mixture of 2^n_components Gaussians of equal variance. Its gradients are not
    bounded, as those of 0-1 units are: the learning rate must be 10 to 100 times smaller, and a
    learned sigma stays within bounds.

    Parameters
        sigma           standard deviation of the visible units given the hidden ones, or its
                        initial value
        learn_sigma     whether each column learns its own sigma
        bounds          (lowest, highest) value of a learned sigma
        the others      as in `BernoulliRBM`

    Fitted attributes: those of `BernoulliRBM`, and sigma_ (n_features,).

    >>> X = np.array([[1.0, 1.0], [-1.0, -1.0]] * 10)  # mean 0, standard deviation 1
    >>> rbm = GaussianRBM(2, sigma=0.5, learning_rate=0.05, n_iter=100, random_state=0).fit(X)
    >>> bool(rbm.log_likelihood(X).mean() > rbm.log_likelihood(-X * [1, -1]).mean() + 2)
    True
    """

    def __init__(
        self,
        n_components=256,
        *,
        learning_rate=0.01,
        batch_size=10,
        n_iter=10,
        verbose=0,
        random_state=None,
        sigma=1.0,
        learn_sigma=False,
        bounds=(0.1, 2.0),
        trainer="pcd",
        k=1,
        n_chains=100,
        schedule="late",
        momentum=0.0,
        weight_decay=0.0,
        weight_scale=None,
        center=False,
        sparsity=None,
        sparsity_cost=0.1,
        on_epoch=None,
    ):
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.verbose = verbose
        self.random_state = random_state
        self.sigma = sigma
        self.learn_sigma = learn_sigma
        self.bounds = bounds
        self.trainer = trainer
        self.k = k
        self.n_chains = n_chains
        self.schedule = schedule
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.weight_scale = weight_scale
        self.center = center
        self.sparsity = sparsity
        self.sparsity_cost = sparsity_cost
        self.on_epoch = on_epoch

    def visible_units(self, n: int) -> Gaussian:
        """Type of the n visible units."""
        return Gaussian(n, self.sigma, self.learn_sigma, self.bounds)

    def initial_biases(self, rows: Rows) -> Array:
        """Mean of the observed entries of each column, (n_features,)."""
        n = rows.counts()
        self.base_biases_ = (rows.sums() / (n + (n == 0))).astype(rows.dtype)
        return self.base_biases_.copy()

    def check_values(self, rows: Rows) -> None:
        """Warn of columns that are not standardized."""
        largest = float(rows.standard_deviations().max())
        if len(rows) > 1 and largest > 5 * max(self.sigma, 1.0):
            warnings.warn(
                f"a column has the standard deviation {largest:.3g}, far from sigma={self.sigma}: "
                "standardize the columns (sklearn.preprocessing.StandardScaler)",
                UserWarning,
                stacklevel=4,
            )

    @property
    def sigma_(self) -> np.ndarray:
        """Standard deviations of the visible units given h, (n_features,)."""
        return to_numpy(self._model.units[0].variance) ** 0.5

    def score_samples(self, X: Array) -> np.ndarray:
        """Negative free energy -F(v) of each row, (n,).

        It is log p(v) + log Z, and Z is equal for all rows of one model.
        """
        return -self.free_energy(X)
