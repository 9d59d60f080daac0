"""Layers as data for network.js, which computes them in a page."""

from typing import Any

import numpy as np

from scratchnet.backend import to_numpy
from scratchnet.layers import (
    ELU,
    GELU,
    SELU,
    ActivityRegularization,
    BatchNormalization,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    Layer,
    LeakyReLU,
    ReLU,
    Reshape,
    Sequential,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
from scratchnet.validation import require

ACTIVATIONS = (ReLU, LeakyReLU, ELU, SELU, GELU, Softplus, Sigmoid, Tanh, Softmax)
UNCHANGED = (Flatten, Reshape, Dropout, GaussianNoise, ActivityRegularization)  # at inference
SUPPORTED = "Dense, BatchNormalization, Flatten, Reshape, Dropout, GaussianNoise, "
SUPPORTED += "ActivityRegularization and the activations"


def describe(model: Layer, owner: str = "page") -> list[dict[str, Any]]:
    """List of the layers of a built model for `forward` of network.js, in inference mode.

    A layer that does not change a flat sample at inference (`Flatten`, `Dropout`, ...) is left out,
    and `BatchNormalization` becomes a scale and a shift.

    Raises ValueError for a layer that the pages cannot compute.

    >>> from scratchnet.layers import Flatten
    >>> model = Sequential([Flatten(), Dense(2), LeakyReLU(0.1)])
    >>> model.build((2, 2), 0)
    (2,)
    >>> [(layer["kind"], layer.get("a")) for layer in describe(model)]
    [('Dense', None), ('LeakyReLU', 0.1)]
    """
    return [_described(layer, owner) for layer in plain_layers(model)]


def plain_layers(model: Layer) -> list[Layer]:
    """Layers of a model and of the models inside it, without those that change nothing.

    >>> plain_layers(Sequential([Sequential([ReLU(), Dropout(0.5)]), Tanh()]))
    [ReLU(), Tanh()]
    """
    if isinstance(model, Sequential):
        return [layer for part in model.layers for layer in plain_layers(part)]
    return [] if isinstance(model, UNCHANGED) else [model]


def _described(layer, owner):
    kind = type(layer).__name__
    if isinstance(layer, (Dense, BatchNormalization)):
        built = layer.input_shape is not None
        require(built, f"{owner} expects a built model; {layer.title} is not built yet")
    if isinstance(layer, Dense) and len(layer.input_shape) == 1:
        b = to_numpy(layer.b) if layer.use_bias else None
        return {"kind": "Dense", "W": to_numpy(layer.W), "b": b}
    if isinstance(layer, BatchNormalization):
        return _scale(layer)
    last_axis = not isinstance(layer, Softmax) or layer.axis in (-1, 1)
    if isinstance(layer, ACTIVATIONS) and last_axis:
        options = {"a": layer.negative_slope} if isinstance(layer, LeakyReLU) else {}
        options |= {"a": layer.alpha} if isinstance(layer, ELU) else {}
        options |= {"approximate": layer.approximate} if isinstance(layer, GELU) else {}
        return {"kind": kind, **options}
    raise ValueError(f"{owner} expects the layers {SUPPORTED}; got {layer.title}: leave it out")


def _scale(layer):
    """y = scale x + shift, the inference mode of batch normalization, for a flat sample."""
    mean, variance = (to_numpy(layer.state[f"moving_{name}"]) for name in ("mean", "variance"))
    scale = 1 / np.sqrt(variance + layer.epsilon)  # (C,)
    if layer.scale:
        scale = scale * to_numpy(layer.gamma)
    shift = -mean * scale
    if layer.center:
        shift = shift + to_numpy(layer.beta)
    repeats = int(np.prod(layer.input_shape[:-1], dtype=int))
    return {"kind": "Scale", "scale": np.tile(scale, repeats), "shift": np.tile(shift, repeats)}


def numbers(array: Any) -> list:
    """Array as nested lists, in full precision: values that a page is compared with.

    >>> numbers(np.ones((1, 2)))
    [[1.0, 1.0]]
    """
    return to_numpy(array).astype("float64").tolist()
