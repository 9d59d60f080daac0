"""Sentences about wrong steps: a hypothesis is named only if it alone gives all results."""

import pytest
from exercise_solutions import sentence_about

CD = "contrastive_divergence"
DA = "da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]"


@pytest.mark.parametrize(
    "name, old, new, sentence",
    [
        (CD, "h0 @ W.T + a", "h0 @ W.T", "the bias a is missing"),
        (CD, "u_h < p0", "np.random.random(p0.shape) < p0", "use the given u_h and u_v"),
        (
            CD,
            "u_h < p0",
            "np.random.default_rng(0).random(p0.shape) < p0",
            "use the given u_h and u_v",
        ),
        (
            CD,
            "dW = (v0",
            "p1 = (u_h < p1) * 1.0\n    dW = (v0",
            "the second product takes a sample h1: take p1",
        ),
        (CD, "u_h < p0", "u_h > p0", "it must be 1 where u_h < p"),
        (CD, "u_h < p0).astype(float)", "u_h < p0) * p0", "dW[0, 0] is"),
        (
            CD,
            "(p0 - p1).mean(axis=0)",
            "p0 - p1",
            "; expected (3,): the mean over the N rows is missing: axis 0",
        ),
        (CD, "p0 = 1", "v0 *= 1 - v0\n    p0 = 1", "changes its argument v0"),
        (
            "mean_field",
            "mu1 @ W2 + b2",
            "(1 / (1 + np.exp(-(v @ W1 + b1)))) @ W2 + b2",
            "mu2 was not computed from the new mu1",
        ),
        ("mean_field", "range(sweeps)", "range(1)", "only one sweep is made"),
        (
            "mean_field",
            "range(sweeps)",
            "range(999)",
            "the sweeps go on until nothing changes: make the given number",
        ),
        (
            "lstm_step",
            "c_new = f * c + i * np.tanh(a_g)",
            "c_new = i * c + f * np.tanh(a_g)",
            "i and f have exchanged roles: c_new = f c + i g",
        ),
        ("lstm_step", "dc_new = dc_new + ", "dc_new = ", "dx: dc_new is ignored: add its term"),
        (
            "lstm_step",
            DA,
            DA.replace("* (1 - i)", "").replace("* (1 - f)", "").replace("(1 - g**2)", "1"),
            "only gate o (columns 6, 7) is right",
        ),
    ],
)
def test_a_mistake_is_named(name, old, new, sentence):
    assert sentence in sentence_about(name, (old, new))
