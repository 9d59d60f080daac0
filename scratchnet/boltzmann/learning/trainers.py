"""Where the negative phase comes from. All trainers climb the same gradient,

    d mean log p(v) / d parameter = <statistics>_data - <statistics>_model,

and only the second average, over the model's own dreams, is hard. Each trainer has

    model_statistics(model, data, rng, clamp) -> {parameter: average under the model}
    learn(gradient)                                what was made of it (only FastPCD listens)

`data` is the positive phase, layers with the odd side as probabilities; clamp as in `chain`.
"""

import copy

from scratchnet.backend import xp_of
from scratchnet.boltzmann.likelihood import exact
from scratchnet.boltzmann.machine.gibbs import EVEN, ODD, gibbs, half_sweep
from scratchnet.validation import check_positive_int, require, unknown_name

__all__ = ["CD", "PCD", "Exact", "FastPCD", "ParallelTempering", "make_trainer"]


class CD:
    """Contrastive divergence: k sweeps that start at the data. Hinton (2002).

    Cheap and quiet, but not the gradient of the likelihood: dreams far away from the data are
    never visited, so nobody tells the model to forget them. Works with missing entries, because
    each chain has its row's mask.

    mean_visible   let p(v|h) stand for v, as Hinton's practical guide allows: less noise, another
                   expectation. The hidden units are always sampled; without that bottleneck it
                   would be an autoencoder
    """

    masks = True

    def __init__(self, k=1, mean_visible=False):
        self.k, self.mean_visible = check_positive_int("CD", "k", k, " sweep"), mean_visible

    def model_statistics(self, model, data, rng, clamp=None):
        """Statistics after k sweeps from the data."""
        layers = list(data)
        for i in model.side(ODD):
            layers[i] = model.units[i].sample(data[i], rng)
        if not self.mean_visible:
            return model.statistics(gibbs(model, layers, self.k, rng, clamp=clamp)[1])
        for _ in range(self.k):
            _, layers = half_sweep(model, layers, EVEN, rng, clamp=clamp)
            layers, expected = half_sweep(model, layers, ODD, rng, clamp=clamp)
        return model.statistics(expected)

    def learn(self, gradient):
        """Nothing to note."""


def first_particles(model, n, rng):
    """n chains that begin at the biases alone: layers (n, n_i)."""
    xp = xp_of(model.biases[0])
    layers = [xp.zeros((n, len(b)), dtype=b.dtype) for b in model.biases]
    return half_sweep(model, half_sweep(model, layers, EVEN, rng)[0], ODD, rng)[0]


class PCD:
    """Persistent contrastive divergence: chains that go on from update to update.

    Younes (1989), Tieleman (2008). The model changes little in one update, so the chains stay near
    its distribution; their number has nothing to do with the batch. They have no mask.
    """

    masks = False

    def __init__(self, k=1, n_chains=100):
        self.k = check_positive_int("PCD", "k", k, " sweep")
        self.n_chains = check_positive_int("PCD", "n_chains", n_chains, " chain")
        self.particles = None

    def model_statistics(self, model, data, rng, clamp=None):
        """Statistics of the particles after k more sweeps."""
        require(clamp is None, "persistent chains have no mask: use CD where entries are missing")
        if self.particles is None:
            self.particles = first_particles(model, self.n_chains, rng)
        self.particles, expected = self.sweep(model, rng)
        return model.statistics(expected)

    def sweep(self, model, rng):
        """(particles, particles with the means of the odd side) after k sweeps."""
        return gibbs(model, self.particles, self.k, rng)

    def learn(self, gradient):
        """Nothing to note."""


