"""Kind of group for this machine and this moment, with the reason."""

import contextvars
import os
import sys
import threading

from scratchnet.backend import current_xp
from scratchnet.parallel.mpi_group import mpi_size

# Packages whose threads wait for messages, and hold no lock that a worker needs: the kernel of a
# notebook, the progress bar, pytest-xdist, debuggers
WAITING = ("ipykernel", "IPython", "zmq", "tqdm", "execnet", "debugpy", "_pydevd_bundle", "pydevd")
WAITING_NAMES = ("IOPub", "IPythonHistorySavingThread", "scratchnet")


inside_worker = contextvars.ContextVar("scratchnet_worker", default=False)


def choose(size: int) -> tuple[str, str]:
    """Return (kind, reason): the kind of group for `size` workers, and why, in one sentence.

    mpi         mpiexec has started several processes
    alone       one worker; a call inside of a worker; or a GPU as the current device: one worker
                uses all of it
    processes   wherever a fork is safe: no time is lost to the GIL
    threads     otherwise

    A fork copies the calling thread alone. A lock that another thread holds at that moment stays
    locked in the new process for ever, and a GPU cannot be used there. So threads are chosen where
    there is no fork (Windows), where system libraries do not survive it (macOS), where Python has
    no GIL, once this process has opened a GPU, in a call from a thread that is not the main one,
    and while other Python threads run. Threads of the following only wait for messages, so they
    do not count: notebooks (ipykernel), pytest-xdist, tqdm, debuggers.

    >>> choose(1)
    ('alone', 'one worker')
    """
    if mpi_size() > 1:
        return "mpi", f"mpiexec has started {mpi_size()} processes"
    if size == 1:
        return "alone", "one worker"
    if inside_worker.get():
        return "alone", "the call comes from a worker of a group"
    if current_xp().__name__ != "numpy":
        return "alone", "the current device is a GPU"
    problem = fork_problem()
    if problem:
        return "threads", problem
    return "processes", "a fork is safe here"


def cores() -> int:
    """Number of processor cores that this process may use; a batch system may allow it only some.

    >>> 1 <= cores() <= os.cpu_count()
    True
    """
    if hasattr(os, "sched_getaffinity"):  # not on Windows and macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def fork_problem() -> str | None:
    """Reason why processes cannot or should not be forked now, or None."""
    if not hasattr(os, "fork") or sys.platform in ("emscripten", "wasi"):
        return f"{sys.platform} has no fork"
    if sys.platform == "darwin":
        return "libraries of macOS do not survive a fork"
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return "this Python has no GIL, so threads run in parallel"
    if _gpu_is_open():
        return "this process has opened a GPU, which a forked process cannot use"
    if threading.current_thread() is not threading.main_thread():
        return "the call comes from a thread other than the main one"
    others = [t for t in threading.enumerate() if t is not threading.current_thread()]
    if busy := sorted(t.name for t in others if not _only_waits(t)):
        return f"other threads may hold locks: {', '.join(busy)}"
    return None


def _only_waits(thread):
    """Whether a thread only waits for messages; its class or its function tells its package."""
    target = getattr(thread, "_target", None)
    modules = (type(thread).__module__, getattr(target, "__module__", None) or "")
    packages = {name.split(".")[0] for name in modules}
    return bool(packages & set(WAITING)) or thread.name.startswith(WAITING_NAMES)


def _gpu_is_open():
    """Whether this process has opened a device of NVIDIA or AMD (Linux)."""
    try:
        numbers = os.listdir("/proc/self/fd")
    except OSError:
        return False
    for number in numbers:
        try:
            path = os.readlink(f"/proc/self/fd/{number}")
        except OSError:  # closed meanwhile, as that of listdir
            continue
        if path.startswith(("/dev/nvidia", "/dev/kfd")):
            return True
    return False
