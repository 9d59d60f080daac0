r"""
28 - Deep belief network
========================

Train hidden layers one after the other without labels, and use few labels afterwards.

**You will see**

- the accuracy of two RBMs and a logistic regression in one Pipeline, as in a course;
- the test error with all labels, with 300 and with 100, pretrained and not;
- how much of the advantage is left after a longer training from random weights.

**Facts**: 110 s on a laptop with the default data, scikit-learn's digits, 8x8, bundled;
4 minutes with ``--dataset mnist``. Before this: 27, recommender. Next: 29, deep
Boltzmann machine by hand. Paper: Hinton, Osindero and Teh (2006), A fast learning
algorithm for deep belief nets.

.. math:: p(v, h_1, h_2) = p(v | h_1) \, p(h_1, h_2), \quad
   p(v_i = 1 | h_1) = s(h_1 G + g)_i
"""

# %%
# Knobs
# -----
# The settings of this lesson. Each is also a flag of the command line: ``--splits 2``
# (at most 5).

import numpy as np
import sklearn.neural_network
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline

from scratchnet.backend import RNG, to_device, to_numpy
from scratchnet.boltzmann import DBN, BernoulliRBM, DBNClassifier, check_gradient
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import SoftmaxCrossEntropy
from scratchnet.numerics import sigmoid
from scratchnet.plots import curves, image_grid, run_means, signed_grid

cfg = knobs(
    "28_deep_belief_network",
    rate=0.3,
    pretrain=100,
    batch_size=20,
    width=256,
    epochs=60,
    long_epochs=300,
    splits=5,
    labels=1437,
    some_labels=300,
    few_labels=100,
    course_epochs=20,
    better_epochs=60,
    seed=0,
    datasets={
        "digits": {},
        "mnist": {
            "labels": 60000,
            "some_labels": 1000,
            "splits": 1,
            "width": 500,
            "pretrain": 10,
            "epochs": 10,
            "rate": 0.1,
            "batch_size": 100,
        },
    },
    breaks={
        "random_machine": "no pretraining: the perceptron starts from tiny weights",
        "gray": "pixels from 0 to 16 instead of 0 to 1",
    },
    quick={
        "pretrain": 2,
        "width": 16,
        "epochs": 3,
        "long_epochs": 4,
        "splits": 1,
        "labels": 200,
        "some_labels": 60,
        "few_labels": 40,
        "course_epochs": 1,
        "better_epochs": 1,
    },
)

# %%
# Data, and the first picture
# ---------------------------
# A gray value from 0 to 1 is taken as the probability of a 1: this is what units that
# are 0 or 1 accept. The digits are divided into five parts, and each part is the test
# set once. The training pictures are in random order, and the first ones have labels.

largest = 16  # gray values are from 0 to 16


def load(split):
    """Training and test pictures (N, D) and their classes, for one of five splits."""
    if cfg.dataset == "digits":
        x, t = load_digits(return_X_y=True)
        x = (x / largest).astype("float32")
        folds = StratifiedKFold(5, shuffle=True, random_state=cfg.seed).split(x, t)
        train, test = list(folds)[split]
        train = RNG(cfg.seed).fork(split).host.permutation(train)
        return x[train], x[test], t[train], t[test]
    images = load_images(cfg.dataset)
    x, x_test = (x.reshape(-1, 784) for x in (images.x_train, images.x_test))
    return x, x_test, images.y_train, images.y_test


x, x_test, t, t_test = load(split=0)
side = round(x.shape[1] ** 0.5)
print(f"train {x.shape}, test {x_test.shape}, {x.dtype}, {x.min():g} to {x.max():g}")
figure = image_grid(x[:32].reshape(-1, side, side), 16, "Training digits")
show(cfg, figure, "samples", "thirty-two gray digits of few pixels")

