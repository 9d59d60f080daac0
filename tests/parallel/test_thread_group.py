"""Threads: settings of the caller, errors, and no thread that outlives the group."""

import threading
import time

import numpy as np
import pytest

from scratchnet.backend import float64, float_dtype
from scratchnet.parallel import WorkerError, run


def everywhere(value_of):
    """The value on each of two threads, as a list of two."""

    def work(group):
        table = np.zeros(2)
        table[group.rank] = value_of()
        return group.all_reduce(table).tolist()

    return run(work, 2, "threads")


def no_worker_is_left():
    """True if no thread of a group runs any more."""
    return not any(thread.name.startswith("scratchnet-") for thread in threading.enumerate())


def test_a_thread_has_the_precision_and_the_error_state_of_its_caller():
    with float64():
        assert everywhere(lambda: float_dtype() == "float64") == [1, 1]

    def divides():
        try:
            np.ones(1) / np.zeros(1)
        except FloatingPointError:
            return 1

    with np.errstate(divide="raise"):
        assert everywhere(divides) == [1, 1]


def test_an_error_on_another_thread_is_raised_with_its_traceback():
    def fails_there(group):
        group.barrier()
        if group.rank == 1:
            raise KeyError("no such word")
        group.barrier()

    for size in (2, 4):
        with pytest.raises(WorkerError, match="worker 1 of 0 ... . failed") as caught:
            run(fails_there, size, "threads")
        assert "in fails_there" in str(caught.value)
        assert isinstance(caught.value.__cause__, KeyError)
        assert no_worker_is_left()


def test_an_error_after_the_last_operation_is_raised_too():
    def fails_late(group):
        group.barrier()
        if group.rank == 1:
            time.sleep(0.05)
            raise KeyError("too late")

    with pytest.raises(WorkerError, match="too late"):
        run(fails_late, 2, "threads")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_on_rank_0_is_raised_as_it_is_and_ends_the_others(error):
    def fails_here(group):
        group.barrier()
        if group.rank == 0:
            raise error
        group.barrier()

    with pytest.raises(error):
        run(fails_here, 3, "threads")
    assert no_worker_is_left()


@pytest.mark.parametrize("eager", [0, 1])
def test_a_rank_with_fewer_operations_is_an_error_instead_of_an_endless_wait(eager):
    def work(group):
        if group.rank != eager:
            group.barrier()

    with pytest.raises(WorkerError, match="different numbers of operations"):
        run(work, 2, "threads")
