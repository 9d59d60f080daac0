r"""
07 - Manifold
=============

Digits fill a thin, curved sheet in the space of all pictures. Eight numbers can walk along it.

**You will see**

- noise added to the code beside noise added to the picture, both changing it equally far;
- a straight walk between two codes beside the straight walk between the two pictures;
- how far each step leads away from every known digit, and why: one percent of a random step.

**Facts**: 10 s on a laptop with the default data, scikit-learn's digits, bundled and enlarged to
28x28; 1 minute with ``--dataset mnist``. Before this: 06, denoising. Next: 08, tanh autoencoder.
Paper: Bengio, Courville and Vincent (2013), Representation learning: a review.

.. math:: h = E(x), \quad y = D(h), \quad y_e = D(h + e), \quad e \sim N(0, s^2)
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--code 2``.

import numpy as np
from sklearn.neighbors import NearestNeighbors

from scratchnet.backend import RNG, to_device, to_numpy
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Dense, ReLU, Sequential, Sigmoid
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import Adam
from scratchnet.plots import curves, image_grid, image_rows
from scratchnet.training import fit

cfg = knobs(
    "07_manifold",
    code=8, hidden=64, epochs=15, batch_size=64, learning_rate=0.001, probes=300, seed=0,
    datasets={"digits": {"epochs": 150}, "mnist": {}, "fashion": {}},
    breaks={"relu_code": "a ReLU on the code, as on every other layer",
            "big_step": "a learning rate 100 times too large"},
    quick={"epochs": 8, "probes": 30},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# A picture is a point in a space of 784 axes, 0 (paper) to 1 (ink). Nearly all of it is snow.

images = load_images(cfg.dataset, size=28)
x, t = images.x_train.reshape(-1, 784), images.y_train
x_val, t_val = images.x_test.reshape(-1, 784), images.y_test
if len(x) == 60000:  # the last 10,000 are held out; the test set stays unseen
    x, t, x_val, t_val = x[:50000], t[:50000], x[50000:], t[50000:]
x, x_val = to_device(x), to_device(x_val)  # (N, 784)
print(f"train {x.shape}, validation {x_val.shape}")
snow = to_numpy(RNG(cfg.seed).uniform(x[:8])).reshape(-1, 28, 28)
figure = image_grid([*images.x_train[:8, :, :, 0], *snow], 8, "Eight digits, eight random points")
show(cfg, figure, "samples", "eight training pictures above eight squares of gray snow")

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code        shape        meaning
#    h        h                  (N, 8)       the code of x: linear, so any real numbers
#    y        y                  (N, 784)     D(h), the picture drawn from it
#
#    h = max(0, x W1 + b1) W2 + b2            the encoder E
#    y = s(max(0, h W3 + b3) W4 + b4)         the decoder D, s = sigmoid
#    L = mean((y - x)^2)                      dy = 2 (y - x) / (784 N)
#
# All that D can draw is a sheet with 8 directions in a space of 784. It goes through the digits,
# because the loss pulled it there. Near y it is spanned by the rows of J = dD/dh, (8, 784). Of a
# random step of length r only 8/784 of the square runs along them; 99 % stand upright on it. So, by
# Pythagoras, a picture y that lies d from the nearest known digit ends sqrt(d^2 + r^2) away. Noise
# in the code goes through D: it stays on the sheet, near the digits until s is large.

# %%
# Build
# -----
# The code has no activation: a ReLU would cut half of every axis off.


def build():
    encoder = [Dense(cfg.hidden), ReLU(), Dense(cfg.code)]
    encoder += [ReLU()] if cfg.broken == "relu_code" else []
    decoder = [Dense(cfg.hidden), ReLU(), Dense(784), Sigmoid()]
    halves = [Sequential(encoder, name="encoder"), Sequential(decoder, name="decoder")]
    model = Sequential(halves, name="autoencoder")
    model.build((784,), cfg.seed)
    return model


autoencoder, loss = build(), MeanSquaredError()
encoder, decoder = autoencoder.layers
print(autoencoder.summary())

# %%
# Check before you train
# ----------------------
# Is the gradient right? Does an untrained model score about like gray paper, every pixel 0.5?

three = images.x_train[:3].reshape(3, 784)
print(gradcheck(autoencoder, three, three, loss=loss, samples=50))
start, gray = (float(loss(guess, x_val)) for guess in (autoencoder(x_val), 0 * x_val + 0.5))
print(f"untrained {start:.4f} (gray paper {gray:.4f})")

# %%
# Run
# ---

rate = (100 if cfg.broken == "big_step" else 1) * cfg.learning_rate
settings = dict(epochs=cfg.epochs, batch_size=cfg.batch_size, seed=cfg.seed, verbose=False)
settings |= dict(loss=loss, optimizer=Adam(rate), validation=(x_val, x_val))
history = fit(autoencoder, x, x, **settings)
print(f"validation {history['val_loss'][-1]:.4f}, {sum(history['seconds']):.1f} s")

# %%
# Both steps start from the decoded picture y and are equally long in pixels; nothing is clipped.
# The yardstick, the nearest training picture, is no part of the model; is it still of y's class?


def draw(codes):
    return to_numpy(decoder(codes))  # from here on pictures are only looked at: on the host


def nearest(pictures):
    """The distance to the nearest training picture, (n,), and its class, (n,)."""
    distance, index = search.kneighbors(pictures)
    return distance[:, 0], t[index[:, 0]]


def along(step):
    """The share of the square of each step that runs along the sheet, (n,)."""
    parts = (step[:, None] @ Q)[:, 0]  # (n, 1, 784) @ (n, 784, 8): its 8 components
    return (parts**2).sum(axis=1) / ((step**2).sum(axis=1) + 1e-12)


search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(to_numpy(x))
h = encoder(x_val[: cfg.probes])  # (n, 8)
y = draw(h)  # (n, 784)
spread = encoder(x_val).std(axis=0)  # (8,): how far each number of the code ranges
print(f"spread of the code: {', '.join(f'{s:.1f}' for s in spread.tolist())}")
moves = 0.01 * spread * to_device(np.eye(cfg.code))  # (8, 8): a little along each axis
J = np.stack([draw(h + m) - draw(h - m) for m in moves], axis=2)  # (n, 784, 8)
Q = np.linalg.qr(J)[0]  # the same 8 directions, at right angles and of length 1
e = RNG(cfg.seed).fork(1).normal(h)  # one draw, stretched by every s
n = RNG(cfg.seed).fork(2).host.standard_normal(y.shape, dtype=y.dtype)
n /= np.linalg.norm(n, axis=1, keepdims=True)  # a direction: length 1
d, digit = nearest(y)  # before any step
unseen = float(nearest(to_numpy(x_val[: cfg.probes]))[0].mean())
wide = (0, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2)
sizes = {f"{s}": s for s in (0.3, 0.5, 0.8)}  # as in the course notes: the same for every axis
sizes |= {f"{s} spreads": s * spread for s in wide}
taken, means = {}, {}
for s, size in sizes.items():
    a = draw(h + size * e)
    r = np.linalg.norm(a - y, axis=1)  # (n,)
    b = y + r[:, None] * n
    (d_a, digit_a), (d_b, digit_b) = nearest(a), nearest(b)
    same = digit_a == digit, digit_b == digit
    numbers = r, d_a, d_b, np.hypot(d, r), *same, along(a - y), along(b - y)
    taken[s], means[s] = (a, b), [float(number.mean()) for number in numbers]
head = "noise s|step|nearest: code|pixels|Pythagoras|same digit: code|pixels|along: code|pixels"
print(table(head.split("|"), [(s, *numbers) for s, numbers in means.items()]))

# %%
# Two walks between the same two ends: through the code, and through the pictures (a cross-fade).

other = RNG(cfg.seed).fork(3).host.permutation(len(h))
pairs = t_val[: len(h)] != t_val[: len(h)][other]  # from one class to another
h_end, y_end, way = h[to_device(other)], y[other], [k / 10 for k in range(11)]
walks = {
    "codes": [draw((1 - w) * h + w * h_end)[pairs] for w in way],
    "cross-fade": [((1 - w) * y + w * y_end)[pairs] for w in way],
}
off = {name: [float(nearest(p)[0].mean()) for p in walk] for name, walk in walks.items()}

# %%
# Look
# ----

rows = {"original": to_numpy(x_val), "decoded": y}
for s in ("0.3", "0.5", "0.8", "0.3 spreads", "0.5 spreads", "0.8 spreads"):
    rows[f"code + {s}"] = taken[s][0]
    if "spreads" in s:
        rows[f"pixels, as far as {s[:3]}"] = taken[s][1]
rows = {name: p[:10].reshape(-1, 28, 28).clip(0, 1) for name, p in rows.items()}
figure = image_rows(rows, "Noise in the code, and as much noise in the pixels")
show(cfg, figure, "noise", "noise in the code draws other digits; noise in the pixels is snow")

names = {"noise in the code": 1, "noise in the pixels": 2, "Pythagoras, for the pixels": 3}
lines = {name: [means[f"{s} spreads"][k] for s in wide] for name, k in names.items()}
label, levels = "distance to nearest training picture", {"a real unseen picture": unseen}
figure = curves(lines, "A random step leads away", "s, in spreads of the code", label, levels, wide)
show(cfg, figure, "distance", "noise in the pixels leads away from the digits; in the code less")

rows = {}
for k in range(3):
    for name, walk in walks.items():
        rows[f"pair {k + 1}, {name}"] = np.stack([p[k] for p in walk]).reshape(-1, 28, 28)
figure = image_rows(rows, "From one digit to another in ten steps")
show(cfg, figure, "walk", "digits that bend into others above digits that fade into others")

off |= {"a real unseen picture": [unseen] * len(way)}
figure = curves(off, f"Mean of {pairs.sum()} walks", "share of the way", label, x=way)
show(cfg, figure, "walks", "distance to the nearest training picture along both walks")

# %%
# Expected against reference
# --------------------------
# The same architecture and settings in PyTorch; the tolerance is what other seeds do there. MNIST:
# half a spread of noise, or half of a walk, ends as near to a known digit as an unseen picture is.

metrics = {
    "val MSE": history["val_loss"][-1],
    "code spread": float(spread.mean()),
    "real unseen picture": unseen,
    "code + 0.5 spreads": means["0.5 spreads"][1],
    "pixels, as far": means["0.5 spreads"][2],
    "half way, codes": off["codes"][5],
    "half way, cross-fade": off["cross-fade"][5],
    "random step along the sheet": means["0.5 spreads"][7],
}
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --code 2                             far noise still draws digits, but always other ones
#    --code 64                            no sheet any more: code noise is hardly better than snow
#    --dataset fashion                    clothes

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    a spread of 0.0 in the code          a ReLU that died there          --break relu_code
#    noise changes nothing at all         the decoder ignores the code    --break big_step

# %%
# Exercise
# --------
# Make the noise in the picture run along the sheet only, n = Q Q^T n, stretched to length r again.
# Is it still a digit at 0.3 spreads? At 1.2? Explain it with the table of shares.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(Dense, ReLU, Sigmoid, MeanSquaredError))
