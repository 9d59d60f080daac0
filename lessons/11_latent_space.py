r"""
11 - Transposed convolution and the latent space
================================================

Build a decoder from the adjoint of the convolution, then look at the space of its
codes.

**You will see**

- that a transposed convolution multiplies by the transposed matrix, and is no inverse;
- codes of 7x7x128 = 6272 numbers as points of a plane, by PCA and by t-SNE;
- how well the classes are separated in the codes, and how well they were in the pixels.

**Facts**: 25 s on a laptop with the default data, scikit-learn's digits, bundled and
enlarged to 28x28; 22 minutes with ``--dataset mnist``. Before this: 10, convolutional
autoencoder. Next: 12, unpooling. Papers: Dumoulin and Visin (2016), A guide to
convolution arithmetic for deep learning; van der Maaten and Hinton (2008), Visualizing
data using t-SNE.

.. math:: \langle conv(x), y \rangle = \langle x, conv^T(y) \rangle
"""

# %%
# Knobs
# -----
# Every number you may change; each is also a flag, as in ``--epochs 3``. ``points`` is
# the number of pictures in the maps, ``steps`` the number of iterations of t-SNE.

import inspect

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
from scratchnet.layers.plain import conv2d_transpose
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import BinaryCrossEntropy, MeanSquaredError
from scratchnet.optimizers import Adam
from scratchnet.plots import image_grid, image_rows, scatter
from scratchnet.training import evaluate, fit, predict

