"""Every system of the course on its real data: runs of the lessons, and the page of the results.

    python -m benchmarks.systems                  # write the page again, from what is recorded
    python -m benchmarks.systems --run            # first run what is missing (hours)
    python -m benchmarks.systems --run 02 07      # first run these, where they are missing

A run is a lesson with flags, "02_digit_classifier --dataset mnist", and writes a report.json into
the folder --out. The numbers of all reports are recorded in docs/results.json, and docs/results.md
is written from that file. systems.json lists the systems, their runs and the reported figures.

Each run is made with seed 0, and also with seeds 1 and 2 if it takes less than five minutes of
processor time. Existing reports are not computed again. A run has one core: one worker, one thread
of BLAS. SCRATCHNET_DATA is the folder of the data, see the lessons.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

import numpy as np

from benchmarks import systems_page
from benchmarks.machine import machine

ROOT = pathlib.Path(__file__).parents[1]
TABLE = ROOT / "benchmarks/systems.json"
RECORD = ROOT / "docs/results.json"
PAGE = ROOT / "docs/results.md"
SHORT = 300  # runs of fewer seconds are made with all seeds
SEEDS = range(systems_page.SEEDS)
SCRIPTS = {"mnist_dbn": ["dbn"], "mnist_dbm": ["dbm"]}  # words for benchmarks.systems_machines
VECTORS = {"X86_V3": "AVX2", "X86_V4": "AVX-512"}  # NumPy's names of levels
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def listed(systems):
    """Runs of the table, without seeds, in order and each once."""
    entries = [entry for part in systems.values() for entry in part]
    return list(dict.fromkeys(run for entry in entries for run in systems_page.runs_of(entry)))


def words_of(run, out):
    """Command line of a run, a list of words."""
    name, *flags = run.split()
    if name in SCRIPTS:
        start = ["-m", "benchmarks.systems_machines", *SCRIPTS[name]]
    else:
        start = [str(ROOT / "lessons" / f"{name}.py"), "--workers", "1"]
    return [sys.executable, *start, *flags, "--out", str(out)]


def run_once(run, out):
    """Run a lesson in a process of its own and add runtime.json to the folder of its report."""
    print(f"{time.strftime('%H:%M:%S')}  {run}", flush=True)
    before, began = os.times(), time.time()
    done = subprocess.run(
        words_of(run, out),
        cwd=ROOT,
        env=os.environ | ONE_THREAD | {"MPLBACKEND": "Agg"},
        stdout=subprocess.DEVNULL,
    )
    after = os.times()
    spent = after.children_user + after.children_system
    spent -= before.children_user + before.children_system
    if done.returncode:
        print(f"          failed with status {done.returncode}", flush=True)
        return
    for path in out.rglob("report.json"):
        if path.stat().st_mtime >= began:
            text = json.dumps({"processor_seconds": round(spent, 1)}) + "\n"
            path.with_name("runtime.json").write_text(text, encoding="ascii")


def collect(out, systems):
    """Numbers of the reports in a folder that are of runs of the table, {run: numbers}."""
    known = {systems_page.with_seed(run, seed) for run in listed(systems) for seed in SEEDS}
    found = {}
    for path in sorted(out.rglob("report.json")):
        report = json.loads(path.read_text(encoding="ascii"))
        run = " ".join([report["lesson"], *report["flags"]])
        if run not in known:  # other knobs, a fault, quick mode
            continue
        kept = {"settings": report["settings"], "metrics": report["metrics"]}
        kept["metrics"] = {name: rounded(value) for name, value in kept["metrics"].items()}
        runtime = path.with_name("runtime.json")
        if runtime.exists():
            spent = json.loads(runtime.read_text(encoding="ascii"))["processor_seconds"]
            kept["processor_seconds"] = round(spent)
        found[run] = kept
    return found


def rounded(value, digits=6):
    """Number with six significant digits: the record shall not change with the last bit.

    >>> rounded(0.12345678), rounded(17160)
    (0.123457, 17160)
    """
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def missing(systems, record, wanted):
    """Runs that are not recorded, of the lessons `wanted` or of all: first those of seed 0."""
    for seed in SEEDS:
        for run in listed(systems):
            if wanted and not any(run.startswith(name) for name in wanted):
                continue
            key = systems_page.with_seed(run, seed)
            first = record["runs"].get(run, {}).get("processor_seconds", 0)
            if key not in record["runs"] and (seed == 0 or first < SHORT):
                yield key


def main(words=None):
    """Run what is missing if asked to, record the reports, write the page.

    Exits with status 1 if a figure is worse than its reference and the table does not explain it.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--run", nargs="*", metavar="LESSON", help="first run what is missing, of these lessons"
    )
    parser.add_argument(
        "--out",
        type=pathlib.Path,
        default=ROOT / "lessons_out" / "systems",
        help="folder of the reports; default lessons_out/systems",
    )
    given = parser.parse_args(words)
    systems = json.loads(TABLE.read_text(encoding="ascii"))
    record = json.loads(RECORD.read_text(encoding="ascii")) if RECORD.exists() else {"runs": {}}
    record["runs"] |= collect(given.out, systems)
    tried = set()
    while given.run is not None:
        left = [run for run in missing(systems, record, given.run) if run not in tried]
        if not left:
            break
        tried.add(left[0])
        run_once(left[0], given.out)
        record["runs"] |= collect(given.out, systems)
    if tried or "machine" not in record:
        record["machine"] = describe_machine()
    write(systems, record)
    if unexplained := systems_page.unexplained(systems, record):
        sys.exit("worse than the reference, without a reason: " + "; ".join(unexplained))


def describe_machine():
    """Processor, cores, system and vector instructions of this machine."""
    known = machine()
    found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    described = {name: known[name] for name in ("cpu", "cores", "system")}
    return described | {"vectors": VECTORS.get(found[-1], found[-1]) if found else "none known"}


def write(systems, record):
    """Write docs/results.json, a line for each run, and docs/results.md."""
    runs = (
        f"{json.dumps(run)}: {json.dumps(kept)}" for run, kept in sorted(record["runs"].items())
    )
    text = (
        f'{{"machine": {json.dumps(record["machine"])},\n"runs": {{\n' + ",\n".join(runs) + "}}\n"
    )
    RECORD.write_text(text, encoding="ascii")
    PAGE.write_text(systems_page.page(systems, record), encoding="ascii")
    print(f"wrote {RECORD.relative_to(ROOT)} and {PAGE.relative_to(ROOT)}", flush=True)


if __name__ == "__main__":
    main()
