r"""
30 - Deep Boltzmann machine
===========================

Train two hidden layers as one model, and compute how probable the model finds a digit.

**You will see**

- the lower bound on log p(v) that mean field computes, beside the exact value;
- what pretraining contributes, and what joint training adds to it;
- a second layer that is not used when the machine is trained from random weights.

**Facts**: 40 s on a laptop with scikit-learn's digits, bundled; 5 minutes with
``--dataset mnist``. Before this: 29, deep Boltzmann machine by hand. Next: 31,
generating digits. Paper: Salakhutdinov and Hinton (2009), Deep Boltzmann machines.

.. math:: \log p(v) \ge -E(v, \mu_1, \mu_2) + H(\mu_1) + H(\mu_2) - \log Z
"""

# %%
# Knobs
# -----
# The settings of this lesson. Each is also a flag of the command line: ``--second 20``.

import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from scratchnet.backend import to_device
from scratchnet.boltzmann import DBM, check_gradient, exact
from scratchnet.boltzmann.deep.pretraining import compose_dbm
from scratchnet.boltzmann.machine.mean_field import (
    bottom_up,
    lower_bound,
    mean_field,
    sweep,
)
from scratchnet.data import load_images
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.plots import curves, image_grid, image_rows

cfg = knobs(
    "30_deep_boltzmann_machine",
    first=16,
    second=10,
    pretrain=60,
    pretrain_rate=0.1,
    epochs=100,
    learning_rate=0.1,
    sweeps=10,
    batch_size=20,
    n_chains=100,
    burn_in=2000,
    temperatures=1000,
    rows=100000,
    seed=0,
    datasets={
        "digits": {},
        "mnist": {
            "first": 500,
            "second": 1000,
            "pretrain": 5,
            "pretrain_rate": 0.05,
            "epochs": 8,
            "learning_rate": 0.01,
            "batch_size": 100,
            "sweeps": 3,
            "temperatures": 2000,
        },
    },
    breaks={
        "no_pretraining": "joint training from small random weights",
        "few_chains": "5 Gibbs chains instead of 100",
        "large_rate": "twenty times the learning rate",
    },
    quick={
        "first": 6,
        "second": 4,
        "pretrain": 2,
        "epochs": 3,
        "burn_in": 10,
        "rows": 200,
        "temperatures": 50,
    },
)

# %%
# Data, and the first picture
# ---------------------------
# As in lesson 26, a pixel is either black or white.


def load():
    """Pixels of 0 and 1, (N, D) each: training and test digits."""
    if cfg.dataset == "digits":
        x = (load_digits().data / 16 > 0.5).astype("float32")
        return train_test_split(x, test_size=0.2, random_state=0)
    images = load_images(cfg.dataset)
    both = images.x_train, images.x_test
    return [(x.reshape(-1, 784) > 0.5).astype("float32") for x in both]


x, x_test = (part[: cfg.rows] for part in load())  # (N, D)
side = round(x.shape[1] ** 0.5)
print(f"train {x.shape}, test {x_test.shape}, values {np.unique(x)}")
title = "Training digits with black and white pixels"
figure = image_grid(x[:32].reshape(-1, side, side), 16, title)
show(cfg, figure, "samples", "thirty-two digits of black and white pixels")

# %%
# Idea
# ----
# A restricted Boltzmann machine has one hidden layer. A deep Boltzmann machine puts a
# second hidden layer on top of the first, and the connections work in both directions:
# the first hidden layer depends on the pixels below and on the second layer above.
# Units of the second layer can represent combinations of strokes where units of the
# first represent strokes.
#
# Because the layers depend on each other, the hidden units are no longer independent
# given the pixels. Mean field approximates them: starting from a first estimate, it
# updates one layer given the other, again and again, until the probabilities stop
# changing. The result gives a lower bound on log p(v). For the other half of the
# gradient, Gibbs chains of the free model continue from update to update, as in
# persistent contrastive divergence.
#
# Trained from small random weights, such a machine often leaves its second layer
# unused: the first layer learns faster and explains the data alone. Pretraining, layer
# by layer with RBMs, gives both layers a meaning before they are trained together.

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol      in the code               shape           meaning
#    v, h1, h2   layers                    (N, 64), ...    pixels, two hidden layers
#    W1, W2      model.weights             (64, 16), ...   weights between the layers
#    m1, m2      mean_field(model, v, k)   (N, 16), ...    approximate means given v
#    chains      dbm.trainer_.particles    (100, 64), ...  states of the free model
#
#    p(h1 = 1 | v, h2) = s(v W1 + h2 W2^T + b1)     EnergyModel.mean: both neighbours
#    m1 = s(v W1 + m2 W2^T + b1)                    mean_field.sweep: each line
#    m2 = s(m1 W2 + b2)                             maximizes the bound over one layer
#    dW1 = mean of v^T m1 over the data - mean of v^T h1 over the chains
#    dW2 = mean of m1^T m2 over the data - mean of h1^T h2 over the chains
#
#    Z = sum over h1 of exp(b1 h1) prod_i (1 + exp(b0 + W1 h1)_i)
#                                  prod_j (1 + exp(h1 W2 + b2)_j)
#
# Given h1, the pixels and h2 are independent. With 16 units in h1, the sum of Z has
# 2^16 terms and can be computed. With 500 units Z is estimated by annealed importance
# sampling, and of log p(v) only the bound is known.
#
# Pretraining consists of two RBMs, one on the other. In the deep machine h1 has two
# neighbours, in its RBM only one. To make up for the missing one, the first RBM counts
# its input from the pixels twice, and the second one its input from h2
# (scratchnet/boltzmann/deep/pretraining.py).

