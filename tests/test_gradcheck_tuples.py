"""The gradient checker with layers whose input and output are tuples of arrays."""

import numpy as np
import pytest

from scratchnet.gradcheck import gradcheck
from scratchnet.layers import Dense, Layer

A, B = np.random.default_rng(0).standard_normal((2, 4, 3))
ORDER = np.array([2, 0, 3, 1])


class Picked(Layer):
    """(a, b, order) -> (a[order] b, order, a + b): two inputs that learn, one that cannot."""

    input_names = ("x", "b")
    fault, short = 1.0, False
    needs_whole_batch = True  # order refers to other samples

    def check_input(self, x):
        pass

    def forward(self, x, train=False):
        a, b, order = x
        return (a[order] * b, order, a + b), x

    def backward(self, dy, cache):
        a, b, order = cache
        dpicked, none, dsum = dy
        assert none is None
        da = dsum.copy()
        da[order] += dpicked * b
        db = self.fault * dpicked * a[order] + dsum
        return ((da, db) if self.short else (da, db, None)), {}


@pytest.mark.parametrize("short", [False, True])
def test_every_floating_array_of_a_tuple_is_checked_and_integers_are_held_fixed(short):
    layer = Picked()
    layer.short = short
    report = gradcheck(layer, (A, B, ORDER))
    assert [row.name for row in report.rows] == ["x", "b"]
    assert report.ok, f"\n{report}"


def test_a_fault_in_one_input_of_a_tuple_is_named():
    layer = Picked()
    layer.fault = 1.01
    verdicts = {row.name: row.verdict for row in gradcheck(layer, (A, B, ORDER)).rows}
    assert verdicts == {"x": "ok", "b": "WRONG"}


def test_an_input_without_a_name_is_called_by_its_place():
    class Nameless(Picked):
        input_names = ("x",)

    assert [row.name for row in gradcheck(Nameless(), (A, B, ORDER)).rows] == ["x", "x[1]"]


def test_a_parameter_that_lies_by_columns_in_memory_is_moved_too():
    """`orthogonal` draws such arrays where there are more columns than rows."""
    assert gradcheck(Dense(5, kernel_initializer="orthogonal"), A).ok
