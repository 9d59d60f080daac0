r"""
07 - Manifold
=============

Pictures of digits lie near a thin, curved surface in the space of all pictures.

**You will see**

- noise in the code beside noise in the pixels, both changing a picture equally much;
- a straight line between two codes beside the straight line between two pictures;
- how far each step leads away from the known digits, and why.

**Facts**: 10 s on a laptop with the default data, scikit-learn's digits, bundled and
enlarged to 28x28; 1 minute with ``--dataset mnist``. Before this: 06, denoising. Next:
08, tanh autoencoder. Paper: Bengio, Courville and Vincent (2013), Representation
learning: a review.

.. math:: h = E(x), \quad y = D(h), \quad y_e = D(h + e), \quad e \sim N(0, s^2)
"""

# %%
# Knobs
# -----
# Every number you may change; each is also a flag, as in ``--code 2``. ``probes`` is
# the number of validation pictures that are followed by the steps and paths below.

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
    code=8,
    hidden=64,
    epochs=15,
    batch_size=64,
    learning_rate=0.001,
    probes=300,
    seed=0,
    datasets={"digits": {"epochs": 150}, "mnist": {}, "fashion": {}},
    breaks={
        "relu_code": "a ReLU on the code, as on every other layer",
        "big_step": "a learning rate 100 times too large",
    },
    quick={"epochs": 8, "probes": 30},
)

# %%
# Data, and the first picture
# ---------------------------
# A picture is a point in a space of 784 dimensions, each from 0 (white background) to 1
# (black). Nearly all points of this space look like random noise.

images = load_images(cfg.dataset, size=28)
x, t = images.x_train.reshape(-1, 784), images.y_train
x_val, t_val = images.x_test.reshape(-1, 784), images.y_test
if len(x) == 60000:  # the last 10,000 are held out; the test set is not used
    x, t, x_val, t_val = x[:50000], t[:50000], x[50000:], t[50000:]
x, x_val = to_device(x), to_device(x_val)  # (N, 784)
print(f"train {x.shape}, validation {x_val.shape}")
random = to_numpy(RNG(cfg.seed).uniform(x[:8])).reshape(-1, 28, 28)
both = [*images.x_train[:8, :, :, 0], *random]
figure = image_grid(both, 8, "Eight digits, eight random points")
show(cfg, figure, "samples", "eight training pictures above eight pictures of noise")

# %%
# Idea
# ----
# If nearly all points of the space are noise, the digits must be a small part of it.
# They are not scattered there: a digit can be made a little wider, more slanted or
# bolder, and each of these changes is a small step to another digit. So the digits form
# a surface, a manifold, which has few dimensions and is curved. The decoder of an
# autoencoder with 8 numbers in its code is a map from an 8-dimensional space to such a
# surface: whatever the code, the picture lies on it.
#
# This gives two ways to change a picture. Noise in the code moves the picture along the
# surface, to other digits. Noise in the pixels points in a random direction of 784, and
# nearly all of these directions lead away from the surface. The same holds for a path
# between two pictures. The line between two codes stays on the surface; the line
# between two pictures, a cross-fade, leaves it and comes back.

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   variable           shape        meaning
#    h        h                  (N, 8)       the code of x, any real numbers
#    y        y                  (N, 784)     D(h), the picture decoded from it
#    J        J                  (N, 784, 8)  dD/dh at each picture, transposed
#
#    h = max(0, x W1 + b1) W2 + b2            the encoder E
#    y = s(max(0, h W3 + b3) W4 + b4)         the decoder D, s = sigmoid
#    L = mean((y - x)^2)                      dy = 2 (y - x) / (784 N)
#
# All pictures that D can produce form a surface with 8 dimensions in a space of 784. It
# passes near the digits, because training has put it there. Near y it runs in 8
# directions, the columns of J: column j says how the picture changes with number j of
# the code. A random step of length r has on average only 8/784 of its square along
# these directions; 99 % of it is perpendicular to the surface. So, by Pythagoras, a
# picture at a distance d from the nearest known digit ends at the distance
# ``sqrt(d^2 + r^2)``. Noise in the code passes through D, so the result stays on the
# surface.

# %%
# Build
# -----
# The code has no activation. A ReLU would allow only codes without negative numbers.


