r"""
08 - Tanh autoencoder
=====================

Six layers with tanh in the middle: codes around zero, and units that stop learning.

**You will see**

- loss curves of two autoencoders that differ in one thing only: tanh or ReLU;
- how many units of each pass no gradient: saturated units of tanh, dead units of ReLU;
- original and reconstructed pixels, as pictures and as a labelled table in a file.

**Facts**: 10 s on a laptop with the default data, scikit-learn's digits, bundled and
enlarged to 28x28; 1 minute with ``--dataset mnist``. Before this: 07, manifold. Next:
09, convolution. Paper: LeCun and others (1998), Efficient BackProp.

.. math:: h = \tanh(a), \quad \frac{dh}{da} = 1 - h^2, \quad L = MSE(y, x)
"""

# %%
# Knobs
# -----
# Every number you may change; each is also a flag, as in ``--code 16``. A unit of tanh
# counts as saturated beyond ``saturated``; ``pictures`` is the number of pictures in
# the file.

import csv

from scratchnet.backend import to_device
from scratchnet.callbacks import Callback
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Dense, ReLU, Sequential, Sigmoid, Tanh
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import Adam
from scratchnet.plots import curves, histogram, image_grid, image_rows
from scratchnet.training import fit, predict

cfg = knobs(
    "08_tanh_autoencoder",
    code=48,
    epochs=12,
    batch_size=300,
    learning_rate=0.0015,
    initializer="glorot_uniform",
    saturated=0.95,
    pictures=10,
    seed=0,
    datasets={"digits": {"epochs": 60, "batch_size": 64}, "mnist": {}, "fashion": {}},
    breaks={
        "big_weights": "first weights 10 times too large",
        "big_step": "a learning rate 30 times too large",
    },
    quick={"epochs": 3},
)

# %%
# Data, and the first picture
# ---------------------------
# Each picture becomes one row of 784 numbers, from 0 (white background) to 1 (black).

images = load_images(cfg.dataset, size=28)
x = to_device(images.x_train.reshape(-1, 784))  # (N, 784)
x_val = to_device(images.x_test.reshape(-1, 784))
title = f"Sixteen of the {len(x)} training pictures"
figure = image_grid(images.x_train[:16], 8, title)
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# Idea
# ----
# ReLU is the usual activation, but its output is never negative. tanh has outputs
# between -1 and 1. Codes around zero are useful: they can be compared, averaged and
# drawn on a plane with an origin, and the layer after the code can learn faster from
# inputs of both signs. The drawback is at the ends of the curve. Where tanh is nearly
# -1 or 1, its derivative is nearly 0, and the unit passes hardly any gradient; it is
# called saturated.
#
# ReLU has the same problem in another form. Where its input is negative the derivative
# is exactly 0. A unit whose input is negative for every picture never receives a
# gradient; it is called dead. A saturated unit can come back on the small gradient that
# is left. A dead one depends on the layers below it: it comes back only if they change
# its input. This lesson counts both.

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   variable           shape        meaning
#    a        a                  (N, 48)      output of the encoder's last Dense layer
#    h        h                  (N, 48)      the code
#
#    h = tanh(a)      da = dh * (1 - h^2)     1 at h = 0, 0.1 at h = 0.95
#    h = max(0, a)    da = dh * (h > 0)       1 or 0
#
# Why do inputs of both signs help the next layer? Its gradient is dW = h^T da. For one
# picture, all weights into a unit change by h times the same number da. If every h is
# at least 0, as after a ReLU, all these weights increase or all decrease. With both
# signs in h some increase while others decrease.

# %%
# Build
# -----
# 784-144-72-48 and back. The middle three activations are tanh in one model and ReLU in
# the other.


