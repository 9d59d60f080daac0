"""What the parts of `python -m benchmarks.on_gpu` share: a register, a clock, other processes.

A part is a question and a generator of the rows of its answer: what it had found is kept where it
fails half way. scratchnet is imported late, for PyTorch's interpreter may not have it.

    python -m benchmarks.gpu.bench MODULE FUNCTION SETTINGS ARGUMENTS     what `Bench.apart` runs
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

from benchmarks.timing import ROOT
from benchmarks.worker import timed_round

LIMIT = 600  # seconds that another process may take: a device can hang

TESTS = str(ROOT / "tests" / "support")


def from_tests(name):
    """A module of the tests' folder, where the stand-in for CuPy and the planted bugs live."""
    if TESTS not in sys.path:
        sys.path.append(TESTS)
    return importlib.import_module(name)


def ran(command, **environment):
    """A process that has ended well; RuntimeError with its last words if not."""
    environment = os.environ | environment
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT
    )
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip() or "nothing said").splitlines()
        raise RuntimeError(words[-1])
    return done


@dataclasses.dataclass
class Part:
    """A question, the head of the table that answers it, and what yields its rows."""

    question: str
    head: tuple
    rows: object
    on_stand_in: bool  # False: only CuPy itself can answer


PARTS = {}  # in the order in which they are asked


def part(question, *head, on_stand_in=True):
    """Register a function of a `Bench` that yields rows."""

    def register(rows):
        PARTS[rows.__name__] = Part(question, head, rows, on_stand_in)
        return rows

    return register


@dataclasses.dataclass
class Bench:
    """How the questions are asked."""

    rehearsal: bool = False  # on the stand-in for CuPy, with small sizes
    python_torch: str = sys.executable
    threads: int = 4  # of the processor, where it computes

    @contextlib.contextmanager
    def stage(self):
        """Inside, scratchnet finds CuPy, or in a rehearsal the stand-in."""
        if not self.rehearsal:
            yield
            return
        with from_tests("fake_cupy").installed():
            yield

    @property
    def xp(self):
        """CuPy, or what stands there in a rehearsal."""
        from scratchnet import backend

        return backend.cupy

    def size(self, full, small):
        """How large, how often: small in a rehearsal."""
        return small if self.rehearsal else full

    def numbers(self, *shape):
        """float32 from 0 to 1 on the device, always the same."""
        return self.xp.asarray(np.random.default_rng(0).random(shape, dtype=np.float32))

    def wait(self):
        """Until the device has done all that it was asked."""
        self.xp.cuda.get_current_stream().synchronize()

    def timed(self, work, calls=100, rounds=7):
        """(host, whole): microseconds a call until it returns, and until the device is done."""
        calls = self.size(calls, 2)
        host, whole = [], []
        for r in range(-1, self.size(rounds, 1)):  # the first compiles and fills the memory pool
            self.wait()
            began = time.perf_counter()
            for _ in range(calls):
                work()
            returned = time.perf_counter()
            self.wait()
            if r >= 0:
                host.append(1e6 * (returned - began) / calls)
                whole.append(1e6 * (time.perf_counter() - began) / calls)
        return statistics.median(host), statistics.median(whole)

    def rounds(self, step, wait):
        """Milliseconds a step of several rounds, each of about a fifth of a second."""
        timed_round(step, wait, self.size(20, 1))
        estimate = timed_round(step, wait, self.size(5, 1))["ms"]
        steps = self.size(max(1, min(500, int(200 / estimate))), 1)
        return [timed_round(step, wait, steps)["ms"] for _ in range(self.size(9, 2))]

    def apart(self, module, function, *arguments, python=sys.executable, **environment):
        """What benchmarks.MODULE.FUNCTION(bench, *arguments) returns in a process of its own."""
        texts = map(json.dumps, (dataclasses.asdict(self), arguments))
        command = [python, "-m", "benchmarks.gpu.bench", module, function, *texts]
        return json.loads(ran(command, **environment).stdout.splitlines()[-1])


def main(module, function, settings, arguments):
    """The other side of `Bench.apart`."""
    work = getattr(importlib.import_module(f"benchmarks.gpu.{module}"), function)
    print(json.dumps(work(Bench(**json.loads(settings)), *json.loads(arguments))))


if __name__ == "__main__":
    main(*sys.argv[1:])
