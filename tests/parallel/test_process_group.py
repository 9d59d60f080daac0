"""Forked processes: faults of every rank end the group in time, and nothing is left of it."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from group_work import time_limit
from leftovers import children, shared_mappings

from scratchnet.parallel import WorkerError, process_group, run, shared_zeros
from scratchnet.parallel.process_group import Workers
from scratchnet.parallel.shared_memory import Memory


@pytest.fixture(autouse=True)
def ctrl_c_is_not_ignored():
    """A shell ignores Ctrl-C for a command in the background, and so would these tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


SCRIPT = Path(__file__).parents[1] / "support" / "long_group.py"
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@contextlib.contextmanager
def in_time():
    """The block ends within the limit, and leaves no process and no open file."""
    files, before, start = os.listdir("/proc/self/fd"), children(), time.monotonic()
    yield
    assert time.monotonic() - start < time_limit()
    assert children() <= before  # no further child, not even one that has ended
    assert len(os.listdir("/proc/self/fd")) == len(files)


# ---------------------------------------------------------------------------- faults of a worker


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_worker_is_one_error_on_rank_0(size, number):
    def work(group):
        group.barrier()
        if group.rank == 1:
            os.kill(os.getpid(), number)
        group.barrier()

    with in_time(), pytest.raises(WorkerError, match=f"worker 1 of .* by signal {number:d}"):
        run(work, size, "processes")


def test_a_signal_that_the_program_handles_ends_a_worker_nevertheless():
    def work(group):
        if group.rank == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        group.barrier()

    before = signal.signal(signal.SIGTERM, lambda number, frame: None)
    try:
        with in_time(), pytest.raises(WorkerError, match="SIGTERM"):
            run(work, 2, "processes")
    finally:
        signal.signal(signal.SIGTERM, before)


def test_ctrl_c_does_not_reach_a_worker():
    def work(group):
        if group.rank == 1:
            os.kill(os.getpid(), signal.SIGINT)
        group.barrier()
        return "met"

    assert run(work, 2, "processes") == "met"


def test_rank_0_finds_a_killed_worker_whose_pipe_another_process_keeps_open():
    """A process that another part of the program forks inherits the pipes."""

    def work(group):
        group.barrier()
        if group.rank == 1:
            holder = os.fork()
            if not holder:
                time.sleep(1)
                os._exit(0)
            os.kill(os.getpid(), signal.SIGKILL)
        start = time.monotonic()
        try:
            group.barrier()
        finally:
            assert time.monotonic() - start < 0.9

    with in_time(), pytest.raises(WorkerError, match="signal 9"):
        run(work, 2, "processes")


@pytest.mark.parametrize("size", [2, 4])
def test_an_exception_in_a_worker_reaches_rank_0_with_its_traceback(size, capfd):
    def fails_there(group):
        group.barrier()
        if group.rank == group.size - 1:
            raise KeyError("no such word")
        group.barrier()

    with in_time(), pytest.raises(WorkerError) as caught:
        run(fails_there, size, "processes")
    text = str(caught.value)
    assert f"worker {size - 1} of 0 ... {size - 1} failed" in text
    assert "in fails_there" in text and text.endswith("KeyError: 'no such word'")
    assert capfd.readouterr() == ("", "")  # one message, that of rank 0


def test_of_a_long_traceback_the_end_is_reported():
    def work(group):
        if group.rank:
            raise ValueError("x" * 100_000 + " the end")
        group.barrier()

    with in_time(), pytest.raises(WorkerError, match="x the end$"):
        run(work, 2, "processes")


def test_an_exception_after_the_last_operation_is_raised_too():
    def work(group):
        group.barrier()
        if group.rank == 1:
            time.sleep(0.05)
            raise KeyError("too late")

    with in_time(), pytest.raises(WorkerError, match="too late"):
        run(work, 2, "processes")


def test_a_worker_that_ends_its_process_is_an_error():
    def work(group):
        if group.rank == 1:
            os._exit(3)
        group.barrier()

    with in_time(), pytest.raises(WorkerError, match="ended its process by itself, with status 3"):
        run(work, 2, "processes")


@pytest.mark.parametrize("eager", [0, 1])
def test_a_rank_with_fewer_operations_is_an_error_instead_of_an_endless_wait(eager):
    def work(group):
        if group.rank != eager:
            group.barrier()

    with in_time(), pytest.raises(WorkerError, match="different numbers of operations"):
        run(work, 2, "processes")


def test_a_worker_that_is_done_before_the_others_is_no_error():
    """Of a barrier of four, rank 1 may be done while rank 0 still waits for a late rank 2."""

    def work(group):
        if group.rank == 2:
            send = group.send

            def late(rank):
                if rank == 0:
                    time.sleep(0.2)
                send(rank)

            group.send = late
        group.barrier()
        return "met"

    with in_time():
        assert run(work, 4, "processes") == "met"


# ----------------------------------------------------------------------------- faults of rank 0


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("others", ["wait", "compute"])
def test_an_error_on_rank_0_is_raised_as_it_is_and_ends_the_others(error, others):
    def work(group):
        group.barrier()
        if group.rank == 0:
            raise error
        if others == "compute":
            time.sleep(60)
        group.barrier()

    with in_time(), pytest.raises(error):
        run(work, 3, "processes")


