"""Versions, BLAS, GPU and folders of an installation, as `scratchnet doctor` prints them.

A report about a wrong number or a slow run begins with these lines.
"""

import importlib.metadata
import os
import platform
from collections.abc import Iterator

from threadpoolctl import threadpool_info

from scratchnet import __version__
from scratchnet.backend import gpu_description, gpu_problem
from scratchnet.compiled import numba_description
from scratchnet.data import cache_dir
from scratchnet.parallel import choose, cores

PACKAGES = ("numpy", "scipy", "scikit-learn", "matplotlib", "tqdm", "pooch")
CUPY = ("cupy", "cupy-cuda12x", "cupy-cuda13x")  # wheels that contain a module named cupy


def findings() -> Iterator[tuple[str, str]]:
    """Yield (name, value) for each line of `scratchnet doctor`.

    >>> name, version = next(findings())
    >>> name
    'scratchnet'
    """
    yield "scratchnet", __version__
    yield "python", f"{platform.python_version()} on {platform.platform()}"
    for package in PACKAGES:
        yield package, importlib.metadata.version(package)
    yield "processors", f"{cores()} of {os.cpu_count()}"
    kind, reason = choose(max(2, cores()))
    yield "workers", f"{kind}: {reason}"
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    for pool in {pool["filepath"]: pool for pool in pools}.values():
        owner = os.path.basename(os.path.dirname(pool["filepath"]))  # numpy.libs, scipy.libs
        api, version, threads = pool["internal_api"], pool["version"], pool["num_threads"]
        kernel = f", kernel {pool['architecture']}" if "architecture" in pool else ""
        yield "BLAS", f"{api} {version}{kernel}, {threads} threads ({owner})"
    if chosen := os.environ.get("OPENBLAS_CORETYPE"):
        yield "", f"OPENBLAS_CORETYPE={chosen} is set: kernels for another processor are slower"
    if not pools:
        yield "BLAS", "unknown to threadpoolctl"
    yield "Numba", numba_description()
    wheels = [f"{wheel} {version}" for wheel in CUPY if (version := _version(wheel))]
    yield "CuPy", ", ".join(wheels) or "not installed"
    if len(wheels) > 1:
        yield "", "several CuPy packages exclude each other: uninstall all but one"
    yield "GPU", f"not usable: {problem}" if (problem := gpu_problem()) else gpu_description()
    folder = os.environ.get("SCRATCHNET_DATA")
    yield "SCRATCHNET_DATA", "not set" if folder is None else _folder(folder)
    yield "cache", _folder(cache_dir())


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _folder(path):
    return f"{path}" if os.path.isdir(path) else f"{path} (does not exist)"
