"""Workers that are processes of MPI, on one machine or on many: `mpiexec -n 4 python script.py`.

MPI starts the script n times. The processes share no memory, so vectors are sent. Sums are taken
here, in the order of the ranks, because MPI's own Reduce_scatter may add in another order on
another network.

Install with `pip install -e ".[mpi]"`: mpi4py, and the MPICH library with its mpiexec as a wheel.
"""

import contextlib
import functools
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scratchnet.parallel.blas import one_blas_thread
from scratchnet.parallel.group import Group, PrivateBuffer, few, sum_in_order

# set by mpiexec: MPICH, Intel MPI and Slurm's srun; Open MPI; MVAPICH
SIZE_VARIABLES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")


def mpi_size() -> int:
    """Number of processes that mpiexec has started, without importing mpi4py; 1 without mpiexec.

    >>> mpi_size()
    1
    """
    sizes = [os.environ.get(name, "") for name in SIZE_VARIABLES]
    return max([int(size) for size in sizes if size.isdigit()], default=1)


@functools.cache
def mpi_world() -> "MPIGroup":
    """Group of all processes that mpiexec has started.

    From the first call on, an error that ends the script on one rank ends it on all: the others
    would wait for that rank forever. Raises RuntimeError if mpi4py is not installed.
    """
    try:
        from mpi4py import MPI
    except ImportError as problem:
        raise RuntimeError(
            f"mpiexec has started {mpi_size()} processes, which need mpi4py: "
            f'pip install "scratchnet[mpi]" ({problem})'
        ) from None
    world = MPI.COMM_WORLD

    def abort(kind, error, trace):
        text = "".join(traceback.format_exception(kind, error, trace))
        print(f"rank {world.rank} of 0 ... {world.size - 1} failed:\n{text}", file=sys.stderr)
        sys.stderr.flush()
        time.sleep(0.5)  # mpiexec, which ends with Abort, has to read the text from a pipe first
        world.Abort(1)

    if world.size > 1:
        sys.excepthook = abort
        _remove_names_of_shared_memory(world)
    return MPIGroup(world)


def _remove_names_of_shared_memory(world):
    """Remove the file of MPICH's shared memory, which would be left by a rank that is killed.

    The memory itself is in use until the last process has ended.
    """
    world.Barrier()  # all have opened the file
    with contextlib.suppress(FileNotFoundError):  # no Linux, or another rank was faster
        maps = Path("/proc/self/maps").read_text().split()
        for path in {word for word in maps if word.startswith("/dev/shm/mpich_shm_")}:
            os.unlink(path)


class MPIGroup(Group):
    """Group of the processes of an MPI communicator (of mpi4py), such as MPI.COMM_WORLD."""

    kind = "mpi"

    def __init__(self, communicator: Any):
        self.communicator = communicator
        self.rank, self.size = communicator.rank, communicator.size
        self._buffer, self._received = PrivateBuffer(), PrivateBuffer()
        self._common = self._buffer, PrivateBuffer()

    def buffer(self, n: int, dtype: Any = "float32") -> np.ndarray:
        return self._buffer(n, dtype)

    def exchange(
        self, vector: np.ndarray, wanted: Sequence[Sequence[slice]]
    ) -> list[list[np.ndarray]]:
        numbers = self.size * sum(s.stop - s.start for s in wanted[self.rank])
        memory, start, parts = self._received(numbers, vector.dtype), 0, []
        # one message for the first slice of all ranks, one for the second, ...
        for i in range(max(map(len, wanted))):
            slices = [own[i] if i < len(own) else slice(0, 0) for own in wanted]
            counts, starts = [s.stop - s.start for s in slices], [s.start for s in slices]
            m = counts[self.rank]
            received = memory[start : start + self.size * m]
            start += self.size * m
            to_each = [m] * self.size, [m * rank for rank in range(self.size)]
            self.communicator.Alltoallv([vector, (counts, starts)], [received, to_each])
            parts.append(list(received.reshape(self.size, m)))
        return parts[: len(wanted[self.rank])]

    def common(self, i: int, n: int, dtype: Any = "float32") -> np.ndarray:
        return self._common[i](n, dtype)

    def share_rows(self, array: np.ndarray, rows: Sequence[slice]) -> None:
        from mpi4py import MPI

        width = array[0].size
        counts = [(own.stop - own.start) * width for own in rows]
        starts = [own.start * width for own in rows]
        self.communicator.Allgatherv(MPI.IN_PLACE, [array, (counts, starts)])

    def all_gather(self, part: np.ndarray | None, full: np.ndarray) -> None:
        if part is not None:
            full[self.stretch(len(full))] = part
        from mpi4py import MPI

        self.communicator.Allgatherv(MPI.IN_PLACE, [full, self._stretches(len(full))])

    def all_reduce(self, numbers: Any) -> np.ndarray:
        values = few(numbers)
        table = np.empty((self.size, len(values)))
        self.communicator.Allgather(values, table)
        return sum_in_order(list(table))

    def broadcast(self, array: np.ndarray, root: int = 0) -> None:
        copy = np.ascontiguousarray(array)
        self.communicator.Bcast(copy, root)
        if copy is not array:
            array[...] = copy

    def barrier(self) -> None:
        self.communicator.Barrier()

    def _stretches(self, n):
        """(lengths, starts) of the stretches of all ranks, as MPI's functions take them."""
        stretches = [self.stretch(n, rank) for rank in range(self.size)]
        return [s.stop - s.start for s in stretches], [s.start for s in stretches]


def run_mpi(work: Callable[[Group], Any]) -> Any:
    """Run work(group) on this rank, while the other processes of mpiexec do the same; see `run`."""
    with one_blas_thread:
        return work(mpi_world())
