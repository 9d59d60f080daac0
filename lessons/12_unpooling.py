r"""
12 - Unpooling
==============

Let the decoder know where the encoder found its maxima, then ask who really draws the picture.

**You will see**

- a pooling that remembers positions, and the unpooling that puts each number back in its place;
- an autoencoder of three such blocks, each inside the last, and what its kernels learn;
- one picture's code with another's positions: the shape is in the positions.

**Facts**: 8 s on a laptop with the default data, scikit-learn's digits, bundled and enlarged to
28x28; 4 minutes with ``--dataset mnist``. Before this: 10, latent space. Next: 12, face anomalies.
Paper: Zeiler and Fergus (2014), Visualizing and understanding convolutional networks.

.. math:: y_{i(p)} = q_p, \quad i(p) = argmax_{i \in window(p)} x_i, \quad 0 \; elsewhere
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--filters 16``.

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
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import Adam
from scratchnet.plots import curves, image_grid, image_rows, signed_grid
from scratchnet.training import fit

cfg = knobs(
    "12_unpooling",
    filters=8, epochs=20, batch_size=64, learning_rate=0.001, pictures=60000, probes=1000, seed=0,
    datasets={"digits": {"batch_size": 16, "learning_rate": 0.005}, "mnist": {},
              "fashion": {}},
    breaks={"corner": "every number goes to the first pixel of its window"},
    quick={"pictures": 96, "epochs": 2, "probes": 16},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# The last sixth of the training pictures, 10,000 of MNIST's 60,000, is held out for validation.

x = load_images(cfg.dataset, size=28).x_train[: cfg.pictures]
cut = len(x) * 5 // 6
x, x_val = to_device(x[:cut]), to_device(x[cut:])  # (N, 28, 28, 1)
print(f"train {x.shape}, validation {x_val.shape}, {x.dtype}, {x.min():g} to {x.max():g}")
figure = image_grid(x[:16], 8, f"Sixteen of the {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code        shape              meaning
#    x        x[i]               (N, 28, 28, 1)     a batch of pictures
#    p        q, innermost       (N, 1, 1, 16)      what is left after three poolings
#    i        i, outermost       (N, 13, 13, 8)     where each maximum stood, row * width + column;
#                                                   and (N, 5, 5, 16), (N, 1, 1, 16)
#
#    p, i = the largest of each 2x2, and where      MaxPooling2D.forward, return_indices=True
#    q    = what the layers inside make of p        UnpoolingBlock.forward
#    y[i] = q, 0 elsewhere                          MaxUnpooling2D.forward
#    L    = mean((y - x)^2)                         MeanSquaredError.forward
#
#    dq = dy[i]                                     MaxUnpooling2D.backward: only one place counted
#    dx[i] = dp, 0 elsewhere                        MaxPooling2D.backward: the same places
#
# No gradient reaches i: positions are found, not learned. And nothing here is squeezed: 16 numbers
# of 32 bits are 512 bits, but 1352 + 400 + 16 positions of 2 bits are 3536.

# %%
# Build
# -----
# The blocks from the inside out; each keeps the shape it gets, also where a side is odd (11, 3).


class Placed(MaxUnpooling2D):
    """An unpooling whose numbers q and places i, in rows of w, `change` may exchange first."""

    change = staticmethod(lambda q, i, w: (q, i))

    def forward(self, x, train=False):
        return super().forward(self.change(*x, self.output_shape[1]), train)


def corner(q, i, w):
    """Forgets the places: every number goes to the first pixel of its window."""
    return q, i // w // 2 * 2 * w + i % w // 2 * 2


def build(side=28, f=cfg.filters):
    model = None
    for filters, back in ((2 * f, 2 * f), (2 * f, f), (f, 1)):
        block = UnpoolingBlock(model)
        block.unpool = block.children["unpool"] = Placed(name="unpool")
        if cfg.broken == "corner":
            block.unpool.change = corner
        last = Sigmoid() if back == 1 else ReLU()
        model = Sequential([Conv2D(filters, 3), ReLU(), block, Conv2DTranspose(back, 3), last])
    model.build((side, side, 1), cfg.seed)
    return model


model, loss = build(), MeanSquaredError()
print(model.summary())

# %%
# Check before you train
# ----------------------
# By hand: the largest number of each 2x2, where it stood, and all put back. Gradient right? (On
# snow: on white paper each window is a tie.) What would one picture for all cost?

square = to_device(np.float32([[1, 8, 3, 2], [5, 4, 9, 1], [0, 6, 2, 7], [3, 1, 4, 5]]))
tiny = UnpoolingBlock()
tiny.build((4, 4, 1), cfg.seed)
p, i = tiny.pool(square.reshape(1, 4, 4, 1))
y = tiny.unpool((p, i))
for name, a in (("a picture", square), ("its maxima", p), ("where they stood", i), ("back", y)):
    print(f"{name}\n{a.squeeze()}")

little, snow = build(side=22, f=2), RNG(cfg.seed).uniform(x[:1, :22, :22])
little.parameters[...] += 0.1 * RNG(cfg.seed).normal(little.parameters)  # biases off zero, too
print(gradcheck(little, snow, snow, loss=loss, samples=20))
average = float(loss(0 * x_val + x.mean(axis=0), x_val))
print(f"untrained {float(loss(model(x_val), x_val)):.4f}, the mean picture for all {average:.4f}")

# %%
# Run
# ---
# And, to compare with: what do 16 straight directions (PCA) make of a picture?

settings = dict(epochs=cfg.epochs, batch_size=cfg.batch_size, seed=cfg.seed)
settings |= dict(loss=loss, optimizer=Adam(cfg.learning_rate), validation=(x_val, x_val))
history = fit(model, x, x, **settings, verbose=len(x) > 2000)
flat, flat_val = (to_numpy(a).reshape(len(a), -1) for a in (x, x_val))
pca = PCA(2 * cfg.filters, random_state=0).fit(flat)
straight = float(((pca.inverse_transform(pca.transform(flat_val)) - flat_val) ** 2).mean())

# %%
# Who draws the picture? Let one picture's places be filled with another's numbers, and so on.

seen = x_val[: cfg.probes]
order = to_device(np.roll(np.arange(len(seen)), 1))  # to each picture, another one
other, same = seen[order], model.layers[2].unpool.change
blocks = [model.layers[2]]  # outermost first
while blocks[-1].inner:
    blocks.append(blocks[-1].inner.layers[2])


def alien(q, i, w):
    return q, i[order]


def draw(*changes):
    for block, change in zip(blocks, changes, strict=True):
        block.unpool.change = change
    return model(seen)


drawn = {
    "another's positions": draw(alien, alien, alien),
    "another's outer positions": draw(alien, same, same),
    "another's inner positions": draw(same, alien, alien),
    "another's code": draw(same, same, lambda q, i, w: (q[order], i)),
    "mean code": draw(same, same, lambda q, i, w: (0 * q + q.mean(axis=0), i)),
    "own code, own positions": draw(same, same, same),
}
errors = {n: [float(loss(y, seen)), float(loss(y, other))] for n, y in drawn.items()}
print(table(("MSE", "from own", "from the other's"), ([n, *row] for n, row in errors.items())))

# %%
# Look
# ----
# The shape follows the positions, whosever code it is. The last six rows and columns are out
# of the code's reach: an odd last row has no window (11 -> 5, 3 -> 1). Digits as smooth as those of
# 8x8 come out better from 16 straight directions, without any positions.

lines = {"training": history["loss"], "validation": history["val_loss"]}
levels = {"mean picture for all": average, f"PCA, {2 * cfg.filters} numbers": straight}
figure = curves(lines, "Pictures through unpooling", "epoch", "MSE (per pixel)", levels)
show(cfg, figure, "loss", "training and validation loss falling together")

rows = {"original": seen, "another": other, **drawn}
rows = {name: row[:10, :, :, 0] for name, row in rows.items()}
figure = image_rows(rows, "Codes and positions, exchanged between pictures")
show(cfg, figure, "exchanged", "pictures drawn from one's code and another's positions")

decoder = [a for a in model.named_layers().values() if isinstance(a, Conv2DTranspose)]
for k, layer in enumerate(decoder, 1):
    drawn_on, channels = layer.W.shape[2:]  # W (3, 3, F, C)
    kernels = layer.W.transpose(2, 3, 0, 1).reshape(-1, 3, 3)
    title = f"Transposed kernels, {channels} channels to {drawn_on}: a row for each one drawn on"
    figure = signed_grid(kernels, channels, title)
    show(cfg, figure, f"filters_{k}", f"kernels of a transposed convolution: {len(kernels)}")

# %%
# Expected against reference
# --------------------------
# The same in PyTorch. tests/reference/make_convolutional.py made the figures of the digits.

metrics = {
    "val MSE": history["val_loss"][-1],
    f"PCA to {2 * cfg.filters} MSE": straight,
    "mean picture MSE": average,
    "parameters": model.n_parameters,
}
metrics |= {f"MSE, {name}": own_error for name, (own_error, _) in errors.items()}
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --filters 2                          a quarter of the positions: MSE 0.041, on gray paper
#    --filters 16                         twice the positions: an MSE of 0.015, cleaner strokes
#    --seed 1                             other kernels, and the shape is in the positions again

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    blurred, the loss ends far higher    positions lost on the way       --break corner
#    a code of 16 that does wonders       its positions were not counted  the table of exchanges

# %%
# Exercise
# --------
# In ``build``, let only one block be told ``corner``. Which positions could be left out at little
# cost?

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(Conv2D, Conv2DTranspose, MaxPooling2D, UnpoolingBlock, MeanSquaredError))
