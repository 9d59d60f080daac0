"""What a group of workers may leave behind in this process: children, open files, memory."""

import gc
import os
from pathlib import Path


def children():
    """Process ids of the children of all threads of this process, of those that ended, too."""
    tasks = Path("/proc/self/task").iterdir()
    return {pid for task in tasks for pid in (task / "children").read_text().split()}


def open_files():
    """Number of open files."""
    return len(os.listdir("/proc/self/fd"))


def shared_mappings():
    """Number of memory regions that processes share."""
    gc.collect()
    return Path("/proc/self/maps").read_text().count("/dev/zero")
