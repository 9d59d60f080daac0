"""``python -m benchmarks``: time of a training step, compared with PyTorch and Keras."""

import argparse
import contextlib
import json
import pathlib
import shutil
import sys

from benchmarks import report
from benchmarks.machine import load, machine
from benchmarks.models import MODELS
from benchmarks.timing import CONTESTANTS, Contestant, Missing, contest


def arguments():
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add(
        "--models",
        nargs="+",
        choices=MODELS,
        default=list(MODELS),
        metavar="NAME",
        help=f"which of {', '.join(MODELS)}",
    )
    add("--rounds", type=_positive, default=15, help="rounds of each contestant")
    add("--steps", type=_positive, default=30, help="training steps in a round")
    add("--threads", type=_positive, default=2, help="for each contestant")
    add("--python-torch", default=sys.executable, metavar="PATH", help="an interpreter with torch")
    add(
        "--python-keras",
        default=sys.executable,
        metavar="PATH",
        help="an interpreter with keras and jax",
    )
    add(
        "--python-tensorflow",
        default=sys.executable,
        metavar="PATH",
        help="an interpreter with keras and tensorflow",
    )
    add("--profile", action="store_true", help="time each layer of scratchnet's step")
    add("--json", type=pathlib.Path, metavar="PATH", help="write everything to this file")
    options = parser.parse_args()
    for path in (options.python_torch, options.python_keras, options.python_tensorflow):
        if shutil.which(path) is None:
            parser.error(f"there is no interpreter {path}")
    return options


def _positive(text):
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"expects a number >= 1; got {text}")
    return int(text)


def show(lines):
    print(*lines, sep="\n", flush=True)


def assemble(stack, pythons, threads, everything):
    """Start the contestants whose frameworks are installed; note why the others are skipped."""
    contestants = []
    for name in CONTESTANTS:
        if name in everything["skipped"]:
            continue
        try:
            contestant = Contestant(name, pythons, threads)
        except Missing as problem:
            everything["skipped"][name] = str(problem)
            continue
        stack.callback(contestant.close)
        contestants.append(contestant)
        everything["contestants"][name] = contestant.about
    return contestants


def main():
    options = arguments()
    pythons = {
        "scratchnet": sys.executable,
        "torch": options.python_torch,
        "keras": options.python_keras,
        "tensorflow": options.python_tensorflow,
    }
    everything = {
        "machine": machine(),
        "settings": {name: getattr(options, name) for name in ("threads", "rounds", "steps")},
        "contestants": {},
        "skipped": {},
        "models": {},
    }
    for name in options.models:
        with contextlib.ExitStack() as stack:  # fresh processes, so that each peak is this model's
            contestants = assemble(stack, pythons, options.threads, everything)
            if name == options.models[0]:
                show(report.head(everything))
            timings = contest(contestants, name, options.rounds, options.steps)
            ours = timings["scratchnet"].median
            result = everything["models"][name] = {
                "title": MODELS[name].title,
                "contestants": {
                    who: t.summary() | {"scratchnet_ratio": ours / t.median}
                    for who, t in timings.items()
                },
            }
            show(report.table(result))
            if options.profile:
                result["profile"] = contestants[0].ask(profile=options.steps)["parts"]
                show(report.shares(result["profile"]))
    everything["machine"]["load_at_end"] = load()
    show(["", f"load average at the end {load()}"])
    if options.json:
        options.json.write_text(json.dumps(everything, indent=1) + "\n")


if __name__ == "__main__":
    main()
