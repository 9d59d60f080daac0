"""Answer to lesson 33: the numbers that a worker holds for Adam.

With the step of the lesson a worker holds m and v for its own stretch of the parameters only: 2 P
/ 8 = P / 4 numbers. With a step in which every worker updates all parameters it holds 2 P
numbers, eight times as many, and all workers compute the same update. The P parameters and a
gradient of P numbers are held by every worker in both cases.
"""

import numpy as np

from scratchnet.exercises.answers.continued import shown
from scratchnet.optimizers import Adam

WORKERS = 8


def main():
    """Count the numbers of the two vectors, and compare the updates."""
    rng = np.random.default_rng(0)
    w, g = rng.standard_normal((2, 8000))
    whole, stretches = w.copy(), w.copy()
    everywhere = Adam()
    everywhere.step(whole, g)
    sizes = []
    for s in np.split(np.arange(len(w)), WORKERS):
        part, own = stretches[s], Adam()
        own.step(part, g[s])
        stretches[s] = part
        sizes.append(sum(vector.size for vector in own.vectors.values()))
    all_of_it = sum(vector.size for vector in everywhere.vectors.values())
    return shown(
        {
            "numbers / P, its own stretch": max(sizes) / len(w),
            "numbers / P, all parameters": all_of_it / len(w),
            "difference of the updates": abs(whole - stretches).max(),
        }
    )
