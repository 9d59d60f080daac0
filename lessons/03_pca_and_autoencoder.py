r"""
03 - PCA and a deep autoencoder
===============================

Two ways to write a picture as a few numbers: the best linear one, and a nonlinear one.

**You will see**

- why PCA is the best linear code, and a linear network that learns to be just as good;
- a deep autoencoder with a code of the same size, in a table of errors and in pictures;
- halfway between two codes: PCA blends two pictures, the deep network redraws them.

**Facts**: 10 s on a laptop with the default data, scikit-learn's digits, bundled and
enlarged to 28x28; 5 minutes with ``--dataset mnist``. Before this: 02, digit
classifier. Next: 04, width of the code. Paper: Baldi and Hornik (1989), Neural networks
and principal component analysis.

.. math:: \min_{A, B, b} \frac{1}{N} \sum_n |x_n A B + b - x_n|^2 = \sum_{j > k} l_j
"""

# %%
# Knobs
# -----
# Every number you may change; each is also a flag, as in ``--code 2``.

import numpy as np
from sklearn.decomposition import PCA

from scratchnet.backend import RNG, to_device, to_numpy
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Dense, ReLU, Sequential, Sigmoid
from scratchnet.lesson import knobs, layer_table, log, report, show, table
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import Adam
from scratchnet.plots import curves, image_grid, image_rows, signed_grid
from scratchnet.training import batches, evaluate, fit, predict, train_step

