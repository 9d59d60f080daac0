r"""
11 - Transposed convolution and the latent space
================================================

Build a decoder from the adjoint of the convolution, then look at the space of its codes.

**You will see**

- that a transposed convolution is the transposed matrix, to the last digit, and no inverse;
- 7x7x128 = 6272 numbers for 784 pixels, in two dimensions by PCA and by t-SNE;
- how much of the islands is in the codes, and how much was in the pixels before.

**Facts**: 25 s on a laptop with the default data, scikit-learn's digits, bundled and enlarged to
28x28; 10 minutes with ``--dataset mnist``. Before this: 09, convolutional autoencoder. Next: 11,
unpooling. Papers: Dumoulin and Visin (2016), A guide to convolution arithmetic; van der Maaten and
Hinton (2008), Visualizing data using t-SNE.

.. math:: \langle conv(x), y \rangle = \langle x, conv^T(y) \rangle
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--epochs 3``.

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from scratchnet.backend import RNG, float64, to_device, to_numpy
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import (
    Conv2D,
    Conv2DTranspose,
    MaxPooling2D,
    ReLU,
    Sequential,
    Sigmoid,
    UpSampling2D,
)
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import BinaryCrossEntropy, MeanSquaredError
from scratchnet.optimizers import Adam
from scratchnet.plots import curves, image_grid, image_rows, scatter
from scratchnet.training import evaluate, fit, predict

cfg = knobs(
    "11_latent_space",
    epochs=10, batch_size=128, learning_rate=0.001, pictures=60000, points=1000, steps=1000, seed=0,
    datasets={"digits": {"epochs": 8, "batch_size": 32, "learning_rate": 0.002}, "mnist": {},
              "fashion": {}},
    breaks={"stride": "transposed convolutions of stride 2 enlarge, no upsampling"},
    quick={"pictures": 64, "epochs": 2, "points": 40, "steps": 250},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# Validation is on the test set. Labels are only for colours: no model sees them.

images = load_images(cfg.dataset, size=28)
x, x_val = to_device(images.x_train[: cfg.pictures]), to_device(images.x_test[: cfg.pictures])
t = images.y_test[: cfg.points]  # (P,)
print(f"train {x.shape}, validation {x_val.shape}, {x.dtype}, {x.min():g} to {x.max():g}")
figure = image_grid(x[:16], 8, f"Sixteen of the {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code        shape              meaning
#    x        x[i]               (N, 28, 28, 1)     a batch of pictures
#    h        codes              (N, 7, 7, 128)     the code: 6272 numbers, eight times the picture
#    M        M                  (OH*OW, H*W)       a convolution, written as one matrix
#
# A convolution is linear in x, so it is some matrix: conv(x) = M x. Its backward pass multiplies by
# the transpose, dx = M^T dy. A transposed convolution uses exactly that as its FORWARD pass:
#
# .. code-block:: text
#
#    conv(x) = patches(x) W                         Conv2D.forward: gather what windows see
#    conv_transpose(y) = add_patches(y W^T)         Conv2DTranspose.forward: put a kernel at each y
#    <M x, y> = <x, M^T y>                          for all x and y: that is the adjoint
#
#    dy of conv_transpose: dx = patches(dy) W       Conv2DTranspose.backward is a convolution again
#    dW = patches(dy)^T x                           Conv2DTranspose.weight_gradients

# %%
# Build
# -----


def conv(filters):
    return [Conv2D(filters, 3, padding="same"), ReLU()]


def back(filters):
    """A transposed convolution, then each pixel four times; or both at once, by its stride."""
    if cfg.broken == "stride":
        return [Conv2DTranspose(filters, 3, strides=2, padding="same"), ReLU()]
    return [Conv2DTranspose(filters, 3, padding="same"), ReLU(), UpSampling2D()]


def build(side=28, f=32):
    down = [*conv(f), MaxPooling2D(), *conv(2 * f), MaxPooling2D(), *conv(4 * f)]
    up = [*back(2 * f), *back(f), Conv2DTranspose(1, 3, padding="same"), Sigmoid()]
    model = Sequential([Sequential(down, name="encoder"), Sequential(up, name="decoder")])
    model.build((side, side, 1), cfg.seed)
    return model


model, loss = build(), BinaryCrossEntropy()
encoder, decoder = model.layers
untrained = predict(encoder, x_val[: cfg.points])  # (P, 7, 7, 128), to compare with later
print(model.summary())

# %%
# Check before you train
# ----------------------
# Gradient right? (On snow: over white paper each ReLU stands on its kink.) Is the transposed
# convolution the transposed matrix? Does it undo the convolution?

little, snow = build(8, 2), RNG(cfg.seed).uniform(x[:3, :8, :8])
little.parameters[...] += 0.1 * RNG(cfg.seed).normal(little.parameters)  # biases off zero, too
print(gradcheck(little, snow, snow, loss=loss, samples=30))
print(f"untrained {evaluate(model, loss, x_val, x_val)['loss']:.4f} (a guess: 0.6931)")


def twins(side, channels, filters, kernel):
    """A convolution and the transposed one with the very same kernel."""
    convolve, turned = Conv2D(filters, kernel), Conv2DTranspose(channels, kernel)
    turned.build(convolve.build((side, side, channels), cfg.seed), cfg.seed)
    turned.W[...] = convolve.W
    return convolve, turned


with float64():
    convolve, turned = twins(3, 1, 1, 2)  # pictures of 3x3, a kernel of 2x2
    M = convolve(to_device(np.eye(9)).reshape(9, 3, 3, 1)).reshape(9, 4).T
    M_turned = turned(to_device(np.eye(4)).reshape(4, 2, 2, 1)).reshape(4, 9).T
    print(f"the convolution as a matrix M (4, 9)\n{M.round(2)}")
    print(f"the transposed one is M^T, difference {abs(M_turned - M.T).max():g}")
    convolve, turned = twins(28, 3, 5, 3)
    a = RNG(0).normal(to_device(np.zeros((2, 28, 28, 3))))
    b = RNG(1).normal(convolve(a))
    left, right = float((convolve(a) * b).sum()), float((a * turned(b)).sum())
    print(f"<conv(a), b> = {left:.12f}\n<a, conv_transpose(b)> = {right:.12f}")
    undone = turned(convolve(a))
    undone *= (undone * a).sum() / (undone**2).sum()  # scaled as well as can be
    missing = float(((undone - a) ** 2).mean() / (a**2).mean())
    print(f"no inverse: conv_transpose(conv(a)) misses {missing:.0%} of a, best scaled")

# %%
# Run
# ---

settings = dict(epochs=cfg.epochs, batch_size=cfg.batch_size, seed=cfg.seed)
settings |= dict(loss=loss, optimizer=Adam(cfg.learning_rate), validation=(x_val, x_val))
history = fit(model, x, x, **settings, verbose=len(x) > 2000)
mse = evaluate(model, MeanSquaredError(), x_val, x_val)["loss"]

# %%
# Maps of the codes, a row each. PCA looks along the two directions of most spread. t-SNE (after PCA
# to 50) keeps neighbours neighbours, and nothing else: sizes and distances of islands mean nothing.
# The network's own merit? Maps of pixels and of untrained codes tell: on the small digits, none.

spaces = {"pixels": x_val[: cfg.points], "untrained code": untrained}
spaces["code"] = predict(encoder, x_val[: cfg.points])  # (P, 7, 7, 128)
spaces = {name: to_numpy(a).reshape(len(a), -1) for name, a in spaces.items()}  # (P, 784 or 6272)
fifty = {n: PCA(min(50, len(t) // 2), random_state=0).fit(a) for n, a in spaces.items()}
flat = {name: fifty[name].transform(a) for name, a in spaces.items()}
near = dict(perplexity=min(30, len(t) / 4), max_iter=cfg.steps, random_state=0)
with threadpool_limits(1):  # threads of so little work mostly wait for one another
    tsne = {name: TSNE(**near).fit_transform(a) for name, a in flat.items()}


def alike(a):
    """The share of points whose nearest neighbour is of the same class."""
    nearest = NearestNeighbors(n_neighbors=1).fit(a).kneighbors(return_distance=False)[:, 0]
    return float((t[nearest] == t).mean())


maps = {n: [alike(spaces[n]), alike(flat[n][:, :2]), alike(tsne[n])] for n in spaces}
head = ("nearest neighbour alike", "all numbers", "PCA to 2", "t-SNE to 2")
print(table(head, ([name, *row] for name, row in maps.items())))

# %%
# Look
# ----

lines = {"training": history["loss"], "validation": history["val_loss"]}
figure = curves(lines, "Through 7x7x128 numbers", "epoch", "binary cross entropy (nats per pixel)")
show(cfg, figure, "loss", "training and validation loss falling together")

rows = {"original": x_val[:10, :, :, 0], "decoded": model(x_val[:10])[..., 0]}
figure = image_rows(rows, "Ten pictures the model has never seen")
show(cfg, figure, "reconstructions", "ten pictures and what is drawn from their codes")

share = fifty["code"].explained_variance_ratio_[:2]
for name, points, xlabel, ylabel in (
    ("pca", flat["code"], f"first direction ({share[0]:.0%})", f"second ({share[1]:.0%})"),
    ("tsne", tsne["code"], "t-SNE 1 (no unit)", "t-SNE 2 (no unit)"),
    ("tsne_pixels", tsne["pixels"], "t-SNE 1 (no unit)", "t-SNE 2 (no unit)"),
):
    groups = {label: points[t == c, :2] for c, label in enumerate(images.class_names)}
    what = "pixels" if name == "tsne_pixels" else "codes of 7x7x128"
    figure = scatter(groups, f"{len(t)} test pictures, by their {what}", xlabel, ylabel)
    show(cfg, figure, name, f"a map of the {what}, a colour and a shape for each class")

# %%
# Expected against reference
# --------------------------
# The same in PyTorch. tests/reference/make_convolutional.py made the figures of the digits.

metrics = {
    "parameters": model.n_parameters,
    "val BCE": history["val_loss"][-1],
    "test MSE": mse,
    "adjoint, difference": abs(left - right),
    "neighbours alike, pixels": maps["pixels"][0],
    "neighbours alike, code": maps["code"][0],
}
print(table(("metric", "value"), metrics.items()))
counted = ("parameters", 185217, 0, "course notes")
report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --steps 250                          t-SNE stopped early: one heap, not yet islands
#    --seed 1                             the islands keep their points and change their places

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    a fine checkered pattern             stride 2 and kernel 3 overlap   --break stride
#    conclusions from distances           t-SNE keeps neighbours only     --seed 1

# %%
# Exercise
# --------
# Write down the matrix M of a 3x3 kernel on a row of five pixels with padding="same", and transpose
# it. Which convolution is that? (``turned`` in scratchnet/layers/conv/im2col.py knows.)

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(Conv2D, Conv2DTranspose, MaxPooling2D, UpSampling2D, BinaryCrossEntropy))
