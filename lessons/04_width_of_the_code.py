r"""
04 - Width of the code
======================

How much does a picture lose for each number that its code has less?

**You will see**

- three autoencoders, equal but for the width of their code, and PCA of each width beside them;
- what each unit of an encoder looks for in a picture;
- what becomes of pure noise: a code is for the pictures that it was made from.

**Facts**: 7 s on a laptop with the default data, scikit-learn's digits, bundled and enlarged to
28x28; 2 minutes with ``--dataset mnist``. Before this: 03, PCA and a deep autoencoder. Next: 05,
sparse autoencoder. Paper: Bourlard and Kamp (1988), Auto-association by multilayer perceptrons
and singular value decomposition.

.. math:: h = \max(0, x W_1 + b_1), \quad y = s(h W_2 + b_2), \quad L = mean((y - x)^2)
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--widths "2 4 8"``.

import numpy as np
from sklearn.decomposition import PCA

from scratchnet.backend import RNG, to_device, to_numpy
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Dense, ReLU, Sequential, Sigmoid
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import Adam
from scratchnet.plots import captioned, curves, image_grid, signed_grid
from scratchnet.training import evaluate, fit

cfg = knobs(
    "04_width_of_the_code",
    widths="64 128 256", initializer="glorot_uniform", epochs=15, batch_size=64,
    learning_rate=0.001, center=False, seed=0,
    datasets={"digits": {"widths": "8 16 32", "epochs": 50, "batch_size": 32},
              "mnist": {}, "fashion": {}},
    breaks={"equal": "all weights of a layer start at the same number",
            "reshape": "filters drawn without the transpose"},
    quick={"epochs": 2},
)  # fmt: skip
WIDTHS = [int(width) for width in cfg.widths.split()]

# %%
# Data, and the first picture
# ---------------------------
# Of the 60,000 training pictures of MNIST and Fashion the last 10,000 are held out. Each picture
# becomes one row of 784 numbers between 0 (paper) and 1 (ink).

images = load_images(cfg.dataset, size=28)
pictures, held_out = images.x_train, images.x_test
if cfg.dataset != "digits":
    pictures, held_out = pictures[:-10_000], pictures[-10_000:]
x = to_device(pictures.reshape(-1, 784))  # (N, 784)
x_val = to_device(held_out.reshape(-1, 784))
m = float(cfg.center) * x.mean(axis=0)  # what is taken off at the entrance: 0, or the mean picture
print(f"train {x.shape}, validation {x_val.shape}, {x.dtype}, {x.min():g} to {x.max():g}")
figure = image_grid(pictures[:16], 8, f"Sixteen of the {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code        shape        meaning
#    x        x[i]               (N, 784)     a batch of pictures
#    W1       W of the encoder   (784, k)     column j is the filter of unit j
#    h        the code           (N, k)       k = 64, 128 or 256
#    y        the output         (N, 784)     the picture drawn from h
#
#    h = max(0, x W1 + b1)                    Dense.forward, ReLU.forward
#    y = s(h W2 + b2)                         Dense.forward, Sigmoid.forward
#    L = mean((y - x)^2)                      MeanSquaredError.forward
#
#    dy  = 2 (y - x) / n                      MeanSquaredError.backward, n = 784 N
#    da2 = dy * y (1 - y)                     Sigmoid.backward
#    dW2 = h^T da2     dh = da2 W2^T          Dense.backward
#    da1 = dh * (h > 0)                       ReLU.backward
#    dW1 = x^T da1                            Dense.weight_gradients
#
# Two things to read off. h_j is large where the picture has ink on the positive weights of filter j
# and none on the negative ones: each unit asks one question. And where a pixel is blank in every
# picture, its row of dW1 is 0: it keeps the random weights of the start, and a filter a noisy rim.

# %%
# Build
# -----
# Three models that differ in one number.


def build(width):
    encoder = Sequential([Dense(width, cfg.initializer), ReLU()], name="encoder")
    decoder = Sequential([Dense(784, cfg.initializer), Sigmoid()], name="decoder")
    model = Sequential([encoder, decoder], name=f"width {width}")
    model.build((784,), cfg.seed)
    if cfg.broken == "equal":
        encoder.layers[0].W[...] = decoder.layers[0].W[...] = 0.001
    return model


models = {width: build(width) for width in WIDTHS}
print(models[WIDTHS[-1]].summary())

# %%
# Check before you train
# ----------------------
# Is the gradient right? Does an untrained model score like a guess (every pixel 0.5)? Can it learn
# twenty pictures by heart?

loss = MeanSquaredError()
three = pictures[:3].reshape(3, 784)
print(gradcheck(models[WIDTHS[0]], three, three, loss=loss, samples=50, eps=1e-4))
start = evaluate(models[WIDTHS[0]], loss, x_val - m, x_val)["loss"]
average = float(loss(0 * x_val + x.mean(axis=0), x_val))  # the same mean picture for everyone
few, small = x[:20], build(WIDTHS[-1])
history = fit(small, few - m, few, loss=loss, optimizer=Adam(0.01), epochs=150, verbose=False)
gray = float(loss(0 * x_val + 0.5, x_val))
print(f"untrained {start:.4f} (a guess: {gray:.4f}), 20 by heart {history['loss'][-1]:.4f}")

# %%
# Run
# ---
# From here on ``fit`` runs the loop. The three models see the same batches in the same order.

histories = {}
for width, model in models.items():
    histories[width] = fit(
        model, x - m, x, loss=loss, optimizer=Adam(cfg.learning_rate), epochs=cfg.epochs,
        batch_size=cfg.batch_size, validation=(x_val - m, x_val), seed=cfg.seed,
        verbose=cfg.dataset != "digits",
    )  # fmt: skip
history = histories[WIDTHS[0]]

# %%
# PCA's directions come in order of their spread, so one PCA serves every width: its first k. It is
# asked twice: at the width of the code, and with as many numbers as the code has units that live.
# A dead unit, which no picture switches on, gets no gradient either, and stays dead.

pca = PCA(max(WIDTHS), svd_solver="covariance_eigh").fit(to_numpy(x))


def pca_error(k):
    off, V = to_numpy(x_val) - pca.mean_, pca.components_[:k]  # (N, 784), (k, 784)
    return float(np.square(off - off @ V.T @ V).mean())


on = {k: (model.layers[0](x_val - m) > 0).mean(axis=0) for k, model in models.items()}
alive = {k: int((share > 0).sum()) for k, share in on.items()}
error = {k: history["val_loss"][-1] for k, history in histories.items()}
head = ("width", "validation", "PCA", "units alive", "PCA of as many", "units on per picture")
rows = [
    (k, error[k], pca_error(k), alive[k], pca_error(alive[k]), k * float(on[k].mean()))
    for k in WIDTHS
]
print(table(head, rows))

# %%
# On MNIST all units live and are on for nearly all pictures: where max(0, a) = a a code is linear.
# So what beats PCA is the sigmoid at the end: "far below" is paper and "far above" is ink, and the
# code need not say how far. Now pure noise, which nobody trained the three to copy:

noise = RNG(cfg.seed).fork(1).host.random((1, 784))
two = to_device(np.concatenate([held_out[:1].reshape(1, 784), noise]), "float32")
out = {k: model(two - m) for k, model in models.items()}
errors = {k: [float(loss(y[i : i + 1], two[i : i + 1])) for i in (0, 1)] for k, y in out.items()}

# %%
# Look
# ----

lines = {f"{k} numbers": history["val_loss"] for k, history in histories.items()}
label = "mean squared error, validation"
figure = curves(lines, "The wider, the closer", "epoch", label, {"mean picture": average}, log=True)
show(cfg, figure, "loss", "validation error over the epochs, one falling curve for each width")

lines = {"PCA": [pca_error(k) for k in WIDTHS], "autoencoder": list(error.values())}
if list(alive.values()) != WIDTHS:  # some are dead
    lines["PCA, as many as units alive"] = [pca_error(n) for n in alive.values()]
name = "width of the code (numbers)"
figure = curves(lines, "What each width costs", name, label, x=WIDTHS, log=True)
show(cfg, figure, "widths", "error against width, on two logarithmic scales: falling lines")

for k, model in models.items():
    W = model.layers[0].layers[0].W  # (784, k): the filter of a unit is a COLUMN
    filters = (W if cfg.broken == "reshape" else W.T).reshape(-1, 28, 28)
    title = f"What the {k} units of the encoder look for (columns of W1)"
    figure = signed_grid(filters, 16 if k > 32 else 8, title)
    show(cfg, figure, f"filters_{k}", f"the filters of {k} units; plain noise where one is dead")

tiles = np.stack([to_numpy(y[i]) for i in (0, 1) for y in (two, *out.values())])
captions = ["a picture", *(f"{k} numbers\nMSE {errors[k][0]:.4f}" for k in WIDTHS)]
captions += ["noise", *(f"{k} numbers\nMSE {errors[k][1]:.4f}" for k in WIDTHS)]
title, columns = "A picture and pure noise, through each code", len(WIDTHS) + 1
figure = captioned(tiles.reshape(-1, 28, 28), captions, title, columns)
show(cfg, figure, "noise", "a picture comes out as its copy, noise as blots of ink or as haze")

# %%
# Expected against reference
# --------------------------
# The tolerance is what seeds do: on the digits much, because chance decides how many units live.

metrics = {f"val MSE {k}": error[k] for k in WIDTHS}
metrics |= {f"PCA MSE {k}": pca_error(k) for k in WIDTHS}
metrics |= {f"dead units {k}": k - alive[k] for k in WIDTHS}
metrics |= {f"noise MSE {k}": errors[k][1] for k in WIDTHS} | {"noise MSE, gray": 1 / 12}
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --center                             the mean picture taken off first: on the digits every unit
#                                         lives, and the errors fall to 0.016, 0.008 and 0.0035
#    --initializer inverse_sqrt_uniform   on the digits more units die: errors half as large again
#                                         at width 8, more than doubled at 32
#    --widths "1 2 4"                     with one unit, dead or nearly linear, little is left

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    every width ends at one error, no    equal first weights: all units  --break equal, and
#    unit lives                           move, and die, together         the filters
#    good errors, but filters without     W.reshape instead of W.T: a     --break reshape
#    shape, striped                       filter is a column of W
#    PCA is better at every width         half of the units are dead      the table, --center

# %%
# Exercise
# --------
# Delete the body of ``MeanSquaredError.backward`` in scratchnet/losses.py, derive it and run
# ``scratchnet gradcheck MeanSquaredError``. Without the n in it, which optimizer would not care?

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(Dense, ReLU, Sigmoid, MeanSquaredError))
