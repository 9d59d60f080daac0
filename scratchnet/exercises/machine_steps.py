"""Steps of Boltzmann machines: the functions of the exercises, and results of frequent mistakes.

The functions are those of `scratchnet.boltzmann.plain`, with given random numbers. They are written
again here because the import of that package takes longer than a grade.
"""

import functools
import itertools

import numpy as np

from scratchnet.exercises.step_checks import Step
from scratchnet.numerics import logsumexp, sigmoid, softplus


def _rbm(*names):
    # An answer that draws samples of its own must not find the given ones by chance
    d, h = (12, 8) if "u_h" in names else (4, 3)

    def inputs(rng, n):
        b = {"W": rng.standard_normal((d, h)), "a": rng.standard_normal(d)}
        b |= {"b": rng.standard_normal(h), "u_h": rng.random((n, h)), "u_v": rng.random((n, d))}
        b["v"] = b["v0"] = rng.integers(2, size=(n, d)).astype(float)
        return {name: b[name] for name in names}

    return inputs


def _dbm(rng, n):
    shapes = {"v": (n, 4), "mu2": (n, 2), "W1": (4, 3), "W2": (3, 2), "b1": (3,), "b2": (2,)}
    return {
        k: rng.random(s) if k in ("v", "mu2") else rng.standard_normal(s) for k, s in shapes.items()
    }


def _mean_field_inputs(rng, n):
    arguments = _dbm(rng, n)
    del arguments["mu2"]
    return arguments | {"sweeps": 3}


def _free_energy(v, W, a, b):
    return -v @ a - softplus(v @ W + b).sum(axis=1)


def _log_terms(W, a, b):
    h = np.array(list(itertools.product((0.0, 1.0), repeat=len(b))))  # (2^H, H)
    return h @ b + softplus(h @ W.T + a).sum(axis=1)


def _log_partition(W, a, b):
    return logsumexp(_log_terms(W, a, b))[0]


def _half_sweep(v, W, b, u):
    p = sigmoid(v @ W + b)
    return (u < p).astype(float), p


def _cd(v0, W, a, b, u_h, u_v, sample_h=True, sample_v=True, first="p", second="p", flip=""):
    h0, p0 = _half_sweep(v0, W, b, u_h)
    h0 = 1 - h0 if "h" in flip else h0
    q = sigmoid((h0 if sample_h else p0) @ W.T + a)
    v1 = (u_v > q if "v" in flip else u_v < q).astype(float) if sample_v else q
    h1, p1 = _half_sweep(v1, W, b, u_h)
    one, two = (p0 if first == "p" else h0), (p1 if second == "p" else h1)
    dW = (v0.T @ one - v1.T @ two) / len(v0)
    return dW, (v0 - v1).mean(axis=0), (one - two).mean(axis=0)


def _cd_products(v0, W, a, b, u_h, u_v, combine):
    """The three results from the quantities of both phases: combine(v0, p0, v1, p1)."""
    h0, p0 = _half_sweep(v0, W, b, u_h)
    v1 = (u_v < sigmoid(h0 @ W.T + a)).astype(float)
    return combine(v0, p0, v1, sigmoid(v1 @ W + b))


def _phases(positive, negative, divisor=len):
    """CD-1 with another weight of each phase, and another divisor of the sums."""

    def combine(v0, p0, v1, p1):
        n = divisor(p0)
        dW = (positive * v0.T @ p0 + negative * v1.T @ p1) / n
        da = (positive * v0 + negative * v1).sum(axis=0) / n
        return dW, da, (positive * p0 + negative * p1).sum(axis=0) / n

    return functools.partial(_cd_products, combine=combine)


def _crossed(v0, p0, v1, p1):
    n = len(v0)
    return (v0.T @ p1 - v1.T @ p0) / n, (v0 - v1).sum(axis=0) / n, (p1 - p0).sum(axis=0) / n


