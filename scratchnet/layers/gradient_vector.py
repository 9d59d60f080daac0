"""The vector of a training step's gradients, into which a layer may write its gradients at once.

An optimizer takes one vector (P,). `Layer.flatten` copies the gradients of all layers into it, and
for a large model of dense layers this copy takes up to a tenth of the step. In the context of a
`GradientVector` a layer finds the place of its gradient in the vector beforehand:

    dW = kernel_gradient(W, x, dy)                      # x^T dy, outside of a context a new array

Only `Dense` does so. All other layers return new arrays, which are copied as before. On a GPU all
are copied, by one kernel: the copy of each bias alone would be a kernel of its own.
"""

import contextvars
from collections.abc import Collection
from typing import Any

from scratchnet.backend import Array, on_host, xp_of
from scratchnet.layers.parameters import one_vector

_current: contextvars.ContextVar[Any] = contextvars.ContextVar("scratchnet_gradients", default=None)


class GradientVector:
    """Vector (P,) for the gradients of a model, and the place in it of each parameter.

    As a context it is the memory of one backward pass, and of the worker that runs it. The next
    pass writes to the same memory.

    Parameters
        model    a built layer
        group    of the worker: in a group of several its `Group.buffer`, which the others read, is
                 the vector. None: a new vector

    Attributes
        parameters   the trainable parameters (P,), see `Layer.parameters`; found anew in each pass
        vector       memory for their gradients (P,); None on a GPU
        places       {path: view of the vector with the shape of the parameter, or None}

    >>> import numpy as np
    >>> from scratchnet.layers import Dense
    >>> layer, x = Dense(1), np.ones((2, 3), "float32")
    >>> layer.build((3,), 0)
    (1,)
    >>> y, cache = layer.forward(x, train=True)
    >>> with GradientVector(layer) as memory:
    ...     grads = layer.weight_gradients(np.ones_like(y), cache)
    >>> grads["W"] is memory.places["W"], memory.filled(grads)
    (True, array([2., 2., 2., 2.], dtype=float32))
    """

    def __init__(self, model: Any, group: Any = None):
        items = model.parameter_items(trainable_only=True)
        self._parameters = [p for _, p in items]
        w = self.parameters = one_vector(self._parameters)
        self.title = model.title
        self.vector: Any = None
        self.places: dict[str, Any] = dict.fromkeys(path for path, _ in items)
        self._place_of: dict[Any, Array] = {}
        self._free: dict[Any, Array] = {}  # the places that no layer has taken yet
        if not on_host(w):
            return
        shared = group is not None and group.size > 1
        self.vector = group.buffer(w.size, w.dtype) if shared else xp_of(w).empty_like(w)
        start = 0
        for path, p in items:
            stop = start + p.value.size
            place = self.vector[start:stop].reshape(p.value.shape)  # a view, not a copy
            self.places[path] = self._place_of[p] = place
            start = stop

    def __enter__(self) -> "GradientVector":
        # another model with the same layer may have moved the parameters to a vector of its own
        self.parameters = one_vector(self._parameters)
        self._token, self._free = _current.set(self), self._place_of.copy()
        return self

    def __exit__(self, *error: Any) -> None:
        _current.reset(self._token)

    def take(self, parameter: Any) -> Array | None:
        """The place of a parameter's gradient; None if there is none, or in a second call.

        A layer that is used twice returns a new array for its second use, because the sum over both
        uses needs the first.
        """
        return self._free.pop(parameter, None)

    def product(self, parameter: Any, x: Array, dy: Array) -> Array:
        """The gradient x^T dy (D, M) of a dense layer's W, see `kernel_gradient`."""
        return xp_of(x).matmul(x.T, dy, out=self.take(parameter))

    def set_batch(self, n: int) -> None:
        """Take note of the samples n of the next batch, for `scratchnet.factored_gradient`."""

    def filled(self, grads: dict[str, Array], factor: float = 1.0) -> Array:
        """The vector, after copying the gradients {path: array} that are not in their places.

        Parameters
            factor   by which the vector is multiplied

        Raises ValueError if a gradient is missing, or has another size or dtype than its parameter.
        """
        if self.vector is None:
            g = concatenated(self.title, self.places, grads)
            return g if factor == 1 else g * factor
        check_complete(self.title, self.places, grads)
        for path, place in self.places.items():
            g = grads[path]
            if g is place:
                continue
            if g.size != place.size or g.dtype != place.dtype:
                raise ValueError(
                    f"{self.title} expects the gradient of {path} as {place.shape} {place.dtype}, "
                    f"like the parameter; got {g.shape} {g.dtype}"
                )
            place[...] = g.reshape(place.shape)
        if factor != 1:
            self.scale(factor)
        return self.vector

    def update(self, optimizer: Any, g: Array, group: Any) -> None:
        """Let an optimizer update the parameters by the gradient g, the result of `filled`."""
        optimizer.step(self.parameters, g, group)

    def scale(self, factor: float) -> None:
        """Multiply the vector by a number, in place."""
        self.vector *= factor


def concatenated(title: str, paths: Collection[str], grads: dict[str, Array]) -> Array:
    """New vector (P,) of the gradients of these paths; ValueError if one is missing."""
    check_complete(title, paths, grads)
    parts = [grads[path].reshape(-1) for path in paths]
    return xp_of(*parts).concatenate(parts)


def check_complete(title: str, paths: Collection[str], grads: dict[str, Array]) -> None:
    """Raise ValueError unless there is a gradient for each path, and a path at all."""
    missing = [path for path in paths if path not in grads]
    if missing or not paths:
        raise ValueError(
            f"{title} expects the gradients of {', '.join(paths) or 'no parameter'}; "
            f"missing: {', '.join(missing) or 'all is frozen'}"
        )


def kernel_gradient(parameter: Any, x: Array, dy: Array) -> Array:
    """The gradient dW = x^T dy (D, M) of a dense layer's W, from x (N, D) and dy (N, M).

    In the context of a `GradientVector` it is written into the vector at once.

    Parameters
        parameter   W, a `Parameter`
    """
    memory = _current.get()
    return x.T @ dy if memory is None else memory.product(parameter, x, dy)
