r"""
24 - Convolutional against LSTM
===============================

Give the same pictures to convolutions as images and to an LSTM as sequences of rows.

**You will see**

- a table: size of the code, error, accuracy of a linear probe, time of a step;
- three kinds of code: feature maps, a vector computed from maps, and the last state;
- what each model assumes: the error for pictures that are shifted to the right.

**Facts**: 20 s on a laptop with the default data, scikit-learn's digits, bundled and
enlarged to 28x28; 5 minutes with ``--dataset mnist``, of which 5,000 pictures are used.
Before this: 23, taxi anomalies. Next: 25, contrastive divergence. Paper: Alain and
Bengio (2016), Understanding intermediate layers using linear classifier probes.

.. math:: code = conv(x)\;or\; h_{28},\; h_t, c_t = step(x_t, h_{t-1}, c_{t-1})
"""

# %%
# Knobs
# -----
# The settings of this lesson. Each is also a flag of the command line: ``--units 16``.

import time

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifier

from scratchnet.backend import RNG, to_device, to_numpy
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import (
    LSTM,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Flatten,
    MaxPooling2D,
    ReLU,
    RepeatVector,
    Reshape,
    Sequential,
    Sigmoid,
    TimeDistributed,
    UpSampling2D,
)
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import BinaryCrossEntropy
from scratchnet.optimizers import Adam
from scratchnet.plots import curves, image_grid, image_rows
from scratchnet.training import fit, predict, train_step

cfg = knobs(
    "24_convolutional_against_lstm",
    filters=32,
    units=64,
    epochs=3,
    lstm_epochs=24,
    batch_size=32,
    learning_rate=0.003,
    pictures=5000,
    seed=0,
    datasets={
        "digits": {"filters": 4, "epochs": 16, "lstm_epochs": 16, "batch_size": 16},
        "mnist": {},
    },
    breaks={"last": "the decoder's LSTM has only one unit, as in lesson 22"},
    quick={"pictures": 64, "filters": 2, "units": 8, "epochs": 2, "lstm_epochs": 2},
)

# %%
# Data, and the first picture
# ---------------------------
# The test pictures are used for validation. A picture (28, 28, 1) is an image for the
# convolutions. For the LSTM it is a sequence of 28 rows with 28 numbers each.

