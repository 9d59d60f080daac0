"""RepeatVector and TimeDistributed: from a vector to a sequence, and a layer at every step."""

from scratchnet.backend import xp_of
from scratchnet.layers.base import Layer
from scratchnet.layers.shapes import ShapeError, format_shape
from scratchnet.validation import check_positive_int


class RepeatVector(Layer):
    """(N, D) -> (N, T, D), the same vector at each of T = n steps; the gradients of all add up."""

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
        return dy.sum(axis=1), {}


class TimeDistributed(Layer):
    """The same layer at every step: (N, T, ...) is one batch of N T samples for it.

    Parameters
        layer   any layer; its weights are shared by all steps
    """

    remembers = "the cache of its layer"

    def __init__(self, layer, name=None):
        super().__init__(name)
        if not isinstance(layer, Layer):
            raise TypeError(f"TimeDistributed expects a layer; got {layer!r}")
        self.layer = layer
        layer.name = layer.name or layer.default_name()
        self.children[layer.name] = layer

    def build(self, input_shape, rng):
        if len(input_shape) < 2:
            raise ShapeError(f"{self.title} expects (N, T, ...); got {format_shape(input_shape)}")
        t, *sample = input_shape
        return t, *self.layer.build(tuple(sample), rng)

    def forward(self, x, train=False):
        y, cache = self.layer.forward(_merged(x), train)
        return y.reshape(*x.shape[:2], *y.shape[1:]), (x.shape, cache)

    def backward(self, dy, cache):
        shape, inner = cache
        dx, grads = self.layer.backward(_merged(dy), inner)
        return dx.reshape(shape), self._named(grads)

    def weight_gradients(self, dy, cache):
        return self._named(self.layer.weight_gradients(_merged(dy), cache[1]))

    def sublayer_caches(self, cache):
        return [(self.layer, cache[1])]

    def _named(self, grads):
        return {f"{self.layer.name}/{name}": g for name, g in grads.items()}


def _merged(x):
    """(N, T, ...) -> (N T, ...)"""
    return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])
