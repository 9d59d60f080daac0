"""Sentences about wrong layers and losses."""

import pytest
from exercise_solutions import sentence_about

OVERLAP = "dx holds only the last window's share where windows overlap: add with +="
SUMS = "dy.sum(axis=(0, 1, 2))"


@pytest.mark.parametrize(
    "name, old, new, sentence",
    [
        (
            "Dense",
            "dy.sum(axis=0)",
            "dy.sum()",
            "db is one number; expected (3,): sum dy over axis 0 only",
        ),
        (
            "Conv2D",
            SUMS,
            "dy.sum(axis=0)",
            "; expected (2,): sum dy over all axes but the last, (0, 1, 2)",
        ),
        ("Conv2D", SUMS, "dy.sum(axis=(0, 1))", "sum dy over all axes but the last, (0, 1, 2)"),
        ("Conv2D", SUMS, "dy", "sum dy over all axes but the last, (0, 1, 2)"),
        (
            "Dense",
            "dy.sum(axis=0)",
            "dy.sum(axis=1)",
            "db has the shape (4,); expected (3,): sum dy over axis 0",
        ),
        ("Dense", "x.T @ dy", "x + 1", "dW has the shape (4, 5); expected (5, 3), that of W"),
        (
            "BatchNormalization",
            "if not train:",
            "if False:",
            "dx contains terms through the mean and variance of the batch; with train=False these "
            "are constants: dx = dy gamma / sqrt(var + epsilon)",
        ),
        ("Conv2D", "dW +=", "dW =", "dW holds only the last window's share: add with +="),
        ("Conv2D", "dx[:, rows, columns] +=", "dx[:, rows, columns] =", OVERLAP),
        ("MaxPooling2D", "dx[:, rows, columns] +=", "dx[:, rows, columns] =", OVERLAP),
        (
            "SoftmaxCrossEntropy",
            ".sum() / len(x)",
            ".sum()",
            "the value is 4 times the right value, and 4 is the batch size N: a division by it ",
        ),
        (
            "SoftmaxCrossEntropy",
            "- t) / len(t)",
            "- t)",
            "every entry is 4 times the right value, and 4 is the batch size N: a division",
        ),
        (
            "SoftmaxCrossEntropy",
            "[target] if",
            "[target - 1] if",
            "and a target of shape (4,), classes)",
        ),
        (
            "SoftmaxCrossEntropy",
            "prediction - prediction.max(axis=1, keepdims=True)",
            "prediction",
            "for x = 1000: subtract the maximum of each row first",
        ),
        (
            "SoftmaxCrossEntropy",
            "log_p = x - np.log(",
            "log_p = x - np.log(1e-7 + ",
            ", an epsilon too many or too few?",
        ),
        (
            "ReLU",
            "return np.maximum(x, 0), x",
            "x[x < 0] = 0\n        return x, x",
            "forward changes x: compute on a copy",
        ),
        ("ReLU", "cache > 0", "cache >= 0", "the derivative at x = 0 is 1: take 0, as in x > 0"),
        (
            "BatchNormalization",
            "std = np.sqrt",
            "self.state['moving_mean'] += mean\n        std = np.sqrt",
            "forward changes the running averages moving_mean: leave this to update_running_stats",
        ),
        (
            "BatchNormalization",
            "std = np.sqrt",
            "self.gamma[:] = 1\n        std = np.sqrt",
            "forward changes gamma: compute on a copy",
        ),
        (
            "BatchNormalization",
            "self.state[name] += (1 - self.momentum) * (new - self.state[name])",
            "self.state[name][:] = new",
            "momentum has no effect: moving_mean is that of the batch",
        ),
        (
            "BatchNormalization",
            "axes = tuple(range(dy.ndim - 1))",
            "axes = 0",
            "dgamma has the shape (3, 2, 4); expected (4,): sum over all axes but the last, (0, 1",
        ),
        (
            "BatchNormalization",
            "axes = tuple(range(dy.ndim - 1))",
            "axes = None",
            "dgamma is one number; expected (5,): it is summed over all axes: sum over axis 0 only",
        ),
        ("Dense", "dy @ self.W.T", "np.zeros_like(dy)", "expected (4, 5): every entry is 0, and"),
        ("Dense", "dy @ self.W.T", "np.zeros_like(x)", "dx: backward returns zeros: no term"),
        (
            "Sampling",
            "self.beta * 0.5 *",
            "self.beta *",
            "only columns 0, 1, 2 (axis 1) are right, the others are 2 times the right value",
        ),
        (
            "KLToStandardNormal",
            "/ (2 * len(m))",
            "/ len(m)",
            "every entry is 2 times the right value: look for a factor 2 or 1/2",
        ),
        (
            "Dropout",
            "return dy * cache",
            "return dy / (1 - self.rate)",
            "dx: every entry is 1/0.2 times the right value, and 0.2 is 1 - rate: look for a",
        ),
        (
            "SoftmaxCrossEntropy",
            "return (np.exp(log_p) - t) / len(t)",
            "p = np.exp(log_p)\n        p[t.argmax(axis=1)] -= 1\n        return p / len(t)",
            "dprediction: p[target] -= 1 changes whole rows of p",
        ),
        (
            "BatchNormalization",
            "self.state[name] += (1",
            "self.state[name] = self.state[name] + (1",
            "moving_mean is a new array: change it in place",
        ),
    ],
)
def test_a_mistake_is_named(name, old, new, sentence):
    assert sentence in sentence_about(name, (old, new))
