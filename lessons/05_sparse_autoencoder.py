r"""
05 - Sparse autoencoder
=======================

Give a picture more numbers than it has pixels, and make it pay for each one it uses.

**You will see**

- how a price that looks tiny, summed over the batch, silences every unit for good;
- the same price as an average over the batch: few units per picture, and good copies;
- what those few units paint, beside the units of an autoencoder that pays nothing.

**Facts**: 15 s on a laptop with the default data, scikit-learn's digits, bundled and enlarged to
28x28; 10 minutes with ``--dataset mnist``. Before this: 04, width of the code. Next: 06,
denoising. Paper: Olshausen and Field (1996), Emergence of simple-cell receptive field properties
by learning a sparse code for natural images.

.. math:: L = MSE(y, x) + \frac{\lambda}{N} \sum_{n,k} |h_{nk}|
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--averaged 1e-5,1e-4``.

import math

import numpy as np

from scratchnet.backend import to_device, to_numpy
from scratchnet.callbacks import Callback
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import ActivityRegularization, Dense, ReLU, Sequential, Sigmoid
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import Adam
from scratchnet.plots import curves, image_grid, image_rows, signed_grid
from scratchnet.training import evaluate, fit

cfg = knobs(
    "05_sparse_autoencoder",
    units=1024, summed="1e-5,1e-4,1e-3", averaged="1.5e-4,3e-4", epochs=15, batch_size=64,
    learning_rate=0.001, seed=0,
    datasets={"digits": {"units": 256, "epochs": 50, "learning_rate": 0.002}, "mnist": {},
              "fashion": {}},
    breaks={"linear": "a code without ReLU: an L1 price alone never makes an exact zero",
            "early": "the price in front of the ReLU, on numbers the decoder never sees"},
    quick={"units": 64, "epochs": 3},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# The last sixth of the training pictures, 10,000 of MNIST's 60,000, is held out for validation.

images = load_images(cfg.dataset, size=28)
cut = len(images.x_train) * 5 // 6
x = to_device(images.x_train[:cut].reshape(-1, 784))  # (N, 784)
x_val = to_device(images.x_train[cut:].reshape(-1, 784))
print(f"train {x.shape}, validation {x_val.shape}, {x.dtype}, {x.min():g} to {x.max():g}")
figure = image_grid(images.x_train[:16], 8, f"Sixteen of the {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# The maths
# ---------
# Lesson 01 with another loss and one more term on the way back:
#
# .. code-block:: text
#
#    symbol   in the code        shape        meaning
#    x        x                  (N, 784)     a batch of pictures
#    h        code               (N, 1024)    more numbers than pixels: nothing forces a choice
#    lambda   price              ()           what one unit of activation costs
#
#    L = mean((y - x)^2) + P                  MeanSquaredError.forward: a mean over 784 N numbers
#    P = lambda sum(abs(h))                   ActivityRegularization.penalty, reduction="sum"
#    P = lambda sum(abs(h)) / N               ActivityRegularization.penalty, reduction="mean"
#
#    dy = 2 (y - x) / (784 N)                 MeanSquaredError.backward
#    dh = da2 W2^T + lambda sign(h)           ActivityRegularization.backward, "sum"
#    dh = da2 W2^T + lambda sign(h) / N       ActivityRegularization.backward, "mean"
#
# So lambda_mean = N * lambda_sum is the same price. What is it worth? The squared error is divided
# by 784 N, the summed price by nothing. Multiply both by 784 N: they become the squared error of
# the N pictures and 784 N lambda_sum (= 784 lambda_mean) for each unit of activation. Drawn as the
# mean of all, a picture of MNIST has a squared error of 52. At N = 64, lambda_sum = 1e-4 asks 5.0
# for one unit of activation, a tenth of all there is to win; lambda_mean = 1e-4 asks 0.08.

# %%
# Build
# -----
# The layer with the price changes nothing on the way forward; it only adds to the loss.


def build(reduction, price):
    pay = ActivityRegularization(price, reduction=reduction)
    code = {None: [ReLU(), pay], "linear": [pay], "early": [pay, ReLU()]}[cfg.broken]
    encoder = Sequential([Dense(cfg.units), *code], name="encoder")
    decoder = Sequential([Dense(784), Sigmoid()], name="decoder")
    autoencoder = Sequential([encoder, decoder], name="autoencoder")
    autoencoder.build((784,), cfg.seed)
    return autoencoder


model = build("mean", 1e-4)
loss = MeanSquaredError()
print(model.summary())

# %%
# Check before you train
# ----------------------
# Is the gradient right, price included? Is lambda_mean = N * lambda_sum? Does an untrained model
# score like a guess, every pixel 0.5? Can the model learn twenty pictures by heart?

three = images.x_train[:3].reshape(3, 784)
print(gradcheck(model, three, three, loss=loss, samples=20))
N, h = cfg.batch_size, model.layers[0](x[: cfg.batch_size])
for reduction, price in (("sum", 1e-5), ("mean", N * 1e-5)):
    pay = ActivityRegularization(price, reduction=reduction)
    print(f"{len(h)} pictures at {reduction} {price:g} pay {float(pay.penalty(h)):.4f}")
start = evaluate(model, loss, x_val, x_val)["loss"]
guess, average = (float(loss(0 * x_val + answer, x_val)) for answer in (0.5, x.mean(axis=0)))
heart = fit(model, x[:20], x[:20], loss=loss, optimizer=Adam(0.003), epochs=100, verbose=False)
print(f"untrained {start:.4f} (a guess: {guess:.4f}), by heart {heart['loss'][-1]:.5f}")

# %%
# Run
# ---
# One run for each price, from the same weights and with the same shuffles. `fit` is the loop of
# lessons 01 and 02; after each epoch we ask it how many units are at work.


class CountActive(Callback):
    """Adds to the history the share of units that an average validation picture switches on."""

    def on_epoch_end(self, run):
        code = run.model.layers[0](x_val)  # (N, units)
        run.history.setdefault("active", []).append(float((code != 0).mean()))


settings = [("mean", 0.0)]
settings += [("sum", float(price)) for price in cfg.summed.split(",")]
settings += [("mean", float(price)) for price in cfg.averaged.split(",")]
runs, rows, metrics = {}, [], {}
for reduction, price in settings:
    name, model = f"{reduction} {price:g}" if price else "no price", build(reduction, price)
    history = fit(
        model, x, x, loss=loss, optimizer=Adam(cfg.learning_rate), epochs=cfg.epochs,
        batch_size=cfg.batch_size, validation=(x_val, x_val), callbacks=[CountActive()],
        seed=cfg.seed, verbose=False,
    )  # fmt: skip
    code = model.layers[0](x_val)
    runs[name] = model, history, code
    numbers = {"val MSE": history["val_loss"][-1], "mean activation": float(abs(code).mean()),
               "active": history["active"][-1],
               "units used": int((code != 0).any(axis=0).sum())}  # fmt: skip
    metrics |= {f"{name}, {what}": number for what, number in numbers.items()}
    per_picture = price * (cfg.batch_size if reduction == "sum" else 1)
    rows.append((name, per_picture, 784 * per_picture, *numbers.values()))
    print(f"{name}: {sum(history['seconds']):.0f} s, val MSE {numbers['val MSE']:.4f}", flush=True)
head = ("price", "lambda_mean", "times 784", "val MSE", "mean activation", "active", "units used")
print(table(head, rows))
sparse = f"mean {float(cfg.averaged.split(',')[0]):g}"
pair = {"no price": runs["no price"], sparse: runs[sparse]}

# %%
# Look
# ----
# The strong summed prices silence all units in the first epoch, but for an odd picture or two. From
# then on dh * (h > 0) is 0 and no gradient reaches W1: only b2 learns, and paints the mean picture.

lines = {name: history["val_loss"] for name, (_, history, _) in runs.items()}
title, level = "What each price does to the copies", {"mean picture for all": average}
figure = curves(lines, title, "epoch", "validation MSE (per pixel)", level, log=True)
show(cfg, figure, "loss", "validation error by epoch: strong summed prices end at the mean picture")

lines = {name: history["active"] for name, (_, history, _) in runs.items()}
title = "What each price does to the code"
figure = curves(lines, title, "epoch", "share of units that a picture switches on")
show(cfg, figure, "active", "share of active units by epoch; zero for the strong summed prices")

pictures = {"original": x_val[:10].reshape(-1, 28, 28)}
for name, (model, _, code) in runs.items():
    pictures[name] = model.layers[1](code[:10]).reshape(-1, 28, 28)
figure = image_rows(pictures, "Ten pictures the models have never seen")
show(cfg, figure, "reconstructions", "ten pictures and their copies; silenced models repeat one")

side = math.isqrt(cfg.units)
pictures = {"original": pictures["original"]}
for name, (_, _, code) in pair.items():
    pictures[f"code, {name}"] = code[:10, : side * side].reshape(-1, side, side)
figure = image_rows(pictures, f"The codes of ten pictures: {side * side} units, each one dot")
show(cfg, figure, "codes", "codes as squares of dots: many gray without a price, few black with")

# %%
# The forty busiest units of each, every half scaled to its own largest weight. Where everybody
# works on every picture, a unit need not mean anything. One that is paid for paints a stroke.

halves = []
for model, _, code in pair.values():
    busiest = to_numpy((code != 0).mean(axis=0)).argsort()[::-1][:40]
    w = to_numpy(model.layers[1].layers[0].W)[busiest].reshape(-1, 28, 28)
    halves += [w / abs(w).max(), np.zeros_like(w[:10])]
title = f"What a unit paints: no price above, {sparse} below"
figure = signed_grid(np.concatenate(halves[:3]), 10, title)
show(cfg, figure, "strokes", "decoder weights: specks without a price, strokes with one")

# %%
# Expected against reference
# --------------------------
report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --averaged 1e-5,1e-3                 a fifteenth: a dense code; seven times: silence here too
#    --batch-size 16                      sum 1e-5 is now mean 1.6e-4, and does what 1.5e-4 does
#    --units 64                           fewer to choose from: a quarter of them in each picture
#    --dataset fashion                    clothes need more units per picture

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    all units active at any price        no ReLU: steps jump over zero   --break linear
#    half of the units active             silent units are paid for and   --break early
#                                         pulled back to the kink at 0
#    a price works at one batch size      it is summed, not averaged      --batch-size 16

# %%
# Exercise
# --------
# L1 also shrinks the activations it keeps. Train with a price, then measure how much the copies
# improve when the codes are multiplied by 1.05 before they are decoded.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(Dense, ReLU, Sigmoid, MeanSquaredError))
