"""Memory of processes, as Linux reports it: peaks, and memory that several processes share."""

import pathlib

STATUS, CLEAR = pathlib.Path("/proc/self/status"), pathlib.Path("/proc/self/clear_refs")
ROLLUP = pathlib.Path("/proc/self/smaps_rollup")


def start():
    """Reset the peak; return the memory in use, {"rss", "share"} in MB, or None elsewhere."""
    if not CLEAR.exists():
        return None
    CLEAR.write_text("5")  # resets the peak to the memory in use
    return {"rss": _read(STATUS, "VmRSS"), "share": _share()}


def peak(before):
    """Peak in MB since `start`, minus the memory in use at that time."""
    return None if before is None else _read(STATUS, "VmHWM") - before["rss"]


def share_of_peak(before, first=True):
    """This process's share of the peak of several processes, in MB.

    The sum over the processes is their memory together: a page that n of them use counts 1/n in
    each (PSS). To that comes what each had allocated at its own peak and has released since.

    Parameters
        before   the result of `start`, made before the processes were forked
        first    whether the memory in use before belongs to this process, and is subtracted
    """
    if before is None:
        return 0.0
    released = _read(STATUS, "VmHWM") - _read(STATUS, "VmRSS")
    return _share() + released - (before["share"] if first else 0)


def _share():
    """Proportional set size; the resident size where the system does not report it."""
    return _read(ROLLUP, "Pss") if ROLLUP.exists() else _read(STATUS, "VmRSS")


def _read(path, name):
    line = next(line for line in path.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024
