r"""
06 - Denoising autoencoder
==========================

Show the network a picture under noise, ask for the clean one, and measure what it was asked for.

**You will see**

- the error from noisy pictures, at four levels of noise, beside an ordinary autoencoder's;
- why the error from clean pictures, easily reported by mistake, says nothing about denoising;
- one hidden unit, whose answer is nearly the same picture for everyone, and why it must be.

**Facts**: 10 s on a laptop with the default data, scikit-learn's digits, bundled and enlarged to
28x28; 3 minutes with ``--dataset mnist``. Before this: 05, sparse autoencoder. Next: 07, manifold.
Paper: Vincent and others (2008), Extracting and composing robust features with denoising
autoencoders.

.. math:: \tilde x = clip(x + \sigma e, 0, 1), \quad e \sim N(0, 1), \quad L = MSE(y(\tilde x), x)
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--noise 0.8``.

import numpy as np
from sklearn.decomposition import PCA

from scratchnet.backend import RNG, to_device, to_numpy
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Dense, ReLU, Sequential, Sigmoid
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import Adam
from scratchnet.plots import captioned, curves, image_rows, signed_grid
from scratchnet.training import batches, evaluate, fit, train_step

cfg = knobs(
    "06_denoising",
    units=64, noise=0.5, levels="0.3,0.5,0.8,0.9", epochs=15, batch_size=64, learning_rate=0.001,
    seed=0, datasets={"digits": {"epochs": 60, "learning_rate": 0.003}, "mnist": {}, "fashion": {}},
    breaks={"noisy_target": "the target gets the noise as well",
            "same_noise": "the noise is drawn once, not anew in each epoch",
            "clean_validation": "validation from clean pictures, as if it measured denoising"},
    quick={"epochs": 3, "levels": "0.5,0.9"},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# The last sixth of the training pictures, 10,000 of MNIST's 60,000, is held out for validation.
# Its noise is drawn once for each level, so that all models are asked the same questions.


def noisy(x, sigma, rng):
    """x + N(0, sigma^2), clipped to what a picture may hold."""
    return (x + sigma * rng.normal(like=x)).clip(0, 1)


images = load_images(cfg.dataset, size=28)
cut = len(images.x_train) * 5 // 6
x = to_device(images.x_train[:cut].reshape(-1, 784))  # (N, 784)
x_val = to_device(images.x_train[cut:].reshape(-1, 784))
print(f"train {x.shape}, validation {x_val.shape}, {x.dtype}, {x.min():g} to {x.max():g}")
levels = sorted({0.0, cfg.noise, *map(float, cfg.levels.split(","))})
asked = {s: noisy(x_val, s, RNG(cfg.seed).fork(k, 0)) for k, s in enumerate(levels)}
rows = {f"noise {s:g}": asked[s][:10].reshape(-1, 28, 28) for s in levels}
figure = image_rows(rows, "Ten validation pictures under more and more noise")
show(cfg, figure, "samples", "ten clean pictures, and the same ones under more and more noise")

# %%
# The maths
# ---------
# The network of lesson 01 with two things changed: what goes in, and the squared error.
#
# .. code-block:: text
#
#    symbol   in the code        shape        meaning
#    x        x[i]               (N, 784)     clean pictures: the target
#    x~       seen               (N, 784)     what the encoder gets
#    h        the code           (N, 64)      what it keeps of x~
#
#    x~ = min(1, max(0, x + sigma e))         noisy, with a fresh e at every step
#    h  = max(0, x~ W1 + b1)                  Dense.forward, ReLU.forward
#    y  = s(h W2 + b2)                        Dense.forward, Sigmoid.forward
#    L  = mean((y - x)^2)                     MeanSquaredError.forward: x, not x~
#
#    dy  = 2 (y - x) / (784 N)                MeanSquaredError.backward
#    da1 = ((dy * y (1 - y)) W2^T) * (h > 0)  Sigmoid, Dense, ReLU.backward: as in lesson 01
#    dW1 = x~^T da1    db1 = sum_N da1        Dense: W1 learns from what the encoder saw
#
# The noise of one pixel cannot be told from ink; a mean of n pixels has only sigma / sqrt(n) of it.
# So useful units look at large, smooth parts of a picture.

# %%
# Build
# -----


def build(units, seed=cfg.seed):
    encoder = Sequential([Dense(units), ReLU()], name="encoder")
    decoder = Sequential([Dense(784), Sigmoid()], name="decoder")
    model = Sequential([encoder, decoder], name="autoencoder")
    model.build((784,), seed)
    return model


model = build(cfg.units)
loss = MeanSquaredError()
print(model.summary())

# %%
# Check before you train
# ----------------------
# Gradient right? Untrained no better than a guess (every pixel 0.5)? Twenty pictures by heart? And
# two answers to beat: one mean picture for all, and one number along a straight line (PCA).

three = images.x_train[:3].reshape(3, 784)
print(gradcheck(model, noisy(three, cfg.noise, RNG(cfg.seed)), three, loss=loss, samples=30))
start = float(loss(model(asked[cfg.noise]), x_val))
guess, average = (float(loss(0 * x_val + answer, x_val)) for answer in (0.5, x.mean(axis=0)))
heart = fit(model, x[:20], x[:20], loss=loss, optimizer=Adam(0.01), epochs=100, verbose=False)
pca = PCA(1, svd_solver="covariance_eigh").fit(to_numpy(x))
line = float(loss(pca.inverse_transform(pca.transform(to_numpy(x_val))), to_numpy(x_val)))
print(f"untrained {start:.4f} (a guess: {guess:.4f}), twenty by heart {heart['loss'][-1]:.5f}")

# %%
# Run
# ---
# The noise is drawn anew for every batch. With sigma 0 this trains an ordinary autoencoder.


def train(units, sigma, seed=cfg.seed):
    model, optimizer = build(units, seed), Adam(cfg.learning_rate)
    history = {"training": [], "validation": []}
    for epoch in range(cfg.epochs):
        rng, total = RNG(cfg.seed).fork(0 if cfg.broken == "same_noise" else epoch), 0
        for i in batches(len(x), cfg.batch_size, rng):
            seen = noisy(x[i], sigma, rng)
            target = seen if cfg.broken == "noisy_target" else x[i]
            total = total + train_step(model, loss, optimizer, seen, target)[0] * len(i)
        history["training"].append(float(total) / len(x))
        history["validation"].append(error(model, 0 if cfg.broken == "clean_validation" else sigma))
    print(f"{units} units, noise {sigma:g}:", *(f"{k} {v[-1]:.4f}" for k, v in history.items()))
    return model, history


def error(model, sigma):
    return evaluate(model, loss, asked[sigma], x_val)["loss"]


denoiser, history = train(cfg.units, cfg.noise)
ordinary, _ = train(cfg.units, 0)
matched = {0: ordinary, cfg.noise: denoiser}
matched |= {s: train(cfg.units, s)[0] for s in levels if s not in matched}

# One unit, from the one draw of ten that fires most, and another, from the very first draw.
another, _ = train(1, cfg.noise)
fires = [float((build(1, s).layers[0](asked[cfg.noise]) > 0).mean()) for s in range(10)]
one_unit, _ = train(1, cfg.noise, fires.index(max(fires)))

# Now the question itself: how far is the answer to a NOISY picture from the clean one?
models = {"ordinary": ordinary, "denoising": denoiser, "one unit": one_unit, "another": another}
errors = {name: [error(model, s) for s in levels] for name, model in models.items()}
errors["trained at each"] = [error(matched[s], s) for s in levels]
errors["mean picture"] = [average] * len(levels)
print(table(("MSE", *(f"noise {s:g}" for s in levels)), ([k, *v] for k, v in errors.items())))

# %%
# Look
# ----
# Clipped noise adds gray; a picture without it seems to lack ink. So less noise than in training is
# no easier, and an error from clean pictures (noise 0) is no denoising error at all.

title, label = f"From noisy to clean, {cfg.units} units and one", "noise (standard deviation)"
figure = curves(errors, title, label, "MSE (per pixel)", x=levels)
show(cfg, figure, "noise", "error against noise: the ordinary autoencoder's rises fastest")

low, high, last = asked[cfg.noise][:10], asked[levels[-1]][:10], levels[-1]
rows = {"clean": x_val[:10], f"noise {cfg.noise:g}": low, "ordinary": ordinary(low),
        "denoised": denoiser(low), "one unit": one_unit(low), f"noise {last:g}": high,
        f"trained at {last:g}": matched[last](high)}  # fmt: skip
rows = {name: row.reshape(-1, 28, 28) for name, row in rows.items()}
figure = image_rows(rows, "Ten pictures the models have never seen")
show(cfg, figure, "denoised", "noisy pictures and what each model makes of them")

# %%
# Why is the answer of one unit nearly a constant? All it can paint lies on one curve in the space
# of pictures; digits do not: even the best straight line leaves most of their spread. And while it
# fires on no picture, no gradient reaches W1 (ReLU): only b2 learns, and the answer is a constant.

h = to_numpy(one_unit.layers[0](asked[cfg.noise]))  # (N, 1)
h = np.quantile(h, [0.01, 0.25, 0.5, 0.75, 0.99]).reshape(5, 1).astype(h.dtype)
drawn = [*to_numpy(one_unit.layers[1](to_device(h))), to_numpy(x.mean(axis=0))]
captions = [*(f"h = {value:.1f}" for value in h[:, 0]), "mean picture"]
figure = captioned(np.reshape(drawn, (6, 28, 28)), captions, "All that one unit can paint")
show(cfg, figure, "one_unit", "what one unit paints from its lowest to its highest activation")

# %%
# How holistic is what a unit looks for? In noise, neighbouring weights differ as much as any two;
# in a large shape they are alike. Roughness: their squared difference over that of noise.

rough, halves = {}, []
for name, model in (("ordinary", ordinary), ("denoising", denoiser)):
    w = to_numpy(model.layers[0].layers[0].W.T).reshape(-1, 28, 28)  # (784, 64) -> one a unit
    rough[f"roughness, {name}"] = float((np.diff(w) ** 2).mean() / (2 * (w * w).mean()))
    strong = (w * w).sum(axis=(1, 2)).argsort()[::-1][:30]  # a dead unit keeps its faint start
    halves += [w[strong] / abs(w).max(), np.zeros_like(w[:10])]
title = "What a unit looks for: ordinary above, denoising below"
figure = signed_grid(np.concatenate(halves[:3]), 10, title)
show(cfg, figure, "filters", "encoder filters: specks if ordinary, smooth strokes if denoising")

# %%
# Expected against reference
# --------------------------
# The same in PyTorch, from Glorot weights. The tolerance is what other seeds do there.

metrics = {f"{name} MSE": error(model, cfg.noise) for name, model in models.items()}
metrics["ordinary / denoising"] = metrics["ordinary MSE"] / metrics["denoising MSE"]
metrics |= {"mean picture MSE": average, "straight line MSE": line, **rough}
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --noise 0.9                          guesses smoother digits; worse on little noise
#    --units 256                          the ordinary one copies noise better: worse from noise
#    --units 8                            too few to copy noise, or digits: a smaller gap

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    gray paper                           the target is noisy too         --break noisy_target
#    training far below validation        noise is learned by heart       --break same_noise
#    validation not as in the table       it is fed clean pictures        --break clean_validation

# %%
# Exercise
# --------
# Noise that hides: let ``noisy`` return ``x * (rng.uniform(like=x) >= sigma)``, most pixels erased.
# Which sigma makes the task as hard as Gaussian noise of 0.5?

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(Dense, ReLU, Sigmoid, MeanSquaredError))