def test_a_failed_fork_ends_the_workers_that_run(monkeypatch):
    fork, forks = process_group._fork, []

    def second_fails():
        forks.append(1)
        if len(forks) == 2:
            raise BlockingIOError("no more processes")
        return fork()

    monkeypatch.setattr(process_group, "_fork", second_fails)
    with in_time(), pytest.raises(BlockingIOError, match="no more processes"):
        run(lambda group: group.barrier(), 3, "processes")


@pytest.mark.parametrize("another_thread", [False, True])
def test_ctrl_c_while_the_workers_are_ended_has_to_wait(another_thread, monkeypatch):
    kill, done = os.kill, threading.Event()
    if another_thread:  # it may receive the signal, and the main thread raises the exception
        threading.Thread(target=done.wait, args=(60,), daemon=True).start()

    def interrupted(pid, number):
        monkeypatch.setattr(os, "kill", kill)
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(pid, number)

    def work(group):
        group.barrier()
        if group.rank == 0:
            monkeypatch.setattr(os, "kill", interrupted)
            raise ValueError
        group.barrier()

    with in_time(), pytest.raises(KeyboardInterrupt):
        run(work, 3, "processes")
    done.set()


def start(*words):
    """The script in a process group of its own, and the process ids of its ranks."""
    process = subprocess.Popen(
        [sys.executable, SCRIPT, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    return process, [int(word) for word in process.stdout.readline().split()]


def running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"  # ended, but its new parent has not asked for the status


def all_end_in_time(pids):
    end = time.monotonic() + time_limit()
    while any(map(running, pids)) and time.monotonic() < end:
        time.sleep(0.01)
    left = [pid for pid in pids if running(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return not left


@pytest.mark.parametrize(
    "words", ["computing", "waiting", "waiting without prctl", "waiting without prctl held"]
)
def test_no_worker_outlives_a_killed_rank_0(words):
    process, pids = start(*words.split())
    assert len(pids) == 3 and pids[0] == process.pid and all(map(running, pids))
    process.kill()
    process.wait(timeout=10)
    assert all_end_in_time(pids)
    process.communicate(timeout=10)


@pytest.mark.parametrize("words", ["computing", "waiting"])
def test_ctrl_c_ends_all_ranks_and_is_one_exception_on_rank_0(words):
    process, pids = start(words)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all processes of the group
    assert all_end_in_time(pids)
    assert process.communicate(timeout=10) == ("interrupted\n", "")
    assert process.returncode == 0


# --------------------------------------------------------------------------------- nothing is left


def test_nothing_is_left_of_a_hundred_groups():
    def work(group):
        group.barrier()
        if group.rank == 0 and fails:
            raise ValueError

    before = os.listdir("/dev/shm"), threading.active_count(), shared_mappings()
    files, others = len(os.listdir("/proc/self/fd")), children()
    for i in range(100):
        fails = i % 2
        with contextlib.suppress(ValueError):
            run(work, 2, "processes", capacity=10_000)
    assert (os.listdir("/dev/shm"), threading.active_count(), shared_mappings()) == before
    assert len(os.listdir("/proc/self/fd")) == files
    assert children() <= others


def test_text_that_waits_for_output_is_written_once():
    program = (
        "from scratchnet.parallel import run\n"
        "print('start', end=' ')\n"
        "run(lambda group: print(f'{group.rank} ', end=''), 3, 'processes')\n"
        "print('end')\n"
    )
    waits = {name: v for name, v in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, env=waits)
    assert sorted(done.stdout.split()) == ["0", "1", "2", "end", "start"], done.stderr


def test_an_object_of_the_program_is_not_finalized_by_a_worker():
    ends = shared_zeros(2)

    class Resource:
        def __init__(self):
            self.cycle = self

        def __del__(self):
            ends[here[0]] += 1

    def work(group):
        here[0] = group.rank
        gc.collect()
        group.barrier()
        return ends.tolist()

    here = [0]
    Resource()
    assert run(work, 2, "processes", arrays=[ends]) == [1, 0]


def test_a_program_that_ignores_the_ends_of_processes_can_have_a_group():
    def work(group):
        group.barrier()
        return group.size

    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with in_time():
            assert run(work, 2, "processes") == 2
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_python_warns_of_threads_at_a_fork_but_a_group_has_looked_at_them(recwarn):
    run(lambda group: group.barrier(), 2, "processes")
    assert not recwarn.list


def test_ctrl_c_is_received_after_a_group_as_before():
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    handler = signal.getsignal(signal.SIGINT)
    run(lambda group: group.barrier(), 2, "processes")
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == mask
    assert signal.getsignal(signal.SIGINT) == handler


def test_arrays_that_would_not_be_shared_are_an_error():
    with pytest.raises(ValueError, match="shared_zeros or shared_copy"):
        run(lambda group: None, 2, "processes", arrays=[np.zeros(3)])


def test_other_objects_are_copies_in_the_workers():
    shared, private = shared_zeros(2), np.zeros(2)

    def work(group):
        shared[group.rank] = private[group.rank] = 1
        group.barrier()

    run(work, 2, "processes", arrays=[shared])
    assert shared.tolist() == [1, 1] and private.tolist() == [1, 0]


def test_workers_report_a_status_that_is_unknown_as_out_of_step():
    workers = Workers(Memory(2, 0, [], shared_zeros))
    workers.ended[1] = None
    assert "different numbers of operations" in str(workers.error())
