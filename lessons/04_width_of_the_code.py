r"""
04 - Width of the code
======================

How much does a picture lose if its code has fewer numbers?

**You will see**

- three autoencoders that differ in the width of the code only, and PCA of each width;
- what the units of an encoder respond to;
- what becomes of random noise: a code only fits pictures like those of its training.

**Facts**: 7 s on a laptop with the default data, scikit-learn's digits, bundled and
enlarged to 28x28; 2 minutes with ``--dataset mnist``. Before this: 03, PCA and a deep
autoencoder. Next: 05, sparse autoencoder. Paper: Bourlard and Kamp (1988),
Auto-association by multilayer perceptrons and singular value decomposition.

.. math:: h = \max(0, x W_1 + b_1), \quad y = s(h W_2 + b_2), \quad L = mean((y - x)^2)
"""

# %%
# Knobs
# -----
# Every number you may change; each is also a flag, as in ``--widths "2 4 8"``.

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

# %%
# Data, and the first picture
# ---------------------------
# Of the 60,000 training pictures of MNIST and Fashion the last 10,000 are held out.
# Each picture becomes one row of 784 numbers from 0 (white) to 1 (black).

images = load_images(cfg.dataset, size=28)
pictures, held_out = images.x_train, images.x_test
if cfg.dataset != "digits":
    pictures, held_out = images.x_train[:-10_000], images.x_train[-10_000:]
