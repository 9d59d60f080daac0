r"""
01 - Dense autoencoder
======================

Reduce a picture of 784 pixels to 32 numbers, and draw the picture again from these 32
numbers.

**You will see**

- the whole training loop: forward, loss, backward, and a step against the gradient;
- ten pictures, the 32 numbers of each, and the pictures that are drawn from them;
- which part of a picture each of the 32 numbers draws, and why some draw nothing.

**Facts**: 10 s on a laptop with the default data, scikit-learn's digits, bundled and
enlarged to 28x28; 3 minutes with ``--dataset mnist``. Before this: nothing. Next: 02,
digit classifier. Paper: Hinton and Salakhutdinov (2006), Reducing the dimensionality of
data with neural networks.

.. math:: h = \max(0, x W_1 + b_1), \quad y = s(h W_2 + b_2), \quad L = BCE(y, x)
"""

# %%
# Knobs
# -----
# The settings of this lesson. Each is also a flag of the command line, as in
# ``--units 8``. ``datasets`` lists settings that differ for a data set, ``quick`` those
# of a run of seconds, and ``breaks`` the mistakes that the section "Break it on
# purpose" can insert.

import math

from scratchnet.backend import RNG, to_device, to_numpy
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Dense, ReLU, Sequential, Sigmoid
from scratchnet.layers.plain import dense, dense_backward
from scratchnet.lesson import knobs, layer_table, log, report, show, table
from scratchnet.losses import BinaryCrossEntropy, MeanSquaredError
from scratchnet.optimizers import Adam
from scratchnet.plots import curves, image_grid, image_rows, signed_grid
from scratchnet.training import batches, evaluate, fit

cfg = knobs(
    "01_dense_autoencoder",
    units=32,  # how many numbers the code has
    epochs=50,  # how often training uses each picture
    batch_size=32,  # pictures per step
    learning_rate=0.001,
    initializer="glorot_uniform",  # the distribution of the first weights
    seed=0,
    datasets={
        "digits": {},
        "mnist": {"batch_size": 256},
        "fashion": {"batch_size": 256},
    },
    breaks={
        "big_step": "a learning rate 300 times too large",
        "zeros": "all weights start at 0",
    },
    quick={"epochs": 3},
)

# %%
# Data, and the first picture
# ---------------------------
# Each picture becomes one row of 784 numbers, from 0 (white background) to 1 (black
# stroke). ``to_device`` copies the rows to the GPU if the lesson runs with
# ``--device gpu``.

