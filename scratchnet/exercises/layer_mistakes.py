"""Frequent mistakes in the values of layers: {exercise: {sentence: values}}.

The values are a function of the library's layer, x and train.
"""

import functools
import itertools
from collections.abc import Callable

import numpy as np

from scratchnet.numerics import sigmoid


def _softmax(layer, x, train, axis=None, sign=1, form=lambda e, total: e / total):
    axis = layer.axis if axis is None else axis
    e = np.exp(sign * (x - x.max(axis=layer.axis, keepdims=True)))
    return form(e, e.sum(axis=axis, keepdims=True))


def _plain_softmax(layer, x, train, axis):
    e = np.exp(x)
    return e / e.sum(axis=axis, keepdims=True)


def _norm(
    layer, x, train, axes=None, form=lambda var, eps: np.sqrt(var + eps), shift=1, ddof=0, mode=None
):
    axes = tuple(range(x.ndim - 1)) if axes is None else axes
    if train if mode is None else mode:
        mean = x.mean(axis=axes, keepdims=True)
        var = x.var(axis=axes, keepdims=True, ddof=ddof)
    else:
        mean, var = layer.state["moving_mean"], layer.state["moving_variance"]
    return layer.gamma * (x - shift * mean) / form(var, layer.epsilon) + layer.beta


def _norm_of_images(layer, x, train, axes):
    return _norm(layer, x, train, axes) if x.ndim == 4 else layer.forward(x, train)[0]


def _norm_of_pixels(layer, x, train):
    """Axis 0 alone, as for (N, C)."""
    return _norm_of_images(layer, x, train, 0)


def _mask(layer, x, train, like=None, kept=lambda u, rate: u >= rate, scale=None, mode=None):
    if not (train if mode is None else mode):
        return x if scale is None else x * scale(layer.rate)
    u = layer.rng.uniform(like=x if like is None else like(x))
    scale = (lambda rate: 1 / (1 - rate)) if scale is None else scale
    return x * kept(u, layer.rate) * scale(layer.rate)


def _of_some_axes(axes):
    """x with size 1 along some axes, for random numbers that are repeated along them."""

    def like(x):
        wanted = {axis % x.ndim for axis in axes}
        return x[tuple(slice(0, 1) if a in wanted else slice(None) for a in range(x.ndim))]

    return like


def _code(layer, x, train, sigma=lambda v: np.exp(v / 2), like=None, draw="normal", exchanged=0):
    mu, v = np.split(x, 2, axis=-1)
    mu, v = (v, mu) if exchanged else (mu, v)
    if not train:
        return mu
    eps = getattr(layer.rng, draw)(like=mu if like is None else like(mu))
    return mu + sigma(v) * eps


def _pool(layer, x, train, form=None, strides=None, size=None):
    (kh, kw), (sh, sw) = size or layer.pool_size, strides or layer.strides
    oh, ow, c = layer.output_shape
    y = np.zeros((len(x), oh, ow, c))
    for i, j in itertools.product(range(oh), range(ow)):
        y[:, i, j] = form(x[:, i * sh : i * sh + kh, j * sw : j * sw + kw])
    return y


def _maximum(window):
    return window.max(axis=(1, 2))


def _pool_strides(change):
    return lambda layer, x, train: _pool(layer, x, train, _maximum, change(layer.strides))


def _windows(layer, x, train, change):
    """A convolution whose strides are changed."""
    (kh, kw), (sh, sw) = layer.kernel_size, change(layer.strides)
    oh, ow, f = layer.output_shape
    y = np.zeros((len(x), oh, ow, f))
    for i, j in itertools.product(range(oh), range(ow)):
        part = x[:, i * sh : i * sh + kh, j * sw : j * sw + kw]
        y[:, i, j] = np.einsum("nuvc,uvcf->nf", part, layer.W)
    return y + (layer.b if layer.use_bias else 0)


def _overwritten(layer, x, train):
    (kh, kw), (sh, sw) = layer.kernel_size, layer.strides
    y = np.zeros((len(x), *layer.output_shape))
    for i, j in itertools.product(*map(range, x.shape[1:3])):
        part = np.einsum("nc,uvfc->nuvf", x[:, i, j], layer.W)
        y[:, i * sh : i * sh + kh, j * sw : j * sw + kw] = part
    return y + (layer.b if layer.use_bias else 0)


def _of_x(function):
    return lambda layer, x, train: function(x)


