"""The comparison: each contestant in its own process, one round after another, never two at once.

Two frameworks in one process slow each other down: the threads of a BLAS or OpenMP pool spin for a
while after their work. So every contestant is a process that computes only on request, and a pause
between two rounds lets the threads of the last one stop spinning.

Rounds are interleaved (A B C, B C A, ...), so that other work on the machine affects all equally.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import time

ROOT = pathlib.Path(__file__).parents[1]
PAUSE = 0.05  # seconds; OpenBLAS spins for about 0.03
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NPROC",  # XLA
)
CPU_ONLY = {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}

CONTESTANTS = {  # name -> module, function, whose interpreter
    "scratchnet": ("ours", "train_step", "scratchnet"),
    "torch": ("peers_torch", "adam", "torch"),
    "torch, fused Adam": ("peers_torch", "fused_adam", "torch"),
    "keras on jax": ("peers_keras", "train_step", "keras"),
    "keras on tensorflow": ("peers_tensorflow", "train_step", "tensorflow"),
    "matrix products": ("ours", "products", "scratchnet"),
}


class Missing(Exception):
    """The framework of a contestant cannot be imported."""


class Contestant:
    """A process that times steps on request; see `benchmarks.worker`."""

    def __init__(self, name, pythons, threads):
        module, function, framework = CONTESTANTS[name]
        self.name = name
        self.process = subprocess.Popen(
            [pythons[framework], "-m", "benchmarks.worker", module, function, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | CPU_ONLY | dict.fromkeys(THREAD_VARIABLES, str(threads)),
        )
        hello = self._answer()
        if "missing" in hello:
            self.close()
            raise Missing(hello["missing"])
        self.about = hello["about"]

    def ask(self, **request):
        """Send one request and return the answer."""
        with contextlib.suppress(
            BrokenPipeError
        ):  # the process has ended: reading the answer reports it
            print(json.dumps(request), file=self.process.stdin, flush=True)
        return self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the process of {self.name!r} has ended; it says why above")
        return json.loads(line)

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()  # the end of its requests: it returns
        self.process.wait()


@dataclasses.dataclass
class Timing:
    """Times of one contestant for one model, a number per round, and its peak memory."""

    ms: list = dataclasses.field(default_factory=list)
    cores: list = dataclasses.field(default_factory=list)
    mb: float | None = None

    @property
    def median(self):
        return statistics.median(self.ms)

    def summary(self):
        """Numbers of a row of the table, and the rounds that they are computed from."""
        cores = statistics.median(self.cores)
        extremes = {"min": min(self.ms), "max": max(self.ms)}
        numbers = {"median": self.median, **extremes, "cores": cores, "mb": self.mb}
        return numbers | {"rounds": self.ms}


def contest(contestants, model, rounds, steps):
    """Time the contestants on the model of that name: {contestant: Timing}."""
    contestants = [contestant for contestant in contestants if contestant.ask(model=model)["has"]]
    timings = {contestant.name: Timing() for contestant in contestants}
    for r in range(rounds):
        first = r % len(contestants)
        for contestant in contestants[first:] + contestants[:first]:
            time.sleep(PAUSE)
            answer = contestant.ask(steps=steps)
            timings[contestant.name].ms.append(answer["ms"])
            timings[contestant.name].cores.append(answer["cores"])
            timings[contestant.name].mb = answer["mb"]
    return timings