images = load_images(cfg.dataset, size=28)
x = to_device(images.x_train.reshape(-1, 784))  # (N, 784)
x_val = to_device(images.x_test.reshape(-1, 784))  # pictures that training does not use
print(f"{x.shape} and {x_val.shape}, {x.dtype}, from {x.min():g} to {x.max():g}")
figure = image_grid(images.x_train[:16], 8, f"Sixteen of {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# Idea
# ----
# A picture of a digit has 784 pixels, but the pixels depend on each other: neighbours
# have similar values, the rim is always white, and strokes have a typical width. So a
# digit can be described by far fewer numbers. Which numbers are good ones? An
# autoencoder finds them by itself. It consists of two networks. The encoder computes 32
# numbers from the picture; they are called the code. The decoder computes 784 pixels
# from the code. Both are trained together to make the decoder's picture equal to the
# encoder's input. No labels are needed, because the target is the input itself.
#
# Copying would be trivial if the code could hold all 784 pixels. The narrow code is
# what makes the task useful: only what many pictures have in common can be reproduced
# from 32 numbers, so the decoder has to learn typical strokes, and the encoder has to
# measure how much of each stroke a picture contains.

# %%
# The maths
# ---------
# A dense layer computes a = x W + b: each output is a weighted sum of all inputs. Two
# of them, each followed by an activation function, make the autoencoder. The second
# activation function is the sigmoid, s(a) = 1 / (1 + exp(-a)).
#
# .. code-block:: text
#
#    symbol   variable                    shape              meaning
#    x        x[i]                        (N, 784)           a batch of N pictures
#    W1, b1   encoder.layers[0].W and .b  (784, 32), (32,)   weights and biases
#    a1       a1                          (N, 32)            weighted sums
#    h        h                           (N, 32)            the code
#    W2, b2   decoder.layers[0].W and .b  (32, 784), (784,)  weights and biases
#    a2       -                           (N, 784)           weighted sums
#    y        y                           (N, 784)           pictures drawn from h
#    L        value                       ()                 the loss, one number
#
#    a1 = x W1 + b1                        Dense.forward
#    h  = max(0, a1)                       ReLU.forward
#    a2 = h W2 + b2                        Dense.forward
#    y  = s(a2)                            Sigmoid.forward
#    L  = -1/n sum of x log y + (1 - x) log(1 - y)       BinaryCrossEntropy.forward
#
# The sum goes over all n = 784 N pixels of the batch. Backward starts from L and goes
# through the same lines in reverse order. In code dy means the gradient dL/dy, da2
# means dL/da2, and so on.
#
# .. code-block:: text
#
#    dy  = (y - x) / (n y (1 - y))         BinaryCrossEntropy.backward
#    da2 = dy * y (1 - y) = (y - x) / n    Sigmoid.backward: y (1 - y) cancels
#    dh  = da2 W2^T                        Dense.backward
#    dW2 = h^T da2                         Dense.backward
#    db2 = sum of da2 over the batch       Dense.backward
#    da1 = dh where h > 0, else 0          ReLU.backward
#    dW1 = x^T da1                         Dense.backward
#    db1 = sum of da1 over the batch       Dense.backward
#
# So a dense layer needs four lines, one forward and three backward. They are the
# functions ``dense`` and ``dense_backward`` in scratchnet/layers/plain.py; the layer
# ``Dense`` computes the same in scratchnet/layers/dense.py:
#
# .. code-block:: python
#
#    y = x @ W + b  # (N, D) (D, M) + (M,) -> (N, M)
#
#    dx = dy @ W.T  # (N, M) (M, D) -> (N, D)
#    dW = x.T @ dy  # (D, N) (N, M) -> (D, M)
#    db = dy.sum(axis=0)  # (M,): all samples share b, so its gradient is their sum
#
# How small can the loss become? Not 0. For a gray pixel even the perfect copy y = x has
# the loss -x log x - (1 - x) log(1 - x), which is 0.69 for x = 0.5. The mean of this
# expression over all pixels is called their entropy; it is the smallest possible loss.

# %%
# Build
# -----
# The encoder and the decoder are models, and the autoencoder is the two of them in
# sequence. It contains the same layers, not copies of them: training the autoencoder
# changes the weights of the encoder and of the decoder.


def build(initializer):
    encoder = Sequential([Dense(cfg.units, initializer), ReLU()], name="encoder")
    decoder = Sequential([Dense(784, initializer), Sigmoid()], name="decoder")
    autoencoder = Sequential([encoder, decoder], name="autoencoder")
    autoencoder.build((784,), cfg.seed)  # draws the first weights
    return encoder, decoder, autoencoder


encoder, decoder, autoencoder = build(cfg.initializer)
loss = BinaryCrossEntropy()
print(autoencoder.summary())
print(f"compression {784 / cfg.units:.1f} : 1")

# %%
# Check before you train
# ----------------------
# Is the gradient right? ``gradcheck`` moves single weights by a small step and compares
# the change of the loss with what backward computes. And do the layer and its plain
# form agree?

three = x[:3]
print(gradcheck(autoencoder, three, three, loss=loss, samples=50))
layer = encoder.layers[0]
a1, cache = layer.forward(three)  # (3, 32), and what backward needs
dx, grads = layer.backward(a1, cache)  # any array (3, 32) can be the gradient dy here
results = (a1, dx, grads["W"], grads["b"])
plain = (dense(three, layer.W, layer.b), *dense_backward(a1, three, layer.W))
differences = [float(abs(r - p).max()) for r, p in zip(results, plain, strict=True)]
print(table(("", "y", "dx", "dW", "db"), [("Dense - plain form", *differences)]))

# %%
# Three more checks, each with the number to expect. The first weights are small and the
# biases are 0, so an untrained model draws pixels of about s(0) = 0.5, and its loss is
# about log 2 = 0.693. A model that is trained on twenty pictures only should memorize
# them: its loss should come close to the smallest possible one. And a model that
# ignores its input does best with the mean picture: training has to do better than
# that.

untrained = evaluate(autoencoder, loss, x_val, x_val)["loss"]
few = x[:20]
_, _, net = build("glorot_uniform")
result = fit(net, few, few, loss=loss, optimizer=Adam(0.01), epochs=150, verbose=False)
mean_picture = float(loss(0 * x_val + x.mean(axis=0), x_val))  # the same row N times
perfect_copy = float(loss(x_val, x_val))
rows = [
    ("untrained", untrained, "0.693"),
    ("trained on twenty", result["loss"][-1], f"near {loss(few, few):.4f}"),
    ("mean picture for all", mean_picture, f"above {perfect_copy:.4f}"),
]
print(table(("loss", "value", "expected"), rows))

# %%
# Break it on purpose
# -------------------
# ``--break big_step`` or ``--break zeros`` inserts a mistake here. The section
# "Pitfalls" says what becomes of the training then. Without the flag this cell changes
# nothing.

learning_rate = cfg.learning_rate
if cfg.broken == "big_step":
    learning_rate = 300 * cfg.learning_rate
if cfg.broken == "zeros":
    autoencoder.parameters[:] = 0

# %%
# Run
# ---
# This is the whole of training. In an epoch every picture is used once, in batches. For
# each batch: compute y and the loss (forward), compute the gradient of the loss by all
# weights (backward), and move the weights a step against the gradient. All weights and
# biases of the model lie in one vector, ``model.parameters``, and each W and b is a
# part of that vector. ``model.flatten`` puts the gradients in the same order, so that
# the optimizer only has to deal with two vectors.


def train(model):
    optimizer = Adam(learning_rate)
    history = {"training": [], "validation": []}
    for epoch in range(cfg.epochs):
        total = 0
        shuffled = RNG(cfg.seed).fork(epoch)  # random numbers for this epoch
        for i in batches(len(x), cfg.batch_size, shuffled):  # i: (N,) indices
            y, cache = model.forward(x[i], train=True)  # x -> h -> y
            value, loss_cache = loss.forward(y, x[i])  # the target is the input itself
            dy = loss.backward(loss_cache)  # dL/dy
            dx, grads = model.backward(dy, cache)  # dL/dW and dL/db of all layers
            optimizer.step(model.parameters, model.flatten(grads))
            total += value * len(i)  # value is the mean over the batch
        history["training"].append(float(total) / len(x))
        history["validation"].append(evaluate(model, loss, x_val, x_val)["loss"])
        log(cfg, epoch, history)
    return history


history = train(autoencoder)

# %%
# Some units of the code are 0 for every validation picture. Such a unit is called dead:
# where it is 0, the ReLU passes no gradient, so the weights of the unit stop changing.
# How many units die depends on the first weights. Here is a second run from the weights
# that PyTorch draws by default; seed and batches are the same. Both kinds are uniform
# in (-a, a). Glorot's a is sqrt(6 / (inputs + outputs)) = 0.086 for both layers.
# PyTorch's a is 1 / sqrt(inputs): 0.036 for W1, less than half of Glorot's, and 0.177
# for W2, twice Glorot's.
#
# Why do units die? Nearly all of them do so in the first epoch. At that time y is about
# 0.5 everywhere, far too dark for a white background. A unit that makes the drawing
# darker therefore has dh > 0 for almost every picture: every step makes it smaller,
# until it is below 0 for all pictures. With a smaller W1 its value is closer to 0 from
# the start. With a larger W2 its share in the drawing is larger. Each of the two
# changes alone makes more units die.

other = "inverse_sqrt_uniform"  # PyTorch's
encoder_2, _, autoencoder_2 = build(other)
history_2 = train(autoencoder_2)
active = (encoder(x_val) > 0).mean(axis=0)  # (32,): the share of pictures with h_j > 0
active_2 = (encoder_2(x_val) > 0).mean(axis=0)
dead, dead_2 = int((active == 0).sum()), int((active_2 == 0).sum())
print(f"dead units: {dead} with {cfg.initializer}, {dead_2} with {other}")

# %%
# Look
# ----

lines = {
    f"training, {cfg.initializer}": history["training"],
    f"validation, {cfg.initializer}": history["validation"],
    f"validation, {other}": history_2["validation"],
}
levels = {"mean picture for all": mean_picture, "perfect copy": perfect_copy}
title = f"Copying through {cfg.units} numbers"
figure = curves(lines, title, "epoch", "binary cross entropy (nats per pixel)", levels)
show(cfg, figure, "loss", "loss curves fall from the mean picture towards the copy")

# %%
# The code of each picture is drawn as a rectangle with one field per unit, black where
# h_j is large. The units are sorted, those that are active for most pictures first.
# Dead units come last: their fields are white in all codes.

order = to_numpy(active).argsort()[::-1]
h = encoder(x_val[:10])  # (10, 32)
code = f"code ({cfg.units})"
rows = {
    "original": x_val[:10].reshape(-1, 28, 28),
    code: to_numpy(h)[:, order].reshape(10, -1, math.gcd(cfg.units, 8)),
    "decoded": decoder(h).reshape(-1, 28, 28),
}
figure = image_rows(rows, "Ten pictures that were not used in training", framed=[code])
show(cfg, figure, "reconstructions", "ten pictures, their codes, and what is drawn")

# %%
# a2 is the sum of the rows of W2, row j multiplied by h_j, and b2. So row j is what
# unit j draws: it makes the red pixels darker and the blue pixels lighter. The units
# have the places of the fields above: the first drawing belongs to the first field of
# each code. The rows of dead units are still the first weights.

drawings = to_numpy(decoder.layers[0].W)[order].reshape(-1, 28, 28)  # (32, 784)
figure = signed_grid(drawings, 8, f"What each unit draws; the last {dead} are dead")
show(cfg, figure, "weights", "for each unit spots and strokes, or noise if it is dead")

# %%
# Expected against reference
# --------------------------
# The reference values come from the same model and settings in PyTorch, from the same
# two kinds of first weights. The tolerance covers the runs with other seeds there.

metrics = {
    "val BCE": history["validation"][-1],
    "val BCE, other start": history_2["validation"][-1],
    "val MSE": evaluate(autoencoder, MeanSquaredError(), x_val, x_val)["loss"],
    "dead units": dead,
    "dead units, other start": dead_2,
    "mean picture BCE": mean_picture,
    "perfect copy BCE": perfect_copy,
}
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                             cause                         look at
#    the loss ends far above that of     learning rate far too large:  --break big_step;
#    the mean picture, nearly all units  the first steps kill the      the last figure
#    are dead                            ReLU units
#    the loss ends close to that of the  weights start at 0: h stays   --break zeros
#    mean picture, all units are dead    0, only b2 has a gradient
#    validation rises above training     overfitting: few pictures     --units 128
#                                        for so many weights

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --units 2                digits become a few blurred shapes
#    --units 128              nearly perfect copies: little compression is left
#    --initializer he_normal  larger first weights, W2 above all: more dead units
#    --batch-size 8           four times as many steps per epoch: fewer epochs needed
#    --dataset fashion        clothes: their shapes are copied, prints on them are not

# %%
# Exercise
# --------
# On paper, derive dx, dW and db from y = x W + b. Begin with one entry: W[d, m] appears
# in y[n, m] of every sample n, multiplied by x[n, d]. Then write the sums as matrix
# products. Two commands for a terminal: the first writes the layer with empty methods
# into the folder ``exercises``, the second checks what you have filled in, the formula
# first and then its options, and says what is wrong.
#
# .. code-block:: text
#
#    scratchnet exercise Dense
#    scratchnet grade exercises/dense.py
#
# ``scratchnet exercise`` lists all exercises. The library is not changed.
# ``scratchnet answer 01`` prints the answer of this lesson.

# %%
# The layers used
# ---------------
# Where each part is defined, and the command for a terminal that checks its gradient.

print(layer_table(autoencoder, loss))

# sphinx_gallery_thumbnail_number = 4
