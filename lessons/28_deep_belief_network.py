r"""
28 - A deep belief network
==========================

Learn digits layer upon layer without a label, and measure what that is worth when labels are few.

**You will see**

- a course recipe, two machines and a logistic regression in one Pipeline, and what holds it back;
- the test error with all labels, with 300 and with 100: pretrained against random weights;
- when pretraining pays: much at once, less if random weights may train for long.

**Facts**: 60 s on a laptop with the default data, scikit-learn's digits, 8x8, bundled; 4 minutes
with ``--dataset mnist``. Before this: 22, recommender. Next: 24, a deep Boltzmann machine by hand.
Paper: Hinton, Osindero and Teh (2006), A fast learning algorithm for deep belief nets.

.. math:: p(v, h_1, h_2) = p(v | h_1) \, p(h_1, h_2), \quad p(v_i = 1 | h_1) = s(h_1 G + g)_i
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--splits 2`` (of at most five).

import numpy as np
import sklearn.neural_network
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report, confusion_matrix
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline

from scratchnet.backend import RNG
from scratchnet.boltzmann import DBN, BernoulliRBM, DBNClassifier, check_gradient
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import SoftmaxCrossEntropy
from scratchnet.plots import confusion, curves, image_grid, run_means, signed_grid

cfg = knobs(
    "28_deep_belief_network",
    rate=0.3, pretrain=100, batch_size=20, width=256, epochs=60, long_epochs=300, splits=5,
    labels=1437, some_labels=300, few_labels=100, course_epochs=20, better_epochs=60, seed=0,
    datasets={"digits": {},
              "mnist": {"labels": 60000, "some_labels": 1000, "splits": 1, "width": 500,
                        "pretrain": 10, "epochs": 10, "rate": 0.1, "batch_size": 100}},
    breaks={"random_machine": "machines that never trained: random features below the perceptron",
            "gray": "pixels from 0 to 16 instead of 0 to 1"},
    quick={"pretrain": 2, "width": 16, "epochs": 3, "long_epochs": 4, "splits": 1, "labels": 200,
           "some_labels": 60, "few_labels": 40, "course_epochs": 1, "better_epochs": 1},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# Gray from 0 to 1 stands for the probability of ink: that is what 0-1 units take.


def load(split):
    """Training and test pictures as rows, and their classes. A digit is in one of five tests."""
    if cfg.dataset == "digits":
        x, t = load_digits(return_X_y=True)
        x = (x if cfg.broken == "gray" else x / 16).astype("float32")
        folds = StratifiedKFold(5, shuffle=True, random_state=cfg.seed).split(x, t)
        train, test = list(folds)[split]
        train = RNG(cfg.seed).fork(split).host.permutation(train)  # the first so many get labels
        return x[train], x[test], t[train], t[test]
    images = load_images(cfg.dataset)
    x, x_test = (x.reshape(-1, 784) for x in (images.x_train, images.x_test))
    return x, x_test, images.y_train, images.y_test


x, x_test, t, t_test = load(0)
side = round(x.shape[1] ** 0.5)
print(f"train {x.shape}, test {x_test.shape}, {x.dtype}, values {x.min():g} to {x.max():g}")
figure = image_grid(x[:32].reshape(-1, side, side) / x.max(), 16, "Training digits")
show(cfg, figure, "samples", "thirty-two gray digits of few pixels")

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code              shape        meaning
#    v        x                        (N, D)       pixels
#    h1, h2   dbn.transform gives h2   (N, H)       hidden units
#    R, r     belief_.recognition      (D, H)       upward, a guess: q(h1=1|v) = s(v R + r)
#    G, g     belief_.generative       (H, D)       downward, the model: p(v=1|h1) = s(h1 G + g)
#             belief_.top                           the RBM of h1 and h2, the only part with a Z
#
#    greedy   RBM 1 learns v; then RBM 2 learns what RBM 1 says about v, s(v R + r)
#    why      log p(v) >= E_q[log p(v|h1) + log p(h1)] + H(q).  RBM 1 models h1 too. Start RBM 2 as
#             its transpose, and it is that same model, the bound tight. A better one lifts it.
#    after    h1 = s(v R + r)   h2 = s(h1 W + b)   p(class|v) = softmax(h2 U + u)
#
# The last line, trained by back-propagation, is what most programs called "DBN" do, and ours here.
# It is a multilayer perceptron with a good start: it has no p(v) and nothing to dream with, so
# DBNClassifier is no DBN any more. Lesson 26 lets the real one dream.

# %%
# Build
# -----
# scikit-learn clones and fits what it is given. FrozenEstimator keeps a fitted machine as it is, so
# that one pretraining on all pictures serves perceptrons with many labels and with few.


def deep_network(seed):
    epochs = 0 if cfg.broken == "random_machine" else cfg.pretrain
    return DBN((cfg.width, cfg.width), learning_rate=cfg.rate, n_iter=epochs,
               batch_size=cfg.batch_size, random_state=seed)  # fmt: skip


def perceptron(dbn, pretrained, epochs, seed):
    return DBNClassifier(FrozenEstimator(dbn), pretrain=pretrained, n_iter=epochs,
                         batch_size=cfg.batch_size, random_state=seed)  # fmt: skip


def test_error(net):
    return 100 * (1 - net.score(x_test, t_test))  # %


# %%
# Check before you train
# ----------------------
# Two kinds of learning, two checks: an exact likelihood, and back-propagation.

tiny = DBN((6, 4), n_iter=2, random_state=0).fit(x[:100])
print(check_gradient(tiny.belief_network_.top, tiny.rbms_[0].transform(x[:3]), samples=12))
small = perceptron(tiny, True, 1, 0).fit(x[:100], t[:100])
print(gradcheck(small.network_, x[:3], t[:3], loss=SoftmaxCrossEntropy(), samples=20))

# %%
# Run
# ---
# First the course recipe: 64 and 32 hidden units, then a logistic regression, in a Pipeline.

metrics = {}


def pipeline(kind, epochs, C=1.0, **settings):
    machines = [(f"rbm {n}", kind(n, n_iter=epochs, random_state=cfg.seed, **settings))
                for n in (64, 32)]  # fmt: skip
    return Pipeline([*machines, ("logistic", LogisticRegression(C=C, max_iter=1500))])


pixels, classes = load_digits(return_X_y=True)
v, v_test, c, c_test = train_test_split(pixels / 16, classes, test_size=0.2, random_state=42)
course = {"learning_rate": 0.06, "epochs": cfg.course_epochs}
recipes = {
    "scikit-learn's RBM": pipeline(sklearn.neural_network.BernoulliRBM, **course),
    "course recipe": pipeline(BernoulliRBM, schedule="constant", n_chains=10, **course),
    "better recipe": pipeline(BernoulliRBM, cfg.better_epochs, C=100, trainer="cd",
                              learning_rate=0.3, batch_size=20),
    "pixels alone": LogisticRegression(max_iter=1500),
}  # fmt: skip
for name, recipe in recipes.items():
    metrics[f"accuracy, {name}"] = recipe.fit(v, c).score(v_test, c_test)
answer = recipes["course recipe"].predict(v_test)
print(classification_report(c_test, answer, zero_division=0))

# %%
# What holds it back: steps too small and too few, and a regression held short (C = 1 punishes the
# large weights that 32 quiet features need). Even then they know less of the class than the pixels,
# as nobody told the machines about classes. So let labels reach them: a perceptron that starts from
# their weights. All pictures pretrain, the first so many have labels.

counts = {"all": cfg.labels, "some": cfg.some_labels, "few": cfg.few_labels}
starts = {"pretrained": True, "random weights": False}
errors = {name: np.zeros((3, cfg.splits)) for name in starts}  # %, (label count, split)
history = {}
for split in range(cfg.splits):
    x, x_test, t, t_test = load(split)
    dbn = deep_network(cfg.seed + split).fit(x)
    for k, n in enumerate(counts.values()):
        for name, pretrained in starts.items():
            net = perceptron(dbn, pretrained, cfg.epochs, split).fit(x[:n], t[:n])
            errors[name][k, split] = test_error(net)
            history.setdefault(f"{name}, {n} labels", net.history_["loss"])
    latest = "  ".join(f"{name} {np.round(e[:, split], 1)}" for name, e in errors.items())
    print(f"split {split + 1}: test error in %, all, some, few labels: {latest}", flush=True)
for name, found in errors.items():
    for which, e in zip(counts, found, strict=True):
        metrics[f"error, {which} labels, {name}"] = e.mean()

# %%
# A better start, or only a head start? With the fewest labels both go on for much longer.

on_the_way = {name: [] for name in starts}
for name, column in on_the_way.items():
    net = perceptron(dbn, starts[name], cfg.long_epochs, cfg.seed)
    net.on_epoch = lambda net, epoch, column=column: column.append(test_error(net))
    net.fit(x[: cfg.few_labels], t[: cfg.few_labels])
    metrics[f"error, few labels, {name}, long"] = column[-1]

# %%
# Look
# ----

figure = confusion(confusion_matrix(c_test, answer), "0123456789", "The course recipe's answers")
show(cfg, figure, "confusion", "confusion matrix with many mix-ups, above all of 8 and 9")

title = f"Pretrained on all pictures, {cfg.epochs} epochs on the labelled ones"
figure = run_means(errors, counts.values(), title, "pictures that have a label", "test error (%)")
show(cfg, figure, "labels", "mean test errors with error bars, pretrained below random weights")

title = f"{cfg.few_labels} labels: a better start, and a head start"
figure = curves(on_the_way, title, "epoch of back-propagation", "test error (%)")
show(cfg, figure, "longer", "test error over the epochs: pretrained falls much earlier")

W = dbn.rbms_[0].components_  # (H, D)
busiest = W[abs(W).sum(axis=1).argsort()[::-1][:64]].reshape(-1, side, side)
figure = signed_grid(busiest, 16, "The 64 busiest units of the first layer, before any label")
show(cfg, figure, "filters", "weights of 64 hidden units as small red and blue pictures")

# %%
# Expected against reference
# --------------------------

print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --rate 0.05 --pretrain 10            machines that hardly learned: pretraining is worth little
#    --few-labels 30                      about three labels of each digit
#    --dataset mnist                      784-500-500-10: 1.51 %, from random weights 1.96 %

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    pretrained is worse than random      tiny weights pass on nothing    --break random_machine
#    a warning about values               a 0-1 unit has no number 16     --break gray
#    pretraining wins by miles            random weights had no time      figure "longer"

# %%
# Exercise
# --------
# Give ``DBN`` the argument ``labels=True`` and fit it with classes. ``label_probabilities`` then
# reads digits without any perceptron. How far does ``fine_tune="up-down"`` take it?

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(DBN, BeliefNetwork, DBNClassifier, BernoulliRBM, Dense, Sigmoid))
