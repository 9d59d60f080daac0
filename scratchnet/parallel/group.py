"""Groups of workers: the operations by which several workers train one model.

Each of the n workers of a group has a rank, 0 ... n - 1, and runs the same program on its part of
each batch. All parameters of a model are one vector w of P numbers, all gradients another. One step
of data-parallel training, in which worker r updates only its stretch s of the parameters, is

    g = gradient of the worker's part of the batch        # (P,), different on each worker
    s = group.stretch(P)                                  # this worker's P / n numbers
    group.reduce_scatter(g, total)                        # total (P / n,): sum over workers of g[s]
    optimizer.step(w[s], total)                           # slots such as Adam's m, v: P / n numbers
    group.all_gather(None, w)                             # w (P,), equal on all workers again

This is stage 1 of ZeRO (Rajbhandari et al., 2020): work and memory of the optimizer are divided by
n, and no more is sent than for a sum of the gradients on every worker (an all-reduce), which would
be a reduce-scatter followed by an all-gather of the gradients. Between machines, both operations
run on a ring (Thakur et al., 2005): in each of n - 1 rounds a worker sends P / n numbers to the
next rank, which adds them to its own or keeps them. Every worker so sends 2 (n - 1) / n P numbers
per step, fewer than 2 P for any number of workers.

Sums are taken in the order of the ranks, ((g_0 + g_1) + g_2) + ..., on every kind of group. The
rounding is therefore the same, and so is the result, bit for bit.

Kinds of groups: `Alone` (this module), `ThreadGroup`, `ProcessGroup`, `MPIGroup`.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from scratchnet.validation import require

ALIGNMENT = 16  # numbers; 16 float32 are a cache line, so no two workers write to the same one
# numbers, see Group.all_to_all: 256 KiB of float32; with fewer the number of calls counts
CHUNK = 1 << 16


class WorkerError(RuntimeError):
    """Error of a worker of rank 1 or higher, raised on rank 0, with the traceback of the worker."""


class PeerLost(Exception):
    """Another rank has left the group, so an operation of the group cannot be finished."""


class Group:
    """Interface of a group; an object of the class is the group as one of its workers sees it.

    All workers call the same operations in the same order, with vectors of equal length and dtype.
    Vectors are NumPy arrays in CPU memory, contiguous, of float32 or float64.

    Attributes
        kind   "alone", "threads", "processes" or "mpi"
        rank   number of this worker, 0 ... size - 1
        size   number of workers n
    """

    kind: str
    rank: int
    size: int

    def stretch(self, n: int, rank: int | None = None) -> slice:
        """Slice of a vector of n numbers that belongs to a worker; rank None: to this one.

        The stretches of the ranks follow each other and cover the vector. They start at multiples
        of 16 numbers; their lengths differ by at most 16 numbers, and the last may be shorter.

        >>> group = Alone()
        >>> group.size = 3
        >>> [group.stretch(100, rank) for rank in range(3)]
        [slice(0, 32, None), slice(32, 64, None), slice(64, 100, None)]
        """
        return stretch_of(n, self.rank if rank is None else rank, self.size)

    def buffer(self, n: int, dtype: Any = "float32") -> np.ndarray:
        """Memory of this worker for a vector (n,), the same in each call, with zeros at first.

        `reduce_scatter` copies any other vector to this memory, where the other workers can read
        it. A gradient that is written here in the first place needs no copy.
        """
        raise NotImplementedError

    def reduce_scatter(self, vector: np.ndarray, out: np.ndarray) -> None:
        """Sum of the workers' vectors, of which each worker receives its own stretch.

        out = sum over ranks r of vector_r[stretch]

        After the call the others may still be reading the vector: change it only after the next
        operation of the group, such as the `all_gather` of the same step.

        Parameters
            vector   (n,), one on each worker
            out      (m,), m the length of this worker's stretch; overwritten
        """
        stretch = self.stretch(len(vector))
        require(
            len(out) == stretch.stop - stretch.start and out.dtype == vector.dtype,
            f"reduce_scatter expects out with the {stretch.stop - stretch.start} numbers of this "
            f"worker's stretch, {vector.dtype}; got {len(out)} of {out.dtype}",
        )
        for s, parts in self.all_to_all(vector):
            sum_in_order(parts, out[s.start - stretch.start : s.stop - stretch.start])

    def all_to_all(
        self, vector: np.ndarray, chunk: int = CHUNK
    ) -> Iterator[tuple[slice, list[np.ndarray]]]:
        """Yield (s, parts) for the chunks s of this worker's stretch, parts[r] = vector_r[s].

        The sum of the parts, see `sum_in_order`, is that of `reduce_scatter`. An optimizer that
        uses each chunk at once finds it in the processor's cache. s is a slice of the whole vector;
        do not change the parts, which may be the memory of another worker.

        Parameters
            vector   (n,), one on each worker, see `reduce_scatter`
            chunk    numbers in a chunk
        """
        stretches = [self.stretch(len(vector), rank) for rank in range(self.size)]
        (parts,) = self.exchange(vector, [[s] for s in stretches])
        yield from in_chunks(stretches[self.rank], parts, chunk)

    def exchange(
        self, vector: np.ndarray, wanted: Sequence[Sequence[slice]]
    ) -> list[list[np.ndarray]]:
        """Slices of the vectors of all workers: parts[i][r] = vector_r[wanted[this rank][i]].

        Do not change the parts, which may be the memory of another worker, nor the vector before
        the next operation of the group.

        Parameters
            vector   (n,), one on each worker, see `reduce_scatter`
            wanted   for each rank the slices that it receives, equal on all workers
        """
        raise NotImplementedError

    def common(self, i: int, n: int, dtype: Any = "float32") -> np.ndarray:
        """Memory i = 0 or 1 for a vector (n,) to which each worker writes its part.

        It is one and the same for all workers where they see one memory, and is used in turn with
        that of `buffer`: see `share_rows`.
        """
        raise NotImplementedError

    def share_rows(self, array: np.ndarray, rows: Sequence[slice]) -> None:
        """Let all workers have the rows that each has written into an array in `common` memory.

        The rows of the others are there when the next `exchange` has returned.

        Parameters
            array   (N, ...), contiguous
            rows    of each worker, which follow each other and cover the array
        """
        raise NotImplementedError

    def sum_of(self, vector: np.ndarray) -> np.ndarray:
        """Sum of the workers' vectors (n,), which each worker receives; one worker: its vector."""
        if self.size == 1:
            return vector
        total, s = np.empty_like(vector), self.stretch(len(vector))
        self.reduce_scatter(vector, total[s])
        self.all_gather(None, total)
        return total

    def all_gather(self, part: np.ndarray | None, full: np.ndarray) -> None:
        """Concatenation of the workers' stretches, which each worker receives.

        full = [part_0, part_1, ...]

        Where the workers see one and the same array `full`, nothing has to be sent.

        Parameters
            part   (m,), this worker's stretch of the vector; None: it is in its place in `full`
            full   (n,), overwritten
        """
        raise NotImplementedError

    def all_reduce(self, numbers: Any) -> np.ndarray:
        """Sum over the workers of a few numbers, in float64, which each worker receives.

        The result is a new array (k,) for k numbers, at most 512: losses, counts, squared norms.
        """
        raise NotImplementedError

    def broadcast(self, array: np.ndarray, root: int = 0) -> None:
        """Copy an array of rank `root` to the array of each other worker, in place."""
        raise NotImplementedError

    def barrier(self) -> None:
        """Wait until all workers have called `barrier`."""
        raise NotImplementedError


