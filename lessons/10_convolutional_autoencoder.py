r"""
10 - Convolutional autoencoder
==============================

Shrink a picture to 7x7 places by convolutions and poolings, and ask whether that
compresses it.

**You will see**

- a code of 7x7x16 numbers that draws digits very well, and another of half that size;
- why the first compresses nothing: 7 * 7 * 16 = 784, as many numbers as a digit has
  pixels;
- with how many numbers PCA does as well, and what each code keeps of a photograph.

**Facts**: 20 s on a laptop with the default data, scikit-learn's digits, bundled and
enlarged to 28x28; 10 minutes with ``--dataset mnist``. Before this: 09, convolution.
Next: 11, latent space. Paper: Masci and others (2011), Stacked convolutional
auto-encoders for hierarchical feature extraction.

.. math:: h = E(x) \in R^{7 \times 7 \times 16}, \quad y = D(h), \quad L = BCE(y, x)
"""

# %%
# Knobs
# -----
# Every number you may change; each is also a flag. The names ending in ``_small``
# belong to the model with 392 numbers, those ending in ``_second`` to a second training
# of the large model.

import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.decomposition import PCA

from scratchnet.backend import RNG, to_device, to_numpy
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import (
    Conv2D,
    MaxPooling2D,
    ReLU,
    Sequential,
    Sigmoid,
    UpSampling2D,
)
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import BinaryCrossEntropy, MeanSquaredError
from scratchnet.optimizers import Adam
from scratchnet.plots import curves, image_grid, image_rows
from scratchnet.training import evaluate, fit

