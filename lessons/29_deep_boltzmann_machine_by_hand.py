r"""
29 - Deep Boltzmann machine by hand
===================================

One learning step of a deep Boltzmann machine with nine units, every number printed.

**You will see**

- three faults of a popular worked example, each in a cell of its own;
- the worked example and the correct step, averaged, beside the exact gradient;
- why a single training picture hides the faults, and three pictures reveal them.

**Facts**: 10 s on a laptop, all data in this file. Before this: 28, deep belief
network. Next: 30, deep Boltzmann machine. Paper: Salakhutdinov and Hinton (2009), Deep
Boltzmann machines.

.. math:: E(v, h_1, h_2) = -v W_1 h_1 - h_1 W_2 h_2 - b_0 v - b_1 h_1 - b_2 h_2
"""

# %%
# Knobs
# -----
# The settings of this lesson. Each is also a flag of the command line: ``--pictures
# 4``.

import numpy as np

from scratchnet.backend import RNG, to_device, to_numpy, zeros
from scratchnet.boltzmann import Bernoulli, EnergyModel, check_gradient, exact
from scratchnet.boltzmann.learning.trainers import initial_particles
from scratchnet.boltzmann.machine.gibbs import gibbs
from scratchnet.boltzmann.machine.mean_field import mean_field
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.numerics import sigmoid
from scratchnet.plots import captioned, curves, scatter

cfg = knobs(
    "29_deep_boltzmann_machine_by_hand",
    scale=0.1,
    learning_rate=0.01,
    pictures=3,
    updates=2000,
    long_rate=0.2,
    chains=100,
    sweeps=10,
    judged_scale=1.0,
    draws=20000,
    seed=0,
    breaks={
        "no_top_down": "the correct step samples h1 without the input from h2",
        "no_visible_bias": "the correct step never changes b0",
    },
    quick={"updates": 60, "draws": 500},
)

# %%
# Data, and the first picture
# ---------------------------
# Four visible units, drawn as 2 x 2 pixels: there are 16 pictures. The worked example
# has to learn v0 = [1, 0, 1, 0], number 10. This lesson adds two more pictures.

every = np.arange(16)[:, None] >> np.arange(3, -1, -1) & 1  # (16, 4), binary digits
chosen = np.array([10, 5, 12, 3])[: cfg.pictures]
seen = every[chosen].astype("float32")
captions = [f"{i} to learn" if i in chosen else str(i) for i in range(16)]
drawn = 0.15 + 0.85 * every.reshape(-1, 2, 2)
figure = captioned(drawn, captions, "All pictures of 4 pixels")
show(cfg, figure, "pictures", "the sixteen pictures of four pixels, three to learn")

# %%
# Idea
# ----
# A Boltzmann machine gives each state of its units a probability. Learning raises the
# probability of the training pictures, and because all probabilities sum to one, it has
# to lower others. So a learning step has two parts. In the positive phase the visible
# units are held at a training picture, and one measures how often pairs of units are on
# together. In the negative phase the model runs freely, and the same is measured again.
# Each weight moves by the difference. When both phases agree, learning stops.
#
# In a deep machine, both phases are harder than in a restricted one, because the units
# of the middle layer have neighbours above and below. A worked example that is copied
# from site to site leaves out one neighbour or the other in several places. With nine
# units everything can be enumerated, so there is an exact gradient to compare with, and
# one can see which shortcuts are harmless and which are not.

# %%
# The maths
# ---------
# Given its neighbours, a unit is on with probability s(its input), s being the sigmoid.
# The middle layer h1 has two neighbours, v and h2.
#
# .. code-block:: text
#
#                 the worked example              the model
#    positive     p1 = s(v0 W1 + b1)              m1 = s(v0 W1 + m2 W2^T + b1)
#                 p2 = s(h1 W2 + b2)              m2 = s(m1 W2 + b2), repeated
#    negative     q1 = s(h2 W2^T)                 q2 = s(h1 W2 + b2)
#                 q0 = s(g1 W1^T)                 q0 = s(h1 W1^T + b0)
#                                                 q1 = s(v1 W1 + g2 W2^T + b1)
#    dW1          v0^T h1 - v1^T g1               v0^T m1 - v1^T q1
#    dW2          h1^T h2 - g1^T h2               m1^T m2 - q1^T g2
#    db0          none                            v0 - v1
#    db1          h1 - g1                         m1 - q1
#    db2          h2 - p2                         m2 - g2
#
# p, q and m are probabilities (m those of mean field), h and g samples of hidden units,
# v1 a sample of the visible ones. h1 is drawn from p1, g1 from q1, and so on.

# %%
# Build
# -----
# The machine, and the two steps. Each step returns everything that it computed, in
# order, and the direction in which the parameters move. Both take n rows at once and
# average the direction: one row is the worked example, thousands of rows are its mean.


def build(scale=cfg.scale):
    host = RNG(cfg.seed).host
    weights = [to_device(scale * host.standard_normal(n)) for n in ((4, 3), (3, 2))]
    return EnergyModel([Bernoulli()] * 3, weights, [zeros((n,)) for n in (4, 3, 2)])