_option = functools.partial
_NO_STRIDE = "the strides have no effect: window (i, j) starts at pixel (i sh, j sw)"
_ROW_STRIDES = "the strides of rows and columns are exchanged: strides is (sh, sw)"
_LIKE = "draw u with the shape of x, as in self.rng.uniform(like=x)"
_EPS = "draw eps with the shape of mu, as in self.rng.normal(like=mu)"
_PARTS: dict[str, tuple] = {
    "one random number is drawn for each sample and repeated over its entries": (1, 2, 3),
    "one random vector is drawn and repeated for all samples": (0,),
    "one random number is drawn for each channel and repeated over samples and pixels": (0, 1, 2),
    "the random numbers are repeated along axis 1": (1,),
    "one random number is drawn for each sample and pixel and repeated over channels": (-1,),
    "one random number is drawn for each sample and channel and repeated over pixels": (1, 2),
}


def _repeated(function, remedy):
    """Random numbers that are repeated along axes, for x of any number of axes."""
    found = {}
    for words, axes in _PARTS.items():

        def like(x, axes=axes):
            if len(axes) == 3 and axes[0] == 0:
                axes = tuple(range(x.ndim - 1))
            elif len(axes) == 3:
                axes = tuple(range(1, x.ndim))
            elif len(axes) == 2:
                axes = tuple(range(1, x.ndim - 1))
            return _of_some_axes(axes)(x)

        found[f"{words}: {remedy}"] = _option(function, like=like)
    return found


