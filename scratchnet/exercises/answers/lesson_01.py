"""Answer to lesson 01: the gradients of a dense layer.

`scratchnet exercise Dense` writes the layer with empty methods, `scratchnet grade` checks yours.
One entry first: W[d, m] appears in y[n, m] = sum over d of x[n, d] W[d, m] + b[m] of every sample
n, multiplied by x[n, d]. So

    dL/dW[d, m] = sum over n of x[n, d] dy[n, m]        dW = x^T dy
    dL/db[m]    = sum over n of dy[n, m]                db = the sum of dy over the batch
    dL/dx[n, d] = sum over m of dy[n, m] W[d, m]        dx = dy W^T

The script compares the sums, entry by entry, with the products of the layer.
"""

import numpy as np

from scratchnet.exercises.answers.continued import shown
from scratchnet.layers.plain import dense_backward


def main():
    """Compare both forms of the gradients; all differences are rounding."""
    rng = np.random.default_rng(0)
    x, W, dy = (rng.standard_normal(shape) for shape in ((4, 3), (3, 2), (4, 2)))
    dx, dW, db = np.zeros_like(x), np.zeros_like(W), np.zeros(2)
    for n, d, m in np.ndindex(4, 3, 2):
        dx[n, d] += dy[n, m] * W[d, m]
        dW[d, m] += x[n, d] * dy[n, m]
        db[m] += dy[n, m] / 3  # once for each d: three times
    products = dense_backward(dy, x, W)
    pairs = zip(("dx", "dW", "db"), (dx, dW, db), products, strict=True)
    return shown({f"{name}, sums - products": abs(a - b).max() for name, a, b in pairs})
