"""The training loop, in pieces that a lesson can also use one by one.

    for i in batches(len(x), batch_size, rng):             # indices of the batch's samples
        train_step(model, loss, optimizer, x[i], t[i])     # forward, backward, update

`fit` adds validation, a history, a progress bar and callbacks (early stopping, checkpoints).
"""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from tqdm import tqdm

from scratchnet.backend import RNG, Array, xp_of
from scratchnet.layers.base import Layer
from scratchnet.loss_base import with_mask
from scratchnet.losses import Loss
from scratchnet.optimizers import Optimizer
from scratchnet.saving import model_arrays
from scratchnet.threads import map_batches, on_threads, shards, weighted_mean
from scratchnet.training_checks import (
    all_finite,
    check_callbacks,
    check_data,
    check_loss,
    check_metrics,
    check_optimizer,
    check_options,
    check_seed,
    check_targets,
    check_validation,
    metric_value,
)
from scratchnet.validation import check_bool, check_positive_int

__all__ = ["TrainingDiverged", "batches", "evaluate", "fit", "predict", "train_step"]

MUST_BE_FINITE = ("loss", "penalty", "val_loss", "val_penalty")

Metrics: TypeAlias = dict[str, Callable[[Array, Array], Any]]  # {name: f(prediction, target)}
History: TypeAlias = dict[str, list[float]]


class TrainingDiverged(ArithmeticError):
    """Error of a run whose loss became NaN or infinite; `history` holds the epochs before."""

    history: History | None = None


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
    """Return (loss, penalty, gradient vector, prediction) for a batch, or for a shard of it."""
    y, cache = model.forward(x, train=True)
    loss = with_mask(loss, y, model.input_mask(cache))
    value, loss_cache = loss.forward(y, target)
    grads = model.weight_gradients(loss.backward(loss_cache), cache)
    model.update_running_stats(cache)
    return value, model.penalty(cache), model.flatten(grads), y


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

        value, penalty, gradient, y = shard_gradients(model, loss, x, target)
        optimizer.step(model.parameters, gradient)

    The batch of a convolutional model is cut into shards, whose gradients are computed on threads
    and averaged, see `scratchnet.threads`.

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
    parts = shards(model, loss, x)
    results = on_threads(lambda s: shard_gradients(model, loss, x[s], target[s]), parts, threads)
    values, penalties, grads, ys = zip(*results, strict=True)  # a list for each of the four
    optimizer.step(model.parameters, weighted_mean(grads, parts))
    y = ys[0] if len(ys) == 1 else xp_of(*ys).concatenate(ys)
    return weighted_mean(values, parts), weighted_mean(penalties, parts), y


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
    epoch = _EpochNumbers(check_metrics(metrics))

    def evaluate_batch(s):
        y, cache = model.forward(x[s])
        t, batch_loss = target[s], with_mask(loss, y, model.input_mask(cache))
        weight = getattr(batch_loss, "weight", len(y))  # of a masked loss: its real steps
        return batch_loss(y, t), model.penalty(cache), y, t, weight

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
        evaluate(model, loss, x_val[:1], t_val[:1])  # an error now, not an epoch later
    check_targets(model, loss, (target, *(validation or ())[1:]))
    optimizer.bind(model)
    settings = {
        "samples": len(x),
        "batch_size": int(batch_size),
        "shuffle": check_bool("fit", "shuffle", shuffle),
        "seed": check_seed(seed),
        "optimizer": type(optimizer).__name__,
        "running vectors": list(optimizer.slots),
        "callbacks": [type(c).__name__ for c in callbacks],
    }
    run = Run(model, optimizer, epochs, settings, callbacks, threads)
    for callback in callbacks:
        callback.on_start(run)

    while run.epoch < epochs and not run.stop:
        began, done = time.perf_counter(), run.epoch
        backup = [array.copy() for array in run.arrays()], optimizer.get_state()
        try:
            numbers = _epoch(run, loss, x, target, metrics, verbose)
            if validation is not None:
                held_out = evaluate(model, loss, x_val, t_val, metrics, threads=threads)
                numbers |= {f"val_{name}": number for name, number in held_out.items()}
            diverged = [name for name in MUST_BE_FINITE if not math.isfinite(numbers.get(name, 0))]
            if diverged or not all_finite(*run.arrays()):
                _restore(run, backup)
                name = diverged[0] if diverged else "parameters"
                raise_diverged(run.history, name, numbers.get(name, "infinite or NaN"), run.epoch)
            numbers["seconds"] = time.perf_counter() - began
            for name, number in numbers.items():
                run.history.setdefault(name, []).append(number)
            run.epoch += 1
            if verbose:
                print(f"epoch {run.epoch}/{epochs}  " + _line(numbers), flush=True)
            for callback in callbacks:
                callback.on_epoch_end(run)
        except KeyboardInterrupt:
            if run.epoch == done:  # in the middle of an epoch
                _restore(run, backup)
            run.stop = run.interrupted = True
            run.history.setdefault("loss", [])
            if verbose:
                print(f"interrupted after {run.epoch} epochs", flush=True)
    for callback in callbacks:
        callback.on_end(run)
    return run.history