def build(*activation):
    encoder = [Dense(cfg.hidden), ReLU(), Dense(cfg.code), *activation]
    decoder = [Dense(cfg.hidden), ReLU(), Dense(784), Sigmoid()]
    halves = [Sequential(encoder, name="encoder"), Sequential(decoder, name="decoder")]
    model = Sequential(halves, name="autoencoder")
    model.build((784,), cfg.seed)
    return model


autoencoder = build()
loss = MeanSquaredError()
print(autoencoder.summary())

# %%
# Check before you train
# ----------------------
# Is the gradient right? Is the error of the untrained model about that of a gray
# picture, every pixel 0.5?

three = images.x_train[:3].reshape(3, 784)
print(gradcheck(autoencoder, three, three, loss=loss, samples=50))
untrained = float(loss(autoencoder(x_val), x_val))
gray = float(loss(0 * x_val + 0.5, x_val))
print(f"untrained {untrained:.4f}, gray picture {gray:.4f}")

# %%
# Break it on purpose
# -------------------
# ``--break relu_code`` builds the model with a ReLU on the code; ``--break big_step``
# trains with too large a learning rate.

rate = cfg.learning_rate
if cfg.broken == "relu_code":
    autoencoder = build(ReLU())
elif cfg.broken == "big_step":
    rate = 100 * rate

# %%
# Run
# ---
# ``fit`` runs the loop of lesson 01.

history = fit(
    autoencoder,
    x,
    x,
    loss=loss,
    optimizer=Adam(rate),
    epochs=cfg.epochs,
    batch_size=cfg.batch_size,
    validation=(x_val, x_val),
    seed=cfg.seed,
    verbose=False,
)
encoder, decoder = autoencoder.layers
print(f"validation {history['val_loss'][-1]:.4f}")

# %%
# Is a picture still a digit? The nearest training picture tells: its distance says how
# far the picture is from the known digits, and its class which digit it looks like. The
# model does not use this search.

search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(to_numpy(x))


def decode(codes):
    return to_numpy(decoder(codes))  # from here on pictures are on the host


def nearest(pictures):
    """Distance to the nearest training picture, (n,), and its class, (n,)."""
    distance, index = search.kneighbors(pictures)
    return distance[:, 0], t[index[:, 0]]


h = encoder(x_val[: cfg.probes])  # (n, 8)
y = decode(h)  # (n, 784)
d, digit = nearest(y)  # before any step
unseen = float(nearest(to_numpy(x_val[: cfg.probes]))[0].mean())
deviation = encoder(x_val).std(axis=0)  # (8,): how far each number of the code ranges
print(f"deviations of the code: {', '.join(f'{s:.1f}' for s in deviation.tolist())}")

# %%
# The directions of the surface at each picture y: J from central differences of the
# decoder, and from J eight directions of length 1 at right angles, by a QR
# decomposition.

axes = to_device(np.eye(cfg.code))  # (8, 8)
moves = 0.01 * deviation * axes  # a little along each axis of the code
J = np.stack([decode(h + m) - decode(h - m) for m in moves], axis=2)  # (n, 784, 8)
Q, _ = np.linalg.qr(J)  # (n, 784, 8)


def share_along(step):
    """Share of the square of each step (n, 784) that runs along the surface, (n,)."""
    components = (step[:, None] @ Q)[:, 0]  # (n, 1, 784) @ (n, 784, 8) -> (n, 8)
    return (components**2).sum(axis=1) / ((step**2).sum(axis=1) + 1e-12)


# %%
# Two steps from each picture y, of the same length r in pixels: by noise in the code,
# and in a random direction of the pixels. The noise has the standard deviation s,
# either the same for every number of the code or, as "0.5 spreads", 0.5 times the
# standard deviation of this number.

e = RNG(cfg.seed).fork(1).normal(h)  # the same noise for every s
n = RNG(cfg.seed).fork(2).host.standard_normal(y.shape, dtype=y.dtype)
n /= np.linalg.norm(n, axis=1, keepdims=True)  # directions: length 1
widths = (0, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2)
sizes = {f"{s}": s for s in (0.3, 0.5, 0.8)}
sizes |= {f"{s} spreads": s * deviation for s in widths}
steps, means = {}, {}
for name, size in sizes.items():
    a = decode(h + size * e)
    r = np.linalg.norm(a - y, axis=1)  # (n,)
    b = y + r[:, None] * n
    (d_a, digit_a), (d_b, digit_b) = nearest(a), nearest(b)
    numbers = (
        r,
        d_a,
        d_b,
        np.hypot(d, r),
        digit_a == digit,
        digit_b == digit,
        share_along(a - y),
        share_along(b - y),
    )
    steps[name], means[name] = (a, b), [float(number.mean()) for number in numbers]
