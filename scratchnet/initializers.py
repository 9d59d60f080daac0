"""Initial weights. Each function draws an array of a given shape from the host stream of an `RNG`.

    fan_in   how many inputs one output sums over     (all axes but the last)
    fan_out  how many outputs one input reaches       (all axes but the last two, times the last)

The kernel layouts are (in, out) for Dense and (height, width, in, out) for convolutions.
"""

import math

import numpy as np

from scratchnet import backend
from scratchnet.backend import to_device
from scratchnet.validation import unknown_name

__all__ = [
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "initializer",
    "inverse_sqrt_uniform",
    "ones",
    "orthogonal",
    "zeros",
]


def fans(shape):
    """(fan_in, fan_out) of a weight array; see the head of this file."""
    if len(shape) < 2:
        raise ValueError(f"fan_in and fan_out need a weight array of 2 axes or more; got {shape}")
    receptive_field = math.prod(shape[:-2])  # 1 for Dense, height * width for a convolution
    return receptive_field * shape[-2], receptive_field * shape[-1]


def _uniform(rng, shape, limit):
    return to_device(rng.host.uniform(-limit, limit, shape))


def _normal(rng, shape, std):
    return to_device(rng.host.normal(0.0, std, shape))


def glorot_uniform(rng, shape):
    """U(-a, a) with a = sqrt(6 / (fan_in + fan_out)): Glorot and Bengio (2010), eq. 16."""
    return _uniform(rng, shape, math.sqrt(6 / sum(fans(shape))))


def glorot_normal(rng, shape):
    """N(0, s^2) with s = sqrt(2 / (fan_in + fan_out)): Glorot and Bengio (2010), eq. 12."""
    return _normal(rng, shape, math.sqrt(2 / sum(fans(shape))))


def he_uniform(rng, shape):
    """U(-a, a) with a = sqrt(6 / fan_in): He et al. (2015), for layers followed by a ReLU."""
    return _uniform(rng, shape, math.sqrt(6 / fans(shape)[0]))


def he_normal(rng, shape):
    """N(0, s^2) with s = sqrt(2 / fan_in): He et al. (2015), eq. 10."""
    return _normal(rng, shape, math.sqrt(2 / fans(shape)[0]))


def inverse_sqrt_uniform(rng, shape):
    """U(-a, a) with a = 1 / sqrt(fan_in): what PyTorch draws for its Linear weights by default.

    Its variance is 1 / (3 fan_in): each layer shrinks the signal, where Glorot keeps it.
    """
    return _uniform(rng, shape, 1 / math.sqrt(fans(shape)[0]))


def orthogonal(rng, shape):
    """A random (semi-)orthogonal matrix: Saxe et al. (2014). Axes before the last are folded.

    The QR decomposition of a normal matrix, with the signs of R's diagonal moved into Q: without
    that the distribution would not be uniform.
    """
    rows, columns = math.prod(shape[:-1]), shape[-1]
    a = rng.host.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(a)
    q *= np.sign(np.diag(r))
    return to_device((q if rows >= columns else q.T).reshape(shape))


def zeros(rng, shape):
    """All zeros: for biases. As weights it would make all units of a layer equal for ever."""
    return backend.zeros(shape)


def ones(rng, shape):
    """All ones: for scales."""
    return backend.ones(shape)


_BY_NAME = {
    draw.__name__: draw
    for draw in (
        glorot_uniform,
        glorot_normal,
        he_uniform,
        he_normal,
        inverse_sqrt_uniform,
        orthogonal,
        zeros,
        ones,
    )
}


def initializer(name):
    """The function ``(rng, shape) -> array`` of that name; a function is returned as it is."""
    if callable(name):
        return name
    if name not in _BY_NAME:
        raise unknown_name("initializer", name, _BY_NAME)
    return _BY_NAME[name]
