"""Restricted Boltzmann machines as scikit-learn estimators: BernoulliRBM and GaussianRBM."""

import warnings

from scratchnet.backend import to_numpy, xp_of
from scratchnet.boltzmann.estimators.base import (
    BoltzmannEstimator,
    to_host_like,
    warn_unless_probabilities,
)
from scratchnet.boltzmann.likelihood.pseudo_likelihood import log_odds, pseudo_likelihood
from scratchnet.boltzmann.machine.units import Bernoulli, Gaussian

__all__ = ["BernoulliRBM", "GaussianRBM"]


class BernoulliRBM(BoltzmannEstimator):
    """An RBM of 0-1 units: takes the place of sklearn.neural_network.BernoulliRBM.

        E(v, h) = -a v - b h - v W h        p(h = 1 | v) = s(v W + b)      p(v = 1 | h) = s(W h + a)

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
        n_chains        persistent chains, whatever the batch
        schedule        "late": constant, in the last third of fit down to 0, so that the chains'
                        noise dies out; "linear" down to 0 from the start; "constant"; or
                        rate = f(update) in the place of learning_rate (see scratchnet.schedules)
        momentum, weight_decay, center, sparsity, sparsity_cost   see `Ascent`
        on_epoch        f(estimator, epoch), called after each

    Fitted: components_ (n_components, n_features) = W^T, intercept_visible_, intercept_hidden_,
    h_samples_ (the chains), history_ (a number an epoch), energy_model_ (the model on its device).

    Unlike scikit-learn's it shuffles, starts the visible biases at the log-odds of the data,
    averages each phase over its own number of rows, and its score is exact and not random.
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
        self.center = center
        self.sparsity = sparsity
        self.sparsity_cost = sparsity_cost
        self.on_epoch = on_epoch

    def visible_units(self, n):
        """0 or 1."""
        return Bernoulli()

    def first_biases(self, v, missing):
        """The log-odds of the data: base_biases_, from where AIS starts."""
        self.base_biases_ = log_odds(v, missing)
        return self.base_biases_.copy()

    def check_values(self, v):
        """A warning for numbers outside [0, 1]."""
        warn_unless_probabilities(v)

    def score_samples(self, X):
        """The exact pseudo-likelihood, sum_i log p(v_i | the rest), (n,); missing entries left out.

        Of 0-1 rows it is a likelihood; of gray ones it is only a number (a warning says so).
        """
        v, missing = self._rows(X)
        if float(abs(v * (1 - v)).max()) > 0:
            message = "the pseudo-likelihood is a probability only of rows of 0 and 1"
            warnings.warn(message, UserWarning, stacklevel=2)
        return to_host_like(pseudo_likelihood(self.energy_model_, v, missing), X)

    def score(self, X, y=None):
        """The mean of score_samples: larger is better, for GridSearchCV."""
        return float(self.score_samples(X).mean())


class GaussianRBM(BoltzmannEstimator):
    """An RBM whose visible units are real numbers, its hidden ones 0 or 1. Scale each column first.

        E(v, h) = sum (v - a)^2 / (2 sigma^2) - b h - (v / sigma^2) W h
        p(h = 1 | v) = s((v / sigma^2) W + b)            v | h ~ N(a + W h, sigma^2)

    A mixture of 2^n_components Gaussians of one variance. Its gradients have no bound as those of
    0-1 units have: the rate is 10 to 100 times smaller, and a learned sigma stays within bounds.

    Parameters
        sigma           standard deviation of the visible units given the hidden ones, at the start
        learn_sigma     whether each column learns its own
        bounds          of a learned sigma
        the others      as in `BernoulliRBM`
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
        self.center = center
        self.sparsity = sparsity
        self.sparsity_cost = sparsity_cost
        self.on_epoch = on_epoch

    def visible_units(self, n):
        """Real numbers."""
        return Gaussian(n, self.sigma, self.learn_sigma, self.bounds)

    def first_biases(self, v, missing):
        """The mean of each column."""
        xp = xp_of(v)
        n = len(v) if missing is None else xp.maximum((~missing).sum(axis=0), 1)
        self.base_biases_ = (v.sum(axis=0) / n).astype(v.dtype)
        return self.base_biases_.copy()

    def check_values(self, v):
        """A warning for columns that were not standardized."""
        spread = float(v.std(axis=0).max()) if len(v) > 1 else 1.0
        if spread > 5 * max(self.sigma, 1.0):
            warnings.warn(
                f"a column has the standard deviation {spread:.3g}, far from sigma={self.sigma}: "
                "standardize the columns (sklearn.preprocessing.StandardScaler)",
                UserWarning,
                stacklevel=3,
            )

    @property
    def sigma_(self):
        """The standard deviations, (n_features,)."""
        return to_numpy(self.energy_model_.units[0].variance) ** 0.5

    def score_samples(self, X):
        """-F(v) of each row, (n,): log p(v) but for log Z, which all rows of one model share."""
        return -self.free_energy(X)
