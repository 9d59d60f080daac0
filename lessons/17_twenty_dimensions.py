r"""
17 - Twenty dimensions
======================

Give the code more numbers than the digits need, and see how many of them are used.

**You will see**

- new digits, decoded from nothing but twenty random numbers, beside real ones;
- which of the twenty numbers carry information, measured in nats, and their effect;
- a bound that comes closer to -log p(x) with more codes for each picture.

**Facts**: 20 s on a laptop with the default data, scikit-learn's digits, which are
bundled and enlarged to 28x28; a minute with ``--dataset mnist``. Before this: 16, a
loss that is no bound. Next: 18, autoencoder against VAE. Paper: Burda, Grosse and
Salakhutdinov (2016), Importance weighted autoencoders.

.. math:: K = \sum_j K_j, \quad K_j = \frac{1}{N} \sum_n KL(q(z_j|x_n) \| N(0, 1))
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--code 2``.

import numpy as np

from scratchnet.backend import RNG, to_device, to_numpy
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Dense, ReLU, Sequential
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.models.vae import VAE
from scratchnet.numerics import kl_to_standard_normal
from scratchnet.optimizers import Adam
from scratchnet.plots import bars, image_grid, image_rows

cfg = knobs(
    "17_twenty_dimensions",
    code=20, beta=1.0, epochs=5, batch_size=128, learning_rate=0.001, samples=256,
    seed=0, conditional=False,
    datasets={"digits": {"epochs": 40, "batch_size": 32}, "mnist": {}, "fashion": {}},
    breaks={"mean_pixels": "the cross entropy is averaged over 784 pixels, KL is not",
            "wide": "codes are drawn from N(0, 3^2), which is not the prior"},
    quick={"epochs": 2, "batch_size": 200, "samples": 4},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------

images = load_images(cfg.dataset, size=28)
x = to_device(images.x_train.reshape(-1, 784))  # (N, 784)
x_val = to_device(images.x_test.reshape(-1, 784))
print(f"train {x.shape} {x.dtype}, {x.min():g} to {x.max():g}, test {x_val.shape}")
figure = image_grid(images.x_train[:16], 8, f"16 of the {len(x)} training pictures")
show(cfg, figure, "samples", "sixteen training pictures in two rows")

# %%
# Idea
# ----
# Two numbers are good for a map, but they are too few to describe a digit: its class,
# its slant, its width, the thickness of its strokes, the form of each loop. So this
# lesson gives the code of the VAE twenty numbers. How many should it have? For an
# autoencoder more is always better, as far as copies are concerned. For a VAE the
# training answers the question, because every number of the code has a cost.
#
# The cost is the KL. It is zero for a number whose distribution is N(0, 1) for every
# picture, and such a number tells the decoder nothing about the picture. To carry
# information, its distribution must differ from picture to picture, and so from the
# prior. The KL measures this information in nats. A number is worth its cost if the
# reconstruction improves by more nats than the KL grows. The training decides this for
# each number: some are used, and the others are switched off, that is, they stay at
# N(0, 1), and the decoder learns to ignore them. You need not find the right width of
# the code in advance; it only has to be large enough.

# %%
# The maths
# ---------
# As in lesson 15, R and K are sums over pixels or numbers of the code, and means over
# the pictures. Their unit is nats for an average picture.
#
# .. code-block:: text
#
#    symbol   in the code        shape        meaning
#    mu       vae.encode(x)[0]   (N, 20)      mean of the code
#    log_var  vae.encode(x)[1]   (N, 20)      log sigma^2, sigma^2 its variance
#    z        RNG.normal         (N, 20)      a code from the prior
#    K_j      K[j]               (20,)        KL of the number j of the code
#
#    L   = R + K                              the loss, -ELBO
#    K   = K_1 + ... + K_20                   the numbers are independent given x
#    K_j = -1/(2N) sum_n 1 + log sigma_j^2 - mu_j^2 - sigma_j^2    kl_to_standard_normal
#
# How far is -ELBO from -log p(x)? In twenty dimensions there is no grid fine enough to
# compute p(x), as in lesson 15. But there is a closer bound. Draw not one code for each
# picture but S codes z_1, ..., z_S from q(z | x), and average BEFORE the logarithm:
#
# .. code-block:: text
#
#    -log p(x) <= -E log 1/S sum_s p(x | z_s) p(z_s) / q(z_s | x)     VAE.log_likelihood
#
# With S = 1 this is -ELBO. The bound falls as S grows, and reaches -log p(x) in the
# limit (Burda and others, theorem 1). What it gains over -ELBO is lost by the encoder:
# its q(z | x) is only an approximation of p(z | x).

# %%
# Build
# -----
# The deeper network of lesson 15, from Glorot weights, with a wider code.


def build(classes=None):
    encoder = [Dense(512), ReLU(), Dense(256), ReLU(), Dense(2 * cfg.code)]
    decoder = [Dense(256), ReLU(), Dense(512), ReLU(), Dense(784)]
    vae = VAE(Sequential(encoder), Sequential(decoder), cfg.beta, classes=classes)
    vae.build((784,), cfg.seed)
    return vae


vae = build()
print(vae.model.summary())

# %%
# Check before you train
# ----------------------
# An untrained model should be about as good as probability 1/2 for every pixel, 784 log
# 2 = 543.4 nats. A level to beat is the best answer without any code: the mean of the
# training pictures, the same for every picture.

three = images.x_train[:3].reshape(3, 784)
print(gradcheck(vae.model, three, three, loss=vae.loss, samples=10))
untrained = vae.evaluate(x_val)["loss"]
p = to_numpy(x.mean(axis=0)).clip(1e-4, 1 - 1e-4).astype("float64")  # (784,)
t = to_numpy(x_val)
mean_picture = -float(np.mean(t @ np.log(p) + (1 - t) @ np.log(1 - p)))
print(f"-ELBO untrained {untrained:.1f}, the mean picture for all {mean_picture:.1f}")

# %%
# Break it on purpose
# -------------------
# This cell does nothing unless you run the lesson with ``--break NAME``. `mean_pixels`
# averages the cross entropy over pixels and sums the KL, so the KL counts 784 times too
# much. `wide` trains as usual, but then draws codes with a standard deviation of 3.

code_std = 3 if cfg.broken == "wide" else 1
if cfg.broken == "mean_pixels":
    vae.model.layers[1].beta *= 784

# %%
# Run
# ---
# The loop of lesson 15 is `vae.fit`. Its "penalty" is K.

settings = dict(epochs=cfg.epochs, batch_size=cfg.batch_size, seed=cfg.seed)
history = vae.fit(x, optimizer=Adam(cfg.learning_rate), **settings)
validation = vae.evaluate(x_val)

# %%
# Draw codes from the prior and decode them. For each new picture, find the training
# picture that is nearest to it. If the two were equal, the model would only remember.


def nearest(pictures):
    """Distance and index of the training picture nearest to each of these."""
    a, b = to_numpy(pictures), to_numpy(x)
    squares = (a * a).sum(axis=1, keepdims=True) - 2 * a @ b.T + (b * b).sum(axis=1)
    return np.sqrt(squares.min(axis=1).clip(0)), squares.argmin(axis=1)


mu, log_var = vae.encode(x_val)
drawn = vae.decode(code_std * RNG(cfg.seed).normal(like=mu[:360]))  # (360, 784)
drawn_distance, which = nearest(drawn)
test_distance, _ = nearest(x_val[:360])

# %%
# Which numbers of the code are used? K_j says it. Burda and others have a different
# rule: a number is active if the variance of its mu_j is above 0.01.

K = to_numpy(kl_to_standard_normal(mu, log_var).mean(axis=0))  # (20,)
above = int((K > 0.1).sum())
active = int((to_numpy(mu).var(axis=0) > 0.01).sum())
order = K.argsort()[::-1]  # the most used number first
print(f"sum of the K_j {K.sum():.4f}, K by vae.evaluate {validation['kl']:.4f}")

# %%
# The bound of -log p(x), with more and more codes for each picture.

bounds = {}
for samples in (1, 4, 16, 64, 256):
    if samples <= cfg.samples:
        bounds[samples] = -vae.log_likelihood(x_val[:500], samples=samples)
print(table(("codes for each picture", "bound of -log p(x)"), bounds.items()))

# %%
# Look
# ----

rows = {
    "real": x_val[:12],
    "real, copied": vae.decode(mu[:12]),
    "drawn": drawn[:12],
    "nearest real": x[to_device(which[:12])],
    "more drawn": drawn[12:24],
}
rows = {name: pictures.reshape(-1, 28, 28) for name, pictures in rows.items()}
figure = image_rows(rows, "Real digits, and digits decoded from random codes")
show(cfg, figure, "drawn", "real digits above digits decoded from random codes")

# %%
# The numbers fall into two groups: those that carry a nat or more, and the others.

groups = {f"{above} of {cfg.code} above 0.1 nats": K[order].tolist()}
title, label = "Information in each number of the code", "K_j (nats a picture)"
figure = bars(groups, title, "number of the code, sorted by K_j", label)
show(cfg, figure, "used", "bars of the nats in each number of the code, sorted")

# %%
# One number at a time goes from -2.5 to 2.5. The others stay where the encoder put the
# first validation picture. The last row is a number that is switched off.

rows = {}
for rank in [0, 1, 2, 3, -1]:
    j = order[rank]
    z = np.tile(to_numpy(mu[:1]), (11, 1))  # (11, 20)
    z[:, j] = np.linspace(-2.5, 2.5, 11)
    rows[f"K_j {K[j]:.2f} nats"] = vae.decode(to_device(z)).reshape(-1, 28, 28)
figure = image_rows(rows, "One digit; in each row one number of its code varies")
show(cfg, figure, "varied", "rows of one digit that changes with a number of the code")

# %%
# This cell does nothing unless you run the lesson with ``--conditional``. Then a second
# model sees the label of each picture, beside the picture and beside the code. The code
# need not say which digit it is, so K falls, and you can ask for a digit: in each row
# the label is the same, in each column the code.

if cfg.conditional:
    labels, labels_val = to_device(images.y_train), to_device(images.y_test)
    of_digit = build(classes=10)
    of_digit.fit(x, labels=labels, optimizer=Adam(cfg.learning_rate), **settings)
    found = of_digit.evaluate(x_val, labels=labels_val)
    print(f"with labels: val -ELBO {found['loss']:.1f}, val K {found['kl']:.1f}")
    rows = {}
    for digit in range(10):
        pictures = of_digit.sample(mu[:12], cfg.seed, labels=[digit] * 12)
        rows[f"{digit}"] = pictures.reshape(-1, 28, 28)
    figure = image_rows(
        rows, "Pictures of each digit; in each column the code is equal"
    )
    show(cfg, figure, "digits", "ten rows of drawn pictures, each row of one digit")

# %%
# Expected against reference
# --------------------------
# The references are the same model in PyTorch, from Glorot weights. From PyTorch's own
# weights, MNIST ends at 110.0 (training) and 108.5 (validation). The metrics:
#
# .. code-block:: text
#
#    train -ELBO                the mean over the last epoch, while the weights improve
#    val -ELBO, R, K            after the training, on all validation pictures
#    first 500, S codes         the bound with S codes, on the first 500 of these
#    numbers above 0.1 nats     how many K_j are above 0.1
#    active by Burda's rule     how many mu_j have a variance above 0.01; some of these
#                               carry next to no information
#    nearest real picture       mean distance to the nearest training picture, from a
#                               picture decoded from a random code, and from a real one
#    mean picture               -log p(x) with the mean picture for all, without a code

metrics = {
    "train -ELBO": history["loss"][-1],
    "val -ELBO": validation["loss"],
    "val R": validation["reconstruction"],
    "val K": validation["kl"],
    "numbers above 0.1 nats": above,
    "active by Burda's rule": active,
    "nearest real picture, from a drawn one": float(drawn_distance.mean()),
    "nearest real picture, from a test one": float(test_distance.mean()),
    "mean picture": mean_picture,
}
for samples in (1, max(bounds)):
    metrics[f"first 500, {samples} code{'s' * (samples > 1)}"] = bounds[samples]
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                      look at
#    K is 0, one gray picture for all     KL weighs 784 times more   --break mean_pixels
#    decoded digits are ragged, too dark  codes not from the prior   --break wide

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --code 2                             too few, as in lesson 15: 23 nats worse
#    --code 50                            no better: about ten are used, as before
#    --conditional                        a second model draws the digit you ask for
#    --beta 4                             four numbers are worth their cost: blurred
#                                         pictures

# %%
# Exercise
# --------
# Decode codes from N(0, t^2) with t = 0.5, 0.7 and 0.9 instead of 1. The pictures look
# better. Are they as varied as the training pictures? Measure the mean distance of each
# decoded picture to the nearest OTHER decoded picture, and the same for real pictures.
# The answer: ``scratchnet answer 17``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(vae.model, vae.loss))

# sphinx_gallery_thumbnail_number = 2
