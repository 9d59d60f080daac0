"""Workers that are forked processes: copies of this process, each with a Python of its own.

A forked process has all objects of its parent, model, data and functions, without copying them:
the two share each page of memory until one of them writes to it. So nothing has to be pickled.
Only arrays of `shared_zeros` and `shared_copy` stay shared when written to.

Life of the workers, none of which may outlive the group:

    work returns on all ranks     rank 0 waits for the ends of the others
    exception on rank 0, Ctrl-C   rank 0 kills the others; for them Ctrl-C is blocked
    exception on another rank     it leaves its traceback in shared memory and ends
    a worker is killed            its pipes close, so the ranks that wait for it end, too; rank 0
                                  finds its exit status, kills the rest and raises WorkerError
    rank 0 is killed              Linux kills the others (PR_SET_PDEATHSIG); elsewhere they end at
                                  their next operation, because the pipes of rank 0 are closed
"""

import contextlib
import gc
import os
import select
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from scratchnet.parallel.blas import one_blas_thread
from scratchnet.parallel.group import OUT_OF_STEP, Group, PeerLost, WorkerError, failure
from scratchnet.parallel.placement import libc, move_to_core, place_among_cores
from scratchnet.parallel.shared_memory import (
    Memory,
    SharedMemoryGroup,
    is_shared,
    shared_zeros,
    signal_pairs,
)
from scratchnet.validation import require

SPIN = 200e-6  # seconds in which a worker asks again and again, before it sleeps until a signal
CHECK = 50  # milliseconds between looks at the other processes, while no signal comes
REPORT = 1 << 14  # bytes of a traceback

DONE, FAILED, LOST = 0, 1, 2  # exit statuses: work returned, raised an error, another rank has left


class ProcessGroup(SharedMemoryGroup):
    """Group of forked processes; a signal is a byte in a pipe, of which each pair has its own.

    Waiting on a pipe costs no processor time, and a pipe whose sender has ended is closed, so that
    no rank waits in vain. A sleeping process wakes up late, however: a worker first looks for the
    signal again and again, giving way to other processes that are ready to run.

    Parameters
        rank      of this worker
        memory    the arrays of the group
        pipes     {(sender, receiver): (end to read, end to write)} of all pairs
        check     function that raises PeerLost if another process has ended
    """

    kind = "processes"

    def __init__(
        self,
        rank: int,
        memory: Memory,
        pipes: dict[tuple[int, int], tuple[int, int]],
        check: Callable[[], None],
    ):
        super().__init__(rank, memory)
        self.check = check
        self.inbox, self.outbox = {}, {}
        for (sender, receiver), (reading, writing) in pipes.items():
            if receiver == rank:
                poll = select.poll()
                poll.register(reading, select.POLLIN)
                self.inbox[sender] = reading, poll.poll
            if sender == rank:
                self.outbox[receiver] = writing

    def send(self, rank: int) -> None:
        try:
            os.write(self.outbox[rank], b".")
        except BrokenPipeError:
            raise PeerLost from None

    def receive(self, rank: int) -> None:
        reading, poll = self.inbox[rank]
        if not poll(0):
            end = time.perf_counter() + SPIN
            while not poll(0):
                if time.perf_counter() < end:
                    os.sched_yield()
                elif poll(CHECK):
                    break
                else:
                    self.check()
        if not os.read(reading, 1):
            raise PeerLost  # the pipe is closed

    def leave(self) -> None:
        """Close the pipes of this worker."""
        for reading, _ in self.inbox.values():
            os.close(reading)
        for writing in self.outbox.values():
            os.close(writing)


def run_processes(work: Callable[[Group], Any], memory: Memory) -> Any:
    """Run work(group) on memory.size processes, this one being rank 0; see `run`."""
    require(
        all(is_shared(array) for array in memory.arrays),
        "processes expect arrays in memory that they share: make them by shared_zeros or "
        "shared_copy",
    )
    with one_blas_thread:
        workers = Workers(memory)
        try:
            result = work(workers.start(work))
            workers.finish()
        except PeerLost:
            raise workers.error() from None
        finally:
            workers.kill()
    return result


