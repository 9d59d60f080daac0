"""``python -m benchmarks.growth --out growth.png``: the time of a step as one size grows.

Curves over batch, width, image size, time steps and workers, of scratchnet and the peers that are
installed, in one figure.
"""

import argparse
import contextlib
import json
import pathlib

from benchmarks import figures, report
from benchmarks.curves import CURVES
from benchmarks.machine import cores, machine
from benchmarks.options import add_options, parsed, positive
from benchmarks.timing import FOUR, Contestant, contest, started

CONTESTANTS = ("scratchnet", *FOUR)


def points(curve, threads, options, skipped):
    """Yield (value, {contestant: median}) for the values of a curve.

    The processes are the same for all values, except where the number of workers is the value.
    """
    values = CURVES[curve].values
    groups = [(n, [n]) for n in values] if curve == "workers" else [(threads, values)]
    for n, some in groups:
        with contextlib.ExitStack() as stack:
            kind = "processes" if curve == "workers" and n > 1 else None
            found = [Contestant("scratchnet", options.pythons, n, kind)]
            names = [name for name in FOUR if name not in skipped]
            found += [Contestant(name, options.pythons, n) for name in names]
            found = started(stack, found, skipped)
            for value in some:
                timings = contest(found, f"{curve}/{value}", options.rounds, options.seconds)
                yield value, {who: t.median for who, t in timings.items()}


def main():
    parser = argparse.ArgumentParser("python -m benchmarks.growth", description=__doc__)
    add = parser.add_argument
    add("--out", type=pathlib.Path, required=True, metavar="PATH", help="of the figure, .png")
    add("--curves", nargs="+", choices=CURVES, default=list(CURVES), metavar="NAME")
    add("--threads", type=positive, default=cores(), help="of each contestant")
    add("--json", type=pathlib.Path, metavar="PATH", help="write all numbers to this file")
    add_options(parser, rounds=5, seconds=0.15)
    options = parsed(parser)
    about, skipped, curves = machine(), {}, {}
    report.show([report.processor(about)])
    for name in options.curves:
        curve = CURVES[name]
        report.show(["", f"{curve.title}: {curve.label}, ms"])
        curves[name] = {}
        for value, medians in points(name, options.threads, options, skipped):
            curves[name][value] = medians
            numbers = (f"{who} {ms:.2f}" for who, ms in medians.items())
            report.show([f"{value:>6}  " + ", ".join(numbers)])
        figures.growth(curves, options.out)  # after each curve
    for who, why in skipped.items():
        report.show([f"{who} skipped: {why}"])
    if options.json:
        everything = {"machine": about, "threads": options.threads, "curves": curves}
        options.json.write_text(json.dumps(everything, indent=1) + "\n")


if __name__ == "__main__":
    main()
