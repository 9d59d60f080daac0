"""One example of every public layer, and of every option that changes what it computes."""

import contextlib
import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from scratchnet.backend import float64
from scratchnet.layers import (
    ELU,
    GELU,
    GRU,
    LSTM,
    ActivityRegularization,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    GlobalAveragePooling2D,
    Layer,
    LayerNormalization,
    LeakyReLU,
    MaxPooling2D,
    ReLU,
    RepeatVector,
    Reshape,
    Sampling,
    Sequential,
    Sigmoid,
    SimpleRNN,
    Softmax,
    Softplus,
    Tanh,
    TimeDistributed,
    UnpoolingBlock,
    UpSampling2D,
    ZeroPadding2D,
)
from scratchnet.layers.parameters import Parameter


@dataclasses.dataclass(frozen=True)
class Case:
    """How to make a layer, and an input shape (no batch axis) that suits it."""

    make: Callable[[], Layer]
    shape: tuple = (3, 2, 4)

    def holds(self, *kinds):
        """True if the layer is, or has inside, one of these kinds."""
        return any(isinstance(layer, kinds) for layer in self.make().named_layers().values())


CASES = {
    "ActivityRegularization": Case(lambda: ActivityRegularization(0.1, 0.2)),
    "ActivityRegularization sum": Case(lambda: ActivityRegularization(0.1, 0.2, reduction="sum")),
    "AveragePooling2D": Case(lambda: AveragePooling2D(2, padding="same")),
    "BatchNormalization": Case(BatchNormalization),
    "BatchNormalization of features": Case(BatchNormalization, (4,)),
    "BatchNormalization bare": Case(lambda: BatchNormalization(center=False, scale=False)),
    "Conv2D": Case(lambda: Conv2D(3, 2)),
    "Conv2D of fewer filters": Case(lambda: Conv2D(2, (3, 2), padding="same", use_bias=False)),
    "Conv2D with strides": Case(lambda: Conv2D(3, 3, (2, 1), 1)),
    "Conv2D in groups": Case(lambda: Conv2D(4, 2, padding=1, dilation_rate=(2, 1), groups=2)),
    "Conv2DTranspose": Case(lambda: Conv2DTranspose(3, (3, 2))),
    "Conv2DTranspose with strides": Case(
        lambda: Conv2DTranspose(2, 3, (2, 3), 1, output_padding=(1, 0), use_bias=False)
    ),
    "Cropping2D": Case(lambda: Cropping2D((1, 0))),
    "Dense": Case(lambda: Dense(3), (5,)),
    "Dense square": Case(lambda: Dense(4), (4,)),
    "Dense without bias": Case(lambda: Dense(3, use_bias=False), (5,)),
    "Dropout": Case(lambda: Dropout(0.4)),
    "Dropout of nothing": Case(lambda: Dropout(0)),
    "ELU": Case(lambda: ELU(0.7)),
    "Flatten": Case(Flatten),
    "GELU": Case(GELU),
    "GELU approximate": Case(lambda: GELU(approximate=True)),
    "GRU": Case(lambda: GRU(3), (2, 4)),
    "GRU of every step": Case(lambda: GRU(4, return_sequences=True), (3, 4)),
    "GaussianNoise": Case(lambda: GaussianNoise(0.3)),
    "GlobalAveragePooling2D": Case(GlobalAveragePooling2D),
    "LSTM": Case(lambda: LSTM(3), (2, 4)),
    "LSTM of every step": Case(lambda: LSTM(4, "relu", return_sequences=True), (3, 4)),
    "LSTM with absent steps": Case(
        lambda: LSTM(2, return_sequences=True, go_backwards=True, mask_value=0.0), (3, 4)
    ),
    "LayerNormalization": Case(LayerNormalization),
    "LayerNormalization bare": Case(lambda: LayerNormalization(center=False, scale=False)),
    "LeakyReLU": Case(lambda: LeakyReLU(0.2)),
    "MaxPooling2D": Case(MaxPooling2D),
    "MaxPooling2D overlapping": Case(lambda: MaxPooling2D((3, 2), 1, padding="same")),
    "ReLU": Case(ReLU),
    "RepeatVector": Case(lambda: RepeatVector(3), (4,)),
    "Reshape": Case(lambda: Reshape((-1, 3))),
    "Sampling": Case(lambda: Sampling(0.5)),
    "Sequential": Case(lambda: Sequential([Dense(4), Tanh(), Sequential([Dense(3)])]), (4,)),
    "Sequential of nothing": Case(lambda: Sequential([])),
    "Sequential with statistics": Case(lambda: Sequential([BatchNormalization(), Flatten()])),
    "Sigmoid": Case(Sigmoid),
    "SimpleRNN": Case(lambda: SimpleRNN(3), (2, 4)),
    "SimpleRNN of every step": Case(
        lambda: SimpleRNN(4, use_bias=False, return_sequences=True), (3, 4)
    ),
    "Softmax": Case(Softmax),
    "Softmax over rows": Case(lambda: Softmax(axis=1)),
    "Softplus": Case(Softplus),
    "Tanh": Case(Tanh),
    "TimeDistributed": Case(lambda: TimeDistributed(Dense(3)), (2, 4)),
    "TimeDistributed model": Case(lambda: TimeDistributed(Sequential([Dense(4)])), (2, 4)),
    "UnpoolingBlock": Case(UnpoolingBlock),
    "UnpoolingBlock around a layer": Case(lambda: UnpoolingBlock(Tanh())),
    "UpSampling2D": Case(lambda: UpSampling2D((2, 1))),
    "UpSampling2D bilinear": Case(lambda: UpSampling2D(2, "bilinear")),
    "ZeroPadding2D": Case(ZeroPadding2D),
}