# %%
# Idea
# ----
# Labels are expensive, pictures are not. Can a network learn something useful from
# pictures without labels? A deep belief network (DBN) is trained layer by layer. The
# first RBM learns the distribution of the pictures. Its hidden units, computed from the
# pictures, are the training data of a second RBM, and so on. Each layer is trained for
# itself, by contrastive divergence; no gradient passes from one layer to another.
#
# Why should a second layer help? The first RBM contains two distributions: that of the
# pixels given the hidden units, and that of the hidden units themselves. The second RBM
# replaces the second one. It can start as the same distribution, and every improvement
# of it improves a lower bound on the log-likelihood of the pictures.
#
# What is gained for classification is another question. A network that models pictures
# represents everything that varies in them, the thickness and slant of the strokes as
# well as the digit. So the weights are used as the initial weights of a perceptron,
# which is then trained with labels as usual. With few labels this should help, because
# the perceptron need not learn from the labels what strokes look like.

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code                  shape    meaning
#    v        x                            (N, D)   pixels
#    h1, h2   dbn.transform gives h2       (N, H)   hidden units of the two layers
#    R, r     belief_network_.recognition  (D, H)   upward: q(h1=1|v) = s(v R + r)
#    G, g     belief_network_.generative   (H, D)   downward: p(v=1|h1) = s(h1 G + g)
#    W, b     belief_network_.top          (H, H)   the RBM of h1 and h2
#
#    greedy training
#       RBM 1 is trained on v. Its weights W1 become R = W1 and G = W1^T.
#       RBM 2, the top, is trained on s(v R + r).
#
#    lower bound on the log-likelihood
#       log p(v) >= E_q[log p(v|h1) + log p(h1)] + H(q)        q = q(h1|v), H: entropy
#       G and q belong to RBM 1, and only log p(h1) changes with RBM 2. If RBM 2 starts
#       with the weights W1^T, log p(h1) is that of RBM 1 and the bound is exact.
#
#    perceptron
#       h1 = s(v R + r)      h2 = s(h1 W + b)      p(class|v) = softmax(h2 U + u)
#
# The last line, trained by back-propagation, is what most programs call a DBN. It is a
# multilayer perceptron with particular initial weights. It has no p(v), and one cannot
# sample from it. Lesson 31 samples from the DBN itself.

# %%
# Build
# -----
# scikit-learn clones an estimator before it is fitted. ``FrozenEstimator`` keeps the
# fitted DBN, so that one pretraining on all pictures can be used with many labels and
# with few.


def build_dbn(pretrain_epochs, seed):
    options = dict(batch_size=cfg.batch_size, random_state=seed)
    layers = (cfg.width, cfg.width)
    options["weight_scale"] = 0.01
    return DBN(layers, learning_rate=cfg.rate, n_iter=pretrain_epochs, **options)


def perceptron(dbn, pretrain, epochs, seed):
    options = dict(batch_size=cfg.batch_size, random_state=seed)
    dbn = FrozenEstimator(dbn)
    return DBNClassifier(dbn, pretrain=pretrain, n_iter=epochs, **options)


def test_error(net):
    return 100 * (1 - net.score(x_test, t_test))  # %


# %%
# Check before you train
# ----------------------
# Two kinds of learning, two gradient checks: the exact likelihood of the top RBM, and
# back-propagation through the perceptron. And do the formulas for h1 and h2 give the
# output of ``transform``?

tiny = DBN((6, 4), learning_rate=0.5, n_iter=20, weight_scale=0.01, random_state=0).fit(
    x[:100]
)
network = tiny.belief_network_
print(check_gradient(network.top, tiny.rbms_[0].transform(x[:3]), samples=12))
small = perceptron(tiny, True, 1, 0).fit(x[:100], t[:100])
print(gradcheck(small.network_, x[:3], t[:3], loss=SoftmaxCrossEntropy(), samples=20))

R, r = network.recognition[0]
W, b = network.top.weights[0], network.top.biases[1]
h1 = sigmoid(to_device(x[:100]) @ R + r)
h2 = sigmoid(h1 @ W + b)
difference = abs(to_numpy(h2) - tiny.transform(x[:100])).max()
print(f"h2, formula and transform: they differ by at most {difference:.1e}")

# %%
# Break it on purpose
# -------------------
# ``--break NAME`` changes one of these settings before training.

pretrain_epochs = cfg.pretrain
if cfg.broken == "random_machine":
    pretrain_epochs = 0
elif cfg.broken == "gray":
    largest = 1

# %%
# Run
# ---
# First the recipe of a course: RBMs of 64 and 32 hidden units, then a logistic
# regression, in a Pipeline.


def pipeline(rbm, epochs, C=1.0, **options):
    options |= dict(n_iter=epochs, random_state=cfg.seed)
    rbms = [(f"rbm {n}", rbm(n, **options)) for n in (64, 32)]
    return Pipeline([*rbms, ("logistic", LogisticRegression(C=C, max_iter=1500))])


small_start = {"weight_scale": 0.01}  # as in scikit-learn
sklearn_rbm = sklearn.neural_network.BernoulliRBM
course = dict(learning_rate=0.06, epochs=cfg.course_epochs)
better = dict(learning_rate=0.3, epochs=cfg.better_epochs, batch_size=20, C=100)
recipes = {
    "scikit-learn's RBM": pipeline(sklearn_rbm, **course),
    "course recipe": pipeline(
        BernoulliRBM, schedule="constant", n_chains=10, **small_start, **course
    ),
    "better recipe": pipeline(BernoulliRBM, trainer="cd", **small_start, **better),
    "pixels alone": LogisticRegression(max_iter=1500),
}
pixels, classes = load_digits(return_X_y=True)
course_data = train_test_split(pixels / 16, classes, test_size=0.2, random_state=42)
v, v_test, c, c_test = course_data
metrics = {}
for name, recipe in recipes.items():
    metrics[f"accuracy, {name}"] = recipe.fit(v, c).score(v_test, c_test)