class Alone(Group):
    """Group of one worker: every operation in its plain form, without others to wait for.

    >>> group, w = Alone(), np.zeros(3)
    >>> total = np.empty(3)
    >>> group.reduce_scatter(np.array([1.0, 2.0, 3.0]), total)
    >>> w -= 0.5 * total
    >>> group.all_gather(None, w)
    >>> w
    array([-0.5, -1. , -1.5])
    """

    kind, rank, size = "alone", 0, 1

    def __init__(self):
        self._buffer = PrivateBuffer()
        self._common = self._buffer, PrivateBuffer()

    def buffer(self, n: int, dtype: Any = "float32") -> np.ndarray:
        return self._buffer(n, dtype)

    def exchange(
        self, vector: np.ndarray, wanted: Sequence[Sequence[slice]]
    ) -> list[list[np.ndarray]]:
        return [[vector[s]] for s in wanted[0]]

    def common(self, i: int, n: int, dtype: Any = "float32") -> np.ndarray:
        return self._common[i](n, dtype)

    def share_rows(self, array: np.ndarray, rows: Sequence[slice]) -> None:
        pass

    def all_gather(self, part: np.ndarray | None, full: np.ndarray) -> None:
        if part is not None:
            full[...] = part

    def all_reduce(self, numbers: Any) -> np.ndarray:
        return few(numbers).copy()

    def broadcast(self, array: np.ndarray, root: int = 0) -> None:
        pass

    def barrier(self) -> None:
        pass