def over(cases):
    """Run a test once for each of these cases."""
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


def example(case, n=5, dtype="float32", shape=None):
    """(layer, x, dy): built, its parameters and statistics off their 0 and 1; x, dy read-only."""
    rng = np.random.default_rng(7)
    layer, shape = case.make(), shape or case.shape
    with float64() if dtype == "float64" else contextlib.nullcontext():
        output_shape = layer.build(shape, 3)
    for array in (layer.named_parameters() | layer.named_state()).values():
        array += rng.uniform(0.1, 0.5, array.shape)
    x, dy = (rng.standard_normal((n, *s)).astype(dtype) for s in (shape, output_shape))
    return layer, read_only(x), read_only(dy)


def run(layer, x, dy, train=False):
    """(y, cache, dx, grads), with a cache that cannot be written to."""
    y, cache = layer.forward(x, train)
    dx, grads = layer.backward(dy, read_only(cache))
    return y, cache, dx, grads


def built(layer, shape=(4,), seed=0):
    """The layer, after building it."""
    layer.build(shape, seed)
    return layer


def three_levels():
    """A model in a model in a model, (N, 4) -> (N, 4)."""
    inner = Sequential([Dense(3), Tanh()], name="inner")
    middle = Sequential([inner, BatchNormalization(), Dense(2)], name="middle")
    return built(Sequential([Dense(5), middle, Dense(4, use_bias=False)], name="outer"))


def assert_vector_is_right(layer):
    """Each trainable parameter is a view of the layer's vector, one after the other, no gaps."""
    vector, start = layer.parameters, 0
    for path, p in layer.parameter_items(trainable_only=True):
        piece = vector[start : start + p.value.size]
        assert np.shares_memory(p.value, piece), path
        assert bits(p.value.reshape(-1)) == bits(piece), path
        start += p.value.size
    assert start == vector.size


def arrays_in(tree):
    """Every array in nested tuples, lists and dictionaries."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, (list, tuple)):
        return [array for part in tree for array in arrays_in(part)]
    return [tree] if isinstance(tree, (np.ndarray, np.generic)) else []


def read_only(tree):
    """The same tree; writing to one of its arrays now raises."""
    for array in arrays_in(tree):
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    return tree


def bits(value):
    """The value with its bytes in place of each array: comparable, and deaf to later writes."""
    if isinstance(value, Parameter):
        value = value.value
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype, value.shape, value.tobytes()
    if isinstance(value, dict):
        return {key: bits(part) for key, part in value.items()}
    return [bits(v) for v in value] if isinstance(value, (list, tuple)) else value


def attributes(layer):
    """Everything that hangs on a layer and on the layers inside it, as `bits`."""
    return {path: bits(vars(part)) for path, part in layer.named_layers().items()}
