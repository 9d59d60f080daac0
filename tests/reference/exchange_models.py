"""The architectures of the lessons, small, whose weights are exchanged with PyTorch and Keras.

MODELS has {name: (model, input shape)}; make_exchange_torch.py and make_exchange_keras.py have the
equal models under the same names, with random weights, and write weights, inputs and outputs.
"""

from scratchnet.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
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
    Sequential,
    Sigmoid,
    SimpleRNN,
    Skip,
    Tanh,
    TimeDistributed,
    UnpoolingBlock,
    UpSampling2D,
)

HALVE = dict(kernel_size=4, strides=2, padding=1)


def same(kind, filters):
    return kind(filters, 3, padding="same")


def halves(encoder, decoder):
    return Sequential([Sequential(encoder, "encoder"), Sequential(decoder, "decoder")])


def strided():
    layers = [Conv2D(3, **HALVE), ReLU(), Conv2D(5, **HALVE), ReLU()]
    layers += [Conv2DTranspose(3, **HALVE), ReLU()]
    return Sequential([*layers, Conv2DTranspose(3, **HALVE), Tanh()])


def narrow_code():
    layers = [Conv2D(3, **HALVE), ReLU(), Reshape((-1,)), Dense(4), Dense(48), ReLU()]
    return Sequential([*layers, Reshape((4, 4, 3)), Conv2DTranspose(2, **HALVE), Tanh()])


def convolutional_against_lstm():
    encoder = [same(Conv2D, 2), ReLU(), MaxPooling2D(), same(Conv2D, 3), ReLU(), Flatten()]
    decoder = [Dense(48), ReLU(), Reshape((4, 4, 3)), same(Conv2DTranspose, 2), ReLU()]
    decoder += [UpSampling2D(), same(Conv2DTranspose, 1), Sigmoid()]
    return halves([*encoder, Dense(3)], decoder)


def unpooling():
    inner = Sequential([same(Conv2D, 3), ReLU(), same(Conv2DTranspose, 3), ReLU()])
    layers = [Conv2D(3, 3), ReLU(), UnpoolingBlock(inner), Conv2DTranspose(1, 3), Sigmoid()]
    return Sequential(layers)


def u_net():
    inner = [MaxPooling2D(), same(Conv2D, 4), ReLU(), UpSampling2D()]
    block = Skip(inner, "concatenate")
    return Sequential([same(Conv2D, 3), ReLU(), block, Conv2D(2, 1)])


def normalized():
    layers = [Conv2D(4, 3), BatchNormalization(), ReLU(), GroupNormalization(2), Flatten()]
    layers += [BatchNormalization(), Dense(12), BatchNormalization(), ReLU(), LayerNormalization()]
    return Sequential([*layers, Reshape((2, 2, 3)), Conv2D(2, 2, use_bias=False)])


MODELS = {
    "dense autoencoder": (
        halves([Dense(5), ReLU()], [Dense(9), Sigmoid()]),
        (9,),
    ),
    "digit classifier": (
        Sequential([Dense(7), ReLU(), Dense(6), ReLU(), Dense(4)]),
        (9,),
    ),
    "deep autoencoder": (
        halves([Dense(7), ReLU(), Dense(3), Tanh()], [Dense(7), Tanh(), Dense(9), Sigmoid()]),
        (9,),
    ),
    "convolution": (
        Sequential([Conv2D(4, 3), ReLU(), MaxPooling2D(), Flatten(), Dense(5)]),
        (10, 10, 2),
    ),
    "convolutional autoencoder": (
        halves(
            [same(Conv2D, 3), ReLU(), MaxPooling2D()],
            [same(Conv2D, 3), ReLU(), UpSampling2D(), same(Conv2D, 1), Sigmoid()],
        ),
        (6, 6, 1),
    ),
    "latent space": (
        halves(
            [same(Conv2D, 3), ReLU(), MaxPooling2D(), same(Conv2D, 4), ReLU()],
            [same(Conv2DTranspose, 3), ReLU(), UpSampling2D(), same(Conv2DTranspose, 1), Sigmoid()],
        ),
        (6, 6, 1),
    ),
    "unpooling": (unpooling(), (8, 8, 1)),
    "dense on images": (
        Sequential([Reshape((-1,)), Dense(6), ReLU(), Dense(48), Tanh(), Reshape((4, 4, 3))]),
        (4, 4, 3),
    ),
    "strided convolutions": (strided(), (8, 8, 3)),
    "narrow code": (narrow_code(), (8, 8, 2)),
    "discriminator": (Sequential([Dense(6), LeakyReLU(0.2), Dense(1)]), (9,)),
    "lstm": (Sequential([LSTM(4), Dense(1)]), (6, 2)),
    "lstm autoencoder": (
        Sequential(
            [
                LSTM(4),
                RepeatVector(5),
                LSTM(3, return_sequences=True),
                TimeDistributed(Dense(2)),
            ]
        ),
        (5, 2),
    ),
    "convolutional code": (convolutional_against_lstm(), (8, 8, 1)),
    "image as sequence": (
        halves(
            [Reshape((6, 6)), LSTM(4)],
            [
                RepeatVector(6),
                LSTM(5, return_sequences=True),
                TimeDistributed(Dense(6)),
                Sigmoid(),
                Reshape((6, 6, 1)),
            ],
        ),
        (6, 6, 1),
    ),
    "u-net": (u_net(), (6, 6, 2)),
    "letters": (
        Sequential(
            [Embedding(7, 3), LSTM(4, return_sequences=True), TimeDistributed(Dense(7))],
        ),
        (6,),
    ),
    "normalized": (normalized(), (5, 6, 2)),
    "gru": (Sequential([GRU(4, return_sequences=True), GRU(3)]), (6, 2)),
    "recurrent": (
        Sequential(
            [Bidirectional(GRU(3, return_sequences=True)), Bidirectional(LSTM(2)), Dense(2)]
        ),
        (5, 2),
    ),
    "simple rnn": (Sequential([SimpleRNN(4), Dense(1)]), (6, 2)),
    "lstm with relu": (
        Sequential([LSTM(4, "relu"), RepeatVector(5), LSTM(1, "sigmoid", return_sequences=True)]),
        (5, 1),
    ),
}
