"""Answer to lesson 08: the derivative of tanh as a function of x, and as one of y.

`scratchnet exercise Tanh` writes the layer with empty methods. With s = e^x - e^-x and
c = e^x + e^-x: tanh = s/c, s' = c and c' = s, so the quotient rule gives (c c - s s) / c^2 =
1 - (s/c)^2 = 1 - y^2. As a function of x it is 1 / cosh(x)^2 = 4 / c^2. Both are equal. From y it
costs a product and a subtraction; from x it needs exponentials again, which `forward` has computed
already. A cosh also overflows for large x, and x has to stay in memory.
"""

import timeit

import numpy as np

from scratchnet.exercises.answers.continued import shown


def main():
    """Compare the values of the two forms, and their time."""
    x = np.random.default_rng(0).standard_normal(100_000)
    y = np.tanh(x)
    from_y = min(timeit.repeat(lambda: 1 - y * y, number=20, repeat=5))
    from_x = min(timeit.repeat(lambda: 1 / np.cosh(x) ** 2, number=20, repeat=5))
    return shown(
        {
            "largest difference": abs((1 - y * y) - 1 / np.cosh(x) ** 2).max(),
            "time from x / time from y": from_x / from_y,
        }
    )
