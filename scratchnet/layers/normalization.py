"""BatchNormalization, LayerNormalization and GroupNormalization.

    x_hat = (x - mean) / sqrt(var + epsilon)            y = gamma x_hat + beta

The layers differ in the axes over which mean and variance are taken: the batch (one mean for each
channel), the channels (one mean for each sample and position), or the positions and a group of
channels (one mean for each sample and group). All use `_statistics_gradient`.
"""

from scratchnet.backend import ones, xp_of, zeros
from scratchnet.layers.base import Layer
from scratchnet.layers.shapes import ShapeError
from scratchnet.validation import check_bool, check_float, check_positive_int, require


def _statistics_gradient(dx_hat, x_hat, inv_std, axes):
    """Gradient dx from dx_hat, where mean and variance are those of x itself over these axes.

    x acts on the loss in three ways: through x_hat directly, through the mean and through the
    variance. With n numbers in a mean, std = sqrt(var + epsilon) and sums over these axes,

        directly              dx_hat / std
        through the mean      dL/dmean = -sum(dx_hat) / std             dmean/dx = 1 / n
        through the variance  dL/dvar  = -sum(dx_hat x_hat) / (2 std^2)
                              dvar/dx  = 2 (x - mean) / n = 2 x_hat std / n

        dx = (dx_hat - mean(dx_hat) - x_hat mean(dx_hat x_hat)) / std

    Plain form: `batch_norm_backward` in scratchnet/layers/plain.py, one derivative for each line.
    """
    return inv_std * (
        dx_hat
        - dx_hat.mean(axis=axes, keepdims=True)
        - x_hat * (dx_hat * x_hat).mean(axis=axes, keepdims=True)
    )


class _Normalization(Layer):
    """Common part of the layers: gamma and beta, one of each for every channel (last axis)."""

    remembers = "x_hat and 1/std"
    keeps_steps = True
    fixed_axes = 1  # the channels

    def __init__(self, epsilon, center, scale, name):
        super().__init__(name)
        kind = type(self).__name__
        self.epsilon = check_float(kind, "epsilon", epsilon, above=0)
        self.center = check_bool(kind, "center", center)
        self.scale = check_bool(kind, "scale", scale)

    def build(self, input_shape, rng):
        if not input_shape:
            raise ShapeError(f"{self.title} expects (N, ..., C), at least two axes; got (N)")
        channels = input_shape[-1]
        if self.scale:
            self.add("gamma", ones((channels,)))
        if self.center:
            self.add("beta", zeros((channels,)))
        return input_shape

    def _scale_and_shift(self, x_hat):
        y = x_hat * self.gamma if self.scale else x_hat  # (..., C) * (C,)
        return y + self.beta if self.center else y

    def _gradients(self, dy, x_hat):
        """Compute (dx_hat, grads): gamma and beta are shared, so their gradients are sums."""
        axes = tuple(range(dy.ndim - 1))  # all but the channels
        grads = {}
        if self.scale:
            grads["gamma"] = (dy * x_hat).sum(axis=axes)  # (..., C) -> (C,)
        if self.center:
            grads["beta"] = dy.sum(axis=axes)
        dx_hat = dy * self.gamma if self.scale else dy
        return dx_hat, grads


class BatchNormalization(_Normalization):
    """Batch normalization: each channel over the batch and, for images, height and width.

    forward    x_hat = (x - mean) / sqrt(var + epsilon), y = gamma x_hat + beta, with
               training    mean and (biased) variance of this batch
               inference   their running averages, so that the result for a sample does not depend
                           on the other samples; also in training if the layer is frozen
    backward   training    dx = (dx_hat - mean(dx_hat) - x_hat mean(dx_hat x_hat)) / std
               inference   dx = dx_hat / std
               with dx_hat = dy gamma, dgamma = sum of dy x_hat, dbeta = sum of dy

    `forward` does not change the running averages. A training step calls `update_running_stats`
    once; in a frozen layer (``trainable = False``) the averages stay as they are.

    Plain form: `batch_norm` in scratchnet/layers/plain.py.
    Source: Ioffe and Szegedy (2015); momentum and epsilon as in Keras.

    Parameters
        momentum   average = momentum * average + (1 - momentum) * batch
        epsilon    added to the variance
        center     False: without beta
        scale      False: without gamma

    >>> import numpy as np
    >>> from scratchnet.layers import BatchNormalization
    >>> layer = BatchNormalization()
    >>> layer.build((1,), 0)
    (1,)
    >>> y, cache = layer.forward(np.array([[1.0], [3.0]], "float32"), train=True)
    >>> y.round(3)
    array([[-1.],
           [ 1.]], dtype=float32)
    """

    needs_whole_batch = True  # mean and variance are those of all samples
    splits_inference = True

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
        batch = train and self.trainable  # a frozen layer computes as at inference
        if batch:
            require(len(x) > 0, f"{self.title}: the batch is empty, it has no mean")
            axes = tuple(range(x.ndim - 1))  # all but the channels
            mean, var = x.mean(axis=axes), x.var(axis=axes)  # (C,)
        else:
            mean, var = self.state["moving_mean"], self.state["moving_variance"]
        inv_std = 1 / xp_of(var).sqrt(var + self.epsilon)  # (C,)
        x_hat = (x - mean) * inv_std  # (..., C)
        return self._scale_and_shift(x_hat), (x_hat, inv_std, (mean, var) if batch else None)

    def backward(self, dy, cache):
        x_hat, inv_std, batch_statistics = cache
        dx_hat, grads = self._gradients(dy, x_hat)
        if batch_statistics is None:  # inference: mean and variance are constants
            return dx_hat * inv_std, grads
        axes = tuple(range(dy.ndim - 1))
        return _statistics_gradient(dx_hat, x_hat, inv_std, axes), grads

    def update_running_stats(self, cache):
        _, _, batch_statistics = cache
        if batch_statistics is not None and self.trainable:
            for average, new in zip(self.state.values(), batch_statistics, strict=True):
                average += (1 - self.momentum) * (new - average)


