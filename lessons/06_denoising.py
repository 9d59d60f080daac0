r"""
06 - Denoising autoencoder
==========================

Give a network a noisy picture, train it to draw the clean one, and measure just that.

**You will see**

- the error from noisy pictures, beside that of an ordinary autoencoder;
- why the error from clean pictures, easily reported by mistake, is no denoising error;
- how the filters of the encoder become smooth, and how little a single unit can draw.

**Facts**: 10 s on a laptop with the default data, scikit-learn's digits, bundled and
enlarged to 28x28; 3 minutes with ``--dataset mnist``. Before this: 05, sparse
autoencoder. Next: 07, manifold. Paper: Vincent and others (2008), Extracting and
composing robust features with denoising autoencoders.

.. math:: \tilde x = clip(x + \sigma e, 0, 1), \quad e \sim N(0, 1), \quad L = MSE(y, x)
"""

# %%
# Knobs
# -----
# Every number you may change; each is also a flag, as in ``--noise 0.8``. ``noise`` is
# the noise level sigma of the training, ``levels`` lists the levels of the comparison.

import numpy as np
from sklearn.decomposition import PCA

from scratchnet.backend import RNG, to_device, to_numpy
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Dense, ReLU, Sequential, Sigmoid
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import Adam
from scratchnet.plots import curves, image_rows, signed_panels
from scratchnet.training import batches, evaluate, fit, train_step