def build(middle):
    initializer = cfg.initializer
    encoder = Sequential(
        [
            Dense(144, initializer),
            ReLU(),
            Dense(72, initializer),
            ReLU(),
            Dense(cfg.code, initializer),
            middle(),
        ],
        name="encoder",
    )
    decoder = Sequential(
        [
            Dense(72, initializer),
            middle(),
            Dense(144, initializer),
            middle(),
            Dense(784, initializer),
            Sigmoid(),
        ],
        name="decoder",
    )
    model = Sequential([encoder, decoder], name="autoencoder")
    model.build((784,), cfg.seed)
    return model


models = {"tanh": build(Tanh), "ReLU": build(ReLU)}
loss = MeanSquaredError()
print(models["tanh"].summary())

# %%
# Check before you train
# ----------------------
# Is the gradient right? Is the error of the untrained model about that of a gray
# picture, every pixel 0.5? And what is the error of the mean picture? The last line
# compares the backward of the layer Tanh with the formula.

three = images.x_train[:3].reshape(3, 784)
print(gradcheck(models["tanh"], three, three, loss=loss, samples=50))
start = float(loss(models["tanh"](x_val), x_val))
gray = float(loss(0 * x_val + 0.5, x_val))
average = float(loss(0 * x_val + x.mean(axis=0), x_val))
print(f"untrained {start:.4f}, gray {gray:.4f}, mean picture {average:.4f}")
a = x[:3]  # any input will do
h, cache = Tanh().forward(a)
dh = 1 - a  # and any gradient
da, _ = Tanh().backward(dh, cache)
print(f"Tanh.backward - dh (1 - h^2): {float(abs(da - dh * (1 - h**2)).max()):.1g}")

# %%
# Break it on purpose
# -------------------
# ``--break big_weights`` multiplies the first weights by 10, ``--break big_step`` the
# learning rate by 30.

rate = cfg.learning_rate
if cfg.broken == "big_weights":
    for model in models.values():
        model.parameters[:] *= 10  # the biases are still zero
elif cfg.broken == "big_step":
    rate = 30 * rate

# %%
# Run
# ---
# The same data, order and seed for both. After each epoch the callback stores which
# units of the code are closed for all validation pictures.


def closed(layer, h):
    """Share of pictures, (units,), for which a unit passes little or no gradient."""
    shut = abs(h) > cfg.saturated if isinstance(layer, Tanh) else h == 0
    return shut.mean(axis=0)


class ClosedUnits(Callback):
    """Stores, after each epoch, which units are closed for every validation picture."""

    def on_start(self, run):
        self.stuck = []

    def on_epoch_end(self, run):
        encoder = run.model.layers[0]
        self.stuck.append(closed(encoder.layers[-1], encoder(x_val)) == 1)


h_before = models["tanh"].layers[0](x_val)  # (N, 48)
histories = {}
watches = {name: ClosedUnits() for name in models}
for name, model in models.items():
    histories[name] = fit(
        model,
        x,
        x,
        loss=loss,
        optimizer=Adam(rate),
        epochs=cfg.epochs,
        batch_size=cfg.batch_size,
        validation=(x_val, x_val),
        callbacks=[watches[name]],
        seed=cfg.seed,
        verbose=False,
    )
    print(f"{name}: validation {histories[name]['val_loss'][-1]:.4f}")
history = histories["tanh"]

# %%
# Which units pass no gradient after training, layer by layer? And did a unit of the
# code that was stuck, closed for every picture, come back?

for name, model in models.items():
    h, rows = x_val, []
    for half in model.layers:
        for layer in half.layers:
            h = layer(h)
            if isinstance(layer, (Tanh, ReLU)):
                share = closed(layer, h)
                kind = f"{half.name} {h.shape[1]} {type(layer).__name__}"
                rows.append((kind, float(share.mean()), int((share == 1).sum())))
    head = (f"{name} autoencoder", "share closed", "closed for every picture")
    print(table(head, rows))
    stuck = watches[name].stuck  # an array (48,) for each epoch
    back = int(((sum(stuck) > 0) & ~stuck[-1]).sum())
    print(f"{name}: units of the code that were stuck for a time and came back: {back}")

# %%
# Look
# ----
# ReLU is faster at first, in spite of what the maths says about the signs of h; at the
# end the two are nearly equal. The code of tanh has values of both signs, and after
# training many of them lie near -1 and 1.

