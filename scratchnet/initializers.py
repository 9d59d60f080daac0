"""Initial weights: functions ``(rng, shape) -> array`` that draw an array from an `RNG`.

    fan_in    number of inputs in the sum for one output: the product of all axes but the last
    fan_out   number of outputs that use one input: the product of all axes but the last two, times
              the last

The shape of a kernel is (in, out) for Dense and (height, width, in, out) for a convolution.
U(-a, a) is the uniform distribution, Normal(0, s^2) the normal distribution with standard
deviation s. Numbers come from the stream `RNG.host`, so they are the same on every device.
"""

import math
from collections.abc import Callable

import numpy as np

from scratchnet import backend
from scratchnet.backend import to_device
from scratchnet.hints import hint_for
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
    """Compute (fan_in, fan_out) of a weight array; ValueError for an array with one axis.

    >>> fans((784, 32)), fans((3, 3, 16, 8))
    ((784, 32), (144, 72))
    """
    if len(shape) < 2:
        raise ValueError(f"fan_in and fan_out need a weight array of 2 axes or more; got {shape}")
    receptive_field = math.prod(shape[:-2])  # 1 for Dense, height * width for a convolution
    return receptive_field * shape[-2], receptive_field * shape[-1]


def _uniform(rng, shape, limit):
    return to_device(rng.host.uniform(-limit, limit, shape))


def _normal(rng, shape, std):
    return to_device(rng.host.normal(0.0, std, shape))


def glorot_uniform(rng, shape):
    """Uniform weights U(-a, a) with a = sqrt(6 / (fan_in + fan_out)).

    Source: Glorot and Bengio (2010), eq. 16.

    >>> from scratchnet.backend import RNG
    >>> round(float(glorot_uniform(RNG(0), (784, 32)).max()), 4)  # sqrt(6 / 816)
    0.0857
    """
    return _uniform(rng, shape, math.sqrt(6 / sum(fans(shape))))


def glorot_normal(rng, shape):
    """Normal weights Normal(0, s^2) with s = sqrt(2 / (fan_in + fan_out)).

    Source: Glorot and Bengio (2010), eq. 12.

    >>> from scratchnet.backend import RNG
    >>> glorot_normal(RNG(0), (784, 32)).shape
    (784, 32)
    """
    return _normal(rng, shape, math.sqrt(2 / sum(fans(shape))))


def he_uniform(rng, shape):
    """Uniform weights U(-a, a) with a = sqrt(6 / fan_in), for layers followed by a ReLU.

    Source: He et al. (2015), eq. 10, with a uniform distribution of the same variance 2 / fan_in.

    >>> from scratchnet.backend import RNG
    >>> round(float(he_uniform(RNG(0), (784, 32)).max()), 4)  # sqrt(6 / 784)
    0.0875
    """
    return _uniform(rng, shape, math.sqrt(6 / fans(shape)[0]))


def he_normal(rng, shape):
    """Normal weights Normal(0, s^2) with s = sqrt(2 / fan_in), for layers followed by a ReLU.

    Source: He et al. (2015), eq. 10.

    >>> from scratchnet.backend import RNG
    >>> he_normal(RNG(0), (3, 3, 16, 8)).shape
    (3, 3, 16, 8)
    """
    return _normal(rng, shape, math.sqrt(2 / fans(shape)[0]))


def inverse_sqrt_uniform(rng, shape):
    """Uniform weights U(-a, a) with a = 1 / sqrt(fan_in), the default of PyTorch's Linear.

    Their variance is 1 / (3 fan_in). The variance of x W is fan_in times that of the weights times
    the mean square of x, so each linear layer divides the mean square by 3. Glorot's variance
    2 / (fan_in + fan_out) keeps the mean square where fan_in = fan_out.

    >>> from scratchnet.backend import RNG
    >>> round(float(inverse_sqrt_uniform(RNG(0), (784, 32)).max()), 4)  # 1 / sqrt(784)
    0.0357
    """
    return _uniform(rng, shape, 1 / math.sqrt(fans(shape)[0]))


def orthogonal(rng, shape):
    """Random matrix with orthonormal rows or columns, whichever are fewer.

    Q of the QR decomposition of a matrix of normal numbers. Each column of Q is multiplied by the
    sign of the diagonal element of R, because Q alone is not uniformly distributed. For an array
    of more than two axes, all axes but the last count as rows. Source: Saxe et al. (2014).

    >>> from scratchnet.backend import RNG
    >>> W = orthogonal(RNG(0), (3, 3))
    >>> (W @ W.T).round(5) + 0
    array([[1., 0., 0.],
           [0., 1., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    rows, columns = math.prod(shape[:-1]), shape[-1]
    a = rng.host.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(a)
    q *= np.sign(np.diag(r))
    return to_device((q if rows >= columns else q.T).reshape(shape))


def zeros(rng, shape):
    """All zeros, for biases.

    Weights of zeros would make the units of a layer equal, with equal gradients in every step.

    >>> zeros(None, (2,))
    array([0., 0.], dtype=float32)
    """
    return backend.zeros(shape)


def ones(rng, shape):
    """All ones, for scales.

    >>> ones(None, (2,))
    array([1., 1.], dtype=float32)
    """
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


def initializer(name: str | Callable) -> Callable:
    """Look up a function ``(rng, shape) -> array`` by its name; a function is returned as it is.

    Raises ValueError for an unknown name.

    >>> initializer("he_normal") is he_normal
    True
    """
    if callable(name):
        return name
    if name not in _BY_NAME:
        hint = hint_for(["initializer"], name)
        if hint:
            raise ValueError(f"{name!r} is an activation, not an initializer: {hint}")
        raise unknown_name("initializer", name, _BY_NAME)
    return _BY_NAME[name]
