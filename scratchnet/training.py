"""The training loop, in pieces that a lesson can also use one by one.

    for i in batches(len(x), batch_size, rng):             # which samples
        train_step(model, loss, optimizer, x[i], t[i])     # forward, backward, update

`fit` adds what a long run needs: validation, a history, progress, early stopping, checkpoints.
"""

import dataclasses
import math
import time

from tqdm import tqdm

from scratchnet.backend import RNG, xp_of
from scratchnet.layers.shapes import ShapeError
from scratchnet.saving import model_arrays
from scratchnet.threads import map_batches, on_threads, shards, weighted_mean
from scratchnet.validation import check_positive_int

__all__ = ["TrainingDiverged", "batches", "evaluate", "fit", "predict", "train_step"]

MUST_BE_FINITE = ("loss", "penalty", "val_loss", "val_penalty")


class TrainingDiverged(ArithmeticError):
    """The loss became NaN or infinite. `history` holds the epochs before."""

    history = None


def batches(n, batch_size, rng=None):
    """Yield what to index n samples with, a batch at a time; the last batch may be smaller.

    With an `RNG` every sample comes once, in random order; without, the batches are slices.
    """
    check_positive_int("batches", "batch_size", batch_size)
    order = None if rng is None else rng.permutation(n)
    for start in range(0, n, batch_size):
        s = slice(start, min(start + batch_size, n))
        yield s if order is None else order[s]


def train_step(model, loss, optimizer, x, target, threads=None):
    """One update on one batch. Returns (loss, penalty, prediction), still on the device.

    A convolutional model sees the batch in shards, on threads; see `scratchnet.threads`.
    """

    def pull(s):
        y, cache = model.forward(x[s], train=True)
        value, loss_cache = loss.forward(y, target[s])
        grads = model.weight_gradients(loss.backward(loss_cache), cache)
        model.update_running_stats(cache)
        return value, model.penalty(cache), model.flatten(grads), y

    parts = shards(model, loss, x)
    values, penalties, grads, ys = zip(*on_threads(pull, parts, threads), strict=True)
    optimizer.step(model.parameters, weighted_mean(grads, parts))
    y = ys[0] if len(ys) == 1 else xp_of(*ys).concatenate(ys)
    return weighted_mean(values, parts), weighted_mean(penalties, parts), y


def predict(model, x, batch_size=1000, threads=None):
    """The outputs for all of x, at inference, computed in batches to save memory."""
    check_data(model, x)
    parts = list(batches(len(x), batch_size))
    return xp_of(x).concatenate(map_batches(lambda s: model(x[s]), parts, model, x, threads))


def evaluate(model, loss, x, target, metrics=None, batch_size=1000, threads=None):
    """{"loss": ..., and one number for each metric}, at inference, averaged over all samples."""
    check_data(model, x, target)

    def look(s):
        y, cache = model.forward(x[s])
        t = target[s]
        return _numbers(loss(y, t), model.penalty(cache), y, t, metrics), len(y)

    mean = _Mean()
    for numbers, n in map_batches(look, list(batches(len(x), batch_size)), model, x, threads):
        mean.add(numbers, n)
    return mean.read()


def fit(
    model,
    x,
    target,
    *,
    loss,
    optimizer,
    epochs=1,
    batch_size=32,
    validation=None,
    metrics=None,
    callbacks=(),
    shuffle=True,
    seed=0,
    threads=None,
    verbose=True,
):
    """Train a built model; return the history, {"loss": [one number an epoch], ...}.

    Parameters
        x, target    samples along the first axis, floats in the model's precision
        loss         from `scratchnet.losses`
        optimizer    from `scratchnet.optimizers`
        validation   (x, target) held out, evaluated after each epoch: "val_loss", ...
        metrics      {name: function(prediction, target)}, also averaged over the epoch
        callbacks    EarlyStopping, Checkpoint or your own
        shuffle      draw a new order each epoch
        seed         of order, dropout and noise; equal seeds give equal bits on one machine
        threads      how many, for convolutional models; None: one per core. The numbers do not
                     depend on it, see `scratchnet.threads`
        verbose      a line an epoch, and on a terminal a progress bar

    "loss" is the average over the epoch's batches while the parameters were moving. What layers
    add to it (ActivityRegularization) is listed apart, as "penalty"; the sum is minimised.

    Raises ValueError for data that does not fit, NaN or infinite data included, and
    TrainingDiverged if the loss is no longer a number; the model is then back where the last good
    epoch left it.
    """
    check_positive_int("fit", "epochs", epochs)
    check_positive_int("fit", "batch_size", batch_size)
    check_data(model, x, target)
    if validation is not None:
        x_val, t_val = validation
        check_data(model, x_val, t_val, of="validation ")
        evaluate(model, loss, x_val[:1], t_val[:1], metrics)  # complains now, not an epoch later
    callbacks = sorted(callbacks, key=lambda c: c.runs_last)
    settings = {
        "samples": len(x),
        "batch_size": int(batch_size),
        "shuffle": bool(shuffle),
        "seed": int(seed),
        "optimizer": type(optimizer).__name__,
        "running vectors": list(optimizer.slots),
        "callbacks": [type(c).__name__ for c in callbacks],
    }
    run = Run(model, optimizer, epochs, settings, callbacks, threads)
    for callback in callbacks:
        callback.on_start(run)

    while run.epoch < epochs and not run.stop:
        began = time.perf_counter()
        good = [array.copy() for array in run.arrays()], optimizer.get_state()
        numbers = _epoch(run, loss, x, target, metrics, verbose)
        if validation is not None:
            held_out = evaluate(model, loss, x_val, t_val, metrics, threads=threads)
            numbers |= {f"val_{name}": number for name, number in held_out.items()}
        lost = [name for name in MUST_BE_FINITE if not math.isfinite(numbers.get(name, 0))]
        if lost or not _finite(*run.arrays()):
            _give_up(run, good, lost[0] if lost else "parameters", numbers)
        numbers["seconds"] = time.perf_counter() - began
        for name, number in numbers.items():
            run.history.setdefault(name, []).append(number)
        run.epoch += 1
        if verbose:
            print(f"epoch {run.epoch}/{epochs}  " + _line(numbers), flush=True)
        for callback in callbacks:
            callback.on_epoch_end(run)
    for callback in callbacks:
        callback.on_end(run)
    return run.history