cfg = knobs(
    "03_pca_and_autoencoder",
    code=30, hidden_1=512, hidden_2=256, hidden_3=128,
    epochs=15, batch_size=64, learning_rate=0.001, seed=0,
    datasets={"digits": {"code": 8, "hidden_1": 256, "hidden_2": 128, "hidden_3": 64,
                         "epochs": 40, "learning_rate": 0.002},  # few pictures
              "mnist": {}, "fashion": {}},
    breaks={"mean": "PCA that forgets to subtract the mean picture",
            "sigmoid": "sigmoids in the hidden layers, as before ReLU"},
    quick={"epochs": 3, "hidden_1": 64, "hidden_2": 32, "hidden_3": 16},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# Of the 60,000 training pictures of MNIST and Fashion the last 10,000 are held out.
# Each picture becomes one row of 784 numbers from 0 (white) to 1 (black).

images = load_images(cfg.dataset, size=28)
pictures, held_out, labels = images.x_train, images.x_test, images.y_test
if cfg.dataset != "digits":
    pictures, held_out = images.x_train[:-10_000], images.x_train[-10_000:]
    labels = images.y_train[-10_000:]
x_host, val_host = pictures.reshape(-1, 784), held_out.reshape(-1, 784)  # for PCA
x, x_val = to_device(x_host), to_device(val_host)  # (N, 784), for the networks
print(f"train {x.shape}, validation {x_val.shape}, {x.dtype}, {x.min()} to {x.max()}")
figure = image_grid(pictures[:16], 8, f"Sixteen of the {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# Idea
# ----
# A picture is a point in a space of 784 axes, one per pixel. To describe it by k
# numbers, principal component analysis (PCA) lays a flat subspace of k dimensions
# through the points, a plane if k is 2, and replaces each picture by the nearest point
# of the subspace. The k coordinates of that point are the code. PCA chooses the
# subspace from which the training pictures have the smallest mean squared distance. No
# linear method can do better, and a linear autoencoder, trained by gradient descent,
# should therefore end at the same error.
#
# But the pictures of digits do not lie in a flat subspace. If a stroke moves to the
# right, the pixels on its way become dark and then white again, and that is a curve. A
# deep autoencoder has activation functions between its layers, so the set of pictures
# that its decoder can draw is curved as well. With a code of the same size it can come
# closer to the digits than any plane.

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   variable                  shape      meaning
#    m        m = pca.mean_             (784,)     the mean picture
#    V        V = pca.components_       (k, 784)   k directions, orthogonal, of length 1
#    l_j      pca.explained_variance_   (k,)       variance along direction j
#
#    y = m + (x - m) V^T V              the point of the subspace that is nearest to x
#
# Why is no linear code better? Whatever a linear encoder and decoder compute, their
# outputs lie in a flat subspace of k dimensions, and the point of it that is nearest to
# x is the orthogonal projection of x. So only the choice of the subspace is left. By
# Pythagoras, the squared distance of a picture from the subspace is its squared
# distance from m minus the part inside the subspace. In the mean over all pictures:
# error = whole variance - variance inside. The k directions of largest variance have
# the most inside, and the error that is left is l_(k+1) + l_(k+2) + ...
#
# The deep autoencoder has seven dense layers. ReLU follows each of them except the
# fourth, which gives the code, and the last, which a sigmoid follows. Its backward is
# that of lesson 01.
#
# .. code-block:: text
#
#    h_i = max(0, h_(i-1) W_i + b_i)    Dense.forward, ReLU.forward; h_0 = x, i = 1 to 6
#    h_4 = h_3 W_4 + b_4                the code: without ReLU
#    y   = s(h_6 W_7 + b_7)             Dense.forward, Sigmoid.forward
#    L   = mean((y - x)^2)              MeanSquaredError.forward
#    dy  = 2 (y - x) / n                MeanSquaredError.backward, n = 784 N

# %%
# Build
# -----
# PCA has no training: scikit-learn computes m and V from the covariance matrix of the
# pictures. The linear autoencoder has two dense layers and no activation function.

pca = PCA(cfg.code, svd_solver="covariance_eigh").fit(x_host)
m, V = pca.mean_, pca.components_  # (784,), (k, 784)
linear = Sequential([Dense(cfg.code), Dense(784)], name="linear")
linear.build((784,), cfg.seed)
WIDTHS = (cfg.hidden_1, cfg.hidden_2, cfg.hidden_3)


def build(widths, activation=ReLU, relu_code=False):
    """Return encoder, decoder, and the deep autoencoder that consists of both."""
    a, b, c = widths
    encoder = [Dense(a), activation(), Dense(b), activation(), Dense(c), activation()]
    encoder += [Dense(cfg.code), ReLU()] if relu_code else [Dense(cfg.code)]
    decoder = [Dense(c), activation(), Dense(b), activation(), Dense(784), Sigmoid()]
    encoder, decoder = Sequential(encoder, "encoder"), Sequential(decoder, "decoder")
    model = Sequential([encoder, decoder], name="deep")
    model.build((784,), cfg.seed)
    return encoder, decoder, model


encoder, decoder, deep = build(WIDTHS)
print(deep.summary())

# %%
# Check before you train
# ----------------------
# Is the gradient right? The check takes narrow layers, because it is slow. Does an
# untrained model score like gray pictures, every pixel 0.5? Can the model memorize
# twenty pictures, so that their error falls far below that of the mean picture?

loss = MeanSquaredError()
narrow = build((12, 8, 6))[2]
print(gradcheck(narrow, x_host[:3], x_host[:3], loss=loss, samples=10, eps=1e-4))
untrained = evaluate(deep, loss, x_val, x_val)["loss"]
gray = float(loss(0 * val_host + 0.5, val_host))
mean_picture = float(loss(0 * val_host + m, val_host))  # the same row N times
few, net = x[:20], build(WIDTHS)[2]
result = fit(net, few, few, loss=loss, optimizer=Adam(0.001), epochs=60, verbose=False)
print(f"untrained {untrained:.4f}, gray pictures {gray:.4f}")
print(f"trained on twenty {result['loss'][-1]:.4f}, mean picture {mean_picture:.4f}")

# %%
# Break it on purpose
# -------------------
# ``--break mean`` lets PCA project the pictures without subtracting the mean picture;
# ``--break sigmoid`` replaces the ReLU layers, as networks had them before 2010.

if cfg.broken == "mean":
    m = 0 * m
if cfg.broken == "sigmoid":
    encoder, decoder, deep = build(WIDTHS, activation=Sigmoid)

# %%
# Run
# ---
# First PCA. Its error on the training pictures should be the variance that it leaves
# out: one number, found in two ways. Then the linear autoencoder, trained by a loop as
# in lesson 01. ``train_step`` does forward, loss, backward and the step of the
# optimizer for one batch. It should end at the error of PCA.

projected = m + (val_host - m) @ V.T @ V  # (N, 784)
pca_train = float(loss(m + (x_host - m) @ V.T @ V, x_host))
left_out = x_host.var(axis=0).mean() * (1 - pca.explained_variance_ratio_.sum())
print(f"PCA, training: error {pca_train:.6f}, variance left out {left_out:.6f}")


def train(model):
    """Train; return the validation error after each epoch."""
    optimizer = Adam(cfg.learning_rate)
    errors = []
    for epoch in range(cfg.epochs):
        for i in batches(len(x), cfg.batch_size, RNG(cfg.seed).fork(epoch)):
            train_step(model, loss, optimizer, x[i], x[i])
        errors.append(evaluate(model, loss, x_val, x_val)["loss"])
        log(cfg, epoch, {"validation": errors})
    return errors


levels = {"mean picture": mean_picture, "PCA": float(loss(projected, val_host))}
history = {"linear": train(linear)}
print(f"PCA {levels['PCA']:.4f}, linear autoencoder {history['linear'][-1]:.4f}")

# %%
# Now the deep autoencoder. A second one has a ReLU on the code too. There a unit that
# is negative for all pictures is lost: it is 0, it receives no gradient, and the code
# is one number shorter.

history["deep"] = train(deep)
encoder_2, _, deep_2 = build(WIDTHS, relu_code=True)
history["deep, ReLU code"] = train(deep_2)
dead = int((encoder_2(x_val) == 0).all(axis=0).sum())  # units that are always 0
print(f"dead units of the ReLU code: {dead} of {cfg.code}")

# %%
# Is the set of its outputs really curved? A PCA of the outputs finds the flat subspace
# of k dimensions that holds most of their variance; what lies outside is due to the
# curvature. And what is halfway between the codes of two digits of one class? PCA can
# only draw the mean of the two pictures that it draws at both ends.

drawn, h = to_numpy(predict(deep, x_val)), to_numpy(predict(encoder, x_val))
flat = PCA(cfg.code, svd_solver="covariance_eigh").fit(drawn)
outside = 1 - float(flat.explained_variance_ratio_.sum())
first = [np.flatnonzero(labels == c)[0] for c in range(10)]  # one picture of each class
last = [np.flatnonzero(labels == c)[-1] for c in range(10)]
halfway = decoder(to_device((h[first] + h[last]) / 2))

# %%
# Look
# ----

title = "The directions of PCA, the one of largest variance first"
figure = signed_grid(V.reshape(-1, 28, 28), (cfg.code + 1) // 2, title)
show(cfg, figure, "directions", "a picture for each direction: waves of plus and minus")

title, label = f"Copying through {cfg.code} numbers", "mean squared error, validation"
figure = curves(history, title, "epoch", label, levels)
show(cfg, figure, "loss", "linear falls to the level of PCA, deep falls below it")

# %%
# The first three rows are copies of pictures that were not used in training. Halfway,
# PCA shows both pictures at once, one over the other; the deep decoder mostly draws one
# digit of a shape in between.

rows = {
    "original": val_host[first],
    "PCA": projected[first],
    "deep": drawn[first],
    "another": val_host[last],
    "halfway, PCA": (projected[first] + projected[last]) / 2,
    "halfway, deep": to_numpy(halfway),
}
rows = {name: y.clip(0, 1).reshape(-1, 28, 28) for name, y in rows.items()}
figure = image_rows(rows, f"Copies from {cfg.code} numbers, and halfway to another")
show(cfg, figure, "copies", "originals, copies by PCA and deep, both halfway")

# %%
# Expected against reference
# --------------------------
# How many units of a ReLU code die is a matter of chance, therefore its wide tolerance.
# On MNIST 13 of 30 units die.

metrics = {
    **{f"{name} MSE": value for name, value in levels.items()},
    "linear MSE": history["linear"][-1],
    "deep MSE": history["deep"][-1],
    "deep MSE, ReLU code": history["deep, ReLU code"][-1],
    "dead units in the ReLU code": dead,
    "PCA MSE, training": pca_train,
    "linear MSE, training": evaluate(linear, loss, x, x)["loss"],  # not below PCA's
    "deep MSE, training": evaluate(deep, loss, x, x)["loss"],
    "deep: spread outside every plane": outside,
}
print(table((f"through {cfg.code} numbers", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                            cause                        look at
#    PCA is worse than the mean         the mean was not subtracted  --break mean
#    picture
#    the deep loss ends above that of   sigmoids: each multiplies    --break sigmoid and
#    PCA                                the gradient by at most 1/4  the loss curves
#    the error differs between seeds    units of a ReLU code die     --seed 1, --seed 2

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --code 2     the fewer numbers, the larger the gain of the deep network
#    --code 30    on the digits PCA wins, 0.001 against 0.005: they were enlarged from
#                 8x8 pixels, so that 64 directions describe them completely, and 1,437
#                 pictures are few for so many weights

# %%
# Exercise
# --------
# Write PCA in two lines of NumPy, with ``np.linalg.svd`` of x - m. Then multiply the
# two weight matrices of ``linear`` and compare the product with V^T V. The network has
# learned other directions than PCA. Has it learned the same subspace? The answer:
# ``scratchnet answer 03``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the command for a terminal that checks its gradient.

print(layer_table(deep, loss))

# sphinx_gallery_thumbnail_number = 2
