"""Groups whose workers see one memory: the operations of threads and of forked processes.

Nothing is sent but signals. A worker reads the vectors of the others where they are, after a
barrier has told it that they are complete:

    reduce_scatter    barrier; add the stretch s of all vectors
    all_gather        every worker writes its stretch into one array; barrier

A subclass says how a signal goes from one worker to another, by `send` and `receive`.
"""

import math
import mmap
from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.parallel.group import FEW, Group, few, same_memory, sum_in_order
from scratchnet.validation import require


def shared_zeros(shape: Any, dtype: Any = "float32") -> np.ndarray:
    """New array of zeros in memory that processes forked later share with this one.

    The memory has no name and is in no file system. It is freed when no process uses it any more,
    even if all of them are killed.

    >>> shared_zeros((2, 3)).sum()
    np.float32(0.0)
    """
    count = math.prod(shape) if isinstance(shape, tuple) else shape
    memory = mmap.mmap(-1, max(1, count * np.dtype(dtype).itemsize))
    return np.frombuffer(memory, dtype, count).reshape(shape)


def shared_copy(array: np.ndarray) -> np.ndarray:
    """Copy of an array in memory that processes forked later share, see `shared_zeros`.

    >>> shared_copy(np.arange(3.0))
    array([0., 1., 2.])
    """
    copy = shared_zeros(array.shape, array.dtype)
    copy[...] = array
    return copy


def is_shared(array: Any) -> bool:
    """Whether an array is, or is a view of, an array made by `shared_zeros` or `shared_copy`.

    >>> is_shared(shared_zeros(4)[1:]), is_shared(np.zeros(4))
    (True, False)
    """
    while isinstance(array, np.ndarray):
        array = array.base
    return isinstance(array.obj if isinstance(array, memoryview) else array, mmap.mmap)


def distances(size: int) -> list[int]:
    """Differences 1, 2, 4, ... < size of the ranks that exchange signals in a barrier.

    >>> distances(5)
    [1, 2, 4]
    """
    return [1 << k for k in range((size - 1).bit_length())]


def signal_pairs(size: int) -> list[tuple[int, int]]:
    """Pairs (sender, receiver) of ranks that exchange signals in a barrier.

    >>> signal_pairs(3)
    [(0, 1), (0, 2), (1, 2), (1, 0), (2, 0), (2, 1)]
    """
    return [(rank, (rank + d) % size) for rank in range(size) for d in distances(size)]


class Memory:
    """Arrays of one group that all of its workers see.

    Parameters
        size       number of workers
        capacity   numbers in the longest vector of the operations; memory is used as it is needed
        arrays     the caller's arrays that all workers see, such as the parameters
        zeros      `shared_zeros` for processes, `np.zeros` for threads

    Attributes
        buffers    one array of bytes for each worker, for a vector or an array of it
        numbers    (2, size, 512), the numbers of `all_reduce`, in turn in the first and second half
        vectors    the views of `vector` that were asked for before
    """

    def __init__(self, size: int, capacity: int, arrays: Sequence[np.ndarray], zeros: Any):
        self.size, self.arrays = size, arrays
        self.buffers = [zeros(max(capacity, FEW) * 8, np.uint8) for _ in range(size)]
        self.numbers = zeros((2, size, FEW), np.float64)
        self.vectors: dict[tuple[int, int, Any], np.ndarray] = {}

    def vector(self, rank: int, n: int, dtype: Any) -> np.ndarray:
        """Vector (n,) at the start of the buffer of a worker, the same object in each call."""
        key = rank, n, dtype
        if key not in self.vectors:
            buffer, length = self.buffers[rank], n * np.dtype(dtype).itemsize
            require(
                length <= len(buffer),
                f"this group was started for vectors of at most {len(buffer) // 8:,} numbers; got "
                f"{n:,}: start it by run(..., capacity={n})",
            )
            self.vectors[key] = buffer[:length].view(dtype)
        return self.vectors[key]


