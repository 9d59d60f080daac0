"""The kind of group for this machine: processes where a fork is safe, threads elsewhere."""

import os
import sys
import threading

import numpy as np
import pytest

from scratchnet.backend import use_device
from scratchnet.parallel import choice, choose, cores, run
from scratchnet.parallel.choice import fork_problem


@pytest.fixture
def second_thread():
    """A function that starts a thread of a class and name, which waits until the test ends."""
    end, threads = threading.Event(), []

    def start(kind=threading.Thread, name=None):
        thread = kind(target=end.wait, name=name, daemon=True)
        thread.start()
        threads.append(thread)

    yield start
    end.set()
    for thread in threads:
        thread.join()


def test_processes_are_chosen_where_a_fork_is_safe():
    assert choose(2) == ("processes", "a fork is safe here")


def test_one_worker_is_alone():
    assert choose(1) == ("alone", "one worker")


@pytest.mark.parametrize("platform", ["darwin", "emscripten"])
def test_threads_are_chosen_on_platforms_without_a_safe_fork(platform, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    assert choose(2)[0] == "threads"


def test_threads_are_chosen_where_there_is_no_fork(monkeypatch):
    monkeypatch.delattr(os, "fork")
    assert choose(2)[0] == "threads" and "has no fork" in choose(2)[1]
    with pytest.raises(ValueError, match="expects a system with fork"):
        run(print, 2, "processes")


def test_threads_are_chosen_where_python_has_no_gil(monkeypatch):
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    assert choose(2)[0] == "threads" and "no GIL" in choose(2)[1]


def test_threads_are_chosen_while_another_thread_may_hold_locks(second_thread):
    second_thread(name="printer")
    assert choose(2) == ("threads", "other threads may hold locks: printer")


def test_threads_that_only_wait_for_messages_do_not_count(second_thread):
    class Heartbeat(threading.Thread):
        pass

    Heartbeat.__module__ = "ipykernel.heartbeat"
    second_thread(Heartbeat)
    second_thread(name="IOPub")
    second_thread(name="scratchnet_0")
    assert choose(2)[0] == "processes"


def test_threads_are_chosen_in_a_call_from_another_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(choose(2)))
    thread.start()
    thread.join()
    assert found[0][0] == "threads" and "other than the main one" in found[0][1]


def test_threads_are_chosen_once_a_gpu_is_open(monkeypatch):
    monkeypatch.setattr(os, "readlink", lambda path: "/dev/nvidia0")
    assert choose(2)[0] == "threads" and "GPU" in choose(2)[1]


def test_a_file_that_is_closed_meanwhile_is_no_gpu(monkeypatch):
    monkeypatch.setattr(os, "listdir", lambda path: ["99999"])
    assert fork_problem() is None
    monkeypatch.setattr(os, "listdir", lambda path: os.scandir("/no such folder"))
    assert fork_problem() is None


@pytest.mark.device
def test_on_a_gpu_one_worker_is_enough(monkeypatch):
    monkeypatch.setattr(choice, "current_xp", lambda: sys)
    assert choose(2) == ("alone", "the current device is a GPU")


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_a_worker_starts_no_workers(kind):
    def work(group):
        inner = choose(2)[0] == "alone" and run(lambda inside: inside.size, 2) == 1
        return group.all_reduce([inner]).tolist()

    assert run(work, 2, kind) == [2]
    assert choose(2)[0] == "processes"


def test_under_mpiexec_its_processes_are_the_workers(monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "3")
    assert choose(1) == ("mpi", "mpiexec has started 3 processes")


def test_the_current_device_decides_not_the_installed_packages():
    with use_device("cpu"):
        assert choose(2)[0] == "processes"
    assert np.ones(1) == 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_only_cores_that_the_process_may_use_count():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert cores() == len(allowed)
