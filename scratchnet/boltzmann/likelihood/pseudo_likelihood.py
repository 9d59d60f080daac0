"""Pseudo-likelihood of 0-1 data, which needs no log Z: each unit predicted from all the others.

    sum over i of log p(v_i | all other units of v)

With v' the row v whose entry i is flipped, 0 to 1 or 1 to 0,

    p(v_i | the others) = exp(-F(v)) / (exp(-F(v)) + exp(-F(v'))) = s(F(v') - F(v))

Besag (1975).
"""

from scratchnet.backend import xp_of
from scratchnet.numerics import softplus

__all__ = ["log_odds", "one_pixel_estimate", "pseudo_likelihood"]


def _log_p_of_unit(z, softplus_z, flip, W_i, a_i):
    """log p(v_i | the others) = -log(1 + exp(F(v) - F(v'))) of each row, from z = v W + b: (N,).

    v' differs from v by flip = 1 - 2 v_i at unit i alone, so v' W + b = z + flip W_i, and

        F(v) - F(v') = flip a_i + sum over j of [softplus(z_j + flip W_ij) - softplus(z_j)]
    """
    difference = flip * a_i + (softplus(z + flip[:, None] * W_i) - softplus_z).sum(axis=1)
    return -softplus(difference)


def pseudo_likelihood(model, v, missing=None):
    """Exact pseudo-log-likelihood of each row of an RBM of 0-1 units, in nats: (N,).

    It is a likelihood only where every entry of v is 0 or 1. The cost is D H operations a row.

    missing  boolean mask (N, D): these entries are left out of the sum

    >>> import numpy as np
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.zeros((3, 2))], [np.zeros(3), np.zeros(2)])
    >>> np.exp(pseudo_likelihood(rbm, np.ones((1, 3)))).round(6)  # each of 3 units with p = 1/2
    array([0.125])
    """
    W, (a, b) = model.weights[0], model.biases
    z = v @ W + b  # (N, H)
    softplus_z = softplus(z)
    total = xp_of(v).zeros(len(v), dtype=v.dtype)
    for i in range(len(a)):
        log_p = _log_p_of_unit(z, softplus_z, 1 - 2 * v[:, i], W[i], a[i])
        total += log_p if missing is None else log_p * ~missing[:, i]
    return total


def one_pixel_estimate(model, v, rng):
    """Random estimate of `pseudo_likelihood`, (N,): D log p(v_i | the others) of one i a row.

    It costs H operations a row instead of D H, for monitoring.

    >>> import numpy as np
    >>> from scratchnet.backend import RNG
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.zeros((3, 2))], [np.zeros(3), np.zeros(2)])
    >>> np.exp(one_pixel_estimate(rbm, np.ones((1, 3)), RNG(0))).round(6)
    array([0.125])
    """
    xp, (a, b), W = xp_of(v), model.biases, model.weights[0]
    i = (rng.uniform(v[:, 0]) * len(a)).astype("int64")  # (N,)
    z = v @ W + b
    flip = 1 - 2 * v[xp.arange(len(v)), i]
    return len(a) * _log_p_of_unit(z, softplus(z), flip, W[i], a[i])


def log_odds(total, n):
    """Biases log(p / (1 - p)) that give each 0-1 unit its frequency p in the data, (D,).

    p = total / n, kept at least 1 / (n + 2) away from 0 and 1: a value that the data do not contain
    is improbable, not impossible.

    Parameters
        total  sum of each unit over the rows, (D,)
        n      number of rows, a float; or of observed entries of each unit, (D,)

    >>> import numpy as np
    >>> log_odds(np.array([0.0, 4.0]), 8.0).round(4)
    array([-2.1972,  0.    ])
    """
    low = 1 / (n + 2)
    p = (total / (n + (n == 0))).clip(low, 1 - low)
    return xp_of(total).log(p / (1 - p)).astype(total.dtype)
