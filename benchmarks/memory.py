"""Peak memory of a process, which Linux reports and can reset."""

import pathlib

STATUS, CLEAR = pathlib.Path("/proc/self/status"), pathlib.Path("/proc/self/clear_refs")


def start():
    """Reset the peak and return the memory in use, in MB; None on other systems."""
    if not CLEAR.exists():
        return None
    CLEAR.write_text("5")  # resets the peak to the memory in use
    return _read("VmRSS")


def peak(before):
    """Peak in MB since `start`, minus the memory in use at that time."""
    return None if before is None else _read("VmHWM") - before


def _read(name):
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024
