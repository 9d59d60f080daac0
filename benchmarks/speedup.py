"""``python -m benchmarks.speedup``: several workers of each kind against one, row by row.

One worker is the plain step with one thread of BLAS. Four MPI processes on fewer cores are no
faster; they show that more ranks than cores work.
"""

import argparse
import contextlib
import importlib.util
import json
import pathlib

from benchmarks import report, summary
from benchmarks.machine import machine
from benchmarks.models import MACHINES, MODELS, ROWS, SHORT
from benchmarks.options import add_options, parsed
from benchmarks.timing import Contestant, contest, started

KINDS = ("processes", "threads", "mpi")
ALONE = "1 worker"


def contestants(pythons, skipped):
    """Processes of one worker, two of each kind, and four of MPI."""
    wanted = [(2, kind) for kind in KINDS] + [(4, "mpi")]
    if importlib.util.find_spec("mpi4py") is None:
        skipped["mpi"] = 'mpi4py is not installed: pip install -e ".[mpi]"'
        wanted = [(n, kind) for n, kind in wanted if kind != "mpi"]
    yield Contestant("scratchnet", pythons, 1, label=ALONE)
    for n, kind in wanted:
        yield Contestant("scratchnet", pythons, n, kind, label=f"{n} {kind}")


def measure(names, pythons, rounds, seconds, show):
    """Time all rows: {"columns": labels, "skipped": reasons, "rows": {name: {label: summary}}}."""
    result = {"columns": [], "skipped": {}, "rows": {}}
    with contextlib.ExitStack() as stack:
        found = started(stack, list(contestants(pythons, result["skipped"])), result["skipped"])
        result["columns"] = [contestant.name for contestant in found]
        for name in names:
            timings = contest(found, name, rounds, seconds)
            result["rows"][name] = {who: t.summary() for who, t in timings.items()}
            medians = ", ".join(f"{who} {t.median:.2f} ms" for who, t in timings.items())
            show([f"{SHORT.get(name, name)}: {medians}"])
    return result


def table(result):
    """Lines of a Markdown table: milliseconds of one worker, and how often faster the others."""
    labels = [label for label in result["columns"] if label != ALONE]
    compares = "2 mpi" in labels
    head = ["row", "1 worker ms", *labels, *["MPI / processes"] * compares]
    rows = []
    for name, timings in result["rows"].items():
        medians = {label: t["median"] for label, t in timings.items()}
        one = medians[ALONE]
        row = [SHORT.get(name, name), f"{one:.2f}"]
        row += [f"{one / medians[label]:.2f}" for label in labels]
        if compares:
            row.append(f"{medians['2 mpi'] / medians['2 processes']:.2f}")
        rows.append(row)
    yield from summary.markdown(head, rows)
    for kind, why in result["skipped"].items():
        yield f"{kind} skipped: {why}"


def main():
    parser = argparse.ArgumentParser("python -m benchmarks.speedup", description=__doc__)
    names = [name for name in MODELS if name not in MACHINES]
    parser.add_argument("--models", nargs="+", choices=names, default=ROWS, metavar="NAME")
    add_options(parser, rounds=9, seconds=0.2)
    parser.add_argument("--json", type=pathlib.Path, metavar="PATH")
    options = parsed(parser)
    about = machine()
    report.show([report.processor(about)])
    result = measure(options.models, options.pythons, options.rounds, options.seconds, report.show)
    report.show(["", *table(result)])
    if options.json:
        options.json.write_text(json.dumps({"machine": about, "speedup": result}, indent=1) + "\n")


if __name__ == "__main__":
    main()
