r"""
16 - A loss that is no bound
============================

Train a VAE with a wrong formula for the KL, and find the mistake without reading it.

**You will see**

- a loss that falls below -log p(x) of its own model, which no bound can do;
- that a gradient check passes for a wrong formula, and which check does not;
- what the wrong formula does to the codes: the noise disappears.

**Facts**: 20 s on a laptop with the default data, scikit-learn's digits, which are
bundled and enlarged to 28x28; 70 s with ``--dataset mnist``. Before this: 15,
variational autoencoder. Next: 17, twenty dimensions. Paper: Kingma and Welling (2014),
Auto-encoding variational Bayes, appendix B.

.. math:: L = R + K, \quad L - (-\log p(x)) = KL(q(z|x) \| p(z|x)) \ge 0
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--epochs 80``.

import numpy as np

from scratchnet.backend import RNG, to_device, to_numpy, xp_of
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Dense, ReLU, Sampling, Sequential
from scratchnet.lesson import knobs, layer_table, log, report, show, table
from scratchnet.losses import BinaryCrossEntropy
from scratchnet.models.vae import VAE
from scratchnet.numerics import logsumexp, softplus
from scratchnet.optimizers import Adam
from scratchnet.plots import curves, histogram, image_grid
from scratchnet.training import batches, train_step

cfg = knobs(
    "16_loss_that_is_no_bound",
    epochs=5, learning_rate=0.001, batch_size=256, cells=150, draws=100_000,
    initializer="inverse_sqrt_uniform", hinges=0.7, seed=0,
    datasets={"digits": {"epochs": 40, "learning_rate": 0.002, "batch_size": 50},
              "mnist": {}, "fashion": {}},
    breaks={"wrong_gradient": "the value of the KL is right, its gradient is wrong",
            "mean_pixels": "the cross entropy is averaged over 784 pixels, KL is not"},
    quick={"epochs": 2, "cells": 20, "batch_size": 200, "draws": 1000},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------

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
# The loss of lesson 15 is more than a number that should fall. It is a bound: whatever
# the encoder does, the loss cannot be below -log p(x), the negative log likelihood of
# the pictures under the decoder. The difference of the two is a KL divergence, and a KL
# divergence is never negative. This makes the loss testable. If you know -log p(x), and
# your loss is smaller, then the loss is computed wrongly. (The converse does not hold:
# a wrong loss may well be larger than -log p(x).)
#
# The mistake of this lesson is a real one, from published teaching material: where the
# log variance belongs, the code has the logarithm of the squared mean. The model with
# this formula trains smoothly, its loss falls further than that of the right formula,
# and its copies of pictures look fine. By the loss alone it is the better model. Even a
# gradient check passes, because a gradient check compares the backward pass with the
# forward pass: if both belong to the same wrong formula, they agree.
#
# What does find the mistake is a comparison with something known independently. Two
# such comparisons are made here. Before training, the formula for the KL is compared
# with the definition of the KL, an average over draws. After training, the loss is
# compared with -log p(x), which can be computed on a plane, as in lesson 15.

# %%
# The maths
# ---------
# The symbols are those of lesson 15: mu and log_var (N, 2) are the mean of the code and
# the logarithm of its variance sigma^2.
#
# .. code-block:: text
#
#    right    K = -1/(2N) sum 1 + log_var  - mu^2 - sigma^2       Sampling.penalty
#    wrong    K = -1/(2N) sum 1 + log mu^2 - mu^2 - sigma^2       WrongSampling.penalty
#
#    right    dK/dmu = mu / N              dK/dlog_var = (sigma^2 - 1) / (2N)
#    wrong    dK/dmu = (mu - 1/mu) / N     dK/dlog_var =  sigma^2      / (2N)
#
# The right K is a sum of two penalties. The first, mu^2, is smallest at mu = 0. The
# second, sigma^2 - log sigma^2, is smallest at sigma = 1. The wrong K does not contain
# the logarithm of sigma, so its derivative by log_var is never negative: K is smaller
# the smaller sigma is, and the distribution of codes shrinks to a point. The wrong
# penalty of the mean has its minimum at -1 and 1 instead of 0.
#
# With the codes of a picture in one point, R is as small as an autoencoder's, and the
# wrong K hides what this costs: KL(q || N(0, 1)) grows like -log sigma without limit.

# %%
# Build
# -----
# The wrong formula is written as its difference from the right one. The small number
# 1e-6 keeps the logarithm finite at mu = 0.


class WrongSampling(Sampling):
    """Sampling with log mu^2 where log_var belongs, in the KL and in its gradient."""

    def penalty(self, cache):
        mu, log_var, _ = cache
        difference = 0.5 * (log_var - xp_of(mu).log(mu * mu + 1e-6))  # (N, 2)
        return super().penalty(cache) + self.beta * difference.sum() / len(mu)

    def backward(self, dz, cache):
        dx, grads = super().backward(dz, cache)
        mu = cache[0]
        dmu = -mu / (mu * mu + 1e-6)  # gradient of the difference, (N, 2)
        dlog_var = xp_of(mu).full_like(mu, 0.5)
        difference = xp_of(mu).concatenate([dmu, dlog_var], axis=1)  # (N, 4)
        return dx + self.beta * difference / len(mu), grads


def build(sampling):
    """The deeper network of lesson 15, with this layer between encoder and decoder."""
    encoder = [Dense(512, cfg.initializer), ReLU(), Dense(256, cfg.initializer), ReLU()]
    decoder = [Dense(256, cfg.initializer), ReLU(), Dense(512, cfg.initializer), ReLU()]
    encoder.append(Dense(4, cfg.initializer))
    decoder.append(Dense(784, cfg.initializer))
    vae = VAE(Sequential(encoder), Sequential(decoder))
    vae.model = Sequential([vae.encoder, sampling, vae.decoder], name="vae")
    vae.build((784,), cfg.seed)
    decoder[0].b = to_device(RNG(cfg.seed).host.uniform(-cfg.hinges, cfg.hinges, 256))
    return vae


models = {"right KL": build(Sampling()), "wrong KL": build(WrongSampling())}
right, wrong = models.values()
print(wrong.model.summary())

# %%
# Check before you train
# ----------------------
# The gradient check passes for the wrong formula as well.

two = images.x_train[:2].reshape(2, 784)
print(gradcheck(wrong.model, two, two, loss=wrong.loss, samples=10))

# %%
# The definition of the KL is an average over codes: E_q[log q(z) - log p(z)]. For one
# number with mu = 1 and sigma = 0.1, draw codes and average.

mu, log_var = np.array([[1.0]]), np.log(np.array([[0.01]]))
eps = RNG(cfg.seed).host.normal(size=cfg.draws)
z = mu + np.exp(log_var / 2) * eps
log_q, log_p = -(eps**2) / 2 - log_var / 2, -(z**2) / 2  # both up to -log(2 pi) / 2
for name, vae in models.items():
    formula = float(vae.model.layers[1].penalty((mu, log_var, None)))
    sampled = float((log_q - log_p).mean())
    print(f"{name}: by its formula {formula:.3f}, by the definition {sampled:.3f}")

# %%
# What both formulas say about a code that shrinks to a point: the right KL grows.

log_vars, lines = np.linspace(-10, 2, 13), {}
for name, vae in models.items():
    kl = vae.model.layers[1].penalty
    lines[name] = [kl((mu, np.array([[log_var]]), None)) for log_var in log_vars]
title = "KL from N(0, 1) of a number with mean 1"
figure = curves(lines, title, "log variance", "KL (nats)", x=log_vars)
show(cfg, figure, "formulas", "the right KL grows where the wrong one is zero")

# %%
# Break it on purpose
# -------------------
# This cell does nothing unless you run the lesson with ``--break NAME``. The fault
# `wrong_gradient` repairs the value of the wrong KL and leaves its gradient. Now the
# gradient check finds it. `mean_pixels` averages the cross entropy of the model with
# the right KL over pixels; the sum of a number in nats per pixel and one in nats per
# picture is no bound either.

if cfg.broken == "wrong_gradient":
    WrongSampling.penalty = Sampling.penalty
    print(gradcheck(wrong.model, two, two, loss=wrong.loss, samples=10))
elif cfg.broken == "mean_pixels":
    right.loss = BinaryCrossEntropy(from_logits=True, reduction="mean")

# %%
# Run
# ---
# Both models start from the same weights and see the same batches and the same noise.


def trained_loss(vae):
    """R + K as trained, of the first 500 pictures, with one random code for each."""
    vae.model.set_rng(RNG(cfg.seed))
    a, cache = vae.model.forward(first_500, train=True)
    return float(vae.loss(a, first_500)) + float(vae.model.penalty(cache))


def train(vae):
    history, optimizer = {"first 500": []}, Adam(cfg.learning_rate)
    for epoch in range(cfg.epochs):
        rng = RNG(cfg.seed).fork(epoch)
        vae.model.set_rng(rng)  # the noise of this epoch
        for i in batches(len(x), cfg.batch_size, rng):
            train_step(vae.model, vae.loss, optimizer, x[i], x[i])
        history["first 500"].append(trained_loss(vae))
        log(cfg, epoch, history)
    return history


history = train(right)
history_wrong = train(wrong)

# %%
# Now -log p(x) of both models, by adding up p(x | z) N(z; 0, 1) over a fine grid of
# codes, as in lesson 15. It does not use the encoder, and no formula for the KL.


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
    spread = float(np.exp(to_numpy(vae.encode(first_500)[1]) / 2).mean())
    bound = vae.evaluate(first_500)["loss"]
    rows.append((name, trained_loss(vae), bound, exact[name], spread))
print(table(("first 500", "loss as trained", "-ELBO", "-log p(x)", "sigma"), rows))

# %%
# Look
# ----
# The wrong loss ends below -log p(x) of its own model. With the right formula, the loss
# of the same encoder and decoder is 12 nats higher: the column -ELBO in the row of the
# wrong KL. The last column is the mean of sigma.

lines = {"wrong KL": history_wrong["first 500"], "right KL": history["first 500"]}
level = {"-log p(x), wrong KL": exact["wrong KL"]}
figure = curves(lines, "A loss below -log p(x) is no bound", "epoch", "nats", level)
show(cfg, figure, "no_bound", "the wrong loss falls below its own model's -log p(x)")

# %%
# Where does the difference come from? The log variances of the codes have no lower
# limit under the wrong KL. Codes with next to no noise are those of an autoencoder.

log_variances = {name: vae.encode(x_val)[1] for name, vae in models.items()}
title = "The noise of the codes of validation pictures"
figure = histogram(log_variances, title, "log variance")
show(cfg, figure, "noise", "log variances, far lower with the wrong KL than the right")

# %%
# Expected against reference
# --------------------------
# The reference is for the right KL on MNIST, by PyTorch from its own initial weights.
# The wrong formula has no reference; its three numbers are those of the table above.

metrics = {"loss as trained, wrong KL": trained_loss(wrong)}
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
#    symptom                            cause                    look at
#    the gradient check fails, the      value and gradient of    --break wrong_gradient
#    model trains all the same          different formulas
#    a loss below 1, one gray picture   nats per pixel plus      --break mean_pixels
#    for every code                     nats per picture
#    the gradient check passes, the     the formula is wrong,    this lesson, without
#    loss is below -log p(x)            value and gradient       --break

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --epochs 80                          the wrong loss falls further below -log p(x)
#    --seed 1                             other codes, the same order of the numbers
#    --dataset fashion                    the same on clothes

# %%
# Exercise
# --------
# Another frequent mistake takes the standard deviation for the variance: K = -1/(2N)
# sum 1 + log sigma - mu^2 - sigma. Put this K and its gradient into the class
# ``WrongSampling``. Which of the three checks find it: the gradient check, the
# definition of the KL, the comparison with -log p(x)? The answer:
# ``scratchnet answer 16``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(wrong.model, wrong.loss))

# sphinx_gallery_thumbnail_number = 3
