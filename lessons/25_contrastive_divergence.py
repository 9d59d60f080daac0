r"""
25 - Contrastive divergence
===========================

Train small Boltzmann machines whose likelihood can be computed exactly, and compare it.

**You will see**

- block Gibbs sampling and the CD-k gradient in a few lines, equal to the library's;
- the exact likelihood during training: with CD-1 it rises and then decreases again;
- which pictures of the training data an RBM trained with CD-1 gives next to no
  probability.

**Facts**: 15 s on a laptop; the data are generated. Before this: 24, convolutional
against LSTM, of which nothing is needed. Next: 26, RBM on digits. Papers: Hinton
(2002), Training products of experts by minimizing contrastive divergence; Tieleman
(2008), Training restricted Boltzmann machines using approximations to the likelihood
gradient.

.. math:: p(v) = \frac{1}{Z} \sum_h e^{a v + b h + v W h}, \quad
   \frac{\partial \log p}{\partial W}
   = \langle v h \rangle_{data} - \langle v h \rangle_{model}
"""

# %%
# Knobs
# -----
# The settings of this lesson. Each is also a flag of the command line: ``--hidden 8``.

import inspect
import math

import numpy as np

from scratchnet.backend import RNG, to_device, to_numpy, zeros
from scratchnet.boltzmann import (
    CD,
    PCD,
    Bernoulli,
    EnergyModel,
    Exact,
    check_gradient,
    exact,
)
from scratchnet.boltzmann.learning.optimizer import LikelihoodOptimizer
from scratchnet.boltzmann.machine.gibbs import EVEN, ODD, half_sweep
from scratchnet.boltzmann.plain import cd_gradient, gibbs_sweep, sample_h_given_v
from scratchnet.data import bars_and_stripes
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.plots import bars, image_grid, panels, signed_grid

cfg = knobs(
    "25_contrastive_divergence",
    side=4,
    hidden=16,
    updates=10000,
    learning_rate=0.1,
    n_chains=100,
    exact_updates=200,
    exact_rate=1.0,
    seed=0,
    datasets={"bars4": {}, "bars3": {"side": 3, "hidden": 9, "updates": 20000}},
    breaks={
        "probabilities": "CD-1 that samples v given probabilities of h, not samples",
        "few_chains": "PCD with 5 persistent chains",
        "constant": "a learning rate that does not fall",
    },
    quick={
        "side": 3,
        "hidden": 6,
        "updates": 250,
        "learning_rate": 1.0,
        "exact_updates": 30,
    },
)

# %%
# Data, and the first picture
# ---------------------------
# Every picture of full columns and every picture of full rows, each once: 30 pictures
# of 4 x 4 pixels. The best model gives each of them the probability 1/30, and no
# probability to the other 65,506 pictures. Its negative log-likelihood, the mean of
# -log p(v) over the 30 pictures, is log 30 = 3.401 nats: the entropy of the data. A nat
# is the unit of a natural logarithm.

patterns = bars_and_stripes(cfg.side)
x = to_device(patterns)  # (N, D), 0 or 1
N, D = x.shape
entropy = math.log(N)
print(f"{N} pictures of {D} pixels, {x.dtype}; -log p(v) at best {entropy:.3f} nats")
pictures = 0.1 + 0.9 * patterns.reshape(-1, cfg.side, cfg.side)
title = f"All {N} bars and stripes of {cfg.side} x {cfg.side} pixels"
figure = image_grid(pictures, 10, title)
show(cfg, figure, "samples", "pictures of full columns or of full rows, each once")