answers = recipes["course recipe"].predict(v_test)
print(classification_report(c_test, answers, zero_division=0))

# %%
# The course recipe has two faults: too few and too small steps, and a logistic
# regression whose penalty (C = 1) keeps the weights of 32 weak features small. The
# better recipe repairs both, and is still worse than the pixels: the RBMs were trained
# without the classes. So the labels have to reach the weights, in a perceptron that
# starts from them. All pictures are used for pretraining, the first ones have labels.

counts = {"all": cfg.labels, "some": cfg.some_labels, "few": cfg.few_labels}
starts = {"pretrained": True, "random weights": False}
errors = {name: np.zeros((3, cfg.splits)) for name in starts}  # %
history = {}
for split in range(cfg.splits):
    x, x_test, t, t_test = load(split)
    dbn = build_dbn(pretrain_epochs, cfg.seed + split).fit(x)
    for k, n in enumerate(counts.values()):
        for name, pretrain in starts.items():
            net = perceptron(dbn, pretrain, cfg.epochs, split).fit(x[:n], t[:n])
            errors[name][k, split] = test_error(net)
            history.setdefault(f"{name}, {n} labels", net.history_["loss"])
    rows = [(name, *e[:, split]) for name, e in errors.items()]
    print(table((f"split {split + 1}: test error in %", *counts), rows), flush=True)
for name, e in errors.items():
    for which, mean in zip(counts, e.mean(axis=1), strict=True):
        metrics[f"error, {which} labels, {name}"] = mean

# %%
# Is this a better result, or the same result earlier? With the fewest labels, both
# perceptrons are trained for many more epochs.


def train_longer(pretrain):
    """Test error in % after each epoch."""
    curve, n = [], cfg.few_labels
    net = perceptron(dbn, pretrain, cfg.long_epochs, cfg.seed)
    net.on_epoch = lambda net, epoch: curve.append(test_error(net))
    net.fit(x[:n], t[:n])
    return curve


longer = {name: train_longer(pretrain) for name, pretrain in starts.items()}
for name, curve in longer.items():
    metrics[f"error, few labels, {name}, long"] = curve[-1]

# %%
# Look
# ----
# The test error by the number of labels. Each dot is one of the splits.

title = f"Pretrained on all pictures, then {cfg.epochs} epochs with labels"
xlabel, ylabel = "pictures that have a label", "test error (%)"
figure = run_means(errors, counts.values(), title, xlabel, ylabel)
show(cfg, figure, "labels", "test errors, lower with pretrained than random weights")

# %%
# The same two initial weights, trained for longer with the fewest labels.

title = f"A longer training with {cfg.few_labels} labels"
figure = curves(longer, title, "epoch of back-propagation", "test error (%)")
show(cfg, figure, "longer", "test error over the epochs: pretrained falls much earlier")

# %%
# The weights of the 64 hidden units with the largest weights, before any label was
# used. With the default data only about 30 of the 256 units have large weights; the
# others remain close to their small initial weights.

W = dbn.rbms_[0].components_  # (H, D)
largest_64 = W[abs(W).sum(axis=1).argsort()[::-1][:64]].reshape(-1, side, side)
figure = signed_grid(largest_64, 16, "Weights of 64 units of the first layer")
show(
    cfg, figure, "filters", "weights of 64 hidden units as small red and blue pictures"
)

# %%
# Expected against reference
# --------------------------

print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                       look at
#    pretrained is worse than random      the weights of an RBM       --break
#    weights                              start so small that the     random_machine
#                                         layers pass on nothing
#    a warning about values               a unit that is 0 or 1 has   --break gray
#                                         no probability of 16
#    pretraining seems to gain very much  random weights were not     figure "longer"
#                                         trained long enough

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --rate 0.05 --pretrain 10    RBMs that have hardly learned: little is gained
#    --few-labels 30              about three labels for each digit
#    --dataset mnist              784-500-500-10: 1.51 %, from random weights 1.96 %

# %%
# Exercise
# --------
# Give ``DBN`` the argument ``labels=True`` and fit it with classes. Its method
# ``label_probabilities`` then classifies digits without a perceptron. What is its test
# error, without and with ``fine_tune="up-down"``? The answer: ``scratchnet answer 28``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

loss = SoftmaxCrossEntropy()
print(layer_table(DBN, network, BernoulliRBM, DBNClassifier, small.network_, loss))

# sphinx_gallery_thumbnail_number = 4
