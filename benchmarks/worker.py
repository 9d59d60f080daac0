"""One contestant in its own process: ``python -m benchmarks.worker MODULE FUNCTION THREADS KIND``.

It answers one line of JSON on stdout for each line on stdin:

    (at the start)     {"about": versions} or {"missing": why}
    {"model": name}    {"has": true or false, "workers", "kind"}   builds the model
    {"seconds": s}     {"ms", "cores", "steps", "mb"}              a round of about s seconds
    {"profile": n}     {"parts": ...}        time of each part of n steps (scratchnet only)

The kind is "-" or a kind of group. Under mpiexec rank 0 reads and answers, and all ranks compute.
"""

import importlib
import json
import os
import sys
import time

from benchmarks import memory
from benchmarks.models import find
from benchmarks.rounds import InOneProcess, Rounds


def serve(contestant, function, threads, kind, requests, answer):
    """Answer requests until the end of the input."""
    try:
        options = {"kind": kind} if kind else {}
        about = contestant.prepare(threads, **options)
    except ImportError as problem:
        answer({"missing": str(problem)})
        return
    answer({"about": about})
    for request in requests:
        match request:
            case {"model": name}:
                model = find(name)
                if not contestant.has(model, function):
                    answer({"has": False})
                    continue
                before = memory.start()
                steps = getattr(contestant, function)(model)
                if isinstance(steps, tuple):
                    steps = InOneProcess(*steps)
                rounds = Rounds(steps, before)
                answer({"has": True, "workers": steps.workers, "kind": steps.kind})
            case {"seconds": seconds}:
                answer(rounds.round(seconds))
            case {"profile": steps}:
                from benchmarks.profiling import profile

                whole = hasattr(model, "scratchnet")  # its own training step is not profiled
                answer({"parts": profile(model, steps) if whole else []})


def from_rank_0(world):
    """Yield the lines that rank 0 reads, on each rank of an MPI communicator.

    The other ranks sleep between two looks: a receive of MPI would keep a core busy meanwhile.
    """
    if world.rank:
        while True:
            while not world.iprobe(source=0):
                time.sleep(0.005)
            line = world.recv(source=0)
            if line is None:
                return
            yield line
    for line in sys.stdin:
        for rank in range(1, world.size):
            world.send(line, rank)
        yield line
    for rank in range(1, world.size):
        world.send(None, rank)


def main(module, function, threads, kind):
    pipe = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # output of a framework goes to stderr, not into the answers
    kind, lines, rank = (None if kind == "-" else kind), sys.stdin, 0
    if kind == "mpi":
        from scratchnet.parallel import mpi_world

        world = mpi_world().communicator
        lines, rank = from_rank_0(world), world.rank

    def answer(message):
        if rank == 0:
            print(json.dumps(message), file=pipe)

    contestant = importlib.import_module(f"benchmarks.{module}")
    serve(contestant, function, int(threads), kind, map(json.loads, lines), answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
