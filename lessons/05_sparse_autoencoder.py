r"""
05 - Sparse autoencoder
=======================

Give a picture more numbers than it needs, and charge a penalty for each one it uses.

**You will see**

- how a tiny penalty, summed over the batch, switches off every unit for good;
- the same penalty, averaged over the batch: few active units and good copies;
- what these few units draw, next to the units of an autoencoder without a penalty.

**Facts**: 15 s on a laptop with the default data, scikit-learn's digits, bundled and
enlarged to 28x28; 18 minutes with ``--dataset mnist``. Before this: 04, width of the
code. Next: 06, denoising. Paper: Olshausen and Field (1996), Emergence of simple-cell
receptive field properties by learning a sparse code for natural images.

.. math:: L = MSE(y, x) + \frac{\lambda}{N} \sum_{n,k} |h_{nk}|
"""

# %%
# Knobs
# -----
# Every number you may change; each is also a flag, as in ``--averaged 1e-5,1e-4``.
# ``summed`` and ``averaged`` are lists of penalties lambda; each is trained once.

import math

from scratchnet.backend import to_device, to_numpy
from scratchnet.callbacks import Callback
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import ActivityRegularization, Dense, ReLU, Sequential, Sigmoid
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import Adam
from scratchnet.plots import curves, image_grid, image_rows, signed_panels
from scratchnet.training import evaluate, fit

