"""Description of the machine that a benchmark ran on."""

import os
import pathlib
import platform


def machine():
    """Processor, cores, system and load average, which a timing has to be reported with."""
    found = {"cpu": _cpu(), "cores": cores(), "system": platform.platform(), "load": load()}
    kernel = os.environ.get("OPENBLAS_CORETYPE")  # the peers have a BLAS of their own
    return found | ({"OPENBLAS_CORETYPE": kernel} if kernel else {})


def load():
    """Load averages over 1, 5 and 15 minutes; [] if the system does not report them."""
    return [round(n, 2) for n in os.getloadavg()] if hasattr(os, "getloadavg") else []


def _cpu():
    info = pathlib.Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def cores():
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()
