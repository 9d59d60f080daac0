r"""
02 - Digit classifier
=====================

Train three layers to read digits, and learn from their mistakes what they have not
seen.

**You will see**

- why the gradient of softmax and cross entropy together is simply p - t;
- which digits the network confuses, and how certain it is of its mistakes;
- a network that trains with a wrong gradient, and the check that finds the mistake.

**Facts**: 3 s on a laptop with the default data, scikit-learn's digits, bundled and
enlarged to 28x28; 25 s with ``--dataset mnist``. Before this: 01, dense autoencoder.
Next: 03, PCA and a deep autoencoder. Paper: Rumelhart, Hinton and Williams (1986),
Learning representations by back-propagating errors.

.. math:: p = softmax(W_3^T h_2 + b_3), \quad L = -\frac{1}{N} \sum_n \log p_{n, c_n}
"""

# %%
# Knobs
# -----
# Every number you may change; each is also a flag, as in ``--epochs 1``.

import math

import numpy as np
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
x, t = to_device(images.x_train.reshape(-1, 784)), to_device(images.y_train)
x_test, t_test = to_device(images.x_test.reshape(-1, 784)), to_device(images.y_test)
print(f"train {x.shape} {x.dtype}, labels {t.shape} {t.dtype}, test {x_test.shape}")
names = [images.class_names[k] for k in images.y_train[:8]]
figure = captioned(images.x_train[:8], names, "Eight training pictures, with labels")
show(cfg, figure, "samples", "eight training pictures with their labels above them")

# %%
# Idea
# ----
# The network has to choose one of ten classes. It does not choose directly. Its last
# layer computes ten scores, one per class, and the softmax turns them into ten
# probabilities: all positive, with sum 1, and larger for larger scores. Training makes
# the probability of the right class as large as possible. For this purpose the loss is
# the negative logarithm of that probability, which is called the cross entropy. It is 0
# where the network is certain and right, and it grows without limit where the network
# is certain and wrong.
#
# This loss has a simple gradient. For each score it is the predicted probability minus
# the wanted one, which is 1 for the right class and 0 for all others. So a picture that
# is read well has hardly any gradient, and training works mainly on the pictures that
# are read badly.

# %%
# The maths
# ---------
# Forward, and backward from the last line to the first:
#
# .. code-block:: text
#
#    symbol   variable     shape        meaning
#    x        x[i]         (N, 784)     a batch of N pictures
#    t        t[i]         (N,)         the right classes; (N, 10) as one-hot rows
#    h1, h2   -            (N, 256), (N, 128)
#    z        z            (N, 10)      scores of the classes, also called logits
#    p        p            (N, 10)      their probabilities
#
#    h1 = max(0, x W1 + b1)             Dense.forward, ReLU.forward
#    h2 = max(0, h1 W2 + b2)            Dense.forward, ReLU.forward
#    z  = h2 W3 + b3                    Dense.forward
#    p  = exp(z) / sum_k exp(z_k)       inside SoftmaxCrossEntropy.forward
#    L  = -mean(log p_c)                c is the right class of each picture
#
#    dz  = (p - t) / N                  SoftmaxCrossEntropy.backward, t one-hot
#    dW3 = h2^T dz                      Dense.backward
#    db3 = sum of dz over the batch     Dense.backward
#    dh2 = dz W3^T                      Dense.backward
#    ... and the same through ReLU and Dense twice more
#
# Why p - t? For one picture log p_c = z_c - log sum_k exp(z_k). The derivative of the
# first term with respect to z_k is 1 if k = c and 0 otherwise, which is t_k. The
# derivative of the second term is exp(z_k) / sum_j exp(z_j), which is p_k. So the
# derivative of log p_c is t_k - p_k, and that of the loss -log p_c is p_k - t_k.

# %%
# Build
# -----
# Some course notes call such a network a "simple DBN". It is not one. A deep belief
# network is a model of the pictures themselves: a stack of Boltzmann machines that is
# trained without labels and from which new digits can be sampled (lesson 28). The
# network here is a multilayer perceptron: it models p(class | picture) only, it is
# trained with labels by backpropagation, and no picture can be sampled from it.


def build(activation):
    hidden = [Dense(cfg.hidden_1), activation(), Dense(cfg.hidden_2), activation()]
    model = Sequential([*hidden, Dense(10)], name="classifier")
    model.build((784,), cfg.seed)
    return model


model = build(ReLU)
loss = SoftmaxCrossEntropy()
print(model.summary())

# %%
# Check before you train
# ----------------------
# Is the gradient of the model right? Is the gradient of the loss p - t? Here it is
# written in plain form and compared with the one of the loss.

x_3, t_3 = x[:3], t[:3]
print(gradcheck(model, x_3, t_3, loss=loss, samples=50))
z = model(x_3)  # (3, 10)
value, cache = loss.forward(z, t_3)
one_hot = to_device(np.eye(10)[images.y_train[:3]])  # (3, 10)
plain_dz = (softmax(z) - one_hot) / len(z)  # (p - t) / N
difference = float(abs(loss.backward(cache) - plain_dz).max())
print(f"SoftmaxCrossEntropy.backward against (p - t) / N: difference {difference:.1e}")

# %%
# Would the check notice a mistake? Here is one that is easily made: the backward of a
# ReLU that forgets to set the gradient to zero where the unit was off. The forward of
# this layer is right.


class MasklessReLU(ReLU):
    """ReLU with a wrong backward: it passes every gradient."""

    def backward(self, dy, y):
        return dy, {}


wrong = gradcheck(build(MasklessReLU), x_3, t_3, loss=loss, samples=50)
verdict = "no mistake found" if wrong.ok else "mistake found"
print(f"ReLU without its mask: {verdict}, relative error {wrong.error:.1e}")

