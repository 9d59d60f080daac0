"""The deep belief network as a scikit-learn estimator: pretrained, and fine-tuned by up-down."""

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, check_X_y, validate_data

from scratchnet.backend import RNG, to_device, to_numpy, xp_of
from scratchnet.boltzmann.deep.belief_network import BeliefNetwork
from scratchnet.boltzmann.deep.pretraining import layer_sizes, stacked_rbms
from scratchnet.boltzmann.deep.up_down import up_down
from scratchnet.boltzmann.estimators.base import seed_of, to_host_like
from scratchnet.boltzmann.learning.optimizer import LikelihoodOptimizer
from scratchnet.boltzmann.learning.trainers import first_particles
from scratchnet.boltzmann.likelihood import exact
from scratchnet.boltzmann.likelihood.ais import ais, enumerated
from scratchnet.boltzmann.machine.gibbs import EVEN, gibbs, half_sweep
from scratchnet.numerics import softmax
from scratchnet.training import batches
from scratchnet.validation import check_float, check_positive_int, require, unknown_name

__all__ = ["DBN"]

OF_AN_RBM = (
    *("learning_rate", "batch_size", "n_iter", "verbose", "trainer", "k", "n_chains"),
    *("schedule", "momentum", "weight_decay"),
)


class DBN(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A deep belief network of 0-1 units; `belief.Belief` says what that is.

    Parameters
        n_components     hidden units of each layer, from the bottom to the top
        learning_rate, batch_size, n_iter, verbose, trainer, k, n_chains, schedule, momentum,
        weight_decay     of each RBM, as in `BernoulliRBM`; n_iter epochs a layer
        labels           True joins the class of each row to what the top pair sees: fit then needs
                         y, `sample` can dream of a class, `label_probabilities` reads one
        fine_tune        "up-down", or None for greedy pretraining alone
        fine_tune_iter   its epochs
        fine_tune_rate   its learning rate, falling to 0
        fine_tune_k      Gibbs steps in the top pair
        on_epoch         f(estimator, epoch), called after each epoch of fine-tuning

    Fitted: rbms_ (from pretraining, each a BernoulliRBM), belief_ (the model on its device),
    classes_ (with labels), history_ (reconstruction errors of the fine-tuning's epochs).

    transform gives the means of the top layer, as the RBMs in a Pipeline would.
    """

    def __init__(
        self,
        n_components=(64, 32),
        *,
        learning_rate=0.05,
        batch_size=20,
        n_iter=10,
        verbose=0,
        random_state=None,
        trainer="cd",
        k=1,
        n_chains=100,
        schedule="linear",
        momentum=0.0,
        weight_decay=0.0,
        labels=False,
        fine_tune=None,
        fine_tune_iter=10,
        fine_tune_rate=0.1,
        fine_tune_k=3,
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
        self.labels = labels
        self.fine_tune = fine_tune
        self.fine_tune_iter = fine_tune_iter
        self.fine_tune_rate = fine_tune_rate
        self.fine_tune_k = fine_tune_k
        self.on_epoch = on_epoch

    def fit(self, X, y=None):
        """Learn from rows X (n_samples, n_features), numbers from 0 to 1; returns self.

        y  (n_samples,) classes, used only where labels=True
        """
        X = self._validated(X, reset=True)
        sizes, seen = layer_sizes("DBN", self.n_components), self._one_hot(X, y)
        if self.fine_tune not in (None, "up-down"):
            raise unknown_name("fine_tune", self.fine_tune, ["up-down"])
        check_float("DBN", "fine_tune_rate", self.fine_tune_rate, above=0)
        check_positive_int("DBN", "fine_tune_iter", self.fine_tune_iter)
        check_positive_int("DBN", "fine_tune_k", self.fine_tune_k)
        seed = seed_of(self.random_state)
        options = {name: getattr(self, name) for name in OF_AN_RBM}
        self.rbms_ = stacked_rbms(X, sizes, labels=seen, random_state=seed, **options)
        self.belief_network_ = BeliefNetwork.stacked([rbm.energy_model_ for rbm in self.rbms_])
        self.rng_, self._n_features_out = RNG(seed).fork(1), sizes[-1]
        self.history_ = {"reconstruction": []}
        if self.fine_tune:
            self._fine_tune(to_device(X, X.dtype), seen)
        return self

    def _one_hot(self, X, y):
        """(n_samples, K), or None for a model without labels."""
        if not self.labels:
            return None
        require(y is not None, "a DBN with labels=True needs y")
        _, y = check_X_y(X, y)
        self.classes_, index = np.unique(y, return_inverse=True)
        return np.eye(len(self.classes_), dtype=X.dtype)[index]

    def _fine_tune(self, v, seen):
        ascent, dtype = (
            LikelihoodOptimizer(self.momentum, self.weight_decay),
            self.belief_network_.top.biases[0].dtype,
        )
        v = v.astype(dtype, copy=False)
        seen = None if seen is None else to_device(seen, dtype)
        for epoch in range(self.fine_tune_iter):
            rate = self.fine_tune_rate * (1 - epoch / self.fine_tune_iter)
            for i in batches(len(v), self.batch_size, self.rng_):
                labels = None if seen is None else seen[i]
                up_down(
                    self.belief_network_, v[i], self.rng_, ascent, rate, self.fine_tune_k, labels
                )
            self.history_["reconstruction"].append(float(((self._reconstruct(v) - v) ** 2).mean()))
            if self.on_epoch is not None:
                self.on_epoch(self, epoch)

    # ------------------------------------------------------------------------------ rows in and out

    def _validated(self, X, reset):
        return validate_data(self, X, dtype=(np.float64, np.float32), reset=reset)

    def _rows(self, X):
        """The rows of a question to a fitted model, on its device, in its precision."""
        check_is_fitted(self)
        b = self.belief_network_.top.biases[0]
        return xp_of(b).asarray(self._validated(X, reset=False), dtype=b.dtype)

    def _top_means(self, v):
        """The means of h_L, (N, n_L). Unknown labels are taken to be all equally likely."""
        belief, h = self.belief_network_, self.belief_network_.means_up(v)[-1]
        even = xp_of(h).full((len(h), belief.K), 1 / max(belief.K, 1), dtype=h.dtype)
        return belief.top.mean(1, [belief.joined(h, even), None])

    def _reconstruct(self, v):
        seen = self.belief_network_.top.mean(0, [None, self._top_means(v)])
        return self.belief_network_.means_down(self.belief_network_.without_label(seen))

    def transform(self, X):
        """The means of the top layer, each layer's from those below: (n_samples, n_L)."""
        return to_host_like(self._top_means(self._rows(X)), X)

    def reconstruct(self, X):
        """The means of v after a pass up to the top and down again, no randomness in it."""
        return to_numpy(self._reconstruct(self._rows(X)))

    # ---------------------------------------------------------------------------------- dreaming

    def sample(self, n, burn_in=1000, label=None, mean=False):
        """n dreams (n, n_features): burn_in Gibbs sweeps in the top pair, one directed pass down.

        label   a class to dream of: its unit is held on all the while. Or one class a dream, (n,)
        mean    give p(v | h_1) instead of a sample: a calmer picture
        """
        check_is_fitted(self)
        top, rng, held = self.belief_network_.top, self.rng_, None
        layers = first_particles(top, check_positive_int("sample", "n", n), rng)
        if label is not None:
            held = {0: self._held(n, label)}
        layers, _ = gibbs(
            top, layers, check_positive_int("sample", "burn_in", burn_in), rng, 1.0, held
        )
        state, expected = half_sweep(top, layers, EVEN, rng, 1.0, held)
        if not self.belief_network_.generative:  # one layer: the top is all
            return to_numpy(self.belief_network_.without_label((expected if mean else state)[0]))
        dream, means = self.belief_network_.draw_down(
            self.belief_network_.without_label(state[0]), rng
        )
        return to_numpy(means if mean else dream[0])

    def _held(self, n, label):
        """(where, what) of the top's visible units stays as it is: the label alone."""
        require(self.labels, "only a DBN with labels=True can dream of a class")
        b, label = self.belief_network_.top.biases[0], np.broadcast_to(label, (n,))
        unknown = set(label.tolist()) - set(self.classes_.tolist())
        if unknown:
            raise unknown_name("label", unknown.pop(), map(str, self.classes_))
        K, xp = self.belief_network_.K, xp_of(b)
        one_hot = xp.asarray(label[:, None] == self.classes_, dtype=b.dtype)  # (n, K)
        nothing = xp.zeros((n, len(b) - K), dtype=b.dtype)
        return xp.arange(len(b)) >= len(b) - K, xp.concatenate([nothing, one_hot], axis=1)

    # ------------------------------------------------------------------------------ probabilities

    def label_probabilities(self, X):
        """p(class | h_{L-1}), (n, K), from the top's free energies at the means of h_{L-1}."""
        v = self._rows(X)
        require(self.labels, "only a DBN with labels=True knows classes")
        return to_numpy(
            softmax(self.belief_network_.log_top_by_label(self.belief_network_.means_up(v)[-1]))
        )

    def log_partition(self, method="exact", n_temperatures=1000, n_runs=100):
        """log Z of the top pair, the only factor that needs one: a `LogPartition`."""
        check_is_fitted(self)
        if method == "ais":
            base = [self.rbms_[-1].base_biases_, None]
            return ais(self.belief_network_.top, self.rng_, n_temperatures, n_runs, base)
        return enumerated(self.belief_network_.top, method)

    def log_likelihood_bound(self, X, log_Z=None, n_draws=20):
        """A lower bound on log p(v) of each row in nats, (n,): a mean over draws from q(h | v)."""
        v = self._rows(X)
        log_Z = exact.log_partition(self.belief_network_.top) if log_Z is None else log_Z
        draws = (self.belief_network_.draw_up(v, self.rng_) for _ in range(n_draws))
        return to_numpy(sum(self.belief_network_.log_weight(h) for h in draws) / n_draws) - log_Z

    def log_likelihood(self, X):
        """log p(v) of each row in nats, (n,), by enumerating the layers above: small models."""
        return to_numpy(self.belief_network_.log_likelihood(self._rows(X)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.target_tags.required = self.labels
        return tags
