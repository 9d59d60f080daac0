"""Sentences about wrong values: the mistake that gives every value of the answer."""

import numpy as np
import pytest
from exercise_solutions import sentence_about

from scratchnet.backend import float64
from scratchnet.exercises.value_causes import Trial, layer_variations, value_cause
from scratchnet.layers import Conv2D, Dense


def square(subject, x):
    return x**2


def test_a_mistake_has_to_give_the_values_of_every_trial():
    """In the first trial alone both fit: 2^2 = 2 + 2."""
    mistakes = {"twice": lambda subject, x: 2 * x, "square": square}
    trials = [Trial(None, (np.array([x]),), None, np.array([x**2]), None) for x in (2.0, 3.0)]
    assert value_cause(trials[:1], mistakes) == "twice"
    assert value_cause(trials, mistakes) == "square"


def test_a_mistake_with_the_wrong_sign_is_named():
    trials = [Trial(None, (np.array([3.0]),), None, np.array([-9.0]), None)]
    assert value_cause(trials, {"square": square}) == "square; and the sign is wrong"


def test_a_mistake_that_fails_gives_no_sentence():
    trials = [Trial(None, (np.ones(2),), None, np.ones(2), None)]
    assert value_cause(trials, {"no such axis": lambda subject, x: x.sum(axis=3)}) == ""


def test_the_parameters_are_the_same_after_a_variation():
    with float64():
        layer = Dense(2)
        layer.build((3,), 0)
        x, W = np.ones((4, 3)), layer.W.copy()
        for mistake in layer_variations(layer, 4, 2).values():
            mistake(layer, x, True)
    assert (layer.W == W).all()


def test_a_kernel_that_is_transposed_is_named():
    with float64():
        layer = Conv2D(2, 2)
        layer.build((4, 5, 1), 0)
        x = np.random.default_rng(0).standard_normal((2, 4, 5, 1))
        W = layer.W.copy()
        layer.W[...] = W.swapaxes(0, 1)
        got = layer.forward(x)[0]
        layer.W[...] = W
        variations = layer_variations(layer, 2, 4)
        assert "is transposed" in value_cause([Trial(layer, (x,), True, got, None)], variations)


@pytest.mark.parametrize(
    "name, old, new, sentence",
    [
        ("Dense", "y += self.b", "pass", "b is missing: add its term"),
        ("Dense", "x @ self.W", "-x @ self.W", "W enters with the wrong sign"),
        ("Dense", "x @ self.W", "x @ self.W / len(x)", "divided by the batch size N: take the sum"),
        ("Conv2D", "return y + self.b if", "return y if", "b is missing: add its term"),
        ("Conv2D", "self.W)\n        return", "self.W[::-1, ::-1])\n        return", "180 degrees"),
    ],
)
def test_a_parameter_that_enters_wrongly_is_named(name, old, new, sentence):
    assert sentence in sentence_about(name, (old, new))
