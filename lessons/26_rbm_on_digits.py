r"""
26 - RBM on digits
==================

Train a restricted Boltzmann machine on digits and compute the probability of new ones.

**You will see**

- the exact log-likelihood of unseen digits, beside that of scikit-learn's RBM;
- the log-likelihood of an RBM that is too large to enumerate, with an interval;
- the weights of the hidden units, and digits whose lower half the RBM fills in.

**Facts**: 10 s on a laptop with the default data, scikit-learn's digits, 8x8, bundled;
a minute with ``--dataset mnist``. Before this: 25, contrastive divergence. Next: 27,
recommender. Paper: Salakhutdinov and Murray (2008), On the quantitative analysis of
deep belief networks.

.. math:: E(v, h) = -a v - b h - v W h, \quad \log p(v) = -F(v) - \log Z
"""

# %%
# Knobs
# -----
# The settings of this lesson. Each is also a flag of the command line: ``--hidden 10``.

import inspect

import numpy as np
import sklearn.neural_network
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from scratchnet.backend import to_device, to_numpy
from scratchnet.boltzmann import (
    PCD,
    Bernoulli,
    BernoulliRBM,
    EnergyModel,
    ais,
    check_gradient,
    exact,
)
from scratchnet.boltzmann.plain import free_energy, log_partition
from scratchnet.data import load_images
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.plots import curves, image_grid, image_rows, signed_grid

cfg = knobs(
    "26_rbm_on_digits",
    hidden=16,
    epochs=100,
    batch_size=20,
    learning_rate=0.2,
    n_chains=100,
    center=False,
    large=128,
    large_epochs=150,
    large_rate=0.1,
    temperatures=2000,
    runs=100,
    peer_epochs=100,
    rows=100000,
    seed=0,
    datasets={
        "digits": {},
        "mnist": {
            "epochs": 50,
            "batch_size": 100,
            "learning_rate": 0.05,
            "center": True,
            "large": 0,
            "large_epochs": 30,
            "large_rate": 0.02,
            "temperatures": 15000,
            "peer_epochs": 0,
        },
    },
    breaks={
        "big_step": "a learning rate 30 times too large",
        "gray": "pixels that are 0 and 16 instead of 0 and 1",
        "few_temperatures": "annealed importance sampling with 5 temperatures",
    },
    quick={
        "hidden": 5,
        "epochs": 4,
        "large": 16,
        "large_epochs": 3,
        "temperatures": 50,
        "runs": 20,
        "peer_epochs": 2,
        "rows": 300,
    },
)

# %%
# Data, and the first picture
# ---------------------------
# The units are 0 or 1, so a gray pixel becomes 1 if it is above one half, and 0
# otherwise. A likelihood belongs to such a choice: gray values, or pixels that are
# sampled from them in each epoch, have other likelihoods, which must not be compared.

if cfg.dataset == "digits":
    gray = train_test_split(load_digits().data / 16, test_size=0.2, random_state=0)
else:
    images = load_images(cfg.dataset)
    gray = [part.reshape(-1, 784) for part in (images.x_train, images.x_test)]
x, x_test = ((part > 0.5).astype("float32")[: cfg.rows] for part in gray)  # (N, D)
D = x.shape[1]
side = round(D**0.5)
print(f"train {x.shape}, test {x_test.shape}, {x.dtype}, values {np.unique(x)}")
figure = image_grid(x[:32].reshape(-1, side, side), 16, "Training digits, 0 or 1")
show(cfg, figure, "samples", "thirty-two digits of black and white pixels")

