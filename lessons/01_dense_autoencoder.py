r"""
01 - Dense autoencoder
======================

Squeeze a picture of 784 pixels through 32 numbers and draw it again from them.

**You will see**

- three models that share one set of weights: an encoder, a decoder, and the two in a row;
- what 32 numbers keep of a digit, and what each of them paints;
- that the random numbers a network starts from decide how many of its units ever live.

**Facts**: 10 s on a laptop with the default data, scikit-learn's digits, bundled and enlarged to
28x28; 3 minutes with ``--dataset mnist``. Before this: nothing. Next: 02, digit classifier.
Paper: Hinton and Salakhutdinov (2006), Reducing the dimensionality of data with neural networks.

.. math:: h = \max(0, x W_1 + b_1), \quad y = s(h W_2 + b_2), \quad L = BCE(y, x)
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--units 8``.

from scratchnet.backend import RNG, to_device
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Dense, ReLU, Sequential, Sigmoid
from scratchnet.lesson import knobs, layer_table, log, report, show, table
from scratchnet.losses import BinaryCrossEntropy, MeanSquaredError
from scratchnet.optimizers import Adam
from scratchnet.plots import bars, curves, image_grid, image_rows, signed_grid
from scratchnet.training import batches, evaluate, fit

cfg = knobs(
    "01_dense_autoencoder",
    units=32, epochs=50, batch_size=256, learning_rate=0.001, initializer="glorot_uniform", seed=0,
    datasets={"digits": {"batch_size": 32}, "mnist": {}, "fashion": {}},
    breaks={"big_step": "a learning rate 300 times too large",
            "bytes": "pixels from 0 to 255 instead of 0 to 1"},
    quick={"epochs": 3},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# Each picture becomes one row of 784 numbers between 0 (paper) and 1 (ink).

images = load_images(cfg.dataset, size=28)
x = to_device(images.x_train.reshape(-1, 784))  # (N, 784)
x_val = to_device(images.x_test.reshape(-1, 784))
print(f"train {x.shape}, validation {x_val.shape}, {x.dtype}, {x.min():g} to {x.max():g}")
figure = image_grid(images.x_train[:16], 8, f"Sixteen of the {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# The maths
# ---------
# Forward, with s(a) = 1 / (1 + exp(-a)), and backward from the last line to the first:
#
# .. code-block:: text
#
#    symbol   in the code        shape        meaning
#    x        x[i]               (N, 784)     a batch of pictures
#    h        the code           (N, 32)      what the encoder keeps
#    y        y                  (N, 784)     the picture drawn from h
#
#    h = max(0, x W1 + b1)                    Dense.forward, ReLU.forward
#    y = s(h W2 + b2)                         Dense.forward, Sigmoid.forward
#    L = -mean(x log y + (1 - x) log(1 - y))  BinaryCrossEntropy.forward
#
#    dy  = (y - x) / (y (1 - y)) / n          BinaryCrossEntropy.backward, n = 784 N
#    da2 = dy * y (1 - y) = (y - x) / n       Sigmoid.backward: the fractions cancel
#    dW2 = h^T da2     db2 = sum_N da2        Dense.backward: sums over the batch, because
#    dh  = da2 W2^T                           every picture used the same weights
#    da1 = dh * (h > 0)                       ReLU.backward
#    dW1 = x^T da1     db1 = sum_N da1        Dense.weight_gradients: nobody needs dx

# %%
# Build
# -----
# The autoencoder is made of the two others. Training it trains them: they hold no copies.


def build(initializer):
    encoder = Sequential([Dense(cfg.units, initializer), ReLU()], name="encoder")
    decoder = Sequential([Dense(784, initializer), Sigmoid()], name="decoder")
    autoencoder = Sequential([encoder, decoder], name="autoencoder")
    autoencoder.build((784,), cfg.seed)
    return encoder, decoder, autoencoder


encoder, decoder, autoencoder = build(cfg.initializer)
loss = BinaryCrossEntropy()
print(autoencoder.summary())
print(f"compression {784 / cfg.units:.1f} : 1")

# %%
# Check before you train
# ----------------------
# Is the gradient right? Does an untrained model score like a guess (log 2 = 0.693: every pixel
# 0.5)? Can the model learn twenty pictures by heart?

three = images.x_train[:3].reshape(3, 784)
print(gradcheck(autoencoder, three, three, loss=loss, samples=50))
start = evaluate(autoencoder, loss, x_val, x_val)["loss"]
small = build("glorot_uniform")[2]
history = fit(small, x[:20], x[:20], loss=loss, optimizer=Adam(0.01), epochs=150, verbose=False)
floor = float(loss(x_val, x_val))  # gray pixels: even a perfect copy costs their own entropy
average = float(loss(0 * x_val + x.mean(axis=0), x_val))  # the same mean picture for everyone
print(f"untrained {start:.4f} (a guess: 0.6931), mean picture for all {average:.4f}")
print(f"twenty by heart {history['loss'][-1]:.4f}, perfect copy {floor:.4f}")

# %%
# Run
# ---
# The whole of training: forward, loss, backward, one step against the gradient.


def train(model):
    optimizer = Adam((300 if cfg.broken == "big_step" else 1) * cfg.learning_rate)
    history = {"training": [], "validation": []}
    for epoch in range(cfg.epochs):
        total = 0
        for i in batches(len(x), cfg.batch_size, RNG(cfg.seed).fork(epoch)):
            y, cache = model.forward(x[i], train=True)  # x -> h -> y
            value, loss_cache = loss.forward(y, x[i])  # the target is the input itself
            dy = loss.backward(loss_cache)  # dL/dy starts the way back
            grads = model.weight_gradients(dy, cache)  # dL/dW and dL/db of both halves
            optimizer.step(model.parameters, model.flatten(grads))
            total = total + value * len(i)  # read only once an epoch: a GPU need not wait
        history["training"].append(float(total) / len(x))
        history["validation"].append(evaluate(model, loss, x_val, x_val)["loss"])
        log(cfg, epoch, history)
    return history


if cfg.broken == "bytes":
    x, x_val = 255 * x, 255 * x_val
history = train(autoencoder)

# %%
# A second start: the weights PyTorch would draw, smaller than Glorot's by half. Everything else,
# the seed of the shuffles included, stays.

other = "inverse_sqrt_uniform" if cfg.initializer == "glorot_uniform" else "glorot_uniform"
encoder_2, _, autoencoder_2 = build(other)
history_2 = train(autoencoder_2)
alive = {
    cfg.initializer: (encoder(x_val) > 0).mean(axis=0),  # (32,): share of pictures that use a unit
    other: (encoder_2(x_val) > 0).mean(axis=0),
}
dead = {name: int((share == 0).sum()) for name, share in alive.items()}
print(f"units that no validation picture switches on: {dead}")

# %%
# Look
# ----

lines = {
    f"training, {cfg.initializer}": history["training"],
    f"validation, {cfg.initializer}": history["validation"],
    f"validation, {other}": history_2["validation"],
}
levels = {"mean picture for all": average, "perfect copy": floor}
title, label = f"Copying through {cfg.units} numbers", "binary cross entropy (nats per pixel)"
figure = curves(lines, title, "epoch", label, levels)
show(cfg, figure, "loss", "loss curves falling from the mean picture's level to the copy's")

h = encoder(x_val[:10])  # (10, 32)
rows = {
    "original": x_val[:10].reshape(-1, 28, 28),
    f"code ({cfg.units})": h.reshape(10, 1, -1),
    "decoded": decoder(h).reshape(-1, 28, 28),
}
figure = image_rows(rows, "Ten pictures the model has never seen")
show(cfg, figure, "reconstructions", "ten pictures above their codes and what is drawn from them")

strokes = decoder.layers[0].W.reshape(-1, 28, 28)  # (32, 784) -> one picture a unit
figure = signed_grid(strokes, 8, "What each unit of the code paints (rows of W2)")
show(cfg, figure, "strokes", "a picture for each unit: blobs and strokes; noise where it is dead")

groups = {f"{n}: {dead[n]} dead": sorted(share.tolist())[::-1] for n, share in alive.items()}
title = "How many pictures use each unit of the code"
figure = bars(groups, title, "unit, most used first", "share of validation pictures")
show(cfg, figure, "units", "share of pictures that switch each unit on, for two starts")

# %%
# Expected against reference
# --------------------------
# The same architecture and settings in PyTorch, from the same two kinds of weights (biases zero).
# The tolerance is what other seeds do there; tests/reference/make_lessons.py made the figures.

metrics = {
    "val BCE": history["validation"][-1],
    "val BCE, other start": history_2["validation"][-1],
    "val MSE": evaluate(autoencoder, MeanSquaredError(), x_val, x_val)["loss"],
    "dead units": dead[cfg.initializer],
    "dead units, other start": dead[other],
    "mean picture BCE": average,
    "perfect copy BCE": floor,
}
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --units 2                            digits blur into a few shapes
#    --units 128                          nearly perfect copies: little is squeezed out
#    --initializer he_normal              larger first weights: more units start alive
#    --batch-size 8                       slower epochs, fewer needed
#    --dataset fashion                    clothes: shapes come back, prints do not

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    the loss ends far above its start,   learning rate far too large:    --break big_step, and
#    nearly all units are dead            one step kills the ReLUs        the last figure
#    a loss below zero                    targets outside [0, 1]          --break bytes
#    validation far above training        too few pictures for the        --units 128 on the
#                                         number of weights               bundled digits

# %%
# Exercise
# --------
# Delete the body of ``Dense.backward`` in scratchnet/layers/dense.py, derive the three lines on
# paper from y = x W + b, write them back, and run ``scratchnet gradcheck Dense``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(Dense, ReLU, Sigmoid, BinaryCrossEntropy))
