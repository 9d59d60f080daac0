"""What a layer says when an array does not fit: what it expected, what came, the likely repair."""

import itertools
import math
import operator

AXES = {1: "D", 2: "T, D", 3: "H, W, C"}  # the alphabet of input shapes without the batch axis


class ShapeError(ValueError):
    """An array of the wrong shape for this layer."""


def format_shape(shape):
    """(784,) -> '(N, 784)': a shape as it is read, with its batch axis."""
    return "(" + ", ".join(["N", *map(str, shape)]) + ")"


def checked_sizes(layer, shape):
    """The input shape of `build` as a tuple of ints, after checking that it is one."""
    try:
        sizes = tuple(operator.index(size) for size in shape)
    except TypeError:  # a bare number, or None for the batch as in Keras
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
    """Raise ShapeError unless x is a batch of what the layer was built for."""
    expected = layer.input_shape
    if x.shape[1:] != expected or not x.ndim:
        hint = _likely_repair(expected, x.shape)
        raise ShapeError(f"{layer.title} expects {format_shape(expected)}; got {x.shape}{hint}")


def _likely_repair(expected, got):
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
