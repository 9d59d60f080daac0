"""Tensors of each layer in both frameworks: a table of shapes, and the inverse of each."""

import numpy as np
import pytest

from scratchnet.exchange.layouts import keras_tensors, torch_tensors
from scratchnet.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Embedding,
    ReLU,
    SimpleRNN,
)

SHAPES = [  # layer, shape of a sample, shapes in PyTorch, shapes in Keras
    (Dense(2), (3,), {"weight": (2, 3), "bias": (2,)}, {"kernel": (3, 2), "bias": (2,)}),
    (Dense(2, use_bias=False), (3,), {"weight": (2, 3)}, {"kernel": (3, 2)}),
    (
        Conv2D(4, (3, 5), groups=2),
        (6, 6, 2),
        {"weight": (4, 1, 3, 5), "bias": (4,)},
        {"kernel": (3, 5, 1, 4), "bias": (4,)},
    ),
    (
        Conv2DTranspose(4, (3, 5)),
        (6, 6, 2),
        {"weight": (2, 4, 3, 5), "bias": (4,)},
        {"kernel": (3, 5, 4, 2), "bias": (4,)},
    ),
    (Embedding(7, 2), (None,), {"weight": (7, 2)}, {"embeddings": (7, 2)}),
    (
        BatchNormalization(),
        (3,),
        dict.fromkeys(["weight", "bias", "running_mean", "running_var"], (3,)),
        dict.fromkeys(["gamma", "beta", "moving_mean", "moving_variance"], (3,)),
    ),
    (
        LSTM(2),
        (4, 3),
        {"weight_ih": (8, 3), "weight_hh": (8, 2), "bias_ih": (8,), "bias_hh": (8,)},
        {"kernel": (3, 8), "recurrent_kernel": (2, 8), "bias": (8,)},
    ),
    (
        GRU(2),
        (4, 3),
        {"weight_ih": (6, 3), "weight_hh": (6, 2), "bias_ih": (6,), "bias_hh": (6,)},
        {"kernel": (3, 6), "recurrent_kernel": (2, 6), "bias": (2, 6)},
    ),
    (
        SimpleRNN(2, use_bias=False),
        (4, 3),
        {"weight_ih": (2, 3), "weight_hh": (2, 2)},
        {"kernel": (3, 2), "recurrent_kernel": (2, 2)},
    ),
]
each = pytest.mark.parametrize("layer, shape, torch, keras", SHAPES, ids=lambda v: str(v)[:30])


@each
def test_names_and_shapes(layer, shape, torch, keras):
    layer.build(shape, 0)
    for tensors, expected in (
        (torch_tensors(layer, None, None), torch),
        (keras_tensors(layer), keras),
    ):
        assert {t.name: t.shape() for t in tensors} == expected


@each
def test_ours_is_the_inverse_of_theirs(layer, shape, torch, keras, rng):
    layer.build(shape, 0)
    for tensor in [*torch_tensors(layer, None, None), *keras_tensors(layer)]:
        a = rng.random(tensor.target().shape)
        theirs = tensor.to_theirs(a)
        assert theirs.shape == tensor.shape()
        expected = 0 * a[tensor.index] if tensor.zero else a[tensor.index]
        np.testing.assert_array_equal(tensor.to_ours(theirs), expected)


def test_the_gates_of_a_gru_and_the_rows_of_a_dense_layer_are_permuted():
    gru, dense = GRU(1), Dense(2)
    gru.build((3, 1), 0), dense.build((3,), 0)
    weight = torch_tensors(gru, None, None)[0]
    assert weight.to_theirs(np.array([[1, 2, 3]])).tolist() == [[2], [1], [3]]  # z r g -> r z n
    weight, bias = torch_tensors(dense, np.array([2, 0, 1]), np.array([1, 0]))
    assert weight.to_theirs(np.arange(6).reshape(3, 2)).tolist() == [[5, 1, 3], [4, 0, 2]]
    assert bias.to_theirs(np.array([7, 8])).tolist() == [8, 7]


def test_a_bidirectional_layer_is_one_module_of_pytorch_and_two_layers_of_keras():
    layer = Bidirectional(GRU(1))
    layer.build((3, 1), 0)
    names = [t.name for t in torch_tensors(layer, None, None)]
    assert names[4:] == [f"{name}_reverse" for name in names[:4]]
    assert keras_tensors(layer) is None and keras_tensors(ReLU()) is None
