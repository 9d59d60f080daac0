"""Cores of processes: a new worker leaves the core of its parent.

A forked process often begins on the core of its parent. The system moves it when it notices, after
5 to 20 milliseconds in which the two workers wait for each other. Here the new process moves itself
at once. It is not bound to the core: afterwards it may use all cores again.
"""

import contextlib
import ctypes
import os
import sys
from typing import Any

# errors of a system without functions for cores, or that does not allow them
REFUSED = AttributeError, OSError


def libc(name: str) -> Any:
    """Function of Linux' C library, or None.

    >>> libc("no such function") is None
    True
    """
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None


def place_among_cores() -> int | None:
    """Place of the core that runs this thread among those that it may use; None if unknown."""
    sched_getcpu = libc("sched_getcpu")
    if sched_getcpu is None:
        return None
    with contextlib.suppress(*REFUSED):
        core, allowed = sched_getcpu(), sorted(os.sched_getaffinity(0))
        return allowed.index(core) if core in allowed else None
    return None


def move_to_core(i: int) -> None:
    """Let this process go on at core i of those that it may use, counted modulo their number."""
    with contextlib.suppress(*REFUSED):  # the process stays where it is
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {sorted(allowed)[i % len(allowed)]})
        os.sched_setaffinity(0, allowed)
