"""Sentences about wrong values of losses and penalties."""

import pytest
from exercise_solutions import sentence_about

SCE, VALUE = "SoftmaxCrossEntropy", "-(t * log_p).sum() / len(x)"
T = "t = np.eye(x.shape[1])[target] if target.ndim == 1 else target"
ROWS = f"{T}\n        if target.ndim == 1:\n            return -log_p[target].sum() / len(x), 0"
BINARY = "return -(t * np.log(x) + (1 - t) * np.log(1 - x))"


@pytest.mark.parametrize(
    "name, old, new, sentence",
    [
        (SCE, VALUE, VALUE[1:], "the value is -1 times the right value: the sign is wrong"),
        (SCE, VALUE, "-log_p.sum() / len(x)", "all classes count, not only the target"),
        (
            SCE,
            VALUE,
            "log_p.mean()",
            "all classes count, not only the target: multiply log p by t; ",
        ),
        (SCE, VALUE, "(t * log_p).mean()", "over the classes, and divide by N; and the sign is"),
        (SCE, VALUE, "-(t * np.exp(log_p)).sum() / len(x)", "the logarithm is missing"),
        (SCE, T, T.replace("[target]", "[target[0]]"), "every sample gets the class of the first"),
        (SCE, T, T.replace("[target]", "[target - 1]"), "classes are counted from 1"),
        (SCE, T, ROWS, "log_p[target] takes whole rows, of the samples with these numbers"),
        (
            SCE,
            T,
            "t = target[:, None] if target.ndim == 1 else target",
            "the class is used as a number: make a one-hot row of it",
        ),
        ("BinaryCrossEntropy", BINARY, "return -(t * np.log(x))", "(1 - t) log(1 - p) is missing"),
        ("MeanSquaredError", "(d**2).sum() / n", "d.sum() / n", "the square is missing"),
        ("KLToStandardNormal", "1 + v - m**2", "v - m**2", "the term 1 is missing"),
        ("KLToStandardNormal", "-0.5 * (1", "-(1", "2 times the right value: look for a factor 2"),
        (
            "ActivityRegularization",
            "/ len(x)\n",
            "\n",
            "P is 4 times the right value, and 4 is the",
        ),
        ("Sampling", "self.beta * kl / len(mu)", "kl / len(mu)", "the factor beta is missing"),
    ],
)
def test_a_mistake_is_named(name, old, new, sentence):
    assert sentence in sentence_about(name, (old, new))
