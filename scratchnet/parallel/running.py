"""Running one function on all workers of a group."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scratchnet.parallel.choice import choose, fork_problem, inside_worker
from scratchnet.parallel.group import Alone, Group
from scratchnet.parallel.mpi_group import mpi_world, run_mpi
from scratchnet.parallel.process_group import run_processes
from scratchnet.parallel.shared_memory import Memory, shared_zeros
from scratchnet.parallel.thread_group import run_threads
from scratchnet.validation import check_positive_int, require, unknown_name

KINDS = ("alone", "threads", "processes", "mpi")


def run(
    work: Callable[[Group], Any],
    size: int,
    kind: str | None = None,
    *,
    arrays: Sequence[np.ndarray] = (),
    capacity: int = 0,
) -> Any:
    """Run work(group) on each of `size` workers at once; return the result of rank 0.

    Rank 0 is the calling thread itself; under mpiexec, where every process calls `run`, each of
    them has the result of its own rank. BLAS has one thread in each worker meanwhile. Workers of
    the kinds "threads" and "processes" do not outlive the call.

    Parameters
        work      function of the `Group`; all workers call the group's operations in one order
        size      number of workers; 1 is a group of the kind "alone", except under mpiexec
        kind      "threads", "processes" or "mpi"; None: see `choose`
        arrays    arrays that all workers see and change, such as the parameters; for processes made
                  by `shared_zeros` or `shared_copy`. Under MPI each process has its own
        capacity  numbers in the longest vector of the group's operations

    Raises
        WorkerError   another worker raised an exception, whose traceback the message has, or was
                      killed. An exception on rank 0 is raised as it is. In both cases all workers
                      have ended when the call does. Under MPI an exception that ends the script on
                      one rank ends it on all.

    >>> w = np.zeros(40)
    >>> def work(group):
    ...     s = group.stretch(40)
    ...     w[s] = group.rank + 1
    ...     group.all_gather(None, w)
    ...     return group.all_reduce([w[s].sum()])
    >>> run(work, 2, "threads", arrays=[w])
    array([64.])
    """
    check_positive_int("run", "size", size)
    kind = choose(size)[0] if kind is None else kind
    if kind not in KINDS:
        raise unknown_name("kind of group", kind, KINDS)
    token = inside_worker.set(True)
    try:
        return _run(work, size, kind, arrays, capacity)
    finally:
        inside_worker.reset(token)


def _run(work, size, kind, arrays, capacity):
    if kind == "mpi":
        group = mpi_world()
        require(
            group.size == size,
            f"run expects size={group.size}, the processes of mpiexec; got {size}",
        )
        return run_mpi(work)
    if kind == "alone" or size == 1:
        return work(Alone())
    if kind == "threads":
        return run_threads(work, Memory(size, capacity, arrays, np.zeros))
    require(
        hasattr(os, "fork"), f"run(kind='processes') expects a system with fork; {fork_problem()}"
    )
    return run_processes(work, Memory(size, capacity, arrays, shared_zeros))
