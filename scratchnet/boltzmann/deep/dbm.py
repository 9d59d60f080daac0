"""Deep Boltzmann machine: an undirected model of several hidden layers.

    E(v, h_1, ..., h_L) = -sum_i b_i h_i - sum_{i >= 1} h_{i-1} W_i h_i          h_0 = v
    p(h_i = 1 | others) = s(h_{i-1} W_i + h_{i+1} W_{i+1}^T + b_i)      input from both neighbours

The gradient is a difference of two averages, as in an RBM, and here neither is exact:

    dW_i = < mu_{i-1}^T mu_i >_data - < h_{i-1}^T h_i >_particles                mu_0 = v

The first is estimated by mean field (see `mean_field`), the second by persistent chains (see
`PCD`). Salakhutdinov and Hinton (2009), Deep Boltzmann machines.
"""

import numpy as np

from scratchnet.backend import Array, to_device, to_numpy, xp_of
from scratchnet.boltzmann.deep.pretraining import compose_dbm, layer_sizes, stacked_rbms
from scratchnet.boltzmann.estimators.base import BoltzmannEstimator
from scratchnet.boltzmann.estimators.rows import Rows, to_host_like, warn_unless_probabilities
from scratchnet.boltzmann.likelihood import exact
from scratchnet.boltzmann.likelihood.pseudo_likelihood import log_odds
from scratchnet.boltzmann.machine.energy_model import EnergyModel
from scratchnet.boltzmann.machine.mean_field import lower_bound, mean_field, sweep
from scratchnet.boltzmann.machine.units import Bernoulli
from scratchnet.inputs import as_array
from scratchnet.numerics import sigmoid
from scratchnet.validation import check_float, check_positive_int

__all__ = ["DBM"]


