"""Checks of shapes and dtypes: messages with the layer, what it expects, and a likely remedy."""

import copy
import functools
import itertools
import math
import operator

from scratchnet.backend import RNG, as_rng, float_dtype, to_numpy
from scratchnet.inputs import as_array, is_plain

AXES = {1: "D", 2: "T, D", 3: "H, W, C"}  # number of axes of an input -> their letters
REMEDIES = {  # (number of axes that a layer expects, number that it got): a likely remedy
    (1, 2): "for one result per step use TimeDistributed({kind}(...)); for one vector the layer "
    "before needs return_sequences=False",
    (1, 3): "put Flatten() before it",
    (2, 1): "the layer before needs return_sequences=True, or put RepeatVector(T) before it",
    (2, 3): "put Reshape((T, D)) before it",
    (3, 1): "put Reshape((H, W, C)) before it",
    (3, 2): "put Reshape(({0}, {1}, 1)) before it, for images of one channel",
}
ONE_SIZE = (
    "A model is built for one size: build a second one for {size} and copy the weights, "
    "other.parameters[...] = model.parameters"
)
ANY_SIZE = {  # number of axes of an input -> a likely remedy where its sizes must be known
    2: "use TimeDistributed({kind}(...)) for each step, or return_sequences=False before it",
    3: "put GlobalAveragePooling2D() or GlobalMaxPooling2D() before it",
}


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


def fits(shape, expected):
    """Whether a shape is the expected one; None in the expected shape means any size.

    >>> fits((7, 5), (None, 5)), fits((7, 4), (None, 5))
    (True, False)
    """
    if shape == expected:
        return True
    return len(shape) == len(expected) and all(
        e is None or n == e for n, e in zip(shape, expected, strict=True)
    )


def check_known_sizes(layer, shape):
    """Raise ShapeError for None in a shape where the layer must know the size, see `fixed_axes`."""
    n_fixed = len(shape) if layer.fixed_axes is None else layer.fixed_axes
    known = shape[len(shape) - n_fixed :]
    if None not in known:
        return
    if n_fixed < len(shape):
        raise ShapeError(
            f"{layer.title} expects a number as the size of the last axis, the features or "
            f"channels; got {format_shape(shape)}"
        )
    hint = ANY_SIZE.get(len(shape), "").format(kind=type(layer).__name__)
    size = "each size, as in (100, 5)"
    raise ShapeError(
        f"{layer.title} expects sizes that are numbers; got {format_shape(shape)}"
        + (f": {hint}. Or: " if hint else ". ")
        + ONE_SIZE.format(size=size)
    )


def checked_sizes(layer, shape):
    """Return the input shape of `build` as a tuple of ints and None; ShapeError if it is not one.

    None means a size that may differ from batch to batch, as in Keras.
    """
    if isinstance(shape, list) and all(isinstance(part, tuple) for part in shape):
        raise ShapeError(
            f"{layer.title} expects one array; got the shapes {shape} of a tuple of arrays, as "
            "return_state=True and return_indices=True give"
        )
    try:
        sizes = tuple(None if size is None else operator.index(size) for size in shape)
    except TypeError:  # a number instead of a tuple
        sizes = (0,)
    if any(size is not None and size < 1 for size in sizes):
        raise ShapeError(
            f"{layer.title} expects an input shape without the batch axis, as in (784,) or "
            f"(28, 28, 1); got {shape!r}"
        )
    check_known_sizes(layer, sizes)
    return sizes


def check_rank(layer, shape, rank):
    """Raise ShapeError unless the shape, without its batch axis, has this many axes."""
    if len(shape) != rank:
        remedy = REMEDIES.get((rank, len(shape)), "").format(*shape, kind=type(layer).__name__)
        raise ShapeError(
            f"{layer.title} expects (N, {AXES[rank]}); got {format_shape(shape)}"
            + (f": {remedy}" if remedy else "")
        )


def check_shape(layer, x):
    """Raise ShapeError unless the samples of x have the shape that the layer was built for."""
    expected = layer.input_shape
    if not (x.ndim and fits(x.shape[1:], expected)):
        hint = _likely_remedy(expected, x.shape)
        raise ShapeError(f"{layer.title} expects {format_shape(expected)}; got {x.shape}{hint}")


def check_is_array(layer, x):
    """Raise TypeError for a list, or for a tuple where the layer takes one array."""
    if not hasattr(x, "dtype"):
        hint = ""
        if isinstance(x, tuple):
            hint = ": return_state=True and return_indices=True return a tuple of arrays"
        raise TypeError(f"{layer.title} expects an array; got {type(x).__name__}{hint}")


