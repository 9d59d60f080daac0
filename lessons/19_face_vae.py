r"""
19 - Face VAE
=============

The convolutional autoencoder of lesson 12 with a random code: it draws pictures of its own, and
says of any picture how likely it is.

**You will see**

- a decoder with Gaussian noise, and how wide that noise must be;
- reconstruction, KL and the bound of log p(x) as anomaly scores, beside the models of lesson 12;
- pictures drawn from nothing, and those the model finds most and least likely.

**Facts**: 30 s on a laptop with the default data, two photographs bundled with scikit-learn; four
minutes with ``--dataset faces``, as in lesson 12; ``--folder your_pictures``. Before this: 16, GAN.
Next: 17, LSTM autoencoder. Paper: Rybkin, Daniilidis and Levine (2021), Simple and effective VAE
training with calibrated decoders.

.. math:: -\log p(x) \le E_q \frac{|x - y(z)|^2}{2 s^2} + D \log(s \sqrt{2 \pi}) + KL(q(z|x) | N)
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--code 8``.

import numpy as np
from sklearn.decomposition import PCA

from scratchnet.backend import RNG, to_device, to_numpy
from scratchnet.data import load_faces
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Conv2D, Conv2DTranspose, Dense, ReLU, Reshape, Sequential, Tanh
from scratchnet.lesson import knobs, layer_table, log, report, show, table
from scratchnet.losses import MeanSquaredError
from scratchnet.metrics import roc_auc
from scratchnet.models.vae import VAE
from scratchnet.numerics import kl_to_standard_normal, logsumexp
from scratchnet.optimizers import Adam
from scratchnet.plots import captioned, curves, image_grid, image_rows, scatter
from scratchnet.training import batches, fit, predict, train_step

cfg = knobs(
    "19_face_vae",
    code=64, epochs=30, epochs_dense=15, samples=50, components=32, batch_size=32,
    learning_rate=0.001, size=64, folder="", seed=0,
    datasets={"photos": {"epochs_dense": 10, "size": 32, "samples": 20}, "faces": {}},
    breaks={"mean_over_pixels": "the error is averaged over pixels, KL is not",
            "fixed_noise": "the standard deviation of the noise stays at 1"},
    quick={"size": 16, "code": 8, "epochs": 2, "epochs_dense": 1, "samples": 3},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# As in lesson 12, from -1 to 1. The photographs are shrunk to 32 x 32, which saves time.

data = load_faces(cfg.folder or cfg.dataset, cfg.size)
x, unseen, anomaly = map(to_device, (data.x_train, data.x_test, data.x_anomaly))
heaps, D = {"train": x, "unseen": unseen, "anomalies": anomaly}, x[0].size
print(f"train {x.shape}, unseen {unseen.shape}, anomalies {anomaly.shape}, {x.dtype}")


def shown(pictures):  # colours from 0 to 1, for a figure
    return ((to_numpy(pictures) + 1) / 2).clip(0, 1)


def ten(pictures):
    return shown(pictures)[np.linspace(0, len(pictures) - 1, 10).astype(int)]


rows = {name: ten(heap) for name, heap in heaps.items()}
figure = image_rows(rows, "Normal pictures to learn from, normal ones to test, and anomalies")
show(cfg, figure, "samples", "ten normal pictures to train, ten to test, and ten anomalies")

# %%
# The maths
# ---------
# Lesson 13 took a pixel for ink or no ink. A colour is a number: say it is the decoder's, y, plus
# Gaussian noise of the standard deviation s, the same for every pixel.
#
# .. code-block:: text
#
#    symbol   in the code        shape              meaning
#    m, v     vae.encode(x)      (N, 64) each       mean and log variance of q(z | x)
#    z        Sampling           (N, 64)            m + exp(v / 2) e, e ~ N(0, 1)
#    y        vae.decode(z)      (N, 64, 64, 3)     the picture drawn from z
#    s        vae.loss.sigma     one number         the noise of the pixels, 1 at the start
#
#    R   = |x - y|^2 / (2 s^2) + D log s + D/2 log(2 pi)    GaussianNLL.forward, nats a picture
#    KL  = 1/2 sum(m^2 + exp(v) - 1 - v)                    Sampling.penalty, nats a picture
#    -ELBO = R + KL >= -log p(x)                            sums over pixels and codes, both
#
#    dR/dy = (y - x) / s^2                                  GaussianNLL.backward
#    dR/ds = 0  at  s^2 = |x - y|^2 / D                     the mean squared error itself
#
# Why s matters: with s = 1 an error of 0.1 costs 0.005 nats, less than a code that avoids it. So s
# is set anew after each epoch, to its best value: the root of the mean squared error.

# %%
# Build
# -----


def halves(code, size=cfg.size):
    """Lesson 12's 3-12-24-48 down to `code` numbers, and up again; code None: no such waist."""
    down, up, halve = [], [], dict(kernel_size=4, strides=2, padding=1)
    for filters in (12, 24, 48):
        down += [Conv2D(filters, **halve), ReLU()]
    if code:  # 8 x 8 x 48 = 3072 numbers -> code -> 3072
        down += [Reshape((-1,)), Dense(code)]
        up += [Dense(size**2 // 64 * 48), ReLU(), Reshape((size // 8, size // 8, 48))]
    for filters in (24, 12):
        up += [Conv2DTranspose(filters, **halve), ReLU()]
    return down, [*up, Conv2DTranspose(3, **halve), Tanh()]


def new_vae(code=cfg.code, size=cfg.size):
    down, up = halves(2 * code, size)  # a mean and a log variance for each number of the code
    beta = D if cfg.broken == "mean_over_pixels" else 1
    vae = VAE(Sequential(down), Sequential(up), beta, sigma=1.0)
    vae.build((size, size, 3), cfg.seed)
    return vae


vae = new_vae()
print(vae.model.summary())
dense = [part for n in (1024, 256, 64, 256, 1024) for part in (Dense(n), ReLU())]
dense = [Reshape((-1,)), *dense, Dense(D), Tanh(), Reshape(x.shape[1:])]
stacks = {"fully connected": dense, "convolutional": sum(halves(None), [])}
stacks[f"through {cfg.code}"] = sum(halves(cfg.code), [])
models = {name: Sequential(layers, name="autoencoder") for name, layers in stacks.items()}

# %%
# Check before you train
# ----------------------
# The gradient of the whole model, noise held, on pictures of 8 x 8 pixels.

snow = RNG(cfg.seed).normal(like=data.x_train[:2, :8, :8])
print(gradcheck(new_vae(3, size=8).model, snow, samples=8))

# %%
# Run
# ---
# Lesson 12's models first: the squared error, no noise, a code free of charge. Then the VAE.

for name, model in models.items():
    model.build(x.shape[1:], cfg.seed)
    epochs = cfg.epochs_dense if name == "fully connected" else cfg.epochs
    fit(model, x, x, loss=MeanSquaredError(), optimizer=Adam(cfg.learning_rate), epochs=epochs,
        batch_size=cfg.batch_size, seed=cfg.seed, verbose=False)  # fmt: skip

history, optimizer = {"-ELBO": [], "unseen": [], "KL": [], "s": []}, Adam(cfg.learning_rate)
for epoch in range(cfg.epochs):
    rng, sums = RNG(cfg.seed).fork(epoch), np.zeros(3)
    vae.model.set_rng(rng)  # the noise of this epoch
    for i in batches(len(x), cfg.batch_size, rng):
        R, KL, y = train_step(vae.model, vae.loss, optimizer, x[i], x[i])
        sums += [float(term) * len(i) for term in (R, KL, ((y - x[i]) ** 2).mean())]
    R, KL, square = (float(total) / len(x) for total in sums)
    numbers = R + KL, vae.evaluate(unseen, cfg.seed)["loss"], KL, vae.loss.sigma
    for name, number in zip(history, numbers, strict=True):
        history[name].append(number)
    vae.loss.sigma = 1.0 if cfg.broken == "fixed_noise" else square**0.5
    log(cfg, epoch, history)

# %%
# Scores of a picture, higher for odder ones. The mean of the bounds that single random codes give
# is -ELBO; the one bound that all of them give together lies closer to -log p(x).

models["VAE"] = vae.model
pca = PCA(min(cfg.components, len(x)), random_state=0).fit(data.x_train.reshape(len(x), D))


def scores(x):
    """{score: one number a picture (N,)}"""
    t = to_numpy(x).reshape(len(x), D)
    copies = {"mean picture": pca.mean_, "PCA": pca.inverse_transform(pca.transform(t))}
    copies |= {k: to_numpy(predict(model, x)).reshape(t.shape) for k, model in models.items()}
    found = {f"{k}, MSE": ((copy - t) ** 2).mean(axis=1) / 4 for k, copy in copies.items()}
    found["VAE, KL"] = to_numpy(kl_to_standard_normal(*vae.encode(x)).sum(axis=1))
    single = np.array([to_numpy(vae.log_likelihoods(x, 1, k)) for k in range(cfg.samples)])
    found["VAE, -ELBO"] = -single.mean(axis=0)
    return found | {"VAE, -log p": np.log(cfg.samples) - logsumexp(single, axis=0)[0]}


usual, odd = scores(unseen), scores(anomaly)
auc = {k: float(roc_auc(usual[k], odd[k])) for k in usual}
rows = ((k, float(usual[k].mean()), float(odd[k].mean()), auc[k]) for k in usual)
print(table(("score", "unseen", "anomalies", "AUC"), rows))
terms = vae.evaluate(unseen, cfg.seed)
print("unseen, nats a picture:", *(f"{name} {number:.2f}" for name, number in terms.items()))

# %%
# Look
# ----
# On faces the VAE sorts as well as the same layers without noise, on the photographs worse. The
# bound sorts as the squared error does: R counts thousands of nats, KL a few hundred. KL alone is
# near guessing: an encoder that has seen faces only finds usual codes for things. And s, the error
# on known people, is too narrow for others: their bound stays behind.

lines = {"training": history["-ELBO"], "unseen": history["unseen"]}
figure = curves(lines, "The bound, and the price of a narrow noise", "epoch", "-ELBO (nats)")
show(cfg, figure, "bound", "the bound over the epochs, on training and on unseen pictures")

parts = {"unseen": usual, "anomalies": odd}
parts = {k: np.stack([s["VAE, -ELBO"] - s["VAE, KL"], s["VAE, KL"]], 1) for k, s in parts.items()}
figure = scatter(parts, "The two terms of the bound", "reconstruction (nats)", "KL (nats)")
show(cfg, figure, "terms", "KL against reconstruction for unseen pictures and anomalies")

few = to_device(np.concatenate([ten(unseen)[::2], ten(anomaly)[::2]]) * 2 - 1)
rows = {name: shown(predict(model, few)) for name, model in models.items()}
figure = image_rows({"shown": shown(few)} | rows, "Unseen pictures, anomalies, and their copies")
show(cfg, figure, "copies", "ten pictures above what the VAE and three autoencoders make of them")

drawn = vae.sample(to_device(np.zeros((32, cfg.code), "float32")), cfg.seed)
figure = image_grid(shown(drawn), 8, "Drawn from the prior: codes nobody encoded")
show(cfg, figure, "drawn", "thirty-two pictures drawn from random codes")

nats, order = usual["VAE, -ELBO"], usual["VAE, -ELBO"].argsort()
order = np.concatenate([order[:8], order[-8:]])  # likely is not typical: the smooth cost least
labels = [f"{n:.0f} nats" for n in nats[order]]
figure = captioned(shown(data.x_test[order]), labels, "-ELBO of unseen pictures, least and most")
show(cfg, figure, "likely", "the eight likeliest and the eight unlikeliest unseen pictures")

# %%
# Expected against reference
# --------------------------
# The VAE in PyTorch, by tests/reference/make_faces.py; the tolerance is what other seeds do.

metrics = {f"{name}, AUC": number for name, number in auc.items()} | {"s": vae.loss.sigma}
metrics |= {f"unseen {name}": number for name, number in terms.items()}
report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --code 8                             29 nats of KL, not 86; clearer pictures drawn

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    all copies are one picture, KL 0     KL weighs D times too much      --break mean_over_pixels
#    blurred copies, KL of a dozen nats   s = 1: errors are too cheap     --break fixed_noise

# %%
# Exercise
# --------
# Give each pixel an s of its own, from the errors at that pixel. Which score gains, and why?

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(Conv2DTranspose, Sampling, GaussianNLL))
