"""Answer to lesson 11: the kernel of the transposed matrix.

For a kernel (a, b, c) on five pixels with one zero at each end, row i of M contains a, b, c at the
columns i - 1, i and i + 1. Row i of M^T contains c, b, a there: M^T is the matrix of a convolution
with the flipped kernel (c, b, a). In two dimensions the kernel is flipped along both axes, and the
channels of x and y change places: this is `flip_kernel`.
"""

import numpy as np

from scratchnet.exercises.answers.continued import shown
from scratchnet.layers.conv.fast_paths import flip_kernel


def matrix(kernel):
    """The matrix (5, 5) of a kernel with three numbers, with one zero of padding at each end."""
    return sum(w * np.eye(5, k=k) for w, k in zip(kernel, (-1, 0, 1), strict=True))


def main():
    """Compare M^T with the matrix of the flipped kernel."""
    kernel = np.array([1.0, 2.0, 5.0])
    print(matrix(kernel), matrix(kernel).T, sep="\n\n")
    flipped = flip_kernel(kernel.reshape(1, 3, 1, 1)).ravel()
    return shown(
        {
            "M^T - matrix of the flipped kernel": abs(matrix(kernel).T - matrix(flipped)).max(),
            "flip_kernel - kernel read backwards": abs(flipped - kernel[::-1]).max(),
        }
    )
