"""Sentences about wrong optimizers: their own vectors, and the rate."""

import pytest
from exercise_solutions import sentence_about

M, V = "m += (1 - self.beta_1) * (g - m)", "v += (1 - self.beta_2) * (g**2 - v)"

V_RMSPROP = "v += (1 - self.rho) * (g**2 - v)"


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


@pytest.mark.parametrize(
    "name, old, new, sentence",
    [
        ("SGD", "rate * (", "(", "the rate is missing: multiply the step by rate"),
        ("SGD", "v += g", "v += rate * g", "the rate is counted twice"),
        ("SGD", "w -= rate", "w += rate", "the sign is wrong: w decreases by the step"),
        ("SGD", "v *= self.momentum\n", "v *= 0.9\n", "momentum is fixed at 0.9"),
        ("RMSprop", "rate * g", "rate", "the step lacks g"),
        ("RMSprop", V_RMSPROP, "v += g**2", "v is the sum of all g^2, as in Adagrad"),
        ("RMSprop", "(np.sqrt(v) + ", "(np.sqrt(v / (1 - self.rho**self.t)) + ", "as in Adam"),
        ("Adam", "rate * m_hat", "m_hat", "the rate is missing: multiply the step by rate"),
        ("Adam", "rate * m_hat", "rate * g", "the step takes g in place of m^"),
        ("Adam", "m / (1 - self", "m * (1 - self", "m is multiplied by 1 - b1^t: divide by it"),
        ("Adam", "1 - self.beta_2**self.t", "1 - self.beta_1**self.t", "v is corrected with b1"),
        ("Adam", "self.beta_1**self.t", "self.beta_1 * self.t", "b1^t is b1 times t"),
        (
            "Adam",
            "np.sqrt(v_hat) + self.epsilon",
            "np.sqrt(v_hat)",
            "epsilon is missing: divide by",
        ),
    ],
)
def test_a_factor_or_formula_of_an_update_is_named(name, old, new, sentence):
    assert sentence in sentence_about(name, (old, new))
