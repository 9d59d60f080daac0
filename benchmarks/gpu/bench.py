"""Register of the parts of `python -m benchmarks.on_gpu`, clock, other processes.

A part is a question and a generator of the rows of its answer, so that the rows before an error are
reported. scratchnet is imported inside of functions: PyTorch's interpreter may not have it.

    python -m benchmarks.gpu.bench MODULE FUNCTION SETTINGS ARGUMENTS   run by `Bench.in_subprocess`
"""

import contextlib
import dataclasses
import importlib
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np

from benchmarks.rounds import InOneProcess
from benchmarks.timing import ROOT

LIMIT = 600  # seconds that another process may take, as a device can hang

TESTS = str(ROOT / "tests" / "support")


def from_tests(name):
    """Import a module of tests/support, such as the stand-in for CuPy and the planted bugs."""
    if TESTS not in sys.path:
        sys.path.append(TESTS)
    return importlib.import_module(name)


def ran(command, **environment):
    """Run a process; RuntimeError with the last line of its output if it fails."""
    environment = os.environ | environment
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT
    )
    if done.returncode:
        output = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
        raise RuntimeError(output[-1])
    return done


@dataclasses.dataclass
class Part:
    """A question, the head of the table that answers it, and the generator of its rows."""

    question: str
    head: tuple
    rows: object
    on_stand_in: bool  # False: it needs CuPy itself


PARTS = {}  # in the order in which they run


def part(question, *head, on_stand_in=True):
    """Register a function of a `Bench` that yields rows."""

    def register(rows):
        PARTS[rows.__name__] = Part(question, head, rows, on_stand_in)
        return rows

    return register


def milliseconds(step, wait, n):
    """Milliseconds per step, of n steps after three that are not counted."""
    return 1e3 * InOneProcess(step, wait).timed(3, n)["seconds"] / n


@dataclasses.dataclass
class Bench:
    """Settings of the parts, and the measurements they share."""

    rehearsal: bool = False  # on the stand-in for CuPy, with small sizes
    python_torch: str = sys.executable
    threads: int = 4  # of the processor

    @contextlib.contextmanager
    def stage(self):
        """Inside, scratchnet computes with CuPy, or in a rehearsal with the stand-in."""
        if not self.rehearsal:
            yield
            return
        with from_tests("fake_cupy").installed():
            yield

    @property
    def xp(self):
        """CuPy, or the stand-in in a rehearsal."""
        from scratchnet import backend

        return backend.cupy

    def size(self, full, small):
        """Choose `full`, or `small` in a rehearsal."""
        return small if self.rehearsal else full

    def numbers(self, *shape):
        """Draw float32 from 0 to 1 on the device, the same in each call."""
        return self.xp.asarray(np.random.default_rng(0).random(shape, dtype=np.float32))

    def wait(self):
        """Wait until the device has finished its work."""
        self.xp.cuda.get_current_stream().synchronize()

    def timed(self, work, calls=100, rounds=7):
        """Measure microseconds per call: (until it returns, until the device is done)."""
        calls = self.size(calls, 2)
        host, total = [], []
        for r in range(-1, self.size(rounds, 1)):  # the first compiles and fills the memory pool
            self.wait()
            began = time.perf_counter()
            for _ in range(calls):
                work()
            returned = time.perf_counter()
            self.wait()
            if r >= 0:
                host.append(1e6 * (returned - began) / calls)
                total.append(1e6 * (time.perf_counter() - began) / calls)
        return statistics.median(host), statistics.median(total)

    def rounds(self, step, wait):
        """Measure milliseconds per step, in several rounds of about 0.2 seconds each."""
        milliseconds(step, wait, self.size(20, 1))
        estimate = milliseconds(step, wait, self.size(5, 1))
        steps = self.size(max(1, min(500, int(200 / estimate))), 1)
        return [milliseconds(step, wait, steps) for _ in range(self.size(9, 2))]

    def in_subprocess(self, module, function, *arguments, python=sys.executable, **environment):
        """Call benchmarks.gpu.MODULE.FUNCTION(bench, *arguments) in a new process."""
        texts = map(json.dumps, (dataclasses.asdict(self), arguments))
        command = [python, "-m", "benchmarks.gpu.bench", module, function, *texts]
        return json.loads(ran(command, **environment).stdout.splitlines()[-1])


def main(module, function, settings, arguments):
    """Run the function that `Bench.in_subprocess` names, and print its value as JSON."""
    work = getattr(importlib.import_module(f"benchmarks.gpu.{module}"), function)
    print(json.dumps(work(Bench(**json.loads(settings)), *json.loads(arguments))))


if __name__ == "__main__":
    main(*sys.argv[1:])
