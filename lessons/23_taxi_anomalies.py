r"""
23 - Taxi anomalies
===================

Teach a network what a usual day looks like; a day that it cannot draw again is odd.

**You will see**

- how odd each of 215 days is to a model that has seen the first 121, all of them normal;
- that how an error is counted decides: three or four of five labelled days among the eight highest;
- a holiday that no model of single days can find: it is a perfect Sunday, on a Thursday.

**Facts**: 10 s on a laptop with the default data, an invented series with five planted odd days;
20 s with ``--dataset taxi``. Before this: 17, LSTM autoencoder. Next: 19, convolutional against
LSTM. Papers: Malhotra and others (2016), LSTM-based encoder-decoder for multi-sensor anomaly
detection; Lavin and Ahmad (2015), the Numenta Anomaly Benchmark.

.. math:: e = y(x) - x, \quad score = e^T S^{-1} e, \quad S = \frac{1}{n} \sum_{train} e e^T
"""

# %%
# Knobs
# -----
# Every number you may turn; each is also a flag, as in ``--units 16``.

import numpy as np
from sklearn.decomposition import PCA

from scratchnet.backend import to_device, to_numpy
from scratchnet.data.series import HALF_HOURS, load_days
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import LSTM, Dense, RepeatVector, Sequential, TimeDistributed
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import MeanSquaredError
from scratchnet.optimizers import Adam
from scratchnet.plots import curves, panels, timeline
from scratchnet.training import fit, predict

