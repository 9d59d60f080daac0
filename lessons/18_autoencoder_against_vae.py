r"""
18 - Autoencoder against VAE
============================

One network, trained with and without noise in its code: what each can do, and what it costs.

**You will see**

- random codes decoded by both, and walks between two digits: what the autoencoder lacks is a map;
- that good copies say nothing about this: the autoencoder's are the better ones;
- why VAE pictures are blurred: each is the average of all the pictures its code may stand for.

**Facts**: 30 s on a laptop with the default data, scikit-learn's digits, bundled and enlarged to
28x28; 90 s with ``--dataset mnist``. Before this: 14, twenty dimensions. Next: 16, GAN.
Paper: Kingma and Welling (2014), Auto-encoding variational Bayes; beta: Higgins and others (2017).

.. math:: y^*(z) = E[x | z] = \sum_n w_n x_n, \quad w_n = q(z | x_n) / \sum_k q(z | x_k)
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--code 4``.

import numpy as np

from scratchnet.backend import RNG, to_device, to_numpy, xp_of
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Dense, ReLU, Sampling, Sequential
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from scratchnet.metrics import frechet_distance
from scratchnet.models.vae import VAE
from scratchnet.numerics import softmax
from scratchnet.optimizers import Adam
from scratchnet.plots import curves, histogram, image_grid, image_rows
from scratchnet.training import fit

cfg = knobs(
    "18_autoencoder_against_vae",
    code=16, units=256, betas="0.1,3,10", epochs=5, batch_size=128, learning_rate=0.001,
    seed=0, datasets={"digits": {"epochs": 40, "batch_size": 32}, "mnist": {}, "fashion": {}},
    breaks={"tiny_beta": "the VAE pays next to nothing for KL: beta is 0.0001",
            "mean_pixels": "the cross entropy is averaged over 784 pixels, KL is not"},
    quick={"epochs": 2, "betas": "10", "batch_size": 150},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------

images = load_images(cfg.dataset, size=28)
x = to_device(images.x_train.reshape(-1, 784))  # (N, 784)
x_val = to_device(images.x_test.reshape(-1, 784))
print(f"train {x.shape}, validation {x_val.shape}, {x.dtype}, {x.min():g} to {x.max():g}")
figure = image_grid(images.x_train[:16], 8, f"Sixteen of the {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# The maths
# ---------
# Both are trained on the cross entropy R, summed over pixels; the VAE on R + beta KL, lesson 13.
#
# .. code-block:: text
#
#    symbol   in the code        shape        meaning
#    m, v     vae.encode(x)      (N, Z) each  mean and log variance of a picture's cloud of codes
#    z        z                  (Q, Z)       autoencoder: z = m; VAE: z = m + exp(v / 2) e
#    w        weights(vae, z)    (Q, N)       how likely z came from each training picture
#    y*       w @ x              (Q, 784)     the best picture for z: the average over its origins
#
#    log q(z | x_n) = -1/2 sum_j (z_j - m_nj)^2 exp(-v_nj) + v_nj,  up to a constant
#
# Where clouds overlap, one z stands for many pictures, and the decoder has one answer y. What
# minimises the expected cross entropy, or the squared error, is their average:
#
#    d/dy sum_n w_n (-x_n log y - (1 - x_n) log(1 - y)) = 0    at    y = y* = sum_n w_n x_n
#    E |y - x|^2  =  E |y* - x|^2  +  E |y - y*|^2    the noise's fault, and the decoder's own

# %%
# Build
# -----
# The autoencoder is the same network without the noise and without the price: v goes unused.


class NoNoise(Sampling):
    def forward(self, x, train=False):
        return super().forward(x, train=False)  # z = m


def build(code, beta):
    encoder = Sequential([Dense(cfg.units), ReLU(), Dense(2 * code)])
    decoder = Sequential([Dense(cfg.units), ReLU(), Dense(784)])
    vae, sampling = VAE(encoder, decoder), Sampling(beta) if beta else NoNoise(0)
    vae.model = Sequential([encoder, sampling, decoder], name="vae" if beta else "autoencoder")
    vae.build((784,), cfg.seed)
    return vae


beta = {"tiny_beta": 1e-4, "mean_pixels": 784}.get(cfg.broken, 1)
autoencoder, vae = build(cfg.code, 0), build(cfg.code, beta)
both = {"autoencoder": autoencoder, "VAE": vae}
print(vae.model.summary())

# %%
# Check before you train
# ----------------------

three = images.x_train[:3].reshape(3, 784)
for model in both.values():
    print(gradcheck(model.model, three, three, loss=model.loss, samples=10))
print(f"untrained {vae.evaluate(x_val)['reconstruction']:.1f}; a guess is 784 log 2 = 543.4 nats")

# %%
# Run
# ---
# The judge is a classifier, its features the 32 numbers before its last layer.

settings = dict(epochs=cfg.epochs, batch_size=cfg.batch_size, seed=cfg.seed, verbose=False)
history = autoencoder.fit(x, optimizer=Adam(cfg.learning_rate), **settings)
vae.fit(x, optimizer=Adam(cfg.learning_rate), **settings)
features = Sequential([Dense(128), ReLU(), Dense(32), ReLU()])
judge = Sequential([features, Dense(10)])
judge.build((784,), cfg.seed)
fit(judge, x, to_device(images.y_train), loss=SoftmaxCrossEntropy(), optimizer=Adam(), **settings)

# %%
# Codes from N(0, 1). To be fair to the autoencoder, also codes from a normal distribution with the
# mean and covariance of its own. And codes halfway between two pictures'. FD is the Frechet
# distance to the training pictures in the judge's features; edges falls where pictures are blurred.


def edges(y):  # variance of the difference of neighbouring pixels; 1: as in validation pictures
    return float((y[:, 1:] - y[:, :-1]).var() / (x_val[:, 1:] - x_val[:, :-1]).var())


m = {name: model.encode(x[:5000])[0] for name, model in both.items()}  # (n, Z) each
z, codes = RNG(cfg.seed).normal(like=m["VAE"]), to_numpy(m["autoencoder"])
normal = codes.mean(axis=0), np.cov(codes, rowvar=False), len(codes)
fitted = to_device(RNG(cfg.seed).host.multivariate_normal(*normal).astype(codes.dtype))
drawn = {"real": x_val}
drawn |= {f"{name}, copied": model.decode(model.encode(x_val)[0]) for name, model in both.items()}
drawn |= {f"{name}, N(0, 1)": model.decode(z) for name, model in both.items()}
drawn["autoencoder, fitted"] = autoencoder.decode(fitted)
for name, model in both.items():
    drawn[f"{name}, halfway"] = model.decode((m[name][1:] + m[name][:-1]) / 2)
metrics = {f"FD, {name}": frechet_distance(features(y), features(x)) for name, y in drawn.items()}
metrics |= {f"edges, {name}": edges(y) for name, y in drawn.items()}
for name, model in both.items():  # nats, of copies from the mean codes
    metrics[f"val R, {name}"] = float(model.loss(model.model(x_val), x_val))

# %%
# Look
# ----
# In N(0, 1) the autoencoder has hardly any digits; KL has put the VAE's there. That is all: with a
# normal fitted to its codes the autoencoder draws as well, by FD even better, and sharper.

rows = {name: y[:12].reshape(-1, 28, 28) for name, y in drawn.items()}
figure = image_rows(rows, "Copies, pictures from random codes, and from halfway between two")
show(cfg, figure, "random", "real pictures above what each model makes of codes of three kinds")

figure = histogram(m | {"N(0, 1)": z}, "Where the codes of real pictures lie", "number in the code")
show(cfg, figure, "codes", "the autoencoder's codes spread far wider than N(0, 1) and the VAE's")

rows = {}  # walks from one digit to another, in a straight line through the codes
for i in range(3):
    for name, model in both.items():
        y = model.interpolate(x_val[2 * i : 2 * i + 1], x_val[2 * i + 1 : 2 * i + 2], 11)
        rows[f"{name}, {i + 1}"] = y.reshape(-1, 28, 28)
figure = image_rows(rows, "Three walks from digit to digit, by each")
show(cfg, figure, "walks", "walks from one digit to another through the codes of both models")

# %%
# Why blurred? The same network, loss and weights at the start; only beta differs, and with it the
# noise. On training pictures y* is known, and no decoder's error is below its own. With much noise,
# or a code of two numbers, y is nearly y*. With 16 at beta = 1 a code fits one or two training
# pictures: a decoder that knew them all by heart could be sharp. This one is not that large.


def weights(vae, z):  # (Q, N): the probability that z (Q, Z) came from each training picture
    m, v = vae.encode(x)
    p = xp_of(v).exp(-v)
    far = (z * z) @ p.T - 2 * z @ (m * p).T + (m * m * p + v).sum(axis=1)
    return softmax(-0.5 * far)  # (Q, N)


few, error = x[:200], MeanSquaredError()
plane = build(2, 1)  # a code of two numbers, as in lesson 13
sweep = {float(b): build(cfg.code, float(b)) for b in cfg.betas.split(",")}
for model in (*sweep.values(), plane):
    model.fit(x, optimizer=Adam(cfg.learning_rate), **settings)
rows = []
for b, model in (*sorted((sweep | {beta: vae}).items()), (1, plane)):
    m, v = model.encode(few)
    spread = xp_of(v).exp(v / 2)
    z = m + spread * RNG(cfg.seed).normal(like=m)  # (Q, Z)
    w, y = weights(model, z), model.decode(z)
    average, pictures = w @ x, 1 / (w * w).sum(axis=1)  # 1 if all weight is on one, N if on all
    numbers = spread.mean(), pictures.mean(), error(y, few), error(average, few), error(y, average)
    rows.append((m.shape[1], b, *map(float, numbers), edges(y)))
head = ("code", "beta", "noise", "pictures a code", "y - x", "y* - x", "y - y*", "edges")
print(table(head, rows))
_, b, _, _, of_y, of_average, *_ = zip(*rows[:-1], strict=True)
lines = {"y, what the decoder draws": of_y, "y*, the average: no y can beat it": of_average}
levels = {"autoencoder": float(error(autoencoder.decode(autoencoder.encode(few)[0]), few))}
title, b = f"What the noise costs, {cfg.code} numbers a code", np.log10(b).round(2).tolist()
figure = curves(lines, title, "log10 of beta", "error (MSE per pixel)", levels, x=b)
show(cfg, figure, "blame", "errors against beta: the noise's share comes up to the whole error")

# %%
# In the plane: pictures x, and for a code z of each what the decoder draws, y*, and three training
# pictures that z may stand for, drawn by their weights.

stands = {"x": few[:10], "y": y[:10], "y*": average[:10]}
host, w = RNG(cfg.seed).host, to_numpy(w[:10]).astype("float64")
for name in ("z could be", "or this", "or that"):
    stands[name] = x[to_device(np.array([host.choice(len(x), p=row / row.sum()) for row in w]))]
stands = {name: row.reshape(-1, 28, 28) for name, row in stands.items()}
figure = image_rows(stands, "What one code of two numbers may stand for, and the average")
show(cfg, figure, "average", "the decoder's picture is the average of those a code stands for")

# %%
# Expected against reference
# --------------------------
# Distances depend on the judge; copies, the same in PyTorch from Glorot weights, do not.

for code, b, *numbers in rows:
    for name, number in zip(head[2:], numbers, strict=True):
        metrics[f"{name}, code {code}, beta {b:g}"] = number
print(table(("metric", "value"), metrics.items()))
source = "PyTorch 2.13, seed 0"
report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --betas 0.01,784                     nearly an autoencoder, and one picture for all
#    --units 1024                         four times as wide: the plane's pictures stay blurred

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    the VAE draws scribbles              KL weighs next to nothing       --break tiny_beta
#    the VAE draws one gray blob          KL weighs 784 times too much    --break mean_pixels

# %%
# Exercise
# --------
# Decode the mean m instead of z. Is the picture sharper? Why must it be blurred all the same?

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(Dense, ReLU, Sampling, BinaryCrossEntropy))
