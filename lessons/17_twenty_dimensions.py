r"""
17 - Twenty dimensions
======================

Give the code more room than the digits need, and see how much of it is used.

**You will see**

- new digits, drawn from nothing but twenty random numbers, beside real ones;
- which of the twenty numbers carry something, measured in nats, and what each one draws;
- how far the bound lies from log p(x): an estimate that tightens with more codes a picture.

**Facts**: 20 s on a laptop with the default data, scikit-learn's digits, bundled and enlarged to
28x28; a minute with ``--dataset mnist``. Before this: 13, variational autoencoder. Next: 15,
autoencoder against VAE. Paper: Burda, Grosse and Salakhutdinov (2016), Importance weighted
autoencoders.

.. math:: \log p(x) \ge E \log \frac{1}{K} \sum_k \frac{p(x|z_k) p(z_k)}{q(z_k|x)} \ge ELBO
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--code 2``.

import numpy as np

from scratchnet.backend import RNG, to_device, to_numpy
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Dense, ReLU, Sequential
from scratchnet.lesson import knobs, layer_table, log, report, show, table
from scratchnet.models.vae import VAE
from scratchnet.numerics import kl_to_standard_normal
from scratchnet.optimizers import Adam
from scratchnet.plots import bars, curves, image_grid, image_rows
from scratchnet.training import batches, train_step

cfg = knobs(
    "17_twenty_dimensions",
    code=20, beta=1.0, epochs=5, batch_size=128, learning_rate=0.001, samples=256, seed=0,
    datasets={"digits": {"epochs": 40, "batch_size": 32}, "mnist": {}, "fashion": {}},
    breaks={"mean_pixels": "the cross entropy is averaged over 784 pixels, KL is not",
            "wide": "codes are drawn from N(0, 3^2), which is not the prior"},
    quick={"epochs": 2, "batch_size": 200, "samples": 4},
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
# The network of lesson 13 with two hidden layers, its code ten times as wide. Sums over pixels and
# code numbers, means over pictures, as there: nats for an average picture.
#
# .. code-block:: text
#
#    symbol   in the code        shape        meaning
#    m, v     vae.encode(x)      (N, 20)      mean and log variance of each code number
#    z        drawn              (N, 20)      the code, z = m + exp(v / 2) e
#    K_j      used[j]            (20,)        what code number j costs an average picture
#
#    L   = R + K                              -ELBO: reconstruction and KL, as in lesson 13
#    K   = K_1 + ... + K_20                   KL of independent numbers is a sum
#    K_j = -1/(2N) sum_N 1 + v_j - m_j^2 - exp(v_j)        kl_to_standard_normal
#
# K_j is the information about the picture that z_j carries, and a price. A number that saves less
# than it costs is switched off: m_j = 0 and v_j = 0 for every picture, K_j = 0, pure noise.
#
# Since log p(x) = ELBO + KL(q(z | x) || p(z | x)), the bound is as loose as the encoder is wrong.
# VAE.log_likelihood averages K codes BEFORE the logarithm, which by Jensen is never worse.

# %%
# Build
# -----


def build():
    encoder = [Dense(512), ReLU(), Dense(256), ReLU(), Dense(2 * cfg.code)]
    decoder = [Dense(256), ReLU(), Dense(512), ReLU(), Dense(784)]
    beta = 784 * cfg.beta if cfg.broken == "mean_pixels" else cfg.beta
    vae = VAE(Sequential(encoder), Sequential(decoder), beta)
    vae.build((784,), cfg.seed)
    return vae


vae = build()
print(vae.model.summary())

# %%
# Check before you train
# ----------------------
# Gradient right? Untrained no better than a guess, 784 log 2 = 543.4 nats? Twenty pictures by
# heart? And the best answer without any code: one mean picture for all.

three = images.x_train[:3].reshape(3, 784)
print(gradcheck(vae.model, three, three, loss=vae.loss, samples=10))
start, small = vae.evaluate(x_val)["loss"], build()
heart = small.fit(x[:20], optimizer=Adam(0.003), epochs=60, verbose=False)
mean = to_numpy(x.mean(axis=0)).clip(1e-4, 1 - 1e-4).astype("float64")
t = to_numpy(x_val)
mean = -float(np.mean(t @ np.log(mean) + (1 - t) @ np.log(1 - mean)))
print(f"untrained {start:.1f}, twenty by heart {heart['loss'][-1]:.1f}, mean picture {mean:.1f}")

# %%
# Run
# ---
# `vae.fit` does this too; written out, R and K can be followed one by one.

history = {"training": [], "training R": [], "training K": [], "validation": []}
optimizer = Adam(cfg.learning_rate)
for epoch in range(cfg.epochs):
    rng = RNG(cfg.seed).fork(epoch)
    vae.model.set_rng(rng)
    R, K = 0, 0
    for i in batches(len(x), cfg.batch_size, rng):
        value, price, _ = train_step(vae.model, vae.loss, optimizer, x[i], x[i])
        R, K = R + value * len(i), K + price * len(i)
    R, K = float(R) / len(x), float(K) / len(x)
    for name, number in (("training", R + K), ("training R", R), ("training K", K)):
        history[name].append(number)
    history["validation"].append(vae.evaluate(x_val)["loss"])
    log(cfg, epoch, history)

# %%
# Look
# ----
# The training line averages over an epoch in which the weights still improve; validation is
# measured at its end. So it may lie lower.

lines = {name: history[name] for name in ("training", "validation")}
title, label = f"A code of {cfg.code} numbers", "-ELBO (nats a picture)"
figure = curves(lines, title, "epoch", label, {"mean picture for all": mean})
show(cfg, figure, "loss", "loss curves falling far below the mean picture's level")

# %%
# Twelve draws from the prior, and beside each the training picture nearest to it: were they equal,
# the model would only remember.


def nearest(pictures):
    """(distance, index) of the nearest training picture to each, by the sum of squares."""
    a, b = to_numpy(pictures).reshape(-1, 784), to_numpy(x)
    d = (a * a).sum(axis=1, keepdims=True) - 2 * a @ b.T + (b * b).sum(axis=1)
    return np.sqrt(d.min(axis=1).clip(0)), d.argmin(axis=1)


spread = 3 if cfg.broken == "wide" else 1
z = spread * RNG(cfg.seed).normal(like=vae.encode(x_val[:360])[0])  # (360, 20)
drawn = vae.decode(z)
away, which = nearest(drawn)
real_away, _ = nearest(x_val[:360])
rows = {"real": x_val[:12], "real, copied": vae.decode(vae.encode(x_val[:12])[0]),
        "drawn": drawn[:12], "nearest real": x[to_device(which[:12])],
        "more drawn": drawn[12:24], "and more": drawn[24:36]}  # fmt: skip
rows = {name: row.reshape(-1, 28, 28) for name, row in rows.items()}
figure = image_rows(rows, "Real digits, and digits drawn from random codes")
show(cfg, figure, "drawn", "real digits above digits that the model draws from random codes")

# %%
# Which numbers are used? K_j says it: a gap parts them from the others. Burda and others count
# those whose m_j has a variance above 0.01: so early, some of these carry next to nothing.

m, v = vae.encode(x_val)
used = to_numpy(kl_to_standard_normal(m, v).mean(axis=0))  # (20,)
order = used.argsort()[::-1]
above, active = int((used > 0.1).sum()), int((to_numpy(m).var(axis=0) > 0.01).sum())
groups = {f"{above} of {cfg.code} above 0.1 nats": used[order].tolist()}
label = "K_j (nats a picture)"
figure = bars(groups, "What each number of the code carries", "code number, sorted", label)
show(cfg, figure, "used", "bars of the nats that each code number carries, sorted")

# One number at a time goes from -2.5 to 2.5, the others stay where the encoder put a digit.
steps, rows = np.linspace(-2.5, 2.5, 11), {}
for rank in (*range(min(4, cfg.code)), cfg.code - 1):
    z = np.tile(to_numpy(m[:1]), (11, 1))
    z[:, order[rank]] = steps
    label = f"no. {rank + 1}: {used[order[rank]]:.2f} nats"
    rows[label] = vae.decode(to_device(z)).reshape(-1, 28, 28)
figure = image_rows(rows, "One digit, one number of its code turned from -2.5 to 2.5")
show(cfg, figure, "turned", "rows of one digit that changes as one code number is turned")

# %%
# How much of -ELBO is the encoder's fault? At least what K codes a picture win over one code.

powers = range(int(np.log2(cfg.samples)) + 1)
bound = [-vae.log_likelihood(x_val[:500], samples=2**power) for power in powers]
lines = {"bound of -log p(x), first 500 pictures": bound}
title = "The bound tightens as each picture gets more codes"
label = "log2 of the number of codes, K (0 is -ELBO)"
figure = curves(lines, title, label, "nats a picture", x=list(powers))
show(cfg, figure, "bound", "a curve that falls as the number of codes grows and flattens out")

# %%
# Expected against reference
# --------------------------
# The same in PyTorch, from Glorot weights; from its own, MNIST ends at 110.0 and 108.5.

metrics = {
    "train -ELBO": history["training"][-1],
    "val -ELBO": history["validation"][-1],
    "val R": vae.evaluate(x_val)["reconstruction"],
    "val K": vae.evaluate(x_val)["kl"],
    "first 500, 1 code": bound[0],
    f"first 500, {2 ** powers[-1]} codes": bound[-1],
    "numbers above 0.1 nats": above,
    "active by Burda's rule": active,
    "nearest real picture, from a drawn one": float(away.mean()),
    "nearest real picture, from a test one": float(real_away.mean()),
    "mean picture": mean,
}
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --code 2                             too few numbers, as in lesson 13: 23 nats worse
#    --code 50                            no better: about ten are used, as before
#    --beta 4                             four numbers are worth their price: blurred pictures

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    K is 0, one gray blob for all        KL weighs 784 times too much    --break mean_pixels
#    drawn digits are ragged, too dark    codes not from the prior        --break wide

# %%
# Exercise
# --------
# Draw pictures from N(0, t^2) with t = 0.5, 0.7, 0.9 instead of 1. They look better. Are they
# still digits of the training set's variety? Measure it with the distance to the nearest one.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(Dense, ReLU, Sampling, BinaryCrossEntropy))
