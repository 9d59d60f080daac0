"""Forked processes: each begins on a core of its own, and may use all cores afterwards."""

import os
import sys

import numpy as np
import pytest

from scratchnet.parallel import placement, process_group, run, shared_zeros
from scratchnet.parallel.placement import place_among_cores

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def test_each_process_begins_on_a_core_of_its_own(monkeypatch):
    allowed, calls = {3, 5, 8}, shared_zeros((4, 2), np.int64)  # (first core, cores) of each rank
    monkeypatch.setattr(process_group, "place_among_cores", lambda: 1)  # rank 0 is on core 5
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: allowed, raising=False)

    limits = []  # of each process, because a fork copies the list

    def record(pid, cores):
        limits.append(set(cores))

    def work(group):
        if group.rank:
            first, last = limits
            assert last == allowed  # not bound to the core
            calls[group.rank] = min(first), len(first)
        group.barrier()

    monkeypatch.setattr(os, "sched_setaffinity", record, raising=False)
    run(work, 4, "processes")
    assert calls[1:].tolist() == [[8, 1], [3, 1], [5, 1]]


def refused(*arguments):
    raise PermissionError("not allowed")


@pytest.mark.parametrize("name", ["sched_getaffinity", "sched_setaffinity"])
@pytest.mark.parametrize("exists", [False, True])
def test_a_system_that_cannot_or_does_not_move_a_process_is_no_error(name, exists, monkeypatch):
    if exists:
        monkeypatch.setattr(os, name, refused, raising=False)
    else:
        monkeypatch.delattr(os, name, raising=False)
    assert run(lambda group: group.all_reduce([1.0]), 2, "processes").tolist() == [2.0]


@pytest.mark.parametrize("core, place", [(5, 1), (8, 2), (4, None), (None, None)])
def test_the_place_is_counted_among_the_cores_that_may_be_used(core, place, monkeypatch):
    sched_getcpu = None if core is None else lambda: core
    monkeypatch.setattr(placement, "libc", lambda name: sched_getcpu)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {8, 3, 5}, raising=False)
    assert place_among_cores() == place


@pytest.mark.skipif(sys.platform != "linux", reason="sched_getcpu is a function of Linux")
def test_the_place_of_the_core_is_known_and_the_workers_may_use_all():
    allowed = os.sched_getaffinity(0)
    assert place_among_cores() in range(len(allowed))
    own = shared_zeros(2, np.int64)

    def work(group):
        own[group.rank] = os.sched_getaffinity(0) == allowed
        group.barrier()

    run(work, 2, "processes")
    assert own.tolist() == [1, 1]
