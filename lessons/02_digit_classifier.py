r"""
02 - Digit classifier
=====================

Three layers learn to read digits, and the errors they make tell what they have not seen.

**You will see**

- why the gradient of softmax and cross entropy together is simply p - t;
- five test pictures with what the network answers, and a table of all its mix-ups;
- a network with a wrong gradient that still trains, and how the check finds it.

**Facts**: 3 s on a laptop with the default data, scikit-learn's digits, bundled and enlarged to
28x28; 15 s with ``--dataset mnist``. Before this: 01, dense autoencoder. Next: 03, PCA against a
deep autoencoder. Paper: Rumelhart, Hinton and Williams (1986), Learning representations by
back-propagating errors.

.. math:: p = softmax(W_3^T h_2 + b_3), \quad L = -\frac{1}{N} \sum_n \log p_{n, c_n}
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--epochs 1``.

import math

from sklearn.metrics import confusion_matrix

from scratchnet.backend import RNG, to_device, to_numpy
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Dense, ReLU, Sequential
from scratchnet.lesson import knobs, layer_table, log, report, show, table
from scratchnet.losses import SoftmaxCrossEntropy
from scratchnet.metrics import accuracy
from scratchnet.numerics import softmax
from scratchnet.optimizers import Adam
from scratchnet.plots import captioned, confusion, curves
from scratchnet.schedules import CosineDecay
from scratchnet.training import batches, evaluate, fit, predict

cfg = knobs(
    "02_digit_classifier",
    hidden_1=256, hidden_2=128, epochs=5, batch_size=64, learning_rate=0.001, seed=0,
    datasets={"digits": {"epochs": 20}, "mnist": {}, "fashion": {}},
    breaks={"mask": "a ReLU whose backward forgets the mask",
            "unshuffled": "training pictures sorted by class, never shuffled"},
    quick={"epochs": 3},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# Each picture is a row of 784 numbers; its label is the index of its class, 0 to 9.

images = load_images(cfg.dataset, size=28)
x, t = to_device(images.x_train.reshape(-1, 784)), to_device(images.y_train)  # (N, 784), (N,)
x_test, t_test = to_device(images.x_test.reshape(-1, 784)), to_device(images.y_test)
if cfg.broken == "unshuffled":
    order = t.argsort()
    x, t = x[order], t[order]
print(f"train {x.shape} {x.dtype}, labels {t.shape} {t.dtype}, test {x_test.shape}")
names = [images.class_names[k] for k in images.y_train[:8]]
figure = captioned(images.x_train[:8], names, "Eight training pictures and their labels")
show(cfg, figure, "samples", "eight training pictures with their labels above them")

# %%
# The maths
# ---------
# Forward, and backward from the last line to the first:
#
# .. code-block:: text
#
#    symbol   in the code        shape        meaning
#    x        x[i]               (N, 784)     a batch of pictures
#    t        t[i]               (N,)         the right classes, below also as one-hot rows
#    z        z                  (N, 10)      scores of the classes ("logits")
#
#    h1 = max(0, x W1 + b1)                   Dense.forward, ReLU.forward
#    h2 = max(0, h1 W2 + b2)
#    z  = h2 W3 + b3                          scores, any real numbers
#    p  = exp(z) / sum_k exp(z_k)             inside SoftmaxCrossEntropy.forward
#    L  = -mean(log p[right class])
#
#    dz  = (p - t) / N                        SoftmaxCrossEntropy.backward
#    dW3 = h2^T dz     db3 = sum_N dz         Dense.backward
#    dh2 = dz W3^T
#    ... and the same through ReLU and Dense twice more
#
# Why p - t: raising a score z_k raises log p_c by [k = c] - p_k. So every class is pulled by what
# the network says minus what it should say, and the pull ends when they agree.

# %%
# Build
# -----
# Is this a deep belief network? Some course notes call it a "simple DBN". It is not. A DBN is a
# model of the pictures themselves: a stack of Boltzmann machines, trained without labels, that can
# dream up new digits. This is a multilayer perceptron: it models p(class | picture) only, is
# trained with labels by backpropagation, and has nothing to dream with. Layers do not make a DBN.


class MasklessReLU(ReLU):
    """Wrong on purpose: forward is right, backward lets every gradient through."""

    def backward(self, dy, y):
        return dy, {}


def build(activation):
    layers = [Dense(cfg.hidden_1), activation(), Dense(cfg.hidden_2), activation(), Dense(10)]
    model = Sequential(layers, name="classifier")
    model.build((784,), cfg.seed)
    return model


model = build(MasklessReLU if cfg.broken == "mask" else ReLU)
loss = SoftmaxCrossEntropy()
print(model.summary())

# %%
# Check before you train
# ----------------------
# Is the gradient right? Does an untrained model score like a guess among ten (log 10 = 2.303)?
# Can it learn twenty pictures by heart?

x_3, t_3 = images.x_train[:3].reshape(3, 784), images.y_train[:3]
print(gradcheck(model, x_3, t_3, loss=loss, samples=50))
wrong = gradcheck(build(MasklessReLU), x_3, t_3, loss=loss, samples=50)
print(f"the same model without ReLU's mask: {'ok' if wrong.ok else 'caught'}, {wrong.error:.1e}")
start = evaluate(model, loss, x_test, t_test)["loss"]
small = build(ReLU)
by_heart = fit(small, x[:20], t[:20], loss=loss, optimizer=Adam(0.01), epochs=50, verbose=False)
print(f"untrained {start:.3f} (a guess: 2.303), twenty by heart {by_heart['loss'][-1]:.4f}")

# %%
# Run
# ---
# The loop of lesson 01, with classes as targets; twice. The second run is the same but for its
# learning rate, which falls along half a cosine to zero: the last steps stop jumping about.


def train(model, learning_rate):
    optimizer = Adam(learning_rate)
    history = {"training loss": [], "test loss": [], "test accuracy": []}
    for epoch in range(cfg.epochs):
        total = 0
        shuffled = None if cfg.broken == "unshuffled" else RNG(cfg.seed).fork(epoch)
        for i in batches(len(x), cfg.batch_size, shuffled):
            z, cache = model.forward(x[i], train=True)  # (N, 784) -> (N, 10)
            value, loss_cache = loss.forward(z, t[i])
            dz = loss.backward(loss_cache)  # (p - t) / N
            grads = model.weight_gradients(dz, cache)
            optimizer.step(model.parameters, model.flatten(grads))
            total = total + value * len(z)
        test = evaluate(model, loss, x_test, t_test, {"accuracy": accuracy}, batch_size=1000)
        history["training loss"].append(float(total) / len(x))
        history["test loss"].append(test["loss"])
        history["test accuracy"].append(test["accuracy"])
        log(cfg, epoch, history)
    return history


history = train(model, cfg.learning_rate)
steps = cfg.epochs * math.ceil(len(x) / cfg.batch_size)
falling = train(build(ReLU), CosineDecay(cfg.learning_rate, steps))

# %%
# Look
# ----

lines = {name: history[name] for name in ("training loss", "test loss")}
figure = curves(lines, "Learning to read", "epoch", "cross entropy (nats per picture)")
show(cfg, figure, "loss", "training and test loss over the epochs; training ends below test")

lines = {"constant": history["test accuracy"], "falling to zero": falling["test accuracy"]}
figure = curves(lines, "A falling learning rate settles", "epoch", "share of test pictures read")
show(cfg, figure, "accuracy", "test accuracy: one curve jumps about, the other settles")

p = to_numpy(softmax(predict(model, x_test)))  # (N, 10)
answer = p.argmax(axis=1)
captions = [  # the right label, the network's, and how sure it is
    f"true {images.class_names[c]}\nsays {images.class_names[a]} ({p_i[a]:.0%})"
    for c, a, p_i in zip(images.y_test, answer, p, strict=True)
]
figure = captioned(images.x_test[:5], captions[:5], "The first five test pictures")
show(cfg, figure, "five", "five test pictures with true and predicted labels")

counts = confusion_matrix(images.y_test, answer, labels=range(10))  # (10, 10)
title = f"{len(answer)} test pictures: who is taken for whom"
figure = confusion(counts, images.class_names, title)
show(cfg, figure, "confusion", "confusion matrix: a strong diagonal, a few mix-ups beside it")

mistakes = (answer != images.y_test).nonzero()[0]
worst = mistakes[p[mistakes, answer[mistakes]].argsort()[::-1]][:10]  # most certain first
if len(worst):
    captions = [captions[i] for i in worst]
    figure = captioned(images.x_test[worst], captions, "Its most certain mistakes", columns=5)
    show(cfg, figure, "mistakes", "the misread pictures of which the network was most certain")

# %%
# Expected against reference
# --------------------------
# The same architecture and settings in PyTorch, from Glorot weights. The tolerance is what other
# seeds do there; tests/reference/make_lessons.py made the figures.

metrics = {
    **{name: column[-1] for name, column in history.items()},
    "test accuracy, falling rate": falling["test accuracy"][-1],
    "mistakes": len(mistakes),
}
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --epochs 1                           one look at each picture already reads most of them
#    --hidden-1 16 --hidden-2 16          fewer units: training and test loss stay close, higher
#    --learning-rate 0.03                 faster, rougher, and worse in the end
#    --batch-size 512                     fewer, better-informed steps: slower per epoch of learning
#    --dataset fashion                    shirts, coats and pullovers are the hard part

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    trains, but a little worse; only     a wrong gradient                --break mask, and the
#    the gradient check complains                                         table before training
#    test accuracy far below the last     one class at a time: the        --break unshuffled, and
#    batches' accuracy                    latest class is all it knows    the confusion matrix
#    test loss rises, accuracy does not   growing certainty of the same   --epochs 60, and the
#                                         few mistakes                    loss curves

# %%
# Exercise
# --------
# In ``SoftmaxCrossEntropy.backward`` forget the division by N. Which check notices, and which
# learning rate hides it? Then run ``scratchnet gradcheck SoftmaxCrossEntropy``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(Dense, ReLU, SoftmaxCrossEntropy))