images = load_images(cfg.dataset, size=28)
x, x_val = (
    images.x_train[: cfg.pictures],
    images.x_test[: cfg.pictures],
)  # (N, 28, 28, 1)
t, t_val = images.y_train[: cfg.pictures], images.y_test[: cfg.pictures]  # (N,)
print(
    f"train {x.shape}, validation {x_val.shape}, {x.dtype}, {x.min():g} to {x.max():g}"
)
figure = image_grid(x[:16], 8, f"Sixteen of the {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# Idea
# ----
# Which architecture suits which data? Each makes an assumption. A convolution looks at
# small windows and uses the same weights at all places: pixels that belong together are
# near each other, and a stroke is the same stroke everywhere. An LSTM reads its input
# in order and keeps a state: what matters comes in steps, and a step is understood from
# the steps before it. A picture can be given to both, as an image or as a sequence of
# rows.
#
# Three autoencoders are compared on the same pictures. How good is a code? The error of
# the reconstruction says how much of the picture it contains. A linear probe, a
# classifier trained on the codes, says how easily the class can be read from it. And
# how much does a model rely on the places where the strokes were in training? Pictures
# that are shifted to the right, further than any picture of the training set, tell.

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code        shape             meaning
#    x        x                  (N, 28, 28, 1)    pictures
#    x_t      x[:, t, :, 0]      (N, 28)           row t of every picture
#    code     model.layers[0]    (N, 64), ...      the only input of the decoder
#
#    convolution   h[i, j] = relu(b + sum over a window around (i, j) of x W)
#    LSTM          h_t, c_t = lstm_step(x_t, h_{t-1}, c_{t-1}),   code = h_28
#    probe         argmax over k of (code V + v)_k, fitted by least squares
#
# The plain forms of both are in scratchnet/layers/plain.py: ``conv2d`` and
# ``lstm_step``.

# %%
# Build
# -----
# Three autoencoders. "conv maps" is that of lesson 11, whose code consists of feature
# maps. "conv" is the same with a Dense layer on both sides of a code of 64 numbers.
# "LSTM" is the repaired model of lesson 22, also with 64 numbers.


def autoencoder(encoder, decoder):
    halves = [Sequential(encoder, name="encoder"), Sequential(decoder, name="decoder")]
    model = Sequential(halves)
    model.build((28, 28, 1), cfg.seed)
    return model


def convolution(kind, filters):
    return [kind(filters, 3, padding="same"), ReLU()]


def convolutional(f, code=None):
    """Autoencoder with feature maps as the code, or with a vector of `code` numbers."""
    encoder = [*convolution(Conv2D, f), MaxPooling2D()]
    encoder += [
        *convolution(Conv2D, 2 * f),
        MaxPooling2D(),
        *convolution(Conv2D, 4 * f),
    ]
    decoder = [*convolution(Conv2DTranspose, 2 * f), UpSampling2D()]
    decoder += [*convolution(Conv2DTranspose, f), UpSampling2D()]
    decoder += [Conv2DTranspose(1, 3, padding="same"), Sigmoid()]
    if code is not None:
        encoder += [Flatten(), Dense(code)]
        decoder = [Dense(7 * 7 * 4 * f), ReLU(), Reshape((7, 7, 4 * f)), *decoder]
    return autoencoder(encoder, decoder)


def recurrent(units, decoder_units):
    encoder = [Reshape((28, 28)), LSTM(units)]
    decoder = [RepeatVector(28), LSTM(decoder_units, return_sequences=True)]
    decoder += [TimeDistributed(Dense(28)), Sigmoid(), Reshape((28, 28, 1))]
    return autoencoder(encoder, decoder)


models = {
    "conv maps": convolutional(cfg.filters),
    "conv": convolutional(cfg.filters, cfg.units),
    "LSTM": recurrent(cfg.units, cfg.units),
}
loss = BinaryCrossEntropy()
print(models["conv"].summary(), models["LSTM"].summary(), sep="\n\n")

# %%
# Check before you train
# ----------------------
# Are the gradients right? The check uses random pictures and biases that are not zero:
# on a white background with biases of 0 the input of each ReLU is exactly 0, where ReLU
# has no derivative.

noise = RNG(cfg.seed).uniform(to_device(x[:2]))
for model in (convolutional(2, cfg.units), recurrent(cfg.units, cfg.units)):
    model.parameters[...] += 0.1 * RNG(cfg.seed).normal(model.parameters)
    print(gradcheck(model, noise, noise, loss=loss, samples=4))

# %%
# Break it on purpose
# -------------------

if cfg.broken == "last":
    models["LSTM"] = recurrent(cfg.units, 1)

# %%
# Run
# ---
# All three are trained with the same loss, optimizer and batches. Afterwards one step
# is timed, with a learning rate that changes nothing. The LSTM needs more steps; on
# MNIST, where its steps are much cheaper, it gets more epochs.

data, data_val = to_device(x), to_device(x_val)
history, milliseconds = {}, {}
for name, model in models.items():
    h = fit(
        model,
        data,
        data,
        loss=loss,
        optimizer=Adam(cfg.learning_rate),
        epochs=cfg.lstm_epochs if name == "LSTM" else cfg.epochs,
        batch_size=cfg.batch_size,
        validation=(data_val, data_val),
        seed=cfg.seed,
        verbose=False,
    )
    history[name] = h["val_loss"]
    batch, times = data[: cfg.batch_size], []
    for _ in range(4):
        began = time.perf_counter()
        float(train_step(model, loss, Adam(1e-12), batch, batch)[0])
        times.append(1000 * (time.perf_counter() - began))
    milliseconds[name] = min(times)
    print(f"{name}: validation {h['val_loss'][0]:.4f} -> {h['val_loss'][-1]:.4f}")

# %%
# The same linear probe is trained on each code, on the pixels, and on as many numbers
# from PCA. A code is useful if its probe is more accurate than those of pixels and PCA.
# (The bundled digits had 8x8 = 64 pixels before they were enlarged, so 64 directions
# contain them completely, and the error of PCA is rounding.)


def flat(a):
    return to_numpy(a).reshape(len(a), -1).astype("float64")


def probe(code, code_val):
    """Accuracy on the validation pictures of a linear classifier of the codes."""
    scale = code.std(axis=0).mean() + 1e-9
    reader = RidgeClassifier(alpha=1.0).fit(code / scale, t)
    return float(reader.score(code_val / scale, t_val))


def mse(model, a):
    return float(((predict(model, a) - a) ** 2).mean())


pca = PCA(cfg.units, random_state=0).fit(flat(x))
codes = {"pixels": (flat(x), flat(x_val))}
codes["PCA"] = tuple(pca.transform(part) for part in codes["pixels"])
for name, model in models.items():
    encoder = model.layers[0]
    codes[name] = flat(predict(encoder, data)), flat(predict(encoder, data_val))
by_pca = pca.inverse_transform(codes["PCA"][1])  # (N, 784)
errors = {"pixels": 0.0, "PCA": float(((by_pca - flat(x_val)) ** 2).mean())}
for name, model in models.items():
    errors[name] = mse(model, data_val)
probes = {name: probe(*pair) for name, pair in codes.items()}
rows = []
for name, (code, _) in codes.items():
    size, cost = (
        getattr(models.get(name), "n_parameters", ""),
        milliseconds.get(name, ""),
    )
    rows.append((name, code.shape[1], size, errors[name], probes[name], cost))
head = ("model", "code", "parameters", "MSE", "probe", "ms per step")
print(table(head, rows))

# %%
# Look
# ----
# .. code-block:: text
#
#                   convolution                       LSTM
#    assumes        near pixels belong together       the order of the steps matters
#    a step costs   a few large products              28 small products in sequence
#    code           maps, or a vector of fixed size   last state, at any input length
#    used for       images, spectra, long signals     sequences: lessons 21 to 23

figure = curves(history, "Three autoencoders", "epoch", "validation BCE")
show(cfg, figure, "loss", "three validation losses falling, the LSTM's slowest")

rows = {"original": x_val[:10, :, :, 0], "PCA": by_pca[:10].reshape(-1, 28, 28)}
for name, model in models.items():
    rows[name] = predict(model, data_val[:10])[..., 0]
figure = image_rows(rows, "Ten validation pictures, reconstructed from four codes")
show(cfg, figure, "reconstructions", "ten pictures and their four reconstructions")

# %%
# Now the pictures are shifted to the right, further than any picture of the training
# set. For feature maps all places are alike: at 4 pixels, one cell of the 7x7 map, only
# the edge is new. A Dense layer, and the input weights of the LSTM, are different for
# each place, so these models have never learned what to do with a stroke at its new
# place.

shifts = [0, 1, 2, 3, 4, 6]
shifted = []
for k in shifts:
    padded = np.pad(x_val, ((0, 0), (0, 0), (k, 0), (0, 0)))
    shifted.append(to_device(padded[:, :, :28]))
by_shift = {
    name: [mse(model, part) for part in shifted] for name, model in models.items()
}
title = "Pictures shifted to the right"
figure = curves(by_shift, title, "pixels", "MSE (per pixel)", x=shifts)
show(cfg, figure, "shifted", "the error against the number of pixels of the shift")

# %%
# Expected against reference
# --------------------------
# The same in PyTorch: tests/reference/make_lesson_codes.py.

metrics = {f"MSE, {name}": errors[name] for name in models}
metrics |= {f"probe, {name}": score for name, score in probes.items()}
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                       look at
#    one gray bar for all pictures        one unit draws all rows     --break last

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --units 16             a quarter of the code: which accuracy falls furthest?
#    --lstm-epochs 40       the LSTM has not converged yet

# %%
# Exercise
# --------
# Let the LSTM read columns instead of rows (``x.transpose(0, 2, 1, 3)``). For which
# classes does the probe become less accurate, and for which more? The answer:
# ``scratchnet answer 24``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(*models.values(), loss))

# sphinx_gallery_thumbnail_number = 3