cfg = knobs(
    "05_sparse_autoencoder",
    units=1024, summed="1e-5,1e-4,1e-3", averaged="1.5e-4,3e-4",
    epochs=15, batch_size=64, learning_rate=0.001, seed=0,
    datasets={"digits": {"units": 256, "epochs": 50, "learning_rate": 0.002},
              "mnist": {}, "fashion": {}},
    breaks={"linear": "a code without ReLU: no number of it becomes exactly zero",
            "early": "the penalty before the ReLU, on numbers that are not used"},
    quick={"units": 64, "epochs": 3},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# The last sixth of the training pictures, 10,000 of the 60,000 of MNIST, is held out
# for validation. Each picture is a row of 784 numbers from 0 (white) to 1 (black).

images = load_images(cfg.dataset, size=28)
cut = len(images.x_train) * 5 // 6
x = to_device(images.x_train[:cut].reshape(-1, 784))  # (N, 784)
x_val = to_device(images.x_train[cut:].reshape(-1, 784))
print(f"train {x.shape}, validation {x_val.shape}, {x.dtype}, {x.min()} to {x.max()}")
figure = image_grid(images.x_train[:16], 8, f"Sixteen of {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# Idea
# ----
# A narrow code is one way to keep an autoencoder from copying pixel by pixel. A sparse
# code is another. It has many units, as many as pixels or more, but only a few of them
# may be active for any one picture. Think of a large dictionary: a sentence uses few of
# its words, and because there are so many to choose from, each word can have a precise
# meaning. In the same way a unit of a sparse code can become a detector of one stroke
# at one place.
#
# How is a network made to use few units? By a penalty. The loss gets a second term,
# lambda times the sum of all activations. A unit that is active for a picture has to
# reduce the error of the copy by more than its penalty, or training makes it smaller
# until it is zero. The L1 penalty, the sum of absolute values, is used because its
# slope does not become smaller near zero: it pushes small activations all the way to
# exactly zero.
#
# The strength of the penalty is easily wrong by the factor of the batch size, because
# the sum over a batch and the mean over a batch are both common. This lesson trains
# with both.

# %%
# The maths
# ---------
# Lesson 01 with the squared error, and one more term in the loss and in the gradient:
#
# .. code-block:: text
#
#    symbol   variable   shape         meaning
#    x        x          (N, 784)      a batch of pictures
#    h        h          (N, 1024)     the code: more numbers than pixels
#    lambda   strength   ()            the penalty of one unit of activation
#    P        -          ()            the penalty of a batch
#
#    L = mean((y - x)^2) + P           MeanSquaredError.forward: mean over 784 N numbers
#    P = lambda sum(abs(h))            ActivityRegularization.penalty, reduction="sum"
#    P = lambda sum(abs(h)) / N        ActivityRegularization.penalty, reduction="mean"
#
#    dy = 2 (y - x) / (784 N)          MeanSquaredError.backward
#    dh = da2 W2^T + lambda sign(h)         ActivityRegularization.backward, "sum"
#    dh = da2 W2^T + lambda sign(h) / N     ActivityRegularization.backward, "mean"
#
# So lambda_mean = N lambda_sum is the same penalty. Is it large or small? The squared
# error is divided by 784 N, and the summed penalty is not divided at all. Multiply both
# by 784 N: the first becomes the squared error of N pictures, and the second becomes
# 784 N lambda_sum (= 784 lambda_mean) for each unit of activation. If all pictures of
# MNIST are copied as the mean picture, the squared error of a picture is 52. For
# batches of 64 pictures ``lambda_sum = 1e-4`` costs 5.0 for one unit of activation, a
# tenth of all that a code can gain; ``lambda_mean = 1e-4`` costs 0.08.

# %%
# Build
# -----
# The layer with the penalty does not change its input. It only adds P to the loss, and
# the gradient of P on the way back.


def code_layers(penalty):
    return [ReLU(), penalty]


def build(reduction, strength):
    penalty = ActivityRegularization(strength, reduction=reduction)
    encoder = Sequential([Dense(cfg.units), *code_layers(penalty)], name="encoder")
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
# Is the gradient right, with the penalty? Is the penalty the plain formula, and is
# lambda_mean = N lambda_sum the same? Does an untrained model score like gray pictures,
# every pixel 0.5? Can the model memorize twenty pictures?

three = images.x_train[:3].reshape(3, 784)
print(gradcheck(model, three, three, loss=loss, samples=20))
N = cfg.batch_size
h = model.layers[0](x[:N])  # (N, units)
by_sum = float(ActivityRegularization(1e-5, reduction="sum").penalty(h))
by_mean = float(ActivityRegularization(N * 1e-5, reduction="mean").penalty(h))
plain = 1e-5 * float(abs(h).sum())
print(f"penalty: sum {by_sum:.6f}, mean {by_mean:.6f}, plain formula {plain:.6f}")
untrained = evaluate(model, loss, x_val, x_val)["loss"]
gray = float(loss(0 * x_val + 0.5, x_val))
mean_picture = float(loss(0 * x_val + x.mean(axis=0), x_val))  # the same row N times
few = x[:20]
result = fit(
    model, few, few, loss=loss, optimizer=Adam(0.003), epochs=100, verbose=False
)
print(f"untrained {untrained:.4f}, gray pictures {gray:.4f}")
print(f"trained on twenty {result['loss'][-1]:.5f}, mean picture {mean_picture:.4f}")

# %%
# Break it on purpose
# -------------------
# ``--break linear`` leaves out the ReLU of the code; ``--break early`` puts the penalty
# before the ReLU instead of after it. Both replace the function that lists the layers
# of the code.

if cfg.broken == "linear":

    def code_layers(penalty):
        return [penalty]


if cfg.broken == "early":

    def code_layers(penalty):
        return [penalty, ReLU()]


# %%
# Run
# ---
# One run for each penalty, from the same weights and with the same batches. After each
# epoch a callback measures which share of the units a validation picture activates.


class CountActive(Callback):
    """Adds the share of active units to the history."""

    def on_epoch_end(self, run):
        h = run.model.layers[0](x_val)  # (N, units)
        run.history.setdefault("active", []).append(float((h != 0).mean()))


models = {}
histories = {}
metrics = {}
rows = []


def train(reduction, strength):
    name = f"{reduction} {strength:g}" if strength else "no penalty"
    model = build(reduction, strength)
    history = fit(
        model,
        x,
        x,
        loss=loss,
        optimizer=Adam(cfg.learning_rate),
        epochs=cfg.epochs,
        batch_size=cfg.batch_size,
        validation=(x_val, x_val),
        callbacks=[CountActive()],
        seed=cfg.seed,
        verbose=False,
    )
    h = model.layers[0](x_val)
    numbers = {
        "val MSE": history["val_loss"][-1],
        "mean activation": float(abs(h).mean()),
        "active": history["active"][-1],
        "units used": int((h != 0).any(axis=0).sum()),
    }
    metrics.update({f"{name}, {what}": number for what, number in numbers.items()})
    models[name], histories[name] = model, history
    lambda_mean = strength * (cfg.batch_size if reduction == "sum" else 1)
    rows.append((name, lambda_mean, 784 * lambda_mean, *numbers.values()))
    print(f"{name}: {sum(history['seconds']):.0f} s", flush=True)


head = ("run", "lambda_mean", "x 784", "val MSE", "mean |h|", "active", "units used")
averaged = [float(strength) for strength in cfg.averaged.split(",")]
train("mean", 0.0)
train("mean", averaged[0])
print(table(head, rows))

# %%
# With the penalty the copies are a little worse, and few units are active. Now the
# other penalties, and the summed ones among them.

for strength in averaged[1:]:
    train("mean", strength)
for strength in cfg.summed.split(","):
    train("sum", float(strength))
print(table(head, rows))
history = histories["no penalty"]

# %%
# Look
# ----
# The strong summed penalties switch off all units within the first epoch, for all
# pictures except one or two. From then on dh is set to 0 by the ReLU and no gradient
# reaches W1. Only b2 is trained, and the decoder draws the mean picture.

lines = {name: history["active"] for name, history in histories.items()}
title = "How many units a picture activates"
label = "share of active units, validation"
figure = curves(lines, title, "epoch", label, outside=True)
show(cfg, figure, "active", "active units by epoch; zero for strong summed penalties")

# %%
# The codes of ten pictures, drawn as squares with one dot per unit, and the copies made
# from them. With the penalty most of the dots are white. A code that is 0 everywhere is
# crossed out.

sparse = f"mean {averaged[0]:g}"
silent = f"sum {float(cfg.summed.split(',')[-1]):g}"
side = math.isqrt(cfg.units)
rows = {"original": x_val[:10].reshape(-1, 28, 28)}
for name in ("no penalty", sparse, silent):
    encoder, decoder = models[name].layers
    h = encoder(x_val[:10])
    rows[f"code, {name}"] = h[:, : side * side].reshape(-1, side, side)
    rows[f"copy, {name}"] = decoder(h).reshape(-1, 28, 28)
title = f"Ten pictures, their codes ({side * side} units) and their copies"
framed = [name for name in rows if name.startswith("code")]
figure = image_rows(rows, title, framed)
show(cfg, figure, "codes", "codes: many dots without a penalty, few with one")

# %%
# The forty units that are most often active, in both networks. Without a penalty every
# unit takes part in every picture, and need not mean anything by itself. With the
# penalty a unit draws a stroke.

tiles = {}
for name in ("no penalty", sparse):
    encoder, decoder = models[name].layers
    often = to_numpy((encoder(x_val) != 0).mean(axis=0)).argsort()[::-1][:40]
    tiles[name] = to_numpy(decoder.layers[0].W)[often].reshape(-1, 28, 28)
figure = signed_panels(tiles, 10, "What a unit draws")
show(cfg, figure, "weights", "decoder weights: dots without a penalty, else strokes")

# %%
# Expected against reference
# --------------------------
# The reference values come from the same model and settings in PyTorch or Keras. The
# tolerance covers the runs with other seeds there.

report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                            cause                          look at
#    all units are active at any        no ReLU: a step goes past      --break linear
#    penalty                            zero instead of ending on it
#    half of the units are active       the penalty moves negative     --break early
#                                       a1 up to zero, the point
#                                       where the ReLU switches on
#    a penalty fits one batch size      the penalty is summed, not     --batch-size 16
#    only                               averaged

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --averaged 1e-5,1e-3     a fifteenth: a dense code; seven times: no unit is active
#    --batch-size 16          sum 1e-5 is now mean 1.6e-4, and works like mean 1.5e-4
#    --units 64               fewer units to choose from: a picture uses one in four
#    --dataset fashion        clothes need more units per picture

# %%
# Exercise
# --------
# The L1 penalty also makes the activations smaller that it does not remove. Multiply
# the codes of the sparse model by 1.05, 1.1 and 1.2 before they are decoded. Which
# factor gives the smallest validation error, and how much smaller is it than without a
# factor? The answer: ``scratchnet answer 05``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the command for a terminal that checks its gradient.

print(layer_table(build("mean", 1e-4), loss))

# sphinx_gallery_thumbnail_number = 4
