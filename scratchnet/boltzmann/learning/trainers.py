"""Estimators of the negative phase of the likelihood gradient: CD, PCD and others.

All of them serve the same gradient,

    d mean log p(v) / d parameter = <statistics>_data - <statistics>_model

with the `statistics` of `EnergyModel`. The positive phase <.>_data is the mean over the data, with
the hidden units at their conditional means; it is easy. The negative phase <.>_model is the mean
over the distribution of the model itself; the trainers differ in how they estimate it.
"""

import copy

from scratchnet.backend import xp_of
from scratchnet.boltzmann.likelihood import exact
from scratchnet.boltzmann.machine.gibbs import EVEN, ODD, gibbs, half_sweep
from scratchnet.validation import check_positive_int, require, unknown_name

__all__ = [
    "CD",
    "PCD",
    "Exact",
    "FastPCD",
    "ParallelTempering",
    "Trainer",
    "initial_particles",
    "make_trainer",
]


class Trainer:
    """Base class of the trainers; a subclass defines model_statistics.

    >>> class Nothing(Trainer):
    ...     def model_statistics(self, model, data, rng, clamp=None):
    ...         return {name: 0 * array for name, array in model.parameters().items()}
    """

    supports_missing = False  # whether model_statistics accepts clamp, the missing entries

    def model_statistics(self, model, data, rng, clamp=None):
        """Estimate the statistics of the model, {name: array}.

        Parameters
            model  an `EnergyModel`
            data   the layers of the positive phase: rows v of the data, and the conditional means
                   of the hidden layers
            rng    an `RNG`
            clamp  as in `half_sweep`; None if no entry is missing
        """
        raise NotImplementedError(f"{type(self).__name__} does not define model_statistics")

    def after_update(self, gradient):
        """Receive the gradient after each update of the model; only `FastPCD` uses it."""


class CD(Trainer):
    """Contrastive divergence (CD-k): k Gibbs sweeps that start at the data.

    Low in cost and in noise, but biased: it is not the gradient of the likelihood. States far from
    the data are hardly ever sampled, so nothing lowers their probability. The formula for an RBM of
    0-1 units is `plain.cd_gradient`. Works with missing entries, since each chain belongs to a row.
    Hinton (2002).

    Parameters
        k             Gibbs sweeps
        mean_visible  use the probabilities p(v | h) in place of samples of v, as in Hinton's
                      practical guide (2010): less noise, but another expectation. The hidden units
                      that drive the reconstruction are sampled in any case: one bit a unit limits
                      the information they pass on, where real numbers would make the model an
                      autoencoder

    >>> import numpy as np
    >>> from scratchnet.backend import RNG
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.zeros((2, 1))], [np.zeros(2), np.zeros(1)])
    >>> v = np.ones((50, 2))
    >>> CD(k=1).model_statistics(rbm, [v, rbm.mean(1, [v, None])], RNG(0))["b1"]  # <h>
    array([0.5])
    """

    supports_missing = True

    def __init__(self, k=1, mean_visible=False):
        self.k, self.mean_visible = check_positive_int("CD", "k", k, " sweep"), mean_visible

    def model_statistics(self, model, data, rng, clamp=None):
        """Statistics after k sweeps from the data."""
        samples = list(data)
        for i in model.layers_of(ODD):
            samples[i] = model.units[i].sample(data[i], rng)
        if not self.mean_visible:
            _, means = gibbs(model, samples, self.k, rng, clamp=clamp)
            return model.statistics(means)
        for _ in range(self.k):
            _, visible_means = half_sweep(model, samples, EVEN, rng, clamp=clamp)
            samples, means = half_sweep(model, visible_means, ODD, rng, clamp=clamp)
        return model.statistics(means)