# %%
# Idea
# ----
# The RBM of lesson 25 learned 30 pictures. This one learns handwritten digits, of which
# there is no complete list, and the question becomes: how probable are digits that were
# not in the training data? The mean of log p(v) over test digits measures how well the
# distribution was learned. It is the number by which models of pictures should be
# compared, because good-looking samples can also come from a model that has memorized
# the training data or that produces only a few kinds of digits.
#
# The difficulty is Z, the sum over all states of all units. If the hidden units are
# few, Z can be computed: for each state of the hidden units the sum over all pictures
# has a closed form, and 16 hidden units have 65,536 states. With 128 hidden units there
# are 2^128 states, and Z has to be estimated. Annealed importance sampling starts from
# an RBM without weights, whose Z is known, and changes it in many small steps into the
# trained one. At each step the ratio of two almost equal Z is estimated with samples,
# and such a ratio is easy to estimate. The product of the ratios gives Z, and the
# spread of this product over 100 independent runs gives an interval.

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code              shape     meaning
#    v        x                        (N, D)    visible units, the pixels, 0 or 1
#    h        rbm.transform(x)         (N, H)    hidden units; transform gives p(h=1|v)
#    W        rbm.components_.T        (D, H)    weights
#    a        rbm.intercept_visible_   (D,)      biases of the visible units
#    b        rbm.intercept_hidden_    (H,)      biases of the hidden units
#
#    p(h=1|v) = s(v W + b)             p(v=1|h) = s(h W^T + a)
#    F(v)     = -a v - sum over j of log(1 + exp((v W + b)_j))         rbm.free_energy
#    Z        = sum over the 2^H states of h of
#               exp(b h) product over i of (1 + exp((h W^T + a)_i))    rbm.log_partition
#    log p(v) = -F(v) - log Z          in nats for each digit         rbm.log_likelihood
#
# Annealed importance sampling (scratchnet/boltzmann/likelihood/ais.py), with inverse
# temperatures 0 = beta_0 < ... < beta_K = 1 and the unnormalized probability f_beta(v):
#
# .. code-block:: text
#
#    weight of a run = Z_0 product over t of f_beta_t(v_t-1) / f_beta_t-1(v_t-1)
#    v_t             = one Gibbs sweep from v_t-1 at beta_t
#    Z               = mean of the weights over the runs

# %%
# The free energy and log Z as functions (scratchnet/boltzmann/plain.py).

print(inspect.getsource(free_energy))
print(inspect.getsource(log_partition))

# %%
# Build
# -----
# An estimator with the interface of scikit-learn, which can also be part of a Pipeline.
# It is trained with PCD-1.

shared = dict(trainer="pcd", n_chains=cfg.n_chains, center=cfg.center)
shared |= dict(weight_scale=0.01)  # small first weights, as in Hinton's guide (2010)
shared |= dict(batch_size=cfg.batch_size, random_state=cfg.seed)
rbm = BernoulliRBM(
    cfg.hidden, learning_rate=cfg.learning_rate, n_iter=cfg.epochs, **shared
)
print(rbm)

# %%
# Check before you train
# ----------------------
# An RBM of 4 hidden units: does the exact gradient agree with finite differences, and
# do the plain functions give the log-likelihood of the estimator?

tiny = BernoulliRBM(4, n_iter=2, weight_scale=0.01, random_state=0).fit(x[:200])
print(check_gradient(tiny.energy_model_, x[:3], samples=12))
W, (a, b) = tiny.energy_model_.weights[0], tiny.energy_model_.biases
log_p = -free_energy(to_device(x[:3]), W, a, b) - log_partition(W, a, b)
difference = abs(to_numpy(log_p) - tiny.log_likelihood(x[:3])).max()
print(f"log p(v), plain functions and estimator: they differ by {difference:.1e} nats")

# %%
# A level to compare with: a model in which all pixels are independent, each with the
# frequency that it has in the training data.

p = (x.sum(axis=0) + 1) / (len(x) + 2)
independent = (x_test * np.log(p) + (1 - x_test) * np.log(1 - p)).sum(axis=1).mean()
print(f"independent pixels: log p(v) {independent:.2f} nats, mean of the test digits")

# %%
# Break it on purpose
# -------------------
# ``--break NAME`` changes one of these settings before training.

temperatures = cfg.temperatures
if cfg.broken == "big_step":
    rbm.set_params(learning_rate=30 * cfg.learning_rate)
elif cfg.broken == "gray":
    x, x_test = 16 * x, 16 * x_test
elif cfg.broken == "few_temperatures":
    temperatures = 5

# %%
# Run
# ---
# After some of the epochs the exact log-likelihood of training and test digits is
# computed. It fluctuates while the learning rate is constant, because the chains lag
# behind the changing weights. In the last third of the epochs the rate decreases, and
# the fluctuations disappear.

history = {"training": [], "test": []}
at = sorted(set(np.linspace(1, cfg.epochs, 11).astype(int).tolist()))  # epochs


def record(rbm, epoch):
    if epoch + 1 in at:
        log_Z = exact.log_partition(rbm.energy_model_)
        for name, rows in (("training", x[:10000]), ("test", x_test)):
            history[name].append(-float(rbm.log_likelihood(rows, log_Z).mean()))
        print(f"epoch {epoch + 1:3}  test {history['test'][-1]:.2f} nats", flush=True)


rbm.set_params(on_epoch=record).fit(x)
metrics = {"base rates, test LL": independent}
metrics |= {f"{name} LL": -nll[-1] for name, nll in history.items()}

# %%
# scikit-learn's RBM of the same size, trained for as many epochs. scikit-learn has no
# exact likelihood, so its weights are given to an ``EnergyModel``.

