"""Layers that only rename axes. Their backward gives the gradient the shape that x had."""

import math

from scratchnet.layers.base import Layer
from scratchnet.layers.shapes import ShapeError, format_shape
from scratchnet.validation import require


class Flatten(Layer):
    """(N, H, W, C) -> (N, H*W*C), any number of axes after the first."""

    remembers = "the shape of x"

    def build(self, input_shape, rng):
        return (math.prod(input_shape),)

    def forward(self, x, train=False):
        return x.reshape(len(x), math.prod(x.shape[1:])), x.shape

    def backward(self, dy, shape):
        return dy.reshape(shape), {}


class Reshape(Layer):
    """(N, ...) -> (N, *target_shape), the same numbers in the same order.

    Parameters
        target_shape   without the batch axis; one entry may be -1: whatever is left
    """

    remembers = "the shape of x"

    def __init__(self, target_shape, name=None):
        super().__init__(name)
        if not isinstance(target_shape, (tuple, list)):
            raise TypeError(f"Reshape expects a tuple of sizes; got {target_shape!r}")
        self.target_shape = tuple(target_shape)
        free = sum(n == -1 for n in self.target_shape)
        require(
            free <= 1 and all(n == -1 or n > 0 for n in self.target_shape),
            f"Reshape expects sizes >= 1, at most one of them -1; got {self.target_shape}",
        )

    def build(self, input_shape, rng):
        n = math.prod(input_shape)
        known = math.prod(size for size in self.target_shape if size != -1)
        shape = tuple(n // known if size == -1 else size for size in self.target_shape)
        if math.prod(shape) != n:
            raise ShapeError(
                f"{self.title} cannot make {format_shape(self.target_shape)} of "
                f"{format_shape(input_shape)}: {n} numbers a sample"
            )
        return shape

    def forward(self, x, train=False):
        return x.reshape(len(x), *self.output_shape), x.shape

    def backward(self, dy, shape):
        return dy.reshape(shape), {}
