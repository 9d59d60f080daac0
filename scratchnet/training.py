"""The training loop, in pieces that a lesson can also use one by one.

    for i in batches(len(x), batch_size, rng):             # indices of the batch's samples
        train_step(model, loss, optimizer, x[i], t[i])     # forward, backward, update

`fit` adds validation, a history, a progress bar and callbacks (early stopping, checkpoints).
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tqdm import tqdm

from scratchnet.backend import RNG, Array, xp_of
from scratchnet.layers.base import Layer
from scratchnet.loss_base import with_mask
from scratchnet.losses import Loss
from scratchnet.optimizers import Optimizer
from scratchnet.threads import map_batches, on_threads, shards, weighted_mean
from scratchnet.training_checks import (
    check_callbacks,
    check_data,
    check_loss,
    check_metrics,
    check_optimizer,
    check_options,
    check_seed,
    check_targets,
    check_validation,
    warn_of_double_activation,
)
from scratchnet.training_run import (
    EpochNumbers,
    Guard,
    History,
    Metrics,
    Run,
    TrainingDiverged,
    run_settings,
)
from scratchnet.validation import check_bool, check_positive_int

__all__ = ["TrainingDiverged", "batches", "evaluate", "fit", "predict", "train_step"]

MUST_BE_FINITE = ("loss", "penalty", "val_loss", "val_penalty")


def batches(n: int, batch_size: int, rng: RNG | None = None) -> Iterator[Any]:
    """Yield the indices of n samples, a batch at a time; the last batch may be smaller.

    With an `RNG` every sample comes once, in random order; without it the batches are slices.

    >>> list(batches(5, batch_size=2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    check_positive_int("batches", "batch_size", batch_size)
    order = None if rng is None else rng.permutation(n)
    for start in range(0, n, batch_size):
        s = slice(start, min(start + batch_size, n))
        yield s if order is None else order[s]


def shard_gradients(model: Layer, loss: Loss, x: Array, target: Array) -> tuple:
    """Return (loss, penalty, gradient vector, prediction, weight) for a batch or a shard of it.

    The weight is that of the loss in a mean over batches: the number of samples, or of real steps.
    """
    y, cache = model.forward(x, train=True)
    loss = with_mask(loss, y, model.input_mask(cache))
    value, loss_cache = loss.forward(y, target)
    grads = model.weight_gradients(loss.backward(loss_cache), cache)
    model.update_running_stats(cache)
    weight = getattr(loss, "weight", len(y))
    return value, model.penalty(cache), model.flatten(grads), y, weight


def train_step(
    model: Layer,
    loss: Loss,
    optimizer: Optimizer,
    x: Array,
    target: Array,
    threads: int | None = None,
) -> tuple:
    """Update the parameters once. Returns (loss, penalty, prediction), still on the device.

    For a batch that stays whole this is

        value, penalty, gradient, y, _ = shard_gradients(model, loss, x, target)
        optimizer.step(model.parameters, gradient)

    The batch of a convolutional model is cut into shards, whose gradients are computed on threads
    and averaged, see `scratchnet.threads`. Raises ValueError for an optimizer that has trained
    other parameters.

    >>> import numpy as np
    >>> from scratchnet.layers import Dense
    >>> from scratchnet.losses import MeanSquaredError
    >>> from scratchnet.optimizers import SGD
    >>> model, x = Dense(1, kernel_initializer="zeros"), np.ones((4, 2), dtype="float32")
    >>> model.build((2,), 0)
    (1,)
    >>> value, _, _ = train_step(model, MeanSquaredError(), SGD(0.1), x, x[:, :1])
    >>> float(value), model.b.round(3).tolist()  # db = 2 (0 - 1)
    (1.0, [0.2])
    """
    optimizer.bind(model)
    value, penalty, y, _ = _step(model, loss, optimizer, x, target, threads)
    return value, penalty, y


def _step(model, loss, optimizer, x, target, threads):
    """Update the parameters once; return (loss, penalty, prediction, weight of the loss)."""
    parts = shards(model, loss, x)
    results = on_threads(lambda s: shard_gradients(model, loss, x[s], target[s]), parts, threads)
    values, penalties, grads, ys, weights = zip(*results, strict=True)  # a list for each
    optimizer.step(model.parameters, weighted_mean(grads, parts))
    y = ys[0] if len(ys) == 1 else xp_of(*ys).concatenate(ys)
    return weighted_mean(values, parts), weighted_mean(penalties, parts), y, sum(weights)


def predict(model: Layer, x: Array, batch_size: int = 1000, threads: int | None = None) -> Array:
    """Outputs of the model for all of x, at inference, computed in batches to save memory.

    >>> import numpy as np
    >>> from scratchnet.layers import Dense
    >>> model = Dense(1, kernel_initializer="ones")
    >>> model.build((2,), 0)
    (1,)
    >>> predict(model, np.ones((3, 2), dtype="float32")).tolist()
    [[2.0], [2.0], [2.0]]
    """
    x, _ = check_data(model, x)
    parts = list(batches(len(x), batch_size))
    return xp_of(x).concatenate(map_batches(lambda s: model(x[s]), parts, model, x, threads))


def evaluate(
    model: Layer,
    loss: Loss,
    x: Array,
    target: Array,
    metrics: Metrics | None = None,
    batch_size: int = 1000,
    threads: int | None = None,
) -> dict[str, float]:
    """Loss and metrics at inference, over all samples: {"loss": ..., name: ...}.

    The loss is the mean over the samples, or over their steps that exist where a layer masks steps
    by mask_value and the output has as many steps. A metric is computed once, from all predictions
    and targets, because many metrics (F1, the area under a curve) are no means over batches. A
    model with layers that add a penalty to the loss has the entry "penalty", too.

    >>> import numpy as np
    >>> from scratchnet.layers import Dense
    >>> from scratchnet.losses import MeanSquaredError
    >>> model, x = Dense(1, kernel_initializer="zeros"), np.ones((4, 2), dtype="float32")
    >>> model.build((2,), 0)
    (1,)
    >>> evaluate(model, MeanSquaredError(), x, 3 * x[:, :1])
    {'loss': 9.0}
    """
    check_loss(loss)
    x, target = check_data(model, x, target)
    metrics = check_metrics(metrics)
    warn_of_double_activation(model, loss)
    return _evaluate(model, loss, x, target, metrics, batch_size, threads)


def _evaluate(model, loss, x, target, metrics, batch_size=1000, threads=None):
    """`evaluate` for arguments that were checked."""

    def evaluate_batch(s):
        y, cache = model.forward(x[s])
        t, batch_loss = target[s], with_mask(loss, y, model.input_mask(cache))
        value, _ = batch_loss.forward(y, t)
        return value, model.penalty(cache), y, t, getattr(batch_loss, "weight", len(y))

    epoch = EpochNumbers(metrics)
    parts = list(batches(len(x), batch_size))
    for results in map_batches(evaluate_batch, parts, model, x, threads):
        epoch.add(*results)
    return epoch.read()


def fit(
    model: Layer,
    x: Array,
    target: Array,
    *,
    loss: Loss,
    optimizer: Optimizer,
    epochs: int = 1,
    batch_size: int = 32,
    validation: tuple[Array, Array] | None = None,
    metrics: Metrics | None = None,
    callbacks: Sequence = (),
    shuffle: bool = True,
    seed: int = 0,
    threads: int | None = None,
    verbose: bool = True,
    validate: Callable[[Array, Array, Metrics], dict[str, float]] | None = None,
    report: Callable[[dict[str, float]], dict[str, float]] = dict,
    **unknown: Any,
) -> History:
    """Train a built model; return the history, {"loss": [one number per epoch], ...}.

    Parameters
        x, target    samples along the first axis, floats in the model's precision
        loss         from `scratchnet.losses`
        optimizer    from `scratchnet.optimizers`
        validation   (x, target) to evaluate after each epoch: "val_loss", ...
        metrics      {name: function(prediction, target)}, each computed once per epoch from the
                     predictions of all samples, made while the parameters change
        callbacks    from `scratchnet.callbacks`, or your own
        shuffle      draw a new order in each epoch
        seed         of order, dropout and noise; equal seeds give equal bits on one machine
        threads      how many, for convolutional models; None: one per core. The numbers do not
                     depend on it, see `scratchnet.threads`
        verbose      print a line per epoch, and on a terminal show a progress bar
        validate     function of (x, target, metrics) that returns the numbers of the validation
                     set, {name: number}, in place of `evaluate`
        report       function of the numbers of an epoch that returns those for the history, for
                     example under other names

    "loss" is the mean over the epoch's batches, while the parameters change. A penalty that layers
    add to the loss (ActivityRegularization) has an entry of its own, "penalty"; training minimizes
    the sum.

    Ctrl-C ends the run: the model gets the parameters of the last whole epoch back, the callbacks
    end as usual (EarlyStopping restores its best epoch), and the history is returned.

    Raises TypeError for an argument of a wrong kind, ValueError for data that does not fit,
    including data with NaN or infinite values, and TrainingDiverged if the loss becomes NaN or
    infinite; the model then has the parameters of the last epoch with a finite loss.

    >>> import numpy as np
    >>> from scratchnet.layers import Dense
    >>> from scratchnet.losses import MeanSquaredError
    >>> from scratchnet.optimizers import SGD
    >>> x = np.linspace(-1, 1, 64, dtype="float32").reshape(-1, 1)
    >>> model = Dense(1)
    >>> model.build((1,), 0)
    (1,)
    >>> run = dict(loss=MeanSquaredError(), optimizer=SGD(0.1), epochs=100, verbose=False)
    >>> history = fit(model, x, 3 * x + 2, **run)
    >>> model.W.round(3).tolist(), model.b.round(3).tolist()
    ([[3.0]], [2.0])
    """
    check_options("fit", ["fit"], unknown, fit)
    check_positive_int("fit", "epochs", epochs)
    check_positive_int("fit", "batch_size", batch_size)
    check_loss(loss)
    check_optimizer(optimizer)
    metrics, callbacks = check_metrics(metrics), check_callbacks(callbacks)
    x, target = check_data(model, x, target)
    validation = check_validation(model, validation)
    if validation is not None:
        x_val, t_val = validation
        check_targets(model, loss, "validation targets", t_val)
        _evaluate(model, loss, x_val[:1], t_val[:1], {})  # an error now, not an epoch later
    check_targets(model, loss, "targets", target)
    warn_of_double_activation(model, loss)
    optimizer.bind(model)
    settings = run_settings(
        x,
        target,
        validation,
        optimizer,
        {"loss": loss},
        batch_size=int(batch_size),
        shuffle=check_bool("fit", "shuffle", shuffle),
        seed=check_seed(seed),
        metrics=list(metrics),
        callbacks=[type(c).__name__ for c in callbacks],
    )
    run = Run(model, optimizer, epochs, settings, callbacks)
    if validate is None:

        def validate(x, target, metrics):
            return _evaluate(model, loss, x, target, metrics, threads=threads)

    for callback in callbacks:
        callback.on_start(run)
    guard = Guard([model], [optimizer])
    while run.epoch < epochs and not run.stop:
        began, done = time.perf_counter(), run.epoch
        guard.save()
        try:
            numbers = report(_epoch(run, loss, x, target, metrics, threads, verbose))
            if validation is not None:
                held_out = validate(x_val, t_val, metrics)
                numbers |= {f"val_{name}": number for name, number in held_out.items()}
            watched = {name: numbers[name] for name in MUST_BE_FINITE if name in numbers}
            guard.check(watched, run.epoch, run.history)
            run.add(numbers | {"seconds": time.perf_counter() - began})
            if verbose:
                print(run.line(), flush=True)
            for callback in callbacks:
                callback.on_epoch_end(run)
        except KeyboardInterrupt:
            if run.epoch == done:  # in the middle of an epoch
                guard.restore()
            run.stop = run.interrupted = True
            run.history.setdefault("loss", [])
            if verbose:
                print(f"interrupted after {run.epoch} epochs", flush=True)
    for callback in callbacks:
        callback.on_end(run)
    return run.history


def _epoch(run, loss, x, target, metrics, threads, verbose):
    """One pass over the data; returns the averages of its losses and metrics."""
    model, optimizer, n, size = run.model, run.optimizer, len(x), run.settings["batch_size"]
    # A generator of its own for each epoch: a resumed run, or a loop of fits, draws equal numbers
    rng = RNG(run.settings["seed"]).fork(optimizer.epochs)
    model.set_rng(rng)
    steps = batches(n, size, rng if run.settings["shuffle"] else None)
    label, numbers = f"epoch {run.epoch + 1}/{run.epochs}", EpochNumbers(metrics)
    bar = tqdm(steps, label, math.ceil(n / size), leave=False, disable=None if verbose else True)
    for s in bar:
        t = target[s]
        value, penalty, y, weight = _step(model, loss, optimizer, x[s], t, threads)
        numbers.add(value, penalty, y, t, weight)
    return numbers.read()
