"""Annealed importance sampling: log Z of a model that is too large to enumerate.

From a model without weights (log Z_0 is known) a chain is led to the real one through temperatures
0 = beta_0 < ... < beta_K = 1. Between them every bias and field is a mixture,

    b(beta) = (1 - beta) base + beta b         f(beta) = (1 - beta) base + beta f

and with one side of the graph summed out, the other has the unnormalized probability

    log f_beta(s) = -own_energy(s, b(beta)) + sum over the other side of log_normalizer(f(beta))

The weight of a run multiplies up f_{beta_t}(s_{t-1}) / f_{beta_{t-1}}(s_{t-1}): FIRST the weight,
THEN the move at beta_t. Its mean is exactly Z / Z_0, for any number of temperatures, even one; the
temperatures only calm its variance. Neal (2001); Salakhutdinov and Murray (2008).
"""

import dataclasses
import math

from scratchnet.backend import to_numpy, xp_of
from scratchnet.boltzmann.likelihood import exact
from scratchnet.boltzmann.machine.gibbs import EVEN
from scratchnet.validation import check_positive_int, unknown_name

__all__ = ["LogPartition", "ais", "enumerated"]


@dataclasses.dataclass(frozen=True)
class LogPartition:
    """An estimate of log Z.

    value              log of the mean weight. By Jensen E[value] <= log Z, so a likelihood that is
                       computed with it is rather too good
    low, high          log(Z - 3 s), log(Z + 3 s), s the standard error; -inf where Z - 3 s < 0
    effective_samples  (sum w)^2 / sum w^2: of how many equal runs the mean is worth
    log_weights        of each run, log Z_0 included
    """

    value: float
    low: float
    high: float
    effective_samples: float
    log_weights: object = dataclasses.field(default=None, repr=False)


def ais(model, rng, n_temperatures=1000, n_runs=100, base=None, side=EVEN):
    """log Z of an RBM or DBM, as a `LogPartition`.

    Parameters
        n_temperatures   K >= 1; beta_t = t / K
        n_runs           independent chains
        base             biases of each layer of the model to start from, None for zeros. The
                         log-odds of the data for the visible layer start much nearer
        side             which layers the chain keeps; the others are summed out
    """
    K = check_positive_int("ais", "n_temperatures", n_temperatures)
    n = check_positive_int("ais", "n_runs", n_runs, " run")
    xp = xp_of(model.biases[0])
    zeros = [xp.zeros_like(b) for b in model.biases]
    base = [z if b is None else b for z, b in zip(zeros, base or zeros, strict=True)]
    kept, summed = model.side(side), model.side(1 - side)

    def mixed(i, f, beta):
        return (1 - beta) * base[i] + beta * f

    def log_f(beta, layers, fields):  # (n,)
        log_p = xp.zeros(n, dtype="float64")  # float64: thousands of small terms add up
        for i in kept:
            log_p -= model.units[i].own_energy(layers[i], mixed(i, model.biases[i], beta))
        for i in summed:
            f, b = mixed(i, fields[i], beta), mixed(i, model.biases[i], beta)
            log_p += model.units[i].log_normalizer(f, b)
        return log_p

    def draw(i, f, beta):
        mean = model.units[i].mean(mixed(i, f, beta))
        return model.units[i].sample(mean, rng)

    layers = [xp.zeros((n, len(b)), dtype=b.dtype) for b in model.biases]
    for i in kept:
        layers[i] = draw(i, layers[i], 0.0)  # exact samples of the model without weights
    log_w = xp.zeros(n, dtype="float64")
    for t in range(1, K + 1):
        before, beta = (t - 1) / K, t / K
        fields = {i: model.field(i, layers) for i in summed}
        log_w += log_f(beta, layers, fields) - log_f(before, layers, fields)
        for i in summed:
            layers[i] = draw(i, fields[i], beta)
        for i in kept:
            layers[i] = draw(i, model.field(i, layers), beta)
    log_Z0 = sum(float(model.units[i].log_normalizer(b[None], b)[0]) for i, b in enumerate(base))
    return _summary(to_numpy(log_w) + log_Z0)


def enumerated(model, method="exact"):
    """log Z by enumeration, as a `LogPartition` without doubt; the other method is `ais`."""
    if method != "exact":
        raise unknown_name("method", method, ["exact", "ais"])
    value = exact.log_partition(model)
    return LogPartition(value, value, value, math.inf)


def _summary(log_w):
    top = float(log_w.max())
    w = [math.exp(value - top) for value in log_w.tolist()]
    n, mean = len(w), math.fsum(w) / len(w)
    variance = math.fsum((x - mean) ** 2 for x in w) / max(n - 1, 1)
    error = 3 * math.sqrt(variance / n)
    low = top + math.log(mean - error) if mean > error else -math.inf
    effective = math.fsum(w) ** 2 / math.fsum(x * x for x in w)
    return LogPartition(top + math.log(mean), low, top + math.log(mean + error), effective, log_w)