class SharedMemoryGroup(Group):
    """Group of two or more workers that see one memory; base class of threads and processes.

    A worker may write to its buffer when no other reads it any more. After a sum of vectors this is
    so when all have met at the next barrier; `unread` is True until then. The next operation
    usually has a barrier anyway, so `exchange` does not end with one.
    """

    def __init__(self, rank: int, memory: Memory):
        self.rank, self.size, self.memory = rank, memory.size, memory
        self.half = 0  # of memory.numbers that the next all_reduce uses
        self.unread = False  # True while others may be reading this worker's buffer for a sum

    def send(self, rank: int) -> None:
        """Send a signal to a worker."""
        raise NotImplementedError

    def receive(self, rank: int) -> None:
        """Wait for a signal from a worker; PeerLost if it has left the group."""
        raise NotImplementedError

    def barrier(self) -> None:
        """Wait until all workers have called `barrier`, in log2(n) rounds of signals.

        In round k a worker tells rank + 2^k that it and the 2^k - 1 ranks before it have arrived,
        and waits until rank - 2^k has told it the same. Dissemination barrier (Hensgen, Finkel and
        Manber, 1988).
        """
        for distance in distances(self.size):
            self.send((self.rank + distance) % self.size)
            self.receive((self.rank - distance) % self.size)
        self.unread = False

    def buffer(self, n: int, dtype: Any = "float32") -> np.ndarray:
        return self.memory.vector(self.rank, n, dtype)

    def exchange(
        self, vector: np.ndarray, wanted: Sequence[Sequence[slice]]
    ) -> list[list[np.ndarray]]:
        self._publish(vector)
        self.barrier()  # all vectors are complete
        self.unread = True
        vectors = [self.memory.vector(r, len(vector), vector.dtype) for r in range(self.size)]
        return [[v[s] for v in vectors] for s in wanted[self.rank]]

    def common(self, i: int, n: int, dtype: Any = "float32") -> np.ndarray:
        return self.memory.vector(i, n, dtype)  # the buffer of rank i

    def share_rows(self, array: np.ndarray, rows: Sequence[slice]) -> None:
        pass  # all see the array, and `exchange` has a barrier

    def all_gather(self, part: np.ndarray | None, full: np.ndarray) -> None:
        s = self.stretch(len(full))
        if self._seen_by_all(full):
            if part is not None:
                full[s] = part
            self.barrier()  # all parts are complete
            return
        self._publish(full[s] if part is None else part)
        self.barrier()
        for rank in range(self.size):
            s = self.stretch(len(full), rank)
            full[s] = self.memory.vector(rank, s.stop - s.start, full.dtype)
        self.barrier()  # all have read all buffers

    def all_reduce(self, numbers: Any) -> np.ndarray:
        values = few(numbers)
        table = self.memory.numbers[self.half, :, : len(values)]  # (size, k)
        self.half = 1 - self.half  # the others may read this half until the next barrier
        table[self.rank] = values
        self.barrier()
        return sum_in_order(list(table))

    def broadcast(self, array: np.ndarray, root: int = 0) -> None:
        if self._seen_by_all(array):
            self.barrier()
            return
        flat = self.memory.vector(root, array.size, array.dtype)
        if self.unread:
            self.barrier()
        if self.rank == root:
            flat[...] = array.reshape(-1)
        self.barrier()
        array[...] = flat.reshape(array.shape)
        self.barrier()

    def _publish(self, vector):
        """Put a vector into this worker's buffer, unless it is there already."""
        if self.unread:
            self.barrier()
        buffer = self.buffer(len(vector), vector.dtype)
        if vector is not buffer and not same_memory(vector, buffer):
            buffer[...] = vector

    def _seen_by_all(self, array):
        for a in self.memory.arrays:  # most often the same object: no need to compare addresses
            if array is a:
                return True
        return any(np.may_share_memory(array, a) for a in self.memory.arrays)
