"""A comparison with contestants that are not in the table of ``python -m benchmarks``."""

import argparse
import contextlib
import sys

from benchmarks import report, timing
from benchmarks.machine import load, machine
from benchmarks.models import MODELS


def main(program, description, model, contestants, steps):
    """Time the contestants and print the table.

    model         its name in MODELS
    contestants   {name: (module, function, whose interpreter)}, "scratchnet" among the names
    steps         in a round, by default
    """
    parser = argparse.ArgumentParser(program, description=description)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=steps, help="training steps in a round")
    parser.add_argument("--threads", type=int, default=2, help="for each contestant")
    parser.add_argument("--python-torch", default=sys.executable, help="an interpreter with torch")
    options = parser.parse_args()
    pythons = {"scratchnet": sys.executable, "torch": options.python_torch}
    timing.CONTESTANTS |= contestants
    everything = {"machine": machine(), "settings": vars(options), "skipped": {}}
    with contextlib.ExitStack() as stack:
        started = []
        for name in contestants:
            try:
                started.append(timing.Contestant(name, pythons, options.threads))
            except timing.Missing as problem:
                everything["skipped"][name] = str(problem)
                continue
            stack.callback(started[-1].close)
        everything["contestants"] = {c.name: c.about for c in started}
        print(*report.head(everything), sep="\n", flush=True)
        timings = timing.contest(started, model, options.rounds, options.steps)
        ours = timings["scratchnet"].median
        rows = {w: t.summary() | {"scratchnet_ratio": ours / t.median} for w, t in timings.items()}
        print(*report.table({"title": MODELS[model].title, "contestants": rows}), sep="\n")
    print(f"load average at the end {load()}")