cfg = knobs(
    "10_convolutional_autoencoder",
    epochs=10, batch_size=128, epochs_second=20, batch_second=256, second=False,
    epochs_small=5, learning_rate=0.001, pictures=60000, probes=300, seed=0,
    datasets={"digits": {"batch_size": 32, "learning_rate": 0.003, "epochs_small": 10,
                         "batch_second": 64, "second": True},
              "mnist": {}, "fashion": {}},
    breaks={"scrambled": "the pixels of every picture in another, fixed order",
            "zeros": "all kernels start at zero"},
    quick={"pictures": 64, "epochs": 3, "epochs_small": 2, "second": False,
           "probes": 16},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# The digits stay pictures of shape (28, 28, 1). The test pictures serve as validation
# data: nothing is chosen by their error, it is only reported.

images = load_images(cfg.dataset, size=28)
x = to_device(images.x_train[: cfg.pictures])  # (N, 28, 28, 1)
x_val = to_device(images.x_test[: cfg.pictures])
print(f"train {x.shape}, held out {x_val.shape}, {x.dtype}, {x.min():g} to {x.max():g}")
figure = image_grid(x[:16], 8, f"Sixteen of the {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# Idea
# ----
# The dense autoencoder of lesson 01 squeezes a picture through 32 numbers. Each of them
# depends on all pixels. A convolutional autoencoder keeps the picture a picture. Its
# encoder alternates convolutions with poolings, and each pooling halves the height and
# the width. After two of them 7x7 places are left, and at each place there is a short
# list of numbers, one for each channel. The decoder does the opposite: convolutions
# alternate with layers that enlarge the picture, until it has 28x28 pixels again.
#
# This seems to compress strongly, because the picture has become so small. Whether it
# does has to be counted in numbers, height times width times channels: 7 * 7 * 16 =
# 784. That is exactly the number of pixels. Some course notes report a compression by
# 96 % for this code. They compare it with the widest layer, which has 28 * 28 * 32 =
# 25088 numbers, and not with the picture.
#
# A code of 784 numbers can hold any picture at all, and nothing has to be learned for
# it: 16 kernels of 4x4 pixels, moved by 4 pixels, can each copy one of the 16 pixels of
# every 4x4 block. A good copy through such a code therefore shows nothing about digits.
# Two questions do show something. How many numbers would be enough? PCA, the best
# linear code, answers it for every number at once. And does the code still work for
# pictures that are no digits? A code that has learned what digits look like should fail
# there.

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code      shape             meaning
#    x        x, x_val         (N, 28, 28, 1)    pictures
#    h        codes            (N, 7, 7, 16)     the code; small: (N, 7, 7, 8)
#    y        model(x)         (N, 28, 28, 1)    the pictures drawn from the code
#
#    y = P W + b, P the windows of x             Conv2D.forward, see lesson 09
#    m = the largest of each 2x2 pixels          MaxPooling2D.forward
#    u = each pixel as a block of 2x2 pixels     UpSampling2D.forward
#    L = -mean(x log y + (1 - x) log(1 - y))     BinaryCrossEntropy.forward
#
#    dx = dm at the largest pixel, else 0        MaxPooling2D.backward
#    dx = the sum of du over the 2x2 block       UpSampling2D.backward
#
# The convolutions have padding="same": a frame of zeros around x gives y the size of x.
# A pooling keeps one number of four. Two poolings keep one of sixteen, and 16 channels
# make up for exactly that.

# %%
# Build
# -----


def conv(channels):
    return Conv2D(channels, 3, padding="same")


def build(wide, narrow, side=28):
    down = [conv(wide), ReLU(), MaxPooling2D(), conv(narrow), ReLU(), MaxPooling2D()]
    up = [conv(narrow), ReLU(), UpSampling2D(), conv(wide), ReLU(), UpSampling2D()]
    up += [conv(1), Sigmoid()]
    encoder, decoder = Sequential(down, name="encoder"), Sequential(up, name="decoder")
    model = Sequential([encoder, decoder])
    model.build((side, side, 1), cfg.seed)
    return model


large, small, loss = build(32, 16), build(16, 8), BinaryCrossEntropy()
print(large.summary())
for model in (large, small):
    h, w, c = model.layers[0].output_shape
    print(f"{h}x{w}x{c} = {h * w * c} numbers, {784 / (h * w * c):g} : 1")

# %%
# Check before you train
# ----------------------
# Is the gradient right? It is checked on random pixels and with random biases. On white
# pixels and with biases of zero, the inputs of many ReLUs would be exactly 0, where a
# ReLU has no derivative. Is the loss before training near log 2 = 0.693, the loss of
# the answer 0.5 for every pixel?

little, noise = build(3, 2, side=8), RNG(cfg.seed).uniform(like=x[:3, :8, :8])
little.parameters[...] += 0.1 * RNG(cfg.seed).normal(like=little.parameters)
print(gradcheck(little, noise, noise, loss=loss, samples=30))
start = evaluate(large, loss, x_val, x_val)["loss"]
print(f"untrained {start:.4f}, the answer 0.5 for every pixel 0.6931")

# %%
# Break it on purpose
# -------------------
# ``--break scrambled`` takes away what a convolution is built on: neighbouring pixels
# no longer belong together. ``--break zeros`` shows why weights have to start at random
# numbers.

if cfg.broken == "scrambled":
    order = to_device(RNG(cfg.seed).host.permutation(784))
    x = x.reshape(-1, 784)[:, order].reshape(x.shape)
    x_val = x_val.reshape(-1, 784)[:, order].reshape(x_val.shape)
if cfg.broken == "zeros":
    large.parameters[...] = 0
    small.parameters[...] = 0

# %%
# Run
# ---


def train(model, epochs, batch_size):
    settings = dict(loss=loss, optimizer=Adam(cfg.learning_rate), seed=cfg.seed)
    settings |= dict(epochs=epochs, batch_size=batch_size, validation=(x_val, x_val))
    return fit(model, x, x, **settings, verbose=len(x) > 2000)


history = train(large, cfg.epochs, cfg.batch_size)
held_out = {"784 numbers": history["val_loss"]}
held_out["392 numbers"] = train(small, cfg.epochs_small, cfg.batch_size)["val_loss"]

# %%
# The course notes train the large model a second time, with twice the batch size and
# twice the epochs, which is the same number of updates. They report the error of one
# random test picture.

metrics = {}
if cfg.second:
    again, i = build(32, 16), int(RNG(cfg.seed).host.integers(len(x_val)))
    second = train(again, cfg.epochs_second, cfg.batch_second)
    held_out["second setting"] = second["val_loss"]
    one = x_val[i : i + 1]
    metrics["MSE of one picture"] = float(((again(one) - one) ** 2).mean())
metrics |= {f"val BCE, {name}": values[-1] for name, values in held_out.items()}

# %%
# How many numbers would be enough? PCA writes a picture as a mean plus a sum of
# directions, sorted by their importance. The directions are perpendicular, so the error
# of the first k of them is simply the sum of squares along all the others. One fit
# gives the error for every k. The answer is the first k for which PCA's error is no
# larger than the network's.

flat = to_numpy(x_val).reshape(-1, 784)
pca = PCA().fit(to_numpy(x).reshape(-1, 784))
squares = (pca.transform(flat).astype(float) ** 2).sum(axis=0)  # along each direction
total = ((flat - pca.mean_).astype(float) ** 2).sum()
pca_mse = (total - squares.cumsum()) / flat.size  # for k = 1, 2, 3, ...
models = {"784 numbers": large, "392 numbers": small}
for name, model in models.items():
    mse = evaluate(model, MeanSquaredError(), x_val, x_val)["loss"]
    metrics[f"val MSE, {name}"] = mse
    metrics[f"PCA directions for {name}"] = int((pca_mse > mse).sum()) + 1

# %%
# What does each code keep of pictures that are no digits? Four kinds are sent through
# six codes. Two of the codes learn nothing: they copy all 16 pixels of each 4x4 block,
# or 8 of them and gray. One code is a single number, the mean of the picture. A
# photograph is cut into pictures of 28x28.


def copy_pixels(a, kernels):
    """Copy the first 8 or 16 pixels of each 4x4 block; the others become 0.5."""
    cut = a.reshape(-1, 7, 4, 7, 4).copy()  # (N, block row, row, block column, column)
    cut[:, :, kernels // 4 :] = 0.5
    return cut.reshape(a.shape)


def through_pca(a, k=32):
    code = pca.transform(to_numpy(a).reshape(-1, 784))[:, :k]  # (N, 32)
    return to_device((code @ pca.components_[:k] + pca.mean_).reshape(a.shape))


gray = load_sample_image("china.jpg").mean(axis=2)[: 15 * 28, : 22 * 28] / 255
tiles = gray.reshape(15, 28, 22, 28).swapaxes(1, 2).reshape(-1, 28, 28, 1)
tiles = to_device(tiles[RNG(cfg.seed).host.permutation(len(tiles))])  # (330, 28, 28, 1)
seen = x_val[: cfg.probes]
kinds = {"digits": seen, "negatives": 1 - seen, "photograph": tiles}
kinds["noise"] = RNG(1).uniform(like=seen)
codes = {
    "blocks, 784": lambda a: copy_pixels(a, 16),
    "blocks, 392": lambda a: copy_pixels(a, 8),
    **models,
    "PCA, 32": through_pca,
    "mean, 1": lambda a: 0 * a + a.mean((1, 2), keepdims=True),
}
errors = {
    name: [float(((code(a) - a) ** 2).mean()) for a in kinds.values()]
    for name, code in codes.items()
}
print(table(("MSE", *kinds), ([name, *row] for name, row in errors.items())))
metrics |= {f"photograph MSE, {name}": row[2] for name, row in errors.items()}

# %%
# Look
# ----
# The networks copy digits well. On the bundled digits PCA does as well with 29 and with
# 21 numbers: codes of 784 and of 392 numbers are far larger than these digits require.
# The code of 784 numbers could hold everything, but it does not copy as well as the one
# that copies each pixel: a pooling keeps the largest of four numbers and forgets where
# it was.
#
# Neither network has learned only digits. They draw negatives and the photograph better
# than the 32 directions of PCA, which are made of whole digits. For the photograph and
# for noise, the mean of each picture is an even better answer than the networks'. For
# noise that holds for every code that does not copy pixels.

lines = {"784 numbers, training": history["loss"], **held_out}
label = "binary cross entropy (nats per pixel)"
figure = curves(lines, "Copying test pictures", "epoch", label)
show(cfg, figure, "loss", "loss curves of both models, falling steeply, then slowly")

channels = large.layers[0](x_val[:8]).transpose(0, 3, 1, 2)  # (8, 16, 7, 7)
rows = {f"picture {k}": code for k, code in enumerate(channels, 1)}
title = "The code: 16 channels of 7x7, each row with its own scale; crossed out: all 0"
figure = image_rows(rows, title, framed=rows, columns=range(1, 17))
show(cfg, figure, "codes", "eight codes, 16 small pictures each; some are crossed out")

mixed = np.concatenate([to_numpy(a[:4]) for a in kinds.values()])  # (16, 28, 28, 1)
rows = {name: code(to_device(mixed))[..., 0].clip(0, 1) for name, code in codes.items()}
title = "Digits, negatives, photograph, noise: the first row is exact"
figure = image_rows(rows, title)
show(cfg, figure, "kinds", "four kinds of pictures and what each code keeps of them")

# %%
# Expected against reference
# --------------------------
# The same models in PyTorch; tests/reference/make_convolutional.py computed the numbers
# for the bundled digits.

print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                         cause                         look at
#    the loss stays high, and the    pixels in the wrong order,    --break scrambled,
#    copies are gray dust            as after a wrong reshape      figure of the kinds
#    one gray for all pictures,      kernels of zero have no       --break zeros
#    the loss does not fall          gradient; only biases learn
#    "7x7 is a small code"           its channels are not counted  the output of Build

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --second            on MNIST: the second training, 20 epochs with batches of 256
#    --epochs 30         on the digits: lower errors through the same numbers
#    --dataset fashion   clothes: how many directions does PCA need for them?

# %%
# Exercise
# --------
# In ``build`` replace each pooling by a convolution with as many filters and
# ``strides=2``. Such a layer can pass on where a stroke lies. Which of the errors in
# the table falls? The answer: ``scratchnet answer 10``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(large, loss))

# sphinx_gallery_thumbnail_number = 4