levels = {"independent pixels": -independent}
if cfg.peer_epochs:
    options = dict(batch_size=cfg.batch_size, random_state=cfg.seed)
    peer = sklearn.neural_network.BernoulliRBM(
        cfg.hidden, learning_rate=0.05, n_iter=cfg.peer_epochs, **options
    ).fit(x)
    W, a, b = peer.components_.T, peer.intercept_visible_, peer.intercept_hidden_
    biases = [to_device(np.array(a)), to_device(np.array(b))]
    model = EnergyModel([Bernoulli(), Bernoulli()], [to_device(np.array(W))], biases)
    log_p = exact.log_likelihood(model, to_device(x_test))
    metrics["scikit-learn, test LL"] = float(log_p.mean())
    levels["scikit-learn, test"] = -metrics["scikit-learn, test LL"]

# %%
# A larger RBM. Its log Z is estimated, so its log-likelihood has an interval: where log
# Z is larger, log p(v) is smaller.

large = rbm
if cfg.large:
    rates = dict(learning_rate=cfg.large_rate, n_iter=cfg.large_epochs)
    large = BernoulliRBM(cfg.large, **rates, **shared).fit(x)
    log_Z = large.log_partition("ais", n_temperatures=temperatures, n_runs=cfg.runs)
    metrics["large, test LL (AIS)"] = large.log_likelihood(x_test, log_Z.value).mean()
    low, high = (
        large.log_likelihood(x_test, z).mean() for z in (log_Z.high, log_Z.low)
    )
    print(f"{cfg.large} hidden units: test log p(v) from {low:.2f} to {high:.2f}")
    print(f"weights worth {log_Z.effective_samples:.0f} equal ones, of {cfg.runs} runs")

# %%
# Look
# ----
# The negative log-likelihood of the small RBM: the lower, the better.

title = f"Negative log-likelihood of digits, {cfg.hidden} hidden units"
figure = curves(history, title, "epoch", "mean of -log p(v) (nats)", levels, x=at)
show(cfg, figure, "likelihood", "two curves that fall below the level of scikit-learn")

# %%
# The weights of the first 32 hidden units of the larger RBM, drawn as pictures.

filters = large.components_[:32].reshape(-1, side, side)
figure = signed_grid(filters, 8, "Weights of hidden units (rows of components_)")
show(cfg, figure, "filters", "weights as pictures: pieces of strokes in red and blue")

# %%
# What the RBM has learned about digits as a whole: the upper half of a test digit is
# held fixed, the lower half is sampled by 200 Gibbs sweeps. The last row is the mean of
# 20 such samples. The second row is the usual reconstruction, p(v=1|h) for the hidden
# units of the whole digit.

ten = x_test[:10]
upper = np.where(np.arange(D) < D // 2, ten, np.nan)  # NaN: to be sampled
completed = [large.sample(20, 200, clamp=v, mean=True).mean(axis=0) for v in upper]
rows = {
    "test digit": ten,
    "reconstruction": large.reconstruct(ten),
    "upper half": np.nan_to_num(upper, nan=0.3),
    "completed": np.stack(completed),
}
rows = {name: pictures.reshape(-1, side, side) for name, pictures in rows.items()}
figure = image_rows(rows, "Test digits, reconstructed and completed")
show(
    cfg, figure, "completed", "ten digits, reconstructions, and lower halves filled in"
)

# %%
# Expected against reference
# --------------------------
# LL is the mean of log p(v) in nats, "base rates" the model of independent pixels.

print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                         look at
#    no better than independent pixels    the weights change faster     --break big_step
#    after 100 epochs                     than the chains can follow
#    a warning about values, and a        a unit that is 0 or 1 has     --break gray
#    log-likelihood without a meaning     no probability of 16
#    a log-likelihood that is too high    too few temperatures: Z is    --break
#                                         underestimated                few_temperatures

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --hidden 4                      too few hidden units: 21.1 nats
#    --learning-rate 0.03            not finished after 100 epochs
#    --center                        3 nats better after 10 epochs, equal after 100
#    --temperatures 100              an interval four times as wide, 35 effective runs
#    --dataset mnist --large 500     4 minutes: test LL -76.0, from -76.4 to -75.4

# %%
# Exercise
# --------
# The output of ``transform`` can be the input of a classifier. Put
# ``BernoulliRBM(100)`` before a LogisticRegression in a Pipeline and train it on 100,
# on 300 and on all labels. Is its test accuracy higher than that of a
# LogisticRegression on the pixels? The answer: ``scratchnet answer 26``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(BernoulliRBM, PCD, ais, EnergyModel))

# sphinx_gallery_thumbnail_number = 4