class FastPCD(PCD):
    """PCD whose chains run in a landscape that is still moving. Tieleman and Hinton (2009).

    The chains see W + F; both follow the gradient, F at a rate of its own that does not fall, and F
    decays. So where the chains are, the landscape rises under them and drives them on. F is thrown
    away at the end.
    """

    def __init__(self, k=1, n_chains=100, fast_rate=0.02, decay=0.95):
        super().__init__(k, n_chains)
        self.fast_rate, self.decay, self.fast = fast_rate, decay, {}

    def sweep(self, model, rng):
        """One PCD sweep with W + F, b + F_b."""
        moved = model.map_arrays(lambda a: a.copy())
        for name, array in moved.parameters().items():
            if name in self.fast:
                array += self.fast[name]
        return super().sweep(moved, rng)

    def learn(self, gradient):
        """F = decay F + fast_rate gradient."""
        for name, g in gradient.items():
            self.fast[name] = self.decay * self.fast.get(name, 0) + self.fast_rate * g


class ParallelTempering(PCD):
    """Chains at 1 = beta_1 > ... > beta_M > 0 that swap places; only those at 1 are averaged.

    Hot chains cross the valleys that hold a cold one. Neighbours r and r + 1 change places with
    probability min(1, exp((beta_r - beta_{r+1}) (E_r - E_{r+1}))), even and odd pairs in turn, so
    each temperature keeps its distribution. Desjardins et al. (2010).
    """

    def __init__(self, k=1, n_chains=100, n_temperatures=5, lowest=0.2):
        super().__init__(k, n_chains)
        self.M = check_positive_int("ParallelTempering", "n_temperatures", n_temperatures)
        require(0 < lowest <= 1, f"ParallelTempering expects 0 < lowest <= 1; got {lowest!r}")
        steps = max(self.M - 1, 1)
        self.betas = [1 - (1 - lowest) * r / steps for r in range(self.M)]
        self.turn = 0

    def sweep(self, model, rng):
        """k sweeps at every temperature, then one round of swaps."""
        b = model.biases[0]
        xp, n, M = xp_of(b), self.n_chains, self.M
        betas = xp.asarray(self.betas, dtype=b.dtype)  # (M,)
        if len(self.particles[0]) == n:  # the first time: every temperature begins alike
            self.particles = [xp.tile(h, (M, 1)) for h in self.particles]
        layers, _ = gibbs(model, self.particles, self.k, rng, xp.repeat(betas, n)[:, None])
        E = model.energy(layers).reshape(M, n)
        place = xp.tile(xp.arange(M)[:, None], (1, n))  # who comes to stand at each temperature
        for r in range(self.turn % 2, M - 1, 2):
            gain = (betas[r] - betas[r + 1]) * (E[r] - E[r + 1])  # (n,)
            swap = rng.uniform(gain) < xp.exp(xp.minimum(gain, 0))
            place[r] += swap
            place[r + 1] -= swap
        self.turn += 1
        layers = [h.reshape(M, n, -1)[place, xp.arange(n)].reshape(M * n, -1) for h in layers]
        cold = [h[:n] for h in layers]
        means = {i: model.mean(i, cold) for i in model.side(ODD)}
        return layers, [means.get(i, h) for i, h in enumerate(cold)]


class Exact:
    """The model's statistics by enumeration: for small models, and to compare with."""

    masks = False

    def model_statistics(self, model, data, rng, clamp=None):
        """E[statistics] under the model, see `exact.model_statistics`."""
        require(clamp is None, "the exact gradient has no mask: use CD where entries are missing")
        dtype = model.biases[0].dtype
        return {n: s.astype(dtype) for n, s in exact.model_statistics(model).items()}

    def learn(self, gradient):
        """Nothing to note."""


NAMES = {"cd": CD, "pcd": PCD, "fpcd": FastPCD, "pt": ParallelTempering, "exact": Exact}


def make_trainer(trainer, k=1, n_chains=100):
    """A trainer from its name, "cd", "pcd", "fpcd", "pt" or "exact", or a copy of the one given."""
    if not isinstance(trainer, str):
        return copy.deepcopy(trainer)
    if trainer not in NAMES:
        raise unknown_name("trainer", trainer, NAMES)
    if trainer == "exact":
        return Exact()
    return CD(k) if trainer == "cd" else NAMES[trainer](k, n_chains)
