"""Workers of a model: how many, what they share, and which rows of a batch each of them has.

`fit`, `evaluate`, `predict` and `GAN.fit` have the option ``workers``:

    None           as many as help this model on this machine, see `worker_count`
    1              one: every step in the calling thread
    a number n     n, on threads or processes, see `scratchnet.parallel.choose`
    Workers(n, k)  n of the kind k, "threads" or "processes"
    a Group        the call is one worker of this group, in which all workers make the same call
                   with a model of their own; under mpiexec this is what None means

`set_workers` sets what None means, as the flag --workers of the lessons does.

Results do not depend on the kind of group, bit for bit. Between different numbers of workers they
are equal up to rounding, because the sum over a batch is taken in another order. Noise and dropout
belong to the samples, see `scratchnet.batch_rows`.
"""

import contextvars
import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeGuard

import numpy as np

from scratchnet.backend import Array, on_host
from scratchnet.compiled_functions import compile_functions
from scratchnet.compiled_layers import compile_layers, compile_lstm
from scratchnet.layers.base import Layer
from scratchnet.layers.lstm import LSTM
from scratchnet.layers.parameters import one_vector, place
from scratchnet.loss_base import Loss
from scratchnet.optimizer_base import ALONE, MOST_PARTS, Optimizer
from scratchnet.parallel import (
    Group,
    choose,
    cores,
    is_shared,
    mpi_size,
    mpi_world,
    run,
    shared_copy,
)
from scratchnet.validation import check_positive_int

MIN_ROWS = 8  # of a batch, for each worker
# Multiplications and additions of a batch for each worker, so that it repays its cost
MIN_OPERATIONS = 4e6  # of a step in an epoch: signals between processes, about 0.03 ms
MIN_OPERATIONS_OF_A_START = 4e8  # of an epoch or evaluation: to start processes, about 10 ms
MIN_OPERATIONS_OF_A_THREAD = 5e7  # of a single step on threads, about 0.3 ms


@dataclasses.dataclass(frozen=True)
class Workers:
    """Number and kind of workers, "threads" or "processes"; None: see `parallel.choose`."""

    size: int
    kind: str | None = None


WorkersOption: TypeAlias = int | Workers | Group | None


_default: contextvars.ContextVar[int | Workers | None] = contextvars.ContextVar(
    "scratchnet_workers", default=None
)


def set_workers(workers: int | Workers | None) -> None:
    """Set the number of workers of all calls that do not say it; None: as many as help.

    >>> set_workers(1)
    >>> set_workers(None)
    """
    _default.set(check_workers("set_workers", workers))


def rank() -> int:
    """Number of this process among those of mpiexec, 0 for the first and without mpiexec.

    >>> rank()
    0
    """
    return mpi_world().rank if mpi_size() > 1 else 0


def check_workers(owner: str, workers: Any) -> Any:
    """Return the option ``workers``, or its default; ValueError if it is none of its kinds."""
    if workers is None:
        return _default.get()
    if isinstance(workers, (Workers, Group)):
        return workers
    return check_positive_int(owner, "workers", workers)


