"""``python -m benchmarks.on_gpu``: every measurement that needs a machine with an NVIDIA GPU.

It measures what docs/gpu.md estimates, runs the thirty bugs on CuPy itself, times training steps
beside PyTorch on the same card, and runs lessons and tests there. A part that fails is reported,
and the next one follows.

    python -m benchmarks.on_gpu --json gpu.json
    python -m benchmarks.on_gpu --python-torch ../torch-env/bin/python --parts steps bugs
    python -m benchmarks.on_gpu --rehearse       without a GPU, on the stand-in, with small sizes
"""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from benchmarks.gpu import bugs, kernels, questions, steps  # noqa: F401 (they register parts)
from benchmarks.gpu.bench import PARTS, Bench, part, ran
from benchmarks.machine import machine
from benchmarks.timing import ROOT
from scratchnet.backend import gpu_problem
from scratchnet.cli import find_lessons
from scratchnet.doctor import findings
from scratchnet.lesson import table

IN_FULL = ("01", "02")  # the lessons that are also run in full, beside their references
PYTEST = [sys.executable, "-m", "pytest", "-q", "tests"]


@part("Do the lessons run there?", "lesson", "run", "seconds", "off the CPU's", on_stand_in=False)
def lessons(bench):
    """Compare quick runs with the CPU, noise being equal; run two lessons in full as well."""
    with tempfile.TemporaryDirectory() as out:
        flags = ("--quick", "--parity", "--device")
        for number, path in find_lessons().items():
            cpu, gpu = (_run(number, path, out, *flags, device) for device in ("cpu", "gpu"))
            pairs = [(gpu["metrics"][name], value) for name, value in cpu["metrics"].items()]
            off = max(abs(a - b) / max(abs(b), 1e-9) for a, b in pairs)  # relative
            yield number, "--quick --parity", gpu["seconds"], f"{off:.1e}"
            if number in IN_FULL:
                full = _run(number, path, out, "--check", "--device", "gpu")
                yield number, "--check", full["seconds"], ""


def _run(number, path, out, *flags):
    """Run a lesson and read its report."""
    ran([sys.executable, "-m", "scratchnet", "run", number, "--out", out, *flags])
    folder = f"{path.stem}-quick" if "--quick" in flags else path.stem
    return json.loads((pathlib.Path(out) / folder / "report.json").read_text("ascii"))


@part("Does the test suite pass on CuPy?", "tests", "answer", on_stand_in=False)
def suite(bench):
    """Run the whole suite; its fixture xp includes CuPy if there is a GPU."""
    listed = subprocess.run([*PYTEST, "--collect-only"], cwd=ROOT, capture_output=True, text=True)
    on_cupy = len(re.findall(r"^tests/.*[\[-]cupy[\]-]", listed.stdout, re.MULTILINE))
    yield "on CuPy", on_cupy
    if not on_cupy:
        raise RuntimeError("pytest collects no test on CuPy")
    line = ""
    with subprocess.Popen(PYTEST, cwd=ROOT, stdout=subprocess.PIPE, text=True) as pytest:
        for line in pytest.stdout:
            print(line, end="", flush=True)
    yield "all", line.strip()
    if pytest.returncode:
        raise RuntimeError(f"pytest ended with {pytest.returncode}")


def answer(name, bench):
    """Run one part: {"question", "head", "rows", "seconds"}, and "failed" after an error."""
    found, rows, began = PARTS[name], [], time.perf_counter()
    result = {"question": found.question, "head": found.head, "rows": rows}
    print(f"\n{found.question}  ({name})", flush=True)
    try:
        for row in found.rows(bench):
            rows.append(row)
    except Exception as problem:  # an unknown machine: report any error and go on
        result["failed"] = f"{type(problem).__name__}: {problem}"
    result["seconds"] = round(time.perf_counter() - began, 1)
    if rows:
        print(table(found.head, rows))
    if "failed" in result:
        print(f"FAILED  {result['failed']}")
    return result


def arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser("python -m benchmarks.on_gpu", description=__doc__)
    add = parser.add_argument
    add("--python-torch", default=sys.executable, metavar="PATH", help="an interpreter with torch")
    add("--threads", type=int, default=min(4, machine()["cores"]), help="of the processor's steps")
    add("--parts", nargs="+", choices=PARTS, default=list(PARTS), metavar="NAME",
        help=f"which of {', '.join(PARTS)}")  # fmt: skip
    add("--rehearse", action="store_true", help="without a GPU: the parts that run on the stand-in")
    add("--json", type=pathlib.Path, metavar="PATH", help="write everything to this file")
    options = parser.parse_args()
    if shutil.which(options.python_torch) is None:
        parser.error(f"there is no interpreter {options.python_torch}")
    return options


def main():
    """Run the parts; return 0, 1 if one failed, or 2 without a GPU."""
    options = arguments()
    bench = Bench(options.rehearse, options.python_torch, options.threads)
    with bench.stage():
        if gpu_problem():
            print(gpu_problem())
            return 2
        about = [("processor", machine()["cpu"]), *findings()]
        print(table(("machine", "a rehearsal on the stand-in" if bench.rehearsal else ""), about))
        everything = {"rehearsal": bench.rehearsal, "machine": about, "parts": {}}
        for name in options.parts:
            if bench.rehearsal and not PARTS[name].on_stand_in:
                print(f"\n{PARTS[name].question}  ({name})\nonly on a GPU")
                continue
            everything["parts"][name] = answer(name, bench)
            if options.json:  # after each part: a device can hang
                options.json.write_text(json.dumps(everything, indent=1) + "\n", encoding="ascii")
    failed = [name for name, result in everything["parts"].items() if "failed" in result]
    print(f"\n{len(everything['parts'])} parts, failed: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
