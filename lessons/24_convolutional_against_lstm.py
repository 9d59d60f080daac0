r"""
24 - Convolutional against LSTM
===============================

Show the same pictures to convolutions as planes, to an LSTM as rows, and compare what they keep.

**You will see**

- a table: size of the code, error, what a linear probe reads from the code, cost of a step;
- three kinds of code: maps, a vector from maps, and the last state of a reader of rows;
- what each takes for granted: pictures moved to where no stroke was in training.

**Facts**: 20 s on a laptop with the default data, scikit-learn's digits, bundled and enlarged to
28x28; 2 minutes with ``--dataset mnist``, of which it takes 5,000 pictures. Before this: 18, taxi
anomalies. Next: 20, contrastive divergence. Paper: Alain and Bengio (2016), Understanding
intermediate layers using linear classifier probes.

.. math:: code = conv(x) \quad or \quad h_{28}, \quad (h_t, c_t) = LSTM(x_t, h_{t-1}, c_{t-1})
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--units 16``.

import time

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifier

from scratchnet import layers
from scratchnet.backend import RNG, to_device, to_numpy
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import BinaryCrossEntropy
from scratchnet.optimizers import Adam
from scratchnet.plots import curves, image_grid, image_rows, scatter
from scratchnet.training import fit, predict, train_step

cfg = knobs(
    "24_convolutional_against_lstm",
    filters=32, units=64, epochs=3, lstm_epochs=24, batch_size=32, learning_rate=0.003,
    datasets={"digits": dict(filters=4, epochs=16, lstm_epochs=16, batch_size=16), "mnist": {}},
    pictures=5000, seed=0, breaks={"last": "the decoder's LSTM has only one unit, as in lesson 17"},
    quick={"pictures": 64, "filters": 2, "units": 8, "epochs": 2, "lstm_epochs": 2},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# The test pictures are for validation. A picture (28, 28, 1) is a plane for the convolutions, and a
# sequence of 28 rows, 28 numbers each, for the LSTM.

images = load_images(cfg.dataset, size=28)
x, x_val = images.x_train[: cfg.pictures], images.x_test[: cfg.pictures]  # (N, 28, 28, 1)
t, t_val = images.y_train[: cfg.pictures], images.y_test[: cfg.pictures]  # (N,)
print(f"train {x.shape}, validation {x_val.shape}, {x.dtype}, {x.min():g} to {x.max():g}")
figure = image_grid(x[:16], 8, f"Sixteen of the {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code       shape             meaning
#    x        x                 (N, 28, 28, 1)    pictures
#    x_t      x[:, t, :, 0]     (N, 28)           row t of every picture
#    code     encode(x)         (N, 64), ...      all that the decoder gets to see
#
#    convolution   h[i, j] = relu(b + sum over a window around (i, j) of x W)
#    LSTM          h_t, c_t = step(x_t, h_{t-1}, c_{t-1})
#    probe         argmax(code V + c), fitted by least squares with the encoder left as it is

# %%
# Build
# -----
# Lesson 10's convolutional autoencoder, whose code is a stack of maps; the same with a Dense layer
# on either side of a code of 64 numbers; and lesson 17's repaired model with a code of 64.


def convolutional(squeezed, f=cfg.filters):
    def same(kind, filters):
        return [kind(filters, 3, padding="same"), layers.ReLU()]

    conv, back, half, twice = (layers.Conv2D, layers.Conv2DTranspose, layers.MaxPooling2D,
                               layers.UpSampling2D)  # fmt: skip
    down = [*same(conv, f), half(), *same(conv, 2 * f), half(), *same(conv, 4 * f)]
    up = [*same(back, 2 * f), twice(), *same(back, f), twice(), back(1, 3, padding="same")]
    if squeezed:
        down += [layers.Flatten(), layers.Dense(cfg.units)]
        up = [layers.Dense(7 * 7 * 4 * f), layers.ReLU(), layers.Reshape((7, 7, 4 * f)), *up]
    return halves(down, [*up, layers.Sigmoid()])


def recurrent():
    width = 1 if cfg.broken == "last" else cfg.units
    read, write = layers.LSTM(cfg.units), layers.LSTM(width, return_sequences=True)
    up = [layers.RepeatVector(28), write, layers.TimeDistributed(layers.Dense(28))]
    picture = layers.Reshape((28, 28, 1))
    return halves([layers.Reshape((28, 28)), read], [*up, layers.Sigmoid(), picture])


def halves(down, up):
    model = layers.Sequential(
        [layers.Sequential(down, name="encoder"), layers.Sequential(up, name="decoder")]
    )
    model.build((28, 28, 1), cfg.seed)
    return model


models = {"conv maps": convolutional(False), "conv": convolutional(True), "LSTM": recurrent()}
loss = BinaryCrossEntropy()
print(models["conv"].summary(), models["LSTM"].summary(), sep="\n\n")

# %%
# Check before you train
# ----------------------
# Gradients right? (On snow: over white paper each ReLU stands on its kink.)

snow = RNG(cfg.seed).uniform(to_device(x[:2]))
for model in (convolutional(True, f=2), recurrent()):
    model.parameters[...] += 0.1 * RNG(cfg.seed).normal(model.parameters)  # biases off zero, too
    print(gradcheck(model, snow, snow, loss=loss, samples=4))

# %%
# Run
# ---
# All three learn with the same loss, optimizer and batches. One step is timed alone. An LSTM needs
# more steps; where its steps are much the cheaper ones (MNIST), it gets more epochs.

data, data_val = to_device(x), to_device(x_val)
settings = dict(loss=loss, batch_size=cfg.batch_size, seed=cfg.seed)
settings |= dict(validation=(data_val, data_val), verbose=False)
history, milliseconds = {}, {}
for name, model in models.items():
    settings |= dict(epochs=cfg.lstm_epochs if name == "LSTM" else cfg.epochs)
    told = fit(model, data, data, optimizer=Adam(cfg.learning_rate), **settings)
    history[name], batch, times = told["val_loss"], data[: cfg.batch_size], []
    for _ in range(4):
        began = time.perf_counter()
        float(train_step(model, loss, Adam(1e-12), batch, batch)[0])
        times.append(1000 * (time.perf_counter() - began))
    milliseconds[name] = min(times)
    print(f"{name}: validation {told['val_loss'][0]:.4f} -> {told['val_loss'][-1]:.4f}", flush=True)

# %%
# Every code is read by the same linear probe, and so are the pixels and as many numbers by PCA: a
# code is good for something if it tells more than those. (The bundled digits were 8x8 = 64 pixels
# before they were enlarged, so 64 directions hold them whole: PCA's error is rounding there.)


def flat(a):
    return to_numpy(a).reshape(len(a), -1).astype("float64")


def probe(code, code_val):
    """The share of validation pictures whose class a linear classifier reads from their codes."""
    scale = code.std(axis=0).mean() + 1e-9
    reader = RidgeClassifier(alpha=1.0).fit(code / scale, t)
    return float(reader.score(code_val / scale, t_val))


def mse(model, a):
    return float(((predict(model, a) - a) ** 2).mean())


pca = PCA(cfg.units, random_state=0).fit(flat(x))
codes = {"pixels": (flat(x), flat(x_val))}
codes["PCA"] = tuple(pca.transform(part) for part in codes["pixels"])
codes |= {name: tuple(flat(predict(model.layers[0], part)) for part in (data, data_val))
          for name, model in models.items()}  # fmt: skip
by_pca = pca.inverse_transform(codes["PCA"][1])  # (N, 784)
errors = {"pixels": 0.0, "PCA": float(((by_pca - flat(x_val)) ** 2).mean())}
errors |= {name: mse(model, data_val) for name, model in models.items()}
probes = {name: probe(*pair) for name, pair in codes.items()}
rows = [(name, codes[name][0].shape[1], getattr(models.get(name), "n_parameters", ""), errors[name],
         probes[name], milliseconds.get(name, "")) for name in codes]  # fmt: skip
print(table(("model", "code", "parameters", "MSE", "probe", "ms a step"), rows))

# %%
# Look
# ----
# .. code-block:: text
#
#                    convolution                           LSTM
#    assumes         what is near belongs together         there is an order; the latest is nearest
#    a step costs    products that fill all cores          28 small products, each awaiting the last
#    code            maps, or a vector of fixed places     its last state, at any length of input
#    used for        pictures, spectra, long signals       what comes in steps: lessons 17 and 18

figure = curves(history, "Three autoencoders", "epoch", "binary cross entropy, validation")
show(cfg, figure, "loss", "three validation losses falling, the LSTM's slowest")

rows = {"original": x_val[:10, :, :, 0], "PCA": by_pca[:10].reshape(-1, 28, 28)}
rows |= {name: predict(model, data_val[:10])[..., 0] for name, model in models.items()}
figure = image_rows(rows, "Ten pictures the models have never seen")
show(cfg, figure, "reconstructions", "ten pictures, and four ways of drawing them from a code")

# %%
# Move the pictures to the right, further than any in training. To the maps of convolutions a place
# is like any other; at 4 pixels, a whole cell of the 7x7 map, nothing but the edge is new to them.
# A Dense layer, and an LSTM's input, have weights of their own for each place.

steps = [0, 1, 2, 3, 4, 6]
moved = [to_device(np.pad(x_val, ((0, 0), (0, 0), (k, 0), (0, 0)))[:, :, :28]) for k in steps]
far = {name: [mse(model, part) for part in moved] for name, model in models.items()}
figure = curves(far, "Pictures moved to the right", "pixels", "MSE (per pixel)", x=steps)
show(cfg, figure, "moved", "the error against the number of pixels a picture was moved by")

# %%
# And the codes, in two dimensions by PCA: islands where a probe can draw lines.

for name in ("conv", "LSTM"):
    points = PCA(2, random_state=0).fit_transform(codes[name][1][:500])
    groups = {k: points[t_val[:500] == c] for c, k in enumerate(images.class_names)}
    figure = scatter(groups, f"Codes of pictures: {name}", "first direction", "second direction")
    show(cfg, figure, f"codes_{name}", "a cloud of codes, one colour for each class")

# %%
# Expected against reference
# --------------------------
# The same in PyTorch: tests/reference/make_lesson_codes.py.

metrics = {f"MSE, {name}": errors[name] for name in models}
metrics |= {f"probe, {name}": score for name, score in probes.items()}
report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --units 16                           a quarter of the code: which probe falls furthest?
#    --lstm-epochs 40                     the LSTM has not come to its end yet

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    one gray bar for all pictures        one unit draws all rows         --break last

# %%
# Exercise
# --------
# Let the LSTM read columns instead of rows. Which classes does the probe lose, which does it win?

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(Conv2D, Conv2DTranspose, LSTM, BinaryCrossEntropy))
