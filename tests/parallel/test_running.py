"""Running work on a group: arguments, results, and what the work can see."""

import threading

import numpy as np
import pytest

from scratchnet.parallel import run
from scratchnet.parallel.choice import inside_worker

KINDS = ("threads", "processes")


@pytest.mark.parametrize("kind", KINDS)
def test_each_rank_runs_once_and_rank_0_is_the_caller(kind):
    def work(group):
        if group.rank == 0:
            assert threading.current_thread() is caller
        table = np.zeros(3)
        table[group.rank] = 1
        return group.kind, group.size, group.all_reduce(table).tolist()

    caller = threading.current_thread()
    assert run(work, 3, kind) == (kind, 3, [1, 1, 1])


@pytest.mark.parametrize("kind", KINDS)
def test_one_worker_is_alone_whatever_the_kind(kind):
    assert run(lambda group: (group.kind, group.rank, group.size), 1, kind) == ("alone", 0, 1)


def test_without_a_kind_the_choice_is_that_of_choose():
    assert run(lambda group: group.kind, 2) == "processes"


@pytest.mark.parametrize("kind", ["threads", "alone"])
def test_a_call_from_another_thread_works(kind):
    found = []
    thread = threading.Thread(
        target=lambda: found.append(run(lambda group: group.all_reduce([1])[0], 2))
    )
    thread.start()
    thread.join()
    assert found == [2]


@pytest.mark.parametrize("size", [0, -1, 1.5, True])
def test_an_invalid_size_is_an_error(size):
    with pytest.raises(ValueError, match="run expects size >= 1"):
        run(print, size)


def test_an_unknown_kind_is_an_error():
    with pytest.raises(ValueError, match="did you mean 'threads'"):
        run(print, 2, "thread")


def test_after_an_error_the_caller_is_no_worker_any_more():
    def fails(group):
        raise KeyError

    with pytest.raises(KeyError):
        run(fails, 2, "threads")
    assert not inside_worker.get()
