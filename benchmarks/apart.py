"""A contest of its own, outside the table of ``python -m benchmarks``: other contestants."""

import argparse
import contextlib
import sys

from benchmarks import report, timing
from benchmarks.machine import load, machine
from benchmarks.models import MODELS


def main(program, description, model, contestants, steps):
    """Time them and print the table.

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
        there = []
        for name in contestants:
            try:
                there.append(timing.Contestant(name, pythons, options.threads))
            except timing.Missing as problem:
                everything["skipped"][name] = str(problem)
                continue
            stack.callback(there[-1].close)
        everything["contestants"] = {c.name: c.about for c in there}
        print(*report.head(everything), sep="\n", flush=True)
        timings = timing.contest(there, model, options.rounds, options.steps)
        ours = timings["scratchnet"].median
        rows = {w: t.summary() | {"scratchnet_ratio": ours / t.median} for w, t in timings.items()}
        print(*report.table({"title": MODELS[model].title, "contestants": rows}), sep="\n")
    print(f"load average at the end {load()}")
