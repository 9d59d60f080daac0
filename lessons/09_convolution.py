r"""
09 - A convolution is a product with patches
============================================

Slide a small kernel over a picture, write it as a sum, and compute it as one product of
matrices.

**You will see**

- the sum that is called a convolution, and its three gradients, as loops of a few
  lines;
- the same numbers from the layer Conv2D and from one product with the matrix of all
  windows;
- the kernels that a small network learns from digits, and the windows to which they
  respond.

**Facts**: 5 s on a laptop with the default data, scikit-learn's digits, bundled and
enlarged to 28x28; 1 minute with ``--dataset mnist``. Before this: 08, tanh autoencoder.
Next: 10, convolutional autoencoder. Papers: LeCun and others (1989), Backpropagation
applied to handwritten zip code recognition; Chellapilla, Puri and Simard (2006), High
performance convolutional neural networks for document processing.

.. math:: y_{nijf} = b_f + \sum_{u,v,c} x_{n, i+u, j+v, c} W_{uvcf}
"""

# %%
# Knobs
# -----
# Every number you may change; each is also a flag, as in ``--filters 16``.

import inspect
import timeit

import numpy as np

from scratchnet.backend import RNG, float64, to_device, to_numpy
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Conv2D, Dense, Flatten, MaxPooling2D, ReLU, Sequential
from scratchnet.layers.conv.im2col import add_patches, patches
from scratchnet.layers.plain import conv2d, conv2d_backward
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import SoftmaxCrossEntropy
from scratchnet.metrics import accuracy
from scratchnet.optimizers import Adam
from scratchnet.plots import image_grid, image_rows, signed_grid
from scratchnet.training import evaluate, fit

