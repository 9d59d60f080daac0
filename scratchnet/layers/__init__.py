"""Layers, one idea for each file.

To read them in order: `plain` (the formulas), `dense`, `activations`, `base` (what each layer
provides), `sequential`, `parameters`; then `conv` (convolutions and pooling), `normalization`,
`regularization`, `sampling`; for sequences `embedding`, `simple_rnn`, `recurrent`, `lstm`, `gru`,
`sequences`; and layers made of layers, `composite`, `skip`, `bidirectional`,
`weight_regularization`.
"""

from scratchnet.hints import hint_for
from scratchnet.layers.activations import (
    ELU,
    GELU,
    SELU,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
from scratchnet.layers.base import Layer
from scratchnet.layers.bidirectional import Bidirectional
from scratchnet.layers.conv.convolution import Conv2D, Conv2DTranspose
from scratchnet.layers.conv.pooling import (
    AveragePooling2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
)
from scratchnet.layers.conv.unpooling import MaxUnpooling2D, UnpoolingBlock
from scratchnet.layers.conv.upsampling import Cropping2D, UpSampling2D, ZeroPadding2D
from scratchnet.layers.dense import Dense
from scratchnet.layers.embedding import Embedding
from scratchnet.layers.gru import GRU
from scratchnet.layers.lstm import LSTM
from scratchnet.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
)
from scratchnet.layers.regularization import ActivityRegularization, Dropout, GaussianNoise
from scratchnet.layers.reshaping import Flatten, Reshape
from scratchnet.layers.sampling import Sampling
from scratchnet.layers.sequences import RepeatVector, TimeDistributed
from scratchnet.layers.sequential import Sequential
from scratchnet.layers.shapes import ShapeError
from scratchnet.layers.simple_rnn import SimpleRNN
from scratchnet.layers.skip import Skip
from scratchnet.layers.weight_regularization import WeightRegularization

__all__ = [
    "ActivityRegularization",
    "AveragePooling2D",
    "BatchNormalization",
    "Bidirectional",
    "Conv2D",
    "Conv2DTranspose",
    "Cropping2D",
    "Dense",
    "Dropout",
    "ELU",
    "Embedding",
    "Flatten",
    "GELU",
    "GRU",
    "GaussianNoise",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "GroupNormalization",
    "LSTM",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "LogSoftmax",
    "MaxPooling2D",
    "MaxUnpooling2D",
    "ReLU",
    "RepeatVector",
    "Reshape",
    "SELU",
    "Sampling",
    "Sequential",
    "ShapeError",
    "Sigmoid",
    "SimpleRNN",
    "Skip",
    "Softmax",
    "Softplus",
    "Tanh",
    "TimeDistributed",
    "UnpoolingBlock",
    "UpSampling2D",
    "WeightRegularization",
    "ZeroPadding2D",
]


def __getattr__(name):  # Python calls this for a name that does not exist
    message, hint = f"module {__name__!r} has no attribute {name!r}", hint_for(["layers"], name)
    if hint:
        raise ImportError(f"{name} is not a layer of scratchnet: {hint}")
    raise AttributeError(message)
