r"""
18 - Autoencoder against VAE
============================

Train one network with and without noise in its code, and compare the two as generators.

**You will see**

- pictures decoded from random codes by both: the autoencoder's codes do not lie where
  random codes are drawn;
- that good copies do not make a good generator: the autoencoder copies better;
- why the pictures of a VAE are blurred: each is an average of training pictures.

**Facts**: 25 s on a laptop with the default data, scikit-learn's digits, which are
bundled and enlarged to 28x28; 120 s with ``--dataset mnist``. Before this: 17, twenty
dimensions. Next: 19, face VAE. Paper: Kingma and Welling (2014), Auto-encoding
variational Bayes; for beta, Higgins and others (2017).

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
from scratchnet.plots import image_grid, image_rows
from scratchnet.training import fit

cfg = knobs(
    "18_autoencoder_against_vae",
    code=16, units=256, betas="0.1,3,10", epochs=5, batch_size=128, learning_rate=0.001,
    seed=0,
    datasets={"digits": {"epochs": 40, "batch_size": 32}, "mnist": {}, "fashion": {}},
    breaks={"tiny_beta": "the KL counts next to nothing: beta is 0.0001",
            "mean_pixels": "the cross entropy is averaged over 784 pixels, KL is not"},
    quick={"epochs": 2, "betas": "10", "batch_size": 150},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------

images = load_images(cfg.dataset, size=28)
x = to_device(images.x_train.reshape(-1, 784))  # (N, 784)
x_val = to_device(images.x_test.reshape(-1, 784))
print(f"train {x.shape} {x.dtype}, {x.min():g} to {x.max():g}, test {x_val.shape}")
figure = image_grid(images.x_train[:16], 8, f"16 of the {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# Idea
# ----
# An autoencoder and a VAE can be the same network. They differ in two points: the VAE
# adds noise to the code in training, and its loss contains the KL, which holds the
# codes near N(0, 1). What do these two points change?
#
# A generator needs a rule from which codes to draw. For the VAE the rule is the prior:
# the KL has put the codes of real pictures there, and the noise has filled the space
# between them. The autoencoder's loss does not mention where codes should lie, and they
# spread over a region of any size and shape. A code from N(0, 1) is not typical for it.
#
# The cost of the noise is blur. If the regions of several pictures overlap, one code
# may come from any of them, and the decoder has only one answer. The answer with the
# smallest expected error is the average of these pictures, each with the probability
# that the code comes from it. An average of sharp pictures is not sharp. Since the
# encoder is known, this average can be computed for every code, and compared with what
# the decoder returns: so the error can be divided into the part that is due to the
# noise, and the part that is the decoder's own.

# %%
# The maths
# ---------
# Both models are trained on the cross entropy R, summed over pixels, the VAE on R +
# beta KL; see lesson 15.
#
# .. code-block:: text
#
#    symbol      in the code            shape     meaning
#    mu, sigma   model.encode(x)        (N, Z)    mean, standard deviation of q(z | x)
#                                                 (sigma = exp(log_var / 2))
#    z           z                      (Q, Z)    autoencoder: mu; VAE: mu + sigma eps
#    w           origins(model, z)      (Q, N)    w_n: probability that x_n led to z
#    y           model.decode(z)        (Q, 784)  the decoder's picture
#    y*          average = w @ x        (Q, 784)  the best picture for z
#
#    log q(z | x_n) = -1/2 sum_j (z_j - mu_nj)^2 / sigma_nj^2 + log sigma_nj^2,
#                     up to a constant
#    w_n = q(z | x_n) / sum_k q(z | x_k)          for pictures of equal probability
#
# The expected loss of a picture y for the code z is smallest at y*:
#
# .. code-block:: text
#
#    d/dy sum_n w_n (-x_n log y - (1 - x_n) log(1 - y)) = 0    at    y = sum_n w_n x_n
#
# The same y* is best for the squared error, and there the error splits into two parts:
# the error of y* is the part of the noise, and the other is the decoder's own.
#
# .. code-block:: text
#
#    E |y - x|^2  =  E |y* - x|^2  +  E |y - y*|^2

# %%
# Build
# -----
# The autoencoder is the same network without noise and with beta = 0. Its log variances
# are not used.


class NoNoise(Sampling):
    """Sampling that returns the mean in training, too."""

    def forward(self, x, train=False):
        return super().forward(x, train=False)


def build(code, sampling):
    encoder = Sequential([Dense(cfg.units), ReLU(), Dense(2 * code)])
    decoder = Sequential([Dense(cfg.units), ReLU(), Dense(784)])
    vae = VAE(encoder, decoder)
    vae.model = Sequential([encoder, sampling, decoder], name="vae")
    vae.build((784,), cfg.seed)
    return vae


beta = 1.0
autoencoder, vae = build(cfg.code, NoNoise(0)), build(cfg.code, Sampling(beta))
both = {"autoencoder": autoencoder, "VAE": vae}
print(vae.model.summary())

# %%
# Check before you train
# ----------------------
# Untrained, both should be about as good as probability 1/2 for every pixel, 784 log 2
# = 543.4 nats.

three = images.x_train[:3].reshape(3, 784)
for name, model in both.items():
    print(gradcheck(model.model, three, three, loss=model.loss, samples=10))
    print(f"{name}, untrained: R {model.evaluate(x_val)['reconstruction']:.1f}")

# %%
# Break it on purpose
# -------------------
# This cell does nothing unless you run the lesson with ``--break NAME``. Both faults
# change the weight of the KL of the VAE.

if cfg.broken:
    beta = {"tiny_beta": 1e-4, "mean_pixels": 784.0}[cfg.broken]
    vae.model.layers[1].beta = beta

# %%
# Run
# ---
# The third model is a classifier, used as a judge. Its features are the 32 numbers
# before its last layer.

settings = dict(
    epochs=cfg.epochs, batch_size=cfg.batch_size, seed=cfg.seed, verbose=False
)
history = autoencoder.fit(x, optimizer=Adam(cfg.learning_rate), **settings)
vae.fit(x, optimizer=Adam(cfg.learning_rate), **settings)

features = Sequential([Dense(128), ReLU(), Dense(32), ReLU()])
judge = Sequential([features, Dense(10)])
judge.build((784,), cfg.seed)
t = to_device(images.y_train)
fit(judge, x, t, loss=SoftmaxCrossEntropy(), optimizer=Adam(), **settings)

# %%
# Each model decodes codes of three kinds: those of real pictures; codes from N(0, 1);
# codes halfway between those of two training pictures. To be fair to the autoencoder,
# it also decodes codes from a normal distribution with the mean and covariance of its
# own codes. The Frechet distance FD of the judge's features to those of the training
# pictures says how far the pictures are from real ones. `edges` says how sharp they
# are.


def edges(pictures):
    """Variance of the difference of neighbouring pixels; 1 for validation pictures."""
    real = x_val[:, 1:] - x_val[:, :-1]
    return float((pictures[:, 1:] - pictures[:, :-1]).var() / real.var())


metrics, decoded = {}, {"real": x_val}
for name, model in both.items():
    mu, _ = model.encode(x[:5000])  # (n, Z)
    print(f"{name}: the codes' standard deviation is {float(mu.std()):.2f}")
    z = RNG(cfg.seed).normal(like=mu)
    decoded[f"{name}, copied"] = model.decode(model.encode(x_val)[0])
    decoded[f"{name}, N(0, 1)"] = model.decode(z)
    decoded[f"{name}, halfway"] = model.decode((mu[1:] + mu[:-1]) / 2)
    metrics[f"val R, {name}"] = float(model.loss(model.model(x_val), x_val))

codes = to_numpy(autoencoder.encode(x[:5000])[0])
mean, covariance = codes.mean(axis=0), np.cov(codes, rowvar=False)
z = RNG(cfg.seed).host.multivariate_normal(mean, covariance, len(codes))
decoded["autoencoder, fitted"] = autoencoder.decode(to_device(z.astype(codes.dtype)))
for name, y in decoded.items():
    metrics[f"FD, {name}"] = frechet_distance(features(y), features(x))
    metrics[f"edges, {name}"] = edges(y)

# %%
# Look
# ----
# Codes from N(0, 1) are useless to the autoencoder. But this is all that it lacks: with
# a normal distribution fitted to its codes it generates digits, by FD even better ones
# than the VAE's, and sharper ones.

rows = {name: y[:12].reshape(-1, 28, 28) for name, y in decoded.items()}
figure = image_rows(rows, "Copies, and pictures from random codes and halfway codes")
show(cfg, figure, "random", "real pictures above those decoded by both from many codes")

# %%
# Why blurred? More VAEs, equal but for beta, and with it for the noise. For each,
# compare the decoder's picture y of a training picture's code with the best picture y*.
# The last model has a code of two numbers and beta = 1, as in lesson 15.


def origins(model, z):
    """Probability (Q, N) that a code of z (Q, Z) comes from each training picture."""
    mu, log_var = model.encode(x)
    p = xp_of(mu).exp(-log_var)  # 1 / sigma^2
    distances = (z * z) @ p.T - 2 * z @ (mu * p).T + (mu * mu * p + log_var).sum(axis=1)
    return softmax(-0.5 * distances)


few = x[:200]
error = MeanSquaredError()
rows, sweep = [], {}
for b in sorted([beta, *map(float, cfg.betas.split(","))]):
    sweep[cfg.code, b] = vae if b == beta else build(cfg.code, Sampling(b))
sweep[2, 1.0] = build(2, Sampling(1.0))
for (code, b), model in sweep.items():
    if model is not vae:  # which is trained
        model.fit(x, optimizer=Adam(cfg.learning_rate), **settings)
    mu, log_var = model.encode(few)
    sigma = xp_of(mu).exp(log_var / 2)
    z = mu + sigma * RNG(cfg.seed).normal(like=mu)
    w, y = origins(model, z), model.decode(z)
    average = w @ x
    numbers = {
        "noise": sigma.mean(),
        "pictures a code": (1 / (w * w).sum(axis=1)).mean(),
        "y - x": error(y, few),
        "y* - x": error(average, few),
        "y - y*": error(y, average),
        "edges": edges(y),
    }
    for name, number in numbers.items():
        metrics[f"{name}, code {code}, beta {b:g}"] = float(number)
    rows.append((code, b, *map(float, numbers.values())))
print(table(("code", "beta", *numbers), rows))

# %%
# No decoder can have a smaller error than y*. With beta = 10, or with a code of two
# numbers, most of the error of y is already in y*: this blur is due to the noise. With
# 16 numbers and beta = 1, a code fits one or two training pictures, and y* is nearly
# sharp. Here the blur is an error of the decoder, which is too small to know all
# training pictures.
#
# The figure shows the code of two numbers: pictures x, and for one code of each the
# decoder's picture y, the average y*, and the three training pictures with the largest
# weights.

likely = to_numpy(w[:10]).argsort(axis=1)[:, ::-1]  # (10, N), largest weights first
rows = {"x": few[:10], "y": y[:10], "y*": average[:10]}
for k in range(3):
    rows[f"origin {k + 1}"] = x[to_device(likely[:, k])]
rows = {name: row.reshape(-1, 28, 28) for name, row in rows.items()}
figure = image_rows(rows, "Ten codes of two numbers: the average of their origins")
show(cfg, figure, "average", "the decoder's picture is like the average of the origins")

# %%
# Expected against reference
# --------------------------
# The references are the errors of copies in PyTorch, from Glorot weights. A Frechet
# distance depends on the judge and has no reference. The metrics:
#
# .. code-block:: text
#
#    FD, edges           of the pictures of the first figure, row by row
#    val R               cross entropy of copies, decoded from the mean code (nats)
#    noise               mean of sigma over training pictures and numbers of the code
#    pictures a code     1 / sum_n w_n^2: 1 if z has one possible origin, N if all are
#                        equally likely
#    y - x, y* - x,      mean squared error per pixel, of the decoder's picture y and of
#    y - y*              the best picture y*

print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                             cause                      look at
#    the VAE's random pictures are       KL counts next to          --break tiny_beta
#    no digits                           nothing
#    one gray picture for every code     KL counts 784 times more   --break mean_pixels

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --betas 0.01,784                    nearly an autoencoder, and one picture for all
#    --units 1024                        four times as wide: with a code of two numbers
#                                        the pictures stay blurred

# %%
# Exercise
# --------
# Decode the mean mu instead of z, for the VAE with beta = 10. Does `edges` rise? The
# decoder has been trained on z. Explain why the picture stays blurred. The answer:
# ``scratchnet answer 18``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(autoencoder.model, vae.model, vae.loss))

# sphinx_gallery_thumbnail_number = 2