class PrivateBuffer:
    """Memory for `Group.buffer` of a worker that shares no memory with the others."""

    def __init__(self):
        self.bytes = np.zeros(0, np.uint8)

    def __call__(self, n: int, dtype: Any) -> np.ndarray:
        """Vector (n,) at the start of the memory, which grows if it is too short."""
        size = n * np.dtype(dtype).itemsize
        if self.bytes.size < size:
            self.bytes = np.zeros(size, np.uint8)
        return self.bytes[:size].view(dtype)


# ------------------------------------------------------------------------- helpers of every kind


@functools.cache
def stretch_of(n: int, rank: int, size: int) -> slice:
    """See `Group.stretch`, for a group of this size.

    >>> stretch_of(100, 1, 3)
    slice(32, 64, None)
    """
    blocks = -(-n // ALIGNMENT)  # rounded up
    edges = [ALIGNMENT * (blocks * r // size) for r in (rank, rank + 1)]
    return slice(min(edges[0], n), min(edges[1], n))


FEW = 512  # numbers that all_reduce takes at most


def few(numbers: Any) -> np.ndarray:
    """Numbers for `all_reduce` as a vector of float64.

    >>> few([1, 2.5])
    array([1. , 2.5])
    """
    values = np.asarray(numbers, np.float64).reshape(-1)
    require(
        values.size <= FEW,
        f"all_reduce expects at most {FEW} numbers; got {values.size}: use reduce_scatter",
    )
    return values


def chunks(stretch: slice, size: int) -> Iterator[slice]:
    """Yield consecutive slices of `size` numbers that cover a stretch.

    >>> list(chunks(slice(2, 7), 3))
    [slice(2, 5, None), slice(5, 7, None)]
    """
    for start in range(stretch.start, stretch.stop, size):
        yield slice(start, min(start + size, stretch.stop))


def in_chunks(
    stretch: slice, parts: Sequence[np.ndarray], size: int
) -> Iterator[tuple[slice, list[np.ndarray]]]:
    """Yield the `chunks` of a stretch, each with its numbers of parts that cover the stretch.

    >>> list(in_chunks(slice(10, 13), [np.arange(3)], 2))
    [(slice(10, 12, None), [array([0, 1])]), (slice(12, 13, None), [array([2])])]
    """
    for s in chunks(stretch, size):
        yield s, [part[s.start - stretch.start : s.stop - stretch.start] for part in parts]


def sum_in_order(vectors: Sequence[np.ndarray], out: np.ndarray | None = None) -> np.ndarray:
    """Sum of one or more vectors, ((v_0 + v_1) + v_2) + ..., in `out` or as a new array.

    Without `out` the sum of one vector is the vector itself, not a copy.

    >>> sum_in_order([np.ones(2), np.ones(2), np.ones(2)])
    array([3., 3.])
    """
    if len(vectors) == 1:
        return vectors[0] if out is None else np.positive(vectors[0], out=out)
    total = np.add(vectors[0], vectors[1], out=out)
    for vector in vectors[2:]:
        total += vector
    return total


def same_memory(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two contiguous arrays start at the same address.

    >>> w = np.zeros(4)
    >>> same_memory(w[:2], w), same_memory(w[2:], w)
    (True, False)
    """
    return a.__array_interface__["data"][0] == b.__array_interface__["data"][0]


OUT_OF_STEP = (
    "the workers of a group have called different numbers of operations: all must call the same "
    "ones in the same order"
)


def failure(rank: int, size: int, traceback: str) -> WorkerError:
    """Error that reports the exception of a worker, with its traceback.

    >>> print(failure(1, 2, "Traceback ..."))
    worker 1 of 0 ... 1 failed, so the others were stopped; its traceback:
    Traceback ...
    """
    return WorkerError(
        f"worker {rank} of 0 ... {size - 1} failed, so the others were stopped; its traceback:\n"
        f"{traceback.rstrip()}"
    )
