r"""
19 - Face VAE
=============

A convolutional VAE of colour pictures that generates faces and scores anomalies.

**You will see**

- a decoder with Gaussian noise, and how large its standard deviation must be;
- reconstruction, KL and the bound of -log p(x) as anomaly scores, beside the models of
  lessons 13 and 14;
- pictures decoded from random codes, and the most and least likely unseen pictures.

**Facts**: 30 s on a laptop with the default data, two photographs bundled with
scikit-learn; four minutes with ``--dataset faces``, as in lesson 13; ``--folder
your_pictures``. Before this: 18, autoencoder against VAE. Next: 20, GAN. Paper: Rybkin,
Daniilidis and Levine (2021), Simple and effective VAE training with calibrated
decoders.

.. math:: -\log p(x) \le E_q \frac{|x - y(z)|^2}{2 s^2} + D \log(s \sqrt{2 \pi}) + KL
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--code 8``.

import math

import numpy as np
from sklearn.decomposition import PCA

from scratchnet.backend import RNG, to_device, to_numpy
from scratchnet.data import load_faces
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import (
    Conv2D,
    Conv2DTranspose,
    Dense,
    ReLU,
    Reshape,
    Sequential,
    Tanh,
)
from scratchnet.lesson import knobs, layer_table, log, report, show, table
from scratchnet.losses import MeanSquaredError
from scratchnet.metrics import roc_auc
from scratchnet.models.vae import VAE
from scratchnet.numerics import kl_to_standard_normal, logsumexp
from scratchnet.optimizers import Adam
from scratchnet.plots import image_rows
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
# The data of lesson 13, with colours from -1 to 1. In the default data, one photograph
# is normal and the other is the anomaly; they are shrunk to save time.

data = load_faces(cfg.folder or cfg.dataset, cfg.size)
x, unseen, anomaly = map(to_device, (data.x_train, data.x_test, data.x_anomaly))
D = x[0].size  # numbers in a picture
print(f"train {x.shape}, unseen {unseen.shape}, anomalies {anomaly.shape}, {x.dtype}")


def colours(pictures):
    """Pictures with colours from 0 to 1, for a figure."""
    return ((to_numpy(pictures) + 1) / 2).clip(0, 1)


rows = {"train": x, "unseen": unseen, "anomalies": anomaly}
rows = {name: colours(p[:: max(len(p) // 10, 1)][:10]) for name, p in rows.items()}
figure = image_rows(rows, "Normal pictures to train and to test with, and anomalies")
show(cfg, figure, "samples", "ten normal pictures to train, ten to test, ten anomalies")

# %%
# Idea
# ----
# The autoencoders of lessons 13 and 14 score a picture by the error of its copy: a
# picture unlike the training pictures is copied badly. This score has no unit, and it
# does not consider the code. A VAE has a score with a meaning: -ELBO, a bound of
# -log p(x), is a number of nats, the larger the less probable the picture is under the
# model. It is the sum of two parts. The reconstruction term is large if the decoder
# cannot produce the picture. The KL is large if the picture needs an unusual code. A
# VAE can also generate pictures, from random codes.
#
# For colours the reconstruction term needs a decision. In lesson 15 a pixel was ink or
# no ink, and the decoder returned the probability of ink. A colour is a number. Assume
# that it is the decoder's number plus normally distributed noise. Then the
# reconstruction term is the squared error, divided by twice the variance of the noise.
# The variance determines how many nats an error of the copy costs. If it is too large,
# errors cost nearly nothing, the code carries little information, and the copies are
# blurred. You need not choose the variance: it has a best value, the mean squared error
# of the copies, and the model can take this value after each epoch.

# %%
# The maths
# ---------
#
# .. code-block:: text
#
#    symbol       in the code        shape            meaning
#    mu, sigma    vae.encode(x)      (N, 64)          mean and standard deviation of q,
#                                                     sigma = exp(log_var / 2)
#    z            Sampling.forward   (N, 64)          the code, mu + sigma eps
#    y            vae.decode(z)      (N, H, W, 3)     the mean picture for z
#    s            vae.loss.sigma     one number       standard deviation of the noise
#    D            D                  one number       3 H W, the numbers in a picture
#
#    R   = |x - y|^2 / (2 s^2) + D log s + D/2 log(2 pi)    GaussianNLL.forward
#    KL  = 1/2 sum mu^2 + sigma^2 - 1 - log sigma^2         Sampling.penalty
#    -ELBO = R + KL >= -log p(x)                            nats for each picture
#
#    dR/dy = (y - x) / s^2                                  GaussianNLL.backward
#    dR/ds = 0  at  s^2 = |x - y|^2 / D                     the mean squared error
#
# With s = 1, an error of 0.1 in one colour costs 0.005 nats, less than the information
# that would avoid it. Therefore s is set after each epoch to its best value, the root
# of the mean squared error. R may be negative, because p(x) is a density.

# %%
# Build
# -----
# The layers of lessons 13 and 14: three convolutions that halve the size of the
# picture, and a dense layer to the code.


def convolutions():
    """Layers of a convolutional encoder and decoder."""
    halve = dict(kernel_size=4, strides=2, padding=1)
    encoder, decoder = [], []
    for filters in (12, 24, 48):
        encoder += [Conv2D(filters, **halve), ReLU()]
    for filters in (24, 12):
        decoder += [Conv2DTranspose(filters, **halve), ReLU()]
    return encoder, [*decoder, Conv2DTranspose(3, **halve), Tanh()]


def with_code(width):
    """The same with a dense layer to `width` numbers, and one back to the images."""
    encoder, decoder = convolutions()
    shape = cfg.size // 8, cfg.size // 8, 48
    encoder += [Reshape((-1,)), Dense(width)]
    return encoder, [Dense(int(np.prod(shape))), ReLU(), Reshape(shape), *decoder]


encoder, decoder = with_code(2 * cfg.code)  # means and log variances
vae = VAE(Sequential(encoder), Sequential(decoder), sigma=1.0)
vae.build(x.shape[1:], cfg.seed)
print(vae.model.summary())

# %%
# Check before you train
# ----------------------
# The gradient of the whole model, for a fixed noise. Then the plain form of the loss,
# with the untrained model and one picture: it must agree with GaussianNLL.

print(gradcheck(vae.model, RNG(cfg.seed).normal(like=data.x_train[:2]), samples=8))
y, s = vae.model(x[:1]), vae.loss.sigma
plain = ((x[:1] - y) ** 2).sum() / (2 * s**2) + D / 2 * math.log(2 * math.pi * s**2)
print(f"R {float(vae.loss(y, x[:1])):.3f}, by the plain formula {float(plain):.3f}")

# %%
# Break it on purpose
# -------------------
# This cell does nothing unless you run the lesson with ``--break NAME``. With
# `mean_over_pixels` the KL counts D times too much, as if the error were a mean over
# pixels. With `fixed_noise` the standard deviation s is not learned.

learn_s = cfg.broken != "fixed_noise"
if cfg.broken == "mean_over_pixels":
    vae.model.layers[1].beta = D

# %%
# Run
# ---
# A step is that of any VAE. After each epoch s gets its best value.

history, optimizer = {"s": []}, Adam(cfg.learning_rate)
for epoch in range(cfg.epochs):
    rng, squares = RNG(cfg.seed).fork(epoch), 0.0
    vae.model.set_rng(rng)  # the noise of this epoch
    for i in batches(len(x), cfg.batch_size, rng):
        _, _, y = train_step(vae.model, vae.loss, optimizer, x[i], x[i])
        squares += float(((y - x[i]) ** 2).mean()) * len(i)
    history["s"].append(vae.loss.sigma)
    if learn_s:
        vae.loss.sigma = (squares / len(x)) ** 0.5
    log(cfg, epoch, history)

# %%
# For comparison, the models of lessons 13 and 14, trained on the squared error.

dense = [Reshape((-1,))]
for width in (1024, 256, 64, 256, 1024):
    dense += [Dense(width), ReLU()]
dense += [Dense(D), Tanh(), Reshape(x.shape[1:])]


def trained(layers, epochs):
    model, optimizer = Sequential(layers), Adam(cfg.learning_rate)
    model.build(x.shape[1:], cfg.seed)
    settings = dict(epochs=epochs, batch_size=cfg.batch_size, seed=cfg.seed)
    fit(model, x, x, loss=MeanSquaredError(), optimizer=optimizer, **settings)
    return model


models = {
    "fully connected": trained(dense, cfg.epochs_dense),
    "convolutional": trained(sum(convolutions(), []), cfg.epochs),
    f"through {cfg.code}": trained(sum(with_code(cfg.code), []), cfg.epochs),
    "VAE": vae.model,
}
pca = PCA(min(cfg.components, len(x)), random_state=0).fit(data.x_train.reshape(-1, D))

# %%
# Scores of a picture, higher for odder ones. -ELBO is the mean of the bounds that
# single random codes give. Lesson 17's bound, which averages before the logarithm, is
# closer to -log p(x). The AUC is the probability that an anomaly has a higher score
# than an unseen normal picture; 0.5 is chance level.


def scores(images):
    """Scores of images, {name: number of each image (N,)}."""
    t = to_numpy(images).reshape(len(images), D)
    copies = {"mean picture": pca.mean_, "PCA": pca.inverse_transform(pca.transform(t))}
    for name, model in models.items():
        copies[name] = to_numpy(predict(model, images)).reshape(t.shape)
    found = {}
    for name, copy in copies.items():
        found[f"{name}, MSE"] = ((copy - t) ** 2).mean(axis=1) / 4
    found["VAE, KL"] = to_numpy(kl_to_standard_normal(*vae.encode(images)).sum(axis=1))
    single = [to_numpy(vae.log_likelihoods(images, 1, k)) for k in range(cfg.samples)]
    found["VAE, -ELBO"] = -np.mean(single, axis=0)
    found["VAE, -log p"] = np.log(cfg.samples) - logsumexp(np.array(single), axis=0)[0]
    return found


usual, odd = scores(unseen), scores(anomaly)
auc = {name: float(roc_auc(usual[name], odd[name])) for name in usual}
rows = [(k, float(usual[k].mean()), float(odd[k].mean()), auc[k]) for k in auc]
print(table(("score", "unseen", "anomalies", "AUC"), rows))

# %%
# Look
# ----
# On the faces the VAE sorts as well as the same layers without noise, on the
# photographs it sorts worse. The bound sorts as the squared error does, because R
# counts thousands of nats and the KL about a hundred. The KL alone is near chance
# level: the encoder has seen normal pictures only, and may give an anomaly a usual
# code. The figure shows five unseen pictures and five anomalies, and their copies.

few = to_device(np.concatenate([data.x_test[::25][:5], data.x_anomaly[::50][:5]]))
rows = {"shown": colours(few)}
for name, model in models.items():
    rows[name] = colours(predict(model, few))
figure = image_rows(rows, "Unseen pictures, anomalies, and their copies")
show(cfg, figure, "copies", "ten pictures above the copies of the VAE and three models")

# %%
# Pictures decoded from random codes; and the unseen pictures with the smallest and the
# largest -ELBO. Likely does not mean typical: smooth pictures cost the fewest nats.

drawn = vae.sample(to_device(np.zeros((10, cfg.code), "float32")), cfg.seed)
order = usual["VAE, -ELBO"].argsort()
rows = {
    "random codes": colours(drawn),
    "most likely": colours(unseen[to_device(order[:10])]),
    "least likely": colours(unseen[to_device(order[-10:])]),
}
figure = image_rows(rows, "Generated pictures, and the most and least likely real ones")
show(cfg, figure, "generated", "generated pictures above likely and unlikely real ones")

# %%
# Expected against reference
# --------------------------
# The references are the VAE in PyTorch, by tests/reference/make_faces.py. The tolerance
# is the difference between seeds there. MSE is the squared error per number, for
# colours from 0 to 1; "s" is the standard deviation of the noise, for colours from -1
# to 1.

metrics = {f"{name}, AUC": number for name, number in auc.items()}
metrics["s"] = vae.loss.sigma
metrics |= {f"unseen {k}": nats for k, nats in vae.evaluate(unseen, cfg.seed).items()}
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                           cause                    look at
#    all copies are one picture, and   KL counts D times more   --break mean_over_pixels
#    the KL is 0
#    blurred copies, KL of a dozen     s = 1, so that errors    --break fixed_noise
#    nats                              cost nearly nothing

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --code 8                           29 nats of KL, not 86; clearer pictures decoded

# %%
# Exercise
# --------
# Give each pixel and colour an s of its own, the root of its mean squared error over
# the training pictures. Which of the scores gets a higher AUC, and why? The answer:
# ``scratchnet answer 19``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(vae.model, vae.loss))

# sphinx_gallery_thumbnail_number = 3
