r"""
10 - Convolutional autoencoder
==============================

Small kernels slide over a picture and squeeze it through 7x7 places; count the numbers kept there.

**You will see**

- that a convolution is a product with patches: nine shifted pictures, weighted and added;
- a code of 7x7x16 = 784 numbers, as many as a picture has: it compresses nothing; 7x7x8 does;
- what both do with pictures of another kind, and how few straight directions do as well.

**Facts**: 20 s on a laptop with the default data, scikit-learn's digits, bundled and enlarged to
28x28; 6 minutes with ``--dataset mnist``. Before this: 08, tanh autoencoder. Next: 10, latent
space. Paper: Masci and others (2011), Stacked convolutional auto-encoders.

.. math:: y_{ijf} = b_f + \sum_{a,b,c} x_{i+a, j+b, c} W_{abcf}, \quad L = BCE(D(E(x)), x)
"""

# %%
# Knobs
# -----
# Each is also a flag, as in ``--second``: the large model again, in larger batches.

import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.decomposition import PCA

from scratchnet.backend import RNG, to_device, to_numpy
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Conv2D, MaxPooling2D, ReLU, Sequential, Sigmoid, UpSampling2D
from scratchnet.layers.conv.im2col import patches
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import BinaryCrossEntropy, MeanSquaredError
from scratchnet.optimizers import Adam
from scratchnet.plots import captioned, curves, image_grid, image_rows
from scratchnet.training import evaluate, fit