def initial_particles(model, n, rng):
    """Initial states of n chains, a list of layers (n, n_i): from one sweep of zeros.

    With all other layers 0 the pre-activations of the even layers are their biases, so the even
    layers are drawn from the biases alone; the odd ones are then drawn given the even ones.

    >>> import numpy as np
    >>> from scratchnet.backend import RNG
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.zeros((3, 2))], [np.zeros(3), np.zeros(2)])
    >>> [h.shape for h in initial_particles(rbm, 10, RNG(0))]
    [(10, 3), (10, 2)]
    """
    xp = xp_of(model.biases[0])
    layers = [xp.zeros((n, len(b)), dtype=b.dtype) for b in model.biases]
    layers, _ = half_sweep(model, layers, EVEN, rng)
    layers, _ = half_sweep(model, layers, ODD, rng)
    return layers


class PCD(Trainer):
    """Persistent contrastive divergence: chains that continue from update to update.

    The model changes little in one update, so the chains stay near its distribution. Their number
    does not depend on the batch. A chain belongs to no row of the data, so it cannot leave out the
    missing entries of one. Younes (1989); Tieleman (2008).

    Parameters
        k         Gibbs sweeps an update
        n_chains  number of chains

    `particles` are the states of the chains, a list of layers (n_chains, n_i); None at first.

    >>> import numpy as np
    >>> from scratchnet.backend import RNG
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.zeros((3, 2))], [np.zeros(3), np.zeros(2)])
    >>> trainer = PCD(k=1, n_chains=10)
    >>> statistics = trainer.model_statistics(rbm, None, RNG(0))
    >>> trainer.particles[0].shape
    (10, 3)
    """

    def __init__(self, k=1, n_chains=100):
        self.k = check_positive_int("PCD", "k", k, " sweep")
        self.n_chains = check_positive_int("PCD", "n_chains", n_chains, " chain")
        self.particles = None

    def model_statistics(self, model, data, rng, clamp=None):
        """Statistics of the particles after k more sweeps."""
        require(
            clamp is None,
            f"{type(self).__name__} expects no missing entries: use CD where entries are missing",
        )
        if self.particles is None:
            self.particles = initial_particles(model, self.n_chains, rng)
        self.particles, means = self.sweep(model, rng)
        return model.statistics(means)

    def sweep(self, model, rng):
        """Run k sweeps: the particles, and the particles with the means of the odd layers."""
        return gibbs(model, self.particles, self.k, rng)


class FastPCD(PCD):
    """PCD with fast weights that speed up the mixing of the chains.

    The chains are sampled from the model with parameters W + F. Both follow the gradient, F with a
    rate of its own that stays constant, and F decays:

        F = decay * F + fast_rate * gradient

    The gradient is negative where the statistics of the chains exceed those of the data. So F
    raises the energy of the states in which the chains are, and they move on. F is not part of the
    final model. Tieleman and Hinton (2009).

    Parameters
        k, n_chains  as in `PCD`
        fast_rate    learning rate of F
        decay        of F at each update

    >>> import numpy as np
    >>> trainer = FastPCD(fast_rate=0.02)
    >>> trainer.after_update({"W1": np.ones((1, 1))})
    >>> trainer.fast["W1"]
    array([[0.02]])
    """

    def __init__(self, k=1, n_chains=100, fast_rate=0.02, decay=0.95):
        super().__init__(k, n_chains)
        self.fast_rate, self.decay, self.fast = fast_rate, decay, {}

    def sweep(self, model, rng):
        """Run k sweeps of the model whose parameters are W + F (and b + F_b)."""
        fast_model = model.map_arrays(lambda a: a.copy())
        for name, array in fast_model.parameters().items():
            if name in self.fast:
                array += self.fast[name]
        return super().sweep(fast_model, rng)

    def after_update(self, gradient):
        """Update the fast weights, F = decay * F + fast_rate * gradient."""
        for name, g in gradient.items():
            self.fast[name] = self.decay * self.fast.get(name, 0) + self.fast_rate * g


