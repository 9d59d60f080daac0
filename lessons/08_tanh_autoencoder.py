r"""
08 - Tanh autoencoder
=====================

Six layers with tanh in the middle: codes around zero, and what is lost at the ends of the curve.

**You will see**

- loss curves of two autoencoders that differ in one thing only: tanh or ReLU in the middle;
- how many units of each pass no gradient: tanh's saturate, ReLU's die;
- original pixels beside reconstructed ones, as pictures and as a labelled table in a file.

**Facts**: 10 s on a laptop with the default data, scikit-learn's digits, bundled and enlarged to
28x28; 1 minute with ``--dataset mnist``. Before this: 07, manifold. Next: 09,
convolutional autoencoder. Paper: LeCun and others (1998), Efficient BackProp.

.. math:: h = \tanh(a), \quad \frac{dh}{da} = 1 - h^2, \quad L = MSE(y, x)
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--code 16``.

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
    code=48, epochs=12, batch_size=300, learning_rate=0.0015, initializer="glorot_uniform",
    saturated=0.95, pictures=10, seed=0,
    datasets={"digits": {"epochs": 60, "batch_size": 64}, "mnist": {}, "fashion": {}},
    breaks={"big_weights": "first weights 10 times too large",
            "big_step": "a learning rate 30 times too large"},
    quick={"epochs": 3},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# Each picture becomes one row of 784 numbers between 0 (paper) and 1 (ink).

images = load_images(cfg.dataset, size=28)
x = to_device(images.x_train.reshape(-1, 784))  # (N, 784)
x_val = to_device(images.x_test.reshape(-1, 784))
figure = image_grid(images.x_train[:16], 8, f"Sixteen of the {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code        shape        meaning
#    h        h                  (N, 48)      the code; a = what the last Dense before it gives
#
#    h = tanh(a)      da = dh * (1 - h^2)     Tanh: 1 at h = 0, 0.1 at h = 0.95, 0.02 at h = 0.99
#    h = max(0, a)    da = dh * (h > 0)       ReLU: all of it or nothing
#
# A tanh unit near -1 or 1 is saturated: it lets hardly any gradient pass. A ReLU unit at 0 lets
# nothing pass. If that is so for every picture the unit has become a constant, and no longer codes
# anything: it is stuck. The saturated one creeps back on what little gradient is left. The ReLU is
# dead: it must wait until the layers below happen to change what reaches it.
#
# Codes around zero matter to the layer that follows. Its gradient is dW = h^T da: for one picture,
# all the weights into a unit move by h times the same number. Where every h >= 0, as after a ReLU,
# they all rise or all fall; with both signs in h each goes its own way.

# %%
# Build
# -----
# 784-144-72-48 and back. The middle three activations are tanh; in the twin they are ReLU.


def build(middle):
    draw = cfg.initializer
    encoder = [Dense(144, draw), ReLU(), Dense(72, draw), ReLU(), Dense(cfg.code, draw)]
    decoder = [Dense(72, draw), middle(), Dense(144, draw), middle(), Dense(784, draw)]
    encoder = Sequential([*encoder, middle()], name="encoder")
    decoder = Sequential([*decoder, Sigmoid()], name="decoder")
    model = Sequential([encoder, decoder], name="autoencoder")
    model.build((784,), cfg.seed)
    if cfg.broken == "big_weights":
        model.parameters[:] *= 10  # the biases are still zero
    return model


models, loss = {"tanh": build(Tanh), "ReLU": build(ReLU)}, MeanSquaredError()
print(models["tanh"].summary())

# %%
# Check before you train
# ----------------------
# Is the gradient right? Does an untrained model score about like gray paper, every pixel 0.5?

three = images.x_train[:3].reshape(3, 784)
print(gradcheck(models["tanh"], three, three, loss=loss, samples=50))
guesses = models["tanh"](x_val), 0 * x_val + 0.5, 0 * x_val + x.mean(axis=0)
start, gray, average = (float(loss(guess, x_val)) for guess in guesses)
print(f"untrained {start:.4f} (gray paper {gray:.4f}), mean picture for all {average:.4f}")
h_before = models["tanh"].layers[0](x_val)  # (N, 48)

# %%
# Run
# ---
# The same data, order and seed for both; and after each epoch a look at the code.


def closed(layer, h):
    """(units,): the share of pictures for which a unit lets less than a tenth, or nothing, pass."""
    shut = abs(h) > cfg.saturated if isinstance(layer, Tanh) else h == 0
    return shut.mean(axis=0)


class Watch(Callback):
    """After each epoch: which units of the code are closed for every validation picture."""

    def on_start(self, run):
        self.stuck = []

    def on_epoch_end(self, run):
        encoder = run.model.layers[0]
        self.stuck.append(closed(encoder.layers[-1], encoder(x_val)) == 1)


rate = (30 if cfg.broken == "big_step" else 1) * cfg.learning_rate
settings = dict(epochs=cfg.epochs, batch_size=cfg.batch_size, seed=cfg.seed, verbose=False)
settings |= dict(loss=loss, validation=(x_val, x_val))
histories, watches = {}, {name: Watch() for name in models}
for name, model in models.items():
    optimizer, watch = Adam(rate), [watches[name]]
    done = histories[name] = fit(model, x, x, optimizer=optimizer, callbacks=watch, **settings)
    print(f"{name}: validation {done['val_loss'][-1]:.4f}, {sum(done['seconds']):.1f} s")
history = histories["tanh"]

# %%
# Which units pass no gradient now, layer by layer? And did a stuck unit of the code come back?

for name, model in models.items():
    h, rows = x_val, []
    for half in model.layers:
        for layer in half.layers:
            h = layer(h)
            if isinstance(layer, (Tanh, ReLU)):
                share = closed(layer, h)
                kind = f"{half.name} {h.shape[1]} {type(layer).__name__}"
                rows.append((kind, float(share.mean()), int((share == 1).sum())))
    print(table((f"{name} autoencoder", "share closed", "closed for every picture"), rows))
    stuck = watches[name].stuck  # an array (48,) for each epoch
    back = int(((sum(stuck) > 0) & ~stuck[-1]).sum())
    print(f"{name} units of the code that were stuck after an epoch and came back: {back}")

# %%
# Look
# ----

keys = {"training": "loss", "validation": "val_loss"}.items()
lines = {f"{name}, {part}": histories[name][key] for name in models for part, key in keys}
figure = curves(lines, "Tanh against ReLU", "epoch", "mean squared error", log=True)
show(cfg, figure, "loss", "four falling loss curves: tanh and ReLU, training and validation")

y = predict(models["tanh"], x_val)  # (N, 784)
drawn = {"original": x_val, "tanh": y, "ReLU": predict(models["ReLU"], x_val[:10])}
rows = {name: pictures[:10].reshape(-1, 28, 28) for name, pictures in drawn.items()}
figure = image_rows(rows, "Ten pictures the models have never seen")
show(cfg, figure, "reconstructions", "ten pictures above their two reconstructions")

codes = {name: model.layers[0](x_val) for name, model in models.items()}  # (N, 48)
values = {"before training": h_before, "after training": codes["tanh"]}
figure = histogram(values, "The codes of the tanh autoencoder", "value of a unit")
show(cfg, figure, "codes", "codes: a hump around zero, and after training peaks at -1 and 1")

lines = {name: [int(units.sum()) for units in w.stuck] for name, w in watches.items()}
figure = curves(lines, "Units of the code that are stuck", "epoch", f"units, of {cfg.code}")
show(cfg, figure, "stuck", "stuck units of the code over the epochs, tanh and ReLU")

# %%
# The table: for each picture a row of original pixels above one of reconstructed ones.

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
print(f"table   {path}: {len(rows)} rows, {len(head)} columns; a piece of it:")
piece = [line[:3] + line[409:412] for line in (head, *rows[:6])]  # from the middle row
print(table(piece[0], piece[1:]))

# %%
# Expected against reference
# --------------------------
# The same architecture and settings in PyTorch, from Glorot weights. The tolerance is what other
# seeds do there. "Off centre": the mean of a unit, in spreads; of units open for most pictures.

metrics = {"mean picture MSE": average}
for name, h in codes.items():
    metrics[f"val MSE, {name}"] = histories[name]["val_loss"][-1]
    share = closed(models[name].layers[0].layers[-1], h)
    metrics[f"code closed, {name}"] = float(share.mean())
    metrics[f"stuck units, {name}"] = int((share == 1).sum())
    mean, spread = h[:, share < 0.5].mean(axis=0), h[:, share < 0.5].std(axis=0)
    metrics[f"off centre, {name}"] = float(abs(mean).sum() / (spread.sum() + 1e-9))
print(table(("metric", "value"), metrics.items()))
torch = "PyTorch 2.13, Glorot weights, mean of %d seeds"
report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --code 8                             both miss three times as much
#    --initializer inverse_sqrt_uniform   worse; with seed 0 all 48 tanh units end up stuck
#    --learning-rate 0.0003               fewer units stick, but 60 epochs are not enough
#    --dataset fashion                    clothes

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    every number of the code is 1 or -1  first weights too large         --break big_weights, and
#    from the start, and stays so                                         the histogram
#    all pictures come out alike          learning rate far too large:    --break big_step, and
#                                         every unit is stuck             the table of layers

# %%
# Exercise
# --------
# ``Tanh.backward`` uses y, not x. Derive 1 - y^2 from tanh(x) = (e^x - e^-x) / (e^x + e^-x), write
# it with x instead, and run ``scratchnet gradcheck Tanh``: equal, but slower. Why?

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(Dense, ReLU, Tanh, Sigmoid, MeanSquaredError))