def rows_of(group: Group, n: int, rank: int | None = None) -> slice:
    """Rows of a batch of n samples that belong to a worker; rank None: to this one.

    >>> from scratchnet.parallel import Alone
    >>> group = Alone()
    >>> group.size = 3
    >>> [rows_of(group, 10, rank) for rank in range(3)]
    [slice(0, 3, None), slice(3, 6, None), slice(6, 10, None)]
    """
    rank = group.rank if rank is None else rank
    return slice(n * rank // group.size, n * (rank + 1) // group.size)


def splits_batch(model: Layer, loss: Any = None, inference: bool = False) -> bool:
    """True if parts of a batch may be computed on their own: all layers and the loss declare it.

    Not so for layers that need all samples at once, such as BatchNormalization in training, and for
    layers and losses of a user that do not declare ``splits_batch = True``.
    """
    if loss is not None and not (isinstance(loss, Loss) and loss.splits_batch):
        return False
    layers = model.named_layers().values()
    if inference:
        return all(layer.splits_batch or layer.splits_inference for layer in layers)
    return all(
        layer.splits_batch
        and not layer.state
        and (layer.draws_noise or not layer.needs_whole_batch)
        for layer in layers
    )


def operations(model: Layer) -> float:
    """Multiplications and additions of one sample in a training step, roughly.

    Each weight is multiplied and added once in the forward pass and twice in the backward pass, at
    each place of an image or step of a sequence.

    >>> from scratchnet.layers import Conv2D, Dense, Flatten, Sequential
    >>> model = Sequential([Conv2D(4, 3, padding="same"), Flatten(), Dense(10)])
    >>> model.build((8, 8, 1), 0)
    (10,)
    >>> operations(model)  # 6 (64 * 40 + 2570)
    30780.0
    """
    total = 0.0
    for layer in model.named_layers().values():
        size = sum(p.value.size for p in layer.params.values())
        both: list[Any] = [layer.input_shape, layer.output_shape]
        shapes = [shape for shape in both if _is_shape(shape)]
        if size and shapes:
            places = [math.prod(s[:-1]) for s in shapes]
            total += 6 * size * (min(places) if len(shapes[0]) == 3 else max(places))
    return total


def _is_shape(shape: Any) -> TypeGuard[tuple[int, ...]]:
    return isinstance(shape, tuple) and all(isinstance(n, int) for n in shape)


def worker_count(
    models: Sequence[Layer], n: int, least: float = MIN_OPERATIONS, passes: int = 3
) -> int:
    """Number of workers that help: at most one for each core, with enough work for each.

    Parameters
        n        samples of a batch
        least    operations of a batch for each worker
        passes   3 for a training step; 1 for inference
    """
    work = n * sum(map(operations, models)) * passes / 3
    return max(1, min(cores(), n // MIN_ROWS, int(work // least)))


def member(workers: WorkersOption) -> Group | None:
    """The group of which the caller is one worker; None: the call starts workers of its own."""
    if isinstance(workers, Group):
        return workers
    return mpi_world() if workers is None and mpi_size() > 1 else None


def start(
    work: Callable[[Group], Any],
    models: Sequence[Layer],
    x: Array,
    batch_size: int,
    workers: WorkersOption,
    *,
    loss: Any = None,
    optimizers: Sequence[Optimizer] = (),
    outputs: int = 0,
) -> Any:
    """Run work(group) on the workers of an option; return the result of this worker.

    Parameters
        x            the data of the call, (N, ...)
        optimizers   of the models, whose parameters the workers change; none at inference, where
                     processes of mpiexec work alone
        outputs      number of samples whose predictions the workers exchange
    """
    inference = not optimizers
    if not on_host(x) or not all(splits_batch(m, loss, inference) for m in models):
        return work(ALONE)
    if isinstance(workers, Group):
        return work(workers)
    if workers is None and mpi_size() > 1 and not inference:
        return work(mpi_world())
    size, kind = (workers.size, workers.kind) if isinstance(workers, Workers) else (workers, None)
    if size is None:
        least = MIN_OPERATIONS_OF_A_START if inference else MIN_OPERATIONS
        size = worker_count(models, min(batch_size, len(x)), least, passes=1 if inference else 3)
        if worker_count(models, len(x), MIN_OPERATIONS_OF_A_START) == 1:
            size = 1
    shape: Any = models[-1].output_shape
    kind = kind or choose(size)[0]
    unknown = outputs and not _is_shape(shape)  # numbers of the predictions, to be exchanged
    if size == 1 or unknown or kind in ("alone", "mpi"):
        return work(ALONE)
    compile_loops(models)
    arrays, capacity = [], outputs * math.prod(shape) if outputs else 0
    for model, optimizer in zip(models, optimizers, strict=False):
        arrays += share(model, optimizer, kind, size)
        capacity = max(capacity, arrays[-1].size)
    return run(work, size, kind, arrays=arrays, capacity=capacity)


def compile_loops(models: Sequence[Layer]) -> None:
    """Compile the loops of layers and losses, which each process would have to do otherwise."""
    compile_functions()
    compile_layers()
    if any(isinstance(layer, LSTM) for model in models for layer in model.named_layers().values()):
        compile_lstm()


def share(model: Layer, optimizer: Optimizer, kind: str, size: int) -> list[np.ndarray]:
    """Move the parameters and the optimizer's vectors to memory that all workers see.

    Threads see every array; processes those that are in shared memory before they start. The last
    of the arrays returned are the parameters. The optimizer also compiles its loops, which each
    process would have to do otherwise.

    Parameters
        kind, size   of the group
    """
    parameters = [p for _, p in model.parameter_items(trainable_only=True)]
    w = one_vector(parameters)
    if kind == "processes" and not is_shared(w):
        w = place(parameters, shared_copy(w))
    vectors = optimizer.make_slots(w)
    if kind == "processes":
        for name, vector in vectors.items():
            vectors[name] = vector if is_shared(vector) else shared_copy(vector)
    for count in (1, size) if size <= MOST_PARTS else (1,):
        optimizer.compiled_loop(w, w, count)
    return [*vectors.values(), w]


def unshare(models: Sequence[Layer], optimizers: Sequence[Optimizer]) -> None:
    """Move parameters and optimizers' vectors back to memory of this process alone.

    Otherwise a process that the user forks later would train the same parameters.
    """
    for model, optimizer in zip(models, optimizers, strict=True):
        parameters = [p for _, p in model.parameter_items(trainable_only=True)]
        if parameters and is_shared(parameters[0].value):
            place(parameters, one_vector(parameters).copy())
        for name, vector in (optimizer.vectors or {}).items():
            if is_shared(vector):
                optimizer.vectors[name] = vector.copy()  # type: ignore[index]


def part_of(array: Array, batch: Any, rows: slice | None = None) -> Array:
    """The samples of a batch, a slice or indices, or only these rows of the batch.

    >>> x = np.arange(10)
    >>> part_of(x, slice(4, 8), slice(1, 3)), part_of(x, np.array([9, 0, 7]), slice(1, 3))
    (array([5, 6]), array([0, 7]))
    """
    if rows is None:
        return array[batch]
    if isinstance(batch, slice):
        return array[batch.start + rows.start : batch.start + rows.stop]
    return array[batch[rows]]


def gather_rows(group: Group, mine: Array, sizes: Sequence[int]) -> Array:
    """Predictions for all batches, of which each worker has those of its rows.

    Parameters
        mine    predictions of this worker, batch after batch
        sizes   numbers of samples of the batches

    >>> gather_rows(ALONE, np.arange(3), [3])
    array([0, 1, 2])
    """
    if group.size == 1:
        return mine
    by_rank = []
    for rank in range(group.size):
        counts = [len(range(n)[rows_of(group, n, rank)]) for n in sizes]
        array = np.empty((sum(counts), *mine.shape[1:]), mine.dtype)
        if rank == group.rank:
            array[...] = mine
        group.broadcast(array, rank)
        by_rank.append(np.split(array, np.cumsum(counts)[:-1]))
    return np.concatenate([part for batch in zip(*by_rank, strict=True) for part in batch])
