"""Sentences about wrong values of layers."""

import pytest
from exercise_solutions import sentence_about

AXES = "axes = tuple(range(x.ndim - 1))"
U, EPS = "self.rng.uniform(like=x)", "self.rng.normal(like=mu)"
E = "e / e.sum(axis=self.axis, keepdims=True)"
WINDOW = 'np.einsum("nuvc,uvcf->nf", x[:, rows, columns]'
PADDED = "np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))"


@pytest.mark.parametrize(
    "name, old, new, sentence",
    [
        ("BatchNormalization", AXES, "axes = 0", "of images are taken over axis 0 only: take all"),
        ("BatchNormalization", AXES, "axes = None", "are one number of all entries: take them for"),
        (
            "BatchNormalization",
            AXES,
            "axes = (0, 1)",
            "are taken over the axes (0, 1): take all axes but the last, axis 0 for (N, C)",
        ),
        (
            "BatchNormalization",
            "np.sqrt(var + self.epsilon)",
            "np.sqrt(var) + self.epsilon",
            "epsilon is outside the root",
        ),
        ("BatchNormalization", "if train:", "if True:", "inference takes mean and variance of the"),
        ("BatchNormalization", "var(axis=axes)", "var(axis=axes, ddof=1)", "minus 1: divide by"),
        ("Dropout", U, "self.rng.uniform(like=x[:1])", "repeated for all samples: draw u with"),
        ("Dropout", U, "self.rng.uniform(like=x[..., :1])", "and repeated over channels: draw u"),
        ("Dropout", U, "np.random.default_rng(0).random(x.shape)", "draw them from self.rng"),
        ("Dropout", ">= self.rate", "< self.rate", "the mask is inverted: keep an entry where u"),
        ("Dropout", "return x, 1.0", "return x * (1 - self.rate), 1.0", "by 1 - rate at inference"),
        ("Sampling", EPS, "self.rng.normal(like=mu[:1])", "all samples: draw eps with the shape"),
        ("Sampling", "np.exp(log_var / 2)", "np.exp(log_var)", "sigma is exp(log_var): take exp("),
        ("Softmax", E, "e / e.sum(axis=1, keepdims=True)", "over axis 1: sum over self.axis"),
        ("Softmax", E, "e / e.sum()", "the sum goes over all entries: sum over self.axis only"),
        ("MaxPooling2D", ".max(axis=(1, 2))", ".mean(axis=(1, 2))", "y is the mean of each window"),
        ("Conv2D", WINDOW, WINDOW.replace("x[", PADDED + "["), "x is padded by one pixel on each"),
        (
            "Conv2D",
            WINDOW,
            WINDOW.replace("rows, columns", "i : i + kh, j : j + kw"),
            "the strides have no effect",
        ),
        ("Sigmoid", "0.5 * (1 + np.tanh(0.5 * x))", "1 / (1 + np.exp(x))", "take exp(-x)"),
    ],
)
def test_a_mistake_is_named(name, old, new, sentence):
    assert sentence in sentence_about(name, (old, new))