class LayerNormalization(_Normalization):
    """Layer normalization: each sample, at each position, over its channels (the last axis).

    forward    x_hat = (x - mean) / sqrt(var + epsilon), y = gamma x_hat + beta, in training and in
               inference; samples do not depend on one another
    backward   dx = (dx_hat - mean(dx_hat) - x_hat mean(dx_hat x_hat)) / std
               with dx_hat = dy gamma, dgamma = sum of dy x_hat, dbeta = sum of dy, and the two
               means over the channels

    Source: Ba et al. (2016).

    Parameters
        epsilon    added to the variance
        center     False: without beta
        scale      False: without gamma

    >>> import numpy as np
    >>> from scratchnet.layers import LayerNormalization
    >>> layer = LayerNormalization()
    >>> layer.build((2,), 0)
    (2,)
    >>> layer(np.array([[1, 3], [10, 30]], "float32")).round(3)
    array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """

    splits_batch = True

    def __init__(self, epsilon=1e-3, center=True, scale=True, name=None):
        super().__init__(epsilon, center, scale, name)

    def forward(self, x, train=False):
        mean, var = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)  # (..., 1)
        inv_std = 1 / xp_of(x).sqrt(var + self.epsilon)
        x_hat = (x - mean) * inv_std  # (..., C)
        return self._scale_and_shift(x_hat), (x_hat, inv_std)

    def backward(self, dy, cache):
        x_hat, inv_std = cache
        dx_hat, grads = self._gradients(dy, x_hat)
        return _statistics_gradient(dx_hat, x_hat, inv_std, -1), grads


class GroupNormalization(_Normalization):
    """Group normalization: each sample, over all positions and the channels of a group.

    forward    x_hat = (x - mean) / sqrt(var + epsilon), y = gamma x_hat + beta, in training and in
               inference; samples do not depend on one another. The C channels are G groups of C/G
               neighbours: x (N, H, W, C) is normalized as (N, H, W, G, C/G), over H, W and C/G
    backward   dx = (dx_hat - mean(dx_hat) - x_hat mean(dx_hat x_hat)) / std
               with dx_hat = dy gamma, dgamma = sum of dy x_hat, dbeta = sum of dy, and the two
               means over the positions and the channels of a group

    Source: Wu and He (2018), Group normalization, section 3.1; epsilon as in Keras.

    Parameters
        groups     G, a divisor of C; C groups are instance normalization
        epsilon    added to the variance
        center     False: without beta
        scale      False: without gamma

    >>> import numpy as np
    >>> from scratchnet.layers import GroupNormalization
    >>> layer = GroupNormalization(groups=2)
    >>> layer.build((4,), 0)
    (4,)
    >>> layer(np.array([[1, 3, 10, 30]], "float32")).round(3)
    array([[-1.,  1., -1.,  1.]], dtype=float32)
    """

    splits_batch = True

    def __init__(self, groups, epsilon=1e-3, center=True, scale=True, name=None):
        super().__init__(epsilon, center, scale, name)
        self.groups = check_positive_int("GroupNormalization", "groups", groups)

    def build(self, input_shape, rng):
        output_shape = super().build(input_shape, rng)
        channels = input_shape[-1]
        if channels % self.groups:
            raise ShapeError(
                f"{self.title} expects a multiple of {self.groups} channels; got {channels}: "
                "choose groups that divide the channels"
            )
        return output_shape

    def forward(self, x, train=False):
        z, axes = self._split(x)
        mean, var = z.mean(axis=axes, keepdims=True), z.var(axis=axes, keepdims=True)
        inv_std = 1 / xp_of(x).sqrt(var + self.epsilon)  # (N, 1, ..., G, 1)
        x_hat = ((z - mean) * inv_std).reshape(x.shape)  # (N, ..., G, C/G) -> (N, ..., C)
        return self._scale_and_shift(x_hat), (x_hat, inv_std)

    def backward(self, dy, cache):
        x_hat, inv_std = cache
        dx_hat, grads = self._gradients(dy, x_hat)
        dz_hat, axes = self._split(dx_hat)
        z_hat, _ = self._split(x_hat)
        return _statistics_gradient(dz_hat, z_hat, inv_std, axes).reshape(dy.shape), grads

    def _split(self, x):
        """Split the channels into groups; return also the axes of the positions and of a group."""
        *positions, channels = x.shape
        z = x.reshape(*positions, self.groups, channels // self.groups)  # (N, ..., G, C/G)
        return z, (*range(1, x.ndim - 1), -1)
