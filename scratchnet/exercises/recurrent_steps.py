"""Steps of recurrent layers: the functions of the exercises, and results of frequent mistakes."""

import functools

import numpy as np

from scratchnet.exercises.step_checks import Step
from scratchnet.layers import plain
from scratchnet.numerics import sigmoid


def _recurrent(gates, two_biases=False, states=("x", "h")):
    def inputs(rng, n, d=3, m=2):
        shapes = {name: (n, d if name == "x" else m) for name in states}
        b = (2, gates * m) if two_biases else (gates * m,)
        shapes |= {"W": (d, gates * m), "U": (m, gates * m), "b": b}
        return {name: rng.standard_normal(shape) for name, shape in shapes.items()}

    return inputs


def _rnn_step(x, h, W, U, b):
    return np.tanh(x @ W + b + h @ U)


def _lstm(x, h, c, W, U, b, order="ifgo", g_of=np.tanh, squash=np.tanh, cell=None):
    parts = dict(zip(order, np.split(x @ W + b + h @ U, 4, axis=1), strict=True))
    i, f, o = (sigmoid(parts[gate]) for gate in "ifo")
    g = g_of(parts["g"])
    c_new = f * c + i * g if cell is None else cell(i, f, g, c)
    return o * squash(c_new), c_new


def _gru(x, h, W, U, b, exchanged=False, reset_before=False, order="zrg", reset=None):
    a = dict(zip(order, np.split(x @ W + b[0], 3, axis=1), strict=True))
    u = dict(zip(order, np.split(h @ U + b[1], 3, axis=1), strict=True))
    z, r = sigmoid(a["z"] + u["z"]), sigmoid(a["r"] + u["r"])
    u_g = u["g"]
    if reset_before:
        first = {name: i for i, name in enumerate(order)}["g"] * h.shape[1]
        columns = slice(first, first + h.shape[1])
        u_g = (r * h) @ U[:, columns] + b[1, columns]
    g = np.tanh(a["g"] + (u_g if reset_before else (reset(z) if reset else r) * u_g))
    return (1 - z) * h + z * g if exchanged else z * h + (1 - z) * g


_option = functools.partial
STEPS: dict[str, dict[str, Step]] = {
    "rnn_step": {
        "rnn_step": Step(
            _recurrent(1),
            _rnn_step,
            ("h_new",),
            {
                "h_new lacks the tanh": lambda x, h, W, U, b: x @ W + b + h @ U,
                "h_new takes the sigmoid: take the tanh": lambda x, h, W, U, b: sigmoid(
                    x @ W + b + h @ U
                ),
                "h U is added after the tanh: add it before": lambda x, h, W, U, b: (
                    np.tanh(x @ W + b) + h @ U
                ),
                "h_new lacks the input h U": lambda x, h, W, U, b: np.tanh(x @ W + b),
            },
            ("x", "h"),
        )
    },
    "lstm_step": {
        "lstm_step": Step(
            _recurrent(4, states=("x", "h", "c")),
            plain.lstm_step,
            ("h_new", "c_new"),
            {
                "the columns are ordered i, f, g, o, not i, f, o, g": _option(_lstm, order="ifog"),
                "g is tanh(a_g), not sigmoid(a_g)": _option(_lstm, g_of=sigmoid),
                "g lacks the tanh: g = tanh(a_g)": _option(_lstm, g_of=lambda a: a),
                "c_new takes 1 - f in place of i": _option(
                    _lstm, cell=lambda i, f, g, c: f * c + (1 - f) * g
                ),
                "h_new lacks the tanh of c_new": _option(_lstm, squash=lambda c: c),
                "i and f have exchanged roles: c_new = f c + i g, columns i, f, g, o": _option(
                    _lstm, cell=lambda i, f, g, c: i * c + f * g
                ),
                "c_new lacks the old cell f c": _option(_lstm, cell=lambda i, f, g, c: i * g),
            },
            ("x", "h", "c"),
            "ifgo",
        )
    },
    "gru_step": {
        "gru_step": Step(
            _recurrent(3, two_biases=True),
            plain.gru_step,
            ("h_new",),
            {
                "z and 1 - z are exchanged: z belongs to the old h": _option(_gru, exchanged=True),
                "r multiplies h before the product with U: multiply u_g by r": _option(
                    _gru, reset_before=True
                ),
                "u_g is not multiplied by r: g = tanh(a_g + r u_g)": _option(
                    _gru, reset=np.ones_like
                ),
                "u_g is multiplied by z: g = tanh(a_g + r u_g)": _option(_gru, reset=lambda z: z),
                "the columns are ordered z, r, g, not r, z, g": _option(_gru, order="rzg"),
            },
            ("x", "h"),
            "zrg",
        )
    },
}
