"""Groups: every operation gives the same bits on every kind of group."""

import itertools

import numpy as np
import pytest
from group_work import digest, expected, operations, run_digests, vectors

from scratchnet.parallel import Alone, run, shared_zeros
from scratchnet.parallel.group import ALIGNMENT, FEW

KINDS = ("threads", "processes")
SIZES = (1, 2, 3, 4)
LENGTHS = (1, 3, 50, 1001)  # shorter than the group, shorter than a stretch, odd


@pytest.mark.parametrize("size, n", itertools.product(SIZES, LENGTHS))
@pytest.mark.parametrize("shared", [False, True], ids=["private", "shared"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_rank_of_every_kind_has_the_sums_in_the_order_of_the_ranks(kind, shared, size, n):
    for dtype in ("float32", "float64"):
        found = run_digests(size, kind, n, dtype, shared)
        assert found == [digest(expected(size, n, dtype))] * size


def test_alone_the_operations_have_the_results_of_one_rank():
    for n in LENGTHS:
        assert digest(operations(Alone(), n)) == digest(expected(1, n))


def test_the_vectors_of_these_tests_show_the_order_of_a_sum():
    a, b, c = vectors(3, 1001, "float32")
    assert ((a + b) + c != a + (b + c)).any()


@pytest.mark.parametrize("size, n", itertools.product((1, 2, 3, 7), (0, 1, 15, 16, 100, 1001)))
def test_the_stretches_cover_a_vector_at_multiples_of_16(size, n):
    group = Alone()
    group.size = size
    stretches = [group.stretch(n, rank) for rank in range(size)]
    edges = [0, *(s.stop for s in stretches)]
    assert [s.start for s in stretches] == edges[:-1] and edges[-1] == n
    assert all(edge % ALIGNMENT == 0 or edge == n for edge in edges)
    lengths = np.diff(edges)
    assert lengths.max() - lengths.min() <= 2 * ALIGNMENT


def test_alone_a_chunk_is_the_vectors_own_memory():
    vector = np.arange(5.0)
    for s, (part,) in Alone().all_to_all(vector, 2):
        assert np.shares_memory(part, vector[s])


def test_the_buffer_is_the_same_memory_in_each_call():
    for group in (Alone(), run(lambda group: group, 2, "threads", capacity=9)):
        buffer = group.buffer(9)
        buffer[...] = 1
        assert group.buffer(9).tolist() == [1] * 9


def test_an_output_of_the_wrong_length_or_dtype_is_an_error():
    for out in (np.empty(3, "float32"), np.empty(4)):
        with pytest.raises(ValueError, match="expects out with the 4 numbers .* got . of float"):
            Alone().reduce_scatter(np.ones(4, "float32"), out)


def test_too_many_numbers_for_all_reduce_are_an_error():
    with pytest.raises(ValueError, match="at most 512 numbers; got 513"):
        Alone().all_reduce(np.ones(FEW + 1))


def test_the_result_of_all_reduce_is_a_new_array():
    numbers = np.ones(2)
    assert not np.shares_memory(Alone().all_reduce(numbers), numbers)


def test_parameters_that_all_ranks_see_are_trained_by_all():
    """The step of the module's docstring: SGD on the mean of the ranks' gradients."""

    def train(group, w):
        s = group.stretch(len(w))
        total = np.empty(s.stop - s.start, "float32")
        for step in range(5):
            gradient = group.buffer(len(w))
            gradient[...] = w * (group.rank + 1) - step
            group.reduce_scatter(gradient, total)
            w[s] -= 0.1 / group.size * total
            group.all_gather(w[s], w)
        return w.copy()

    def trained(size, kind):
        w = shared_zeros(100)
        w[...] = np.linspace(-1, 1, 100)
        returned = run(lambda group: train(group, w), size, kind, arrays=[w], capacity=100)
        np.testing.assert_array_equal(returned, w)
        return w

    plain = np.linspace(-1, 1, 100).astype("float32")
    for step in range(5):
        plain -= np.float32(0.1 / 3) * sum_of(plain, step)
    for kind in KINDS:
        np.testing.assert_array_equal(trained(3, kind), plain)


def sum_of(w, step):
    return ((w * 1 - step) + (w * 2 - step)) + (w * 3 - step)
