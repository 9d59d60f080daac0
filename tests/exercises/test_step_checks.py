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
        (CD, "u_h < p0).astype(float)", "u_h < p0) * p0", "dW[1, 0] is"),
        (
            CD,
            "(p0 - p1).mean(axis=0)",
            "p0 - p1",
            "; expected (8,): the mean over the N rows is missing: axis 0",
        ),
        (CD, "p0 = 1", "v0 *= 1 - v0\n    p0 = 1", "changes its argument v0"),
        (
            "mean_field",
            "mu1 @ W2 + b2",
            "(1 / (1 + np.exp(-(v @ W1 + b1)))) @ W2 + b2",
            "mu2 was not computed from the new mu1",
        ),
        (CD, "v0.T @ p0 - v1.T @ p1", "v1.T @ p1 - v0.T @ p0", "dW: the positive and the negative"),
        (CD, "v0.T @ p0 - v1.T @ p1", "v0.T @ p0", "dW: the negative phase is missing"),
        (CD, "v0.T @ p0 - v1.T @ p1", "v0.T @ p1 - v1.T @ p0", "dW: p0 and p1 are exchanged"),
        (CD, " / len(v0)", "", "dW: the mean over the batch is missing: divide the sum by"),
        (CD, "(v0 - v1).mean(axis=0), (p0", "(v0 - v1).sum(axis=0), (p0", "da: the mean over the"),
        ("free_energy", "v @ W + b", "v @ W", "b is missing: add its term"),
        ("free_energy", ".sum(axis=1)", ".mean(axis=1)", "the mean over the hidden units is taken"),
        ("log_partition", "np.logaddexp.reduce(logs)", "logs.max()", "the largest term is taken"),
        (
            "gibbs_half_sweep",
            "return (u < p).astype(float), p",
            "return p, (u < p).astype(float)",
            "the results are in another order: return h and p",
        ),
        ("mean_field", "mu2 @ W2.T + b1", "b1 - mu2 @ W2.T", "mu2 enters with the wrong sign"),
        (
            "rnn_step",
            "return np.tanh(x @ W + b + h @ U)",
            "return np.tanh(x @ W + b + h @ U.T)",
            "U",
        ),
        ("rnn_step", "da @ U.T", "da @ U", "dh: backward multiplies by U the wrong way round"),
        ("gru_step", "h @ U + b[1]", "h @ U", "b[1] is missing"),
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