cfg = knobs(
    "11_latent_space",
    epochs=10, batch_size=128, learning_rate=0.001, pictures=60000, points=1000,
    steps=1000, seed=0,
    datasets={"digits": {"epochs": 8, "batch_size": 32, "learning_rate": 0.002},
              "mnist": {}, "fashion": {}},
    breaks={"stride": "transposed convolutions enlarge by stride 2, not upsampling"},
    quick={"pictures": 64, "epochs": 2, "points": 40, "steps": 250},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# The test pictures serve as validation data. The labels are used for the colours of the
# maps only; the model is not trained with them.

images = load_images(cfg.dataset, size=28)
x = to_device(images.x_train[: cfg.pictures])  # (N, 28, 28, 1)
x_val = to_device(images.x_test[: cfg.pictures])
t = images.y_test[: cfg.points]  # (P,)
print(f"train {x.shape}, held out {x_val.shape}, {x.dtype}, {x.min():g} to {x.max():g}")
figure = image_grid(x[:16], 8, f"Sixteen of the {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# Idea
# ----
# An encoder of convolutions reads a window of the picture for each of its numbers. A
# decoder has to go the other way, from a few numbers to many pixels. The transposed
# convolution does this: it takes a number of the code, multiplies a kernel by it, and
# adds the result to a window of the picture. Where windows overlap, the contributions
# add up.
#
# The name comes from linear algebra. A convolution is linear in its input, so it is the
# product with some matrix M, which is large and mostly zero. The transposed convolution
# is the product with the transposed matrix of M, also called the adjoint. Nothing new
# has to be derived for it: the backward pass of the convolution multiplies by the
# transposed matrix already, when it computes the gradient of the input. What is the
# backward pass of one layer is the forward pass of the other. The transpose restores
# the shape of the input, but it is not the inverse, and it does not restore the input
# itself. The name "deconvolution", which some texts use, is misleading.
#
# A trained encoder turns every picture into a point of a space with 6272 dimensions,
# the latent space. Do the digits of one class lie together there? Two methods draw the
# points in a plane. PCA looks along the two directions in which the points vary most.
# t-SNE moves points in the plane until close neighbours in the space are close
# neighbours in the plane. It keeps nothing else: the sizes of its clusters and the
# distances between them mean nothing. And a cluster is no merit of the network if the
# pixels show the same cluster. So the pixels and the codes of the untrained encoder are
# measured as well.

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code      shape             meaning
#    x        x, x_val         (N, 28, 28, 1)    pictures
#    h        spaces["code"]   (P, 6272)         the codes (P, 7, 7, 128), each as a row
#    M        M                (OH*OW, H*W)      a convolution, written as a matrix
#
#    conv:    x -> y = M x                       its backward pass:  dx = M^T dy
#    conv_T:  x -> y = M^T x                     its backward pass:  dx = M dy
#    <M x, y> = <x, M^T y> for all x and y       the definition of the adjoint
#
# With the patches of lesson 09, for a kernel W of the convolution that is transposed:
#
# .. code-block:: text
#
#    y  = add_patches(x W^T) + b                 Conv2DTranspose.forward
#    dx = patches(dy) W                          Conv2DTranspose.backward: a convolution
#    dW = patches(dy)^T x                        Conv2DTranspose.weight_gradients
#
# With stride 1, as in this model, a transposed convolution is again an ordinary
# convolution, with the kernel turned by 180 degrees. UpSampling2D enlarges the pictures
# between these layers: it repeats each pixel in a block of 2x2.

# %%
# Build
# -----


def conv(filters):
    return [Conv2D(filters, 3, padding="same"), ReLU()]


def enlarge(filters):
    return [Conv2DTranspose(filters, 3, padding="same"), ReLU(), UpSampling2D()]


def build(enlarge, side=28, f=32):
    down = [*conv(f), MaxPooling2D(), *conv(2 * f), MaxPooling2D(), *conv(4 * f)]
    up = [*enlarge(2 * f), *enlarge(f)]
    up += [Conv2DTranspose(1, 3, padding="same"), Sigmoid()]
    encoder, decoder = Sequential(down, name="encoder"), Sequential(up, name="decoder")
    model = Sequential([encoder, decoder])
    model.build((side, side, 1), cfg.seed)
    return model


model, loss = build(enlarge), BinaryCrossEntropy()
print(model.summary())

# %%
# Check before you train
# ----------------------
# Is the gradient right? It is checked on random pixels and with random biases, because
# a ReLU has no derivative at 0, where white pixels and biases of zero would put it. Is
# the loss before training near log 2 = 0.693, the loss of the answer 0.5 for every
# pixel?

little, noise = build(enlarge, 8, 2), RNG(cfg.seed).uniform(like=x[:3, :8, :8])
little.parameters[...] += 0.1 * RNG(cfg.seed).normal(like=little.parameters)
print(gradcheck(little, noise, noise, loss=loss, samples=30))
start = evaluate(model, loss, x_val, x_val)["loss"]
print(f"untrained {start:.4f}, the answer 0.5 for every pixel 0.6931")

# %%
# Is the transposed convolution the product with the transposed matrix? A picture of 3x3
# pixels and a kernel of 2x2 are small enough to write M down: its columns are the
# convolutions of the nine pictures in which one pixel is 1 and the others are 0. After
# that, pictures of 28x28 with three channels: the two scalar products, and the plain
# form of the layer from scratchnet/layers/plain.py.


def adjoint_pair(side, channels, filters, kernel):
    """A convolution and the transposed convolution with the same kernel."""
    convolve, transpose = Conv2D(filters, kernel), Conv2DTranspose(channels, kernel)
    transpose.build(convolve.build((side, side, channels), cfg.seed), cfg.seed)
    transpose.W[...] = convolve.W
    return convolve, transpose


print(inspect.getsource(conv2d_transpose))
with float64():
    convolve, transpose = adjoint_pair(3, 1, 1, 2)
    M = convolve(to_device(np.eye(9)).reshape(9, 3, 3, 1)).reshape(9, 4).T
    M_T = transpose(to_device(np.eye(4)).reshape(4, 2, 2, 1)).reshape(4, 9).T
    print(f"the convolution as a matrix M (4, 9)\n{M.round(2)}")
    print(f"the matrix of the transposed one minus M^T: {abs(M_T - M.T).max():g}")

    convolve, transpose = adjoint_pair(28, 3, 5, 3)
    a = RNG(0).normal(like=to_device(np.zeros((2, 28, 28, 3))))
    b = RNG(1).normal(like=convolve(a))
    left, right = float((convolve(a) * b).sum()), float((a * transpose(b)).sum())
    print(f"<conv(a), b> = {left:.12f}\n<a, conv_transpose(b)> = {right:.12f}")
    plain = conv2d_transpose(b, transpose.W, transpose.b)
    print(f"the layer minus its plain form: {abs(transpose(b) - plain).max():.1e}")
    back = transpose(convolve(a))
    back *= (back * a).sum() / (back**2).sum()  # the least-squares scale factor
    error = float(((back - a) ** 2).mean() / (a**2).mean())
    print(f"no inverse: conv_transpose(conv(a)) has a relative error of {error:.0%}")

# %%
# Break it on purpose
# -------------------
# A stride of 2 lets the transposed convolution enlarge the picture itself. But kernels
# of 3x3 at every second pixel overlap in every second row and column only, and these
# get more contributions. After one epoch the decoded pictures show the pattern; longer
# training learns kernels that avoid it.


def enlarge_by_stride(filters):
    return [Conv2DTranspose(filters, 3, strides=2, padding="same"), ReLU()]


if cfg.broken == "stride":
    model = build(enlarge_by_stride)

# %%
# Run
# ---

encoder, decoder = model.layers
untrained = predict(encoder, x_val[: cfg.points])  # (P, 7, 7, 128)
settings = dict(loss=loss, optimizer=Adam(cfg.learning_rate), seed=cfg.seed)
settings |= dict(epochs=cfg.epochs, batch_size=cfg.batch_size, verbose=len(x) > 2000)
history = fit(model, x, x, **settings, validation=(x_val, x_val))
mse = evaluate(model, MeanSquaredError(), x_val, x_val)["loss"]

# %%
# The maps. t-SNE starts from 50 numbers for each point, made by PCA, as is usual: that
# is faster, and 50 directions hold most of the variance. The table counts the points
# whose nearest neighbour is of the same class: in the whole space, and in the two maps.

spaces = {"pixels": x_val[: cfg.points], "untrained code": untrained}
spaces["code"] = predict(encoder, x_val[: cfg.points])  # (P, 7, 7, 128)
spaces = {name: to_numpy(a).reshape(len(a), -1) for name, a in spaces.items()}
directions = min(50, len(t) // 2)
pcas = {name: PCA(directions, random_state=0).fit(a) for name, a in spaces.items()}
projected = {name: pcas[name].transform(a) for name, a in spaces.items()}  # (P, 50)
options = dict(perplexity=min(30, len(t) / 4), max_iter=cfg.steps, random_state=0)
with threadpool_limits(1):  # more threads would mostly wait for one another
    tsne = {name: TSNE(**options).fit_transform(a) for name, a in projected.items()}


def same_class(a):
    """The share of points whose nearest neighbour is of the same class."""
    nearest = NearestNeighbors(n_neighbors=1).fit(a).kneighbors(return_distance=False)
    return float((t[nearest[:, 0]] == t).mean())


shares = {
    name: [same_class(a), same_class(projected[name][:, :2]), same_class(tsne[name])]
    for name, a in spaces.items()
}
head = ("nearest neighbour of the same class", "all numbers", "PCA to 2", "t-SNE to 2")
print(table(head, ([name, *row] for name, row in shares.items())))

# %%
# Look
# ----
# In the map of PCA the classes overlap: two directions of 6272 are too few. In the map
# of t-SNE most classes form one or two clusters. But the table says that on the small
# digits the pixels separate the classes as well as the codes do, before training and
# after. The network was trained to copy, not to separate classes.

rows = {"original": x_val[:10, :, :, 0], "decoded": model(x_val[:10])[..., 0]}
figure = image_rows(rows, "Ten pictures that the model was not trained on")
show(cfg, figure, "reconstructions", "ten pictures, and their copies below")

share = pcas["code"].explained_variance_ratio_[:2]
axes = {
    "pca": [f"PCA {i} ({s:.0%} of the variance)" for i, s in enumerate(share, 1)],
    "tsne": ["t-SNE 1 (no unit)", "t-SNE 2 (no unit)"],
}
for name, points in (("pca", projected["code"]), ("tsne", tsne["code"])):
    groups = {label: points[t == c, :2] for c, label in enumerate(images.class_names)}
    figure = scatter(groups, f"The codes of {len(t)} test pictures", *axes[name])
    show(cfg, figure, name, "a map of the codes, a colour and a shape for each class")

# %%
# Expected against reference
# --------------------------
# The same model in PyTorch; tests/reference/make_convolutional.py computed the numbers
# for the bundled digits. The number of parameters is also in the course notes.

metrics = {
    "parameters": model.n_parameters,
    "val BCE": history["val_loss"][-1],
    "test MSE": mse,
    "adjoint, difference": abs(left - right),
    "neighbours alike, pixels": shares["pixels"][0],
    "neighbours alike, code": shares["code"][0],
}
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                         cause                         look at
#    a fine checkered pattern in     stride 2 and a kernel of 3    --break stride
#    the decoded pictures            overlap unevenly              --epochs 1
#    a distance in a map of t-SNE    t-SNE keeps close neighbours  --seed 1, the map of
#    is taken for a difference       and nothing else              t-SNE

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --steps 250      t-SNE stopped early: one heap, not yet clusters
#    --seed 1         other codes: clusters of the same digits, at other places
#    --epochs 1       worse copies; the classes are separated almost as well

# %%
# Exercise
# --------
# Write down the matrix M of a kernel with three numbers on a row of five pixels, with
# one zero of padding at each end, and transpose it. M^T is the matrix of a convolution,
# too. What is its kernel? ``flip_kernel`` in scratchnet/layers/conv/fast_paths.py
# computes it. The answer: ``scratchnet answer 11``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(model, loss, conv2d_transpose))

# sphinx_gallery_thumbnail_number = 4