# %%
# Idea
# ----
# A restricted Boltzmann machine (RBM) is a probability distribution over pictures. It
# has visible units v, the pixels, and hidden units h, which are connected to the pixels
# by weights. All of them are 0 or 1. Each state of all units has an energy, and the
# lower the energy, the more probable the state.
#
# Training should make the pictures of the data probable. Probabilities add up to one,
# so two things are needed: lower the energy of what is in the data, and raise the
# energy of what is probable under the model without being in the data. The gradient of
# the log-likelihood has exactly these two parts, the positive and the negative phase.
# The positive phase is easy. The negative phase is an average over all pictures that
# exist, which is impossible for pictures of useful size. It can be replaced by an
# average over samples from the model, and samples come from Gibbs sampling: draw h
# given v, then v given h, and so on.
#
# A chain of such steps needs time to forget where it started. Contrastive divergence
# (CD-k) starts at the data in every update and takes only k steps, often one. This is
# fast and works surprisingly well, but the samples remain close to the data. If the
# model gives probability to pictures that are far from all data, CD-1 hardly ever
# visits them, so it does not raise their energy. Persistent contrastive divergence
# (PCD-k) continues the same chains from update to update, so that they can reach every
# region. Here the models are so small that the true likelihood is known, and the
# difference can be measured.

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code             shape     meaning
#    v        x, layers[0]            (N, D)    visible units, the pixels, 0 or 1
#    h        layers[1]               (N, H)    hidden units, 0 or 1
#    W        rbm.weights[0], "W1"    (D, H)    weights
#    a        rbm.biases[0],  "b0"    (D,)      biases of the visible units
#    b        rbm.biases[1],  "b1"    (H,)      biases of the hidden units
#    s                                          the sigmoid, 1 / (1 + exp(-x))
#
#    E(v, h)    = -a v - b h - v W h            energy;  p(v, h) = exp(-E(v, h)) / Z
#    p(h=1 | v) = s(v W + b)                    hidden units are independent given v
#    p(v=1 | h) = s(h W^T + a)                  visible units are independent given h
#    F(v)       = -a v - sum over j of log(1 + exp((v W + b)_j))          free energy:
#                                               E with all states of h summed out
#    log p(v)   = -F(v) - log Z                 exact.log_likelihood
#
#    d mean log p / dW = mean over data of v p(h|v)  -  mean over the model of v h
#                        positive phase                 negative phase
#
# Units of one layer are not connected. So all hidden units can be sampled at once, and
# then all visible units: this is block Gibbs sampling. Half a sweep is two lines, and
# the other half has the same form:
#
# .. code-block:: text
#
#    p = sigmoid(v @ W + b)           (N, D) (D, H) + (H,) -> (N, H)
#    h = rng.uniform(p) < p           1 with probability p
#
# The methods differ only in the samples of the negative phase
# (scratchnet/boltzmann/learning/trainers.py):
#
# .. code-block:: text
#
#    exact    no samples: the sum over all states of the model, in each update
#    CD-k     k sweeps that start at the data in each update
#    PCD-k    100 chains that continue from update to update, k sweeps in each

# %%
# The sweep and the CD-k gradient as functions (scratchnet/boltzmann/plain.py).

for function in (sample_h_given_v, gibbs_sweep, cd_gradient):
    print(inspect.getsource(function))

# %%
# Build
# -----
# ``EnergyModel`` is the general form: a list of layers of units with weights between
# neighbouring layers. An RBM has two layers, v (even) and h (odd).


def build(visible=D, hidden=cfg.hidden, scale=0.01):
    W = scale * RNG(cfg.seed).host.standard_normal((visible, hidden))
    biases = [zeros((visible,)), zeros((hidden,))]
    return EnergyModel([Bernoulli(), Bernoulli()], [to_device(W)], biases)


trainers = {
    "CD-1": CD(1),
    "CD-10": CD(10),
    "PCD-1": PCD(1, cfg.n_chains),
    "PCD-5": PCD(5, cfg.n_chains),
}

# %%
# Check before you train
# ----------------------
# Is the exact gradient equal to finite differences of the exact likelihood? The RBM of
# this check has random weights and 9 visible and 6 hidden units.

rbm, few = build(9, 6, scale=1.0), to_device(bars_and_stripes(3))
print(check_gradient(rbm, few))

# %%
# Do the plain functions give the same samples and the same CD-5 gradient as the general
# form, from the same random numbers?

