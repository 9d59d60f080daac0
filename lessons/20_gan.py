r"""
20 - GAN
========

A forger learns from the mistakes that a detective makes, and from nothing else.

**You will see**

- a published recipe that ends with one blot painted over and over, and the number that decides;
- the loss curves of both sides, and what they tell: neither of them says how good a picture is;
- samples measured: a distance to real pictures, and the share of each class among 10,000.

**Facts**: 25 s on a laptop with the default data, scikit-learn's digits, bundled and enlarged to
28x28; 3 minutes with ``--dataset mnist``. Before this: 15, autoencoder against VAE. Next: 17, LSTM
autoencoder. Paper: Goodfellow and others (2014), Generative adversarial nets.

.. math:: L_D = -\log s(D(x)) - \log(1 - s(D(G(z)))), \quad L_G = -\log s(D(G(z)))
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--units 64``.

import math
import time

import numpy as np

from scratchnet.backend import RNG, to_device, to_numpy, xp_of
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Dense, LeakyReLU, ReLU, Sequential, Sigmoid, Tanh
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import BinaryCrossEntropy
from scratchnet.metrics import accuracy
from scratchnet.models.gan import GAN
from scratchnet.models.judge import Judge
from scratchnet.optimizers import Adam
from scratchnet.plots import bars, curves, image_grid, image_rows
from scratchnet.training import predict

cfg = knobs(
    "20_gan",
    codes=100, units=256, epochs=5, batch_size=64, learning_rate=2e-4, beta_1=0.9, repaired=0.5,
    recipe_epochs=10, recipe_rate=5e-4, ema_decay=0.999, initializer="inverse_sqrt_uniform",
    samples=10000, judge_epochs=5, seed=0,
    datasets={"digits": {"epochs": 60, "recipe_epochs": 60, "ema_decay": 0.99, "judge_epochs": 20},
              "mnist": {}},
    breaks={"sigmoid": "D ends in a sigmoid, and the loss takes its answer for a logit",
            "scale": "pictures stay in [0, 1], while G paints from -1 to 1"},
    quick={"epochs": 2, "recipe_epochs": 2, "units": 64, "samples": 300, "judge_epochs": 3},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# The tanh at G's end paints from -1 (paper) to 1 (ink), so real pictures are brought there too.

images = load_images(cfg.dataset, size=28)
real = to_device(images.x_train.reshape(-1, 784))  # (N, 784), 0 to 1
test = to_device(images.x_test.reshape(-1, 784))
x = real if cfg.broken == "scale" else 2 * real - 1
print(f"train {x.shape} {x.dtype}, {x.min():g} to {x.max():g}, test {test.shape}")
figure = image_grid(images.x_train[:32], 8, "What G never sees: thirty-two real pictures")
show(cfg, figure, "real", "thirty-two real training pictures")

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code        shape        meaning
#    z        gan.codes(n, rng)  (N, 100)     noise, N(0, 1): all that G gets
#    x        x[i]               (N, 784)     real pictures
#    G(z)     generator          (N, 784)     painted pictures
#    a        discriminator      (N, 1)       a logit: s(a) is how likely D finds a picture real
#
#    D's turn   L_D = -mean log s(D(x)) - mean log(1 - s(D(G(z))))
#               da  = (s(a) - t) / N          t = 1 for x, 0 for G(z): as any classifier
#    G's turn   L_G = -mean log s(D(G(z)))    G wants to be taken for real
#               da  = (s(a) - 1) / N          and then down through D, whose weights stay,
#               dG  = D.input_gradient(da)    to the pixels: how each should change, and on into G
#
# Why not let G maximise L_D? Where D is sure, log(1 - s(a)) is flat, and G would learn nothing.
# -log s(a) is steep just there. Where D can only guess, L_D = 2 log 2 and L_G = log 2.

# %%
# Build
# -----
# Weights are drawn as PyTorch draws them. Glorot's are larger, and D starts stronger.


class Recorded(GAN):
    """A GAN that remembers each step: both losses, left on the device, and when it was done."""

    def train_step(self, *everything):
        losses = super().train_step(*everything)
        self.steps.append((*losses, time.process_time()))
        return losses


def build(ema_decay=0.0):
    units, draw, wrong = cfg.units, cfg.initializer, [Sigmoid()] * (cfg.broken == "sigmoid")
    g = Sequential([Dense(units, draw), ReLU(), Dense(784, draw), Tanh()], name="generator")
    d = Sequential([Dense(units, draw), LeakyReLU(0.2), Dense(1, draw), *wrong], "discriminator")
    g.build((cfg.codes,), RNG(cfg.seed).fork(0))
    d.build((784,), RNG(cfg.seed).fork(1))
    gan = Recorded(g, d, ema_decay=ema_decay)
    gan.steps = []
    return gan


gan = build()
print(gan.generator.summary(), gan.discriminator.summary(), sep="\n")
# The judge is the classifier of lesson 02, trained once and kept beside the lessons' folders.
path = cfg.out.parent / f"judge_{cfg.dataset}_{cfg.judge_epochs}_epochs.npz"
judge = Judge()
judge.load_or_train(path, real, to_device(images.y_train), epochs=cfg.judge_epochs)
right = float(accuracy(predict(judge.model, test), to_device(images.y_test)))
print(f"the judge, {path}, reads {right:.1%} of the test pictures")

# %%
# Check before you train
# ----------------------
# Are G's gradient, through the whole of D, and D's own right? Does an untrained D only guess? How
# far are real pictures from real ones? No sample can be expected to come nearer.

z = to_numpy(gan.codes(3, cfg.seed))
through = Sequential([gan.generator, gan.discriminator])
through.build((cfg.codes,), cfg.seed)
loss, yes = BinaryCrossEntropy(from_logits=True), z[:, :1] * 0 + 1
print(gradcheck(through, z, yes, loss=loss, samples=20))
start = float(gan.discriminator_gradients(x[:64], gan.codes(64, cfg.seed))[0])
floor = judge.distance(test, real[: cfg.samples])
print(f"untrained L_D {start:.3f} (a guess: {2 * math.log(2):.3f}), real to real {floor:.2f}")

# %%
# Run
# ---
# Three times: as stated, with beta_1 = 0.5 and nothing else changed, and a recipe. The recipe takes
# larger steps and paints with the running mean of G's weights: G circles around a good place, and
# the mean lies inside the circle.


def train(title, beta_1, rate=cfg.learning_rate, epochs=cfg.epochs, ema_decay=0.0):
    gan, run = build(ema_decay), {"rows": {}, "distance": []}

    def look(epoch, history):
        if (epoch + 1) % max(epochs // 5, 1):
            return
        y = gan.sample(cfg.samples, cfg.seed + 1)  # (N, 784), of the same codes each time
        y = xp_of(y).clip(y if cfg.broken == "scale" else (y + 1) / 2, 0, 1)
        run["rows"][f"epoch {epoch + 1}"] = to_numpy(y[:12]).reshape(-1, 28, 28)
        run["distance"].append(judge.distance(test, y))
        run["shares"], run["spread"] = judge.shares(y), float(y.std(axis=0).mean())
        said = f"{run['shares'].max():.0%} are a {run['shares'].argmax()}"
        print(f"{title}, epoch {epoch + 1}: distance {run['distance'][-1]:.1f}, {said}")

    sides = {"optimizer_d": Adam(rate, beta_1), "optimizer_g": Adam(rate, beta_1)}
    gan.fit(x, **sides, epochs=epochs, batch_size=cfg.batch_size, seed=cfg.seed, on_epoch=look)
    run["L_D"], run["L_G"], done = np.array([[float(v) for v in step] for step in gan.steps]).T
    early, late = (1e3 * np.median(np.diff(some)) for some in np.array_split(done, 10)[::9])
    print(f"{title}: {early:.2f} ms of CPU a step in the first tenth, {late:.2f} in the last")
    return run


runs = {
    "as stated": train("as stated", cfg.beta_1),
    "repaired": train("repaired", cfg.repaired),
    "recipe": train("recipe", cfg.repaired, cfg.recipe_rate, cfg.recipe_epochs, cfg.ema_decay),
}
history = {"distance": runs["recipe"]["distance"]}

# %%
# Look
# ----
# The losses are not errors that fall: each side's gain is the other's loss. With beta_1 = 0.9 they
# swing against each other. A step of Adam then follows the mean of the last ten gradients, from an
# opponent that has moved since, so each side runs past where it should stop, and back. What can G
# change fastest to get away? All pictures at once: there is no time for them to become different.
# And one blot can be refused as a whole: L_D falls, until G has moved it, and rises again. With 0.5
# a step remembers two gradients, L_D is calm, and L_G may rise while pictures get better.


def sixty(values):
    return [part.mean() for part in np.array_split(values, min(60, len(values)))]


for side, guess in {"L_D": 2 * math.log(2), "L_G": math.log(2)}.items():
    lines = {title: sixty(runs[title][side]) for title in ("as stated", "repaired")}
    level = {"D can only guess": guess}
    figure = curves(lines, f"The loss {side}", "sixtieths of the run", f"{side} (nats)", level)
    show(cfg, figure, side, f"{side} over time: wide swings as stated, calmer if repaired")

# %%
# Do samples differ, or are they one picture? Each row paints the same twelve codes.

for title, run in runs.items():
    figure = image_rows(run["rows"], f"Twelve codes, always the same: {title}")
    show(cfg, figure, title.replace(" ", "_"), f"G's pictures of twelve codes, {title}")

# %%
# The judge knows ten classes and no "neither": to it, a blot is some digit, always the same.

groups = {title: 100 * run["shares"] for title, run in runs.items()}
groups |= {"real pictures": 100 * judge.shares(test)}
title = f"What the judge reads in {cfg.samples:,} samples"
figure = bars(groups, title, "digit", "share of the samples (%)", first=0)
show(cfg, figure, "shares", "share of each digit: one bar of nearly all if collapsed, else ten")

# %%
# Expected against reference
# --------------------------
# A distance means something only beside others by the same judge. The spread, how much one pixel
# differs between samples, needs no judge at all.

metrics = {"real to real": floor, "real, spread": float(test.std(axis=0).mean())}
for title, run in runs.items():
    metrics[f"{title}, distance"] = run["distance"][-1]
    metrics[f"{title}, spread"] = run["spread"]
    metrics[f"{title}, rarest class (%)"] = 100 * float(run["shares"].min())
    metrics[f"{title}, classes over 1 %"] = int((run["shares"] > 0.01).sum())
    metrics[f"{title}, swing of L_D"] = float(np.std(sixty(run["L_D"])))
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --beta-1 0 --repaired 0.7            less memory, less swing: distances 17 and 46 on digits
#    --units 64                           a smaller G and D: the same story, but slower
#    --initializer glorot_uniform         D starts stronger: all three runs need longer

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    L_D never falls below 1.0            a sigmoid where logits belong   --break sigmoid
#    specks on the paper, to the end      paper at 0: tanh is steep there --break scale

# %%
# Exercise
# --------
# Let G maximise L_D: in a subclass of ``GAN``, ``generator_gradients`` with target 0 and the sign
# of da turned around. How large is the gradient that reaches G while D is sure of itself?

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(Dense, ReLU, LeakyReLU, Tanh))
