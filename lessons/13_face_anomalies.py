r"""
13 - Face anomalies
===================

Learn to copy faces, and judge by the error of the copy whether a new picture is a face.

**You will see**

- two autoencoders, beside PCA and beside one mean picture as the answer for all;
- how well each copies, how well each judges, and that the two orders differ;
- on which pictures it matters where a thing is, and on which only how it looks close
  by.

**Facts**: 30 s on a laptop with the default data, two photographs bundled with
scikit-learn; two minutes with ``--dataset faces``, two files in the folder that
``SCRATCHNET_DATA`` names; ``--folder your_pictures``. Before this: 12, unpooling. Next:
14, narrow code. Paper: Japkowicz, Myers and Gluck (1995), A novelty detection approach
to classification.

.. math:: e(x) = \frac{1}{D} \sum_d (y_d(x) - x_d)^2, \quad anomaly: e(x) > threshold
"""

# %%
# Knobs
# -----
# Every number you may change; each is also a flag, as in ``--components 8``. The faces
# are of real people: use them to measure copies, not to identify anyone.

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
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import MeanSquaredError
from scratchnet.metrics import roc_auc
from scratchnet.optimizers import Adam
from scratchnet.plots import curves, image_rows, roc
from scratchnet.training import batches, predict, train_step

cfg = knobs(
    "13_face_anomalies",
    components=32, epochs=30, epochs_dense=15, batch_size=32, learning_rate=0.001,
    size=64, folder="", seed=0,
    datasets={"photos": {"epochs": 15, "epochs_dense": 3}, "faces": {}},
    breaks={"random_split": "training and test pictures are mixed and split at random"},
    quick={"size": 16, "epochs": 2, "epochs_dense": 1},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# Colour pictures of 64 x 64 x 3 numbers from -1 to 1, in three sets. The normal
# pictures to learn from; normal pictures that are not used in training, of OTHER people
# or of the other half of the photograph; and anomalies. Pictures of one person are
# nearly copies of each other. If they were on both sides of the split, the test would
# measure memory.

data = load_faces(cfg.folder or cfg.dataset, cfg.size)
pictures = {"train": data.x_train, "unseen": data.x_test, "anomalies": data.x_anomaly}
print(*(f"{name} {a.shape}" for name, a in pictures.items()), data.x_train.dtype)


def chosen(a, count):
    """Some pictures of a set (N, H, W, 3) or (N, D), as colours from 0 to 1."""
    a = a[np.linspace(0, len(a) - 1, count).astype(int)]
    return ((a.reshape(count, cfg.size, cfg.size, 3) + 1) / 2).clip(0, 1)


rows = {name: chosen(a, 10) for name, a in pictures.items()}
figure = image_rows(rows, "Normal pictures to learn from, and two sets to test with")
show(cfg, figure, "samples", "ten pictures each: to train, unseen, anomalies")

# %%
# Idea
# ----
# An anomaly is a picture that is not of the usual kind. Often there are many examples
# of the usual kind and none of the anomalies, since no list of everything that is not a
# face is complete. So a classifier cannot be trained. An autoencoder can: it needs
# normal pictures only and learns to copy them. What it has learned should fit faces and
# nothing else. Then a picture of a chair comes out wrong, and the error of the copy is
# a score: the larger, the less the picture is like a face.
#
# The argument has a gap. Training asks for small errors on faces. It never asks for
# large errors on chairs. A network that copies a picture in small pieces, each on its
# own, copies faces by copying everything, and then the error tells nothing. Two
# questions have to be kept apart: how well does a model copy normal pictures it has not
# seen, and how well does its error sort normal pictures from anomalies? The first is
# measured by the mean squared error. The second is measured by the AUC: take a normal
# picture and an anomaly at random; how often does the anomaly have the larger error?
# Chance level is 0.5.
#
# Two answers without a network show what the numbers are worth. PCA is the best linear
# code. The mean of the training pictures copies nothing at all, but its error still
# tells how far a picture is from the average one.

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code      shape             meaning
#    x        x[i], flat       (N, 64, 64, 3)    pictures of D = 12288 numbers each
#    y        copies[model]    (N, D)            the copies
#    e        errors(copies)   (N,)              the error, for colours from 0 to 1
#
#    L   = mean((y - x)^2)                       MeanSquaredError.forward
#    AUC = P(e of an anomaly > e of a normal)    1 sorts perfectly, 0.5 is chance level
#
# The code of the fully connected model has 64 numbers, and each depends on all pixels.
# The code of the convolutional model has 8 x 8 x 48 = 3072 numbers, and each depends on
# 22 x 22 pixels only: on 4 after the first layer, on 4 + 3 * 2 = 10 after the second,
# on 10 + 3 * 4 = 22 after the third.

# %%
# Build
# -----


def dense():
    layers = [Reshape((-1,))]
    for units in (1024, 256, 64, 256, 1024):
        layers += [Dense(units), ReLU()]
    layers += [Dense(cfg.size**2 * 3), Tanh(), Reshape((cfg.size, cfg.size, 3))]
    return Sequential(layers)


def convolutional():
    layers, halve = [], dict(kernel_size=4, strides=2, padding=1)
    for filters in (12, 24, 48):
        layers += [Conv2D(filters, **halve), ReLU()]
    for filters in (24, 12):
        layers += [Conv2DTranspose(filters, **halve), ReLU()]
    return Sequential([*layers, Conv2DTranspose(3, **halve), Tanh()])


models = {"fully connected": dense(), "convolutional": convolutional()}
for model in models.values():
    model.build((cfg.size, cfg.size, 3), cfg.seed)
    print(model.summary())

# %%
# Check before you train
# ----------------------
# Is the gradient right?

noise = RNG(cfg.seed).normal(like=data.x_train[:2, :8, :8])
print(gradcheck(convolutional(), noise, samples=8))

# %%
# Break it on purpose
# -------------------
# ``--break random_split`` mixes the normal pictures and splits them at random, so that
# the unseen ones are no longer of other people.

if cfg.broken == "random_split":
    normal = np.concatenate([data.x_train, data.x_test])
    normal = normal[RNG(cfg.seed).permutation(len(normal))]
    pictures["train"], pictures["unseen"] = np.split(normal, [len(data.x_train)])

# %%
# Run
# ---
# First the two answers without a network.

x = to_device(pictures["train"])
flat = {name: a.reshape(len(a), -1) for name, a in pictures.items()}  # (N, D) each
pca = PCA(min(cfg.components, len(x)), random_state=0).fit(flat["train"])
linear = {
    "PCA": {k: pca.inverse_transform(pca.transform(a)) for k, a in flat.items()},
    "mean picture": {k: np.broadcast_to(pca.mean_, a.shape) for k, a in flat.items()},
}

# %%
# Then the networks. The AUC is measured after each epoch, to see whether it follows the
# error. It uses the labels of the anomalies, so it must not decide when training stops.


def copy(model, names=("train", "unseen", "anomalies")):
    outputs = {name: predict(model, to_device(pictures[name])) for name in names}
    return {name: to_numpy(y).reshape(len(y), -1) for name, y in outputs.items()}


def errors(copies):
    """Mean squared error of each copy, {set: (N,)}, for colours from 0 to 1."""
    return {k: ((y - flat[k]) ** 2).mean(axis=1) / 4 for k, y in copies.items()}


def train(model, epochs):
    loss, optimizer = MeanSquaredError(), Adam(cfg.learning_rate)
    history = {"MSE": [], "AUC": []}
    for epoch in range(epochs):
        total = 0
        for i in batches(len(x), cfg.batch_size, RNG(cfg.seed).fork(epoch)):
            value, _, _ = train_step(model, loss, optimizer, x[i], x[i])
            total = total + value * len(i)
        e = errors(copy(model, ("unseen", "anomalies")))
        history["MSE"].append(float(total) / len(x) / 4)
        history["AUC"].append(float(roc_auc(e["unseen"], e["anomalies"])))
    return history


epochs = {"fully connected": cfg.epochs_dense, "convolutional": cfg.epochs}
histories = {name: train(model, epochs[name]) for name, model in models.items()}
history = histories["convolutional"]
copies = {name: copy(model) for name, model in models.items()} | linear
found = {name: errors(made) for name, made in copies.items()}  # {model: {set: (N,)}}
auc = {name: float(roc_auc(e["unseen"], e["anomalies"])) for name, e in found.items()}
metrics = {}
for name, e in found.items():
    metrics |= {f"{name}, MSE {k}": float(values.mean()) for k, values in e.items()}
    metrics[f"{name}, AUC anomalies"] = auc[name]
head = ("model", "MSE train", "MSE unseen", "MSE anomalies", "AUC anomalies")
print(table(head, ([k, *(metrics[f"{k}, {h}"] for h in head[1:])] for k in found)))

# %%
# Look
# ----
# Compare the two columns "MSE unseen" and "AUC anomalies": the order of the models is
# not the same.
#
# On faces the convolutional network copies best by far, and it judges worst, worse than
# one mean picture. Its code is wide and local: it copies small pieces of any picture,
# and a chair is made of the same small pieces. The fully connected network copies much
# worse and judges better, because all it can draw is a mixture of what it has seen.
#
# The two photographs of the default data show the opposite for the convolutional
# network: it is the best at both. Normal pictures are parts of a flower there, and
# anomalies are parts of a building. Nothing in them has its place, and small pieces,
# their colours and textures, are all that differs. But PCA copies them four times
# better than the fully connected network, and judges worse. A small error on normal
# pictures is no evidence of a good judge.

lines = {name: h["AUC"] for name, h in histories.items()}
levels = {"mean picture": auc["mean picture"]}
title = "Does judging improve together with copying?"
figure = curves(lines, title, "epoch", "AUC of the anomalies", levels)
show(cfg, figure, "epochs", "AUC over the epochs for two networks, and a level")

scores = {
    f"{name}, AUC {auc[name]:.3f}": (e["unseen"], e["anomalies"])
    for name, e in found.items()
}
figure = roc(scores, "Every threshold: false alarms and hits")
show(cfg, figure, "roc", "hits against false alarms for all four models")

rows = {
    name: np.concatenate([chosen(made["unseen"], 5), chosen(made["anomalies"], 5)])
    for name, made in ({"original": flat} | copies).items()
}
figure = image_rows(rows, "Five unseen pictures, five anomalies, and their copies")
show(cfg, figure, "copies", "pictures of two sets, and their copies by each model")

# %%
# Expected against reference
# --------------------------
# PCA by scikit-learn, and the networks in PyTorch from Glorot weights. The tolerance is
# the range of other seeds there; tests/reference/make_faces.py computed the numbers.

report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                         cause                         look at
#    the errors of unseen pictures   near copies of them were in   --break random_split,
#    are smaller than they would     training                      MSE unseen
#    be for other people
#    a threshold that flags nearly   it was set on the errors of   MSE train and unseen
#    every normal picture            the training pictures
#    the best model is chosen by     MSE measures copying, not     the table after Run
#    its MSE                         judging

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --components 1           PCA with one direction: an AUC of 0.981 on faces
#    --epochs 5               on faces: worse copies, and a worse judgement, 0.90
#    --folder my_pictures     your own pictures, in normal/ and anomaly/

# %%
# Exercise
# --------
# The error can be split into three: the mean squared error of the red, the green and
# the blue numbers. Compute an AUC from each. Is one colour enough to judge? The answer:
# ``scratchnet answer 13``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(*models.values(), MeanSquaredError))

# sphinx_gallery_thumbnail_number = 2
