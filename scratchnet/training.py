"""The training loop, in pieces that a lesson can also use one by one.

    for i in batches(len(x), batch_size, rng):             # indices of the batch's samples
        train_step(model, loss, optimizer, x[i], t[i])     # forward, backward, update

`fit` adds validation, a history, a progress bar and callbacks (early stopping, checkpoints), and
runs the steps of an epoch on several workers.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tqdm import tqdm

from scratchnet.backend import RNG, Array, xp_of
from scratchnet.batch_rows import batch_rows
from scratchnet.layers.base import Layer
from scratchnet.loss_base import batch_weight, known_targets, with_mask
from scratchnet.losses import Loss, WeightedLoss
from scratchnet.optimizer_base import ALONE, Optimizer
from scratchnet.parallel import Group
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
    check_weights,
    in_a_file,
    nan_in_rows,
    warn_of_double_activation,
)
from scratchnet.training_run import (
    EpochNumbers,
    History,
    Metrics,
    Run,
    TrainingDiverged,
    fingerprint,
    run_epochs,
    run_settings,
)
from scratchnet.training_step import TrainingStep, on_threads, own_counter
from scratchnet.validation import check_bool, check_positive_int
from scratchnet.workers import (
    WorkersOption,
    check_workers,
    gather_rows,
    member,
    part_of,
    rows_of,
    start,
    unshare,
)

__all__ = ["TrainingDiverged", "batches", "evaluate", "fit", "predict", "train_step"]


def batches(n: int, batch_size: int, rng: RNG | None = None) -> Iterator[Any]:
    """Yield the indices of n samples, a batch at a time; the last batch may be smaller.

    With an `RNG` every sample comes once, in random order; without it the batches are slices.

    >>> list(batches(5, batch_size=2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    check_positive_int("batches", "batch_size", batch_size)
    order = None if rng is None else rng.permutation(n)
    for first in range(0, n, batch_size):
        s = slice(first, min(first + batch_size, n))
        yield s if order is None else order[s]


def batch_sizes(n: int, batch_size: int) -> list[int]:
    """Numbers of samples of the `batches` of n samples.

    >>> batch_sizes(5, batch_size=2)
    [2, 2, 1]
    """
    return [s.stop - s.start for s in batches(n, batch_size)]


def train_step(
    model: Layer,
    loss: Loss,
    optimizer: Optimizer,
    x: Array,
    target: Array,
    workers: WorkersOption = None,
) -> tuple:
    """Update the parameters once. Returns (loss, penalty, prediction), still on the device.

    The formulas are in `scratchnet.training_step`. The workers of a single step are threads,
    because to start processes would take longer than the step; None: as many as help.

    Raises ValueError for an optimizer that has trained other parameters.

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
    workers = check_workers("train_step", workers)
    return on_threads(workers, model, loss, optimizer, x, target)[:3]


def predict(model: Layer, x: Array, batch_size: int = 1000, workers: WorkersOption = None) -> Array:
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
    workers = check_workers("predict", workers)

    def work(group):
        mine = part_of(x, rows_of(group, len(x)))
        ys = [model(mine[s]) for s in batches(len(mine), batch_size)] or [model(x[:1])[:0]]
        return gather_rows(group, xp_of(x).concatenate(ys), [len(x)])

    return start(work, [model], x, len(x), workers, outputs=len(x))


def evaluate(
    model: Layer,
    loss: Loss,
    x: Array,
    target: Array,
    metrics: Metrics | None = None,
    batch_size: int = 1000,
    workers: WorkersOption = None,
    weights: Array | None = None,
) -> dict[str, float]:
    """Loss and metrics at inference, over all samples: {"loss": ..., name: ...}.

    The loss is the mean over the samples, or over their steps that exist where a layer masks steps
    by mask_value and the output has as many steps. With weights it is the mean over what counts,
    see `WeightedLoss`; metrics have no weights. A metric is computed once, from all predictions
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
    whole_loss = check_weights(loss, x, weights)
    weights = None if weights is None else whole_loss.weights
    warn_of_double_activation(model, loss)
    workers = check_workers("evaluate", workers)

    def work(group):
        return evaluate_on(group, model, loss, x, target, metrics, batch_size, weights)

    return _start_evaluation(work, model, whole_loss, x, metrics, workers)


def _start_evaluation(work, model, loss, x, metrics, workers):
    """Numbers of `evaluate_on`, called by work(group) on each worker."""
    outputs = len(x) if metrics else 0
    return start(work, [model], x, len(x), workers, loss=loss, outputs=outputs)


def evaluate_on(
    group: Group,
    model: Layer,
    loss: Loss,
    x: Array,
    target: Array,
    metrics: Metrics,
    batch_size: int = 1000,
    weights: Array | None = None,
) -> dict[str, float]:
    """Compute the numbers of `evaluate` as one worker of a group, from checked arguments."""
    mine, numbers = rows_of(group, len(x)), EpochNumbers(metrics)
    x_mine, t_mine = part_of(x, mine), part_of(target, mine)
    w_mine = None if weights is None else part_of(weights, mine)
    for s in batches(len(x_mine), batch_size):
        y, cache = model.forward(x_mine[s])
        batch_loss = loss if w_mine is None else WeightedLoss(loss, w_mine[s])
        batch_loss = with_mask(batch_loss, y, model.input_mask(cache))
        value, _ = batch_loss.forward(y, t_mine[s])
        weight = batch_weight(batch_loss, y, t_mine[s])
        numbers.add(value, model.penalty(cache), y, t_mine[s], weight)
    return numbers.read(group, [len(x)])


def fit(
    model: Layer,
    x: Array,
    target: Array,
    *,
    loss: Loss,
    optimizer: Optimizer,
    epochs: int = 1,
    batch_size: int = 32,
    validation: tuple[Array, Array] | tuple[Array, Array, Array] | None = None,
    metrics: Metrics | None = None,
    callbacks: Sequence = (),
    shuffle: bool = True,
    seed: int = 0,
    workers: WorkersOption = None,
    verbose: bool = True,
    weights: Array | None = None,
    validate: Callable[[Array, Array, Metrics], dict[str, float]] | None = None,
    report: Callable[[dict[str, float]], dict[str, float]] = dict,
    **unknown: Any,
) -> History:
    """Train a built model; return the history, {"loss": [one number per epoch], ...}.

    Parameters
        x, target    samples along the first axis, floats in the model's precision
        loss         from `scratchnet.losses`
        optimizer    from `scratchnet.optimizers`
        validation   (x, target) or (x, target, weights) to evaluate after each epoch: "val_loss",
                     ...
        metrics      {name: function(prediction, target)}, each computed once per epoch from the
                     predictions of all samples, made while the parameters change
        callbacks    from `scratchnet.callbacks`, or your own
        shuffle      draw a new order in each epoch
        seed         of order, dropout and noise; equal seeds give equal bits on one machine
        workers      None: as many as help this model on this machine; 1, a number n, or a Group,
                     see `scratchnet.workers`. Histories of different numbers of workers are equal
                     up to rounding
        weights      one for each sample, step or pixel, see `WeightedLoss`
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
    infinite; WorkerError if another worker failed or was killed. After any error the model has the
    parameters of the last whole epoch.

    Memory maps (np.memmap) are read batch by batch, each worker its rows, and NaN is looked for
    there instead of in the whole array before the first epoch.

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
    workers = check_workers("fit", workers)
    check_loss(loss)
    check_optimizer(optimizer)
    metrics, callbacks = check_metrics(metrics), check_callbacks(callbacks)
    x, target = check_data(model, x, target)
    (x_val, t_val, w_val), loss_val = check_validation(model, loss, validation)
    if x_val is not None:  # raise an error now, not later
        w_first = None if w_val is None else w_val[:1]
        evaluate_on(ALONE, model, loss, x_val[:1], t_val[:1], {}, weights=w_first)
    check_targets(model, loss, "targets", target)
    whole_loss = check_weights(loss, x, weights)
    weights = None if weights is None else whole_loss.weights
    warn_of_double_activation(model, loss)
    optimizer.bind(model)
    optimizers = {"optimizer": optimizer}
    settings = run_settings(
        (x, target),
        optimizers,
        {"loss": loss},
        validation=validation and fingerprint(*(a for a in (x_val, t_val, w_val) if a is not None)),
        batch_size=int(batch_size),
        shuffle=check_bool("fit", "shuffle", shuffle),
        seed=check_seed(seed),
        metrics=list(metrics),
        callbacks=[type(c).__name__ for c in callbacks],
        **({} if weights is None else {"weights": fingerprint(weights)}),
    )
    group = member(workers)  # of which this call is a worker, under mpiexec for example
    run = Run(model, optimizers, epochs, settings, callbacks, group)
    if validate is None:

        def validate(x, target, metrics):
            def work(worker):
                return evaluate_on(worker, model, loss, x, target, metrics, weights=w_val)

            return _start_evaluation(work, model, loss_val, x, metrics, group or workers)

    def epoch():
        data = x, target, weights
        numbers = report(_epoch(run, loss, whole_loss, data, metrics, workers, verbose))
        if x_val is not None:
            held_out = validate(x_val, t_val, metrics)
            numbers |= {f"val_{name}": number for name, number in held_out.items()}
        return numbers

    try:
        return run_epochs(run, epoch, verbose)
    finally:
        unshare([model], [optimizer])


def _epoch(run, loss, whole_loss, data, metrics, workers, verbose):
    """One pass over the data; returns the averages of its losses and metrics."""
    x, target, weights = data
    model, optimizer, n, size = run.model, run.optimizer, len(x), run.settings["batch_size"]
    # A generator of its own for each epoch: a resumed run, or a loop of fits, draws equal numbers
    rng = RNG(run.settings["seed"]).fork(optimizer.epochs)
    model.set_rng(rng)
    steps = list(batches(n, size, rng if run.settings["shuffle"] else None))
    sizes = batch_sizes(n, size)
    label = f"epoch {run.epoch + 1}/{run.epochs}"

    def work(group):
        """All steps of the epoch, as one worker of the group."""
        numbers, own = EpochNumbers(metrics), own_counter(optimizer, group, run.group)
        quiet = not verbose or group.rank > 0
        step = TrainingStep(model, loss, own, group, factors=True)
        bar = tqdm(steps, label, len(steps), leave=False, disable=True if quiet else None)
        known = known_targets(*(() if in_a_file(target) else step.losses))  # `fit` has checked them
        with batch_rows(several=group.size > 1) as rows, known:
            for batch, n_batch in zip(bar, sizes, strict=True):
                mine = rows.set(rows_of(group, n_batch), n_batch)
                x_mine, t_mine = part_of(x, batch, mine), part_of(target, batch, mine)
                numbers.found_nan |= nan_in_rows([(x, x_mine), (target, t_mine)])
                of_batch = None
                if weights is not None:
                    of_batch = WeightedLoss(loss, part_of(weights, batch, mine))
                results = step(x_mine, t_mine, n_batch, of_batch)
                numbers.add_step(results, t_mine)
        return numbers.read(group, sizes)

    options = {"loss": whole_loss, "optimizers": [optimizer], "outputs": n if metrics else 0}
    return start(work, [model], x, size, workers, **options)
