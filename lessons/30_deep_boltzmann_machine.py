r"""
30 - Deep Boltzmann machine
===========================

Train two hidden layers as one model, and know how probable it finds a digit instead of guessing.

**You will see**

- mean field settle between the layers, and its bound rise, sweep by sweep, to just below the truth;
- particles, the model's own digits, that go on dreaming while it learns from them;
- a second layer that stays idle if nobody prepares it.

**Facts**: 15 s on a laptop with scikit-learn's digits, bundled; 5 minutes with ``--dataset mnist``.
Before this: 24, deep Boltzmann machine by hand. Next: 26, dreaming. Paper: Salakhutdinov and Hinton
(2009), Deep Boltzmann machines.

.. math:: \log p(v) \ge -E(v, \mu_1, \mu_2) + H(\mu_1) + H(\mu_2) - \log Z
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--second 20``.

import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from scratchnet.backend import to_device, to_numpy
from scratchnet.boltzmann import DBM, check_gradient, exact
from scratchnet.boltzmann.deep.pretraining import compose_dbm
from scratchnet.boltzmann.machine.mean_field import bottom_up, lower_bound, mean_field, sweep
from scratchnet.data import load_images
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.plots import curves, image_grid, image_rows, signed_grid

cfg = knobs(
    "30_deep_boltzmann_machine",
    first=16, second=10, pretrain=60, pretrain_rate=0.1, epochs=100, learning_rate=0.1, sweeps=10,
    batch_size=20, n_chains=100, burn_in=2000, temperatures=1000, rows=100000, seed=0,
    datasets={"digits": {},
              "mnist": {"first": 500, "second": 1000, "pretrain": 5, "pretrain_rate": 0.05,
                        "epochs": 8, "learning_rate": 0.01, "batch_size": 100, "sweeps": 3,
                        "temperatures": 2000}},
    breaks={"no_pretraining": "joint training from small random weights",
            "few_chains": "5 particles instead of 100",
            "large_rate": "twenty times the learning rate"},
    quick={"first": 6, "second": 4, "pretrain": 2, "epochs": 3, "burn_in": 10, "rows": 200,
           "temperatures": 50},
)  # fmt: skip
small = cfg.first <= 20  # so that log Z can be enumerated

# %%
# Data, and the first picture
# ---------------------------
# As in lesson 21, a pixel is ink or paper.


def load():
    if cfg.dataset == "digits":
        x = (load_digits().data / 16 > 0.5).astype("float32")
        return train_test_split(x, test_size=0.2, random_state=0)
    images = load_images(cfg.dataset)
    return [(x.reshape(-1, 784) > 0.5).astype("float32") for x in (images.x_train, images.x_test)]


x, x_test = (part[: cfg.rows] for part in load())  # (N, D)
side = round(x.shape[1] ** 0.5)
print(f"train {x.shape}, test {x_test.shape}, values {np.unique(x)}")
figure = image_grid(x[:32].reshape(-1, side, side), 16, "Training digits, ink or paper")
show(cfg, figure, "samples", "thirty-two digits of black and white pixels")

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol       in the code                shape           meaning
#    v, h1, h2    layers                     (N, 64), ...    visible units and two hidden layers
#    W1, W2       network.weights            (64, 16), ...   what joins neighbours
#    m1, m2       mean_field(network, v, k)  (N, 16), ...    means of h1, h2 given v: a good guess
#    particles    trainer_.particles         (100, 64), ...  states of the model left alone
#
#    p(h1 = 1 | v, h2) = s(v W1 + h2 W2^T + b1)        Network.mean: from BOTH neighbours
#    m1 = s(v W1 + m2 W2^T + b1)                       mean_field.sweep: either line makes the bound
#    m2 = s(m1 W2 + b2)                                above as large as it gets by m1, or by m2
#    dW1 = <v^T m1>data - <v^T h1>particles            DBM: particles go on from update to update,
#    dW2 = <m1^T m2>data - <h1^T h2>particles          by Gibbs sampling (chain.py)
#
#    Z = sum over h1 of exp(b1 h1) prod_i (1 + exp(b0 + W1 h1)_i) prod_j (1 + exp(h1 W2 + b2)_j)
#
# Given h1, pixels and h2 are independent: with 16 units in h1, 2^16 terms give log Z. With 500 it
# is estimated by annealed importance sampling, and of log p(v) we know the bound alone.
#
# Pretraining: two RBMs, one upon the other. In the machine h1 will hear two layers, in its RBM only
# one; so the first RBM counts the pixels twice, the second one h2 (scratchnet/boltzmann/deep/pretraining.py).

# %%
# Build
# -----


def build(first=cfg.first, second=cfg.second, **options):
    rate = cfg.learning_rate * (20 if cfg.broken == "large_rate" else 1)
    chosen = dict(pretrain=0 if cfg.broken == "no_pretraining" else cfg.pretrain, n_iter=cfg.epochs,
                  pretrain_rate=cfg.pretrain_rate, learning_rate=rate, batch_size=cfg.batch_size,
                  mean_field_steps=cfg.sweeps, random_state=cfg.seed,
                  n_chains=5 if cfg.broken == "few_chains" else cfg.n_chains)  # fmt: skip
    return DBM((first, second), **(chosen | options))


def judge(network, rows, log_Z):
    """Mean nats of the rows: {"bound": of it, and if the machine is small "log p": the truth}."""
    v = to_device(rows)
    found = {"bound": lower_bound(network, mean_field(network, v, cfg.sweeps))}
    found |= {"log p": exact.log_unnormalized(network, v)} if small else {}
    return {name: float(values.mean()) - log_Z for name, values in found.items()}


# %%
# Check before you train
# ----------------------
# The gradient of the exact likelihood against finite differences of it, for a machine of 4 and 3
# hidden units; and what to beat: every pixel drawn for itself, with its own frequency.

tiny = build(4, 3, pretrain=20, n_iter=1).fit(x[:200])
print(check_gradient(tiny.energy_model_, x[:3], samples=12))
p = (x.sum(axis=0) + 1) / (len(x) + 2)
base = (x_test * np.log(p) + (1 - x_test) * np.log(1 - p)).sum(axis=1).mean()
print(f"every pixel for itself: {base:.2f} nats on the test digits")

# %%
# Run
# ---
# Pretraining, then all layers together. Now and then we ask how probable digits are, and look at
# ten of the particles. At first, with large steps, joint training spoils what pretraining made.

history, dreams, asking = {"bound, training": [], "bound, test": []}, {}, []
history |= {"log p, test": []} if small else {}
at = sorted(set(np.linspace(1, cfg.epochs, 11 if small else 3).astype(int).tolist()))


def note(dbm, epoch):
    if epoch + 1 in at:
        asked = time.perf_counter()
        log_Z = dbm.log_partition("exact" if small else "ais", cfg.temperatures).value
        found = {"training": judge(dbm.energy_model_, x[:2000], log_Z)}
        found["test"] = judge(dbm.energy_model_, x_test, log_Z)
        for name, numbers in history.items():
            what, rows = name.split(", ")
            numbers.append(-found[rows][what])
        pixels = dbm.energy_model_.mean(0, dbm.trainer_.particles)[:10]
        dreams[f"epoch {epoch + 1}"] = to_numpy(pixels).reshape(-1, side, side)
        line = "   ".join(f"{what} {-numbers[-1]:.3f}" for what, numbers in history.items())
        print(f"epoch {epoch + 1:3}   {line}", flush=True)
        asking.append(time.perf_counter() - asked)


began = time.perf_counter()
dbm = build(on_epoch=note).fit(x)
print(f"{time.perf_counter() - began - sum(asking):.1f} seconds of training")
log_Z = dbm.log_partition("ais", cfg.temperatures)
worth = f"worth {log_Z.effective_samples:.0f} of 100 runs"  # few: Z is missed, the bound too good
print(f"log Z by annealing: {log_Z.value:.3f} (from {log_Z.low:.3f} to {log_Z.high:.3f}), {worth}")

# %%
# Beside it: what pretraining alone had made, and a machine that was never pretrained.

networks = {"both": dbm.energy_model_}
if small:
    print(f"log Z by enumeration: {exact.log_partition(dbm.energy_model_):.3f}")
    networks |= {"pretraining alone": compose_dbm(dbm.rbms_)} if dbm.rbms_ else {}
    networks["joint training alone"] = build(pretrain=0).fit(x).energy_model_
metrics = {"every pixel for itself": float(base)}
for name, network in networks.items():
    Z = exact.log_partition(network) if small else log_Z.value
    found = judge(network, x_test, Z)
    if small:
        found["gap"] = found["log p"] - found["bound"]
    found["mean |W2|"] = float(abs(network.weights[1]).mean())
    metrics |= {f"{name}: {what}": value for what, value in found.items()}
print(table(("test digits", "nats"), metrics.items()))

# %%
# Look
# ----
# Wherever mean field starts, two sweeps are nearly enough; here the doubled pass up is no better.

network, v = dbm.energy_model_, to_device(x_test)
doubled = bottom_up(network, v)
m1 = network.mean(1, [v, None, 0 * doubled[2]])
starts = {"doubled pass up": doubled, "plain pass up": [v, m1, network.mean(2, [v, m1, None])]}
bounds = {name: [] for name in starts}
Z = exact.log_partition(network) if small else log_Z.value
for name, layers in starts.items():
    for _ in range(6):
        bounds[name].append(Z - float(lower_bound(network, layers).mean()))
        layers = sweep(network, layers, held=0)
levels = {"the truth": history["log p, test"][-1]} if small else {}
title, label = "Mean field settles: the bound never falls", "-bound on log p(v) (nats a digit)"
figure = curves(bounds, title, "sweeps", label, levels, x=range(6))
show(cfg, figure, "settling", "two curves that fall in a few sweeps to just above a line")

figure = curves(history, "All layers together", "epoch", "-log p(v), or -bound (nats)", x=at)
show(cfg, figure, "likelihood", "curves that fall, the bound just above the exact likelihood")
moments = dict(list(dreams.items())[:: 1 + len(dreams) // 7])
figure = image_rows(moments, "Ten particles at a few moments of training")
show(cfg, figure, "particles", "rows of ten digits each, other digits in every row")
W1, W2 = dbm.weights_
shown = [a[:, : min(10, cfg.second)].T.reshape(-1, side, side) for a in (W1, W1 @ W2)]
both = np.concatenate([a / abs(a).max() for a in shown])
figure = signed_grid(both, len(shown[0]), "First layer (W1) above, second (W1 W2) below")
show(cfg, figure, "filters", "weights as pictures: strokes, and what is made of strokes")

rows = {"test digit": x_test[:10], "both layers": dbm.reconstruct(x_test[:10])}
rows["from h2 alone"] = dbm.inverse_transform(dbm.transform(x_test[:10]))
rows["dreams"] = dbm.sample(10, cfg.burn_in, mean=True)
rows = {name: pictures.reshape(-1, side, side) for name, pictures in rows.items()}
figure = image_rows(rows, "Remembered by both layers and by the upper one; and dreams")
show(cfg, figure, "answers", "ten digits, what the layers keep of them, and ten new ones")

# %%
# Expected against reference
# --------------------------

report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --second 2                           two units above: what do their filters say now?
#    --sweeps 1                           hardly worse, a third faster: mean field settles early
#    --dataset mnist --epochs 50          much longer; does it still gain on -83.3?

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    mean |W2| near 0.1, gap near 0       the second layer is idle        --break no_pretraining
#    worse than pretraining alone         particles too few to average    --break few_chains
#    worse still                          particles cannot follow         --break large_rate

# %%
# Exercise
# --------
# Give the machine a third layer, ``DBM((16, 10, 10))``, and compare. What does ``composed`` do with
# the weights in the middle, and why?

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(DBM, mean_field, compose_dbm))
