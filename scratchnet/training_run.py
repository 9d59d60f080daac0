"""State of a training run, the loop over its epochs, and the copy that a failed epoch restores.

`training.fit` and `GAN.fit` define what one epoch does; the loop around it, with its callbacks, is
that of `run_epochs`.
"""

import contextlib
import dataclasses
import functools
import inspect
import math
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from scratchnet.backend import Array, to_numpy, xp_of
from scratchnet.inputs import read_only
from scratchnet.layers.base import Layer
from scratchnet.optimizer_base import ALONE, Optimizer
from scratchnet.parallel import Group
from scratchnet.saving import model_arrays
from scratchnet.training_checks import all_finite, metric_value, not_finite
from scratchnet.validation import constructor_call, described_options
from scratchnet.workers import gather_rows

__all__ = [
    "EpochNumbers",
    "Guard",
    "History",
    "Metrics",
    "Run",
    "TrainingDiverged",
    "run_epochs",
    "run_settings",
]

MAY_DIVERGE = ("penalty", "val_loss", "val_penalty")  # entries of some histories
FINGERPRINT = 64  # samples of an array that its fingerprint depends on

Metrics: TypeAlias = dict[str, Callable[[Array, Array], Any]]  # {name: f(prediction, target)}
History: TypeAlias = dict[str, list[float]]


class TrainingDiverged(ArithmeticError):
    """Error of a run whose loss became NaN or infinite; `history` holds the epochs before."""

    history: History | None = None


@dataclasses.dataclass
class Run:
    """State of a `fit` in progress, the argument of a callback's methods.

    A callback may add numbers to `history`; those after it in the list see them, EarlyStopping for
    example.
    """

    model: Layer  # for a GAN its `networks`
    optimizers: dict[str, Optimizer]  # by the names of their arguments, such as "optimizer"
    epochs: int  # to do in all
    settings: dict[str, Any]
    callbacks: list
    group: Group | None = None  # of which this call of fit is a worker, for example of mpiexec
    losses: tuple[str, ...] = ("loss",)  # entries that each history has
    epoch: int = 0  # done so far
    history: History = dataclasses.field(default_factory=dict)
    stop: bool = False  # a callback sets it to True to end the run after this epoch
    interrupted: bool = False  # True after Ctrl-C

    def add(self, numbers: dict[str, float]) -> None:
        """Add the numbers of an epoch to the history."""
        for name, number in numbers.items():
            self.history.setdefault(name, []).append(number)
        self.epoch += 1
        for optimizer in self.optimizers.values():
            optimizer.epochs += 1

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer, or the first one of several."""
        return next(iter(self.optimizers.values()))

    def guard(self) -> "Guard":
        """A copy of all that training changes."""
        return Guard([self.model], [*self.optimizers.values()])

    def check_start(self) -> None:
        """In a group, give all workers the arrays of rank 0.

        Raises ValueError unless all of them begin at one epoch.
        """
        if self.group is None:
            return
        updates = [optimizer.t for optimizer in self.optimizers.values()]
        mine = np.array([self.epoch, *updates], np.float64)
        first = mine.copy()
        self.group.broadcast(first)
        if self.group.all_reduce([(mine != first).any()])[0]:
            raise ValueError(
                f"the workers of a group expect to begin at one epoch; rank {self.group.rank} "
                f"begins at {self.epoch}, rank 0 at {int(first[0])}: keep the file of a Checkpoint "
                "where all machines see it"
            )
        self.gather()  # after steps of `train_step` each worker has its stretch of the slots
        synchronize(self.group, self.guard())

    def print(self, line: str, verbose: bool) -> None:
        """Print a line, on rank 0 only."""
        if verbose and self.is_first:
            print(line, flush=True)

    @property
    def is_first(self) -> bool:
        """True on rank 0, which prints and writes files, and without a group."""
        return self.group is None or self.group.rank == 0

    def gather(self) -> None:
        """Complete the optimizers' vectors, of which each worker of a group has its stretch."""
        if self.group is not None:
            for optimizer in self.optimizers.values():
                optimizer.gather_slots(self.group)

    def line(self) -> str:
        """The last epoch in one line: epoch 3/20  loss 0.1234  0.5 s."""
        last = {name: column[-1] for name, column in self.history.items()}
        words = [f"epoch {self.epoch}/{self.epochs}"]
        words += [f"{name} {number:.4f}" for name, number in last.items() if name != "seconds"]
        return "  ".join([*words, f"{last['seconds']:.1f} s"])