def check_dtype(layer, x):
    """Raise TypeError unless x is an array of the layer's dtype; any float if it has no arrays."""
    check_is_array(layer, x)
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
        if self.input_shape is not None and not fits(input_shape, self.input_shape):
            raise ShapeError(
                f"{self.title} was built for {format_shape(self.input_shape)} and cannot take "
                f"{format_shape(input_shape)} as well: make a second layer"
            )
        if self.input_shape is None:
            self.output_shape = checked_output_shape(self, build(self, input_shape, as_rng(rng)))
            self.input_shape, self.dtype = input_shape, float_dtype()
        elif not isinstance(rng, RNG):  # not a call from the build of a model around this one
            check_same_weights(self, rng)
        return self.output_shape

    return checked_build


def checked_output_shape(layer, shape):
    """Return what a `build` returned as a tuple; TypeError if it is no shape."""
    if not isinstance(shape, (tuple, list)):
        raise TypeError(
            f"{layer.title}: build returns the output shape without the batch axis, as in (64,); "
            f"got {shape!r}"
        )
    return tuple(shape)


def check_same_weights(layer, seed):
    """Raise ValueError unless a new layer, built with this seed, would have equal weights."""
    new = copy.deepcopy(layer)
    for part in new.named_layers().values():
        part.params, part.state, part.input_shape = {}, {}, None
    new.build(layer.input_shape, seed)
    weights, new_weights = layer.named_parameters(), new.named_parameters()
    for path, value in weights.items():
        drawn, value = to_numpy(new_weights[path]), to_numpy(value)
        if not (drawn.astype("float32") == value.astype("float32")).all():
            raise ValueError(
                f"{layer.title} is built already and keeps its weights, which are not those of the "
                f"seed {seed}: make a new model"
            )


def with_checked_arrays(forward):
    """Decorator for `Layer.forward`: call ``check_input(x)`` first, and check what it returns."""

    @functools.wraps(forward)
    def checked_forward(self, x, train=False, **options):
        if not is_plain(x) and not isinstance(x, (tuple, list)):
            x = as_array(f"{self.title}: x", x)
        self.check_input(x)
        try:
            result = forward(self, x, train, **options)
        except ValueError as problem:
            if "read-only" not in str(problem):
                raise
            raise ValueError(
                f"{self.title}: forward changes x or another array that is not its own: use a copy"
            ) from problem
        if not (type(result) is tuple and len(result) == 2 and _like(result[0], x)):
            _check_result(self, x, result)
        return result

    return checked_forward


def _like(y, x):
    """Whether y and x are arrays of one dtype, in which case there is nothing more to check."""
    return hasattr(y, "dtype") and hasattr(x, "dtype") and y.dtype == x.dtype


def _check_result(layer, x, result):
    """Raise TypeError unless result is (y, cache), with y in the precision of x."""
    if not isinstance(result, tuple) or len(result) != 2:
        got = f"{len(result)} values" if isinstance(result, tuple) else type(result).__name__
        raise TypeError(f"{layer.title}: forward returns the pair (y, cache); got {got}")
    y, _ = result
    if isinstance(y, tuple) or isinstance(x, tuple):
        return
    if not hasattr(y, "dtype"):
        raise TypeError(f"{layer.title}: forward returns y as an array; got {type(y).__name__}")
    if x.dtype.kind == "f" and y.dtype.kind == "f" and y.dtype != x.dtype:
        raise TypeError(
            f"{layer.title}: forward returns {y.dtype} for an x of {x.dtype}: keep the precision "
            "of x, for example with np.zeros(shape, x.dtype) for new arrays"
        )


def _likely_remedy(expected, got):
    if fits(got, expected):
        return ". A single sample? Add the batch axis: x[None]"
    if len(got) == len(expected) + 1:
        for order in itertools.permutations(range(1, len(got))):
            if fits(tuple(got[i] for i in order), expected):
                return f": axes in another order? Use x.transpose{(0, *order)}"
    if len(got) == len(expected) + 1 and len(expected) > 1 and got[-1] == expected[-1]:
        return f". {ONE_SIZE.format(size=got[1:])}"
    if None not in expected and math.prod(got[1:]) == math.prod(expected):
        target = ", ".join(map(str, ("len(x)", *expected)))
        return f". Flatten or reshape it: x.reshape({target})"
    return ""