class ParallelTempering(PCD):
    """PCD with chains at several temperatures that exchange their states.

    Chains at inverse temperature beta sample exp(-beta E), for 1 = beta_1 > ... > beta_M > 0. At
    small beta the modes of the distribution are less separated, and a chain moves between them.
    After the sweeps, neighbours r and r + 1 swap their states with probability

        min(1, exp((beta_r - beta_{r+1}) (E_r - E_{r+1})))

    for even and odd r in turn, which leaves the distribution at each temperature unchanged. Only
    the chains at beta = 1 enter the statistics. Desjardins et al. (2010).

    Parameters
        k, n_chains     as in `PCD`; n_chains at each temperature
        n_temperatures  M
        lowest          beta_M

    >>> ParallelTempering(n_temperatures=3, lowest=0.2).betas
    [1.0, 0.6, 0.19999999999999996]
    """

    def __init__(self, k=1, n_chains=100, n_temperatures=5, lowest=0.2):
        super().__init__(k, n_chains)
        self.M = check_positive_int("ParallelTempering", "n_temperatures", n_temperatures)
        require(0 < lowest <= 1, f"ParallelTempering expects 0 < lowest <= 1; got {lowest!r}")
        steps = max(self.M - 1, 1)
        self.betas = [1 - (1 - lowest) * r / steps for r in range(self.M)]
        self.rounds = 0  # of swaps

    def sweep(self, model, rng):
        """Run k sweeps at every temperature, then one round of swaps."""
        b = model.biases[0]
        xp, n, M = xp_of(b), self.n_chains, self.M
        betas = xp.asarray(self.betas, dtype=b.dtype)  # (M,)
        if len(self.particles[0]) == n:  # the first time: equal states at every temperature
            self.particles = [xp.tile(h, (M, 1)) for h in self.particles]  # (M n, n_i)
        layers, _ = gibbs(model, self.particles, self.k, rng, xp.repeat(betas, n)[:, None])
        E = model.energy(layers).reshape(M, n)
        source = xp.tile(xp.arange(M)[:, None], (1, n))  # (M, n): the temperature each state is at
        for r in range(self.rounds % 2, M - 1, 2):
            log_ratio = (betas[r] - betas[r + 1]) * (E[r] - E[r + 1])  # (n,)
            swap = rng.uniform(log_ratio) < xp.exp(xp.minimum(log_ratio, 0))
            source[r] += swap  # where swap is True, the state comes from r + 1 ...
            source[r + 1] -= swap  # ... and that of r + 1 from r
        self.rounds += 1
        chains = xp.arange(n)  # chain j at temperature r takes the state of chain j at source[r, j]
        layers = [h.reshape(M, n, -1)[source, chains].reshape(M * n, -1) for h in layers]
        cold = [h[:n] for h in layers]  # beta = 1
        means = {i: model.mean(i, cold) for i in model.layers_of(ODD)}
        return layers, [means.get(i, h) for i, h in enumerate(cold)]


class Exact(Trainer):
    """Exact negative phase by enumeration: for small models, and to compare with.

    >>> import numpy as np
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.zeros((1, 1))], [np.zeros(1), np.zeros(1)])
    >>> Exact().model_statistics(rbm, None, rng=None)["W1"]  # E[v h] = 1/4
    array([[0.25]])
    """

    def model_statistics(self, model, data, rng, clamp=None):
        """Statistics of the model, see `exact.model_statistics`."""
        require(clamp is None, "Exact expects no missing entries: use CD where entries are missing")
        dtype = model.biases[0].dtype
        return {name: s.astype(dtype) for name, s in exact.model_statistics(model).items()}


NAMES = {"cd": CD, "pcd": PCD, "fpcd": FastPCD, "pt": ParallelTempering, "exact": Exact}


def make_trainer(trainer, k=1, n_chains=100):
    """Trainer from a name, "cd", "pcd", "fpcd", "pt" or "exact", or a copy of a trainer object.

    Raises ValueError for another name.

    >>> type(make_trainer("pt")).__name__
    'ParallelTempering'
    """
    if not isinstance(trainer, str):
        return copy.deepcopy(trainer)
    if trainer not in NAMES:
        raise unknown_name("trainer", trainer, NAMES)
    if trainer == "exact":
        return Exact()
    return CD(k) if trainer == "cd" else NAMES[trainer](k, n_chains)
