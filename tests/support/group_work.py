"""Every operation of a group, for threads, processes and MPI; a script for mpiexec:

mpiexec -n SIZE python group_work.py LENGTH ...     rank 0 prints a digest for each length
mpiexec -n SIZE python group_work.py --fail RANK    an error on one rank
mpiexec -n SIZE python group_work.py --kill RANK    the end of one rank
"""

import functools
import hashlib
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from scratchnet.parallel import mpi_size, mpi_world, run, shared_zeros
from scratchnet.parallel.group import sum_in_order


def vectors(size, n, dtype):
    """One vector (n,) for each rank, with magnitudes at which every order of a sum shows."""
    draws = [np.random.default_rng([size, n, rank]) for rank in range(size)]
    return [(d.standard_normal(n) * 10.0 ** d.integers(-3, 4, n)).astype(dtype) for d in draws]


def operations(group, n, dtype="float32", full=None):
    """Results of all operations on one worker, as a list of arrays."""
    vector = vectors(group.size, n, dtype)[group.rank]
    s, results = group.stretch(n), []

    total = np.full(s.stop - s.start, np.nan, dtype)
    group.reduce_scatter(vector, total)
    whole = np.full(n, np.nan, dtype) if full is None else full
    group.all_gather(total, whole)
    results.append(whole.copy())

    buffer = group.buffer(n, dtype)  # the same vector, not copied, in place and in small chunks
    buffer[...] = vector
    group.barrier()
    again = np.full(n, np.nan, dtype) if full is None else full
    again[s] = np.nan
    for c, parts in group.all_to_all(buffer, chunk=7):
        again[c] = sum_in_order(parts)
    group.all_gather(again[s], again)
    results.append(again.copy())

    # rows that each worker writes into common memory, beside a vector of which all want slices
    rows = rows_of_ranks(group.size, n)
    buffer, common = group.buffer(3 * n, dtype), [group.common(i, 3 * n, dtype) for i in (0, 1)]
    common = common[0][n : 2 * n], common[1][2 * n :]
    buffer[:n] = vector
    for i, array in enumerate(common):
        array[rows[group.rank]] = group.rank + i
        group.share_rows(array.reshape(n, 1), rows)
    wanted = [[slice(0, n)] + [slice(0, 1)] * (rank % 2) for rank in range(group.size)]
    parts = group.exchange(buffer, wanted)
    results += [sum_in_order(parts[0]).copy(), *(array.copy() for array in common)]
    assert len(parts) == len(wanted[group.rank])
    group.barrier()

    results.append(group.all_reduce(vector[:3]))
    results.append(group.all_reduce([group.rank, 1]))
    for root in range(group.size):
        image = np.full((2, n), group.rank, dtype)[:, ::-1]
        group.broadcast(image, root)
        results.append(image.copy())
    return results


def expected(size, n, dtype="float32"):
    """The same results from all vectors at once."""
    all_vectors = vectors(size, n, dtype)
    total = sum_in_order(all_vectors)
    few = sum_in_order([v[:3].astype("float64") for v in all_vectors])
    counts = np.array([size * (size - 1) / 2, size])
    lengths = [s.stop - s.start for s in rows_of_ranks(size, n)]
    ranks = np.repeat(np.arange(size, dtype=dtype), lengths)
    images = [np.full((2, n), root, dtype) for root in range(size)]
    return [total, total, total, ranks, ranks + 1, few, counts, *images]


def rows_of_ranks(size, n):
    """Consecutive slices of n rows, one for each rank; some are empty for few rows."""
    return [slice(n * rank // size, n * (rank + 1) // size) for rank in range(size)]


def digest(arrays):
    """Hash of the bits of arrays and their dtypes."""
    text = hashlib.sha256()
    for a in arrays:
        text.update(f"{a.dtype}{a.shape}".encode() + np.ascontiguousarray(a).tobytes())
    return text.hexdigest()[:12]


def digests(group, n, dtype="float32", full=None):
    """Digests of the results of all ranks, on every rank."""
    table = np.zeros(group.size)
    table[group.rank] = int(digest(operations(group, n, dtype, full)), 16)  # 48 bits: exact
    return [f"{int(number):012x}" for number in group.all_reduce(table)]


def run_digests(size, kind, n, dtype="float32", shared=False):
    """Digests of all ranks of a group of this kind."""
    full = shared_zeros(n, dtype) if shared else None
    arrays = [full] if shared else []
    return run(
        functools.partial(digests, n=n, dtype=dtype, full=full),
        size,
        kind,
        arrays=arrays,
        capacity=3 * n,
    )


def time_limit():
    """Seconds in which a fault ends a group: two, or more on a machine with too much to do."""
    return 2 * max(1, os.getloadavg()[0] / os.cpu_count())


def barriers(group, fault, rank):
    """Two barriers, between which one rank fails or is killed."""
    group.barrier()
    if group.rank == rank:
        maps = Path("/proc/self/maps").read_text().split()
        named = [word for word in maps if word.startswith("/dev/shm/") and os.path.exists(word)]
        print(time.time(), *set(named), flush=True)
        if fault == "--kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError("this rank fails")
    group.barrier()


def main(words):
    """Run as a script of mpiexec."""
    if words[0] in ("--fail", "--kill"):
        run(functools.partial(barriers, fault=words[0], rank=int(words[1])), mpi_size())
    for n in map(int, words):
        for dtype in ("float32", "float64"):
            found = run_digests(mpi_size(), None, n, dtype)
            if mpi_world().rank == 0:
                print(*found, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
