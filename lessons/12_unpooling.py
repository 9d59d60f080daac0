r"""
12 - Unpooling
==============

Tell the decoder where the encoder found its maxima, then measure what the code still
contributes.

**You will see**

- a pooling that remembers positions, and an unpooling that puts each number back in its
  place;
- an autoencoder of three such blocks, each inside the one before, and the kernels it
  learns;
- one picture's code with another's positions: the shape of the drawn digit is in the
  positions.

**Facts**: 8 s on a laptop with the default data, scikit-learn's digits, bundled and
enlarged to 28x28; 6 minutes with ``--dataset mnist``. Before this: 11, latent space.
Next: 13, face anomalies. Paper: Zeiler and Fergus (2014), Visualizing and understanding
convolutional networks.

.. math:: y_{i(p)} = q_p, \quad i(p) = argmax_{i \in window(p)} x_i, \quad 0 \; else
"""

# %%
# Knobs
# -----
# Every number you may change; each is also a flag, as in ``--filters 16``. ``probes``
# is the number of pictures whose codes and positions are exchanged.

import inspect

import numpy as np
from sklearn.decomposition import PCA

from scratchnet.backend import RNG, to_device, to_numpy
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import (
    Conv2D,
    Conv2DTranspose,
    MaxUnpooling2D,
    ReLU,
    Sequential,
    Sigmoid,
    UnpoolingBlock,
)
from scratchnet.layers.plain import max_pool, unpool
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import Adam
from scratchnet.plots import curves, image_grid, image_rows, signed_grid
from scratchnet.training import fit

