"""Flatten and Reshape: layers that change the shape of a sample and none of its numbers."""

import math

from scratchnet.layers.base import Layer
from scratchnet.layers.shapes import ShapeError, format_shape
from scratchnet.validation import require


class Flatten(Layer):
    """Vector of all numbers of a sample, (N, H, W, C) -> (N, H*W*C).

    backward   dx = dy in the shape of x

    >>> import numpy as np
    >>> from scratchnet.layers import Flatten
    >>> layer = Flatten()
    >>> layer.build((28, 28, 1), 0)
    (784,)
    >>> layer(np.zeros((2, 28, 28, 1))).shape
    (2, 784)
    """

    remembers = "the shape of x"
    splits_batch = True

    def build(self, input_shape, rng):
        return (math.prod(input_shape),)

    def forward(self, x, train=False):
        return x.reshape(len(x), math.prod(x.shape[1:])), x.shape

    def backward(self, dy, x_shape):
        return dy.reshape(x_shape), {}


class Reshape(Layer):
    """Sample with the same numbers in another shape, (N, ...) -> (N, *target_shape).

    backward   dx = dy in the shape of x

    Parameters
        target_shape   without the batch axis; one size may be -1: it is computed from the others

    >>> from scratchnet.layers import Reshape
    >>> Reshape((28, 28, -1)).build((784,), 0)
    (28, 28, 1)
    """

    remembers = "the shape of x"
    splits_batch = True

    def __init__(self, target_shape, name=None):
        super().__init__(name)
        if not isinstance(target_shape, (tuple, list)):
            raise TypeError(f"Reshape expects a tuple of sizes; got {target_shape!r}")
        self.target_shape = tuple(target_shape)
        unknown = sum(n == -1 for n in self.target_shape)
        require(
            unknown <= 1 and all(n == -1 or n > 0 for n in self.target_shape),
            f"Reshape expects sizes >= 1, at most one of them -1; got {self.target_shape}",
        )

    def build(self, input_shape, rng):
        n = math.prod(input_shape)
        known = math.prod(size for size in self.target_shape if size != -1)
        shape = tuple(n // known if size == -1 else size for size in self.target_shape)
        if math.prod(shape) != n:
            raise ShapeError(
                f"{self.title} cannot make {format_shape(self.target_shape)} of "
                f"{format_shape(input_shape)}: a sample has {n} numbers"
            )
        return shape

    def forward(self, x, train=False):
        return x.reshape(len(x), *self.output_shape), x.shape

    def backward(self, dy, x_shape):
        return dy.reshape(x_shape), {}