def _epoch(run, loss, x, target, metrics, verbose):
    """One pass over the data; returns the averages of its losses and metrics."""
    n, size = len(x), run.settings["batch_size"]
    rng = RNG(run.settings["seed"]).fork(run.epoch)  # so that a resumed run draws equal numbers
    run.model.set_rng(rng)
    steps = batches(n, size, rng if run.settings["shuffle"] else None)
    label, numbers = f"epoch {run.epoch + 1}/{run.epochs}", _EpochNumbers(metrics)
    bar = tqdm(steps, label, math.ceil(n / size), leave=False, disable=None if verbose else True)
    for s in bar:
        t = target[s]
        value, penalty, y = train_step(run.model, loss, run.optimizer, x[s], t, run.threads)
        numbers.add(value, penalty, y, t)
    return numbers.read()


@dataclasses.dataclass
class Run:
    """State of a `fit` in progress, the argument of a callback's methods."""

    model: Layer
    optimizer: Optimizer
    epochs: int  # to do in all
    settings: dict[str, Any]
    callbacks: list
    threads: int | None = None
    epoch: int = 0  # done so far
    history: History = dataclasses.field(default_factory=dict)
    stop: bool = False  # a callback sets it to True to end the run after this epoch
    interrupted: bool = False  # True after Ctrl-C

    def arrays(self) -> list[Array]:
        """All arrays of the model that training changes: parameters and running averages."""
        return list(model_arrays(self.model).values())


class _EpochNumbers:
    """Loss, penalty and metrics of the samples of an epoch; they stay on the device until read."""

    def __init__(self, metrics):
        self.metrics, self.outputs = metrics, []
        self.loss, self.penalty, self.n, self.weight = 0, 0, 0, 0

    def add(self, value, penalty, y, target, weight=None):
        """Add a batch: its mean loss and penalty, its predictions and targets.

        The weight is that of its loss in the mean over batches; None: the number of its samples.
        """
        n = len(y)
        weight = n if weight is None else weight
        self.loss = self.loss + value * weight
        self.penalty = self.penalty + penalty * n
        self.n, self.weight = self.n + n, self.weight + weight
        if self.metrics:
            self.outputs.append((y, target))

    def read(self):
        """The numbers of all samples, {name: float}."""
        numbers = {"loss": float(self.loss) / max(self.weight, 1)}
        if type(self.penalty) not in (int, float):  # a plain 0: no layer adds a penalty
            numbers["penalty"] = float(self.penalty) / self.n
        if not math.isfinite(numbers["loss"]):  # diverged: predictions that no metric takes
            return numbers | dict.fromkeys(self.metrics or (), math.nan)
        if self.metrics:
            xp = xp_of(self.outputs[0][0])
            y, target = (xp.concatenate(parts) for parts in zip(*self.outputs, strict=True))
            for name, metric in self.metrics.items():
                numbers[name] = metric_value(name, metric(y, target))
        return numbers


def _restore(run, backup):
    """Give model and optimizer the state of the backup."""
    arrays, optimizer_state = backup
    for array, saved in zip(run.arrays(), arrays, strict=True):
        array[...] = saved
    run.optimizer.set_state(optimizer_state)


def raise_diverged(history: History, name: str, value: Any, epoch: int) -> None:
    """Raise TrainingDiverged for a number that became NaN or infinite after `epoch` epochs."""
    error = TrainingDiverged(
        f"the {name} became {value} in epoch {epoch + 1}; the model has the parameters of epoch "
        f"{epoch} again. Lower the learning rate, or clip the gradient: clip=ClipByGlobalNorm(1.0)"
    )
    error.history = history
    raise error


def _line(numbers):
    seconds = f"{numbers['seconds']:.1f} s"
    return "  ".join([f"{n} {v:.4f}" for n, v in numbers.items() if n != "seconds"] + [seconds])