def draw(p, rng):
    """Uniform numbers u, and samples: 1 where u < p, else 0."""
    u = rng.uniform(p)
    return u, (u < p).astype(p.dtype)


def published_step(model, v0, rng):
    """The worked example, for v0 (n, 4)."""
    (W1, W2), (_, b1, b2), n = model.weights, model.biases, len(v0)
    p1 = sigmoid(v0 @ W1 + b1)  # (n, 3)
    u1, h1 = draw(p1, rng)
    p2 = sigmoid(h1 @ W2 + b2)  # (n, 2)
    u2, h2 = draw(p2, rng)
    q1 = sigmoid(h2 @ W2.T)  # (n, 3)
    w1, g1 = draw(q1, rng)
    q0 = sigmoid(g1 @ W1.T)  # (n, 4)
    w0, v1 = draw(q0, rng)
    direction = {
        "W1": (v0.T @ h1 - v1.T @ g1) / n,
        "W2": (h1.T @ h2 - g1.T @ h2) / n,
        "b0": zeros((4,)),
        "b1": (h1 - g1).mean(axis=0),
        "b2": (h2 - p2).mean(axis=0),
    }
    up = dict(p1=p1, u1=u1, h1=h1, p2=p2, u2=u2, h2=h2)
    return up | dict(q1=q1, w1=w1, g1=g1, q0=q0, w0=w0, v1=v1), direction


def correct_step(model, v0, h1, rng, top_down=1.0, visible_bias=1.0):
    """Mean field at v0 (N, 4); the n chains go on from their hidden units h1 (n, 3)."""
    (W1, W2), (b0, b1, b2), n, N = model.weights, model.biases, len(h1), len(v0)
    _, m1, m2 = mean_field(model, v0, cfg.sweeps)
    q2 = sigmoid(h1 @ W2 + b2)  # (n, 2)
    u2, g2 = draw(q2, rng)
    q0 = sigmoid(h1 @ W1.T + b0)  # (n, 4)
    u0, v1 = draw(q0, rng)
    q1 = sigmoid(v1 @ W1 + top_down * (g2 @ W2.T) + b1)  # (n, 3), from both neighbours
    u1, g1 = draw(q1, rng)
    direction = {
        "W1": v0.T @ m1 / N - v1.T @ q1 / n,
        "W2": m1.T @ m2 / N - q1.T @ g2 / n,
        "b0": (v0.mean(axis=0) - v1.mean(axis=0)) * visible_bias,
        "b1": m1.mean(axis=0) - q1.mean(axis=0),
        "b2": m2.mean(axis=0) - g2.mean(axis=0),
    }
    up = dict(m1=m1, m2=m2, h1=h1, q2=q2, u2=u2, g2=g2)
    return up | dict(q0=q0, u0=u0, v1=v1, q1=q1, u1=u1, g1=g1), direction


# %%
# Check before you train
# ----------------------
# The exact gradient, by enumeration of all 512 states, is what both steps are compared
# with. Is it the slope of log p(v0)?

model, v = build(), to_device(seen[:1])
print(check_gradient(model, v))

# %%
# Break it on purpose
# -------------------
# ``--break NAME`` inserts one of the worked example's faults into the correct step.

fault = {}
if cfg.broken == "no_top_down":
    fault = {"top_down": 0.0}
elif cfg.broken == "no_visible_bias":
    fault = {"visible_bias": 0.0}

# %%
# Run
# ---
# First one step, number by number. p, q and m are probabilities, u and w the uniform
# numbers that are compared with them, h, g and v samples; dW1 and so on are the changes
# of the parameters.


def rows_of(named):
    """A table of arrays: a line for each row of each array."""
    lines = []
    for name, array in named.items():
        for row in np.atleast_2d(to_numpy(array)):
            lines.append([name, *map(float, row), "", ""][:5])
    return table(("", *"0123"), lines)


rng = RNG(cfg.seed).fork(1)
print(rows_of({"v0": v, "W1": model.weights[0], "W2": model.weights[1]}))
published = published_step(model, v, rng)
correct = correct_step(model, v, initial_particles(model, 1, rng)[1], rng, **fault)
for name, (computed, direction) in (("published", published), ("correct", correct)):
    change = {f"d{k}": cfg.learning_rate * g for k, g in direction.items()}
    print(f"\n{name} step\n{rows_of(computed | change)}")

# %%
# One step is random; its mean over many draws is not. For the means the weights are
# made larger, so that the layers influence each other, and the chains run for 50 sweeps
# first, so that they are samples of the model.

judged = build(cfg.judged_scale)
chains = gibbs(judged, initial_particles(judged, cfg.draws, rng), 50, rng)[0]
steps, mean_published = published_step(judged, v + zeros((cfg.draws, 1)), rng)
_, mean_correct = correct_step(judged, v, chains[1], rng, **fault)
mean_exact = exact.gradient(judged, v)