cfg = knobs(
    "09_convolution",
    filters=8, kernel=7, epochs=3, batch_size=64, learning_rate=0.001, pictures=60000,
    seed=0,
    datasets={"digits": {"epochs": 10, "batch_size": 32, "learning_rate": 0.003},
              "mnist": {}, "fashion": {}},
    breaks={"last_window": "the gradient of the kernels from the last window only"},
    quick={"epochs": 3, "pictures": 400},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# Lesson 02 read the same digits as rows of 784 numbers. Here they stay pictures of
# shape (28, 28, 1), because a convolution needs to know which pixels are neighbours.

images = load_images(cfg.dataset, size=28)
x = to_device(images.x_train[: cfg.pictures])  # (N, 28, 28, 1)
t = to_device(images.y_train[: cfg.pictures])  # (N,)
x_test, t_test = to_device(images.x_test), to_device(images.y_test)
print(f"train {x.shape} {x.dtype}, labels {t.shape} {t.dtype}, test {x_test.shape}")
figure = image_grid(x[:16], 8, f"Sixteen of the {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# Idea
# ----
# A dense layer has a weight of its own for each pixel and each unit. A unit that has
# learned to recognize a stroke in the upper left corner does not respond to the same
# stroke in the middle. So many weights are needed, and many training pictures, because
# each stroke has to be learned at each place anew.
#
# A convolution assumes two things about pictures: what belongs together lies close
# together, and a pattern means the same wherever it lies. So it looks at one small
# window of the picture at a time, and it uses the same few weights, called the kernel,
# for every window. The kernel is laid on the window, pixels and weights are multiplied
# in pairs, and the products are added up. The sum is large where the window looks like
# the kernel. Doing so for every window gives a new picture, called a channel: a map of
# where the pattern was found. A layer has several kernels, also called filters, and
# makes one channel with each. If the input itself has channels, as a colour picture has
# three, a kernel covers all channels of its window.
#
# Because all windows share the kernel, the gradient of a weight is a sum over all
# windows. Because a pixel lies in several windows, the gradient of a pixel is a sum as
# well: over the windows that cover it.
#
# A loop over windows is easy to read but slow. If every window is copied into a row of
# one large matrix, the same sums are the product of this matrix with the kernels, and a
# computer multiplies matrices fast. Conv2D is built on this product.

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code      shape                meaning
#    x        x[i]             (N, H, W, C)         a batch of pictures with C channels
#    W        conv.W           (KH, KW, C, F)       F kernels
#    b        conv.b           (F,)                 a number to add for each kernel
#    y        y                (N, OH, OW, F)       OH = H - KH + 1, OW = W - KW + 1
#    P        patches(x, win)  (N*OH*OW, KH*KW*C)   each window of x as a row
#
# The sum, as the functions conv2d and conv2d_backward in scratchnet/layers/plain.py
# compute it. The section "Check before you train" prints both functions.
#
# .. code-block:: text
#
#    for each window (i, j):                        window = x[:, i : i+KH, j : j+KW]
#        y[n,i,j,f] = b[f] + sum_{u,v,c} window[n,u,v,c] W[u,v,c,f]
#
#    for each window (i, j), from dy = dL/dy:
#        dW[u,v,c,f]     += sum_n window[n,u,v,c] dy[n,i,j,f]   each window adds to dW
#        dx[n,i+u,j+v,c] += sum_f dy[n,i,j,f] W[u,v,c,f]        and to its pixels
#    db[f] = sum_{n,i,j} dy[n,i,j,f]
#
# The same as products of matrices, with W as (KH*KW*C, F) and y and dy as (N*OH*OW, F).
# The function ``add_patches`` adds each row of a matrix to the pixels of its window.
# Its argument ``win``, the attribute ``windows`` of a layer, says where the windows
# are: kernel size, stride and padding.
#
# .. code-block:: text
#
#    y  = P W + b                                   Conv2D.forward
#    dW = P^T dy                                    Conv2D.weight_gradients
#    dx = add_patches(dy W^T)                       Conv2D.backward
#
# Mathematicians call this sum a cross-correlation. Their convolution turns the kernel
# by 180 degrees first. For learned kernels it makes no difference, and the field kept
# the shorter name.

# %%
# Build
# -----
# The smallest network that can use a convolution: one layer of kernels, then a dense
# layer that reads the digit from the channels.


def build(convolution, side=28):
    kernels = convolution(cfg.filters, cfg.kernel)
    model = Sequential([kernels, ReLU(), MaxPooling2D(), Flatten(), Dense(10)])
    model.build((side, side, 1), cfg.seed)
    return model


model, loss = build(Conv2D), SoftmaxCrossEntropy()
conv = model.layers[0]
print(model.summary())
print(
    f"a Dense layer in its place: {785 * np.prod(conv.output_shape)} weights and biases"
)

# %%
# Check before you train
# ----------------------
# The product by hand, on a picture of 3x3 pixels with a kernel of 2x2: four windows,
# four rows.

tiny = Conv2D(1, 2)
tiny.build((3, 3, 1), cfg.seed)
square = to_device(np.arange(1.0, 10).reshape(1, 3, 3, 1))
print(f"a picture\n{square[0, :, :, 0]}")
print(f"its windows, one a row\n{patches(square, tiny.windows)}")
print(f"times the kernel\n{tiny.W.reshape(4, 1)}")
print(f"is the channel\n{tiny(square)[0, :, :, 0]}")

# %%
# Three ways to the same numbers, on four pictures. The first is the sum, as printed
# here from the file plain.py. The second is the product with patches. The third is the
# layer, which computes the same products for a few pictures at a time, so that the
# patches fit into the processor's cache, and takes a shorter path where there is one:
# see the docstring of ``choose_path`` in scratchnet/layers/conv/fast_paths.py.

print(inspect.getsource(conv2d), inspect.getsource(conv2d_backward), sep="\n")

with float64():
    layer, four = Conv2D(cfg.filters, cfg.kernel), to_device(images.x_train[:4])
    layer.build((28, 28, 1), cfg.seed)
    dy = RNG(cfg.seed).normal(like=layer(four))  # (4, OH, OW, F), any numbers
W, b, win = layer.W, layer.b, layer.windows


def by_sum():
    return conv2d(four, W, b), *conv2d_backward(dy, four, W)


def by_product():
    P = patches(four, win)  # (N*OH*OW, KH*KW*C), one window a row
    kernels, dy_rows = W.reshape(P.shape[1], -1), dy.reshape(len(P), -1)
    y = (P @ kernels + b).reshape(dy.shape)
    dx = add_patches(dy_rows @ kernels.T, win)
    dW = (P.T @ dy_rows).reshape(W.shape)
    return y, dx, dW, dy_rows.sum(axis=0)


def by_layer():
    y, cache = layer.forward(four)
    dx, grads = layer.backward(dy, cache)
    return y, dx, grads["W"], grads["b"]


ways = {"sum": by_sum, "product with patches": by_product, "Conv2D": by_layer}
exact, rows, difference = by_sum(), [], 0.0
for name, way in ways.items():
    errors = [float(abs(a - e).max()) for a, e in zip(way(), exact, strict=True)]
    seconds = min(timeit.repeat(way, number=1, repeat=3))
    rows.append((name, *errors, f"{1000 * seconds:.1f} ms"))
    difference = max(difference, *errors)
print(table(("largest difference", "y", "dx", "dW", "db", "time"), rows))

# %%
# Is the gradient of the whole model right? Is the loss before training near log 10 =
# 2.303, the cross entropy of ten equal probabilities?

noise = RNG(cfg.seed).uniform(like=x[:3, :12, :12])
example = dict(x=noise, target=t[:3], loss=loss, samples=30)
print(gradcheck(build(Conv2D, side=12), **example))
print(f"untrained {evaluate(model, loss, x_test, t_test)['loss']:.3f} (expected 2.303)")

# %%
# Break it on purpose
# -------------------
# A frequent mistake in the backward loop: ``dW =`` in place of ``dW +=``. Only the
# last window remains. With ``--break last_window`` the network below is trained with
# this gradient.


class LastWindow(Conv2D):
    """The mistake: dW from the last window only."""

    def weight_gradients(self, dy, x):
        last = 0 * dy
        last[:, -1, -1] = dy[:, -1, -1]
        return super().weight_gradients(last, x)


found = gradcheck(build(LastWindow, side=12), **example)
verdict = "ok" if found.ok else "wrong"
print(f"dW of the last window only: {verdict}, relative error {found.error:.1e}")
if cfg.broken == "last_window":
    model = build(LastWindow)

# %%
# Run
# ---
# The loop of lesson 02, as ``fit`` runs it.

conv = model.layers[0]
before = to_numpy(conv.W).copy()  # (KH, KW, 1, F)
settings = dict(epochs=cfg.epochs, batch_size=cfg.batch_size, seed=cfg.seed)
settings |= dict(loss=loss, optimizer=Adam(cfg.learning_rate))
settings |= dict(validation=(x_test, t_test), metrics={"accuracy": accuracy})
history = fit(model, x, t, **settings)
after = to_numpy(conv.W)
change = float(np.linalg.norm(after - before) / np.linalg.norm(before))
print(f"the kernels changed by {change:.0%} of their length")

# %%
# Which windows does a kernel respond to? The rows of P are windows, and the rows of P W
# are the responses of all kernels to them. So the largest numbers of column f belong to
# the windows that kernel f responds to most. Neighbouring windows look alike; so every
# fiftieth of the best 400 is shown.

seen = x_test[:300]
P = to_numpy(patches(seen, conv.windows))  # (300*OH*OW, KH*KW), one window a row
response = P @ after.reshape(P.shape[1], -1)  # (300*OH*OW, F)
best = {}
for f in range(cfg.filters):
    rows = response[:, f].argsort()[::-1][:400:50]
    best[f"kernel {f + 1}"] = P[rows].reshape(-1, cfg.kernel, cfg.kernel)

# %%
# Look
# ----
# Before training a kernel is noise. Afterwards most kernels are edges, positive on one
# side and negative on the other, in different directions; they were learned from labels
# alone. A channel is dark along those edges of the digit that look like its kernel, and
# so are the kernel's best windows.

kernels = np.concatenate([before, after], axis=3)[:, :, 0].transpose(2, 0, 1)
title = f"The {cfg.filters} kernels before training (above) and after (below)"
figure = signed_grid(kernels, cfg.filters, title)
show(cfg, figure, "kernels", "the kernels: noise before training, edges after")

channels = model.layers[1](conv(seen[:8]))  # (8, OH, OW, F)
rows = {"picture": seen[:8, :, :, 0]}
rows |= {f"kernel {f + 1}": channels[..., f] for f in range(cfg.filters)}
title = "Eight digits and their channels, after the ReLU"
figure = image_rows(rows, title, framed=rows)
show(cfg, figure, "channels", "eight digits, and for each kernel its map of edges")

title = "Windows of test pictures to which each kernel responds most"
figure = image_rows(best, title, framed=best)
show(cfg, figure, "windows", "for each kernel eight windows that look alike")

# %%
# Expected against reference
# --------------------------
# The same model in PyTorch, from Glorot weights; the tolerance is the range of other
# seeds there. The difference between the sum, the product and the layer is rounding of
# 64-bit numbers.

metrics = {
    "test accuracy": history["val_accuracy"][-1],
    "largest difference from the sum": difference,
    "parameters of Conv2D": conv.n_parameters,
    "change of the kernels": change,
}
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                        cause                        look at
#    the loss falls, the accuracy   a wrong gradient of the      --break last_window,
#    is good, but many kernels      kernels; the dense layer     gradient check, figure
#    are still noise                learns in their place        of the kernels
#    ShapeError: Conv2D expects     channels first, or no axis   x.shape; transpose the
#    (N, 28, 28, 1)                 for the channels             axes, do not reshape
#    a kernel from another          it is stored as              W.transpose(2, 3, 1, 0)
#    library gives other numbers    (F, C, KH, KW)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --filters 2           two kernels: an accuracy lower by about one percent
#    --kernel 3            windows too small to show an edge of these smooth digits
#    --kernel 11           larger windows: curves in place of straight edges
#    --dataset fashion     kernels for the edges of clothes

# %%
# Exercise
# --------
# With ``Conv2D(cfg.filters, cfg.kernel, strides=2)`` the kernels move by two pixels at
# a time. Which rows of the matrix P remain? Change the section "Check before you train"
# so that all three ways use this stride (``conv2d`` has an argument for it), and see
# whether they still agree. The answer: ``scratchnet answer 09``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(model, loss, conv2d))

# sphinx_gallery_thumbnail_number = 3
