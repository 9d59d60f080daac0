r"""
13 - Face anomalies
===================

Learn to copy faces, and take a picture that is copied badly for something else than a face.

**You will see**

- a fully connected and a convolutional autoencoder, beside PCA and beside one mean picture;
- that the network which copies best need not be the one that tells faces from things, and why;
- which pictures a model takes for the wrong kind, and what a narrow code changes.

**Facts**: 45 s on a laptop with the default data, two photographs bundled with scikit-learn; three
minutes with ``--dataset faces``, two files in the folder that ``SCRATCHNET_DATA`` names; ``--folder
your_pictures``. Before this: 11, unpooling. Next: 13, variational autoencoder. Paper: Japkowicz,
Myers and Gluck (1995), A novelty detection approach to classification.

.. math:: e(x) = \frac{1}{D} \sum_d (y_d(x) - x_d)^2, \quad anomaly: e(x) > threshold
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--code 16``. The faces are of real people:
# use them to measure copies, not to tell who somebody is.

import numpy as np
from sklearn.decomposition import PCA

from scratchnet.backend import RNG, to_device, to_numpy
from scratchnet.data import load_faces
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Conv2D, Conv2DTranspose, Dense, ReLU, Reshape, Sequential, Tanh
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import MeanSquaredError
from scratchnet.metrics import roc_auc
from scratchnet.optimizers import Adam
from scratchnet.plots import captioned, curves, histogram, image_rows, roc
from scratchnet.training import batches, predict, train_step

cfg = knobs(
    "13_face_anomalies",
    code=64, components=32, epochs=30, epochs_dense=15, batch_size=32, learning_rate=0.001, size=64,
    folder="", seed=0,
    datasets={"photos": {"epochs": 15, "epochs_dense": 3}, "faces": {}},
    breaks={"random_split": "training and test pictures are mixed and split at random"},
    quick={"size": 16, "epochs": 2, "epochs_dense": 1},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# 64 x 64 x 3 numbers from -1 to 1: pictures to learn from, unseen ones of OTHER people (the other
# half of the photograph) and anomalies. Pictures of one person are near copies: a random split
# would ask the memory. The unseen ones upside down, every colour and edge still there, ask whether
# a model knows what belongs where.

data = load_faces(cfg.folder or cfg.dataset, cfg.size)
normal = np.concatenate([data.x_train, data.x_test])
if cfg.broken == "random_split":
    normal = normal[RNG(cfg.seed).permutation(len(normal))]
train, unseen = np.split(normal, [len(data.x_train)])
heaps = {"train": train, "unseen": unseen, "anomalies": data.x_anomaly}
heaps["upside down"] = unseen[:, ::-1].copy()
flat = {k: heap.reshape(len(heap), -1) for k, heap in heaps.items()}  # (N, 12288) each
x = to_device(train)  # (N, 64, 64, 3)
print(*(f"{name} {heap.shape}" for name, heap in heaps.items()), x.dtype)


def shown(pictures):  # colours from 0 to 1, for a figure
    return ((pictures.reshape(-1, *x.shape[1:]) + 1) / 2).clip(0, 1)


def ten(pictures):
    return shown(pictures[np.linspace(0, len(pictures) - 1, 10).astype(int)])


rows = {name: ten(heap) for name, heap in heaps.items()}
figure = image_rows(rows, "Normal pictures to learn from, and three heaps to test")
show(cfg, figure, "samples", "ten pictures each: to train, unseen, anomalies, unseen upside down")

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code        shape              meaning
#    x        x[i], flat         (N, 64, 64, 3)     a batch of pictures, D = 12288 numbers each
#    h        the code           (N, 64)            the convolutional one's is (N, 8, 8, 48): 3072
#    y        copies[model]      (N, 64, 64, 3)     the copy
#    e        errors(copies)     (N,)               its error, for pixels from 0 to 1
#
#    L   = mean((y - x)^2)                          MeanSquaredError.forward
#    AUC = P(e of an anomaly > e of a normal one)   1 sorts perfectly, 0.5 is guessing
#
# A code number of the convolutional model has seen 22 x 22 pixels (4, then 4 + 3 * 2, then 10 + 3 *
# 4) and no more. It can know skin from sky; it cannot know that eyes stand above a mouth.

# %%
# Build
# -----


def dense():
    layers = [part for n in (1024, 256, 64, 256, 1024) for part in (Dense(n), ReLU())]
    layers = [Reshape((-1,)), *layers, Dense(x[0].size), Tanh(), Reshape(x.shape[1:])]
    return Sequential(layers, name="autoencoder")


def convolutional(code=None, size=cfg.size):
    """3-12-24-48 and its mirror; with a code, all of the picture through that many numbers."""
    down, up, s, halve = [], [], size // 8, dict(kernel_size=4, strides=2, padding=1)
    for filters in (12, 24, 48):
        down += [Conv2D(filters, **halve), ReLU()]
    for filters in (24, 12):
        up += [Conv2DTranspose(filters, **halve), ReLU()]
    if code:  # 8 x 8 x 48 = 3072 numbers -> code -> 3072
        down += [Reshape((-1,)), Dense(code), Dense(s * s * 48), ReLU(), Reshape((s, s, 48))]
    return Sequential([*down, *up, Conv2DTranspose(3, **halve), Tanh()], name="autoencoder")


models = {"fully connected": dense(), "convolutional": convolutional()}
models[through := f"through {cfg.code}"] = convolutional(cfg.code)
for model in models.values():
    model.build(x.shape[1:], cfg.seed)
print(models["convolutional"].summary())

# %%
# Check before you train
# ----------------------
# Is the gradient right? And two answers to beat that are no networks: the same mean picture for
# everyone, and the best straight code, PCA.

snow = RNG(cfg.seed).normal(like=data.x_train[:2, :8, :8])
print(gradcheck(convolutional(4, size=8), snow, samples=8))
pca = PCA(min(cfg.components, len(x)), random_state=0).fit(flat["train"])
copies = {"PCA": {k: pca.inverse_transform(pca.transform(v)) for k, v in flat.items()}}
copies["mean picture"] = {k: np.broadcast_to(pca.mean_, v.shape) for k, v in flat.items()}


def copied(model, names=tuple(heaps)):
    parts = {k: predict(model, to_device(heaps[k])) for k in names}
    return {k: to_numpy(part).reshape(len(part), -1) for k, part in parts.items()}


def errors(copies):  # {heap: the mean squared error of each copy (N,), for pixels from 0 to 1}
    return {k: ((copy - flat[k]) ** 2).mean(axis=1) / 4 for k, copy in copies.items()}


# %%
# Run
# ---
# Both networks, and the convolutional one led through 64 numbers that see the whole picture.


def trained(name, epochs):
    loss, optimizer, history = MeanSquaredError(), Adam(cfg.learning_rate), {"MSE": [], "AUC": []}
    for epoch in range(epochs):
        total = 0
        for i in batches(len(x), cfg.batch_size, RNG(cfg.seed).fork(epoch)):
            total = total + train_step(models[name], loss, optimizer, x[i], x[i])[0] * len(i)
        history["MSE"].append(float(total) / len(x) / 4)
        e = errors(copied(models[name], ("unseen", "anomalies")))
        history["AUC"].append(float(roc_auc(e["unseen"], e["anomalies"])))
    print(name, *(f"{k} {v[0]:.4f} -> {v[-1]:.4f}" for k, v in history.items()), sep="  ")
    return history


epochs = (cfg.epochs_dense, cfg.epochs, cfg.epochs)
histories = {name: trained(name, n) for name, n in zip(models, epochs, strict=True)}
history = histories["convolutional"]
copies = {k: copied(model) for k, model in models.items()} | copies
found = {k: errors(copy) for k, copy in copies.items()}  # {model: {heap: errors}}
numbers = {k: {f"MSE {heap}": float(e[heap].mean()) for heap in heaps} for k, e in found.items()}
for k, e in found.items():
    numbers[k] |= {f"AUC {h}": float(roc_auc(e["unseen"], e[h])) for h in list(heaps)[2:]}
print(table(("model", *numbers["PCA"]), ((k, *row.values()) for k, row in numbers.items())))
auc = {k: row["AUC anomalies"] for k, row in numbers.items()}

# %%
# Look
# ----
# On faces the convolutional network makes by far the best copies and is the worst at telling faces
# from things, behind one mean picture, at every epoch: its wide, local code copies what comes, also
# upside down. Led through 64 numbers, the same layers draw a face where there is none, and are the
# best. In the photographs nothing has its place, colours and textures tell all: local is best.

lines, levels = {k: h["AUC"] for k, h in histories.items()}, {"PCA": auc["PCA"]}
figure = curves(lines, "Do better copies tell more?", "epoch", "AUC of anomalies", levels)
show(cfg, figure, "epochs", "AUC over the epochs for three networks, with PCA as a level")

scores = {f"{k}, AUC {auc[k]:.3f}": (e["unseen"], e["anomalies"]) for k, e in found.items()}
figure = roc(scores, "Every threshold: false alarms and hits")
show(cfg, figure, "roc", "hits against false alarms for networks, PCA and the mean picture")

for name in ("convolutional", through):
    groups = {k: e for k, e in found[name].items() if k != "train"}
    figure = histogram(groups, f"How badly they are copied: {name}", "MSE (pixels from 0 to 1)")
    show(cfg, figure, f"errors_{name.split()[0]}", f"errors of three heaps of pictures, {name}")

tests, rows = list(heaps)[1:], {"shown": flat} | copies  # who knows only faces draws a face
rows = {k: np.concatenate([ten(row[h])[[0, 4, 7, 9]] for h in tests]) for k, row in rows.items()}
figure = image_rows(rows, "Four unseen, four anomalies, four upside down, and their copies")
show(cfg, figure, "copies", "pictures of three heaps above what each model makes of them")

e = found[best := max(models, key=auc.get)]
worst, missed = e["unseen"].argsort()[:-9:-1], e["anomalies"].argsort()[:8]
both = shown(np.concatenate([unseen[worst], data.x_anomaly[missed]]))
titles = [f"unseen\n{error:.4f}" for error in e["unseen"][worst]]
titles += [f"{data.anomaly_names[i]}\n{e['anomalies'][i]:.4f}" for i in missed]
figure = captioned(both, titles, f"Worst normal pictures, best anomalies ({best})")
show(cfg, figure, "mistakes", "the normal pictures copied worst and the anomalies copied best")

# %%
# Expected against reference
# --------------------------
# The networks in PyTorch, from Glorot weights; the tolerance is what other seeds do there. By
# tests/reference/make_faces.py.

metrics = {f"{k}, {name}": n for k, row in numbers.items() for name, n in row.items()}
torch = "PyTorch 2.13, mean of 3 seeds"
report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --components 1                       PCA, one straight line: AUC 0.981 on faces
#    --folder my_pictures                 your own, in normal/ and anomaly/

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    errors of unseen ones too good       near copies were in training    --break random_split
#    a threshold that flags everybody     set on pictures known by heart  MSE train and unseen

# %%
# Exercise
# --------
# Score by the code: how far does a picture's lie from the nearest code of a training picture?

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(Conv2D, Conv2DTranspose, Dense, MeanSquaredError))
