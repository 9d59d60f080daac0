"""``python -m benchmarks``: time of a training step, compared with PyTorch and Keras."""

import argparse
import contextlib
import json
import pathlib

from benchmarks import report, results, speedup, summary
from benchmarks.machine import cores, load, machine
from benchmarks.models import MACHINES, MODELS, ROWS
from benchmarks.options import add_options, parsed, positive
from benchmarks.timing import CONTESTANTS, NUMPY_ALONE, ROOT, Contestant, contest, started
from scratchnet.compiled import numba_problem


def arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add(
        "--models",
        nargs="+",
        choices=MODELS,
        default=[*ROWS, *MACHINES],
        metavar="NAME",
        help=f"which of {', '.join(MODELS)}",
    )
    add(
        "--threads",
        type=positive,
        nargs="+",
        default=[cores()],
        help="of each contestant, for scratchnet workers at most; several: a table for each number",
    )
    add(
        "--kind",
        choices=speedup.KINDS,
        help="of scratchnet's workers, of which there are then --threads in every row",
    )
    add_options(parser, rounds=9, seconds=0.2)
    add("--profile", action="store_true", help="time each layer of scratchnet's step")
    add("--speed-up", action="store_true", help="also the table of python -m benchmarks.speedup")
    add("--json", type=pathlib.Path, metavar="PATH", help="write everything to this file")
    add("--report", type=pathlib.Path, metavar="PATH", help="write the results as Markdown")
    add(
        "--figure",
        type=pathlib.Path,
        metavar="PATH",
        default=ROOT / "docs/images/benchmarks.png",
        help="of the report; default docs/images/benchmarks.png",
    )
    return parsed(parser)


def row(name, threads, options, everything):
    """Time one model in fresh processes, so that each peak of memory is that of this model."""
    names = [c for c in CONTESTANTS if c not in everything["skipped"]]
    if name in MACHINES:
        names = [c for c in names if c in ("scratchnet", "torch", "scikit-learn")]
    else:
        names = [c for c in names if c != "scikit-learn"]
    kinds = dict.fromkeys(("scratchnet", NUMPY_ALONE), options.kind)
    with contextlib.ExitStack() as stack:
        found = [Contestant(c, options.pythons, threads, kinds.get(c)) for c in names]
        found = started(stack, found, everything["skipped"])
        everything["contestants"] |= {c.name: c.about for c in found}
        timings = contest(found, name, options.rounds, options.seconds)
        summaries = {who: timing.summary() for who, timing in timings.items()}
        result = {"title": MODELS[name].title, "contestants": summaries}
        report.show(report.table(result, threads))
        if options.profile:
            found[0].send(profile=30)
            result["profile"] = found[0].answer()["parts"]
            report.show(report.shares(result["profile"]))
    return result


def main():
    options = arguments()
    settings = {name: getattr(options, name) for name in ("threads", "kind", "rounds", "seconds")}
    everything = {"machine": machine(), "settings": settings}
    everything |= {"contestants": {}, "skipped": {}, "tables": []}
    if problem := numba_problem():
        everything["skipped"][NUMPY_ALONE] = f'{problem}: pip install -e ".[numba]"'
    report.show(report.head(everything))
    for threads in options.threads:
        models = {}
        everything["tables"].append({"threads": threads, "models": models})
        for name in options.models:
            models[name] = row(name, threads, options, everything)
            save(everything, options)
        report.show(["", *report.versions(everything), "", *summary.tables(models)])
    if options.speed_up:
        names = [name for name in options.models if name not in MACHINES]
        measured = (names, options.pythons, options.rounds, options.seconds)
        everything["speedup"] = speedup.measure(*measured, report.show)
        report.show(["", *speedup.table(everything["speedup"])])
    save(everything, options)
    report.show(["", f"load average at the end {everything['machine']['load_at_end']}"])


def save(everything, options):
    """Write what has been measured up to now."""
    everything["machine"]["load_at_end"] = load()
    if options.json:
        options.json.write_text(json.dumps(everything, indent=1) + "\n")
    if options.report:
        results.write(everything, options.report, options.figure)


if __name__ == "__main__":
    main()
