r"""
15 - Variational autoencoder
============================

Learn a map of digits: a plane on which every point can be decoded into a picture.

**You will see**

- a code that is a distribution, not a point, and how a gradient passes a random draw;
- the plane of codes: where each digit lies, and the pictures decoded on a grid over it;
- what the loss means: it bounds -log p(x), and on a plane the bound can be checked.

**Facts**: 20 s on a laptop with the default data, scikit-learn's digits, which are
bundled and enlarged to 28x28; a minute with ``--dataset mnist``. Before this: 14, a
narrow code. Next: 16, a loss that is no bound. Paper: Kingma and Welling (2014),
Auto-encoding variational Bayes.

.. math:: -\log p(x) \le E_q[-\log p(x|z)] + KL(q(z|x) \| N(0, 1))
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--beta 4``.

import numpy as np

from scratchnet.backend import RNG, float64, to_device, to_numpy, xp_of
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Dense, ReLU, Sampling, Sequential
from scratchnet.lesson import knobs, layer_table, log, report, show, table
from scratchnet.models.vae import VAE
from scratchnet.numerics import logsumexp, softplus
from scratchnet.optimizers import Adam, RMSprop
from scratchnet.plots import curves, image_grid, scatter
from scratchnet.training import batches, train_step

cfg = knobs(
    "15_variational_autoencoder",
    epochs=5, learning_rate=0.001, shallow_batch=100, deep_batch=256, beta=1.0,
    cells=150, initializer="inverse_sqrt_uniform", hinges=0.7, seed=0,
    datasets={
        "digits": {"epochs": 40, "learning_rate": 0.002, "shallow_batch": 25,
                   "deep_batch": 50},
        "mnist": {}, "fashion": {}},
    breaks={"mean_pixels": "the cross entropy is averaged over 784 pixels, KL is not",
            "no_kl": "only the reconstruction R is trained"},
    quick={"epochs": 2, "cells": 20, "shallow_batch": 100, "deep_batch": 200},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# Each picture is one row of 784 numbers from 0 (paper) to 1 (ink). The model reads a
# gray pixel as the probability of ink. A perfect copy therefore still has a loss: the
# entropy of its gray pixels.

images = load_images(cfg.dataset, size=28)
x = to_device(images.x_train.reshape(-1, 784))  # (N, 784)
x_val = to_device(images.x_test.reshape(-1, 784))
first_500 = x[:500]
print(f"train {x.shape} {x.dtype}, {x.min():g} to {x.max():g}, test {x_val.shape}")
figure = image_grid(images.x_train[:16], 8, f"16 of the {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# Idea
# ----
# An autoencoder learns to copy a picture through a short code. It does not learn which
# codes are in use. Take a point between the codes of two training pictures, decode it,
# and the result may be no digit at all: the decoder has never seen that code. So an
# autoencoder cannot generate new pictures, because we do not know which codes to
# decode.
#
# A variational autoencoder (VAE) changes two things. First, the encoder does not answer
# with a code but with a normal distribution of codes: a mean and a variance for each
# number. At every training step the code is drawn anew from this distribution, so the
# decoder must decode a whole region around the mean to the same picture. Second, the
# loss gets a penalty: the Kullback-Leibler divergence (KL) of each of these
# distributions from the standard normal distribution N(0, 1), which is called the
# prior.
#
# The two terms of the loss work against each other. The reconstruction term makes the
# regions small and moves them apart, because pictures whose regions overlap are
# confused. The KL makes them wide and moves them towards zero. In the balance the
# regions lie next to each other without holes, similar pictures have neighbouring
# codes, and a code drawn from the prior falls into some picture's region: the decoder
# can be used alone, as a generator.
#
# One obstacle remains: a gradient cannot pass a random draw. The reparameterization
# removes it. A draw from a normal distribution is its mean plus its standard deviation
# times a draw from N(0, 1). Once this draw has been made, the code is an ordinary
# function of mean and standard deviation, and this function has a derivative.

# %%
# The maths
# ---------
# Both parts of the loss are SUMS over pixels or numbers of the code, and MEANS over the
# batch. Their unit is nats for an average picture.
#
# .. code-block:: text
#
#    symbol   in the code        shape        meaning
#    mu       mu                 (N, 2)       mean of q(z | x), from the encoder
#    log_var  log_var            (N, 2)       log sigma^2 of q(z | x), from the encoder
#    eps      RNG.normal         (N, 2)       noise, drawn from N(0, 1) at every step
#    z        Sampling.forward   (N, 2)       the code
#    a        decoder(z)         (N, 784)     logits: sigmoid(a) = p(ink | z)
#
#    z = mu + sigma eps                       Sampling.forward
#    R = 1/N sum softplus(a) - x a            BinaryCrossEntropy.forward: -log p(x | z)
#    K = -1/(2N) sum 1 + log_var - mu^2 - sigma^2    Sampling.penalty: KL(q || N(0, 1))
#    L = R + K                                the loss, -ELBO
#
#    dmu = dz + mu / N                        Sampling.backward, for a fixed eps
#    dlog_var = (dz sigma eps + (sigma^2 - 1) / N) / 2
#
# The second formula of backward contains the derivative of sigma = exp(log_var / 2) by
# log_var, which is sigma / 2.
#
# Why a bound? For every distribution q, -log p(x) = L - KL(q(z | x) || p(z | x)), with
# the expectation over z in R. The last term is the distance of the encoder's q from the
# codes that really explain x. This distance is unknown but never negative, so L is at
# least -log p(x). ELBO means evidence lower bound; here it appears with a minus sign,
# as a loss, and is an upper bound of -log p(x).

# %%
# Build
# -----
# Two networks with the same code: one hidden layer of 256 units, or two of 512 and 256.
# The weights start as PyTorch's do. The biases of the decoder's first layer are drawn
# at random. Each ReLU there is zero on one side of a line in the plane of codes; with
# biases of zero all these lines would cross in one point, the origin.


def build(widths):
    """A VAE with two numbers in the code and hidden layers of these widths."""
    encoder, decoder = [], []
    for width in widths:
        encoder += [Dense(width, cfg.initializer), ReLU()]
    for width in reversed(widths):
        decoder += [Dense(width, cfg.initializer), ReLU()]
    encoder.append(Dense(4, cfg.initializer))  # two means and two log variances
    decoder.append(Dense(784, cfg.initializer))  # logits: the loss contains the sigmoid
    vae = VAE(Sequential(encoder), Sequential(decoder), cfg.beta)
    vae.build((784,), cfg.seed)
    biases = RNG(cfg.seed).host.uniform(-cfg.hinges, cfg.hinges, widths[-1])
    decoder[0].b = to_device(biases)
    return vae


shallow, deep = build([256]), build([512, 256])
models = {"one layer": shallow, "two layers": deep}
print(deep.model.summary())

# %%
# Check before you train
# ----------------------
# The gradients of the whole model first, then the layer Sampling alone. Its plain form,
# forward and backward, is:


def sample(mu, log_var, eps):
    """Codes z, and the KL of an average picture, for mu, log_var and eps (N, 2)."""
    sigma = xp_of(mu).exp(log_var / 2)
    z = mu + sigma * eps
    K = -0.5 * (1 + log_var - mu**2 - sigma**2).sum() / len(mu)
    return z, K


def sample_backward(dz, mu, log_var, eps):
    """Gradients dmu and dlog_var of the loss, for dz = dR/dz (N, 2)."""
    sigma = xp_of(mu).exp(log_var / 2)
    dmu = dz + mu / len(mu)
    dlog_var = (dz * sigma * eps + (sigma**2 - 1) / len(mu)) / 2
    return dmu, dlog_var


three = images.x_train[:3].reshape(3, 784)
print(gradcheck(shallow.model, three, three, loss=shallow.loss, samples=10))

# %%
# On one batch, with the same noise, the layer and its plain form must agree. And R + K
# must be the loss computed in another way, from probabilities instead of logits. An
# untrained model should score about as with probability 1/2 for every pixel, which
# costs 784 log 2 = 543.4 nats.

with float64():
    precise, t = build([256]), x_val[:100].astype("float64")
    precise.model.set_rng(RNG(cfg.seed))
    a, caches = precise.model.forward(t, train=True)
    R, K = float(precise.loss(a, t)), float(precise.model.penalty(caches))

    mu, log_var = precise.encode(t)
    eps = RNG(cfg.seed).normal(like=mu)
    z, plain_K = sample(mu, log_var, eps)
    p, xp = precise.decode(z), xp_of(z)
    cross_entropy = -(t * xp.log(p) + (1 - t) * xp.log(1 - p)).sum(axis=1)  # (100,)
    L = float(cross_entropy.mean() + cfg.beta * plain_K)
    dx, _ = Sampling().backward(z, caches[1])  # z in the place of dz: any array will do
    plain_dx = xp.concatenate(sample_backward(z, mu, log_var, eps), axis=1)
print(f"Sampling.backward and its plain form differ by {abs(dx - plain_dx).max():.1e}")
print(f"untrained: R {R:.4f} + K {K:.4f} = {R + K:.10f}, and L = {L:.10f}")

# %%
# Break it on purpose
# -------------------
# This cell does nothing unless you run the lesson with ``--break NAME``. Both faults
# change the weight of the KL. `mean_pixels` is a frequent mistake: the cross entropy is
# a mean over 784 pixels while the KL is a sum, so the KL counts 784 times too much.
# `no_kl` removes the KL: what remains is an autoencoder that may choose its own noise.

if cfg.broken:
    for vae in models.values():
        vae.model.layers[1].beta *= {"mean_pixels": 784, "no_kl": 0}[cfg.broken]

# %%
# Run
# ---
# A training step is that of any other model. The KL comes from the layer Sampling, as a
# penalty. The shallow network is trained with RMSprop, the deep one with Adam.


def train(vae, optimizer, batch_size):
    history = {"training": [], "validation": []}
    for epoch in range(cfg.epochs):
        rng, total = RNG(cfg.seed).fork(epoch), 0
        vae.model.set_rng(rng)  # the noise of this epoch
        for i in batches(len(x), batch_size, rng):
            R, K, _ = train_step(vae.model, vae.loss, optimizer, x[i], x[i])
            total = total + (R + K) * len(i)
        history["training"].append(float(total) / len(x))
        history["validation"].append(vae.evaluate(x_val)["loss"])
        log(cfg, epoch, history)
    return history


history = train(shallow, RMSprop(cfg.learning_rate, rho=0.99), cfg.shallow_batch)
history_deep = train(deep, Adam(cfg.learning_rate), cfg.deep_batch)

# %%
# How close is the bound? On a plane, p(x) = integral of p(x | z) N(z; 0, 1) over z can
# be computed without any encoder: cut the plane into small square cells and add up the
# integrand of all cells. (Twice as many cells a side change it by less than 0.1 nats.)


def negative_log_likelihood(vae, x, limit=5.0):
    """Nats of -log p(x) for an average picture: a sum over cells x cells codes."""
    line = np.linspace(-limit, limit, cfg.cells)
    z = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)  # (cells^2, 2)
    log_prior = -0.5 * (z * z).sum(axis=1) - np.log(2 * np.pi)
    log_area = 2 * np.log(line[1] - line[0])
    a = vae.decoder(to_device(z))  # (cells^2, 784)
    log_p = x @ a.T - softplus(a).sum(axis=1) + to_device(log_prior + log_area)
    return -float(logsumexp(log_p).mean())  # of (N, cells^2), over the cells


exact = {name: negative_log_likelihood(vae, first_500) for name, vae in models.items()}
rows = []
for name, vae in models.items():
    bound = vae.evaluate(first_500)["loss"]
    rows.append((name, bound, exact[name], bound - exact[name]))
print(table(("first 500 pictures", "-ELBO", "-log p(x)", "difference"), rows))

# %%
# Look
# ----
# The deeper network has the lower loss on the same code.

lines = {"one layer": history["validation"], "two layers": history_deep["validation"]}
figure = curves(lines, "A code of two numbers", "epoch", "validation -ELBO (nats)")
show(cfg, figure, "loss", "two falling loss curves; the deeper network's is lower")

# %%
# The encoder has not seen these pictures, and no picture's class was used in training.

mu = to_numpy(deep.encode(x_val[:1000])[0])
groups = {images.class_names[k]: mu[images.y_test[:1000] == k] for k in range(10)}
edge = 3 + 1 / 3  # of the grid below: both figures have the same axes
title = "Mean code of each validation picture"
figure = scatter(groups, title, "mu_1", "mu_2", limit=edge)
show(cfg, figure, "plane", "the plane of codes: digits of one class lie together")

# %%
# The same plane, seen from the decoder: a picture for each point of a grid.

line = np.linspace(-3, 3, 10)
z = np.stack(np.meshgrid(line, -line), axis=-1).reshape(-1, 2)  # z_1 right, z_2 up
decoded = deep.decode(to_device(z)).reshape(-1, 28, 28)
title = "Decoded from codes on a grid over [-3, 3] x [-3, 3]"
figure = image_grid(decoded, 10, title, extent=edge)
show(cfg, figure, "grid", "a hundred digits that change gradually over the plane")

# %%
# Expected against reference
# --------------------------
# The references are for MNIST, by PyTorch from its own initial weights. With seed 1 the
# network of one layer ends there at 159.1. From Glorot weights it ends at 160.6 and
# 161.5. The metric "R + K - L" is the difference found in the check before training.

metrics = {"R + K - L": abs(R + K - L)}
for name, vae in models.items():
    metrics[f"val -ELBO, {name}"] = vae.evaluate(x_val)["loss"]
    metrics[f"-log p(x), {name}"] = exact[name]
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                             cause                      look at
#    all pictures of the grid are equal  KL is a sum, R is a mean   --break mean_pixels
#    codes far outside [-3, 3], and      without KL the regions     --break no_kl
#    -ELBO far above -log p(x)           shrink and move apart

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --beta 4                             codes closer to N(0, 1), blurred pictures
#    --initializer glorot_uniform         the shallow network learns more slowly
#    --dataset fashion                    trousers, shoes and tops lie apart; shirts and
#                                         coats overlap

# %%
# Exercise
# --------
# Encode the hundred pictures of the grid. For how many of them does the mean code lie
# within 0.5 of the code they were decoded from? Where on the grid are the others, and
# what do their pictures look like? The answer: ``scratchnet answer 15``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(deep.model, deep.loss))

# sphinx_gallery_thumbnail_number = 4