lines = {}
for name, h in histories.items():
    lines[f"{name}, training"] = h["loss"]
    lines[f"{name}, validation"] = h["val_loss"]
figure = curves(lines, "Tanh against ReLU", "epoch", "mean squared error", log=True)
show(cfg, figure, "loss", "four falling loss curves: tanh and ReLU, both data sets")

y = predict(models["tanh"], x_val)  # (N, 784)
drawn = {"original": x_val, "tanh": y, "ReLU": predict(models["ReLU"], x_val[:10])}
rows = {name: pictures[:10].reshape(-1, 28, 28) for name, pictures in drawn.items()}
figure = image_rows(rows, "Ten validation pictures and their reconstructions")
show(cfg, figure, "reconstructions", "ten pictures above their two reconstructions")

codes = {name: model.layers[0](x_val) for name, model in models.items()}  # (N, 48)
values = {"before training": h_before, "after training": codes["tanh"]}
figure = histogram(values, "The codes of the tanh autoencoder", "value of a unit")
show(cfg, figure, "codes", "codes near zero, and after training peaks at -1 and 1")

# %%
# The table in the file: for each picture a row of original pixels above a row of
# reconstructed ones.

head = ["picture", "class", "values"]
head += [f"row {r} column {c}" for r in range(28) for c in range(28)]
rows = []
for k in range(cfg.pictures):
    for what, pixels in (("original", x_val[k]), ("reconstructed", y[k])):
        name = images.class_names[images.y_test[k]]
        rows.append([k, name, what, *(f"{p:.4f}" for p in pixels.tolist())])
path = cfg.out / "pixels.csv"
with open(path, "w", newline="", encoding="ascii") as file:
    csv.writer(file).writerows([head, *rows])
print(f"table   {path}: {len(rows)} rows, {len(head)} columns; a part of it:")
part = [line[:3] + line[409:412] for line in (head, *rows[:6])]  # from the middle row
print(table(part[0], part[1:]))

# %%
# Expected against reference
# --------------------------
# The same architecture and settings in PyTorch, from Glorot weights. The tolerance is
# the range of other seeds there. "Off centre" is the mean of a unit divided by its
# standard deviation, averaged over the units that are open for most pictures.

metrics = {"mean picture MSE": average}
for name, h in codes.items():
    metrics[f"val MSE, {name}"] = histories[name]["val_loss"][-1]
    share = closed(models[name].layers[0].layers[-1], h)
    metrics[f"code closed, {name}"] = float(share.mean())
    metrics[f"stuck units, {name}"] = int((share == 1).sum())
    mean = h[:, share < 0.5].mean(axis=0)
    deviation = h[:, share < 0.5].std(axis=0)
    metrics[f"off centre, {name}"] = float(abs(mean).sum() / (deviation.sum() + 1e-9))
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                         cause                      look at
#    every number of the code is     first weights too large    --break big_weights,
#    1 or -1 from the start                                     the last figure
#    all pictures come out alike     learning rate far too      --break big_step,
#                                    large: all units stuck     the table of layers

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --code 8                              both errors are three times as large
#    --initializer inverse_sqrt_uniform    worse; with seed 0 all 48 tanh units stick
#    --learning-rate 0.0003                fewer stuck units, but 60 epochs are too few
#    --dataset fashion                     clothes

# %%
# Exercise
# --------
# ``Tanh.backward`` uses y, not x. Derive 1 - y^2 from the definition of tanh(x), the
# quotient of (e^x - e^-x) and (e^x + e^-x). Then write the derivative as a function of
# x: ``scratchnet exercise Tanh`` writes the layer with empty methods, and
# ``scratchnet grade exercises/tanh.py`` checks them. The result is the same, but the
# computation takes longer. Why? The answer: ``scratchnet answer 08``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the command for a terminal that checks its gradient.

print(layer_table(*models.values(), loss))

# sphinx_gallery_thumbnail_number = 4
