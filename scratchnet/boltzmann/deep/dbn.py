"""Deep belief network as a scikit-learn estimator: pretrained, and fine-tuned by up-down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_X_y, validate_data

from scratchnet.backend import RNG, Array, to_device, to_numpy, xp_of
from scratchnet.boltzmann.deep.belief_network import BeliefNetwork
from scratchnet.boltzmann.deep.pretraining import layer_sizes, stacked_rbms
from scratchnet.boltzmann.deep.up_down import up_down
from scratchnet.boltzmann.estimators.rows import refuse_masked, seed_of, to_host_like
from scratchnet.boltzmann.learning.optimizer import LikelihoodOptimizer, check_finite
from scratchnet.boltzmann.learning.trainers import initial_particles
from scratchnet.boltzmann.likelihood import exact
from scratchnet.boltzmann.likelihood.ais import LogPartition, ais, exact_log_partition
from scratchnet.boltzmann.machine.gibbs import EVEN, gibbs, half_sweep
from scratchnet.numerics import softmax
from scratchnet.training import batches
from scratchnet.validation import check_float, check_positive_int, require, unknown_name

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["DBN"]

RBM_OPTIONS = (
    *("learning_rate", "batch_size", "n_iter", "verbose", "trainer", "k", "n_chains"),
    *("schedule", "momentum", "weight_decay", "weight_scale"),
)


class DBN(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Deep belief network of 0-1 units, see `BeliefNetwork`, as a scikit-learn transformer.

    Parameters
        n_components     hidden units of each layer, from the bottom to the top
        learning_rate, batch_size, n_iter, verbose, trainer, k, n_chains, schedule, momentum,
        weight_decay, weight_scale   of each RBM, as in `BernoulliRBM`; n_iter epochs a layer
        labels           True: the visible units of the top RBM are h_{L-1} and the class of the
                         row. Then fit needs y, `sample` takes a class, and `label_probabilities`
                         predicts it
        fine_tune        "up-down", or None for greedy pretraining alone
        fine_tune_iter   epochs of the fine-tuning
        fine_tune_rate   learning rate of the fine-tuning, which falls to 0
        fine_tune_k      Gibbs sweeps of the top RBM an update
        on_epoch         f(estimator, epoch), called after each epoch of fine-tuning

    Fitted attributes
        belief_network_  the model on its device, a `BeliefNetwork`
        rbms_            the pretrained RBMs, a list of `BernoulliRBM`
        classes_         (K,), with labels
        history_         {"reconstruction"}: mean squared error of v, a number an epoch of
                         fine-tuning
        rng_, n_features_in_

    `transform` returns the means of the top layer, as the RBMs in a Pipeline would.

    >>> X, y = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]] * 20), np.array([1, 0] * 20)
    >>> dbn = DBN((4, 3), labels=True, n_iter=2, random_state=0).fit(X, y)
    >>> dbn.transform(X).shape, dbn.label_probabilities(X).shape
    ((40, 3), (40, 2))
    >>> dbn.sample(5, burn_in=100, label=1).shape
    (5, 3)
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
        weight_scale=None,
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
        self.weight_scale = weight_scale
        self.labels = labels
        self.fine_tune = fine_tune
        self.fine_tune_iter = fine_tune_iter
        self.fine_tune_rate = fine_tune_rate
        self.fine_tune_k = fine_tune_k
        self.on_epoch = on_epoch

    def fit(self, X: Array, y: Array | None = None) -> Self:
        """Train on rows X (n_samples, n_features) with values from 0 to 1.

        y  (n_samples,) classes, used only with labels=True

        Raises ValueError for an option out of its range, for labels=True without y, and for y that
        is continuous; TypeError for a masked array.
        """
        X = self._validated(X, reset=True)
        sizes, labels = layer_sizes("DBN", self.n_components), self._one_hot(X, y)
        if self.fine_tune not in (None, "up-down"):
            raise unknown_name("fine_tune", self.fine_tune, ["up-down"])
        check_float("DBN", "fine_tune_rate", self.fine_tune_rate, above=0)
        check_positive_int("DBN", "fine_tune_iter", self.fine_tune_iter)
        check_positive_int("DBN", "fine_tune_k", self.fine_tune_k)
        seed = seed_of(self.random_state)
        options = {name: getattr(self, name) for name in RBM_OPTIONS}
        self.rbms_ = stacked_rbms(X, sizes, labels=labels, random_state=seed, **options)
        self.belief_network_ = BeliefNetwork.from_rbms([rbm.energy_model_ for rbm in self.rbms_])
        self.rng_, self._n_features_out = RNG(seed).fork(1), sizes[-1]
        self.history_ = {"reconstruction": []}
        if self.fine_tune:
            self._fine_tune(to_device(X, X.dtype), labels)
        return self

    def _one_hot(self, X, y):
        """One-hot classes (n_samples, K), or None for a model without labels."""
        if not self.labels:
            return None
        require(y is not None, "a DBN with labels=True needs y")
        refuse_masked("DBN.fit", "y", y)
        _, y = check_X_y(X, y)
        check_classification_targets(y)
        self.classes_, index = np.unique(y, return_inverse=True)
        return np.eye(len(self.classes_), dtype=X.dtype)[index]

    def _fine_tune(self, v, labels):
        network, dtype = self.belief_network_, self.belief_network_.top.biases[0].dtype
        optimizer = LikelihoodOptimizer(self.momentum, self.weight_decay)
        v = v.astype(dtype, copy=False)
        labels = None if labels is None else to_device(labels, dtype)
        for epoch in range(self.fine_tune_iter):
            rate = self.fine_tune_rate * (1 - epoch / self.fine_tune_iter)
            for i in batches(len(v), self.batch_size, self.rng_):
                of_batch = None if labels is None else labels[i]
                up_down(network, v[i], self.rng_, optimizer, rate, self.fine_tune_k, of_batch)
            check_finite("DBN", network.top.weights, self.fine_tune_rate)
            self.history_["reconstruction"].append(float(((self._reconstruct(v) - v) ** 2).mean()))
            if self.on_epoch is not None:
                self.on_epoch(self, epoch)

    # ------------------------------------------------------------------------ rows in and out

    def _validated(self, X, reset):
        refuse_masked("DBN", "X", X)
        return validate_data(self, X, dtype=(np.float64, np.float32), reset=reset)

    def _rows(self, X):
        """Rows for the fitted model, on its device and in its precision."""
        check_is_fitted(self)
        b = self.belief_network_.top.biases[0]
        return xp_of(b).asarray(self._validated(X, reset=False), dtype=b.dtype)

    def _top_means(self, v):
        """Means of h_L, (N, n_L); the unknown label units are 1 / K each."""
        network = self.belief_network_
        h = network.means_up(v)[-1]
        uniform = xp_of(h).full((len(h), network.K), 1 / max(network.K, 1), dtype=h.dtype)
        return network.top.mean(1, [network.with_labels(h, uniform), None])

    def _reconstruct(self, v):
        network = self.belief_network_
        visible = network.top.mean(0, [None, self._top_means(v)])
        return network.means_down(network.without_labels(visible))

    def transform(self, X: Array) -> np.ndarray:
        """Means of the top layer, each layer from the means of the one below: (n_samples, n_L)."""
        return to_host_like(self._top_means(self._rows(X)), X)

    def reconstruct(self, X: Array) -> np.ndarray:
        """Means of v after a pass of means up to the top layer and down again."""
        return to_numpy(self._reconstruct(self._rows(X)))

    def sample(
        self, n: int, burn_in: int = 1000, label: Array | None = None, mean: bool = False
    ) -> np.ndarray:
        """Draw n rows (n, n_features): Gibbs sweeps of the top RBM, then one directed pass down.

        Parameters
            burn_in  Gibbs sweeps of the top RBM
            label    class of all rows, or a class for each (n,): its unit is clamped at 1
            mean     return p(v | h_1) instead of samples

        Raises ValueError for an unknown label, and for a label of a DBN without labels.
        """
        check_is_fitted(self)
        network, rng, clamp = self.belief_network_, self.rng_, None
        n = check_positive_int("sample", "n", n)
        burn_in = check_positive_int("sample", "burn_in", burn_in)
        layers = initial_particles(network.top, n, rng)
        if label is not None:
            clamp = {0: self._clamped_label(n, label)}
        layers, _ = gibbs(network.top, layers, burn_in, rng, clamp=clamp)
        samples, means = half_sweep(network.top, layers, EVEN, rng, clamp=clamp)
        if not network.generative:  # a single layer: the top RBM is the whole model
            return to_numpy(network.without_labels((means if mean else samples)[0]))
        layers, v_mean = network.sample_down(network.without_labels(samples[0]), rng)
        return to_numpy(v_mean if mean else layers[0])

    def _clamped_label(self, n, label):
        """(fixed, values) for the visible units of the top RBM: the label units alone are fixed."""
        require(self.labels, "sample expects a label only of a DBN with labels=True")
        b, label = self.belief_network_.top.biases[0], np.broadcast_to(label, (n,))
        unknown = set(label.tolist()) - set(self.classes_.tolist())
        if unknown:
            raise unknown_name("label", unknown.pop(), map(str, self.classes_))
        K, xp = self.belief_network_.K, xp_of(b)
        one_hot = xp.asarray(label[:, None] == self.classes_, dtype=b.dtype)  # (n, K)
        free = xp.zeros((n, len(b) - K), dtype=b.dtype)
        return xp.arange(len(b)) >= len(b) - K, xp.concatenate([free, one_hot], axis=1)

    # ------------------------------------------------------------------------------ likelihoods

    def label_probabilities(self, X: Array) -> np.ndarray:
        """Class probabilities p(class | h_{L-1}) at the means of h_{L-1}, (n, K).

        They are the softmax of the negative free energies of the top RBM, one for each class.
        Raises ValueError for a DBN without labels.
        """
        v = self._rows(X)
        require(self.labels, "label_probabilities expects a DBN with labels=True")
        h = self.belief_network_.means_up(v)[-1]
        return to_numpy(softmax(self.belief_network_.log_top_by_class(h)))

    def log_partition(
        self, method: str = "exact", n_temperatures: int = 1000, n_runs: int = 100
    ) -> LogPartition:
        """Log Z of the top RBM; the directed layers are normalized.

        method  "exact" by enumeration, "ais" by annealed importance sampling
        """
        check_is_fitted(self)
        if method == "ais":
            base = [self.rbms_[-1].base_biases_, None]
            return ais(self.belief_network_.top, self.rng_, n_temperatures, n_runs, base)
        return exact_log_partition(self.belief_network_.top, method)

    def log_likelihood_bound(
        self, X: Array, log_Z: float | None = None, n_draws: int = 20
    ) -> np.ndarray:
        """Estimate of a lower bound on log p(v) of each row in nats, (n,).

        It is the mean of `BeliefNetwork.log_weight` over samples from q(h | v), minus log Z.

        log_Z    log Z of the top RBM; None: by enumeration
        n_draws  number of samples a row
        """
        v, network = self._rows(X), self.belief_network_
        log_Z = exact.log_partition(network.top) if log_Z is None else log_Z
        draws = (network.sample_up(v, self.rng_) for _ in range(n_draws))
        return to_numpy(sum(network.log_weight(layers) for layers in draws) / n_draws) - log_Z

    def log_likelihood(self, X: Array) -> np.ndarray:
        """Log p(v) of each row in nats, (n,), by enumeration of the hidden layers: small models."""
        return to_numpy(self.belief_network_.log_likelihood(self._rows(X)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.target_tags.required = self.labels
        return tags