class Workers:
    """The processes of ranks 1 ... size - 1, as rank 0 sees them.

    Attributes
        group    the group of rank 0
        running  {rank: process id} of those that have not ended
        ended    {rank: status of waitpid} of the others; None if unknown
        reports  (size, bytes) the traceback of each rank, as UTF-8, zeros behind it
    """

    def __init__(self, memory: Memory):
        self.memory, self.size = memory, memory.size
        self.reports = shared_zeros((self.size, REPORT), np.uint8)
        self.running: dict[int, int] = {}
        self.ended: dict[int, int | None] = {}
        self.group: ProcessGroup | None = None

    def start(self, work: Callable[[Group], Any]) -> ProcessGroup:
        """Fork the processes; return the group of rank 0."""
        parent, prctl, core = os.getpid(), _prctl(), place_among_cores()
        _flush()  # or each process would write what is waiting here
        with _no_ctrl_c(), contextlib.ExitStack() as opened:
            pipes = {}
            for pair in signal_pairs(self.size):
                pipes[pair] = os.pipe()
                for end in pipes[pair]:
                    opened.callback(os.close, end)  # if a later line fails
            for rank in range(1, self.size):
                pid = _fork()
                if not pid:
                    if prctl is not None:
                        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                    self._run_worker(rank, parent, core, pipes, work)
                self.running[rank] = pid
            opened.pop_all()
            self.group = self._join(0, pipes, self.look)
        return self.group

    def _run_worker(self, rank, parent, core, pipes, work):
        """All that a forked process does; it never returns."""
        status = FAILED
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)  # no handler of the parent
            gc.freeze()  # objects of the parent: their finalizers are not for this process
            if core is not None:
                move_to_core(core + rank)

            def check():
                if os.getppid() != parent:
                    raise PeerLost

            check()
            work(self._join(rank, pipes, check))
            status = DONE
        except PeerLost:
            status = LOST
        except BaseException:
            text = traceback.format_exc().encode()[-REPORT:]
            self.reports[rank, : len(text)] = np.frombuffer(text, np.uint8)
        finally:
            _flush()
            os._exit(status)

    def _join(self, rank, pipes, check):
        """The group of a rank; the ends of pipes that belong to other ranks are closed."""
        for (sender, receiver), (reading, writing) in pipes.items():
            if receiver != rank:
                os.close(reading)
            if sender != rank:
                os.close(writing)
        return ProcessGroup(rank, self.memory, pipes, check)

    def look(self) -> None:
        """Note which processes have ended; PeerLost if the work of one of them was not done."""
        for rank, pid in list(self.running.items()):
            self._wait(rank, pid, os.WNOHANG)
        if any(status not in (DONE, None) for status in self.ended.values()):
            raise PeerLost

    def _wait(self, rank, pid, options):
        try:
            done, status = os.waitpid(pid, options)
        except ChildProcessError:  # another part of the program has waited for it
            done, status = pid, None
        if done:
            del self.running[rank]
            self.ended[rank] = status

    def finish(self) -> None:
        """Wait until the work of all ranks is done; PeerLost if one of them failed."""
        self._leave()
        for rank, pid in list(self.running.items()):
            self._wait(rank, pid, 0)
        self.look()

    def error(self) -> WorkerError:
        """The error of the worker that failed first; waits up to a second for its exit status."""
        until = time.monotonic() + 1
        while True:
            with contextlib.suppress(PeerLost):
                self.look()
            for rank, status in sorted(self.ended.items()):
                text = bytes(self.reports[rank]).rstrip(b"\0").decode(errors="replace")
                if text:
                    return failure(rank, self.size, text)
                if status is not None and os.WIFSIGNALED(status):
                    return self._killed(rank, os.WTERMSIG(status))
                if status is not None and os.WEXITSTATUS(status) not in (DONE, LOST):
                    return WorkerError(
                        f"worker {rank} of 0 ... {self.size - 1} has ended its process by itself, "
                        f"with status {os.WEXITSTATUS(status)}; the others were stopped"
                    )
            if not self.running or time.monotonic() > until:
                return WorkerError(OUT_OF_STEP)
            time.sleep(0.005)

    def _killed(self, rank, number):
        name = signal.Signals(number).name
        hint = ": the system does so when memory runs out" if name == "SIGKILL" else ""
        return WorkerError(
            f"worker {rank} of 0 ... {self.size - 1} was killed by signal {number} ({name}{hint}), "
            "so the others were stopped"
        )

    def kill(self) -> None:
        """End the processes that still run, and wait for their ends."""
        with _no_ctrl_c():
            for pid in self.running.values():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for rank, pid in list(self.running.items()):
                self._wait(rank, pid, 0)
            self._leave()

    def _leave(self):
        group, self.group = self.group, None
        if group is not None:
            group.leave()


PR_SET_PDEATHSIG = 1  # prctl(2): the signal that a process receives when its parent ends


def _flush():
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):  # None, or a closed file
            stream.flush()


def _prctl():
    """Linux' function prctl, or None."""
    return libc("prctl")


def _fork():
    """Process id of the new process; 0 in the new process."""
    with warnings.catch_warnings():  # Python 3.12 warns of threads: `choose` has looked at them
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


@contextlib.contextmanager
def _no_ctrl_c() -> Iterator[None]:
    """Context in which Ctrl-C has to wait, so that no process is lost half-way.

    A blocked signal would not be enough: another thread of the program, as in a notebook, would
    receive it, and Python would raise KeyboardInterrupt here. In other threads it never does.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple] = []
    before = signal.signal(signal.SIGINT, lambda *arguments: came.append(arguments))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)
        if came and callable(before):
            before(*came[0])
