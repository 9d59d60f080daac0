"""Tensors of each layer in PyTorch and in Keras: their names, axes and orders.

The table of docs/exchange.md, as code. Keras has the layouts of this library; PyTorch has the
filters first, the transpose of a Dense kernel, the gates of a GRU in the order r z n, and two bias
vectors in recurrent layers. Theirs is computed from ours by

    theirs = ours[index], permuted along some axes, then with the axes in another order

and ours from theirs by the inverse of each step in reverse order. Two tensors of theirs that belong
to one of ours are added: b = b_ih + b_hh for the LSTM.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from scratchnet.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Embedding,
    GroupNormalization,
    LayerNormalization,
    SimpleRNN,
)
from scratchnet.layers.base import Layer

__all__ = ["Tensor", "keras_tensors", "torch_tensors"]


class Tensor(NamedTuple):
    """Tensor of another framework, and the array of a layer to which it belongs.

    Attributes
        name    its name there, without that of the module
        layer   our layer
        ours    name of the parameter or state of the layer
        index   the part of our array: ..., or a row
        orders  {axis of ours: order}, theirs[k] = ours[order[k]] along this axis
        axes    theirs = ours.transpose(axes); None: the same axes
        zero    True: written as zeros, because another tensor has the numbers

    >>> layer = Dense(1)
    >>> layer.build((2,), 0)
    (1,)
    >>> weight = Tensor("weight", layer, "W", axes=(1, 0))
    >>> weight.shape()
    (1, 2)
    >>> weight.to_ours(np.array([[3.0, 4.0]]))
    array([[3.],
           [4.]])
    """

    name: str
    layer: Layer
    ours: str
    index: Any = ...
    orders: Any = ()
    axes: tuple[int, ...] | None = None
    zero: bool = False

    def target(self):
        """Our array, the whole of it."""
        return self.layer.state.get(self.ours, getattr(self.layer, self.ours, None))

    def shape(self) -> tuple[int, ...]:
        """Shape of their tensor."""
        shape = self.target()[self.index].shape
        return shape if self.axes is None else tuple(shape[axis] for axis in self.axes)

    def to_theirs(self, a: np.ndarray) -> np.ndarray:
        """Their tensor, from our whole array."""
        a = np.zeros_like(a[self.index]) if self.zero else a[self.index]
        for axis, order in dict(self.orders).items():
            a = a if order is None else a.take(order, axis)
        return np.ascontiguousarray(a if self.axes is None else a.transpose(self.axes))

    def to_ours(self, a: np.ndarray) -> np.ndarray:
        """Our array, or the part of it with this index, from their tensor."""
        a = a if self.axes is None else a.transpose(np.argsort(self.axes))
        for axis, order in dict(self.orders).items():
            a = a if order is None else a.take(np.argsort(order), axis)
        return a


# ----------------------------------------------------------------------------------------- PyTorch


def _torch_dense(layer, before, after):
    yield Tensor("weight", layer, "W", orders={0: before, 1: after}, axes=(1, 0))  # (M, D)
    if layer.use_bias:
        yield Tensor("bias", layer, "b", orders={0: after})


def _torch_convolution(layer, before, after):
    yield Tensor("weight", layer, "W", axes=(3, 2, 0, 1))  # (F, C, KH, KW); transposed: (C, F, ...)
    if layer.use_bias:
        yield Tensor("bias", layer, "b")


def _torch_embedding(layer, before, after):
    yield Tensor("weight", layer, "W")


def _torch_normalization(layer, before, after):
    may_lack_bias = isinstance(layer, LayerNormalization) and layer.scale
    if layer.center != layer.scale and not may_lack_bias:
        raise ValueError(
            f"{layer.title} has center={layer.center} and scale={layer.scale}, which PyTorch's "
            "layer has not: use both or none"
        )
    for name, ours in (("weight", "gamma"), ("bias", "beta")):
        if ours in layer.params:
            yield Tensor(name, layer, ours, orders={0: before})
    for name, ours in (("running_mean", "moving_mean"), ("running_var", "moving_variance")):
        if ours in layer.state:
            yield Tensor(name, layer, ours, orders={0: before})


def _torch_recurrent(layer, before, after, suffix=""):
    order, M = None, layer.units
    if isinstance(layer, GRU):
        if not layer.reset_after:
            raise ValueError(f"{layer.title} has reset_after=False; PyTorch has reset_after=True")
        order = np.r_[M : 2 * M, 0:M, 2 * M : 3 * M]  # ours z r g, theirs r z n
    yield Tensor(f"weight_ih{suffix}", layer, "W", orders={1: order}, axes=(1, 0))
    yield Tensor(f"weight_hh{suffix}", layer, "U", orders={1: order}, axes=(1, 0))
    if layer.use_bias:
        rows = (0, 1) if isinstance(layer, GRU) else (..., ...)
        yield Tensor(f"bias_ih{suffix}", layer, "b", rows[0], {0: order})
        yield Tensor(f"bias_hh{suffix}", layer, "b", rows[1], {0: order}, zero=rows[1] is ...)


def _torch_bidirectional(layer, before, after):
    yield from _torch_recurrent(layer.layer, before, after)
    yield from _torch_recurrent(layer.backwards, before, after, "_reverse")


TORCH: dict[type, Callable] = {
    Dense: _torch_dense,
    Conv2D: _torch_convolution,
    Conv2DTranspose: _torch_convolution,
    Embedding: _torch_embedding,
    BatchNormalization: _torch_normalization,
    LayerNormalization: _torch_normalization,
    GroupNormalization: _torch_normalization,
    SimpleRNN: _torch_recurrent,
    LSTM: _torch_recurrent,
    GRU: _torch_recurrent,
    Bidirectional: _torch_bidirectional,
}


def torch_tensors(layer: Layer, before: Any, after: Any) -> list[Tensor] | None:
    """Tensors of a layer in PyTorch; None for a layer without tensors of its own.

    `before` and `after` are the orders of the features, see `feature_orders`. The names of
    recurrent layers are without the number of the layer (weight_ih for weight_ih_l0). Raises
    ValueError for a layer that PyTorch does not have.
    """
    return _tensors("PyTorch", TORCH, layer, before, after)


# ------------------------------------------------------------------------------------------- Keras


def _keras_arrays(layer, *names):
    ours = {**layer.params, **layer.state}
    pairs = (name.split(":") for name in names)
    return [Tensor(theirs, layer, own) for own, theirs in pairs if own in ours]


def _keras_kernel(layer, before, after):
    return _keras_arrays(layer, "W:kernel", "b:bias")


def _keras_recurrent(layer, before, after):
    return _keras_arrays(layer, "W:kernel", "U:recurrent_kernel", "b:bias")


def _keras_embedding(layer, before, after):
    return _keras_arrays(layer, "W:embeddings")


def _keras_normalization(layer, before, after):
    averages = "moving_mean:moving_mean", "moving_variance:moving_variance"
    return _keras_arrays(layer, "gamma:gamma", "beta:beta", *averages)


KERAS: dict[type, Callable] = {
    Dense: _keras_kernel,
    Conv2D: _keras_kernel,
    Conv2DTranspose: _keras_kernel,
    Embedding: _keras_embedding,
    BatchNormalization: _keras_normalization,
    LayerNormalization: _keras_normalization,
    GroupNormalization: _keras_normalization,
    SimpleRNN: _keras_recurrent,
    LSTM: _keras_recurrent,
    GRU: _keras_recurrent,
}


def keras_tensors(layer: Layer) -> list[Tensor] | None:
    """Tensors of a layer in Keras, in the order of its weights; None for a layer without any.

    >>> layer = LayerNormalization()
    >>> layer.build((2,), 0)
    (2,)
    >>> [tensor.name for tensor in keras_tensors(layer)]
    ['gamma', 'beta']
    """
    return _tensors("Keras", KERAS, layer, None, None)


def _tensors(framework, table, layer, before, after):
    for kind in type(layer).__mro__:
        if kind in table:
            return list(table[kind](layer, before, after))
    if layer.params or layer.state:
        raise ValueError(
            f"{layer.title} has parameters, and no known equal in {framework}: write it with "
            "scratchnet.saving.save"
        )
    return None
