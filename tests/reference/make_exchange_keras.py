"""Make exchange_keras.npz for tests/exchange/test_transfer.py.

    pip install keras jax
    KERAS_BACKEND=jax python tests/reference/make_exchange_keras.py

For each architecture of exchange_models.py: {path: weight} of the equal Keras model with random
weights, an input and the output, in float32.
"""

from pathlib import Path

import keras
import numpy as np
from keras import Input, Model
from keras.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Embedding,
    Flatten,
    GroupNormalization,
    LayerNormalization,
    LeakyReLU,
    MaxPooling2D,
    ReLU,
    RepeatVector,
    Reshape,
    SimpleRNN,
    TimeDistributed,
    UpSampling2D,
    ZeroPadding2D,
)

HALVE = dict(kernel_size=4, strides=2)
MODELS = {}


def architecture(name, shape, *layers):
    """The functional model of layers one after another; a list of lists has two inner models."""
    x = Input(shape, dtype="int32" if name == "letters" else None)
    y = x
    for layer in layers:
        y = layer(y)
    MODELS[name] = Model(x, y)


def same(kind, filters, activation="relu"):
    return kind(filters, 3, padding="same", activation=activation)


def half(filters):
    return lambda x: Conv2D(filters, **HALVE, activation="relu")(ZeroPadding2D(1)(x))


def double(filters, activation):  # the strided convolution that Keras calls "same" has padding 1
    return Conv2DTranspose(filters, **HALVE, padding="same", activation=activation)


def block(x):
    y = UpSampling2D()(same(Conv2D, 4)(MaxPooling2D()(x)))
    return Concatenate()([x, y])


def steps(layer, units, **options):
    return layer(units, return_sequences=True, **options)


architecture("dense autoencoder", (9,), Dense(5, "relu"), Dense(9, "sigmoid"))
architecture("digit classifier", (9,), Dense(7, "relu"), Dense(6, "relu"), Dense(4))
deep = Dense(7, "relu"), Dense(3, "tanh"), Dense(7, "tanh"), Dense(9, "sigmoid")
architecture("deep autoencoder", (9,), *deep)
architecture(
    "convolution", (10, 10, 2), Conv2D(4, 3, activation="relu"), MaxPooling2D(), Flatten(), Dense(5)
)
architecture(
    "convolutional autoencoder", (6, 6, 1), same(Conv2D, 3), MaxPooling2D(), same(Conv2D, 3),
    UpSampling2D(), same(Conv2D, 1, "sigmoid"),
)  # fmt: skip
architecture(
    "latent space", (6, 6, 1), same(Conv2D, 3), MaxPooling2D(), same(Conv2D, 4),
    same(Conv2DTranspose, 3), UpSampling2D(), same(Conv2DTranspose, 1, "sigmoid"),
)  # fmt: skip
architecture(
    "dense on images", (4, 4, 3), Reshape((-1,)), Dense(6, "relu"), Dense(48, "tanh"),
    Reshape((4, 4, 3)),
)  # fmt: skip
strided = half(3), half(5), double(3, "relu"), double(3, "tanh")
architecture("strided convolutions", (8, 8, 3), *strided)
architecture(
    "narrow code", (8, 8, 2), half(3), Reshape((-1,)), Dense(4), Dense(48, "relu"),
    Reshape((4, 4, 3)), double(2, "tanh"),
)  # fmt: skip
architecture("discriminator", (9,), Dense(6), LeakyReLU(negative_slope=0.2), Dense(1))
architecture("lstm", (6, 2), LSTM(4), Dense(1))
steps_of_code = RepeatVector(5), steps(LSTM, 3), TimeDistributed(Dense(2))
architecture("lstm autoencoder", (5, 2), LSTM(4), *steps_of_code)
architecture(
    "convolutional code", (8, 8, 1), same(Conv2D, 2), MaxPooling2D(), same(Conv2D, 3), Flatten(),
    Dense(3), Dense(48, "relu"), Reshape((4, 4, 3)), same(Conv2DTranspose, 2), UpSampling2D(),
    same(Conv2DTranspose, 1, "sigmoid"),
)  # fmt: skip
architecture(
    "image as sequence", (6, 6, 1), Reshape((6, 6)), LSTM(4), RepeatVector(6), steps(LSTM, 5),
    TimeDistributed(Dense(6, "sigmoid")), Reshape((6, 6, 1)),
)  # fmt: skip
architecture("u-net", (6, 6, 2), same(Conv2D, 3), block, Conv2D(2, 1))
architecture("letters", (6,), Embedding(7, 3), steps(LSTM, 4), TimeDistributed(Dense(7)))
architecture(
    "normalized", (5, 6, 2), Conv2D(4, 3), BatchNormalization(), ReLU(), GroupNormalization(2),
    Flatten(), BatchNormalization(), Dense(12), BatchNormalization(), ReLU(), LayerNormalization(),
    Reshape((2, 2, 3)), Conv2D(2, 2, use_bias=False),
)  # fmt: skip
architecture("gru", (6, 2), steps(GRU, 4), GRU(3))
architecture("recurrent", (5, 2), Bidirectional(steps(GRU, 3)), Bidirectional(LSTM(2)), Dense(2))
architecture("simple rnn", (6, 2), SimpleRNN(4), Dense(1))
of_code = steps(LSTM, 1, activation="sigmoid")
architecture("lstm with relu", (5, 1), LSTM(4, "relu"), RepeatVector(5), of_code)

rng = np.random.default_rng(0)
entries = {"made_with": f"Keras {keras.__version__} ({keras.backend.backend()})"}
for name, model in MODELS.items():
    for weight in model.weights:
        value = 0.5 * rng.standard_normal(weight.shape)
        weight.assign(abs(value) + 0.5 if weight.path.endswith("variance") else value)
    shape = (3, *model.input_shape[1:])
    x = rng.integers(0, 7, shape) if name == "letters" else rng.standard_normal(shape)
    x = x if name == "letters" else x.astype(np.float32)
    y = np.asarray(model(x, training=False))
    weights = {weight.path: np.asarray(weight) for weight in model.weights}
    assert len(weights) == len(model.weights), "two weights have one path"
    for field, array in {"x": x, "y": y, **weights}.items():
        entries[f"{name} | {field}"] = array
    print(name, y.shape, list(weights), flush=True)
np.savez_compressed(Path(__file__).parent / "exchange_keras.npz", **entries)
