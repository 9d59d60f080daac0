"""The comparison: each contestant in its own process, one round after another, never two at once.

Two frameworks in one process slow each other down: the threads of a BLAS or OpenMP pool spin for a
while after their work. So every contestant is a process that computes only on request, and a pause
between two rounds gives the threads of the last one time to stop spinning.

Rounds are interleaved (A B C, B C A, ...), so that other work on the machine affects all equally.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
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

NUMPY_ALONE = "scratchnet, NumPy alone"  # as without Numba
CONTESTANTS = {  # name -> module, function, whose interpreter
    "scratchnet": ("ours", "train_step", "scratchnet"),
    NUMPY_ALONE: ("ours_numpy", "train_step", "scratchnet"),
    "torch": ("peers_torch", "adam", "torch"),
    "torch, fused Adam": ("peers_torch", "fused_adam", "torch"),
    "keras on jax": ("peers_keras", "train_step", "keras"),
    "keras on tensorflow": ("peers_tensorflow", "train_step", "tensorflow"),
    "scikit-learn": ("peers_sklearn", "fit", "scratchnet"),
    "matrix products": ("ours", "products", "scratchnet"),
}
OURS = "scratchnet", NUMPY_ALONE, "matrix products"
PEERS = tuple(name for name in CONTESTANTS if name not in OURS)
FOUR = PEERS[:4]  # the frameworks with automatic differentiation


class Missing(Exception):
    """The framework of a contestant cannot be imported."""


class Contestant:
    """A process that times steps on request; see `benchmarks.worker`.

    Its start takes seconds: make all contestants first, then call `hello` of each.

    Parameters
        name      in CONTESTANTS
        pythons   {framework: interpreter}
        threads   of the framework; for scratchnet workers
        kind      of group, for scratchnet; "mpi": as many processes of mpiexec
        label     in tables; None: the name
    """

    def __init__(self, name, pythons, threads, kind=None, label=None):
        module, function, framework = CONTESTANTS[name]
        self.name = label or name
        command = [pythons[framework], "-m", "benchmarks.worker", module, function, str(threads)]
        start = [mpiexec(), "-n", str(threads)] if kind == "mpi" else []
        self.process = subprocess.Popen(
            [*start, *command, kind or "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | CPU_ONLY | dict.fromkeys(THREAD_VARIABLES, str(threads)),
        )
        self.about = {}

    def hello(self):
        """Wait until the framework is imported; Missing if it cannot be."""
        hello = self._answer()
        if "missing" in hello:
            self.close()
            raise Missing(hello["missing"])
        self.about = hello["about"]

    def send(self, **request):
        """Send one request, whose answer `ask` or `answer` reads."""
        with contextlib.suppress(BrokenPipeError):  # it has ended: reading its answer reports this
            print(json.dumps(request), file=self.process.stdin, flush=True)

    def ask(self, **request):
        """Send one request and return the answer."""
        self.send(**request)
        return self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the process of {self.name!r} has ended; it says why above")
        return json.loads(line)

    answer = _answer

    def close(self):
        """End the process."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()  # the end of its requests: it returns
        self.process.wait()


def mpiexec():
    """Path of the mpiexec beside this interpreter, or else of the system's."""
    beside = pathlib.Path(sys.executable).with_name("mpiexec")
    path = str(beside) if beside.exists() else shutil.which("mpiexec")
    if path is None:
        raise SystemExit('there is no mpiexec: pip install -e ".[mpi]"')
    return path


def started(stack, contestants, skipped):
    """The contestants whose frameworks are installed; the reasons of the others go to `skipped`.

    stack is a contextlib.ExitStack, which ends the processes.
    """
    found = []
    for contestant in contestants:
        stack.callback(contestant.close)
    for contestant in contestants:
        try:
            contestant.hello()
        except Missing as problem:
            skipped[contestant.name] = str(problem)
            continue
        found.append(contestant)
    return found


@dataclasses.dataclass
class Timing:
    """Times of one contestant for one model, a number per round, and its peak memory."""

    workers: int = 1
    kind: str = ""
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
        return numbers | {"workers": self.workers, "kind": self.kind, "rounds": self.ms}


def contest(contestants, model, rounds, seconds):
    """Time the contestants on the model of that name: {contestant: Timing}."""
    for contestant in contestants:  # they build and compile at once, which is not timed
        contestant.send(model=model)
    built = {contestant: contestant.answer() for contestant in contestants}
    contestants = [contestant for contestant in contestants if built[contestant]["has"]]
    timings = {c.name: Timing(built[c]["workers"], built[c]["kind"]) for c in contestants}
    for r in range(rounds):
        first = r % len(contestants)
        for contestant in contestants[first:] + contestants[:first]:
            time.sleep(PAUSE)
            answer, timing = contestant.ask(seconds=seconds), timings[contestant.name]
            timing.ms.append(answer["ms"])
            timing.cores.append(answer["cores"])
            mb = answer["mb"]
            timing.mb = mb if mb is None or timing.mb is None else max(mb, timing.mb)
    return timings
