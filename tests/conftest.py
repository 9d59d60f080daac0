"""Settings of the whole suite: no window, equal examples in every run, markers, common fixtures."""

import os
import sys
from pathlib import Path

import fake_cupy
import hypothesis
import numpy as np
import pytest

from scratchnet import backend
from scratchnet.backend import gpu_available, use_device
from scratchnet.compiled import numba_problem

os.environ["MPLBACKEND"] = "Agg"  # read before any module imports matplotlib

hypothesis.settings.register_profile(
    "suite", max_examples=40, deadline=None, derandomize=True, database=None
)
hypothesis.settings.load_profile("suite")

pytest_plugins = ["isolation", "data_sandbox"]

collect_ignore_glob = ["reference/*", "support/*"]  # no tests: other frameworks, shared code

MARKED_FOLDERS = ("lessons", "device")


def pytest_collection_modifyitems(items):
    """Mark the tests of a folder with its name, so that `-m "not lessons"` leaves them out."""
    here = Path(__file__).parent
    of_file = {
        path: [folder for folder in MARKED_FOLDERS if path.is_relative_to(here / folder)]
        for path in {item.path for item in items}
    }
    for item in items:
        for folder in of_file[item.path]:
            item.add_marker(folder)


@pytest.fixture(params=["numpy", "stand-in"] + ["cupy"] * gpu_available())
def xp(request):
    """The array module of a test that runs on every device: NumPy, the stand-in, CuPy on a GPU."""
    if request.param == "numpy":
        yield np
    elif request.param == "cupy":
        with use_device("gpu"):
            yield backend.cupy
    else:
        with fake_cupy.installed() as module, use_device("gpu"):
            yield module


@pytest.fixture
def without_numba(monkeypatch):
    """Numba as if it were not installed."""
    monkeypatch.setitem(sys.modules, "numba", None)
    numba_problem.cache_clear()
    yield
    numba_problem.cache_clear()


@pytest.fixture
def rng():
    """A NumPy generator that is the same in every run."""
    return np.random.default_rng(20)


@pytest.fixture
def x(rng):
    """Six samples of four numbers, float32."""
    return rng.standard_normal((6, 4)).astype("float32")


@pytest.fixture
def dy(rng):
    """An upstream gradient for six samples of four numbers, float32."""
    return rng.standard_normal((6, 4)).astype("float32")
