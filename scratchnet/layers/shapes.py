"""Checks of shapes and dtypes: messages with the layer, what it expects, and a likely remedy."""

import functools
import itertools
import math
import operator

from scratchnet.backend import as_rng, float_dtype

AXES = {1: "D", 2: "T, D", 3: "H, W, C"}  # number of axes of an input -> their letters


class ShapeError(ValueError):
    """Error for an array whose shape does not fit a layer.

    >>> import numpy as np
    >>> from scratchnet.layers import Dense
    >>> layer = Dense(3)
    >>> layer.build((4,), 0)
    (3,)
    >>> layer(np.zeros((2, 5), "float32"))
    Traceback (most recent call last):
    scratchnet.layers.shapes.ShapeError: Dense expects (N, 4); got (2, 5)
    """


def format_shape(shape):
    """Text of a shape, with the letter N for the batch axis.

    >>> format_shape((28, 28, 1))
    '(N, 28, 28, 1)'
    """
    return "(" + ", ".join(["N", *map(str, shape)]) + ")"


def checked_sizes(layer, shape):
    """Return the input shape of `build` as a tuple of ints; ShapeError if it is not one."""
    try:
        sizes = tuple(operator.index(size) for size in shape)
    except TypeError:  # a number instead of a tuple, or None for the batch axis as in Keras
        sizes = (0,)
    if any(size < 1 for size in sizes):
        raise ShapeError(
            f"{layer.title} expects an input shape without the batch axis, as in (784,) or "
            f"(28, 28, 1); got {shape!r}"
        )
    return sizes


def check_rank(layer, shape, rank):
    """Raise ShapeError unless the shape, without its batch axis, has this many axes."""
    if len(shape) != rank:
        raise ShapeError(
            f"{layer.title} expects (N, {AXES[rank]}); got {format_shape(shape)}"
            + (". Add Flatten() before it?" if rank == 1 else "")
        )


def check_shape(layer, x):
    """Raise ShapeError unless the samples of x have the shape that the layer was built for."""
    expected = layer.input_shape
    if x.shape[1:] != expected or not x.ndim:
        hint = _likely_remedy(expected, x.shape)
        raise ShapeError(f"{layer.title} expects {format_shape(expected)}; got {x.shape}{hint}")


def check_dtype(layer, x):
    """Raise TypeError unless x is an array of the layer's dtype; any float if it has no arrays."""
    if not hasattr(x, "dtype"):
        raise TypeError(f"{layer.title} expects an array; got {type(x).__name__}")
    has_arrays = layer.params or layer.state
    if x.dtype != layer.dtype if has_arrays else x.dtype.kind != "f":
        expected = layer.dtype or "float32"
        scaled = " / 255" if x.dtype == "uint8" else ""  # an image as it is stored in a file
        raise TypeError(
            f"{layer.title} expects {expected}; got {x.dtype}: use x.astype('{expected}'){scaled}"
        )


def with_stored_shapes(build):
    """Decorator for `Layer.build`: check and store the input shape, store the output shape."""

    @functools.wraps(build)
    def checked_build(self, input_shape, rng):
        input_shape = checked_sizes(self, input_shape)
        if self.input_shape is not None and self.input_shape != input_shape:
            raise ShapeError(
                f"{self.title} was built for {format_shape(self.input_shape)} and cannot take "
                f"{format_shape(input_shape)} as well: make a second layer"
            )
        if self.input_shape is None:
            self.output_shape = tuple(build(self, input_shape, as_rng(rng)))
            self.input_shape, self.dtype = input_shape, float_dtype()
        return self.output_shape

    return checked_build


def with_checked_input(forward):
    """Decorator for `Layer.forward`: call ``check_input(x)`` first."""

    @functools.wraps(forward)
    def checked_forward(self, x, train=False):
        self.check_input(x)
        return forward(self, x, train)

    return checked_forward


def _likely_remedy(expected, got):
    if got == expected:
        return ". A single sample? Add the batch axis: x[None]"
    if len(got) == len(expected) + 1:
        for order in itertools.permutations(range(1, len(got))):
            if tuple(got[i] for i in order) == expected:
                return f": axes in another order? Use x.transpose{(0, *order)}"
    if math.prod(got[1:]) == math.prod(expected):
        target = ", ".join(map(str, ("len(x)", *expected)))
        return f". Flatten or reshape it: x.reshape({target})"
    return ""
