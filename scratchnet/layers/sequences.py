"""RepeatVector and TimeDistributed: a sequence from a vector, and a layer at every step."""

from scratchnet.backend import xp_of
from scratchnet.layers.base import Layer
from scratchnet.layers.shapes import ShapeError, check_is_array, format_shape
from scratchnet.validation import check_positive_int


class RepeatVector(Layer):
    """Sequence of n times the same vector.

    forward    x (N, D) -> y (N, T, D) with T = n
    backward   dx = sum of dy over the steps

    Parameters
        n   T, the number of steps

    >>> import numpy as np
    >>> from scratchnet.layers import RepeatVector
    >>> layer = RepeatVector(2)
    >>> layer.build((3,), 0)
    (2, 3)
    >>> layer(np.array([[1.0, 2.0, 3.0]]))
    array([[[1., 2., 3.],
            [1., 2., 3.]]])
    """

    splits_batch = True

    def __init__(self, n, name=None):
        super().__init__(name)
        self.n = check_positive_int("RepeatVector", "n", n)

    def build(self, input_shape, rng):
        (d,) = self.expect_rank(input_shape, 1)
        return self.n, d

    def forward(self, x, train=False):
        n, d = x.shape
        return xp_of(x).broadcast_to(x[:, None], (n, self.n, d)), None  # a view: no copies of x

    def backward(self, dy, cache):
        return dy.sum(axis=1), {}  # (N, T, D) -> (N, D)


class TimeDistributed(Layer):
    """Layer that applies another layer to each step, with the same weights.

    A batch (N, T, ...) of sequences is one batch of N T samples for the inner layer.

    Parameters
        layer   the inner layer

    >>> import numpy as np
    >>> from scratchnet.layers import Dense, TimeDistributed
    >>> layer = TimeDistributed(Dense(1))
    >>> layer.build((50, 64), 0)
    (50, 1)
    >>> list(layer.named_parameters())
    ['dense/W', 'dense/b']
    """

    remembers = "the cache of its layer"
    splits_batch = True
    keeps_steps = True
    fixed_axes = 0  # the inner layer checks the sizes of a step

    def __init__(self, layer, name=None):
        super().__init__(name)
        if not isinstance(layer, Layer):
            raise TypeError(f"TimeDistributed expects a layer; got {layer!r}")
        self.layer = layer
        layer.name = layer.name or layer.default_name()  # the first part of the parameters' paths
        self.children[layer.name] = layer

    def build(self, input_shape, rng):
        if len(input_shape) < 2:
            raise ShapeError(f"{self.title} expects (N, T, ...); got {format_shape(input_shape)}")
        t, *sample = input_shape
        return t, *self.layer.build(tuple(sample), rng)

    def check_input(self, x):
        """Check the shape of x, and leave the check of its dtype to the inner layer."""
        check_is_array(self, x)
        self.check_shape(x)

    def forward(self, x, train=False):
        y, cache = self.layer.forward(_merge_time_into_batch(x), train)
        return y.reshape(*x.shape[:2], *y.shape[1:]), (x.shape, cache)

    def backward(self, dy, cache):
        x_shape, inner_cache = cache
        dx, grads = self.layer.backward(_merge_time_into_batch(dy), inner_cache)
        dx = None if dx is None else dx.reshape(x_shape)  # None: x holds integers
        return dx, self._with_paths(grads)

    def weight_gradients(self, dy, cache):
        _, inner_cache = cache
        dy = _merge_time_into_batch(dy)
        return self._with_paths(self.layer.weight_gradients(dy, inner_cache))

    def input_mask(self, cache):
        return None  # the steps of the inner layer are those of a step of x

    def sublayer_caches(self, cache):
        return [(self.layer, cache[1])]

    def _with_paths(self, grads):
        return {f"{self.layer.name}/{path}": g for path, g in grads.items()}


def _merge_time_into_batch(x):
    """(N, T, ...) -> (N T, ...)"""
    return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])
