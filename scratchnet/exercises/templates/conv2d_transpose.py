"""Exercise Conv2DTranspose: the transposed convolution, which enlarges images.

    y[n, i sh + u, j sw + v, f] += sum over c of x[n, i, j, c] W[u, v, f, c]        for all i, j
    y[n, i, j, f] += b[f]

    x (N, H, W, C), W (KH, KW, F, C), b (F,), y (N, OH, OW, F), strides (sh, sw)
    OH = (H - 1) sh + max(KH, sh), OW = (W - 1) sw + max(KW, sw)

Write the two methods. Each pixel of x adds a multiple of the kernel to a window of y, so `forward`
has the form of the dx of a convolution, and dx has the form of a convolution of dy.
Check your answer with: scratchnet grade conv2d_transpose.py
"""

import numpy as np

from scratchnet.backend import zeros
from scratchnet.initializers import initializer
from scratchnet.layers.base import Layer


def pair(number):
    """The number for rows and for columns."""
    return number if isinstance(number, tuple) else (number, number)


class Conv2DTranspose(Layer):
    """Transposed convolution with the parameters self.W and, with use_bias, self.b."""

    def __init__(self, filters, kernel_size, strides=1, use_bias=True, name=None):
        super().__init__(name)
        self.filters, self.use_bias = filters, use_bias
        self.kernel_size, self.strides = pair(kernel_size), pair(strides)

    def build(self, input_shape, rng):
        (h, w, c), (kh, kw), (sh, sw) = input_shape, self.kernel_size, self.strides
        self.add("W", initializer("glorot_uniform")(rng, (kh, kw, self.filters, c)))
        if self.use_bias:
            self.add("b", zeros((self.filters,)))
        return ((h - 1) * sh + max(kh, sh), (w - 1) * sw + max(kw, sw), self.filters)

    def forward(self, x, train=False):
        """Compute the pair (y, cache) without a change of x."""
        raise NotImplementedError

    def backward(self, dy, cache):
        """Compute the pair (dx, {"W": dW, "b": db}), or (dx, {"W": dW}) without a bias."""
        raise NotImplementedError