cfg = knobs(
    "12_unpooling",
    filters=8, epochs=20, batch_size=64, learning_rate=0.001, pictures=60000,
    probes=1000, seed=0,
    datasets={"digits": {"batch_size": 16, "learning_rate": 0.005},
              "mnist": {}, "fashion": {}},
    breaks={"corner": "every number goes to the first pixel of its window"},
    quick={"pictures": 96, "epochs": 2, "probes": 16},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# The last sixth of the training pictures, 10,000 of MNIST's 60,000, is held out for
# validation.

x = load_images(cfg.dataset, size=28).x_train[: cfg.pictures]
cut = len(x) * 5 // 6
x, x_val = to_device(x[:cut]), to_device(x[cut:])  # (N, 28, 28, 1)
print(f"train {x.shape}, held out {x_val.shape}, {x.dtype}, {x.min():g} to {x.max():g}")
figure = image_grid(x[:16], 8, f"Sixteen of the {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# Idea
# ----
# A max pooling keeps the largest number of each window and forgets where in the window
# it was. A decoder has to enlarge the picture again, and without that knowledge it can
# only fill a whole block with one number, as UpSampling2D does in lesson 10. Edges
# become blurred.
#
# Unpooling repairs this. The encoder writes down the position of each maximum. The
# decoder puts each number back at its position and zeros elsewhere, and a transposed
# convolution fills the gaps. The two halves fit together like a pair of brackets, so a
# block is built from both: pooling, some inner layers, unpooling with the positions of
# this very pooling. The inner layers may contain another block. Networks that mark
# objects in photographs use this to find sharp edges.
#
# For an autoencoder there is a catch. The positions go from the encoder to the decoder
# past the code. After three poolings only 16 numbers are left as the code, but there
# are 1768 positions. Does the picture come from the code or from the positions? This
# can be measured: decode the code of one picture with the positions of another, and see
# which of the two pictures comes out.

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code      shape             meaning
#    x        x, x_val         (N, 28, 28, 1)    pictures
#    p        p, innermost     (N, 1, 1, 16)     the code: maxima of the third pooling
#    i        i, outermost     (N, 13, 13, 8)    positions of the maxima of the first
#                                                pooling, as row * width + column
#             i, middle        (N, 5, 5, 16)     those of the second pooling
#             i, innermost     (N, 1, 1, 16)     those of the third pooling
#
#    p, i = the largest of each 2x2, and where   MaxPooling2D, return_indices=True
#    q    = what the inner layers make of p      UnpoolingBlock.forward
#    y[i] = q, 0 elsewhere                       MaxUnpooling2D.forward
#    L    = mean((y - x)^2)                      MeanSquaredError.forward
#
#    dq = dy[i]                                  MaxUnpooling2D.backward
#    dx[i] = dp, 0 elsewhere                     MaxPooling2D.backward: same positions
#
# The positions are whole numbers and get no gradient: they are found, not learned. They
# also take more memory than the code. 16 numbers of 32 bits are 512 bits; 1352 + 400 +
# 16 positions, each one of four, are 3536 bits.

# %%
# Build
# -----
# The blocks from the inside out. Each unpooling makes pictures of the size that the
# pooling of its block was given, also where this size is odd (11 and 3 pixels).


def build(side=28, f=cfg.filters):
    model = None
    for filters, channels in ((2 * f, 2 * f), (2 * f, f), (f, 1)):
        last = Sigmoid() if channels == 1 else ReLU()
        layers = [Conv2D(filters, 3), ReLU(), UnpoolingBlock(model)]
        model = Sequential([*layers, Conv2DTranspose(channels, 3), last])
    model.build((side, side, 1), cfg.seed)
    return model


model, loss = build(), MeanSquaredError()
blocks = [model.layers[2]]  # outermost first
while blocks[-1].inner:
    blocks.append(blocks[-1].inner.layers[2])
print(model.summary())

# %%
# Check before you train
# ----------------------
# By hand: the largest number of each 2x2 pixels, its position, and all numbers put
# back. Then the plain forms from scratchnet/layers/plain.py, and the two layers beside
# them on a batch of noise.

square = to_device(np.float32([[1, 8, 3, 2], [5, 4, 9, 1], [0, 6, 2, 7], [3, 1, 4, 5]]))
p, i = max_pool(square.reshape(1, 4, 4, 1), size=2, stride=2)
y = unpool(p, i, (4, 4))
for name, a in {"picture": square, "maxima": p, "positions": i, "put back": y}.items():
    print(f"{name}\n{a.squeeze()}")
print(inspect.getsource(max_pool), inspect.getsource(unpool), sep="\n")

noise = RNG(cfg.seed).uniform(like=x[:8])
block = UnpoolingBlock()
block.build((28, 28, 1), cfg.seed)
p, i = max_pool(noise, size=2, stride=2)
error = float(abs(block(noise) - unpool(p, i, (28, 28))).max())
print(f"largest difference between the layers and the plain forms: {error:g}")

# %%
# Is the gradient right? It is checked on noise, because on white pixels all numbers of
# a window are equal. What would be the error of the mean picture as the answer for
# every picture?

little, noise = build(side=22, f=2), RNG(cfg.seed).uniform(like=x[:1, :22, :22])
little.parameters[...] += 0.1 * RNG(cfg.seed).normal(like=little.parameters)
print(gradcheck(little, noise, noise, loss=loss, samples=20))
average = float(loss(0 * x_val + x.mean(axis=0), x_val))
print(f"untrained {float(loss(model(x_val), x_val)):.4f}, mean picture {average:.4f}")

# %%
# Break it on purpose
# -------------------
# ``exchange`` lets a function change the values q and the positions i of a block before
# they are put together; w is the width of the picture. ``--break corner`` trains with
# positions that are always the first pixel of the window, so that no knowledge of the
# maxima is left.


def exchange(block, change):
    def forward(x, train=False):
        q, i = change(*x, block.unpool.output_shape[1])
        return MaxUnpooling2D.forward(block.unpool, (q, i), train)

    block.unpool.forward = forward


def own(q, i, w):
    return q, i


def corner(q, i, w):
    row, column = i // w, i % w
    return q, (row // 2 * 2) * w + column // 2 * 2


if cfg.broken == "corner":
    own = corner
    for block in blocks:
        exchange(block, corner)

# %%
# Run
# ---
# The network, and PCA with as many numbers as the code has, to compare with.

settings = dict(loss=loss, optimizer=Adam(cfg.learning_rate), seed=cfg.seed)
settings |= dict(epochs=cfg.epochs, batch_size=cfg.batch_size, verbose=len(x) > 2000)
history = fit(model, x, x, **settings, validation=(x_val, x_val))
flat_val = to_numpy(x_val).reshape(len(x_val), -1)
pca = PCA(2 * cfg.filters, random_state=0).fit(to_numpy(x).reshape(len(x), -1))
copies = pca.inverse_transform(pca.transform(flat_val))
pca_error = float(((copies - flat_val) ** 2).mean())

# %%
# Each picture is decoded with numbers or positions of another one, the one before it.
# The error is measured against both.

seen = x_val[: cfg.probes]
order = to_device(np.roll(np.arange(len(seen)), 1))
other = seen[order]


def others(q, i, w):
    return q, i[order]


def decode(*changes):
    for block, change in zip(blocks, changes, strict=True):
        exchange(block, change)
    return model(seen)


decoded = {
    "another's positions": decode(others, others, others),
    "another's outer positions": decode(others, own, own),
    "another's inner positions": decode(own, others, others),
    "another's code": decode(own, own, lambda q, i, w: (q[order], i)),
    "mean code": decode(own, own, lambda q, i, w: (0 * q + q.mean(axis=0), i)),
    "own code, own positions": decode(own, own, own),
}
errors = {k: [float(loss(y, seen)), float(loss(y, other))] for k, y in decoded.items()}
head = ("MSE", "from own", "from the other")
print(table(head, ([name, *both] for name, both in errors.items())))

# %%
# Look
# ----
# The picture follows the positions. With another's positions the other digit comes out,
# and with another's code, or with the mean of all codes, it is still the picture's own
# digit. The inner positions decide; the outer ones alone change little. The last six
# rows and columns are out of the code's reach, because a last row or column that is
# left over has no window (11 -> 5, 3 -> 1).
#
# The code has 16 numbers, and PCA with 16 numbers and no positions copies the small,
# smooth digits better.

lines = {"training": history["loss"], "validation": history["val_loss"]}
levels = {"mean picture": average, f"PCA, {2 * cfg.filters} numbers": pca_error}
figure = curves(lines, "Copying through unpooling", "epoch", "MSE (per pixel)", levels)
show(cfg, figure, "loss", "training and validation loss falling together")

rows = {"original": seen, "another": other, **decoded}
rows = {name: row[:10, :, :, 0] for name, row in rows.items()}
figure = image_rows(rows, "Codes and positions, exchanged between pictures")
show(cfg, figure, "exchanged", "pictures drawn from one's code and another's positions")

decoder = [a for a in model.named_layers().values() if isinstance(a, Conv2DTranspose)]
kernels = [to_numpy(a.W).transpose(2, 3, 0, 1).reshape(-1, 3, 3) for a in decoder]
title = "Transposed kernels: inner layer above, then middle, outer layer below"
figure = signed_grid(np.concatenate(kernels), 2 * cfg.filters, title)
show(cfg, figure, "kernels", "the kernels of the three transposed convolutions")

# %%
# Expected against reference
# --------------------------
# The same model in PyTorch; tests/reference/make_convolutional.py computed the number
# for the bundled digits.

metrics = {
    "val MSE": history["val_loss"][-1],
    f"PCA to {2 * cfg.filters} MSE": pca_error,
    "mean picture MSE": average,
    "parameters": model.n_parameters,
}
metrics |= {f"MSE, {name}": own_error for name, (own_error, _) in errors.items()}
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                         cause                         look at
#    blurred copies, the loss ends   the positions are lost on     --break corner
#    far higher                      the way
#    a code of 16 numbers that       its positions were not        the table of
#    copies surprisingly well        counted                       exchanges

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --filters 2      a quarter of the positions: an MSE of 0.041, on gray paper
#    --filters 16     twice the positions: an MSE of 0.013, cleaner strokes
#    --seed 1         other kernels, and the shape is in the positions again

# %%
# Exercise
# --------
# Let ``corner`` act in one block only: change the last two lines of "Break it on
# purpose" so that they call ``exchange(blocks[k], corner)`` for one k, and run the
# lesson with ``--break corner`` for k = 0, 1 and 2 in turn. Compare the validation
# losses. Which positions can be left out at the smallest cost? The answer:
# ``scratchnet answer 12``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(model, loss, max_pool))

# sphinx_gallery_thumbnail_number = 3