class Guard:
    """Copy of the arrays of models and optimizers, to restore where an epoch fails.

    >>> import numpy as np
    >>> from scratchnet.layers import Dense
    >>> from scratchnet.optimizers import SGD
    >>> model = Dense(1)
    >>> model.build((1,), 0)
    (1,)
    >>> guard, before = Guard([model], [SGD(0.1)]), model.W.copy()
    >>> model.W = np.ones((1, 1))
    >>> guard.restore()
    >>> bool((model.W == before).all())
    True
    """

    def __init__(self, models: Sequence[Layer], optimizers: Sequence[Optimizer]):
        self.models, self.optimizers = models, optimizers
        self.save()

    def arrays(self) -> list[Array]:
        """All arrays that training changes: parameters and running averages."""
        return [array for model in self.models for array in model_arrays(model).values()]

    def save(self) -> None:
        """Copy the present state."""
        self.copies = [array.copy() for array in self.arrays()]
        self.states = [optimizer.get_state() for optimizer in self.optimizers]

    def restore(self) -> None:
        """Give models and optimizers the state of the copy."""
        for array, saved in zip(self.arrays(), self.copies, strict=True):
            array[...] = saved
        for optimizer, state in zip(self.optimizers, self.states, strict=True):
            optimizer.set_state(state)

    @contextlib.contextmanager
    def restoring(self, done: Callable[[], bool]) -> Iterator[None]:
        """Context of an epoch: an exception restores the state before it, unless done() is true.

        Ctrl-C counts as an exception. The present state is copied first.
        """
        self.save()
        try:
            yield
        except BaseException:
            if not done():
                self.restore()
            raise

    def check(self, numbers: dict[str, float], epoch: int, history: History) -> None:
        """Restore the copy and raise TrainingDiverged unless all numbers and arrays are finite."""
        wrong = [name for name, number in numbers.items() if not math.isfinite(number)]
        if not wrong and all_finite(*self.arrays()):
            return
        self.restore()
        name, value = (wrong[0], numbers[wrong[0]]) if wrong else ("parameters", "infinite or NaN")
        error = TrainingDiverged(
            f"the {name} became {value} in epoch {epoch + 1}; the model has the parameters of "
            f"epoch {epoch} again. Lower the learning rate, or clip the gradient: "
            "clip=ClipByGlobalNorm(1.0)"
        )
        error.history = history
        raise error


def synchronize(group: Group, guard: Guard) -> None:
    """Give all workers of a group the arrays of models and optimizers of rank 0."""
    slots = [v for optimizer in guard.optimizers for v in (optimizer.vectors or {}).values()]
    for array in [*guard.arrays(), *slots]:
        group.broadcast(array)


def run_epochs(run: Run, epoch: Callable[[], dict[str, float]], verbose: bool) -> History:
    """Call epoch(), which returns the numbers of an epoch, until the run ends; return the history.

    The callbacks are called before the first epoch, after each and after the last. After an error
    in epoch() the model and the optimizers have the state before it; Ctrl-C ends the run.
    """
    for callback in run.callbacks:
        callback.on_start(run)
    run.check_start()
    guard = run.guard()
    while run.epoch < run.epochs and not run.stop:
        began, done = time.perf_counter(), functools.partial(_passed, run, run.epoch)
        try:
            with guard.restoring(done):
                numbers = epoch()
                watched = (*run.losses, *MAY_DIVERGE)
                numbers_watched = {name: numbers[name] for name in watched if name in numbers}
                guard.check(numbers_watched, run.epoch, run.history)
                run.add(numbers | {"seconds": time.perf_counter() - began})
                run.print(run.line(), verbose)
                for callback in run.callbacks:
                    callback.on_epoch_end(run)
        except KeyboardInterrupt:
            run.stop = run.interrupted = True
            for name in run.losses:
                run.history.setdefault(name, [])
            run.print(f"interrupted after {run.epoch} epochs", verbose)
    run.gather()
    for callback in run.callbacks:
        callback.on_end(run)
    return run.history