W, a, b = rbm.weights[0], *rbm.biases
h, _ = sample_h_given_v(few, W, b, RNG(1))
samples, _ = half_sweep(rbm, [few, None], ODD, RNG(1))
print(f"{int((h != samples[1]).sum())} of {h.size} samples of h differ")
dW, _, _ = cd_gradient(few, W, a, b, 5, RNG(1))
data = [few, rbm.mean(1, [few, None])]  # v and p(h=1|v)
positive, negative = rbm.statistics(data), CD(5).model_statistics(rbm, data, RNG(1))
difference = float(abs(dW - (positive["W1"] - negative["W1"])).max())
print(f"CD-5 gradient by W: plain and general form differ by at most {difference:.1e}")

# %%
# How far is the mean of the CD-k gradient over all its random numbers from the exact
# gradient? This bias becomes smaller with k.

truth = exact.gradient(rbm, few)["W1"]
for k in (1, 2, 5):
    bias = abs(exact.expected_cd_gradient(rbm, few, k)["W1"] - truth)
    print(f"CD-{k}: largest bias of an entry of the gradient {float(bias.max()):.4f}")

# %%
# Break it on purpose
# -------------------
# ``--break NAME`` changes one of these settings before training. Without a break the
# learning rate falls to 0 along a straight line.

fall = 1  # share of the learning rate that is lost until the end
if cfg.broken == "probabilities":

    class CDWithoutSamples(CD):
        """CD-1 that samples v given the probabilities p(h=1|v), not samples of h."""

        def model_statistics(self, rbm, data, rng, clamp=None):
            samples, _ = half_sweep(rbm, data, EVEN, rng)
            return rbm.statistics(half_sweep(rbm, samples, ODD, rng)[1])

    trainers["CD-1"] = CDWithoutSamples()
elif cfg.broken == "few_chains":
    trainers |= {"PCD-1": PCD(1, 5), "PCD-5": PCD(5, 5)}
elif cfg.broken == "constant":
    fall = 0

# %%
# Run
# ---
# One loop for all methods. What is printed and drawn is the exact negative
# log-likelihood of the data, not an estimate.


def negative_log_likelihood(rbm):
    return -float(exact.log_likelihood(rbm, x).mean())