# %%
# Two more checks. An untrained model knows nothing, so it should give each of the ten
# classes a probability of about 1/10, a loss of log 10 = 2.303. And a model that is
# trained on twenty pictures only should memorize them: its loss should come close to 0.

untrained = evaluate(model, loss, x_test, t_test)["loss"]
few, t_few = x[:20], t[:20]
net = build(ReLU)
result = fit(net, few, t_few, loss=loss, optimizer=Adam(0.01), epochs=50, verbose=False)
rows = [("untrained", untrained, "2.303"), ("twenty", result["loss"][-1], "near 0")]
print(table(("loss", "value", "expected"), rows))

# %%
# Break it on purpose
# -------------------
# ``--break mask`` trains the network with the wrong ReLU from above;
# ``--break unshuffled`` sorts the training pictures by class, all zeros first, and does
# not shuffle them.

shuffle = True
if cfg.broken == "mask":
    model = build(MasklessReLU)
if cfg.broken == "unshuffled":
    shuffle = False
    order = t.argsort()
    x, t = x[order], t[order]

# %%
# Run
# ---
# The loop of lesson 01, with classes as targets. ``weight_gradients`` is ``backward``
# without the gradient dx of the first layer, which is not needed.
#
# The loop runs twice. In the second run the learning rate is not constant: along half a
# cosine it falls to zero. With a constant rate the weights keep jumping around a
# minimum, because each batch has a slightly different gradient; with a falling rate
# they converge.


def train(model, learning_rate):
    optimizer = Adam(learning_rate)
    history = {"training loss": [], "test loss": [], "test accuracy": []}
    for epoch in range(cfg.epochs):
        total = 0
        rng = RNG(cfg.seed).fork(epoch) if shuffle else None
        for i in batches(len(x), cfg.batch_size, rng):
            z, cache = model.forward(x[i], train=True)  # (N, 784) -> (N, 10)
            value, loss_cache = loss.forward(z, t[i])
            dz = loss.backward(loss_cache)  # (p - t) / N
            grads = model.weight_gradients(dz, cache)
            optimizer.step(model.parameters, model.flatten(grads))
            total += value * len(z)
        test = evaluate(model, loss, x_test, t_test, {"accuracy": accuracy})
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
# The training loss goes on falling, because the network has more weights than it needs
# to memorize the training pictures. The test loss stops falling: the last mistakes are
# pictures that no training picture resembles. The falling learning rate makes both
# curves smooth. It gains nothing on the small digits, where training is short; on MNIST
# it raises the test accuracy from 0.978 to 0.982.

lines = {
    "training": history["training loss"],
    "test": history["test loss"],
    "training, falling rate": falling["training loss"],
    "test, falling rate": falling["test loss"],
}
label = "cross entropy (nats per picture)"
figure = curves(lines, "Learning to read", "epoch", label, log=True)
show(cfg, figure, "loss", "training and test loss by epoch; training ends below test")

p = to_numpy(softmax(predict(model, x_test)))  # (N, 10)
answer = p.argmax(axis=1)  # (N,)
counts = confusion_matrix(images.y_test, answer, labels=range(10))  # (10, 10)
title = f"{len(answer)} test pictures: true and predicted classes"
figure = confusion(counts, images.class_names, title)
show(cfg, figure, "confusion", "confusion matrix: a strong diagonal and a few mistakes")

# %%
# Five test pictures as they come, and below them the mistakes of which the network is
# most certain: true class, predicted class and its probability.

mistakes = (answer != images.y_test).nonzero()[0]
certain = p[mistakes, answer[mistakes]].argsort()[::-1]  # most certain first
chosen = [*range(5), *mistakes[certain][:10]]
names = images.class_names
captions = [
    f"{names[images.y_test[n]]}, read as\n{names[answer[n]]} ({p[n, answer[n]]:.0%})"
    for n in chosen
]
title = "The first five test pictures, and the most certain mistakes"
figure = captioned(images.x_test[chosen], captions, title, columns=5)
show(cfg, figure, "mistakes", "five test pictures above the most certain mistakes")

# %%
# Expected against reference
# --------------------------
# The reference values come from the same model and settings in PyTorch, from Glorot
# weights. The tolerance covers the runs with other seeds there.

metrics = {name: numbers[-1] for name, numbers in history.items()}
metrics["test accuracy, falling rate"] = falling["test accuracy"][-1]
metrics["mistakes"] = len(mistakes)
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                          cause                       look at
#    training works, a little worse;  a wrong gradient            --break mask, and the
#    the gradient check fails                                     check of the gradient
#    the test accuracy rises slowly   batches of one class: the   --break unshuffled and
#    and ends several percent lower   network forgets the others  the confusion matrix
#    the training loss falls, the     overfitting: few pictures   --epochs 60, and the
#    test loss does not               for so many weights         loss curves

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --epochs 1                    one look at each picture is enough for most of them
#    --hidden-1 16 --hidden-2 16   fewer units: the two losses are closer, and higher
#    --learning-rate 0.03          faster and rougher, and worse in the end
#    --batch-size 512              fewer steps per epoch: slower progress per epoch
#    --dataset fashion             shirts, coats and pullovers are hard to distinguish

# %%
# Exercise
# --------
# Write the loss yourself: ``scratchnet exercise SoftmaxCrossEntropy``, and then
# ``scratchnet grade exercises/softmax_cross_entropy.py``. When all checks pass, delete
# the division by N in your ``backward``. Which of the checks above would notice it, and
# why does training with Adam hardly change? With the optimizer ``SGD``, which learning
# rate would hide the mistake? The answer: ``scratchnet answer 02``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the command for a terminal that checks its gradient.

print(layer_table(model, loss, softmax))

# sphinx_gallery_thumbnail_number = 3
