"""Normalization: subtract a mean, divide by a standard deviation, learn a new scale and shift.

    x^ = (x - mean) / sqrt(var + epsilon)            y = gamma x^ + beta

The two layers differ in what they average over: the batch (one mean per channel), or the channels
(one mean per sample). Both need the same step backward, `_through_statistics`.
"""

from scratchnet.backend import ones, xp_of, zeros
from scratchnet.layers.base import Layer
from scratchnet.layers.shapes import ShapeError
from scratchnet.validation import check_bool, check_float


def _through_statistics(dxhat, xhat, inv_std, axes):
    """dL/dx from dL/dx^ where mean and variance were taken from x itself, over these axes.

    Moving one x moves x^ directly, moves the mean, and moves the variance: three terms,
    dx = (dx^ - mean(dx^) - x^ mean(dx^ x^)) / std.
    """
    return inv_std * (
        dxhat
        - dxhat.mean(axis=axes, keepdims=True)
        - xhat * (dxhat * xhat).mean(axis=axes, keepdims=True)
    )


class _Normalization(Layer):
    """What both have in common: gamma and beta, one of each for every channel (last axis)."""

    remembers = "x^ and 1/std"

    def __init__(self, epsilon, center, scale, name):
        super().__init__(name)
        kind = type(self).__name__
        self.epsilon = check_float(kind, "epsilon", epsilon, above=0)
        self.center = check_bool(kind, "center", center)
        self.scale = check_bool(kind, "scale", scale)

    def build(self, input_shape, rng):
        if not input_shape:
            raise ShapeError(f"{self.title} expects (N, ..., C); got (N)")
        channels = input_shape[-1]
        if self.scale:
            self.add("gamma", ones((channels,)))
        if self.center:
            self.add("beta", zeros((channels,)))
        return input_shape

    def _scale_and_shift(self, xhat):
        y = xhat * self.gamma if self.scale else xhat  # (..., C) * (C,)
        return y + self.beta if self.center else y

    def _gradients(self, dy, xhat):
        """(dL/dx^, {gamma, beta}): every row used the same gamma and beta, so sum over rows."""
        rows = tuple(range(dy.ndim - 1))
        grads = {}
        if self.scale:
            grads["gamma"] = (dy * xhat).sum(axis=rows)  # (..., C) -> (C,)
        if self.center:
            grads["beta"] = dy.sum(axis=rows)
        return (dy * self.gamma if self.scale else dy), grads


class BatchNormalization(_Normalization):
    """Normalize each channel over the batch (and height and width): Ioffe and Szegedy (2015).

    Training: mean and variance (biased, as in Keras) of this batch. Inference: their running
    averages, so that a sample's result does not depend on its neighbours. forward is pure: the
    averages move only in `commit(cache)`, which a training step calls once. Frozen, they stay.

    Parameters
        momentum   running = momentum * running + (1 - momentum) * batch
        epsilon    added to the variance
        center     learn beta
        scale      learn gamma
    """

    needs_whole_batch = True  # mean and variance are those of all samples

    def __init__(self, momentum=0.99, epsilon=1e-3, center=True, scale=True, name=None):
        super().__init__(epsilon, center, scale, name)
        self.momentum = check_float(
            "BatchNormalization", "momentum", momentum, at_least=0, at_most=1
        )

    def build(self, input_shape, rng):
        super().build(input_shape, rng)
        channels = input_shape[-1]
        self.state = {"moving_mean": zeros((channels,)), "moving_variance": ones((channels,))}
        return input_shape

    def forward(self, x, train=False):
        if train:
            rows = tuple(range(x.ndim - 1))  # every axis but the channels
            mean, var = x.mean(axis=rows), x.var(axis=rows)  # (C,)
        else:
            mean, var = self.state["moving_mean"], self.state["moving_variance"]
        inv_std = 1 / xp_of(var).sqrt(var + self.epsilon)  # (C,)
        xhat = (x - mean) * inv_std  # (..., C)
        return self._scale_and_shift(xhat), (xhat, inv_std, (mean, var) if train else None)

    def backward(self, dy, cache):
        xhat, inv_std, batch_statistics = cache
        dxhat, grads = self._gradients(dy, xhat)
        if batch_statistics is None:  # inference: mean and variance are constants
            return dxhat * inv_std, grads
        return _through_statistics(dxhat, xhat, inv_std, tuple(range(dy.ndim - 1))), grads

    def update_running_stats(self, cache):
        batch_statistics = cache[2]
        if batch_statistics is not None and self.trainable:
            for running, now in zip(self.state.values(), batch_statistics, strict=True):
                running += (1 - self.momentum) * (now - running)


class LayerNormalization(_Normalization):
    """Normalize each sample, at each position, over its channels (last axis): Ba et al. (2016).

    Training and inference are the same, and samples never mix.

    Parameters
        epsilon    added to the variance
        center     learn beta
        scale      learn gamma
    """

    def __init__(self, epsilon=1e-3, center=True, scale=True, name=None):
        super().__init__(epsilon, center, scale, name)

    def forward(self, x, train=False):
        mean, var = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)  # (..., 1)
        inv_std = 1 / xp_of(x).sqrt(var + self.epsilon)
        xhat = (x - mean) * inv_std  # (..., C)
        return self._scale_and_shift(xhat), (xhat, inv_std)

    def backward(self, dy, cache):
        xhat, inv_std = cache
        dxhat, grads = self._gradients(dy, xhat)
        return _through_statistics(dxhat, xhat, inv_std, -1), grads
