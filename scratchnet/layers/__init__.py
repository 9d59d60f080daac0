"""The layers, one idea a file. `base.py` holds the contract that all of them keep."""

from scratchnet.layers.activations import (
    ELU,
    GELU,
    LeakyReLU,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
from scratchnet.layers.base import Layer
from scratchnet.layers.dense import Dense
from scratchnet.layers.normalization import BatchNormalization, LayerNormalization
from scratchnet.layers.regularization import ActivityRegularization, Dropout, GaussianNoise
from scratchnet.layers.reshaping import Flatten, Reshape
from scratchnet.layers.sequential import Sequential
from scratchnet.layers.shapes import ShapeError

__all__ = [
    "ActivityRegularization",
    "BatchNormalization",
    "Dense",
    "Dropout",
    "ELU",
    "Flatten",
    "GELU",
    "GaussianNoise",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "ReLU",
    "Reshape",
    "Sequential",
    "ShapeError",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]