# %%
# Fault 1: h1 is computed without its second neighbour. Upwards p1 = s(v0 W1 + b1) does
# not contain h2, downwards q1 = s(h2 W2^T) does not contain v. These are the formulas
# of two separate restricted machines, not of one deep machine. The table compares p1
# with the exact probabilities p(h1 = 1 | v0), and with those of mean field.

bits = np.arange(32)[:, None] >> np.arange(4, -1, -1) & 1  # (32, 5), states of h1, h2
h1, h2 = to_device(bits[:, :3], "float32"), to_device(bits[:, 3:], "float32")
weight = np.exp(to_numpy(-judged.energy([v + 0 * h1[:, :1], h1, h2])))
columns = {
    "published": to_numpy(steps["p1"])[0],
    "mean field": to_numpy(mean_field(judged, v, cfg.sweeps)[1])[0],
    "exact": weight @ bits[:, :3] / weight.sum(),
}
rows = [(name, *map(float, column)) for name, column in columns.items()]
print(table(("p(h1 = 1 | v0)", "unit 0", "unit 1", "unit 2"), rows))

# %%
# Fault 2: the visible bias never changes, and no bias is used on the way down. So the
# weights have to do the work of the biases. Fault 3: h2 is drawn with probability p2,
# so h2 - p2 is 0 on average. The bias b2 receives noise instead of a gradient. Both can
# be read from the mean directions.

for name in ("b0", "b2"):
    both = {"published": mean_published[name], "exact": mean_exact[name]}
    print(rows_of({f"mean d{name}, {who}": g for who, g in both.items()}))

# %%
# All 27 parameters at once: the cosine of the angle between the mean direction of a
# step and the exact gradient. What the correct step still lacks comes from mean field.

means = {
    "worked example": mean_published,
    "model's own step": mean_correct,
    "exact gradient": mean_exact,
}
flat = {}
for name, direction in means.items():
    flat[name] = np.concatenate([to_numpy(direction[k]).ravel() for k in mean_exact])
exactly, size = flat["exact gradient"], np.linalg.norm
agreement = {k: float(f @ exactly / size(f) / size(exactly)) for k, f in flat.items()}

# %%
# And when learning goes on, with more pictures? All three start from the same weights
# and use the same learning rate, which falls to 0.

pictures = to_device(seen)


def train(name):
    model, rng, losses = build(), RNG(cfg.seed).fork(2), []
    copies = to_device(np.tile(seen, (cfg.chains // len(seen), 1)))
    h1 = initial_particles(model, cfg.chains, rng)[1]
    for t in range(cfg.updates + 1):
        if t % (cfg.updates // 10) == 0:
            losses.append(-float(exact.log_likelihood(model, pictures).mean()))
        if name == "exact gradient":
            direction = exact.gradient(model, pictures)
        elif name == "worked example":
            _, direction = published_step(model, copies, rng)
        else:
            computed, direction = correct_step(model, pictures, h1, rng, **fault)
            h1 = computed["g1"]
        rate = cfg.long_rate * (1 - t / (cfg.updates + 1))
        for parameter, array in model.parameters().items():
            array += (rate * direction[parameter]).astype(array.dtype)
    return losses


names = ("exact gradient", "model's own step", "worked example")
history = {name: train(name) for name in names}

# %%
# Look
# ----
# Each point of the first figure is one of the 27 parameters. On the diagonal the mean
# step equals the exact gradient.

clouds = {name: np.stack([exactly, f], axis=1) for name, f in flat.items()}
title = "Mean steps against the exact gradient"
figure = scatter(clouds, title, "exact gradient", "mean step")
show(
    cfg, figure, "judge", "the correct step lies on a line, the worked example does not"
)

levels = {"uniform": np.log(16), "best possible": np.log(len(seen))}
at = np.linspace(0, cfg.updates, len(history["exact gradient"]))
title, label = f"Learning {len(seen)} pictures", "-log p of a picture (nats)"
figure = curves(history, title, "update", label, levels, x=at)
show(
    cfg, figure, "learning", "two curves fall to the best possible value, one does not"
)

# %%
# Expected against reference
# --------------------------
# "model's own step" is the correct step. The references are exact values.

metrics = {f"-log p, {name}": losses[-1] for name, losses in history.items()}
for name, cosine in agreement.items():
    metrics[f"cosine, {name}"] = cosine
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                look at
#    -log p stays where the worked        h1 has no input      --break no_top_down
#    example's stays                      from h2
#    -log p is fine, the cosine is 0.80   the weights do the   --break no_visible_bias
#                                         work of b0

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --pictures 1           only v0: all three learn it, no fault is visible
#    --pictures 4           each pixel is on as often as off: the example learns nothing
#    --judged-scale 0.1     with small weights the layers hardly influence each other

# %%
# Exercise
# --------
# Repair ``published_step`` one fault at a time and compute the cosine each time. Which
# repair changes it most? Is it enough to give q1 its second input and to leave p1 as it
# is? The answer: ``scratchnet answer 29``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(EnergyModel, mean_field, gibbs, exact.gradient))

# sphinx_gallery_thumbnail_number = 3