# %%
# Build
# -----

small = cfg.first <= 20  # small enough to enumerate Z


def build(first=cfg.first, second=cfg.second, **options):
    settings = {
        "pretrain": cfg.pretrain,
        "pretrain_rate": cfg.pretrain_rate,
        "n_iter": cfg.epochs,
        "learning_rate": cfg.learning_rate,
        "batch_size": cfg.batch_size,
        "mean_field_steps": cfg.sweeps,
        "n_chains": cfg.n_chains,
        "weight_scale": 0.01,
        "random_state": cfg.seed,
    }
    return DBM((first, second), **(settings | options))


def log_probabilities(model, rows, log_Z):
    """Means over the rows in nats: the bound and, for a small machine, log p(v)."""
    v = to_device(rows)
    found = {"bound": lower_bound(model, mean_field(model, v, cfg.sweeps))}
    if small:
        found["log p"] = exact.log_unnormalized(model, v)
    return {name: float(values.mean()) - log_Z for name, values in found.items()}


# %%
# Check before you train
# ----------------------
# Is the exact gradient the slope of the likelihood, for a machine with 4 and 3 hidden
# units? And what is the log probability under the simplest model, in which every pixel
# is drawn independently with its own frequency?

tiny = build(4, 3, pretrain=20, n_iter=1).fit(x[:200])
print(check_gradient(tiny.energy_model_, x[:3], samples=12))
p = (x.sum(axis=0) + 1) / (len(x) + 2)
base = (x_test * np.log(p) + (1 - x_test) * np.log(1 - p)).sum(axis=1).mean()
print(f"independent pixels: {base:.2f} nats on the test digits")

# %%
# Break it on purpose
# -------------------
# ``--break NAME`` changes one setting of the machine.

fault = {}
if cfg.broken == "no_pretraining":
    fault = {"pretrain": 0}
elif cfg.broken == "few_chains":
    fault = {"n_chains": 5}
elif cfg.broken == "large_rate":
    fault = {"learning_rate": 20 * cfg.learning_rate}

# %%
# Run
# ---
# Pretraining, then all layers together. At some epochs the bound and, for a small
# machine, the exact likelihood are computed. At first, when the steps are large, joint
# training makes the pretrained machine worse.

history = {"bound, training": [], "bound, test": []}
if small:
    history["log p, test"] = []
epochs = np.linspace(1, cfg.epochs, 11 if small else 3).astype(int)
epochs = sorted(set(epochs.tolist()))
seconds = []  # spent on the numbers below, not on training


def note(dbm, epoch):
    if epoch + 1 not in epochs:
        return
    started = time.perf_counter()
    log_Z = dbm.log_partition("exact" if small else "ais", cfg.temperatures).value
    found = {
        "training": log_probabilities(dbm.energy_model_, x[:2000], log_Z),
        "test": log_probabilities(dbm.energy_model_, x_test, log_Z),
    }
    for name, numbers in history.items():
        what, rows = name.split(", ")
        numbers.append(-found[rows][what])
    numbers = [f"{name} {-column[-1]:.3f}" for name, column in history.items()]
    print(f"epoch {epoch + 1:3}   " + "   ".join(numbers), flush=True)
    seconds.append(time.perf_counter() - started)