x = to_device(pictures.reshape(-1, 784))  # (N, 784)
x_val = to_device(held_out.reshape(-1, 784))
print(f"train {x.shape}, validation {x_val.shape}, {x.dtype}, {x.min()} to {x.max()}")
figure = image_grid(pictures[:16], 8, f"Sixteen of the {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# Idea
# ----
# The width of the code, the number of its units, is the most important choice in an
# autoencoder. A narrow code cannot hold much, so the copies are blurred, but the
# network has to find out what the pictures have in common. A wide code gives sharp
# copies, and in the extreme the network could pass every pixel through unchanged and
# learn nothing about digits. Here three networks that differ in the width only are
# trained on the same batches, and their errors are compared with PCA, the best linear
# code of the same width.
#
# The weights also show how the code works. Each unit of the encoder has 784 weights,
# one per pixel, so they can be drawn as a picture, the filter of the unit. Finally we
# give the networks something that is no digit, pure noise. A code made for digits has
# no numbers to describe noise.

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   variable              shape      meaning
#    x        x                     (N, 784)   a batch of pictures
#    W1       encoder.layers[0].W   (784, k)   column j is the filter of unit j
#    h        -                     (N, k)     the code, of width k
#    y        -                     (N, 784)   the pictures drawn from h
#
#    h = max(0, x W1 + b1)          Dense.forward, ReLU.forward
#    y = s(h W2 + b2)               Dense.forward, Sigmoid.forward
#    L = mean((y - x)^2)            MeanSquaredError.forward
#
#    dy  = 2 (y - x) / n            MeanSquaredError.backward, n = 784 N
#    da2 = dy * y (1 - y)           Sigmoid.backward
#    dW2 = h^T da2                  Dense.backward
#    dh  = da2 W2^T                 Dense.backward
#    da1 = dh where h > 0, else 0   ReLU.backward
#    dW1 = x^T da1                  Dense.backward
#
# Two consequences. First, h_j is large for pictures that are black where the weights of
# filter j are positive and white where they are negative: a unit responds to pictures
# that look like its filter. Second, a pixel that is white in all pictures has x = 0, so
# its row of dW1 is 0. The weights of such pixels keep their random first values, and
# the rim of a filter stays noise.

# %%
# Build
# -----
# Three models of different width. With ``--center`` the mean picture m is subtracted
# from the input, not from the target.

WIDTHS = [int(width) for width in cfg.widths.split()]
m = x.mean(axis=0) if cfg.center else 0


def build(width):
    encoder = Sequential([Dense(width, cfg.initializer), ReLU()], name="encoder")
    decoder = Sequential([Dense(784, cfg.initializer), Sigmoid()], name="decoder")
    model = Sequential([encoder, decoder], name=f"width {width}")
    model.build((784,), cfg.seed)
    return model


models = {width: build(width) for width in WIDTHS}
print(models[WIDTHS[-1]].summary())

# %%
# Check before you train
# ----------------------
# Is the gradient right? Does an untrained model score like gray pictures, every pixel
# 0.5? Can the model memorize twenty pictures, so that their error falls far below that
# of the mean picture?

loss = MeanSquaredError()
narrow, three = models[WIDTHS[0]], x[:3]
print(gradcheck(narrow, three, three, loss=loss, samples=50, eps=1e-4))
untrained = evaluate(narrow, loss, x_val - m, x_val)["loss"]
gray = float(loss(0 * x_val + 0.5, x_val))
mean_picture = float(loss(0 * x_val + x.mean(axis=0), x_val))  # the same row N times
few = x[:20]
net = build(WIDTHS[-1])
adam = Adam(0.01)
result = fit(net, few - m, few, loss=loss, optimizer=adam, epochs=150, verbose=False)
print(f"untrained {untrained:.4f}, gray pictures {gray:.4f}")
print(f"trained on twenty {result['loss'][-1]:.4f}, mean picture {mean_picture:.4f}")

# %%
# Break it on purpose
# -------------------
# ``--break equal`` sets all weights of each layer to the same number.
# ``--break reshape`` draws the filters without the transpose, as if they were the rows
# of W1.

FILTER_AXES = (1, 0)  # (784, k) -> (k, 784)
if cfg.broken == "equal":
    for model in models.values():
        for half in model.layers:
            half.layers[0].W[...] = 0.001
if cfg.broken == "reshape":
    FILTER_AXES = (0, 1)

# %%
# Run
# ---
# From here on ``fit`` runs the loop of the first lessons. The models are trained on the
# same batches in the same order.

errors = {}
for width, model in models.items():
    history = fit(
        model,
        x - m,  # the input
        x,  # the target
        loss=loss,
        optimizer=Adam(cfg.learning_rate),
        epochs=cfg.epochs,
        batch_size=cfg.batch_size,
        validation=(x_val - m, x_val),
        seed=cfg.seed,
        verbose=False,
    )
    errors[width] = history["val_loss"][-1]
    print(f"width {width}: validation {errors[width]:.5f}", flush=True)

# %%
# Now PCA. Its directions are sorted by their variance, so a PCA with the first k
# directions is the one of width k. Some units of the codes are dead: no picture
# activates them, so they receive no gradient and stay dead. Therefore PCA is computed
# twice: with as many numbers as the code has units, and with as many as it has units
# that are not dead.

pca = PCA(max(WIDTHS), svd_solver="covariance_eigh").fit(to_numpy(x))


def pca_error(k):
    centered, V = to_numpy(x_val) - pca.mean_, pca.components_[:k]  # (N, 784), (k, 784)
    return float(np.square(centered - centered @ V.T @ V).mean())


rows, alive = [], {}
for k, model in models.items():
    active = (model.layers[0](x_val - m) > 0).mean(axis=0)  # (k,): share of pictures
    alive[k] = int((active > 0).sum())
    at_once = float(active.sum())  # units that a picture activates, in the mean
    rows.append((k, errors[k], pca_error(k), alive[k], pca_error(alive[k]), at_once))
print(table(("width", "MSE", "PCA", "alive", "PCA of as many", "active at once"), rows))

# %%
# On MNIST all units are alive and active for nearly all pictures, so max(0, a) = a and
# the code is linear. Why does the autoencoder beat PCA there? Because of the sigmoid at
# the end: it turns all very negative a2 into white and all very positive ones into
# black, so the code need not determine their exact values.
#
# At last a picture and noise, sent through the three networks. None of them was trained
# to copy noise.

noise = RNG(cfg.seed).fork(1).host.random((1, 784))
pair = to_device(np.concatenate([held_out[:1].reshape(1, 784), noise]), "float32")
copies = {"original": pair} | {f"{k} numbers": models[k](pair - m) for k in WIDTHS}
noise_mse = {k: float(loss(copies[f"{k} numbers"][1:], pair[1:])) for k in WIDTHS}

# %%
# Look
# ----
# The error falls as the code becomes wider. On the small digits the autoencoder is
# about as good as a PCA of as many numbers as it has units alive: dead units are
# wasted.

lines = {
    "autoencoder": list(errors.values()),
    "PCA": [pca_error(k) for k in WIDTHS],
    "PCA, as many as units alive": [pca_error(n) for n in alive.values()],
}
title = "The wider the code, the smaller the error"
label = "mean squared error, validation"
figure = curves(lines, title, "width of the code", label, x=WIDTHS, log=True)
show(cfg, figure, "widths", "error by width on logarithmic scales: falling lines")

k = WIDTHS[-1]
filters = models[k].layers[0].layers[0].W.transpose(FILTER_AXES).reshape(-1, 28, 28)
title = f"The filters of the {k} units (columns of W1)"
figure = signed_grid(filters, 16 if k > 32 else 8, title)
show(cfg, figure, "filters", f"the filters of {k} units; plain noise for a dead unit")

# %%
# The noise comes out as something that the decoder can draw: spots of the shape of
# strokes, or a gray haze. The copies are no better than plain gray, which has the error
# 1/12.

tiles = [to_numpy(y[row]).reshape(28, 28) for row in (0, 1) for y in copies.values()]
captions = [*copies, "noise", *(f"MSE {error:.3f}" for error in noise_mse.values())]
title = "A picture and noise, through each code"
figure = captioned(tiles, captions, title, columns=len(copies))
show(cfg, figure, "noise", "the picture is copied; noise becomes spots or a gray haze")

# %%
# Expected against reference
# --------------------------
# The tolerance covers the runs with other seeds in PyTorch. On the digits it is large,
# because the number of units that are alive is a matter of chance.

metrics = {f"val MSE {k}": errors[k] for k in WIDTHS}
metrics |= {f"PCA MSE {k}": pca_error(k) for k in WIDTHS}
metrics |= {f"dead units {k}": k - alive[k] for k in WIDTHS}
metrics |= {f"noise MSE {k}": noise_mse[k] for k in WIDTHS}
metrics["noise MSE, gray"] = 1 / 12
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                            cause                        look at
#    all widths end at the same error,  equal first weights: all     --break equal, and
#    no unit is alive                   units receive the same       the filters
#                                       gradient and die together
#    good errors, but striped filters   a filter is a column of W,   --break reshape
#    without shapes                     so W.T has to be reshaped
#    PCA is better at every width       half of the units are dead   the table; --center
#                                                                    narrows the gap

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --center                   the mean picture subtracted from the input: on the
#                               digits no unit dies; errors of 0.016, 0.008 and 0.0035
#    --initializer inverse_sqrt_uniform
#                               on the digits more units die: half as much error again
#                               at width 8, and more than twice as much at width 32
#    --widths "1 2 4"           very blurred copies; the only unit of width 1 is dead

# %%
# Exercise
# --------
# Derive the gradient of L = 1/n sum of (y - t)^2, write the loss with
# ``scratchnet exercise MeanSquaredError``, and check it with
# ``scratchnet grade exercises/mean_squared_error.py``. Which optimizer would hardly
# notice if the factor 2/n were missing, and why? The answer: ``scratchnet answer 04``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the command for a terminal that checks its gradient.

print(layer_table(models[WIDTHS[0]], loss))

# sphinx_gallery_thumbnail_number = 3
