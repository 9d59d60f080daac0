"""The recurrent layers beside the framework calls they stand for, see pairs.py."""

from scratchnet.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    RepeatVector,
    Sequential,
    SimpleRNN,
    TimeDistributed,
)
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import SGD

ALL = dict(return_sequences=True, return_state=True)
START_H, START_HC = "(x, initial_state=[h0])", "(x, initial_state=[h0, c0])"
MASK = "(x, mask=keras.layers.Masking(7.0).compute_mask(x))"
MASK_HC = MASK[:-1] + ", initial_state=[h0, c0])"
BACKWARDS = "go_backwards=True, return_sequences=True"
RETURN = "return_sequences=True, return_state=True"

KERAS = {
    "keras.layers.LSTM(4)(x)": LSTM(4),
    "keras.layers.LSTM(1, activation='sigmoid', return_sequences=True)(x)": (
        LSTM(1, "sigmoid", return_sequences=True)
    ),
    f"keras.layers.LSTM(4, activation='relu', {RETURN}){START_HC}": LSTM(4, "relu", **ALL),
    "keras.layers.LSTM(3, recurrent_activation='tanh', use_bias=False)(x)": (
        LSTM(3, recurrent_activation="tanh", use_bias=False)
    ),
    f"keras.layers.LSTM(3, {BACKWARDS})(x)": LSTM(3, go_backwards=True, return_sequences=True),
    f"keras.layers.LSTM(3, {RETURN}){MASK_HC}": LSTM(3, mask_value=7.0, **ALL),
    f"keras.layers.GRU(4){MASK}": GRU(4, mask_value=7.0),
    f"keras.layers.GRU(3, {RETURN}){START_H}": GRU(3, **ALL),
    f"keras.layers.GRU(3, activation='relu', {BACKWARDS})(x)": (
        GRU(3, "relu", go_backwards=True, return_sequences=True)
    ),
    "keras.layers.GRU(3, use_bias=False, return_sequences=True)(x)": (
        GRU(3, use_bias=False, return_sequences=True)
    ),
    "keras.layers.SimpleRNN(4)(x)": SimpleRNN(4),
    f"keras.layers.SimpleRNN(3, activation='linear', {RETURN}){START_H}": (
        SimpleRNN(3, "linear", **ALL)
    ),
    f"keras.layers.SimpleRNN(2, return_sequences=True){MASK}": (
        SimpleRNN(2, return_sequences=True, mask_value=7.0)
    ),
    f"keras.layers.GRU(3, reset_after=False, {RETURN}){START_H}": GRU(3, reset_after=False, **ALL),
    f"keras.layers.GRU(3, reset_after=False, return_sequences=True){MASK}": (
        GRU(3, reset_after=False, return_sequences=True, mask_value=7.0)
    ),
    "keras.layers.GRU(3, reset_after=False, use_bias=False, activation='relu')(x)": (
        GRU(3, "relu", reset_after=False, use_bias=False)
    ),
    "keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True))(x)": (
        Bidirectional(LSTM(3, return_sequences=True))
    ),
    "keras.layers.Bidirectional(keras.layers.GRU(3), merge_mode='sum')(x)": (
        Bidirectional(GRU(3), merge="add")
    ),
    # with return_sequences Keras sets the outputs of masked steps to 0, ours keep the state before
    f"keras.layers.Bidirectional(keras.layers.SimpleRNN(3)){MASK}": (
        Bidirectional(SimpleRNN(3, mask_value=7.0))
    ),
    "keras.layers.RepeatVector(3)(x)": RepeatVector(3),
    "keras.layers.TimeDistributed(keras.layers.Dense(2))(x)": TimeDistributed(Dense(2)),
}

TORCH = {
    "nn.LSTM(3, 4, batch_first=True)(x, (h0[None], c0[None]))": LSTM(4, **ALL),
    "nn.GRU(3, 4, batch_first=True)(x, h0[None])": GRU(4, **ALL),
    "nn.RNN(3, 4, batch_first=True)(x, h0[None])": SimpleRNN(4, **ALL),
    "nn.RNN(3, 2, nonlinearity='relu', batch_first=True)(x, h0[None])": (
        SimpleRNN(2, "relu", **ALL)
    ),
}

MODELS = {
    # loss="mse", keras.optimizers.SGD(0.1)
    "keras.Sequential([layers.LSTM(4), layers.RepeatVector(3), layers.GRU(3, "
    "return_sequences=True), layers.TimeDistributed(layers.Dense(2))])": (
        Sequential(
            [LSTM(4), RepeatVector(3), GRU(3, return_sequences=True), TimeDistributed(Dense(2))]
        ),
        MeanSquaredError(),
        SGD(0.1),
    ),
}

LAYERS = KERAS | TORCH