cfg = knobs(
    "06_denoising",
    units=64, noise=0.5, levels="0.3,0.5,0.8,0.9",
    epochs=15, batch_size=64, learning_rate=0.001, seed=0,
    datasets={"digits": {"epochs": 60, "learning_rate": 0.003},
              "mnist": {}, "fashion": {}},
    breaks={"noisy_target": "the target is noisy as well",
            "same_noise": "the noise is drawn once, not anew in each epoch",
            "clean_validation": "validation from clean pictures, not from noisy ones"},
    quick={"epochs": 3, "levels": "0.5,0.9"},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# The last sixth of the training pictures, 10,000 of the 60,000 of MNIST, is held out
# for validation. The noise of the validation pictures is drawn once for each level, so
# that all models get the same pictures.


def noisy(x, sigma, rng):
    """Pictures x + N(0, sigma^2), clipped to the range of a picture."""
    return (x + sigma * rng.normal(like=x)).clip(0, 1)


images = load_images(cfg.dataset, size=28)
cut = len(images.x_train) * 5 // 6
x = to_device(images.x_train[:cut].reshape(-1, 784))  # (N, 784)
x_val = to_device(images.x_train[cut:].reshape(-1, 784))
print(f"train {x.shape}, validation {x_val.shape}, {x.dtype}, {x.min()} to {x.max()}")
levels = sorted({0.0, cfg.noise, *map(float, cfg.levels.split(","))})
noisy_val = {}
for k, sigma in enumerate(levels):
    noisy_val[sigma] = noisy(x_val, sigma, RNG(cfg.seed).fork(k, 0))
rows = {f"noise {s:g}": x_s[:10].reshape(-1, 28, 28) for s, x_s in noisy_val.items()}
figure = image_rows(rows, "Ten validation pictures with more and more noise")
show(cfg, figure, "samples", "ten clean pictures, and the same ones with more noise")

# %%
# Idea
# ----
# An ordinary autoencoder copies what it is given, noise included. A denoising
# autoencoder has the same layers and a harder task: its input is a picture with random
# noise, its target is the same picture without the noise. It cannot see which part of a
# gray pixel is noise. But it can learn what digits look like, and draw the digit that
# fits the noisy picture best.
#
# Noise at one pixel is independent of the noise at the next, while the pixels of a
# stroke belong together. The mean of many noisy pixels is therefore far more reliable
# than a single one: with n pixels the noise of the mean is smaller by a factor of
# sqrt(n). So a useful unit of the encoder adds up many pixels over a large, smooth
# region, and that can be seen in its weights.
#
# The result has to be measured on noisy pictures. That seems obvious, and yet a
# training program that validates on the clean pictures reports a different number, and
# nothing warns about it.

# %%
# The maths
# ---------
# The network of lesson 01 with two changes: the input is noisy, and the loss is the
# squared error.
#
# .. code-block:: text
#
#    symbol   variable        shape      meaning
#    x        x[i]            (N, 784)   clean pictures, the target
#    x~       seen            (N, 784)   noisy pictures, the input
#    h        -               (N, 64)    the code of x~
#    y        -               (N, 784)   the denoised pictures
#
#    x~ = min(1, max(0, x + sigma e))    noisy; a new e in every step
#    h  = max(0, x~ W1 + b1)             Dense.forward, ReLU.forward
#    y  = s(h W2 + b2)                   Dense.forward, Sigmoid.forward
#    L  = mean((y - x)^2)                MeanSquaredError.forward: x, not x~
#
#    dy  = 2 (y - x) / (784 N)           MeanSquaredError.backward
#    dh  = (dy * y (1 - y)) W2^T         Sigmoid.backward, Dense.backward
#    da1 = dh where h > 0, else 0        ReLU.backward
#    dW1 = x~^T da1                      Dense.backward: its input was x~
#    db1 = sum of da1 over the batch

# %%
# Build
# -----


def build(units, seed=cfg.seed):
    encoder = Sequential([Dense(units), ReLU()], name="encoder")
    decoder = Sequential([Dense(784), Sigmoid()], name="decoder")
    model = Sequential([encoder, decoder], name="autoencoder")
    model.build((784,), seed)
    return model


model = build(cfg.units)
loss = MeanSquaredError()
print(model.summary())

# %%
# Check before you train
# ----------------------
# Is the gradient right? Does an untrained model score like gray pictures, every pixel
# 0.5? Can the model memorize twenty pictures? Two errors to compare with later are
# those of the mean picture for all, and of a PCA with one direction: one number per
# picture, decoded linearly.

three = x[:3]
noisy_three = noisy(three, cfg.noise, RNG(cfg.seed))
print(gradcheck(model, noisy_three, three, loss=loss, samples=30))
untrained = float(loss(model(noisy_val[cfg.noise]), x_val))
gray = float(loss(0 * x_val + 0.5, x_val))
mean_picture = float(loss(0 * x_val + x.mean(axis=0), x_val))  # the same row N times
few = x[:20]
result = fit(
    model, few, few, loss=loss, optimizer=Adam(0.01), epochs=100, verbose=False
)
print(f"untrained {untrained:.4f}, gray pictures {gray:.4f}")
print(f"trained on twenty {result['loss'][-1]:.5f}, mean picture {mean_picture:.4f}")

x_host, val_host = to_numpy(x), to_numpy(x_val)
pca = PCA(1, svd_solver="covariance_eigh").fit(x_host)
line = float(loss(pca.inverse_transform(pca.transform(val_host)), val_host))

# %%
# Break it on purpose
# -------------------
# ``--break noisy_target`` makes the target noisy, ``--break same_noise`` draws the
# noise of the first epoch again in all others, and ``--break clean_validation``
# validates without noise.

epoch_keys = list(range(cfg.epochs))  # select the random numbers of each epoch
validation_noise = 1  # times the noise of the training


def target_of(clean, seen):
    return clean


if cfg.broken == "same_noise":
    epoch_keys = [0] * cfg.epochs
if cfg.broken == "clean_validation":
    validation_noise = 0
if cfg.broken == "noisy_target":

    def target_of(clean, seen):
        return seen


# %%
# Run
# ---
# The noise is drawn anew for every batch. With sigma = 0 the loop trains an ordinary
# autoencoder. ``train_step`` does forward, loss, backward and the step of the
# optimizer.


def error(model, sigma):
    """Mean squared error from pictures with noise sigma to the clean ones."""
    return evaluate(model, loss, noisy_val[sigma], x_val)["loss"]


def train(units, sigma, seed=cfg.seed):
    model = build(units, seed)
    optimizer = Adam(cfg.learning_rate)
    history = {"training": [], "validation": []}
    for key in epoch_keys:
        rng = RNG(cfg.seed).fork(key)  # for the order of the pictures and the noise
        total = 0
        for i in batches(len(x), cfg.batch_size, rng):
            seen = noisy(x[i], sigma, rng)
            target = target_of(x[i], seen)
            value, _, _ = train_step(model, loss, optimizer, seen, target)
            total += value * len(i)
        history["training"].append(float(total) / len(x))
        history["validation"].append(error(model, validation_noise * sigma))
    numbers = ", ".join(f"{name} {losses[-1]:.4f}" for name, losses in history.items())
    print(f"{units} units, noise {sigma:g}: {numbers}", flush=True)
    return model, history


denoising, history = train(cfg.units, cfg.noise)
ordinary, _ = train(cfg.units, 0)
print(f"the ordinary one from noisy pictures: {error(ordinary, cfg.noise):.4f}")

# %%
# More models to compare with: one for each level of noise, and two with a single unit.
# A single unit often starts dead, active for no picture; then no gradient reaches W1,
# only b2 is trained, and the output is the mean picture. So "one unit" has the seed,
# among ten, whose unit is active for most pictures, and "another" has the seed of the
# other models.

matched = {0: ordinary, cfg.noise: denoising}
for sigma in levels:
    if sigma not in matched:
        matched[sigma], _ = train(cfg.units, sigma)

another, _ = train(1, cfg.noise)
active = []
for seed in range(10):
    h = build(1, seed).layers[0](noisy_val[cfg.noise])  # (N, 1)
    active.append(float((h > 0).mean()))
one_unit, _ = train(1, cfg.noise, seed=active.index(max(active)))

models = {
    "ordinary": ordinary,
    "denoising": denoising,
    "one unit": one_unit,
    "another": another,
}
errors = {name: [error(model, s) for s in levels] for name, model in models.items()}
errors["trained at each level"] = [error(matched[s], s) for s in levels]
errors["mean picture"] = [mean_picture] * len(levels)
rows = [(name, *numbers) for name, numbers in errors.items()]
print(table(("MSE", *(f"noise {s:g}" for s in levels)), rows))

# %%
# Look
# ----
# The error of the ordinary autoencoder rises fastest. At noise 0, the clean pictures,
# it has the smallest error of all, so a validation there would choose the wrong model.
# The denoising autoencoder is best near the noise level of its training. From clean
# pictures its error is larger, not smaller: clipped noise makes white pixels gray, and
# a picture without any gray looks too light to it.

title = f"From noisy to clean, {cfg.units} units and one unit"
label = "noise (standard deviation)"
figure = curves(errors, title, label, "mean squared error", x=levels)
show(cfg, figure, "noise", "error by noise: the ordinary one rises fastest")

low, high = noisy_val[cfg.noise][:10], noisy_val[levels[-1]][:10]
rows = {
    "clean": x_val[:10],
    f"noise {cfg.noise:g}": low,
    "ordinary": ordinary(low),
    "denoising": denoising(low),
    "one unit": one_unit(low),
    f"noise {levels[-1]:g}": high,
    f"trained at {levels[-1]:g}": matched[levels[-1]](high),
}
rows = {name: row.reshape(-1, 28, 28) for name, row in rows.items()}
figure = image_rows(rows, "Ten pictures that were not used in training")
show(cfg, figure, "denoised", "noisy pictures and what each model makes of them")

# %%
# Why is the output of the single unit nearly the same for all pictures? The outputs
# depend on one number, so all of them lie on one curve in the space of pictures. Digits
# do not lie near a curve: even the best straight line, the PCA above, leaves most of
# their variance.
#
# Last the filters. In noise two neighbouring weights differ as much as any two weights;
# in a large shape they are nearly equal. The roughness is the mean squared difference
# of neighbours, divided by its value for noise: 1 for noise, 0 for a constant.

rough, tiles = {}, {}
for name in ("ordinary", "denoising"):
    W1 = to_numpy(models[name].layers[0].layers[0].W)  # (784, 64)
    filters = W1.T.reshape(-1, 28, 28)
    differences = np.diff(filters)  # between horizontal neighbours
    roughness = (differences**2).mean() / (2 * (filters * filters).mean())
    rough[f"roughness, {name}"] = float(roughness)
    strength = (filters * filters).sum(axis=(1, 2))
    strongest = strength.argsort()[::-1][:30]  # a dead unit has its weak first weights
    tiles[name] = filters[strongest]
figure = signed_panels(tiles, 10, "The thirty strongest filters of the encoder")
show(cfg, figure, "filters", "encoder filters: dots if ordinary, smooth if denoising")

# %%
# Expected against reference
# --------------------------
# The reference values come from the same model and settings in PyTorch, from Glorot
# weights. The tolerance covers the runs with other seeds there.

metrics = {f"{name} MSE": error(model, cfg.noise) for name, model in models.items()}
metrics["ordinary / denoising"] = metrics["ordinary MSE"] / metrics["denoising MSE"]
metrics |= {
    f"{name}, noise {sigma:g}": number
    for name in ("ordinary", "denoising", "trained at each level")
    for sigma, number in zip(levels, errors[name], strict=True)
}
metrics |= {"mean picture MSE": mean_picture, "straight line MSE": line, **rough}
metrics["denoising MSE, training"] = history["training"][-1]
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                         cause                     look at
#    gray and blurred outputs        the target is noisy too   --break noisy_target
#    training far below validation   the same noise in each    --break same_noise
#                                    epoch is memorized
#    the printed validation differs  the validation input is   --break clean_validation
#    from the number in the table    clean

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --noise 0.9    smoother digits from much noise, larger errors from little noise
#    --units 256    the ordinary autoencoder copies more of the noise: a larger error
#    --units 8      too few units to copy noise, or digits: a smaller difference

# %%
# Exercise
# --------
# Another kind of noise: erase pixels. Let ``noisy`` return
# ``x * (rng.uniform(like=x) >= sigma)``, which sets the share sigma of the pixels to 0.
# For which sigma is the error of the denoising model as large as with Gaussian noise of
# 0.5? The answer: ``scratchnet answer 06``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the command for a terminal that checks its gradient.

print(layer_table(denoising, loss))

# sphinx_gallery_thumbnail_number = 3
