r"""
22 - LSTM autoencoder
=====================

Read a curve step by step into one code, then draw it again from that code alone.

**You will see**

- an autoencoder of sines as it is often shown, whose error is that of answering 0, and why;
- the same with its last layer repaired: down to the noise, which nothing can predict;
- what 50 steps do to a gradient and to a state that has no bound.

**Facts**: 15 s on a laptop; the data, noisy sines, are drawn. Before this: 16, GAN. Next: 18, taxi
anomalies. Paper: Hochreiter and Schmidhuber (1997), Long short-term memory.

.. math:: c_t = f_t c_{t-1} + i_t g_t, \quad h_t = o_t \phi(c_t)
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--sigma 0.3``.

import numpy as np
from sklearn.decomposition import PCA

from scratchnet.backend import RNG, to_device, to_numpy
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import LSTM, Dense, RepeatVector, Sequential, SimpleRNN, TimeDistributed
from scratchnet.layers.lstm import lstm_step
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import Adam
from scratchnet.plots import curves, scatter
from scratchnet.training import fit, predict

cfg = knobs(
    "22_lstm_autoencoder",
    units=64, sigma=0.1, epochs=20, batch_size=64, learning_rate=0.003, reported_epochs=10, seed=0,
    datasets={"sines": {}},
    breaks={"sigmoid": "the repaired model ends in a sigmoid, too",
            "fast": "the learning rate is thirty times as large",
            "few": "training with 16 sequences: an epoch is a single update"},
    quick={"epochs": 3, "reported_epochs": 2},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# 1000 sequences of 50 steps: one period of the sine, plus noise of its own for each. The last 200
# are held out.

T = 50
clean = np.sin(np.linspace(0, 2 * np.pi, T))[:, None]  # (T, 1)
x = clean + cfg.sigma * RNG(cfg.seed).host.standard_normal((1000, T, 1))  # (N, T, 1)
x, x_val = (to_device(part.astype("float32")) for part in (x[:800], x[800:]))
print(f"train {x.shape}, validation {x_val.shape}, {x.dtype}")

lines = {f"sequence {i}": to_numpy(x_val[i, :, 0]) for i in range(3)} | {"sine": clean[:, 0]}
figure = curves(lines, "Three sequences, and what they have in common", "step", "x")
show(cfg, figure, "samples", "three noisy sines around the clean one")

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol      in the code     shape            meaning
#    x_t         x[:, t]         (N, 1)           step t of every sequence
#    h_t, c_t    h, c            (N, 64)          the state: what is shown, what is kept (the cell)
#    W, U, b     layer.W ...     (1, 256) ...     weights of the four gates, side by side
#
#    (i f g o) = x_t W + h U + b              one product for all four
#    c' = s(f) c + s(i) phi(g)                keep some of the old, let in some of the new
#    h' = s(o) phi(c')                        s: sigmoid, phi: tanh (or ReLU)
#
#    dc = dc' + dh' o phi'(c')                backwards, what reaches the cell ...
#    dc_before = f dc                         ... and the step before it: times f, nothing else
#    dW = sum_t x_t^T da_t                    every step used the same weights: pulls add up
#
# The encoder's last h is the code. ``RepeatVector`` hands it to each of the decoder's 50 steps.
#
# What nobody can do better than: the noise of a sequence is its own, so MSE >= sigma^2 = 0.01 for
# an answer that knows only the sine.

# %%
# Build
# -----
# As it is often shown: the last layer is an LSTM of one unit with a sigmoid for phi, so an answer
# is a product of two sigmoids, in (0, 1). A sine goes down to -1. The repaired one ends in a plain
# Dense at each step.


def autoencoder(encoder, *decoder):
    model = Sequential([encoder, RepeatVector(T), *decoder])
    model.build((T, 1), cfg.seed)
    return model


reported = autoencoder(LSTM(cfg.units, "relu"), LSTM(1, "sigmoid", return_sequences=True))
flawed = cfg.broken == "sigmoid"
last = LSTM(1, "sigmoid", return_sequences=True) if flawed else TimeDistributed(Dense(1))
repaired = autoencoder(LSTM(cfg.units), LSTM(cfg.units, return_sequences=True), last)
loss = MeanSquaredError()
print(reported.summary(), repaired.summary(), sep="\n\n")

# %%
# Check before you train
# ----------------------
# Gradients right? Is the layer's loop what one step, written out in ``lstm_step``, gives when it is
# repeated? And two answers to beat: 0 at each step, and the best one within (0, 1).

few = to_numpy(x_val[:2])
print(gradcheck(repaired, few, few, loss=loss, samples=8))
encoder = repaired.layers[0]
h = c = 0 * encoder(x_val)  # (N, 64)
for t in range(T):
    h, c = lstm_step(x_val[:, t], h, c, encoder.W, encoder.U, encoder.b)
print(f"the loop and the single step differ by {float(abs(encoder(x_val) - h).max()):.1e} at most")
sine = to_device(clean.astype("float32"))
zero, within = float((x_val**2).mean()), float(((x_val - sine.clip(0, 1)) ** 2).mean())
print(f"answering 0: {zero:.4f}, the best within (0, 1): {within:.4f}")


def reach(layer):
    """How long the gradient of the last output is at each step, from the last to the first."""
    y, cache = layer.forward(x_val)
    dx, _ = layer.backward(0 * y + 1, cache)  # (N, T, 1)
    return to_numpy((dx * dx).sum(axis=(0, 2)) ** 0.5)[::-1]


def states(layer, x):
    """The largest abs(h) of each step: the layer again, returning every step."""
    every = LSTM(layer.units, layer.activation, return_sequences=True)
    every.build(layer.input_shape, 0)
    every.parameters[...] = layer.parameters
    return to_numpy(abs(every(x)).max(axis=(0, 2)))


simple = SimpleRNN(cfg.units)
simple.build((T, 1), cfg.seed)
names = {"SimpleRNN": simple, "LSTM, ReLU": reported.layers[0], "LSTM, tanh": encoder}
before = {f"{name}, untrained": reach(layer) for name, layer in names.items()}

# %%
# Run
# ---


def train(model, epochs, rate, batch_size, n):
    options = dict(loss=loss, validation=(x_val, x_val), seed=cfg.seed, verbose=False)
    options |= dict(optimizer=Adam(rate), epochs=epochs, batch_size=batch_size)
    history = fit(model, x[:n], x[:n], **options)
    return {"training": history["loss"], "validation": history["val_loss"]}


told = train(reported, cfg.reported_epochs, 0.001, 128, len(x))
rate = cfg.learning_rate * (30 if cfg.broken == "fast" else 1)
history = train(repaired, cfg.epochs, rate, cfg.batch_size, 16 if cfg.broken == "few" else len(x))
rows = [(k, h["training"][-1], h["validation"][-1]) for k, h in
        (("as reported", told), ("repaired", history))]  # fmt: skip
print(table(("model", "training MSE", "validation MSE"), rows))

# %%
# Look
# ----
# The reported model ends at the error of answering 0: it has learned to say as little as it can.
# The repaired one comes down to the noise.

series = {"reported": told["validation"], "repaired": history["validation"]}
levels = {"answering 0": zero, "best in (0, 1)": within, "noise floor": cfg.sigma**2}
title = "Validation error: one model stays at 0, one ends at the noise"
figure = curves(series, title, "epoch", "MSE (per step)", levels=levels, log=True)
show(cfg, figure, "loss", "the reported model stays at the error of 0, the repaired one falls")

drawn = {name: predict(model, x_val) for name, model in
         (("reported", reported), ("repaired", repaired))}  # fmt: skip
lines = {"x": x_val[0, :, 0]} | {name: y[0, :, 0] for name, y in drawn.items()}
figure = curves({k: to_numpy(v) for k, v in lines.items()}, "One sequence, and two answers", "step",
                "x and y")  # fmt: skip
show(cfg, figure, "answers", "the reported answer lies flat at 0, the repaired one is the sine")

# %%
# How far back does the last output's gradient reach? In a SimpleRNN it meets U at every step, here
# still orthogonal, which keeps lengths. In an LSTM it meets the forget gate; at a bias of 1 that is
# about 0.73, so it fades. ReLU in place of tanh, and ten epochs later it grows at every step.

after = {f"{name}, trained": reach(layer) for name, layer in list(names.items())[1:]}
figure = curves(before | after, "How far back the gradient reaches", "steps back",
                "norm of dL/dx at that step", log=True)  # fmt: skip
show(cfg, figure, "gradient", "gradient norms over 50 steps, of three layers and two trained ones")

# %%
# And the state, after training? ReLU has no bound: what the state adds to the gates comes back
# larger, step after step, for ordinary input too. tanh cannot leave (-1, 1).

sizes = {f"{name}, input times {k}": states(layer, k * x_val) for k in (1, 10)
         for name, layer in list(names.items())[1:]}  # fmt: skip
figure = curves(sizes, "The largest state of each step", "step", "largest abs(h)", log=True)
show(cfg, figure, "states", "with ReLU the state grows far beyond 1, with tanh it stays below")

# %%
# What is in the code? All sequences are the same sine, so only their noise can tell them apart: the
# two main directions (PCA), coloured by how much a sequence's noise lifts its last ten steps.

code = to_numpy(repaired.layers[0](x_val))  # (N, 64)
pca = PCA(2).fit(code)
lift = to_numpy(x_val[:, -10:, 0]).mean(axis=1) - clean[-10:].mean()
thirds = np.digitize(lift, np.quantile(lift, [1 / 3, 2 / 3]))
groups = {name: pca.transform(code)[thirds == k] for k, name in enumerate(["low", "mid", "high"])}
figure = scatter(groups, "200 codes, by the noise of their last ten steps", "first direction",
                 "second direction")  # fmt: skip
show(cfg, figure, "codes", "codes in two dimensions, ordered by the noise of the last steps")

# %%
# Expected against reference
# --------------------------

metrics = {"reported MSE": told["validation"][-1], "repaired MSE": history["validation"][-1],
           "answering 0 MSE": zero, "best in (0, 1) MSE": within,
           "reported parameters": reported.n_parameters,
           "largest ReLU state": float(sizes["LSTM, ReLU, input times 10"].max()),
           "largest tanh state": float(sizes["LSTM, tanh, input times 10"].max())}  # fmt: skip
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --sigma 0.3                          the floor is 0.09 now, and the model finds it again
#    --reported-epochs 100                the reported model, ten times as long
#    --units 8                            a small state is enough for one curve

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    never below the best in (0, 1)       the answers end in a sigmoid    --break sigmoid
#    the error jumps and stays high       the steps are too large         --break fast
#    training is still far from the floor too few updates                 --break few

# %%
# Exercise
# --------
# Give each sequence a phase of its own, ``np.sin(np.linspace(0, 2 * np.pi, T) + phase)``. What does
# PCA of the codes look like now? (A ring: the phase is what has to be remembered.)

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(LSTM, SimpleRNN, RepeatVector, TimeDistributed, Dense, MeanSquaredError))
