"""Make keras_recurrent.npz, golden values in float64 for tests/test_golden.py.

pip install keras jax numpy
KERAS_BACKEND=jax python tests/reference/make_keras_recurrent.py
"""

import jax
import keras
import numpy as np
from archive import normal, save
from keras import layers  # noqa: F401, the model below uses it
from keras.src.backend.common import dtypes

MADE_WITH = f"""Keras {keras.__version__} on JAX {jax.__version__}, NumPy {np.__version__}, float64.
No transposes: names are as ours (kernel is W, recurrent_kernel is U, bias is b).
Keras' own cast of float64 to float32 on JAX is switched off."""

OURS = {"kernel": "W", "recurrent_kernel": "U", "bias": "b"}
RETURN = "return_sequences=True, return_state=True"
BACKWARDS = "go_backwards=True, return_sequences=True"
MASK = "(x, mask=keras.layers.Masking(7.0).compute_mask(x))"

cases = {}
jax.config.update("jax_enable_x64", True)
keras.config.set_floatx("float64")
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"  # or Keras would go down to float32 on JAX


def layer(constructor, call, x, **states):
    """Outputs and the gradient of every input and parameter, for random upstream gradients."""
    built = eval(constructor)
    built.build(x.shape)
    arrays = {"x": x, **states}
    parameters = built.trainable_variables
    names = [direction(v.path) + OURS[v.name] for v in parameters]
    weights = [normal(*v.shape) / 2 for v in parameters]

    def forward(inputs, weights):
        scope = dict(zip(arrays, inputs, strict=True))
        with keras.StatelessScope(state_mapping=list(zip(parameters, weights, strict=True))):
            return eval(f"layer{call}", globals(), {"layer": built, **scope})

    y, pull = jax.vjp(forward, list(arrays.values()), weights)
    outputs = dict(zip(("y", "h", "c"), y if isinstance(y, (list, tuple)) else [y], strict=False))
    upstream = {f"upstream {name}": normal(*part.shape) for name, part in outputs.items()}
    dy = list(upstream.values())
    d_inputs, d_weights = pull(type(y)(dy) if isinstance(y, (list, tuple)) else dy[0])
    cases[constructor + call] = {
        **arrays,
        **dict(zip(names, weights, strict=True)),
        **upstream,
        **outputs,
        **{f"d{n}": g for n, g in zip(arrays, d_inputs, strict=True)},
        **{f"d{n}": g for n, g in zip(names, d_weights, strict=True)},
    }


def direction(path):
    """forward/, backward/, or nothing: the layer of a Bidirectional to which a variable belongs."""
    return next((f"{name}/" for name in ("forward", "backward") if f"/{name}_" in path), "")


def padded(n, t, d):
    """Sequences with absent steps, filled with 7: at the end, in the middle, at the start."""
    x = normal(n, t, d)
    x[0, 2:], x[1, 1:3], x[2, 0] = 7, 7, 7
    return x


def model(call, loss, rule, x, target):
    """Losses and final weights of three training steps, then the outputs at inference."""
    net = eval(call)
    net.build(x[0].shape)
    net.compile(rule, loss)

    def weights():
        return np.concatenate([np.ravel(v.value) for v in net.trainable_variables])

    start = weights()
    losses = [net.train_on_batch(xs, ts) for xs, ts in zip(x, target, strict=True)]
    cases[call] = {"x": x, "target": target, "start": start, "losses": losses, "end": weights()}
    cases[call]["y"] = net(x[0], training=False)


def states(n, units, *names):
    return {name: normal(n, units) for name in names}


hc = "(x, initial_state=[h0, c0])"
layer("keras.layers.LSTM(4)", "(x)", normal(5, 7, 3))
layer("keras.layers.LSTM(1, activation='sigmoid', return_sequences=True)", "(x)", normal(2, 4, 3))
relu = f"keras.layers.LSTM(4, activation='relu', {RETURN})"
layer(relu, hc, normal(3, 2, 2), **states(3, 4, "h0", "c0"))
tanh = "keras.layers.LSTM(3, recurrent_activation='tanh', use_bias=False)"
layer(tanh, "(x)", normal(1, 1, 2))
layer(f"keras.layers.LSTM(3, {BACKWARDS})", "(x)", normal(2, 5, 2))
masked = MASK[:-1] + ", initial_state=[h0, c0])"
layer(f"keras.layers.LSTM(3, {RETURN})", masked, padded(4, 5, 2), **states(4, 3, "h0", "c0"))
layer("keras.layers.GRU(4)", MASK, padded(3, 4, 2))
layer(f"keras.layers.GRU(3, {RETURN})", "(x, initial_state=[h0])", normal(2, 7, 2), h0=normal(2, 3))
layer(f"keras.layers.GRU(3, activation='relu', {BACKWARDS})", "(x)", normal(2, 4, 2))
layer("keras.layers.GRU(3, use_bias=False, return_sequences=True)", "(x)", normal(2, 4, 2))
layer("keras.layers.SimpleRNN(4)", "(x)", normal(3, 7, 2))
linear = f"keras.layers.SimpleRNN(3, activation='linear', {RETURN})"
layer(linear, "(x, initial_state=[h0])", normal(2, 2, 2), h0=normal(2, 3))
layer("keras.layers.SimpleRNN(2, return_sequences=True)", MASK, padded(3, 5, 2))
layer("keras.layers.RepeatVector(3)", "(x)", normal(2, 4))
layer("keras.layers.TimeDistributed(keras.layers.Dense(2))", "(x)", normal(2, 3, 4))

model(
    "keras.Sequential([layers.LSTM(4), layers.RepeatVector(3), layers.GRU(3, "
    "return_sequences=True), layers.TimeDistributed(layers.Dense(2))])",
    loss="mse",
    rule=keras.optimizers.SGD(0.1),
    x=normal(3, 8, 5, 2),
    target=normal(3, 8, 3, 2),
)

# -------------------------------------------- added later: the numbers above stay what they were

before = "keras.layers.GRU(3, reset_after=False"
layer(f"{before}, {RETURN})", "(x, initial_state=[h0])", normal(2, 6, 2), h0=normal(2, 3))
layer(f"{before}, return_sequences=True)", MASK, padded(3, 5, 2))
layer(f"{before}, use_bias=False, activation='relu')", "(x)", normal(2, 4, 2))
both = "keras.layers.Bidirectional(keras.layers."
layer(f"{both}LSTM(3, return_sequences=True))", "(x)", normal(2, 5, 2))
layer(f"{both}GRU(3), merge_mode='sum')", "(x)", normal(2, 5, 2))
layer(f"{both}SimpleRNN(3))", MASK, padded(3, 5, 2))

save("keras_recurrent", cases, MADE_WITH)
