"""Order of the features of a vector, where PyTorch has channels first and this library has not.

An image is (H, W, C) here and (C, H, W) in PyTorch. Convolution and pooling do the same in both
forms, but a vector made from an image by Flatten, and an image made from a vector by Reshape, have
their numbers in another order:

    theirs[k] = ours[order[k]]        order = arange(H W C) as (H, W, C) -> (C, H, W) -> flat

So the rows of a Dense layer behind Flatten are permuted, and the columns and the bias of a Dense
layer in front of Reshape. Activations and the like do not change the order.
"""

import numpy as np

from scratchnet.layers import (
    BatchNormalization,
    Dense,
    Flatten,
    GroupNormalization,
    LayerNormalization,
    Reshape,
    Sequential,
    WeightRegularization,
)
from scratchnet.layers.base import Layer
from scratchnet.layers.composite import Composite

__all__ = ["feature_orders"]

Order = np.ndarray | None  # None: the order is the same


def feature_orders(model: Layer) -> dict[Layer, tuple[Order, Order]]:
    """Order of the inputs and of the outputs of each layer that has parameters for features.

    Layers that are not in the result have the same order in PyTorch. Raises ValueError for a model
    whose features cannot be put in the same order by permuting parameters.

    >>> from scratchnet.layers import Conv2D
    >>> dense = Dense(1)
    >>> model = Sequential([Conv2D(2, 1), Flatten(), dense])
    >>> model.build((2, 2, 3), 0)
    (1,)
    >>> feature_orders(model)[dense]
    (array([0, 2, 4, 6, 1, 3, 5, 7]), None)
    """
    found: dict[Layer, tuple[Order, Order]] = {}
    _collect(model, found)
    return found


def _collect(model, found):
    layers = _chain(model)
    orders = _orders_between(layers)
    for i, layer in enumerate(layers):
        before, after = orders[i], orders[i + 1]
        if isinstance(layer, (Dense, BatchNormalization, LayerNormalization)):
            if layer in found and not all(map(_equal, found[layer], (before, after))):
                raise ValueError(
                    f"{layer.title} is used twice, with features in two orders of PyTorch's: the "
                    "weights of such a model cannot be exchanged with PyTorch"
                )
            found[layer] = before, after
        elif not (isinstance(layer, (Flatten, Reshape)) or _keeps_order(layer)):
            if before is not None or after is not None:
                raise ValueError(
                    f"{layer.title} is next to a Flatten or Reshape of an image with channels, and "
                    "has another order of features in PyTorch: put a Dense layer between them"
                )
        for child in layer.children.values():
            _collect(child, found)


def _chain(layer):
    """Layers one after another, those of inner Sequentials included."""
    if isinstance(layer, Sequential):
        return [leaf for inner in layer.layers for leaf in _chain(inner)]
    return _chain(layer.inner) if isinstance(layer, WeightRegularization) else [layer]


def _orders_between(layers):
    """Order of the features in front of each layer, and behind the last one."""
    orders: list[Order] = [None] * (len(layers) + 1)

    def put(i, order, layer):
        if orders[i] is not None and not _equal(orders[i], order):
            raise ValueError(
                f"{layer.title} meets features in another order in PyTorch, whose images have "
                "channels first: put a Dense layer between Flatten and Reshape"
            )
        orders[i] = order

    for i, layer in enumerate(layers):
        if isinstance(layer, (Flatten, Reshape)):
            a, b = layer.input_shape, layer.output_shape
            if len(b) == 1:
                put(i + 1, _channels_first(a), layer)
            if len(a) == 1:
                put(i, _channels_first(b), layer)
            elif len(b) > 1 and not _equal(_channels_first(a), _channels_first(b)):
                raise ValueError(
                    f"{layer.title} has no equal in PyTorch, whose images have channels first: "
                    f"{a} -> {b}"
                )
        elif _keeps_order(layer) and orders[i] is not None:
            put(i + 1, orders[i], layer)
    for i, layer in reversed(list(enumerate(layers))):
        if _keeps_order(layer) and orders[i + 1] is not None:
            put(i, orders[i + 1], layer)
    return orders


def _keeps_order(layer):
    """True for a layer that treats all features of a vector alike, such as an activation."""
    mixes = isinstance(layer, (Dense, GroupNormalization, Composite, Flatten, Reshape))
    return not mixes and layer.input_shape == layer.output_shape  # both None without a build


def _channels_first(shape):
    if len(shape) != 3 or None in shape:
        return None
    order = np.arange(np.prod(shape)).reshape(shape).transpose(2, 0, 1).ravel()
    return None if (order == np.arange(len(order))).all() else order


def _equal(a, b):
    return (a is None and b is None) or np.array_equal(a, b)