LAYER_MISTAKES: dict[str, dict[str, Callable]] = {
    "ReLU": {
        "x is returned as it is: take 0 for negative entries": _of_x(lambda x: x),
        "negative entries are kept, and positive ones are 0: take max(x, 0)": _of_x(
            lambda x: np.minimum(x, 0)
        ),
        "y is 1 where x is positive: y is x there": _of_x(lambda x: (x > 0) * 1.0),
        "y is at least 1: take max(x, 0)": _of_x(lambda x: np.maximum(x, 1)),
        "negative entries are multiplied by 0.01, as in a leaky ReLU: y is 0 there": _of_x(
            lambda x: np.maximum(x, 0.01 * x)
        ),
    },
    "Sigmoid": {
        "y is 1 / (1 + exp(x)): the sign in the exponent is wrong, take exp(-x)": _of_x(
            lambda x: sigmoid(-x)
        ),
        "y is 1 / (1 - exp(-x)): take 1 + exp(-x)": _of_x(lambda x: 1 / (1 - np.exp(-x))),
        "y is tanh(x): take 1 / (1 + exp(-x))": _of_x(np.tanh),
        "y is the sigmoid of 2 x: with tanh, y = (1 + tanh(x / 2)) / 2": _of_x(
            lambda x: sigmoid(2 * x)
        ),
        "y is tanh(x / 2): add 1 and divide by 2": _of_x(lambda x: np.tanh(x / 2)),
        "y is the derivative: return the sigmoid": _of_x(lambda x: sigmoid(x) * sigmoid(-x)),
        "y is exp(-x): the quotient 1 / (1 + exp(-x)) is missing": _of_x(lambda x: np.exp(-x)),
        "y is 1 + exp(-x): its reciprocal is missing": _of_x(lambda x: 1 + np.exp(-x)),
    },
    "Tanh": {
        "y is the sigmoid of x: take tanh(x)": _of_x(sigmoid),
        "y is tanh(x / 2): the exponent is half of the right one": _of_x(lambda x: np.tanh(x / 2)),
        "y is tanh(2 x): the exponent is twice the right one": _of_x(lambda x: np.tanh(2 * x)),
        "y is 1 / tanh(x): numerator and denominator are exchanged": _of_x(
            lambda x: 1 / np.tanh(x)
        ),
        "y is the derivative: return tanh(x)": _of_x(lambda x: 1 - np.tanh(x) ** 2),
        "y is sinh(x): divide by cosh(x)": _of_x(np.sinh),
    },
    "Softmax": {
        f"the sum goes over axis {axis}: sum over self.axis": _option(form, axis=axis)
        for axis, form in itertools.product((0, 1, -1), (_plain_softmax, _softmax))
    }
    | {
        "the sum goes over all entries: sum over self.axis only, with keepdims=True": _option(
            _softmax, form=lambda e, total: e / e.sum()
        ),
        "the sum goes over all entries, not over self.axis: use keepdims=True": (
            lambda layer, x, train: np.exp(x) / np.exp(x).sum()
        ),
        "the division by the sum over self.axis is missing": _option(
            _softmax, form=lambda e, total: e
        ),
        "exp(x) is not divided by its sum over self.axis": _of_x(np.exp),
        "the sign in the exponent is wrong: take exp(x)": _option(
            _softmax, sign=-1, form=lambda e, total: e / total
        ),
        "the logarithm is too much: y is p, not log p": _option(
            _softmax, form=lambda e, total: np.log(e / total)
        ),
        "y is the sigmoid of x: divide exp(x) by its sum over self.axis": _of_x(sigmoid),
        "x is divided by its sum: take exp(x) first": lambda layer, x, train: (
            x / x.sum(axis=layer.axis, keepdims=True)
        ),
    },
    "BatchNormalization": {
        "mean and variance of images are taken over axis 0 only: take all axes but the last, "
        "(0, 1, 2) for (N, H, W, C)": _norm_of_pixels,
        "mean and variance of images are taken over the axes (0, 1): take all axes but the last, "
        "(0, 1, 2) for (N, H, W, C)": _option(_norm_of_images, axes=(0, 1)),
        "mean and variance are taken over the axes (0, 1): take all axes but the last, axis 0 for "
        "(N, C) and (0, 1, 2) for (N, H, W, C)": _option(_norm, axes=(0, 1)),
        "mean and variance of images are taken over the axes (1, 2): take all axes but the last, "
        "(0, 1, 2), with the samples": _option(_norm_of_images, axes=(1, 2)),
        "mean and variance are one number of all entries: take them for each channel, over all "
        "axes but the last": lambda layer, x, train: _norm(layer, x, train, tuple(range(x.ndim))),
        "mean and variance are those of each sample, over the last axis: take them for each "
        "channel, over all axes but the last": _option(_norm, axes=-1),
        "mean and variance are taken over axis 1: take all axes but the last, axis 0 for (N, C) "
        "and (0, 1, 2) for (N, H, W, C)": _option(_norm, axes=1),
        "mean and variance are those of each sample: take them for each channel, over all axes "
        "but the last": lambda layer, x, train: _norm(layer, x, train, tuple(range(1, x.ndim))),
        "epsilon is outside the root: divide by sqrt(var + epsilon)": _option(
            _norm, form=lambda var, eps: np.sqrt(var) + eps
        ),
        "epsilon is missing: divide by sqrt(var + epsilon)": _option(
            _norm, form=lambda var, eps: np.sqrt(var)
        ),
        "the root is missing: divide by sqrt(var + epsilon)": _option(
            _norm, form=lambda var, eps: var + eps
        ),
        "the division by sqrt(var + epsilon) is missing": _option(_norm, form=lambda var, eps: 1.0),
        "the product with sqrt(var + epsilon) must be a division": _option(
            _norm, form=lambda var, eps: 1 / np.sqrt(var + eps)
        ),
        "gamma and beta are missing: y = gamma x_hat + beta": lambda layer, x, train: (
            (_norm(layer, x, train) - layer.beta) / layer.gamma
        ),
        "the mean is not subtracted": _option(_norm, shift=0),
        "the variance is divided by the number of entries minus 1: divide by the number": _option(
            _norm, ddof=1
        ),
        "inference takes mean and variance of the batch: take the running averages": _option(
            _norm, mode=True
        ),
        "training takes the running averages: take mean and variance of the batch": _option(
            _norm, mode=False
        ),
    },
    "Dropout": {
        "the mask is inverted: keep an entry where u >= rate": _option(
            _mask, kept=lambda u, rate: u < rate
        ),
        "the mask is inverted: keep an entry where u >= rate, with the factor 1 / (1 - rate)": (
            _option(_mask, kept=lambda u, rate: u < rate, scale=lambda rate: np.divide(1, rate))
        ),
        "entries are kept where u > 1 - rate: keep them where u >= rate": _option(
            _mask, kept=lambda u, rate: u > 1 - rate
        ),
        "entries are kept where u < 1 - rate: keep them where u >= rate": _option(
            _mask, kept=lambda u, rate: u < 1 - rate
        ),
        "the factor 1 / (1 - rate) is missing": _option(_mask, scale=lambda rate: 1.0, mode=True),
        "the factor is 1 - rate: divide by 1 - rate": _option(
            _mask, scale=lambda rate: 1 - rate, mode=True
        ),
        "the factor is 1 / rate: divide by 1 - rate": _option(
            _mask, scale=lambda rate: np.divide(1, rate), mode=True
        ),
        "x is multiplied by 1 - rate at inference: return x as it is, because training divides by "
        "1 - rate": _option(_mask, scale=lambda rate: 1 - rate, mode=False),
        "entries are set to zero at inference: return x as it is": _option(_mask, mode=True),
        "nothing is set to zero: multiply by the mask in training": _of_x(lambda x: x),
        "x is multiplied by u itself: compare u with rate": _option(
            _mask, kept=lambda u, rate: u, scale=lambda rate: 1.0
        ),
    }
    | _repeated(_mask, _LIKE),
    "Sampling": {
        "sigma is exp(log_var): take exp(log_var / 2), the root of the variance": _option(
            _code, sigma=np.exp
        ),
        "sigma is log_var: take exp(log_var / 2)": _option(_code, sigma=lambda v: v),
        "sigma is missing: z = mu + sigma eps": _option(_code, sigma=np.ones_like),
        "sigma is exp(-log_var / 2): the sign in the exponent is wrong": _option(
            _code, sigma=lambda v: np.exp(-v / 2)
        ),
        "sigma is sqrt(exp(log_var) / 2): take exp(log_var / 2)": _option(
            _code, sigma=lambda v: np.sqrt(np.exp(v) / 2)
        ),
        "mu and log_var are exchanged: the first half of x is mu": _option(_code, exchanged=1),
        "eps is uniform: take self.rng.normal(like=mu)": _option(_code, draw="uniform"),
        "the noise is missing: z = mu + sigma eps in training": (
            lambda layer, x, train: np.split(x, 2, axis=-1)[0]
        ),
        "noise is added at inference: z is mu": lambda layer, x, train: _code(layer, x, True),
    }
    | _repeated(_code, _EPS),
    "MaxPooling2D": {
        f"y is the {words}: take the maximum": _option(_pool, form=form)
        for words, form in {
            "minimum of each window": lambda w: w.min(axis=(1, 2)),
            "mean of each window": lambda w: w.mean(axis=(1, 2)),
            "sum of each window": lambda w: w.sum(axis=(1, 2)),
            "maximum of the absolute values": lambda w: abs(w).max(axis=(1, 2)),
            "first pixel of each window": lambda w: w[:, 0, 0],
            "maximum of the first row of each window": lambda w: w[:, 0].max(axis=1),
            "maximum of the first column of each window": lambda w: w[:, :, 0].max(axis=1),
            "maximum over all channels": lambda w: w.max(axis=(1, 2, 3))[:, None],
            "maximum over all samples": lambda w: w.max(axis=(0, 1, 2)),
        }.items()
    }
    | {
        _NO_STRIDE: _pool_strides(lambda s: (1, 1)),
        _ROW_STRIDES: _pool_strides(lambda s: s[::-1]),
        "the window is (KW, KH): pool_size is (rows, columns)": lambda layer, x, train: _pool(
            layer, x, train, _maximum, size=layer.pool_size[::-1]
        ),
    },
    "Conv2D": {
        "x is padded by one pixel on each side: window (0, 0) starts at pixel (0, 0) of x": (
            lambda layer, x, train: _windows(
                layer, np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), train, lambda s: s
            )
        ),
        _NO_STRIDE: _option(_windows, change=lambda s: (1, 1)),
        _ROW_STRIDES: _option(_windows, change=lambda s: s[::-1]),
    },
    "Conv2DTranspose": {
        "y holds only the last window's share where windows overlap: add with +=": _overwritten,
    },
    "UpSampling2D": {
        "the image is tiled: repeat each pixel, as np.repeat does": lambda layer, x, train: np.tile(
            x, (1, *layer.size, 1)
        ),
        "the sizes of rows and columns are exchanged: size is (rows, columns)": (
            lambda layer, x, train: x.repeat(layer.size[1], axis=1).repeat(layer.size[0], axis=2)
        ),
        "the axes are one too small: rows are axis 1 and columns axis 2": (
            lambda layer, x, train: x.repeat(layer.size[0], axis=0).repeat(layer.size[1], axis=1)
        ),
        "the axes are one too large: rows are axis 1 and columns axis 2": (
            lambda layer, x, train: x.repeat(layer.size[0], axis=2).repeat(layer.size[1], axis=3)
        ),
        "each pixel is divided by the size of its block: repeat it as it is": (
            lambda layer, x, train: layer.forward(x)[0] / np.prod(layer.size)
        ),
    },
    "Flatten": {
        "the columns are in Fortran order: reshape with the default order": _of_x(
            lambda x: x.reshape(len(x), -1, order="F")
        ),
        "the channels come first: reshape without a transpose": _of_x(
            lambda x: np.moveaxis(x, -1, 1).reshape(len(x), -1)
        ),
        "the rows mix the samples: reshape to (N, -1), not to (-1, N)": _of_x(
            lambda x: x.reshape(-1, len(x)).T
        ),
    },
    "Dense": {
        "y is x * W summed over the wrong axis: take the matrix product x @ W": (
            lambda layer, x, train: x * layer.W.sum()
        ),
        "the bias is multiplied, not added: y = x W + b": lambda layer, x, train: (
            x @ layer.W * layer.b
        ),
    },
}
