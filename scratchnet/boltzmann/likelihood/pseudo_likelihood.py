"""How good is a model of 0-1 data, without log Z: each pixel predicted from all the others."""

from scratchnet.backend import xp_of
from scratchnet.numerics import softplus

__all__ = ["log_odds", "one_pixel_estimate", "pseudo_likelihood"]


def _log_p_of_pixel(z, at, flip, W, a):
    """log p(v_i | the rest) = log s(F(flipped) - F(v)), from z = v W + b: (N,).

    Flipping pixel i moves z by `flip` W_i, flip = 1 - 2 v_i; nothing else has to be multiplied.
    """
    gain = flip * a + (softplus(z + flip[:, None] * W) - at).sum(axis=1)  # F(v) - F(flipped)
    return -softplus(gain)


def pseudo_likelihood(model, v, missing=None):
    """sum_i log p(v_i | the other pixels) of each row, (N,): exact, D H operations a row.

    A likelihood only where every entry is 0 or 1. Entries marked as missing are left out.
    """
    W, (a, b) = model.weights[0], model.biases
    z = v @ W + b  # (N, H)
    at = softplus(z)
    total = xp_of(v).zeros(len(v), dtype=v.dtype)
    for i in range(len(a)):
        log_p = _log_p_of_pixel(z, at, 1 - 2 * v[:, i], W[i], a[i])
        total += log_p if missing is None else log_p * ~missing[:, i]
    return total


def one_pixel_estimate(model, v, rng):
    """The same, estimated as D times the log probability of one random pixel a row: to watch."""
    xp, (a, b), W = xp_of(v), model.biases, model.weights[0]
    i = (rng.uniform(v[:, 0]) * len(a)).astype("int64")  # (N,)
    z = v @ W + b
    flip = 1 - 2 * v[xp.arange(len(v)), i]
    return len(a) * _log_p_of_pixel(z, softplus(z), flip, W[i], a[i])


def log_odds(v, missing=None):
    """Biases that give each pixel its frequency in the data, without any weights: (D,).

    The frequency is kept 1 / (n + 2) away from 0 and 1: never seen is not impossible.
    """
    xp = xp_of(v)
    n = float(len(v)) if missing is None else (~missing).sum(axis=0).astype(v.dtype)
    low = 1 / (n + 2)
    p = (v.sum(axis=0) / (n + (n == 0))).clip(low, 1 - low)
    return xp.log(p / (1 - p)).astype(v.dtype)
