"""Faults in contrastive divergence."""

from scratchnet.boltzmann.plain import sample_h_given_v, sample_v_given_h
from scratchnet.zoo.fault import Fault, catalogue


def plain_cd(v0, W, a, b, rng):
    """CD-1: gradients dW, da, db of the log-likelihood, estimated after one Gibbs sweep."""
    h, p0 = sample_h_given_v(v0, W, b, rng)
    v, _ = sample_v_given_h(h, W, a, rng)
    _, p = sample_h_given_v(v, W, b, rng)
    return (v0.T @ p0 - v.T @ p) / len(v), (v0 - v).mean(axis=0), (p0 - p).mean(axis=0)


def without_sampling(v0, W, a, b, rng):
    """Probabilities in the place of samples: a deterministic reconstruction."""
    _, p0 = sample_h_given_v(v0, W, b, rng)
    _, v = sample_v_given_h(p0, W, a, rng)
    _, p = sample_h_given_v(v, W, b, rng)
    return (v0.T @ p0 - v.T @ p) / len(v), (v0 - v).mean(axis=0), (p0 - p).mean(axis=0)


def hidden_of_the_data(v0, W, a, b, rng):
    """The hidden units of the data in both terms: those of the chain's end are not computed."""
    h, p0 = sample_h_given_v(v0, W, b, rng)
    v, _ = sample_v_given_h(h, W, a, rng)
    p = p0
    return (v0.T @ p0 - v.T @ p) / len(v), (v0 - v).mean(axis=0), (p0 - p).mean(axis=0)


def reversed_sign(v0, W, a, b, rng):
    """Model minus data, added to the parameters."""
    h, p0 = sample_h_given_v(v0, W, b, rng)
    v, _ = sample_v_given_h(h, W, a, rng)
    _, p = sample_h_given_v(v, W, b, rng)
    return (v.T @ p - v0.T @ p0) / len(v), (v - v0).mean(axis=0), (p - p0).mean(axis=0)


def inverted_samples(v0, W, a, b, rng):
    """Units that are on with probability 1 - p."""
    h, p0 = sample_h_given_v(v0, W, b, rng)
    v, _ = sample_v_given_h(1 - h, W, a, rng)
    _, p = sample_h_given_v(v, W, b, rng)
    return (v0.T @ p0 - v.T @ p) / len(v), (v0 - v).mean(axis=0), (p0 - p).mean(axis=0)


def no_negative_phase(v0, W, a, b, rng):
    """The positive phase only: nothing lowers the probability of other states."""
    _, p0 = sample_h_given_v(v0, W, b, rng)
    return v0.T @ p0 / len(v0), v0.mean(axis=0), p0.mean(axis=0)


def _trainer(function):
    return {"gradient": function}


HAND = "restricted Boltzmann machines by hand"
FAULTS = catalogue(
    Fault(
        "cd_without_sampling",
        "CD with probabilities instead of samples",
        "restricted Boltzmann machines by hand, and published code",
        plain_cd,
        without_sampling,
        "machine",
        _trainer,
    ),
    Fault(
        "cd_hidden_of_data",
        "CD with the hidden units of the data in both terms",
        HAND,
        plain_cd,
        hidden_of_the_data,
        "machine",
        _trainer,
    ),
    Fault(
        "cd_sign",
        "CD: model minus data instead of data minus model",
        HAND,
        plain_cd,
        reversed_sign,
        "machine",
        _trainer,
    ),
    Fault(
        "cd_inverted_samples",
        "CD: samples on with probability 1 - p",
        "a comparison u > p in the place of u < p",
        plain_cd,
        inverted_samples,
        "machine",
        _trainer,
    ),
    Fault(
        "cd_no_negative_phase",
        "CD without its negative phase",
        HAND,
        plain_cd,
        no_negative_phase,
        "machine",
        _trainer,
    ),
)
