r"""
20 - GAN
========

Train a generator of digits that never sees a digit, against a network that judges it.

**You will see**

- published settings that collapse to one picture, and the one number that decides;
- the losses of both networks, and why neither of them says how good a picture is;
- samples measured: their distance to real pictures, and the share of each class.

**Facts**: 30 s on a laptop with the default data, scikit-learn's digits, which are
bundled and enlarged to 28x28; 3 minutes with ``--dataset mnist``. Before this: 19, face
VAE. Next: 21, LSTM cell. Paper: Goodfellow and others (2014), Generative adversarial
nets.

.. math:: L_D = -\log s(D(x)) - \log(1 - s(D(G(z)))), \quad L_G = -\log s(D(G(z)))
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--units 64``. The run with the
# published settings has `beta_1`, the two others have `repaired` in its place.

import math

import numpy as np

from scratchnet.backend import RNG, to_device, to_numpy, xp_of
from scratchnet.callbacks import Callback
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Dense, LeakyReLU, ReLU, Sequential, Sigmoid, Tanh
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import BinaryCrossEntropy
from scratchnet.models.gan import GAN
from scratchnet.models.judge import Judge
from scratchnet.optimizers import Adam
from scratchnet.plots import curves, heat_map, image_grid, image_rows, panels

cfg = knobs(
    "20_gan",
    codes=100, units=256, epochs=5, batch_size=64, learning_rate=2e-4, beta_1=0.9,
    repaired=0.5, recipe_epochs=10, recipe_rate=5e-4, ema_decay=0.999,
    initializer="inverse_sqrt_uniform", samples=10000, judge_epochs=5, seed=0,
    datasets={
        "digits": {"epochs": 60, "recipe_epochs": 60, "ema_decay": 0.99,
                   "judge_epochs": 20},
        "mnist": {}},
    breaks={"sigmoid": "D ends in a sigmoid, and the loss takes its output for a logit",
            "scale": "real pictures stay in [0, 1], while those of G are in [-1, 1]"},
    quick={"epochs": 2, "recipe_epochs": 2, "units": 64, "samples": 300,
           "judge_epochs": 3},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# The generator ends in a tanh, so its pictures are between -1 (paper) and 1 (ink). Real
# pictures get the same range.

images = load_images(cfg.dataset, size=28)
real = to_device(images.x_train.reshape(-1, 784))  # (N, 784), 0 to 1
test = to_device(images.x_test.reshape(-1, 784))
paper = -1.0  # the value of paper; that of ink is 1
x = (1 - paper) * real + paper
print(f"train {x.shape} {x.dtype}, {x.min():g} to {x.max():g}, test {test.shape}")
figure = image_grid(images.x_train[:32], 8, "Real pictures, which G never sees")
show(cfg, figure, "real", "thirty-two real training pictures")

# %%
# Idea
# ----
# A VAE learns to generate by copying: each picture has a code, and the decoder is
# trained to return exactly this picture. A generative adversarial network (GAN) needs
# no such pairs. It consists of two networks. The generator G maps random codes to
# pictures. The discriminator D is an ordinary classifier with two classes: real
# pictures, and those of G. The two are trained in turn. In its step, D learns to
# distinguish the two classes. In its step, G is changed so that D classifies its
# pictures as real. G has no example of a digit and needs none: the gradient of D's
# output by each pixel says how a picture must change to be classified as real, and
# backpropagation carries this gradient on into the weights of G. If D is always as good
# as it can be, then the best that G can do is to produce pictures with the same
# distribution as the real ones.
#
# This is a game of two players, not the minimization of one function. There is no loss
# that must fall: what one player gains, the other loses. The desired end is an
# equilibrium, where the pictures of G cannot be distinguished from real ones, and D is
# at chance level. Nothing guarantees that gradient descent of both players gets there.
#
# The best known failure is mode collapse: all codes lead to nearly the same picture. D
# classifies each picture alone, so it has no means to see that a batch contains one
# picture 64 times. If D classifies one kind of picture as real at the moment, then the
# quickest improvement for G is to turn ALL its pictures into this kind. Soon D learns
# to reject it, and at the same time becomes less strict elsewhere. G turns all its
# pictures into the next kind, and so on. The two can continue like this for ever, and
# the pictures of different codes never have the time to become different.
#
# The number that decides here is beta_1 of Adam, the decay of its running mean of
# gradients. With its usual value 0.9, a step follows the mean of about ten past
# gradients. For an ordinary loss this is good: the loss does not change, so old
# gradients are still nearly right, and their noise is averaged out. In a game the loss
# of each player changes with every step of the other. An old gradient was computed
# against weights that the other player no longer has. A player that follows it reacts
# late: it continues in a direction after the other has already reacted, and overshoots.
# Delay in a feedback loop makes oscillations grow. With beta_1 = 0.5, a step remembers
# two gradients. Radford and others (2016) found that the usual value of 0.9 resulted in
# oscillation and instability, and chose 0.5, which many GANs have used since.

# %%
# The maths
# ---------
#
# .. code-block:: text
#
#    symbol   in the code        shape        meaning
#    z        gan.codes(n, rng)  (N, 100)     random codes from N(0, 1), the input of G
#    x        x[i]               (N, 784)     real pictures
#    G(z)     gan.generator      (N, 784)     generated pictures
#    a        gan.discriminator  (N, 1)       logit of D: s(a) is the probability that
#                                             its input is real; s is the sigmoid
#
#    step of D  L_D = -mean log s(D(x)) - mean log(1 - s(D(G(z))))
#               da  = (s(a) - t) / N          t = 1 for x, 0 for G(z): a classifier
#    step of G  L_G = -mean log s(D(G(z)))    low if D takes G(z) for real
#               da  = (s(a) - 1) / N          and on through D, whose weights stay:
#               dG  = D.input_gradient(da)    the gradient by the pixels, and on into G
#
# Why does G not maximize L_D? Where D is sure, log(1 - s(a)) is flat, and G would get
# no gradient when it needs one most. The non-saturating loss -log s(a) is steep there.
# If D is at chance level, s(a) = 1/2, L_D = 2 log 2 = 1.386 and L_G = log 2 = 0.693.
#
# The smallest game shows what beta_1 does. G has one number u, D one number w, the
# product u w is a gain for D and a loss for G. The equilibrium is u = w = 0. Gradients
# at right angles to the way to the equilibrium make the players circle around it:
#
# .. code-block:: text
#
#    m_w = beta_1 m_w + (1 - beta_1) u        w = w + rate m_w       d(u w)/dw = u
#    m_u = beta_1 m_u + (1 - beta_1) w        u = u - rate m_u       d(u w)/du = w

# %%
# Build
# -----
# Weights are drawn as PyTorch draws them. Those of Glorot are larger, and D starts
# stronger with them.


class Recorded(GAN):
    """GAN that keeps the losses of every step, on the device."""

    def train_step(self, *arguments):
        losses = super().train_step(*arguments)
        self.losses.append(losses)
        return losses


after_logit = []  # nothing follows the last layer of D: its output is the logit


def build(ema_decay=0.0):
    g = [Dense(cfg.units, cfg.initializer), ReLU(), Dense(784, cfg.initializer), Tanh()]
    d = [Dense(cfg.units, cfg.initializer), LeakyReLU(0.2), Dense(1, cfg.initializer)]
    g, d = Sequential(g, "generator"), Sequential([*d, *after_logit], "discriminator")
    g.build((cfg.codes,), RNG(cfg.seed).fork(0))
    d.build((784,), RNG(cfg.seed).fork(1))
    gan = Recorded(g, d, ema_decay=ema_decay)
    gan.losses = []
    return gan


gan = build()
print(gan.generator.summary(), gan.discriminator.summary(), sep="\n")

# %%
# A classifier of digits, like that of lesson 02, is the judge of the samples. It is
# trained once and saved beside the folders of the lessons.

path = cfg.out.parent / f"judge_{cfg.dataset}_{cfg.judge_epochs}_epochs.npz"
judge = Judge()
judge.load_or_train(path, real, to_device(images.y_train), epochs=cfg.judge_epochs)

# %%
# Check before you train
# ----------------------
# The gradients of G through the whole of D, and those of D. An untrained D should be
# near chance level. And the distance of real test pictures from real training pictures
# is a lower limit: generated ones cannot be expected to be nearer.

z = to_numpy(gan.codes(3, cfg.seed))
through = Sequential([gan.generator, gan.discriminator])
through.build((cfg.codes,), cfg.seed)
loss, is_real = BinaryCrossEntropy(from_logits=True), np.ones((3, 1), "float32")
print(gradcheck(through, z, is_real, loss=loss, samples=20))
start = float(gan.discriminator_gradients(x[:64], gan.codes(64, cfg.seed))[0])
floor = judge.distance(test, real[: cfg.samples])
print(f"L_D untrained {start:.3f}, at chance level {2 * math.log(2):.3f}")

# %%
# The smallest game, from the distance 1. Without memory the players circle at this
# distance. With memory the circles become larger, and the more memory, the faster.

rows = []
for beta_1 in (0.0, 0.5, 0.9):
    u, w, m_u, m_w = 1.0, 0.0, 0.0, 0.0
    for _ in range(1000):
        m_w = beta_1 * m_w + (1 - beta_1) * u
        w += 0.01 * m_w
        m_u = beta_1 * m_u + (1 - beta_1) * w
        u -= 0.01 * m_u
    rows.append((beta_1, math.hypot(u, w)))
print(table(("beta_1", "distance after 1000 steps"), rows))

# %%
# Break it on purpose
# -------------------
# This cell does nothing unless you run the lesson with ``--break NAME``. With `sigmoid`
# there are two sigmoids in a row, one in D and one in the loss: s(a) is never below 1/2
# or above 0.73. With `scale` the real pictures stay in [0, 1].

if cfg.broken == "sigmoid":
    after_logit.append(Sigmoid())
elif cfg.broken == "scale":
    paper, x = 0.0, real

# %%
# Run
# ---
# Three runs: the published settings; beta_1 = 0.5 and nothing else changed; and a
# recipe. The recipe takes larger steps, and its samples come from the running mean of
# G's weights: G circles around a good place, and the mean lies inside the circle.


pictures = {}


def train(title, beta_1, rate=cfg.learning_rate, epochs=cfg.epochs, ema_decay=0.0):
    gan, found = build(ema_decay), {"distance": []}

    class Look(Callback):
        def on_epoch_end(self, run):
            if run.epoch % max(epochs // 5, 1):
                return
            y = gan.sample(cfg.samples, cfg.seed + 1)  # of the same codes each time
            y = xp_of(y).clip((y - paper) / (1 - paper), 0, 1)  # (samples, 784)
            name = f"{title}, epoch {run.epoch}"
            pictures[name] = to_numpy(y[:12]).reshape(-1, 28, 28)
            found["distance"].append(judge.distance(test, y))
            found["shares"] = judge.shares(y)
            found["spread"] = float(y.std(axis=0).mean())
            print(f"{name}: distance {found['distance'][-1]:.1f}", flush=True)

    settings = dict(epochs=epochs, batch_size=cfg.batch_size, seed=cfg.seed)
    sides = dict(optimizer_d=Adam(rate, beta_1), optimizer_g=Adam(rate, beta_1))
    gan.fit(x, **sides, **settings, callbacks=[Look()], verbose=False)
    losses = np.array([[float(value) for value in step] for step in gan.losses])
    found["L_D"], found["L_G"] = losses.T
    return found


recipe = dict(rate=cfg.recipe_rate, epochs=cfg.recipe_epochs, ema_decay=cfg.ema_decay)
runs = {
    "as stated": train("as stated", cfg.beta_1),
    "repaired": train("repaired", cfg.repaired),
    "recipe": train("recipe", cfg.repaired, **recipe),
}
history = {"distance": runs["recipe"]["distance"]}

# %%
# Look
# ----
# With beta_1 = 0.9 both losses swing, against each other. When L_D is low, D rejects
# all of G's pictures; then G has moved them, and L_D rises again. Because all of them
# are one picture, they are rejected or accepted together, and this makes the swings so
# wide. With 0.5, L_D is calm, and G has the time to make the pictures of different
# codes different. Note that its L_G rises while its pictures get better: it says only
# that D improves faster. This is why the losses of a GAN cannot be read as errors.


def sixty(values):
    """Means of (at most) sixty parts of a run."""
    return [part.mean() for part in np.array_split(values, min(60, len(values)))]


groups = {}
for side, chance in {"L_D": 2 * math.log(2), "L_G": math.log(2)}.items():
    lines = {title: sixty(runs[title][side]) for title in ("as stated", "repaired")}
    groups[side] = lines | {"chance level": [chance] * len(lines["repaired"])}
at = np.linspace(0, cfg.epochs, len(lines["repaired"]) + 1)[1:]  # the ends of the parts
figure = panels(groups, "Losses of D and G", "epoch", "nats", columns=2, x=at)
show(cfg, figure, "losses", "both losses over time: wide swings as stated, else calm")

# %%
# The quality of the samples is measured by the judge: the distance of their features
# from those of real test pictures. This is an error, and it falls where L_G does not.

lines = {title: runs[title]["distance"] for title in ("as stated", "repaired")}
levels = {"recipe, at its end": history["distance"][-1], "real pictures": floor}
at = [max(cfg.epochs // 5, 1) * (i + 1) for i in range(len(lines["repaired"]))]
title = "Distance of the samples from real pictures"
figure = curves(lines, title, "epoch", "distance", levels, x=at)
show(cfg, figure, "distance", "distance by epoch: larger as stated than repaired")

# %%
# Do samples differ, or are they one picture? Every row has the same twelve codes.

figure = image_rows(pictures, "Pictures of twelve codes in the three runs")
show(cfg, figure, "pictures", "rows of equal blots as stated, and digits in the others")

# %%
# The judge has ten classes and none for "no digit": it takes every blot for some digit,
# and equal blots for the same one.

shares = {title: 100 * run["shares"] for title, run in runs.items()}
shares["real pictures"] = 100 * judge.shares(test)
title = "Classes of the samples: share of each digit in percent"
figure = heat_map(shares, title, "digit", range(10), "share (%)", numbers="{:.0f}")
show(cfg, figure, "shares", "share of each digit: one of nearly all if collapsed")

# %%
# Expected against reference
# --------------------------
# The references are the same networks and settings in PyTorch, judged by the same
# judge. The metrics:
#
# .. code-block:: text
#
#    as stated, repaired,  the three runs: published settings, beta_1 = 0.5, recipe
#    recipe
#    distance              Frechet distance of the judge's features to those of test
#                          pictures; it means something only beside other distances by
#                          the same judge
#    real to real          the same distance, of training pictures
#    spread                standard deviation of a pixel over the samples, mean of all
#                          pixels: near 0 if all samples are one picture
#    rarest class (%)      share of the digit that the judge finds least often
#    classes over 1 %      number of digits with a share above 1 %
#    swing of L_D          standard deviation of L_D over the sixty parts of the run

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
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                             cause                           look at
#    L_D never falls below 1.0           a sigmoid where logits belong   --break sigmoid
#    gray specks on the paper, to the    paper at 0, where the tanh is   --break scale
#    end                                 steep

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --beta-1 0 --repaired 0.7           smaller swings: distances 17 and 46
#    --units 64                          smaller G and D: the same, but slower
#    --initializer glorot_uniform        D starts stronger: all three runs need longer

# %%
# Exercise
# --------
# Let G maximize L_D instead: write a subclass of ``GAN`` whose ``generator_gradients``
# uses the target 0 and changes the sign of da. Print the norm of the gradient of G in
# every epoch, for both losses. How do the two differ while D is sure of itself? The
# answer: ``scratchnet answer 20``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(through, loss, Judge))

# sphinx_gallery_thumbnail_number = 4