def _mean_field_sweep(v, mu2, W1, W2, b1, b2):
    mu1 = sigmoid(v @ W1 + mu2 @ W2.T + b1)
    return mu1, sigmoid(mu1 @ W2 + b2)


def _mean_field(v, W1, W2, b1, b2, sweeps, start=0.5, more=0):
    mu2 = np.full((len(v), len(b2)), start)
    for _ in range(sweeps + more):
        mu1, mu2 = _mean_field_sweep(v, mu2, W1, W2, b1, b2)
    return mu1, mu2


_option = functools.partial
_SAMPLES = "h is the probability p: draw a sample, 1.0 where u < p and 0.0 elsewhere"
STEPS: dict[str, dict[str, Step]] = {
    "free_energy": {
        "free_energy": Step(
            _rbm("v", "W", "a", "b"),
            _free_energy,
            ("F",),
            {
                "F lacks the term -a v": lambda v, W, a, b: -softplus(v @ W + b).sum(axis=1),
                "F lacks the sum over the hidden units": lambda v, W, a, b: -v @ a,
                "the hidden units enter with sigmoid(x) in place of log(1 + exp(x))": (
                    lambda v, W, a, b: -v @ a - sigmoid(v @ W + b).sum(axis=1)
                ),
                "the sign of a v is wrong: F contains -a v": lambda v, W, a, b: (
                    v @ a - softplus(v @ W + b).sum(axis=1)
                ),
                "the sign of the sum over the hidden units is wrong: it is subtracted": (
                    lambda v, W, a, b: -v @ a + softplus(v @ W + b).sum(axis=1)
                ),
                "the mean over the hidden units is taken: take the sum": lambda v, W, a, b: (
                    -v @ a - softplus(v @ W + b).mean(axis=1)
                ),
                "the sum goes over the rows too: sum over the hidden units, axis 1": (
                    lambda v, W, a, b: -v @ a - softplus(v @ W + b).sum()
                ),
                "the hidden units enter with x in place of log(1 + exp(x))": (
                    lambda v, W, a, b: -v @ a - (v @ W + b).sum(axis=1)
                ),
            },
        )
    },
    "log_partition": {
        "log_partition": Step(
            _rbm("W", "a", "b"),
            _log_partition,
            ("log Z",),
            {
                "the result is Z: return its logarithm": (
                    lambda W, a, b: np.exp(_log_partition(W, a, b))
                ),
                "the largest term is taken: take the logarithm of the sum of exponentials": (
                    lambda W, a, b: _log_terms(W, a, b).max()
                ),
                "the logarithms are added: take the logarithm of the sum of their exponentials": (
                    lambda W, a, b: _log_terms(W, a, b).sum()
                ),
                "the mean over the states h is taken: take the sum": lambda W, a, b: (
                    _log_partition(W, a, b) - len(b) * np.log(2)
                ),
                "the sum over v is missing": lambda W, a, b: softplus(b).sum(),
            },
        )
    },
    "gibbs_half_sweep": {
        "gibbs_half_sweep": Step(
            _rbm("v", "W", "b", "u_h"),
            _half_sweep,
            ("h", "p"),
            {
                _SAMPLES: lambda v, W, b, u: (_half_sweep(v, W, b, u)[1],) * 2,
                "h is 0 where it should be 1: h is 1.0 where u < p": lambda v, W, b, u: (
                    1 - _half_sweep(v, W, b, u)[0],
                    _half_sweep(v, W, b, u)[1],
                ),
                "h is 1 where p > 1/2: compare p with u": lambda v, W, b, u: (
                    (_half_sweep(v, W, b, u)[1] > 0.5).astype(float),
                    _half_sweep(v, W, b, u)[1],
                ),
                "p is sigmoid(-(v W + b)): the sign in the exponent is wrong": (
                    lambda v, W, b, u: _half_sweep(v, -W, -b, u)
                ),
                "p lacks the sigmoid": lambda v, W, b, u: (
                    _half_sweep(v, W, b, u)[0],
                    v @ W + b,
                ),
            },
        )
    },
    "contrastive_divergence": {
        "contrastive_divergence": Step(
            _rbm("v0", "W", "a", "b", "u_h", "u_v"),
            _cd,
            ("dW", "da", "db"),
            {
                "v1 is sampled given the probabilities p0: sample h0 first": _option(
                    _cd, sample_h=False
                ),
                "v1 is a probability: sample it, 1 where u_v < p": _option(_cd, sample_v=False),
                "nothing is sampled: h0 and v1 are 0 or 1": _option(
                    _cd, sample_h=False, sample_v=False
                ),
                "the first product takes the sample h0: take its probability p0": _option(
                    _cd, first="h"
                ),
                "the second product takes a sample h1: take p1": _option(_cd, second="h"),
                "both products take samples: take the probabilities p0 and p1": _option(
                    _cd, first="h", second="h"
                ),
                "the positive and the negative phase are exchanged: subtract the terms of v1 and "
                "p1 from those of v0 and p0": _phases(-1, 1),
                "the negative phase is missing: subtract the terms of v1 and p1": _phases(1, 0),
                "the positive phase is missing: begin with the terms of v0 and p0": _phases(0, -1),
                "the negative phase is added: subtract the terms of v1 and p1": _phases(1, 1),
                "the mean over the batch is missing: divide the sum by the number N of rows": (
                    _phases(1, -1, lambda p: 1)
                ),
                "the sum is divided by the number of hidden units: divide by that of the rows": (
                    _phases(1, -1, lambda p: p.shape[1])
                ),
                "p0 and p1 are exchanged: p0 belongs to v0 and p1 to v1": _option(
                    _cd_products, combine=_crossed
                ),
                "the bias a is missing: v1 is 1 where u_v < sigmoid(h0 W^T + a)": (
                    lambda v0, W, a, b, u_h, u_v: _cd(v0, W, 0 * a, b, u_h, u_v)
                ),
                "the bias b is missing: p0 = sigmoid(v0 W + b)": (
                    lambda v0, W, a, b, u_h, u_v: _cd(v0, W, a, 0 * b, u_h, u_v)
                ),
                "h0 is 1 where u_h > p: it must be 1 where u_h < p": _option(_cd, flip="h"),
                "v1 is 1 where u_v > p: it must be 1 where u_v < p": _option(_cd, flip="v"),
                "h0 and v1 are 1 where u > p: they must be 1 where u < p": _option(_cd, flip="hv"),
            },
        )
    },
    "mean_field": {
        "mean_field_sweep": Step(
            _dbm,
            _mean_field_sweep,
            ("mu1", "mu2"),
            {
                "mu1 has no input from mu2: add mu2 W2^T": lambda v, mu2, W1, W2, b1, b2: (
                    _mean_field_sweep(v, 0 * mu2, W1, W2, b1, b2)
                ),
                "mu2 was not computed from the new mu1": lambda v, mu2, W1, W2, b1, b2: (
                    _mean_field_sweep(v, mu2, W1, W2, b1, b2)[0],
                    _mean_field_sweep(v, 0 * mu2, W1, W2, b1, b2)[1],
                ),
            },
        ),
        "mean_field": Step(
            _mean_field_inputs,
            _mean_field,
            ("mu1", "mu2"),
            {
                "mu2 starts at 1: start at 1/2": _option(_mean_field, start=1.0),
                "mu2 starts at 0: start at 1/2": _option(_mean_field, start=0.0),
                "only one sweep is made: repeat it `sweeps` times": (
                    lambda v, W1, W2, b1, b2, sweeps: _mean_field(v, W1, W2, b1, b2, 1)
                ),
                "the sweeps go on until nothing changes: make the given number": _option(
                    _mean_field, more=300
                ),
                "one sweep is missing": _option(_mean_field, more=-1),
                "one sweep is too many": _option(_mean_field, more=1),
            },
        ),
    },
}
