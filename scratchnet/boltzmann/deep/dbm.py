"""The deep Boltzmann machine: every connection works in both directions, awake and dreaming.

    E(v, h_1, ..., h_L) = -sum_i b_i h_i - sum_{i >= 1} h_{i-1} W_i h_i          h_0 = v
    p(h_i = 1 | others) = s(h_{i-1} W_i + h_{i+1} W_{i+1}^T + b_i)               from BOTH sides

Two averages make the gradient, as in an RBM, and now neither is easy:

    dW_i = < mu_{i-1}^T mu_i >_data - < h_{i-1}^T h_i >_particles                mu_0 = v

the first by mean field (`mean_field`), the second by chains that go on from update to update (PCD).
Salakhutdinov and Hinton (2009), Deep Boltzmann machines.
"""

from sklearn.utils.validation import check_is_fitted

from scratchnet.backend import to_device, to_numpy, xp_of
from scratchnet.boltzmann.deep.pretraining import compose_dbm, layer_sizes, stacked_rbms
from scratchnet.boltzmann.estimators.base import (
    BoltzmannEstimator,
    to_host_like,
    warn_unless_probabilities,
)
from scratchnet.boltzmann.likelihood import exact
from scratchnet.boltzmann.likelihood.pseudo_likelihood import log_odds
from scratchnet.boltzmann.machine.energy_model import EnergyModel
from scratchnet.boltzmann.machine.mean_field import lower_bound, mean_field, sweep
from scratchnet.boltzmann.machine.units import Bernoulli
from scratchnet.numerics import sigmoid
from scratchnet.validation import check_float, check_positive_int

__all__ = ["DBM"]


class DBM(BoltzmannEstimator):
    """A deep Boltzmann machine of 0-1 units, as a scikit-learn transformer.

    Parameters
        n_components       hidden units of each layer, from the bottom to the top
        pretrain           epochs of greedy pretraining for each layer (`greedy`); 0: none, and the
                           upper layers may then stay idle
        pretrain_rate      its learning rate, falling to 0
        mean_field_steps   sweeps for the data's side, in learning and in `transform`
        n_iter, n_chains   epochs, and particles, of the joint training that follows
        the others         as in `BernoulliRBM`

    Fitted: energy_model_ (the model on its device), rbms_ (what pretraining made), history_, n_iter_ ...
    transform gives the means of the top layer, `hidden` those of all. Missing entries (NaN) are an
    error, except where `sample` is free to fill them.
    """

    finite = True

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
        self.center = center
        self.sparsity = sparsity
        self.sparsity_cost = sparsity_cost
        self.on_epoch = on_epoch

    def check_values(self, v):
        """A warning for numbers outside [0, 1]."""
        warn_unless_probabilities(v)

    def initial_model(self, v, missing):
        """The pretrained machine, or one of small random weights."""
        sizes = layer_sizes("DBM", self.n_components)
        check_positive_int("DBM", "mean_field_steps", self.mean_field_steps)
        check_float("DBM", "pretrain", self.pretrain, at_least=0)
        self.base_biases_, self.rbms_ = log_odds(v), []
        if self.pretrain:
            options = dict(
                learning_rate=self.pretrain_rate,
                batch_size=self.batch_size,
                n_iter=self.pretrain,
                trainer="cd",
                random_state=int(self.rng_.host.integers(2**31 - 1)),
            )
            self.rbms_ = stacked_rbms(to_numpy(v), sizes, doubled=True, **options)
            return compose_dbm(self.rbms_)
        weights, biases = [], [self.base_biases_.copy()]
        for n, size in zip((v.shape[1], *sizes[:-1]), sizes, strict=True):
            weights.append(to_device(0.01 * self.rng_.host.standard_normal((n, size)), v.dtype))
            biases.append(xp_of(v).zeros(size, dtype=v.dtype))
        return EnergyModel([Bernoulli() for _ in biases], weights, biases)

    def infer(self, v):
        """[v, mu_1, ..., mu_L] by mean field, on the device."""
        return mean_field(self.energy_model_, v, self.mean_field_steps)

    def hidden(self, X):
        """The means of every hidden layer, [(n, n_1), ..., (n, n_L)]."""
        v, _ = self._rows(X)
        return [to_host_like(mu, X) for mu in self.infer(v)[1:]]

    def inverse_transform(self, H):
        """The means of v where the top layer is held at H (n, n_L), by mean field."""
        biases, L = self.energy_model_.biases, self.energy_model_.depth
        top = xp_of(biases[0]).asarray(H, dtype=biases[0].dtype)
        layers = [sigmoid(0 * top[:, :1] + b) for b in biases[:-1]] + [top]
        for _ in range(self.mean_field_steps + L):  # the news needs L sweeps to arrive below
            layers = sweep(self.energy_model_, layers, held=L)
        return to_numpy(layers[0])

    def log_likelihood_bound(self, X, log_Z=None):
        """A lower bound on log p(v) of each row in nats, (n,): with log_Z given, or else exact."""
        v, _ = self._rows(X)
        log_Z = exact.log_partition(self.energy_model_) if log_Z is None else log_Z
        return to_numpy(lower_bound(self.energy_model_, self.infer(v))) - log_Z

    def base_model(self):
        """For AIS: hidden units, too, begin about as active as the average picture makes them.

        From even odds most runs end in poor places: 784-500-1000 takes five times the temperatures.
        """
        average = sigmoid(self.base_biases_)[None]  # (1, n_0)
        return [self.base_biases_, *map(log_odds, self.infer(average)[1:])]

    @property
    def weights_(self):
        """[W_1, ..., W_L], each (n_{i-1}, n_i), on the host."""
        check_is_fitted(self)
        return [to_numpy(W).copy() for W in self.energy_model_.weights]
