"""How much memory a process took at its peak. Linux tells, and lets the mark be set back."""

import pathlib

STATUS, CLEAR = pathlib.Path("/proc/self/status"), pathlib.Path("/proc/self/clear_refs")


def start():
    """Begin to watch; what the process holds now, in MB. None where the system does not tell."""
    if not CLEAR.exists():
        return None
    CLEAR.write_text("5")  # the peak is what is held now
    return _read("VmRSS")


def peak(before):
    """MB at the peak since `start`, less what was held then."""
    return None if before is None else _read("VmHWM") - before


def _read(name):
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024
