r"""
33 - Many workers
=================

Train one network with several workers, and predict what a thousand of them would do.

**You will see**

- a training step that two workers share, written out, and equal to the step of one;
- what each worker holds, what it sends, and how much faster two of them are here;
- where more workers stop helping, and what a larger batch does to learning.

**Facts**: 40 s on a laptop with the default data, scikit-learn's digits. Before this:
32, bug zoo. Next: 34, which digit is where. Paper: Rajbhandari et al. (2020), ZeRO:
memory optimizations toward training trillion parameter models.

.. math:: g = \sum_r \frac{N_r}{N} g_r, \quad g_r = \frac{\partial L_r}{\partial w}
"""

# %%
# Knobs
# -----
# The settings of this lesson. Each is also a flag: ``--units 256``.

import time

import numpy as np

from scratchnet.backend import on_host, to_device, to_numpy
from scratchnet.data import load_images
from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Dense, ReLU, Sequential
from scratchnet.lesson import knobs, layer_table, report, show, table
from scratchnet.losses import SoftmaxCrossEntropy
from scratchnet.metrics import accuracy
from scratchnet.optimizers import SGD, Adam
from scratchnet.parallel import run, shared_copy
from scratchnet.plots import curves, image_grid
from scratchnet.training import evaluate, fit
from scratchnet.workers import Workers, rows_of, share

cfg = knobs(
    "33_many_workers",
    units=512, batch_size=256, steps=20, epochs=30, learning_rate=0.0125, seed=0,
    datasets={"digits": {}, "mnist": {"epochs": 3}},
    breaks={"share": "each worker's gradient counts as that of a whole batch",
            "rows": "every worker takes the first rows of the batch"},
    quick={"epochs": 3, "steps": 3, "units": 64},
)  # fmt: skip

# %%
# Data, and the first picture
# ---------------------------
# A batch of digits, and the rows of it that belong to each of two workers.