def train(trainer, updates, learning_rate, **options):
    rbm, optimizer, rng = build(), LikelihoodOptimizer(**options), RNG(cfg.seed).fork(1)
    history, interval = [negative_log_likelihood(rbm)], max(updates // 25, 1)
    for t in range(updates):
        data = [x, rbm.mean(1, [x, None])]  # p(h=1|v) has less noise than samples of h
        positive = rbm.statistics(data)  # means of v h, of v and of h
        negative = trainer.model_statistics(rbm, data, rng)
        gradient = {name: s - negative[name] for name, s in positive.items()}
        rate = learning_rate * (1 - fall * t / updates)
        optimizer.step(rbm, positive, gradient, rate)
        if (t + 1) % interval == 0:
            history.append(negative_log_likelihood(rbm))
    return rbm, history


models, history = {}, {}
for name, trainer in trainers.items():
    models[name], history[name] = train(trainer, cfg.updates, cfg.learning_rate)
    nll = history[name]
    print(f"{name:6} {nll[-1]:.3f} nats, lowest {min(nll):.3f}", flush=True)

# %%
# The exact gradient has no noise, so momentum and a rate ten times as high are
# possible. Its energy has the centered form, -(v - mu) W (h - lambda) with the means mu
# and lambda of the units; without it, a picture and its negative are learned at
# different speeds (see ``LikelihoodOptimizer``).

models["exact"], nll_exact = train(
    Exact(), cfg.exact_updates, cfg.exact_rate, momentum=0.9, center=True
)
print(f"exact  {nll_exact[-1]:.3f} nats after {cfg.exact_updates} updates")
print(f"entropy of the data {entropy:.3f} nats: no model can be better")

# %%
# Look
# ----
# The log-likelihood during training, without the first fifth, in which it rises from
# -11 nats. That of CD-1 has a maximum, the triangle, and decreases afterwards. CD-1 has
# no way of noticing it: its updates do not follow the gradient of the likelihood.

interval = max(cfg.updates // 25, 1)
update = [interval * i for i in range(len(history["CD-1"]))][5:]
late = {name: [-value for value in nll[5:]] for name, nll in history.items()}
groups = {k: {n: late[n] for n in late if n.startswith(k)} for k in ("CD", "PCD")}
levels = {"exact gradient, at its end": -nll_exact[-1], "best possible": -entropy}
title = f"Log-likelihood from update {update[0]} on"
figure = panels(groups, title, "update", "mean of log p(v)", 2, update, levels)
peak = max(range(len(update)), key=late["CD-1"].__getitem__)
figure.axes[0].plot(update[peak], late["CD-1"][peak], "kv")
show(cfg, figure, "likelihood", "four curves: that of CD-1 passes a maximum and falls")

# %%
# The probability of each picture, in descending order. The log-likelihood is a mean of
# logarithms. A single picture of nearly no probability lowers this mean more than many
# pictures that are somewhat less probable than 1/30.

probability = {}
for name in ("CD-1", "PCD-5", "exact"):
    log_p = to_numpy(exact.log_likelihood(models[name], x)).clip(-50)
    probability[name] = sorted(np.exp(log_p).tolist(), reverse=True)
title = f"Probability of each of the {N} pictures; at best 1/{N} = {1 / N:.3f}"
figure = bars(probability, title, "picture, most probable first", "p(v)")
show(cfg, figure, "probabilities", "bars: level for exact, down to 0 for CD-1")

# %%
# The weights of each hidden unit, drawn as a picture. A hidden unit is probably 1 where
# the red pixels are on and the blue pixels are off.

filters = models["PCD-5"].weights[0].T.reshape(-1, cfg.side, cfg.side)
figure = signed_grid(filters, 8, "Weights of each hidden unit, trained with PCD-5")
show(cfg, figure, "filters", "weights of each hidden unit as a small picture")

# %%
# Expected against reference
# --------------------------
# The reference is the entropy of the data. "Rarest picture" is the smallest of the
# probabilities in the figure, "all pictures" is their sum.

metrics = {f"{name}, nats": nll[-1] for name, nll in history.items()}
metrics["CD-1 at its best, nats"] = min(history["CD-1"])
metrics |= {"exact, nats": nll_exact[-1], "optimum": entropy}
metrics |= {f"{name}, rarest picture": p[-1] for name, p in probability.items()}
metrics |= {f"{name}, all pictures": sum(p) for name, p in probability.items()}
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                            cause                       look at
#    CD-1 is worse than in the figure   v is reconstructed from     --break
#                                       probabilities of h, as in   probabilities
#                                       an autoencoder
#    PCD-1 ends above 9 nats, jumping   too few chains for a mean   --break few_chains
#    PCD ends far above its minimum     the rate does not fall,     --break constant
#                                       so the noise stays

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --dataset bars3        14 pictures: CD-1 ends half a nat higher, the others close
#    --hidden 6             too few units: even the exact gradient ends at 5.5 nats
#    --learning-rate 0.4    the weights change faster than one sweep can follow: PCD-1
#                           ends at 8.7 nats
#    --seed 1               other initial weights, the same order of the methods

# %%
# Exercise
# --------
# Write a trainer of your own: a class with the method
# ``model_statistics(self, rbm, data, rng, clamp=None)``, which starts k Gibbs sweeps in
# each update from pictures whose pixels are 0 or 1 with probability 1/2. Add it to
# ``trainers`` with k = 1 and k = 10. Where does its likelihood end, compared with CD-k,
# and for which k does it become better than CD-1? The answer: ``scratchnet answer 25``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(EnergyModel, half_sweep, CD, PCD, Exact, LikelihoodOptimizer))

# sphinx_gallery_thumbnail_number = 2
