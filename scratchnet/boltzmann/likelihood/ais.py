"""Annealed importance sampling: log Z of a model that is too large to enumerate.

A chain starts in a base model without weights, whose log Z_0 is known, and moves to the model
through intermediate ones with 0 = beta_0 < ... < beta_K = 1. Their biases b and pre-activations z
are mixtures,

    b(beta) = (1 - beta) base + beta b         z(beta) = (1 - beta) base + beta z

and with the layers of one parity summed out, the state s of the other layers has the unnormalized
log-probability

    log f_beta(s) = -bias_energy(s, b(beta)) + sum over the other layers of log_normalizer(z(beta))

The weight of a chain is the product over t of f_{beta_t}(s_{t-1}) / f_{beta_{t-1}}(s_{t-1}): the
weight is multiplied BEFORE the chain moves at beta_t. Its mean is Z / Z_0 for any number of
temperatures, even one; more temperatures reduce its variance. Neal (2001); Salakhutdinov and Murray
(2008).
"""

import dataclasses
import math

import numpy as np

from scratchnet.backend import to_numpy, xp_of
from scratchnet.boltzmann.likelihood import exact
from scratchnet.boltzmann.machine.gibbs import EVEN
from scratchnet.validation import check_positive_int, unknown_name

__all__ = ["LogPartition", "ais", "exact_log_partition"]


@dataclasses.dataclass(frozen=True)
class LogPartition:
    """Estimate of log Z, in nats.

    value              log of the mean weight. E[exp(value)] = Z, so by Jensen E[value] <= log Z,
                       and a log-likelihood that is computed with it is overestimated on average
    low, high          log(Z - 3 s), log(Z + 3 s), s the standard error; -inf where Z - 3 s < 0
    effective_samples  (sum w)^2 / sum w^2: the number of equally weighted chains that would have
                       the same variance
    log_weights        log weight of each chain, log Z_0 included: (n_runs,); None if enumerated

    >>> LogPartition(value=3.0, low=2.9, high=3.1, effective_samples=80.0)
    LogPartition(value=3.0, low=2.9, high=3.1, effective_samples=80.0)
    """

    value: float
    low: float
    high: float
    effective_samples: float
    log_weights: np.ndarray | None = dataclasses.field(default=None, repr=False)


def ais(model, rng, n_temperatures=1000, n_runs=100, base=None, parity=EVEN):
    """Log Z of an RBM or DBM by annealed importance sampling, a `LogPartition`.

    Parameters
        model            an `EnergyModel`
        rng              an `RNG`
        n_temperatures   K >= 1; beta_t = t / K
        n_runs           number of independent chains
        base             biases of each layer of the base model, a list of arrays; None for zeros.
                         The log-odds of the data as visible biases reduce the variance much
        parity           EVEN or ODD: the layers that the chain holds; the others are summed out

    >>> import numpy as np
    >>> from scratchnet.backend import RNG
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.zeros((3, 2))], [np.zeros(3), np.zeros(2)])
    >>> round(np.exp(ais(rbm, RNG(0), n_temperatures=2, n_runs=5).value))  # 2^5 states
    32
    """
    K = check_positive_int("ais", "n_temperatures", n_temperatures)
    n = check_positive_int("ais", "n_runs", n_runs, " run")
    xp = xp_of(model.biases[0])
    zeros = [xp.zeros_like(b) for b in model.biases]
    base = [z if b is None else b for z, b in zip(zeros, base or zeros, strict=True)]
    held, summed = model.layers_of(parity), model.layers_of(1 - parity)

    def mixture(i, x, beta):  # of layer i's base biases with its biases or pre-activations x
        return (1 - beta) * base[i] + beta * x

    def log_f(beta, layers, z):  # (n,)
        log_p = xp.zeros(n, dtype="float64")  # float64: thousands of small terms add up
        for i in held:
            log_p -= model.units[i].bias_energy(layers[i], mixture(i, model.biases[i], beta))
        for i in summed:
            b = mixture(i, model.biases[i], beta)
            log_p += model.units[i].log_normalizer(mixture(i, z[i], beta), b)
        return log_p

    def draw(i, z, beta):
        mean = model.units[i].mean(mixture(i, z, beta))
        return model.units[i].sample(mean, rng)

    layers = [xp.zeros((n, len(b)), dtype=b.dtype) for b in model.biases]
    for i in held:
        layers[i] = draw(i, layers[i], 0.0)  # exact samples of the base model
    log_w = xp.zeros(n, dtype="float64")
    for t in range(1, K + 1):
        before, beta = (t - 1) / K, t / K
        z = {i: model.pre_activation(i, layers) for i in summed}
        log_w += log_f(beta, layers, z) - log_f(before, layers, z)
        for i in summed:
            layers[i] = draw(i, z[i], beta)
        for i in held:
            layers[i] = draw(i, model.pre_activation(i, layers), beta)
    log_Z0 = sum(float(model.units[i].log_normalizer(b[None], b)[0]) for i, b in enumerate(base))
    return _summary(to_numpy(log_w) + log_Z0)


def exact_log_partition(model, method="exact"):
    """Log Z by enumeration, as a `LogPartition` whose interval is the value itself.

    Raises ValueError for a method other than "exact"; the other valid name is "ais".

    >>> import numpy as np
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.zeros((1, 1))], [np.zeros(1), np.zeros(1)])
    >>> exact_log_partition(rbm).effective_samples
    inf
    """
    if method != "exact":
        raise unknown_name("method", method, ["exact", "ais"])
    value = exact.log_partition(model)
    return LogPartition(value, value, value, math.inf)


def _summary(log_w):
    """The `LogPartition` of log weights (n_runs,); weights are relative to the largest."""
    top = float(log_w.max())
    w = [math.exp(value - top) for value in log_w.tolist()]
    n, mean = len(w), math.fsum(w) / len(w)
    variance = math.fsum((x - mean) ** 2 for x in w) / max(n - 1, 1)
    error = 3 * math.sqrt(variance / n)
    low = top + math.log(mean - error) if mean > error else -math.inf
    effective = math.fsum(w) ** 2 / math.fsum(x * x for x in w)
    return LogPartition(top + math.log(mean), low, top + math.log(mean + error), effective, log_w)