images = load_images(cfg.dataset, size=28)
x_all, t_all = images.x_train.reshape(-1, 784), images.y_train
x_batch, t_batch = x_all[: cfg.batch_size], t_all[: cfg.batch_size]
print(f"train {x_all.shape}, batch {x_batch.shape}")
shown = np.concatenate([images.x_train[:8], images.x_train[cfg.batch_size // 2 :][:8]])
title = "First line: rows of worker 0. Second line: rows of worker 1"
show(cfg, image_grid(shown, 8, title), "rows", "the digits of two workers, a line each")

# %%
# Idea
# ----
# A training step computes a gradient for each sample of a batch and takes the mean.
# The samples do not depend on one another. So the batch can be divided: each worker, a
# thread, a process or a computer, computes the gradient of its own samples, and the
# gradients of all workers are added. Then every worker could make the same update of
# all parameters. But this would be the same work n times, and each worker would hold
# all vectors of the optimizer: for Adam two more numbers for each parameter.
#
# It is better to divide the update, too. Each worker is responsible for one stretch of
# the parameters. It receives the sum of the gradients for that stretch only, updates
# it, and sends the new parameters to all others. The first operation is called
# reduce-scatter, the second all-gather. Together they send no more than the addition
# of the gradients on every worker would, and the work and the memory of the optimizer
# are divided by the number of workers. The large frameworks call this sharded data
# parallelism.
#
# There are two limits. Sending takes time, which does not become less with more
# workers. And the batch must be large enough to be divided, but a larger batch means
# fewer updates in an epoch.

# %%
# The maths
# ---------
# .. code-block:: text
#
#    symbol    in the code       shape    meaning
#    w         model.parameters  (P,)     all parameters, on every worker
#    n         group.size        ()       number of workers
#    N, N_r    len(x), rows_of   ()       samples of the batch, of worker r
#    g_r       g                 (P,)     (N_r / N) dL_r/dw, of worker r
#    s_r       group.stretch(P)  slice    stretch of worker r, P / n numbers
#
#    reduce-scatter   worker r receives  G_r = g_0[s_r] + g_1[s_r] + ...      (P / n,)
#    update           worker r computes  w[s_r] from w[s_r] and G_r
#    all-gather       worker r receives  w[s_0], w[s_1], ...                  (P,)
#
# On a ring, each worker sends (n - 1) / n * P numbers in each of the two operations.
# The time of a step is then, with the times a for a sample, b for the start of the
# operations, and c to send a number:
#
# .. code-block:: text
#
#    time(n) = a N / n + b + c 2 (n - 1) / n P          for n > 1; time(1) = a N

# %%
# Build
# -----
# A classifier, and the step that the workers share. Every worker calls this function
# with the same batch; ``group`` knows its rank and exchanges the vectors.

loss = SoftmaxCrossEntropy()


def build(units):
    model = Sequential([Dense(units), ReLU(), Dense(units), ReLU(), Dense(10)])
    model.build((784,), cfg.seed)
    return model


def share_of(mine, n):
    """The factor of a worker's gradient: its share of the samples."""
    return (mine.stop - mine.start) / n


def my_rows(group, n):
    """The rows of a batch of n samples that belong to this worker."""
    return rows_of(group, n)


def step_by_hand(group, model, optimizer, x, t):
    mine = my_rows(group, len(x))
    y, cache = model.forward(x[mine], train=True)
    _, loss_cache = loss.forward(y, t[mine])
    dy = share_of(mine, len(x)) * loss.backward(loss_cache)
    g = model.flatten(model.weight_gradients(dy, cache))  # (P,)
    w = model.parameters  # (P,)
    s = group.stretch(len(w))
    total = np.empty_like(w[s])  # (P / n,)
    group.reduce_scatter(g, total)
    optimizer.step(w[s], total)  # the optimizer of this worker, for its stretch
    group.all_gather(w[s], w)


# %%
# Check before you train
# ----------------------
# The gradients, and then the step: one worker, two and three, as threads and as
# processes, must arrive at the same parameters, up to the rounding of float32. Arrays
# that several processes change lie in shared memory, which ``share`` provides.


def parameters_after(n, kind, steps=3):
    """Parameters after some steps by hand of n workers."""
    model = build(32).map_arrays(to_numpy)
    arrays = share(model, SGD(cfg.learning_rate), kind, n)

    def work(group):
        for _ in range(steps):
            step_by_hand(group, model, SGD(cfg.learning_rate), x_batch, t_batch)

    run(work, n, kind, arrays=arrays, capacity=arrays[-1].size)
    return model.parameters.copy()


print(gradcheck(build(8), x_batch[:4], t_batch[:4], loss=loss, samples=20))
one = parameters_after(1, "alone")
kinds = [(n, kind) for n in (2, 3) for kind in ("threads", "processes")]


def differences():
    """Largest difference of a parameter from that of one worker, {workers: number}."""
    return {f"{n} {k}": abs(parameters_after(n, k) - one).max() for n, k in kinds}


print(table(("workers", "largest difference"), differences().items()))

# %%
# Break it on purpose
# -------------------
# ``--break NAME`` changes the step of the workers.

if cfg.broken == "share":

    def share_of(mine, n):
        return 1.0

elif cfg.broken == "rows":

    def my_rows(group, n):
        return slice(0, n // group.size)


# %%
# Run
# ---
# First once more the comparison, which shows a fault; then the time of a step, for 1, 2
# and 4 workers and two sizes of batch, without the first steps. Then the time of the
# exchange alone, for a short and a long vector, which gives b and c.

after = differences()
print(table(("workers", "largest difference"), after.items()))


def seconds_per_step(n, batch_size):
    model = build(cfg.units).map_arrays(to_numpy)
    arrays = share(model, Adam(), "processes", n)
    x, t = (np.resize(a, (batch_size, *a.shape[1:])) for a in (x_all, t_all))

    def work(group):
        optimizer, times = Adam(0.01), []
        for _ in range(cfg.steps + 2):
            began = time.perf_counter()
            step_by_hand(group, model, optimizer, x, t)
            times.append(time.perf_counter() - began)
        return float(np.median(times[2:]))

    return run(work, n, "processes", arrays=arrays, capacity=arrays[-1].size)


def seconds_per_exchange(length):
    w = shared_copy(np.zeros(length, "float32"))

    def work(group):
        g, s, times = group.buffer(length), group.stretch(length), []
        total = np.empty_like(w[s])
        for _ in range(cfg.steps + 2):
            began = time.perf_counter()
            group.reduce_scatter(g, total)
            group.all_gather(total, w)
            times.append(time.perf_counter() - began)
        return float(np.median(times[2:]))

    return run(work, 2, "processes", arrays=[w], capacity=length)


sizes = (cfg.batch_size, 4 * cfg.batch_size)
measured = {N: [seconds_per_step(n, N) for n in (1, 2, 4)] for N in sizes}
P = build(cfg.units).n_parameters
short, long = seconds_per_exchange(1000), seconds_per_exchange(P)
c = max(long - short, 1e-9) / (P - 1000)  # for 2 workers 2 (n - 1) / n is 1
b, a = short, measured[sizes[1]][0] / sizes[1]
rows = [
    (N, n, 1e3 * s, measured[N][0] / s)
    for N in sizes
    for n, s in zip((1, 2, 4), measured[N], strict=True)
]
print(table(("batch", "workers", "ms per step", "speed-up"), rows))
print(f"P {P:,}, a {1e6 * a:.2f} us, b {1e6 * b:.0f} us, c {1e9 * c:.3f} ns")

# %%
# Then the training itself. ``fit`` runs the same step. The larger the batch, the fewer
# updates there are in an epoch; a learning rate in proportion to the batch makes up
# for some of that (Goyal et al., 2017).

x, t = to_device(x_all), to_device(t_all)
x_test, t_test = to_device(images.x_test.reshape(-1, 784)), to_device(images.y_test)


def train(batch_size, learning_rate, workers=None):
    model = build(64)
    history = fit(
        model,
        x,
        t,
        loss=loss,
        optimizer=SGD(learning_rate),
        epochs=cfg.epochs,
        batch_size=batch_size,
        seed=cfg.seed,
        workers=workers,
        verbose=False,
    )
    return model, history["loss"]


_, small = train(32, cfg.learning_rate)
large_model, large = train(256, cfg.learning_rate)
scaled_model, scaled = train(256, 8 * cfg.learning_rate)
two_model, _ = train(256, 8 * cfg.learning_rate, Workers(2) if on_host(x) else None)
history = {
    "batch 32, rate r": small,
    "batch 256, rate r": large,
    "batch 256, rate 8 r": scaled,
}
score = {"accuracy": accuracy}
found = evaluate(scaled_model, loss, x_test, t_test, score)["accuracy"]
drift = float(abs(two_model.parameters - scaled_model.parameters).max())
print(f"accuracy {found:.3f}; two workers against one, parameters: {drift:.1e}")

# %%
# Look
# ----
# The model of the time for up to 1024 workers, with the constants of this machine. In
# strong scaling the batch stays as it is: the work of each worker shrinks, the exchange
# does not, and soon the exchange takes most of the time. In weak scaling each worker
# has a batch of its own size, so the batch grows with n: the speed-up per sample keeps
# growing. The measured points for 4 workers lie below the line where the machine has
# fewer cores than that.

counts = np.array([2**k for k in range(11)])


def speed_up(samples, work):
    """Samples per second relative to one worker, for `work` samples each."""
    seconds = a * work + np.where(counts > 1, b + c * 2 * (counts - 1) / counts * P, 0)
    return samples / seconds * a


N = cfg.batch_size
lines = {
    "strong scaling, batch N": speed_up(N, N / counts),
    "strong scaling, batch 16 N": speed_up(16 * N, 16 * N / counts),
    "weak scaling, N for each worker": speed_up(N * counts, N),
    "without an exchange": counts,
}
title = f"Speed-up by the model of the time, N = {N}, P = {P:,}"
figure = curves(lines, title, "workers", "speed-up", x=list(counts), log=True)
show(
    cfg, figure, "scaling", "speed-up for 1 to 1024 workers in strong and weak scaling"
)

# %%
# And what the size of the batch does to learning, epoch by epoch.

figure = curves(history, "Loss for small and large batches", "epoch", "training loss")
show(cfg, figure, "batches", "training loss by epoch for two sizes of the batch")

# %%
# Expected against reference
# --------------------------
# The parameters after some steps do not depend on the number of workers, up to
# rounding, so the differences are given with five decimals. Times depend on the machine
# and have no reference.

metrics = {
    "workers - one worker": round(float(max(after.values())), 5),
    "two workers in fit - one": round(drift, 5),
    "test accuracy, batch 256, rate 8 r": float(found),
}
print(table(("metric", "value"), metrics.items()))
report(cfg, metrics)

# %%
# Pitfalls
# --------
# .. code-block:: text
#
#    symptom                                 cause                       look at
#    training diverges with more workers     gradients are added where   --break share
#                                            their mean is meant
#    a loss that falls more slowly, with     some samples are never      --break rows
#    no error                                used
#    two workers are slower than one         each uses all cores for     OMP_NUM_THREADS
#                                            its products                doctor

# %%
# What to try
# -----------
# .. code-block:: text
#
#    --units 2048           more parameters: does the exchange cost more or less?
#    --batch-size 32        too little work for each worker
#    --workers 1            fit with one worker, to compare the time of the lesson
#    --dataset mnist        60,000 pictures

# %%
# Exercise
# --------
# Adam needs two vectors, m and v. How many numbers does each of 8 workers hold for a
# model of P parameters, with the step above and with a step in which every worker
# updates all parameters? The answer: ``scratchnet answer 33``.

# %%
# The layers used
# ---------------
# Where each part is defined, and the check that proves it.

print(layer_table(large_model, loss, run, fit))

# sphinx_gallery_thumbnail_number = 2
