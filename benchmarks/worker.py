"""One contestant in its own process: ``python -m benchmarks.worker MODULE FUNCTION THREADS``.

It answers one line of JSON on stdout for each line on stdin:

    (at the start)     {"about": versions} or {"missing": why}
    {"model": name}    {"has": true or false}        builds the model, if the contestant has it
    {"steps": n}       {"ms", "cores", "mb"}         a round: n steps, milliseconds a step
    {"profile": n}     {"parts": ...}                time of each part of n steps (scratchnet only)
"""

import importlib
import json
import os
import sys
import time

from benchmarks import memory
from benchmarks.models import MODELS

WARM_UP = 20  # steps after building: compilation, first touches of memory
LEAD = 3  # steps before each round's clock starts: caches and sleeping threads


def timed_round(step, wait, steps):
    """Milliseconds per step, and processor seconds of all threads per second."""
    _repeat(step, wait, LEAD)
    began, began_cpu = time.perf_counter(), time.process_time()
    _repeat(step, wait, steps)
    seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    return {"ms": 1e3 * seconds / steps, "cores": cpu / seconds}


def _repeat(step, wait, n):
    for _ in range(n):
        step()
    wait()


def serve(contestant, function, threads, requests, answer):
    """Answer requests until the end of the input."""
    try:
        about = contestant.prepare(threads)
    except ImportError as problem:
        answer({"missing": str(problem)})
        return
    answer({"about": about})
    for request in map(json.loads, requests):
        match request:
            case {"model": name}:
                model = MODELS[name]
                if not contestant.has(model):
                    answer({"has": False})
                    continue
                before = memory.start()
                step, wait = function(model)
                _repeat(step, wait, WARM_UP)
                answer({"has": True})
            case {"steps": steps}:
                answer(timed_round(step, wait, steps) | {"mb": memory.peak(before)})
            case {"profile": steps}:
                from benchmarks.profiling import profile

                whole = hasattr(model, "scratchnet")  # its own training step is not profiled
                answer({"parts": profile(model, steps) if whole else []})


def main(module, function, threads):
    pipe = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # output of a framework goes to stderr, not into the answers
    contestant = importlib.import_module(f"benchmarks.{module}")

    def answer(message):
        print(json.dumps(message), file=pipe)

    serve(contestant, getattr(contestant, function), int(threads), sys.stdin, answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