began = time.perf_counter()
dbm = build(on_epoch=note, **fault).fit(x)
print(f"{time.perf_counter() - began - sum(seconds):.1f} seconds of training")

# %%
# The estimate of log Z by annealed importance sampling. Where only few of the 100 runs
# have a weight that counts, Z is underestimated and the bound comes out too high.

log_Z = dbm.log_partition("ais", cfg.temperatures)
print(
    f"log Z by annealing: {log_Z.value:.3f}, from {log_Z.low:.3f} to {log_Z.high:.3f}"
)
print(f"effective number of runs: {log_Z.effective_samples:.0f} of 100")
if small:
    print(f"log Z by enumeration: {exact.log_partition(dbm.energy_model_):.3f}")

# %%
# For comparison: the machine after pretraining alone, and a machine that was trained
# from random weights.

models = {"both": dbm.energy_model_}
if small and dbm.rbms_:
    models["pretraining alone"] = compose_dbm(dbm.rbms_)
if small:
    without = build(**(fault | {"pretrain": 0})).fit(x)
    models["joint training alone"] = without.energy_model_
metrics = {"every pixel for itself": float(base)}
for name, model in models.items():
    Z = exact.log_partition(model) if small else log_Z.value
    found = log_probabilities(model, x_test, Z)
    if small:
        found["gap"] = found["log p"] - found["bound"]
    found["mean |W2|"] = float(abs(model.weights[1]).mean())
    for what, value in found.items():
        metrics[f"{name}: {what}"] = value
print(table(("test digits", "nats"), metrics.items()))

# %%
# Look
# ----
# How many sweeps does mean field need? Two ways to start it: with the input from the
# pixels counted twice, to make up for the missing h2, or counted once.

model, v = dbm.energy_model_, to_device(x_test)
doubled = bottom_up(model, v)
m1 = model.mean(1, [v, None, 0 * doubled[2]])
starts = {"input doubled": doubled, "input once": [v, m1, model.mean(2, [v, m1, None])]}
Z = exact.log_partition(model) if small else log_Z.value
bounds = {}
for name, layers in starts.items():
    bounds[name] = []
    for _ in range(6):
        bounds[name].append(float(lower_bound(model, layers).mean()) - Z)
        layers = sweep(model, layers, clamped=0)
levels = {"log p(v)": -history["log p, test"][-1]} if small else {}
title, label = "No sweep of mean field lowers the bound", "bound (nats per digit)"
figure = curves(bounds, title, "sweeps", label, levels, x=range(6))
show(
    cfg,
    figure,
    "mean_field",
    "two curves that rise in a few sweeps to just below a line",
)

label = "-log p(v), or -bound (nats)"
figure = curves(history, "All layers together", "epoch", label, x=epochs)
show(cfg, figure, "likelihood", "curves that fall, the bound just above -log p(v)")

# %%
# What do the layers know about a digit? The second row is computed from both hidden
# layers, the third from the second hidden layer alone. The last row are samples of the
# model, each at the end of a long Gibbs chain.

rows = {"test digit": x_test[:10], "from h1 and h2": dbm.reconstruct(x_test[:10])}
rows["from h2 alone"] = dbm.inverse_transform(dbm.transform(x_test[:10]))
rows["samples"] = dbm.sample(10, cfg.burn_in, mean=True)
rows = {name: pictures.reshape(-1, side, side) for name, pictures in rows.items()}
figure = image_rows(rows, "Reconstructions from two layers and from one; samples")
show(cfg, figure, "answers", "ten digits, two reconstructions of each, and ten samples")

# %%
# Expected against reference
# --------------------------
# "every pixel for itself" is the model with independent pixels, "both" the machine
# after pretraining and joint training. A mean abs(W2) near 0.1 means that h2 is not
# used.

report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                          cause                       look at
#    mean |W2| near 0.1, gap near 0   h2 is not used              --break no_pretraining
#    worse than pretraining alone     too few chains to average   --break few_chains
#    worse still                      the chains cannot follow    --break large_rate

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --second 2                     two units above: how far does the likelihood fall?
#    --sweeps 1                     hardly worse, and a third faster
#    --dataset mnist --epochs 50    much longer; does the bound rise above -83.3?

# %%
# Exercise
# --------
# Give the machine a third hidden layer, ``DBM((16, 10, 10))``, and compare. What does
# ``compose_dbm`` do with the weights of the RBM in the middle, and why? The answer:
# ``scratchnet answer 30``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(DBM, mean_field, compose_dbm))

# sphinx_gallery_thumbnail_number = 4
