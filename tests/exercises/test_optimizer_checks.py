"""Sentences about wrong optimizers: their own vectors, and the rate."""

import pytest
from exercise_solutions import sentence_about

M, V = "m += (1 - self.beta_1) * (g - m)", "v += (1 - self.beta_2) * (g**2 - v)"


@pytest.mark.parametrize(
    "changes, sentence",
    [
        (
            [
                (M, "m = m + (1 - self.beta_1) * (g - m)"),
                (V, "v = v + (1 - self.beta_2) * (g**2 - v)"),
            ],
            "m and v are unchanged after update: change them in place",
        ),
        ([(V, "v = v + (1 - self.beta_2) * (g**2 - v)")], "v is unchanged after update: change it"),
        (
            [("m_hat = m / (1", "m /= (1"), ("m_hat", "m")],
            "m itself was divided by 1 - b1^t: keep m, divide a copy",
        ),
        ([("**self.t", "")], "the correction does not depend on t"),
        ([(V, V.replace("beta_2", "beta_1"))], "v uses beta_1"),
        ([(M, "m += (1 - self.beta_1) * g")], "m does not decay"),
        (
            [("rate * m_hat", "self.learning_rate * m_hat")],
            "the argument rate is ignored: take rate",
        ),
    ],
)
def test_a_mistake_of_adam_is_named(changes, sentence):
    assert sentence in sentence_about("Adam", *changes)