head = ("noise s", "step", "nearest: code", "pixels", "Pythagoras", "same digit: code")
head += ("pixels", "along: code", "pixels")
print(table(head, [(name, *numbers) for name, numbers in means.items()]))

# %%
# Two paths between the same two pictures of different classes: through the codes, and
# through the pixels (a cross-fade).

other = RNG(cfg.seed).fork(3).host.permutation(len(h))
pairs = t_val[: len(h)] != t_val[: len(h)][other]
h_end, y_end = h[to_device(other)], y[other]
way = [k / 10 for k in range(11)]  # from 0, the start, to 1, the end
paths = {
    "codes": [decode((1 - w) * h + w * h_end)[pairs] for w in way],
    "cross-fade": [((1 - w) * y + w * y_end)[pairs] for w in way],
}
halfway = {name: float(nearest(path[5])[0].mean()) for name, path in paths.items()}

# %%
# Look
# ----
# Noise of half a spread in the code draws other pictures that are still digits. A step
# of the same length in the pixels leaves the digit as it is, covered with noise.

rows = {"original": to_numpy(x_val), "decoded": y}
for s in ("0.3", "0.5", "0.8"):
    rows[f"code + {s}"] = steps[s][0]
for s in ("0.3", "0.5", "0.8"):
    rows[f"code + {s} spreads"] = steps[f"{s} spreads"][0]
    rows[f"pixels, as far as {s}"] = steps[f"{s} spreads"][1]
rows = {name: p[:10].reshape(-1, 28, 28).clip(0, 1) for name, p in rows.items()}
figure = image_rows(rows, "Noise in the code, and as much noise in the pixels")
show(cfg, figure, "noise", "noise in the code gives other digits, in the pixels noise")

# %%
# How far do the steps lead away from the known digits? In the pixels as far as
# Pythagoras says; in the code clearly less.

names = {"noise in the code": 1, "noise in the pixels": 2, "Pythagoras": 3}
lines = {name: [means[f"{s} spreads"][k] for s in widths] for name, k in names.items()}
label = "distance to nearest training picture"
levels = {"an unseen picture": unseen}
title = "How far a random step leads away"
figure = curves(lines, title, "s, in spreads of the code", label, levels, widths)
show(cfg, figure, "distance", "noise in the pixels leads further away than in the code")

# %%
# Three pairs of pictures. Through the codes a stroke moves or bends; in a cross-fade
# one digit disappears while the other appears.

rows = {}
for k in range(3):
    for name, path in paths.items():
        pictures = np.stack([p[k] for p in path])
        rows[f"pair {k + 1}, {name}"] = pictures.reshape(-1, 28, 28)
figure = image_rows(rows, "From one digit to another in ten steps")
show(cfg, figure, "walk", "digits that change shape above digits that fade")

# %%
# Expected against reference
# --------------------------
# The same architecture and settings in PyTorch; the tolerance is the range of other
# seeds there. On MNIST, half a spread of noise in the code, or half of a path through
# the codes, ends as near to a known digit as an unseen picture is.

metrics = {
    "val MSE": history["val_loss"][-1],
    "code spread": float(deviation.mean()),
    "real unseen picture": unseen,
    "code + 0.5 spreads": means["0.5 spreads"][1],
    "pixels, as far": means["0.5 spreads"][2],
    "half way, codes": halfway["codes"],
    "half way, cross-fade": halfway["cross-fade"],
    "random step along the sheet": means["0.5 spreads"][7],
}
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                          cause                          look at
#    a deviation of 0.0 in the code   a dead ReLU there              --break relu_code
#    noise in the code changes        the decoder ignores the code   --break big_step
#    nothing

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --code 2             large noise still gives digits, but always other ones
#    --code 64            no surface: noise in the code is hardly better than in pixels
#    --dataset fashion    clothes

# %%
# Exercise
# --------
# Let the noise in the pixels run along the surface only: n = Q Q^T n, scaled to the
# length r again. Is the result still a digit at 0.3 spreads, and at 1.2? Explain the
# difference with the table of shares. The answer: ``scratchnet answer 07``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the command for a terminal that checks its gradient.

print(layer_table(autoencoder, loss))

# sphinx_gallery_thumbnail_number = 4
