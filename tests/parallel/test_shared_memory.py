"""Groups that see one memory: arrays, signals, and no vector written before it has been read."""

import time

import numpy as np
import pytest

from scratchnet.parallel import is_shared, run, shared_copy, shared_zeros
from scratchnet.parallel.group import sum_in_order
from scratchnet.parallel.shared_memory import SharedMemoryGroup, distances

KINDS = ("threads", "processes")


def test_a_shared_array_has_the_shape_and_dtype_asked_for():
    for shape in ((), 0, 5, (2, 3), (0, 2)):
        array = shared_zeros(shape, "float64")
        plain = np.zeros(shape)
        assert array.shape == plain.shape and array.dtype == plain.dtype and not array.any()
    copy = shared_copy(np.arange(6).reshape(2, 3))
    assert copy.tolist() == [[0, 1, 2], [3, 4, 5]] and copy.flags.writeable


def test_shared_memory_is_recognized_behind_views():
    array = shared_zeros((4, 4))
    assert is_shared(array) and is_shared(array.T[1:].view("int32"))
    assert not is_shared(np.zeros(4)) and not is_shared(array.copy()) and not is_shared(3.0)


def test_a_barrier_has_as_few_rounds_as_twos_are_multiplied_to_the_size():
    assert [len(distances(size)) for size in (2, 3, 4, 5, 8, 9)] == [1, 2, 2, 3, 3, 4]


def late_first_chunk(group, second):
    """Rank 0 reads slowly; the others go on to the operation `second`."""
    n, total = 200, []
    for _, parts in group.all_to_all(np.full(n, 1.0), chunk=16):
        if group.rank == 0 and not total:
            time.sleep(0.05)
        total.append(sum_in_order(parts))
    second(group, n)
    return np.concatenate(total)


def reduce_again(group, n):
    for _ in group.all_to_all(np.full(n, 5.0)):
        pass


def gather(group, n):
    s = group.stretch(n)
    group.all_gather(np.full(s.stop - s.start, 5.0), np.empty(n))


def broadcast(group, n):
    group.broadcast(np.full(n, 5.0), root=1)


@pytest.mark.parametrize("second", [reduce_again, gather, broadcast])
@pytest.mark.parametrize("kind", KINDS)
def test_a_buffer_is_not_written_before_all_have_read_it(kind, second):
    total = run(lambda group: late_first_chunk(group, second), 2, kind, capacity=200)
    assert total.tolist() == [2.0] * len(total)


@pytest.mark.parametrize("kind", KINDS)
def test_a_broadcast_has_been_read_when_it_returns(kind):
    n = 1_000_000  # long enough for the root to write while the others read

    def work(group):
        intact, copy = 0, np.empty(n)
        for i in range(5):
            copy[...] = i
            group.broadcast(copy)
            group.buffer(n, "float64")[...] = -1
            intact += (copy == i).all()
        return group.all_reduce([intact]).tolist()

    assert run(work, 2, kind, capacity=n) == [10]


@pytest.mark.parametrize("kind", KINDS)
def test_many_sums_of_few_numbers_in_a_row_do_not_mix(kind):
    def work(group):
        sums = []
        for i in range(300):
            if i % 50 == group.rank:
                time.sleep(0.002)
            sums.append(group.all_reduce([i * (group.rank + 1)])[0])
        return sums

    assert run(work, 3, kind) == [6 * i for i in range(300)]


@pytest.mark.parametrize("kind", KINDS)
def test_no_rank_passes_a_barrier_before_all_have_arrived(kind):
    arrived = shared_zeros(4)

    def work(group):
        seen = []
        for step in range(1, 4):
            time.sleep(0.01 * (group.rank * step % 4))
            arrived[group.rank] = step
            group.barrier()
            seen.append(arrived.min() >= step)
        return group.all_reduce(seen).tolist()

    assert run(work, 4, kind, arrays=[arrived]) == [4, 4, 4]


@pytest.mark.parametrize("kind", KINDS)
def test_a_vector_beyond_the_capacity_is_an_error(kind):
    with pytest.raises(ValueError, match=r"at most 600 numbers; got 601: .*capacity=601"):
        run(lambda group: group.buffer(601, "float64"), 2, kind, capacity=600)


def test_a_group_needs_signals():
    group = SharedMemoryGroup(0, run(lambda group: group.memory, 2, "threads"))
    for signal in (group.send, group.receive):
        with pytest.raises(NotImplementedError):
            signal(1)