cfg = knobs(
    "10_convolutional_autoencoder",
    epochs=10, batch_size=128, epochs_second=20, batch_second=256, second=False, epochs_small=5,
    learning_rate=0.001, pictures=60000, probes=300, seed=0,
    datasets={"digits": {"batch_size": 32, "learning_rate": 0.003, "epochs_small": 10,
                         "batch_second": 64, "second": True}, "mnist": {}, "fashion": {}},
    breaks={"scrambled": "the pixels of every picture in another order, the same for all",
            "zeros": "all kernels start at zero"},
    quick={"pictures": 64, "epochs": 3, "epochs_small": 2, "second": False, "probes": 16},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# Pictures stay pictures: it matters which pixels are neighbours. Validation is on the test set.

images = load_images(cfg.dataset, size=28)
x, x_val = images.x_train[: cfg.pictures], images.x_test[: cfg.pictures]
if cfg.broken == "scrambled":
    order = RNG(cfg.seed).host.permutation(784)
    x, x_val = (a.reshape(-1, 784)[:, order].reshape(a.shape) for a in (x, x_val))
x, x_val = to_device(x), to_device(x_val)
print(f"train {x.shape}, validation {x_val.shape}, {x.dtype}, {x.min():g} to {x.max():g}")
figure = image_grid(x[:16], 8, f"Sixteen of the {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code        shape              meaning
#    P(x)     patches(x, g)      (N*784, 9)         what each 3x3 window of x sees, a row each
#    W        layer.W            (3, 3, C, F)       one kernel for each of F channels
#    h        codes              (N, 7, 7, 16)      the code, in the small model (N, 7, 7, 8)
#
#    y  = P(x) W + b                                Conv2D.forward: one product for all windows
#    m  = the largest of 2x2 pixels                 MaxPooling2D.forward
#    u  = each pixel four times                     UpSampling2D.forward
#    L  = -mean(x log y + (1 - x) log(1 - y))       BinaryCrossEntropy.forward
#
#    dW = P(x)^T dy      db = sum of dy             Conv2D.weight_gradients: all places pull on W
#    dx = P^T(dy W^T)                               Conv2D.backward: put back where it was seen
#    dm to the largest pixel; the sum of four du    MaxPooling2D.backward, UpSampling2D.backward
#
# A pooling halves height and width and keeps 1 of 4 numbers; the channels are what grows. So count
# height * width * channels. Some course notes call 7x7x16 a compression by 96 %. It is none.

# %%
# Build
# -----


def conv(channels):
    draw = "zeros" if cfg.broken == "zeros" else "glorot_uniform"
    return Conv2D(channels, 3, padding="same", kernel_initializer=draw)


def build(wide, narrow, side=28):
    down = [conv(wide), ReLU(), MaxPooling2D(), conv(narrow), ReLU(), MaxPooling2D()]
    up = [conv(narrow), ReLU(), UpSampling2D(), conv(wide), ReLU(), UpSampling2D()]
    up += [conv(1), Sigmoid()]
    model = Sequential([Sequential(down, name="encoder"), Sequential(up, name="decoder")])
    model.build((side, side, 1), cfg.seed)
    return model


large, small, loss = build(32, 16), build(16, 8), BinaryCrossEntropy()
print(large.summary())
for h, w, c in (model.layers[0].output_shape for model in (large, small)):
    print(f"{h}x{w}x{c} = {h * w * c} numbers for 784 pixels: {784 / (h * w * c):g} : 1")

# %%
# Check before you train
# ----------------------
# Gradient right? (On snow: over white paper each ReLU stands on its kink.) Untrained like a guess
# (every pixel 0.5: log 2 = 0.693)? Is a convolution that product, by hand and in the first layer?

little, snow = build(3, 2, side=8), RNG(cfg.seed).uniform(x[:3, :8, :8])
little.parameters[...] += 0.1 * RNG(cfg.seed).normal(little.parameters)  # biases off zero, too
print(gradcheck(little, snow, snow, loss=loss, samples=30))
print(f"untrained {evaluate(large, loss, x_val, x_val)['loss']:.4f} (a guess: 0.6931)")

tiny = Conv2D(1, 2)
tiny.build((3, 3, 1), cfg.seed)
square = to_device(np.arange(1.0, 10).reshape(1, 3, 3, 1))
print(f"a picture\n{square[0, :, :, 0]}\nits patches, a row each\n{patches(square, tiny.windows)}")
print(f"times\n{tiny.W.reshape(4, 1)}\nis the convolution\n{tiny(square)[0, :, :, 0]}")
first = large.layers[0].layers[0]  # Conv2D(32, 3): W (3, 3, 1, 32)
product = patches(x_val[:8], first.windows) @ first.W.reshape(9, 32)  # (8 * 784, 9) (9, 32)
difference = float(abs(product.reshape(8, 28, 28, 32) - first(x_val[:8])).max())
print(f"the first layer and its product with patches differ by at most {difference:.1e}")

# %%
# Run
# ---


def train(model, epochs, batch_size):
    settings = dict(epochs=epochs, batch_size=batch_size, seed=cfg.seed, verbose=len(x) > 2000)
    settings |= dict(loss=loss, optimizer=Adam(cfg.learning_rate), validation=(x_val, x_val))
    return fit(model, x, x, **settings)


history = train(large, cfg.epochs, cfg.batch_size)
held_out, metrics = {"784 numbers": history["val_loss"]}, {}
held_out["392 numbers"] = train(small, cfg.epochs_small, cfg.batch_size)["val_loss"]
if cfg.second:  # and then the error of one random test picture
    again, i = build(32, 16), int(RNG(cfg.seed).host.integers(len(x_val)))
    held_out["second setting"] = train(again, cfg.epochs_second, cfg.batch_second)["val_loss"]
    metrics["MSE of one picture"] = float(((again(x_val[i : i + 1]) - x_val[i]) ** 2).mean())

# How many straight directions would do as well? PCA's error with k of them is what the others hold.
metrics |= {f"val BCE, {name}": values[-1] for name, values in held_out.items()}
flat = to_numpy(x_val).reshape(-1, 784)
pca = PCA().fit(to_numpy(x).reshape(-1, 784))
spread = (pca.transform(flat).astype(float) ** 2).sum(axis=0)  # along each direction
straight = (((flat - pca.mean_).astype(float) ** 2).sum() - spread.cumsum()) / flat.size  # k = 1..
models = {"784 numbers": large, "392 numbers": small}
for name, model in models.items():
    mse = evaluate(model, MeanSquaredError(), x_val, x_val)["loss"]
    k = int((straight > mse).sum()) + 1
    metrics |= {f"val MSE, {name}": mse, f"PCA directions for {name}": k}

# %%
# Why count? 784 numbers can hold ANY picture, nothing learned: 16 kernels of 4x4, stride 4, pick a
# pixel each. With 8 kernels half is gone. The trained 784 save nothing either, and still lose: a
# pooling keeps the largest, not where it stood. Kinds they never saw they draw better than PCA's 32
# directions of whole digits, but for the photograph one gray a tile is nearer than either.


def blocks(a, kernels):
    """The first 16 or 8 pixels of each block of 4x4; gray where nothing is kept."""
    cut = a.reshape(-1, 7, 4, 7, 4).copy()  # rows 7 x 4, columns 7 x 4
    cut[:, :, kernels // 4 :] = 0.5
    return cut.reshape(a.shape)


def through_pca(a, k=32):
    code = pca.transform(to_numpy(a).reshape(-1, 784))[:, :k]  # (N, 32)
    return to_device((code @ pca.components_[:k] + pca.mean_).reshape(a.shape))


gray = load_sample_image("china.jpg").mean(axis=2)[:420, :616] / 255
tiles = gray.reshape(15, 28, 22, 28).swapaxes(1, 2).reshape(-1, 28, 28, 1)  # (330, 28, 28, 1)
tiles = to_device(tiles[RNG(cfg.seed).host.permutation(len(tiles))])
seen = x_val[: cfg.probes]
kinds = {"digits": seen, "negatives": 1 - seen, "photograph": tiles, "snow": RNG(1).uniform(seen)}
ways = {"blocks, 784": lambda a: blocks(a, 16), "blocks, 392": lambda a: blocks(a, 8), **models}
ways |= {"PCA, 32": through_pca, "mean, 1": lambda a: 0 * a + a.mean((1, 2), keepdims=True)}
errors = {n: [float(((f(a) - a) ** 2).mean()) for a in kinds.values()] for n, f in ways.items()}
print(table(("MSE", *kinds), ([name, *row] for name, row in errors.items())))
metrics |= {f"photograph MSE, {name}": row[2] for name, row in errors.items()}

# %%
# Look
# ----

lines = {"784 numbers, training": history["loss"], **held_out}
figure = curves(lines, "Copying test pictures", "epoch", "binary cross entropy (nats per pixel)")
show(cfg, figure, "loss", "loss curves of both models, falling steeply, then slowly")

columns = to_numpy(patches(x_val[:1], first.windows).T.reshape(9, 28, 28))
channels = np.maximum(to_numpy(first(x_val[:1])[0]), 0)  # (28, 28, 32)
k = (channels - channels[0, 0]).sum(axis=(0, 1)).argmax()  # the one that ink excites most
captions = [*(f"{w:+.2f} x" for w in first.W[..., k].reshape(9).tolist()), "= the channel"]
shown = np.concatenate([columns, channels[None, :, :, k] / max(channels[..., k].max(), 1e-9)])
figure = captioned(shown, captions, "Nine shifted pictures weighted and added, plus b; ReLU", 10)
show(cfg, figure, "patches", "nine shifted copies of a picture with their weights, and the sum")

codes = large.layers[0](x_val[:8]).transpose(0, 3, 1, 2)  # (8, 16, 7, 7)
rows = {f"picture {k}": code for k, code in enumerate(codes, 1)}
figure = image_rows(rows, "The code: 16 channels of 7x7, each picture scaled to its largest")
show(cfg, figure, "codes", "eight codes as 16 small pictures each; some channels stay empty")

mixed = np.concatenate([to_numpy(a[:4]) for a in kinds.values()])  # (16, 28, 28, 1)
rows = {name: way(to_device(mixed))[..., 0].clip(0, 1) for name, way in ways.items()}
figure = image_rows(rows, "Digits, negatives, a photograph, snow; the first row is exact")
show(cfg, figure, "kinds", "four kinds of pictures and what each code keeps of them")

# %%
# Expected against reference
# --------------------------
# The same in PyTorch. tests/reference/make_convolutional.py made the figures of the digits.

print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --second                             on MNIST: batches of 256, 20 epochs: as many updates
#    --seed 1                             MNIST, 392 numbers: 0.0751 (seed 0: 0.0766)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    gray dust                            pixels reshaped in wrong order  --break scrambled
#    one gray for all, loss stands still  kernels all zero at the start   --break zeros

# %%
# Exercise
# --------
# In ``build`` replace each pooling by a convolution with ``strides=2``. Which error falls?

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(Conv2D, MaxPooling2D, UpSampling2D, BinaryCrossEntropy))