def _epoch(run, loss, x, target, metrics, verbose):
    """One pass over the data; the averages of its losses and metrics."""
    n, size = len(x), run.settings["batch_size"]
    rng = RNG(run.settings["seed"]).fork(run.epoch)  # a resumed run draws the same numbers
    run.model.set_rng(rng)
    steps = batches(n, size, rng if run.settings["shuffle"] else None)
    label, mean = f"epoch {run.epoch + 1}/{run.epochs}", _Mean()
    bar = tqdm(steps, label, math.ceil(n / size), leave=False, disable=None if verbose else True)
    for s in bar:
        t = target[s]
        value, penalty, y = train_step(run.model, loss, run.optimizer, x[s], t, run.threads)
        mean.add(_numbers(value, penalty, y, t, metrics), len(y))
    return mean.read()


@dataclasses.dataclass
class Run:
    """What a callback sees of a `fit` in progress."""

    model: object
    optimizer: object
    epochs: int  # wanted
    settings: dict
    callbacks: list
    threads: int | None = None
    epoch: int = 0  # done
    history: dict = dataclasses.field(default_factory=dict)
    stop: bool = False

    def arrays(self):
        """Everything that training changes in the model."""
        return list(model_arrays(self.model).values())


def _numbers(value, penalty, y, target, metrics):
    """{name: number} of one batch, still on the device."""
    numbers = {"loss": value, "penalty": penalty}
    return numbers | {name: metric(y, target) for name, metric in (metrics or {}).items()}


class _Mean:
    """Averages over the samples of an epoch, kept on the device until they are read."""

    def __init__(self):
        self.sums, self.n = {}, 0

    def add(self, numbers, n):
        for name, number in numbers.items():
            self.sums[name] = self.sums.get(name, 0) + number * n
        self.n += n

    def read(self):
        numbers = {name: float(total) / self.n for name, total in self.sums.items()}
        if isinstance(self.sums["penalty"], int):  # no layer adds one
            del numbers["penalty"]
        return numbers


def _give_up(run, good, what, numbers):
    """Put model and optimizer back and raise TrainingDiverged."""
    for array, was in zip(run.arrays(), good[0], strict=True):
        array[...] = was
    run.optimizer.set_state(good[1])
    became = numbers.get(what, "infinite or NaN")
    problem = TrainingDiverged(
        f"the {what} became {became} in epoch {run.epoch + 1}; the model is back where epoch "
        f"{run.epoch} left it. Lower the learning rate, or clip the gradient: "
        "clip=ClipByGlobalNorm(1.0)"
    )
    problem.history = run.history
    raise problem


def _line(numbers):
    seconds = f"{numbers['seconds']:.1f} s"
    return "  ".join([f"{n} {v:.4f}" for n, v in numbers.items() if n != "seconds"] + [seconds])


def check_data(model, x, target=None, of=""):
    """Raise a sentence for data that cannot be trained on; see `fit`."""
    if model.input_shape is None:
        raise ValueError(f"{model.title} is not built yet: call build(input_shape, seed) first")
    for name, array in ((f"{of}x", x), (f"{of}target", target)):
        if array is None:
            continue
        if not hasattr(array, "dtype"):
            raise TypeError(
                f"{name} is a {type(array).__name__}: make it an array, to_device({name})"
            )
        if not len(array):
            raise ValueError(f"{name} is empty: {array.shape}")
        if array.dtype.kind == "f" and not _finite(array):
            raise ValueError(
                f"{name} holds NaN or infinite values: remove or fill them before training"
            )
    if target is not None and len(x) != len(target):
        raise ShapeError(f"{of}x has {len(x)} samples, but {of}target has {len(target)}")


def _finite(*arrays):
    """True if no entry is NaN or infinite: one look at the device, however many arrays."""
    xp = xp_of(*arrays)
    return bool(xp.stack([xp.isfinite(array).all() for array in arrays]).all())
