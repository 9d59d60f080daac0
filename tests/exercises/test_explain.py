"""Sentences about an array that differs from the expected one."""

import numpy as np
import pytest

from scratchnet.exercises.explain import difference

RIGHT = np.random.default_rng(0).standard_normal((4, 4))


@pytest.mark.parametrize(
    "got, words",
    [
        (RIGHT, ""),
        (-RIGHT, "-1 times the right value in every entry"),
        (RIGHT / 4, "0.25 times"),
        (0 * RIGHT, "0 in every entry"),
        (RIGHT.T, "transposed"),
        (RIGHT[::-1], "reversed along axis 0"),
        (np.roll(RIGHT, 1, 0), "shifted by one along axis 0"),
        (RIGHT + 2, "differs by +2"),
        (RIGHT.ravel(), "(16,); expected (4, 4): the numbers are right"),
        (np.stack([RIGHT / 2, RIGHT / 2]), "the sum over the axes (0,) is missing"),
        (np.stack([RIGHT, RIGHT]), "the mean over the axes (0,) is missing"),
        (np.where(RIGHT > 1, np.nan, RIGHT), "NaN or infinity, at"),
        (np.where(RIGHT > 1.2, 0, RIGHT), "is 0; expected 1."),
        (None, "None: return an array of shape (4, 4)"),
        ([1], "of the type list"),
        (RIGHT.astype(complex), "real numbers"),
    ],
)
def test_the_sentence_names_the_relation(got, words):
    assert words in difference("y", got, RIGHT) and bool(words) == bool(difference("y", got, RIGHT))


def test_a_frequent_mistake_is_named_first():
    wrong = {"y lacks the square": RIGHT, "the sign": -(RIGHT**2)}
    assert difference("y", RIGHT, RIGHT**2, wrong) == "y lacks the square"


def test_one_number():
    assert difference("L", 2.0, np.float64(2.0)) == ""
    assert difference("L", 1.0, np.float64(3.0)) == "L is 0.3333 times the right value"
    third = difference("L", 1.0, np.float64(3.0), quantities={"the batch size N": 3})
    assert third.endswith(
        "and 3 is the batch size N: one division by it too many, or a mean where a sum belongs"
    )
    text = "L is 1.2000001; expected 1.2, an epsilon too many or too few?"
    assert difference("L", 1.2000001, np.float64(1.2)) == text
    assert difference("L", 1.2, np.float64(3.1)) == "L is 1.2; expected 3.1"


def test_other_inputs_decide_between_equal_quantities():
    sizes = {"the batch size N": 2, "the size of the last axis": 2}
    others = [(2.0, np.float64(1.0), {"the batch size N": 5, "the size of the last axis": 2})]
    found = difference("L", 6.0, np.float64(3.0), None, sizes, others)
    assert "and 2 is the size of the last axis: a division by it is missing" in found
    others = [(2.0, np.float64(1.0), {"the batch size N": 5, "the size of the last axis": 3})]
    found = difference("L", 6.0, np.float64(3.0), None, sizes, others)
    assert found == "L is 2 times the right value: look for a factor 2 or 1/2"
