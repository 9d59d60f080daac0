"""MPI: the bits of the other groups, and an error on one rank ends all. Under a real mpiexec."""

import importlib.util
import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
from group_work import digest, expected, time_limit

from scratchnet.parallel import mpi_size, mpi_world, run
from scratchnet.parallel.mpi_group import SIZE_VARIABLES

SCRIPT = Path(__file__).parents[1] / "support" / "group_work.py"
MPIEXEC = Path(sysconfig.get_path("scripts")) / "mpiexec"
needs_mpi = pytest.mark.skipif(
    importlib.util.find_spec("mpi4py") is None or not MPIEXEC.exists(),
    reason='mpi4py or mpiexec is not installed: pip install -e ".[mpi]"',
)


def mpiexec(size, *words):
    """Result of the script on `size` ranks."""
    command = [MPIEXEC, "-n", str(size), sys.executable, SCRIPT, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@needs_mpi
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_every_rank_has_the_bits_of_the_other_kinds(size):
    lengths = [1, 3, 50, 1001]
    done = mpiexec(size, *lengths)
    found = [line.split() for line in done.stdout.splitlines()]
    types = ("float32", "float64")
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert found == [[digest(expected(size, n, t))] * size for n in lengths for t in types]


@needs_mpi
@pytest.mark.parametrize("fault", ["--fail", "--kill"])
def test_the_end_of_one_rank_ends_all(fault):
    done = mpiexec(2, fault, 1)
    end = time.time()
    fault_time, *shared_files = done.stdout.splitlines()[0].split()
    assert done.returncode != 0 and end - float(fault_time) < time_limit()
    assert not shared_files  # they would be left
    if fault == "--fail":
        assert done.stderr.count("Traceback") == 1
        assert "rank 1 of 0 ... 1 failed" in done.stderr and "in barriers" in done.stderr


@needs_mpi
def test_the_size_of_run_must_be_that_of_mpiexec(monkeypatch):
    program = "from scratchnet.parallel import run; run(print, 3, 'mpi')"
    done = subprocess.run([MPIEXEC, "-n", "2", sys.executable, "-c", program], capture_output=True)
    assert b"run expects size=2, the processes of mpiexec; got 3" in done.stderr


@pytest.mark.parametrize("name", SIZE_VARIABLES)
def test_the_number_of_processes_is_known_without_mpi4py(name, monkeypatch):
    assert mpi_size() == 1
    monkeypatch.setenv(name, "4")
    assert mpi_size() == 4
    monkeypatch.setenv(name, "")
    assert mpi_size() == 1


def test_a_program_without_mpiexec_does_not_import_mpi4py():
    program = (
        "import sys; from scratchnet.parallel import run\n"
        "run(lambda group: group.barrier(), 2)\n"
        "assert 'mpi4py' not in sys.modules"
    )
    environment = {n: v for n, v in os.environ.items() if n not in SIZE_VARIABLES}
    assert subprocess.run([sys.executable, "-c", program], env=environment).returncode == 0


def test_without_mpi4py_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    mpi_world.cache_clear()
    with pytest.raises(RuntimeError, match=r'started 2 processes, .* pip install ".*\[mpi\]"'):
        run(print, 2)
