r"""
03 - PCA and a deep autoencoder
===============================

Two ways to write a picture as a few numbers: the best straight one, and one that may bend.

**You will see**

- why PCA is the best linear code, and a network without bends that learns to be just as good;
- a deep autoencoder with a code of the same size, in a table of errors and in pictures;
- halfway between two codes: a plane blends two pictures, a bent surface often draws a third.

**Facts**: 10 s on a laptop with the default data, scikit-learn's digits, bundled and enlarged to
28x28; 5 minutes with ``--dataset mnist``. Before this: 02, digit classifier. Next: 04, width of
the code. Paper: Baldi and Hornik (1989), Neural networks and principal component analysis.

.. math:: \min_{A, B, b} \frac{1}{N} \sum_n |x_n A B + b - x_n|^2 = l_{k+1} + ... + l_{784}
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--code 2``.

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
from scratchnet.training import batches, evaluate, fit, predict

cfg = knobs(
    "03_pca_and_autoencoder",
    code=30, hidden_1=512, hidden_2=256, hidden_3=128,
    epochs=15, batch_size=64, learning_rate=0.001, seed=0,
    datasets={"digits": {"code": 8, "hidden_1": 256, "hidden_2": 128, "hidden_3": 64,
                         "epochs": 40, "learning_rate": 0.002},  # few and simple pictures
              "mnist": {}, "fashion": {}},
    breaks={"mean": "PCA that forgets to subtract the mean picture",
            "sigmoid": "sigmoids in the hidden layers, as before ReLU"},
    quick={"epochs": 3, "hidden_1": 64, "hidden_2": 32, "hidden_3": 16},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# Of the 60,000 training pictures of MNIST and Fashion the last 10,000 are held out. Each picture
# becomes one row of 784 numbers between 0 (paper) and 1 (ink).

images = load_images(cfg.dataset, size=28)
pictures, held_out, labels = images.x_train, images.x_test, images.y_test
if cfg.dataset != "digits":
    pictures, held_out, labels = pictures[:-10_000], pictures[-10_000:], images.y_train[-10_000:]
host, host_val = pictures.reshape(-1, 784), held_out.reshape(-1, 784)  # for scikit-learn
x, x_val = to_device(host), to_device(host_val)  # (N, 784), for the networks
print(f"train {x.shape}, validation {x_val.shape}, {x.dtype}, {x.min():g} to {x.max():g}")
figure = image_grid(pictures[:16], 8, f"Sixteen of the {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code        shape        meaning
#    m        pca.mean_          (784,)       the mean picture
#    V        pca.components_    (k, 784)     k directions at right angles, of length 1
#    l_j      explained_variance_             spread along direction j, the largest first
#
#    y = m + (x - m) V^T V                    the nearest point of the plane that V spans
#
# Why no linear code is better: whatever a linear encoder and decoder do, their drawings lie in a
# plane of k directions. The nearest point of a plane is the foot of the perpendicular: projecting
# is best. Then, by Pythagoras, error = whole spread - spread inside the plane, and the plane of the
# k largest l_j has the most inside. What it leaves is l_(k+1) + l_(k+2) + ...
#
# What bends can do besides: each ReLU folds space, so what a deep decoder draws is a surface of k
# dimensions that may turn into any of the 784 directions, and ends, by its sigmoid, at 0 and 1.
#
# .. code-block:: text
#
#    h_i = max(0, h_(i-1) W_i + b_i)          Dense.forward, ReLU.forward; h_0 = x, i = 1 to 6
#    y = s(h_6 W_7 + b_7)                     Dense.forward, Sigmoid.forward; the code is h_4
#    L = mean((y - x)^2), dy = 2 (y - x) / n  MeanSquaredError; the way back is that of lesson 01

# %%
# Build
# -----
# Beside the deep one: a linear autoencoder, which has to learn what PCA computes; and the deep one
# with a ReLU on the code too, where a unit that is negative for every picture is lost.


def build(a, b, c, bend=ReLU, relu_code=False):
    code = [Dense(cfg.code), ReLU()] if relu_code else [Dense(cfg.code)]
    down = [Dense(a), bend(), Dense(b), bend(), Dense(c), bend(), *code]
    up = [Dense(c), bend(), Dense(b), bend(), Dense(784), Sigmoid()]
    encoder, decoder = Sequential(down, name="encoder"), Sequential(up, name="decoder")
    whole = Sequential([encoder, decoder], name="deep")
    whole.build((784,), cfg.seed)
    return encoder, decoder, whole


hidden = cfg.hidden_1, cfg.hidden_2, cfg.hidden_3
encoder, decoder, deep = build(*hidden, bend=Sigmoid if cfg.broken == "sigmoid" else ReLU)
encoder_2, _, deep_2 = build(*hidden, relu_code=True)
linear = Sequential([Dense(cfg.code), Dense(784)], name="linear")
linear.build((784,), cfg.seed)
print(deep.summary())

# %%
# Check before you train
# ----------------------
# Is the gradient right (on narrow layers, or it takes long)? Does an untrained model score like a
# guess, every pixel 0.5? Can it learn twenty pictures by heart?

loss = MeanSquaredError()
print(gradcheck(build(12, 8, 6)[2], host[:3], host[:3], loss=loss, samples=10, eps=1e-4))
start, gray = evaluate(deep, loss, x_val, x_val)["loss"], float(loss(0 * x_val + 0.5, x_val))
by_heart = dict(loss=loss, optimizer=Adam(0.001), epochs=60, verbose=False)
history = fit(build(*hidden)[2], x[:20], x[:20], **by_heart)
print(f"untrained {start:.4f} (a guess: {gray:.4f}), 20 by heart {history['loss'][-1]:.4f}")

# %%
# Run
# ---
# PCA by scikit-learn. Its error on the training pictures should be the spread that it leaves out:
# two numbers, found in two ways. Then the networks, by the loop of lesson 01.

pca = PCA(cfg.code, svd_solver="covariance_eigh").fit(host)
m, V = pca.mean_ * (cfg.broken != "mean"), pca.components_  # (784,), (k, 784)
projected = m + (host_val - m) @ V.T @ V  # on the host, as all that scikit-learn computes
pca_train = float(loss(m + (host - m) @ V.T @ V, host))
left_out = host.var(axis=0).mean() * (1 - pca.explained_variance_ratio_.sum())  # per pixel
print(f"PCA, training: error {pca_train:.6f}, spread left out {left_out:.6f}")


def train(model):
    optimizer = Adam(cfg.learning_rate)
    history = {"training": [], "validation": []}
    for epoch in range(cfg.epochs):
        total = 0
        for i in batches(len(x), cfg.batch_size, RNG(cfg.seed).fork(epoch)):
            y, cache = model.forward(x[i], train=True)
            value, loss_cache = loss.forward(y, x[i])  # the target is the input itself
            dy = loss.backward(loss_cache)  # 2 (y - x) / n
            grads = model.weight_gradients(dy, cache)
            optimizer.step(model.parameters, model.flatten(grads))
            total = total + value * len(i)
        history["training"].append(float(total) / len(x))
        history["validation"].append(evaluate(model, loss, x_val, x_val)["loss"])
        log(cfg, epoch, history)
    return history


learned, history, history_2 = train(linear), train(deep), train(deep_2)

# %%
# What does the deep one do besides? It bends: this share of its drawings' spread lies outside EVERY
# plane of k directions (a PCA of the drawings finds the best). And halfway from the first to the
# last picture of each class PCA can only draw the mean of what it draws at both ends.

drawn, h = to_numpy(predict(deep, x_val)), to_numpy(predict(encoder, x_val))  # (N, 784), (N, k)
plane = PCA(cfg.code, svd_solver="covariance_eigh").fit(drawn)
outside = 1 - float(plane.explained_variance_ratio_.sum())
one, other = ([int(np.flatnonzero(labels == c)[i]) for c in range(10)] for i in (0, -1))
half = {"PCA": (projected[one] + projected[other]) / 2}
half["deep"] = to_numpy(decoder(to_device((h[one] + h[other]) / 2)))
dead = int((encoder_2(x_val) == 0).all(axis=0).sum())  # units of the ReLU code that never speak

# %%
# Look
# ----

directions, columns = V.reshape(-1, 28, 28), (cfg.code + 1) // 2  # two rows
figure = signed_grid(directions, columns, "PCA's directions, the one with most spread first")
show(cfg, figure, "directions", "a picture for each direction: waves of plus and minus")

lines = {"linear": learned, "deep": history, f"deep, ReLU code: {dead} dead": history_2}
lines = {name: numbers["validation"] for name, numbers in lines.items()}
average = float(loss(0 * host_val + pca.mean_, host_val))
levels = {"mean picture": average, "PCA": float(loss(projected, host_val))}
label = "mean squared error, validation"
figure = curves(lines, f"Copying through {cfg.code} numbers", "epoch", label, levels)
show(cfg, figure, "loss", "validation error: linear comes down to PCA's level, deep goes below")

rows = {"original": host_val[one], "PCA": projected[one], "deep": drawn[one]}
rows = {name: y.clip(0, 1).reshape(-1, 28, 28) for name, y in rows.items()}
figure = image_rows(rows, f"Ten unseen pictures, each from {cfg.code} numbers")
show(cfg, figure, "copies", "ten originals above what PCA and the deep code make of them")

rows = {"from": host_val[one], **half, "to": host_val[other]}
rows = {name: y.clip(0, 1).reshape(-1, 28, 28) for name, y in rows.items()}
figure = image_rows(rows, "Halfway between two codes")
show(cfg, figure, "halfway", "two pictures of a class; halfway PCA blends, the deep code redraws")

# %%
# Expected against reference
# --------------------------
# How many units of a ReLU code die is chance; hence its wide tolerance. On MNIST 13 of 30 do.

metrics = {
    **{f"{name} MSE": value for name, value in levels.items()},
    "linear MSE": learned["validation"][-1],
    "deep MSE": history["validation"][-1],
    "deep MSE, ReLU code": history_2["validation"][-1],
    "dead units in the ReLU code": dead,
    "PCA MSE, training": pca_train,
    "linear MSE, training": evaluate(linear, loss, x, x)["loss"],  # never below PCA's
    "deep MSE, training": evaluate(deep, loss, x, x)["loss"],
    "deep: spread outside every plane": outside,
}
print(table((f"through {cfg.code} numbers", "value"), metrics.items()))
torch = "PyTorch 2.13, Glorot weights, mean of 5 seeds"
report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --code 2                             the harder the squeeze, the more bending helps
#    --code 30                            on the digits PCA wins, 0.001 against 0.005: enlarged from
#                                         8x8, they have 64 directions; and 1,437 pictures are few

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    PCA worse than the mean picture      the mean was not subtracted     --break mean
#    the deep loss ends above PCA's       sigmoids: each shrinks the      --break sigmoid, and
#                                         gradient to a quarter or less   the loss curves
#    error differs much between seeds     units of a ReLU code die        --seed 1, --seed 2

# %%
# Exercise
# --------
# Write PCA in two lines of NumPy, with ``np.linalg.svd`` of x - m. Then multiply the two matrices
# of ``linear`` and compare with V^T V: the directions it learned are others, the plane is the same.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(Dense, ReLU, Sigmoid, MeanSquaredError))