def _passed(run, epoch):
    return run.epoch > epoch


class EpochNumbers:
    """Loss, penalty and metrics of the samples of an epoch; they stay on the device until read.

    The loss is a mean over samples, or over the real steps of a loss with a mask: each batch has
    the `weight` of its loss.
    """

    def __init__(self, metrics: Metrics):
        self.metrics, self.outputs = metrics, []
        self.loss, self.penalty, self.n, self.weight = 0, 0, 0, 0
        self.found_nan = False  # in the samples of a memory map

    def add(self, value, penalty, y, target, weight):
        """Add a batch: its mean loss and penalty, its predictions and targets."""
        self.loss = self.loss + value * weight
        self.penalty = self.penalty + penalty * len(y)
        self.n, self.weight = self.n + len(y), self.weight + weight
        if self.metrics:
            self.outputs.append((y, target))

    def add_step(self, results, target):
        """Add the results of a `TrainingStep`; None as prediction: no rows of this batch."""
        value, penalty, y, weight = results
        if y is not None:
            self.add(value, penalty, y, target, weight)

    def read(self, group: Group = ALONE, sizes: Sequence[int] = ()) -> dict[str, float]:
        """The numbers of all samples and all workers, {name: float}.

        Parameters
            group   of this worker; the others call `read`, too
            sizes   of the batches of which `add` received this worker's rows
        """
        has_penalty = type(self.penalty) not in (int, float)  # a plain 0: no layer adds one
        sums = [float(self.loss), float(self.weight), float(self.penalty), self.n, has_penalty]
        sums = group.all_reduce([*sums, self.found_nan]).tolist()
        loss, weight, penalty, n, has_penalty, found_nan = sums
        if found_nan:
            raise not_finite("x or target")
        numbers = {"loss": loss / (weight or 1)}  # 0: no sample counts
        if has_penalty:
            numbers["penalty"] = penalty / n
        if not math.isfinite(numbers["loss"]):  # diverged: predictions that no metric takes
            return numbers | dict.fromkeys(self.metrics, math.nan)
        if self.metrics:
            y, target = (
                self._all_rows(group, sizes, parts) for parts in zip(*self.outputs, strict=True)
            )
            for name, metric in self.metrics.items():
                numbers[name] = metric_value(name, metric, y, target)
        return numbers

    def _all_rows(self, group, sizes, parts):
        return read_only(gather_rows(group, xp_of(parts[0]).concatenate(parts), sizes))


def run_settings(
    data: Sequence[Array],
    optimizers: dict[str, Optimizer],
    parts: dict[str, Any],
    **numbers: Any,
) -> dict[str, Any]:
    """Settings that a resumed run must share, as text and numbers, {name: value}.

    Parameters
        data         arrays that are trained on, the samples first
        optimizers   by the names of their arguments; of several each setting has the name as prefix
        parts        {name: object}, described by their constructor calls
        numbers      further settings
    """
    settings = {"samples": len(data[0]), "data": fingerprint(*data), **numbers}
    settings |= {name: described(part) for name, part in parts.items()}
    for name, optimizer in optimizers.items():
        prefix = "" if len(optimizers) == 1 else f"{name} "
        own = {"running vectors": list(optimizer.slots), **described_options(optimizer)}
        own["learning_rate"] = described(optimizer.initial_rate)
        settings[name] = type(optimizer).__name__
        settings |= {prefix + option: value for option, value in own.items()}
    return settings


def described(part: Any) -> str:
    """Text of an object that is equal in each process: a number, or its constructor call."""
    if isinstance(part, (int, float)):
        return repr(part)
    return f"{part.__name__}()" if inspect.isroutine(part) else constructor_call(part)


def fingerprint(*arrays: Array) -> str:
    """Shapes of arrays and a checksum of up to 64 of their samples, evenly spaced.

    >>> fingerprint(np.zeros((3, 2)))
    '(3, 2) f288b395'
    """
    checksum = 0
    for array in arrays:
        rows = array[:: math.ceil(len(array) / FINGERPRINT)]
        checksum = zlib.crc32(np.ascontiguousarray(to_numpy(rows)).tobytes(), checksum)
    return " ".join([*(str(array.shape) for array in arrays), f"{checksum:08x}"])