cfg = knobs(
    "23_taxi_anomalies",
    units=64, epochs=80, batch_size=16, learning_rate=0.003, top=8, ridge=0.01, seed=0,
    datasets={"pattern": {"units": 32, "epochs": 40}, "taxi": {}},
    breaks={"early": "three epochs only: whatever is not an average day looks odd",
            "unscaled": "the model gets counts, up to 30,000, instead of numbers around 0",
            "contaminated": "the odd days are in the training set, each eight times"},
    quick={"units": 8, "epochs": 3, "batch_size": 64},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# A day is 48 half hours. The first 121 days are known to be normal: they alone set the scale, and
# they alone train. Of the other 94, five carry a label, used for nothing but the final count.

days = load_days(cfg.dataset)
n, weekdays = days.n_normal, days.weekdays  # (N,) 0 for Monday
mean, std = days.counts[:n].mean(), days.counts[:n].std()
z = days.counts if cfg.broken == "unscaled" else (days.counts - mean) / std  # (N, 48)
usual = np.stack([z[:n][weekdays[:n] == k].mean(axis=0) for k in range(7)])  # (7, 48)
left = z - usual[weekdays]  # (N, 48), what the mean of its weekday leaves of a day
print(f"{days}, half hours {z.shape}, {z.dtype}, {z.min():.2f} to {z.max():.2f}")

kinds = {"Monday to Thursday": [0, 1, 2, 3], "Friday": [4], "Saturday": [5], "Sunday": [6]}
week = {name: usual[which].mean(axis=0) for name, which in kinds.items()}
figure = curves(week, "A usual week", "half hour of the day", "passengers, scaled")
show(cfg, figure, "week", "the mean of weekdays, Fridays, Saturdays and Sundays over a day")

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol   in the code   shape         meaning
#    x        x             (N, 48, 1)    days, scaled by the training days
#    y(x)     model(x)      (N, 48, 1)    the same days, drawn from their codes
#    e        e             (N, 48)       errors, one each half hour
#    S        S             (48, 48)      how the errors of training days vary, and together
#
#    mean square    e.e / 48              an error counts the same at any time of day
#    distance       e^T S^-1 e / 48       an error counts by how unusual it is: about 1 in training
#
# The second is Malhotra's score, the Mahalanobis distance: where, or in what combination, training
# days hardly ever err, a small error says more. S comes from few days and has directions of almost
# no spread, so a hundredth of its mean variance (``--ridge``) is added to the diagonal.

# %%
# Build
# -----
# Lesson 17's repaired model. Two of them: one is shown the day alone, one what is left of it when
# the usual day of its weekday is taken off.


def build():
    layers = [LSTM(cfg.units), RepeatVector(HALF_HOURS), LSTM(cfg.units, return_sequences=True)]
    model = Sequential([*layers, TimeDistributed(Dense(1))])
    model.build((HALF_HOURS, 1), cfg.seed)
    return model


models = {"the day alone": build(), "less its weekday": build()}
shown = {"the day alone": z, "less its weekday": left}
inputs = {name: to_device(part[..., None]) for name, part in shown.items()}
loss = MeanSquaredError()
print(models["the day alone"].summary())

# %%
# Check before you train
# ----------------------
# Gradient right? And an answer to beat: the usual day of each weekday, without any network.

print(gradcheck(build(), z[:2, :, None], z[:2, :, None], loss=loss, samples=8))
table_mse = float((left[:n] ** 2).mean())
print(f"the usual day of its weekday: MSE {table_mse:.4f} in training")

# %%
# Run
# ---

epochs = 3 if cfg.broken == "early" else cfg.epochs
train = np.arange(n)
if cfg.broken == "contaminated":
    train = np.append(train, np.repeat(np.flatnonzero(days.is_odd), 8))
options = dict(loss=loss, batch_size=cfg.batch_size, seed=cfg.seed, verbose=False)
history = {}
for name, model in models.items():
    seen = to_device(shown[name][train, :, None])
    told = fit(model, seen, seen, epochs=epochs, optimizer=Adam(cfg.learning_rate), **options)
    history[name] = told["loss"]
    print(f"{name}: training MSE {told['loss'][0]:.4f} -> {told['loss'][-1]:.4f}", flush=True)

# %%
# Look
# ----

levels = {"usual day of its weekday": table_mse}
title = "Training error: whole days, and what their weekday leaves"
figure = curves(history, title, "epoch", "MSE (scaled passengers)", levels=levels, log=True)
show(cfg, figure, "loss", "both training errors fall")


def distance(e):
    """How far the errors (N, 48) of a day are from those of the training days."""
    e = e.astype("float64")
    S = e[:n].T @ e[:n] / n  # (48, 48)
    S += cfg.ridge * np.trace(S) / len(S) * np.eye(len(S))
    return (e * np.linalg.solve(S, e.T).T).mean(axis=1)  # (N,)


answers = {name: to_numpy(predict(model, inputs[name]))[..., 0] for name, model in models.items()}
pca = PCA(8).fit(z[:n])
errors = {"weekday's mean": left, "PCA to 8": z - pca.inverse_transform(pca.transform(z)),
          "LSTM": answers["the day alone"] - z,
          "LSTM, less weekday": answers["less its weekday"] - left}  # fmt: skip
scores = {}
for name, e in errors.items():
    scores[f"{name}: mean square"] = (e**2).mean(axis=1)  # (N,)
    scores[f"{name}: distance"] = distance(e)

# %%
# Where do the five labelled days stand among the 94 after training, 1 being the oddest? "Found"
# counts those among the eight highest; "or beside" lets the day before or after stand for it: few
# holidays start and end at midnight, and the benchmark itself allows two days on either side.
#
# Taxi, ``--seed`` 0 to 2: the mean square finds 2 or 3, the distance 4 each time. But look at the
# first row: the mean of each weekday, no network at all, finds as many. With 121 days of one number
# each half hour a table is hard to beat; an LSTM earns its cost where no table can be made.

labelled = np.flatnonzero(days.is_odd)


def places(score):
    """{index of a day after training: its place, 1 for the highest score}."""
    order = n + np.argsort(-score[n:], kind="stable")
    return {int(day): place for place, day in enumerate(order, 1)}


def count(score, near):
    """How many labelled days have, within `near` days, one of the highest scores."""
    highest = np.array(list(places(score))[: cfg.top])
    return int(sum(abs(highest - day).min() <= near for day in labelled))


found = {name: (count(score, 0), count(score, 1)) for name, score in scores.items()}
rows = [(name, *(places(score)[day] for day in labelled), *found[name])
        for name, score in scores.items()]  # fmt: skip
print(table(("score", *(d[5:] for d in days.odd), f"found in {cfg.top}", "or beside"), rows))

# %%
# The highest days, one by one. What stands beside a labelled day is seldom a false alarm. In the
# taxi series the clocks went back in the night of 11-02, so one hour counts twice; 12-24 and 12-31
# are eves; on 01-26 the storm came, on 01-27 the streets were closed.

names = dict(zip(labelled, days.odd.values(), strict=True))
beside = {day + k: f"beside: {name}" for day, name in names.items() for k in (-1, 1)} | names
score = scores["LSTM: distance"]
rows = [(place, days.dates[day], "Mo Tu We Th Fr Sa Su".split()[weekdays[day]], float(score[day]),
         beside.get(day, "")) for day, place in list(places(score).items())[:10]]  # fmt: skip
print(table(("place", "date", "day", "distance", "label"), rows))

for name, file in (("LSTM: distance", "alone"), ("LSTM, less weekday: mean square", "weekday")):
    figure = timeline(days.dates, scores[name], days.odd, f"How odd each day is: {name}", "date",
                      "score", known=n)  # fmt: skip
    show(cfg, figure, f"scores_{file}", "a score for each day, high for most of the labelled days")

# %%
# The days themselves. The model draws the usual day nearest to what it read; the score is where the
# lines part. Thanksgiving, or the planted Thursday, is drawn as well as any Sunday: nothing is odd.
# Less its weekday, the planted day is found at once, Thanksgiving by the day after it.

named = {"a normal day": n - 1} | {f"{str(days.dates[day])[5:]}: {name}": day
                                   for day, name in names.items()}  # fmt: skip
drawn = {caption: {"the day": z[day], "drawn from its code": answers["the day alone"][day]}
         for caption, day in named.items()}  # fmt: skip
figure = panels(drawn, "One normal day and the five labelled ones", "half hour", "scaled")
show(cfg, figure, "days", "six days, each beside what the model draws from its code")

# %%
# Expected against reference
# --------------------------
# The same in PyTorch: tests/reference/make_lesson_days.py, five seeds.

alone, less = found["LSTM: distance"][0], found["LSTM, less weekday: mean square"]
metrics = {"training MSE": history["the day alone"][-1], "found, distance": alone,
           "found, less weekday": less[0], "or beside, less weekday": less[1]}  # fmt: skip
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --units 8                            a small state: the error stays higher
#    --dataset taxi --seed 1              places change: 121 days are few

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                              cause                           look at
#    every Saturday looks odd             stopped too early               --break early
#    the loss starts at 1e8 and stays     counts were not scaled          --break unscaled
#    odd days have a low mean square      they were in the training set   --break contaminated

# %%
# Exercise
# --------
# The clock of 11-02 comes first by the distance, only fifth or so by the mean square. Why? (Draw S:
# in training neighbouring half hours err together; here two of them differ from all around.)

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(LSTM, RepeatVector, TimeDistributed, Dense, MeanSquaredError))
