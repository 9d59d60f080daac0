r"""
25 - Contrastive divergence against the truth
=============================================

Train small Boltzmann machines whose likelihood can be computed exactly, and see who climbs it.

**You will see**

- CD-1, the textbook's rule, reach a peak of the likelihood and walk down again while it trains on;
- persistent chains and longer ones that do not, and the exact gradient beside them all;
- which pictures a machine trained with CD-1 finds next to impossible, though it has seen them.

**Facts**: 15 s on a laptop, all data generated. Before this: 19, convolutional against LSTM, of
which nothing is needed. Next: 21, RBM on digits. Paper: Hinton (2002), Training products of experts
by minimizing contrastive divergence; Tieleman (2008), Training restricted Boltzmann machines using
approximations to the likelihood gradient.

.. math:: p(v) = \frac{1}{Z} \sum_h e^{a v + b h + v W h}, \quad
   \frac{\partial \log p}{\partial W} = \langle v h \rangle_{data} - \langle v h \rangle_{model}
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--hidden 8``.

import math

import numpy as np

from scratchnet.backend import RNG, to_device, to_numpy, zeros
from scratchnet.boltzmann import CD, PCD, Bernoulli, EnergyModel, Exact, check_gradient, exact
from scratchnet.boltzmann.learning.optimizer import LikelihoodOptimizer
from scratchnet.boltzmann.machine.gibbs import EVEN, ODD, half_sweep
from scratchnet.data import bars_and_stripes
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.plots import bars, curves, image_grid, signed_grid

cfg = knobs(
    "25_contrastive_divergence",
    side=4, hidden=16, updates=10000, learning_rate=0.1, n_chains=100, exact_updates=200,
    exact_rate=1.0, seed=0,
    datasets={"bars4": {}, "bars3": {"side": 3, "hidden": 9, "updates": 20000}},
    breaks={"probabilities": "CD-1 whose hidden units pass on probabilities instead of samples",
            "few_chains": "PCD with 5 persistent chains",
            "constant": "a learning rate that does not fall"},
    quick={"side": 3, "hidden": 6, "updates": 250, "learning_rate": 1.0, "exact_updates": 30},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# Every picture of bars and every picture of stripes, each once. The best model gives each the same
# probability, 1/30, and all the other 65,506 pictures of 4 x 4 pixels none: log p(v) = -log 30.

patterns = bars_and_stripes(cfg.side)
x = to_device(patterns)  # (N, D), 0 or 1
N, D = x.shape
best = math.log(N)
print(f"{N} pictures of {D} pixels: {best:.3f} nats at best, {D * math.log(2):.3f} by pure chance")
pictures = patterns.reshape(-1, cfg.side, cfg.side)
figure = image_grid(
    0.1 + 0.9 * pictures, 10, f"All {N} bars and stripes of {cfg.side} x {cfg.side} pixels"
)
show(cfg, figure, "samples", "pictures of full columns or of full rows, each once")

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code             shape     meaning
#    v        x, layers[0]            (N, 16)   visible units: the pixels
#    h        layers[1]               (N, 16)   hidden units, 0 or 1 as well
#    W, a, b  W1, b0, b1              (16, 16)  weights, visible and hidden biases
#
#    E(v, h) = -a v - b h - v W h               Network.energy: low energy is probable
#    p(h=1|v) = s(v W + b)                      Network.mean(1, ...): hidden units know only v ...
#    p(v=1|h) = s(h W^T + a)                    Network.mean(0, ...): ... so all are drawn at once
#    -F(v) = a v + sum_j log(1 + exp(v W + b)_j)     Network.free_energy: h summed out
#    log p(v) = -F(v) - log Z                   exact.log_likelihood
#
#    d log p / dW = v p(h|v) - E_model[v h]     one term lowers the energy of what was seen, the
#                                               other raises it where the model would go by itself
#
# The first term is one product. The second is an average over all 2^16 pictures; trainers differ in
# where they take it from (scratchnet/boltzmann/learning/trainers.py):
#
# .. code-block:: text
#
#    exact    every picture, weighted by p(v)   2^16 terms an update; impossible for real models
#    CD-k     k steps of Gibbs sampling from the data itself: a look around its neighbourhood
#    PCD-k    100 chains that never start again, k steps an update: they see the whole landscape

# %%
# Build
# -----


def build(visible=D, hidden=cfg.hidden, scale=0.01):
    W = scale * RNG(cfg.seed).host.standard_normal((visible, hidden))
    return EnergyModel(
        [Bernoulli(), Bernoulli()], [to_device(W)], [zeros((visible,)), zeros((hidden,))]
    )


class WithoutBottleneck(CD):
    """CD-1 gone wrong: probabilities drive the reconstruction, as in an autoencoder."""

    def model_statistics(self, network, data, rng, clamp=None):
        state, _ = half_sweep(network, data, EVEN, rng)
        return network.statistics(half_sweep(network, state, ODD, rng)[1])


chains = 5 if cfg.broken == "few_chains" else cfg.n_chains
trainers = {
    "CD-1": WithoutBottleneck() if cfg.broken == "probabilities" else CD(1),
    "CD-10": CD(10),
    "PCD-1": PCD(1, chains),
    "PCD-5": PCD(5, chains),
}

# %%
# Check before you train
# ----------------------
# Is the gradient that enumeration gives the slope of the likelihood that enumeration gives? And how
# far is CD-k, averaged over all its randomness, from it? On a random machine:

machine, few = build(9, 6, scale=1.0), to_device(bars_and_stripes(3))
print(check_gradient(machine, few))
truth = exact.gradient(machine, few)["W1"]
for k in (1, 2, 5):
    expected_cd = exact.expected_cd_gradient(machine, few, k)["W1"]
    print(f"CD-{k} on average: wrong by up to {float(abs(expected_cd - truth).max()):.4f}")

# %%
# Run
# ---
# One loop for all of them. What it climbs is measured, not estimated: -log p of the 30 pictures.


def nats(network):
    return -float(exact.log_likelihood(network, x).mean())


def train(trainer, updates, learning_rate, **options):
    network, ascent, rng = build(), LikelihoodOptimizer(**options), RNG(cfg.seed).fork(1)
    history, every = [nats(network)], max(updates // 25, 1)
    for t in range(updates):
        data = [x, network.mean(1, [x, None])]  # p(h|v): probabilities, less noise than samples
        positive = network.statistics(data)  # <v h>, <v>, <h> of the data
        negative = trainer.model_statistics(network, data, rng)
        gradient = {name: s - negative[name] for name, s in positive.items()}
        rate = learning_rate * (1 if cfg.broken == "constant" else 1 - t / updates)
        ascent.step(network, positive, gradient, rate)
        trainer.learn(gradient)
        if (t + 1) % every == 0:
            history.append(nats(network))
    return network, history


models, history = {}, {}
for name, trainer in trainers.items():
    models[name], history[name] = train(trainer, cfg.updates, cfg.learning_rate)
    line = history[name]
    print(f"{name:6} {line[-1]:.3f} nats, at its best {min(line):.3f}", flush=True)

# Nothing is random in the exact gradient, so it bears momentum, a rate ten times higher, and the
# centered form of the energy, which a model with as many ones as zeros likes best.
options = dict(momentum=0.9, center=True)
models["exact"], way = train(Exact(), cfg.exact_updates, cfg.exact_rate, **options)
print(f"exact  {way[-1]:.3f} nats after {cfg.exact_updates} updates; the optimum is {best:.3f}")

# %%
# Look
# ----

at = [max(cfg.updates // 25, 1) * i for i in range(len(history["CD-1"]))]
late = {name: line[5:] for name, line in history.items()}  # the first fifth falls from 11 nats
levels = {"no model can be better": best}
title = f"Who climbs the likelihood (from update {at[5]} on)"
figure = curves(late, title, "update", "-log p(v), mean of all pictures (nats)", levels, x=at[5:])
figure.axes[0].set_xticks(at[5::5], at[5::5])
figure.axes[0].margins(y=0.15)  # room for the legend
figure.axes[0].legend(ncols=4, loc="upper center")
show(cfg, figure, "likelihood", "curves over training: CD-1 turns round and gets worse again")

# How probable each machine finds each picture. A likelihood is a mean of logarithms: one picture
# that is nearly impossible costs more than many that are a little too rare.
probability = {
    name: to_numpy(exact.log_likelihood(models[name], x)).clip(-50)
    for name in ("CD-1", "PCD-5", "exact")
}
probability = {name: sorted(np.exp(log_p).tolist())[::-1] for name, log_p in probability.items()}
title = f"What each machine gives the {N} pictures; at best 1/{N} = {1 / N:.3f} each"
figure = bars(probability, title, "picture, likeliest first", "probability")
show(
    cfg, figure, "probabilities", "bars: level for the exact gradient, falling to nearly 0 for CD-1"
)

filters = models["PCD-5"].weights[0].T.reshape(-1, cfg.side, cfg.side)
figure = signed_grid(filters, 8, "What each hidden unit of the PCD-5 machine looks for")
show(cfg, figure, "filters", "weights of each hidden unit as a small picture")

# %%
# Expected against reference
# --------------------------
# The reference is known beforehand: nothing can be better than -log of the number of pictures.

metrics = {f"{name}, nats": line[-1] for name, line in history.items()}
metrics |= {"CD-1 at its best, nats": min(history["CD-1"]), "exact, nats": way[-1], "optimum": best}
metrics |= {f"{name}, rarest picture": line[-1] for name, line in probability.items()}
metrics |= {f"{name}, all pictures": sum(line) for name, line in probability.items()}
print(table(("metric", "value"), metrics.items()))
optimum = "the entropy of the data: no model can be better"
report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --dataset bars3                      14 pictures: CD-1 half a nat behind, all others close
#    --hidden 6                           too few units: even the exact gradient ends at 5.5
#    --learning-rate 0.4                  one step an update cannot follow: PCD-1 ends at 8.7
#    --seed 1                             another machine, other dreams, the same order

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    CD-1 below even its usual            probabilities went back down:   --break probabilities
#    likelihood                           an autoencoder, no RBM
#    PCD-1 at 8 nats, its curve ragged    too few chains for an average   --break few_chains
#    PCD ends far below its best          the chains' noise never fades   --break constant

# %%
# Exercise
# --------
# Write CD-k without looking at ``CD.model_statistics`` in scratchnet/boltzmann/learning/trainers.py: sample
# h from p(h|v), then k times v from p(v|h) and h from p(h|v). In which line must h be a sample, and
# in which may it be a probability? ``python -m pytest tests/boltzmann/learning/test_trainers.py`` knows.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(EnergyModel, CD, PCD, Exact, LikelihoodOptimizer))