class DBM(BoltzmannEstimator):
    """Deep Boltzmann machine of 0-1 units, as a scikit-learn transformer.

    Parameters
        n_components       hidden units of each layer, from the bottom to the top
        pretrain           epochs of greedy pretraining for each layer (see `pretraining`); 0: none,
                           and the upper layers may then remain unused
        pretrain_rate      learning rate of the pretraining, which falls to 0
        mean_field_steps   mean-field sweeps for E[h | v], in training and in `transform`
        n_iter, n_chains   epochs and particles of the joint training, after the pretraining
        weight_scale       standard deviation of the initial weights; None: 1 / sqrt(n_{i-1})
        the others         as in `BernoulliRBM`

    Fitted attributes
        energy_model_    the model on its device, an `EnergyModel`
        weights_         [W_1, ..., W_L], each (n_{i-1}, n_i), on the host
        rbms_            the pretrained RBMs, a list of `BernoulliRBM`; empty without pretraining
        history_         {"reconstruction", "mean_activity", "update_ratio"}: a number an epoch of
                         the joint training
        n_features_in_, and others of `BoltzmannEstimator`

    `transform` returns the means of the top layer, `hidden` those of all hidden layers. Missing
    entries (NaN) raise ValueError; `sample` with clamp fills them in.

    >>> X = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]] * 10)
    >>> dbm = DBM((3, 2), n_iter=3, random_state=0).fit(X)
    >>> [mu.shape for mu in dbm.hidden(X)], [W.shape for W in dbm.weights_]
    ([(20, 3), (20, 2)], [(4, 3), (3, 2)])
    >>> bool((dbm.log_likelihood_bound(X) <= dbm.log_likelihood(X)).all())
    True
    """

    ensure_all_finite = True

    def __init__(
        self,
        n_components=(64, 16),
        *,
        learning_rate=0.05,
        batch_size=20,
        n_iter=10,
        verbose=0,
        random_state=None,
        pretrain=10,
        pretrain_rate=0.05,
        mean_field_steps=10,
        trainer="pcd",
        k=1,
        n_chains=100,
        schedule="linear",
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
        self.pretrain = pretrain
        self.pretrain_rate = pretrain_rate
        self.mean_field_steps = mean_field_steps
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

    def check_values(self, rows: Rows) -> None:
        """Warn of values outside [0, 1]."""
        warn_unless_probabilities(rows)

    def initial_model(self, rows: Rows) -> EnergyModel:
        """Create the model before joint training: pretrained, or with small random weights."""
        sizes = layer_sizes("DBM", self.n_components)
        check_positive_int("DBM", "mean_field_steps", self.mean_field_steps)
        check_float("DBM", "pretrain", self.pretrain, at_least=0)
        self.base_biases_, self.rbms_ = log_odds(rows.sums(), rows.counts()), []
        if self.pretrain:
            X = rows.values if rows.sparse else to_numpy(rows.values)
            self.rbms_ = stacked_rbms(
                X,
                sizes,
                doubled=True,
                learning_rate=self.pretrain_rate,
                batch_size=self.batch_size,
                n_iter=self.pretrain,
                trainer="cd",
                weight_scale=self.weight_scale,
                random_state=int(self.rng_.host.integers(2**31 - 1)),
            )
            return compose_dbm(self.rbms_)
        weights, biases, dtype = [], [self.base_biases_.copy()], rows.dtype
        for n, size in zip((rows.shape[1], *sizes[:-1]), sizes, strict=True):
            W = self.initial_scale(n) * self.rng_.host.standard_normal((n, size))
            weights.append(to_device(W, dtype))
            biases.append(xp_of(biases[0]).zeros(size, dtype=dtype))
        return EnergyModel([Bernoulli() for _ in biases], weights, biases)

    def infer(self, v: Array) -> list[Array]:
        """Means [v, mu_1, ..., mu_L] by mean field; v (N, D) is on the device of the model."""
        return mean_field(self.energy_model_, v, self.mean_field_steps)

    def hidden(self, X: Array) -> list[np.ndarray]:
        """Means of every hidden layer by mean field, [(n, n_1), ..., (n, n_L)]."""
        blocks = [self.infer(self._rows(block)[0])[1:] for block in self._blocks(X)]
        layers = zip(*blocks, strict=True)
        return [to_host_like(np.concatenate([to_numpy(mu) for mu in h]), X) for h in layers]

    def inverse_transform(self, H: Array) -> np.ndarray:
        """Means of v (n, n_features) by mean field, with the top layer clamped at H (n, n_L)."""
        biases, L = self._model.biases, self._model.depth
        H = as_array("H", H, lists=True)
        top = xp_of(biases[0]).asarray(H, dtype=biases[0].dtype)
        layers = [sigmoid(0 * top[:, :1] + b) for b in biases[:-1]] + [top]
        for _ in range(self.mean_field_steps + L):  # H needs up to L sweeps to have an effect on v
            layers = sweep(self.energy_model_, layers, clamped=L)
        return to_numpy(layers[0])

    def log_likelihood_bound(self, X: Array, log_Z: float | None = None) -> np.ndarray:
        """Variational lower bound on log p(v) of each row in nats, (n,).

        log_Z  the value to use; None: by enumeration
        """
        model = self._model
        log_Z = exact.log_partition(model) if log_Z is None else log_Z
        return self._by_block(lambda v, _: lower_bound(model, self.infer(v)), X) - log_Z

    def ais_base_biases(self) -> list[Array]:
        """Biases of each layer of the model without weights in which AIS starts.

        The visible ones are the log-odds of the data; the hidden ones are the log-odds of the
        mean-field means of the average row. From zeros the variance of the weights is larger: a
        784-500-1000 model needs five times as many temperatures.
        """
        average = sigmoid(self.base_biases_)[None]  # (1, n_0)
        means = self.infer(average)[1:]  # (1, n_i)
        return [self.base_biases_, *(log_odds(mu[0], 1.0) for mu in means)]

    @property
    def weights_(self) -> list[np.ndarray]:
        """Weights [W_1, ..., W_L], each (n_{i-1}, n_i), on the host."""
        return [to_numpy(W).copy() for W in self._model.weights]
