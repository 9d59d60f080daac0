"""Faults in variational autoencoders."""

from scratchnet.backend import xp_of
from scratchnet.layers import Layer
from scratchnet.losses import BinaryCrossEntropy
from scratchnet.numerics import kl_to_standard_normal
from scratchnet.zoo.fault import Fault, catalogue


class PlainSampling(Layer):
    """Code z = m + exp(v / 2) e from x = [m | v], with the KL term as its penalty."""

    needs_whole_batch = True

    def build(self, input_shape, rng):
        return (input_shape[0] // 2,)

    def forward(self, x, train=False):
        m, v = xp_of(x).split(x, 2, axis=1)
        noise = xp_of(x).exp(v / 2) * self.rng.normal(like=v)
        return m + noise, (m, v, noise)

    def penalty(self, cache):
        m, v, _ = cache
        return kl_to_standard_normal(m, v).sum() / len(m)

    def backward(self, dz, cache):
        (m, v, noise), n = cache, len(dz)
        dm = dz + m / n
        dv = dz * noise / 2 + (xp_of(v).exp(v) - 1) / (2 * n)
        return xp_of(dz).concatenate([dm, dv], axis=1), {}


class NoPathToVariance(PlainSampling):
    """No gradient from z to the log variance: only KL changes it."""

    def backward(self, dz, cache):
        (m, v, _), n = cache, len(dz)
        dm = dz + m / n
        dv = (xp_of(v).exp(v) - 1) / (2 * n)
        return xp_of(dz).concatenate([dm, dv], axis=1), {}


class KLWithoutHalf(PlainSampling):
    """The factor 1/2 of the KL term's gradient by v is missing."""

    def backward(self, dz, cache):
        (m, v, noise), n = cache, len(dz)
        dm = dz + m / n
        dv = dz * noise / 2 + (xp_of(v).exp(v) - 1) / n
        return xp_of(dz).concatenate([dm, dv], axis=1), {}


class KLSign(PlainSampling):
    """KL is subtracted from the loss, in the value and in the gradient."""

    def penalty(self, cache):
        m, v, _ = cache
        return -kl_to_standard_normal(m, v).sum() / len(m)

    def backward(self, dz, cache):
        (m, v, noise), n = cache, len(dz)
        dm = dz - m / n
        dv = dz * noise / 2 - (xp_of(v).exp(v) - 1) / (2 * n)
        return xp_of(dz).concatenate([dm, dv], axis=1), {}


class VarianceAsDeviation(PlainSampling):
    """The variance exp(v) in the place of the standard deviation exp(v / 2)."""

    def forward(self, x, train=False):
        m, v = xp_of(x).split(x, 2, axis=1)
        noise = xp_of(x).exp(v) * self.rng.normal(like=v)
        return m + noise, (m, v, 2 * noise)  # d noise / dv = noise


def per_sample():
    """Reconstruction loss summed over the pixels, as the bound demands."""
    return BinaryCrossEntropy(from_logits=True, reduction="per_sample")


def per_pixel():
    """Reconstruction loss averaged over the pixels: KL weighs as many times more."""
    return BinaryCrossEntropy(from_logits=True, reduction="mean")


def _sampling(kind):
    return {"sampling": kind()}


def _loss(make):
    return {"loss": make(), "sampling": PlainSampling()}


VAE = "variational autoencoders by hand"
FAULTS = catalogue(
    Fault(
        "no_path_to_variance",
        "VAE: no gradient from z to the log variance",
        "sampling with the standard deviation cut out of the gradient",
        PlainSampling,
        NoPathToVariance,
        "codes",
        _sampling,
    ),
    Fault(
        "kl_without_half",
        "VAE: factor 1/2 missing in the gradient of KL",
        VAE,
        PlainSampling,
        KLWithoutHalf,
        "codes",
        _sampling,
    ),
    Fault(
        "kl_sign",
        "VAE: KL subtracted from the loss",
        "papers that increase a bound, code that decreases a loss",
        PlainSampling,
        KLSign,
        "codes",
        _sampling,
    ),
    Fault(
        "variance_as_deviation",
        "VAE: exp(v) instead of exp(v / 2)",
        VAE,
        PlainSampling,
        VarianceAsDeviation,
        "codes",
        _sampling,
    ),
    Fault(
        "kl_factor",
        "VAE: reconstruction averaged over pixels, KL summed",
        "a mean over all entries as the reconstruction loss",
        per_sample,
        per_pixel,
        "codes",
        _loss,
    ),
)
