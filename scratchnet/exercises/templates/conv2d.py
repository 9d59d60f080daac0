"""Exercise Conv2D: the convolution of images.

    y[n, i, j, f] = b[f] + sum over u, v, c of x[n, i sh + u, j sw + v, c] W[u, v, c, f]

    x (N, H, W, C), W (KH, KW, C, F), b (F,), y (N, OH, OW, F), strides (sh, sw)
    OH = (H - KH) // sh + 1, OW = (W - KW) // sw + 1            without padding; W is not flipped

Write the two methods. A loop over the windows (i, j) is fine: ``window = x[:, i * sh : i * sh + KH,
j * sw : j * sw + KW]`` is (N, KH, KW, C), and np.einsum("nuvc,uvcf->nf", window, W) is (N, F). A
pixel lies in several windows, and every window uses the same W: their gradients add up.
Check your answer with: scratchnet grade conv2d.py
"""

import numpy as np

from scratchnet.backend import zeros
from scratchnet.initializers import initializer
from scratchnet.layers.base import Layer


def pair(number):
    """The number for rows and for columns."""
    return number if isinstance(number, tuple) else (number, number)


class Conv2D(Layer):
    """Convolution with the parameters self.W and, with use_bias, self.b."""

    def __init__(self, filters, kernel_size, strides=1, use_bias=True, name=None):
        super().__init__(name)
        self.filters, self.use_bias = filters, use_bias
        self.kernel_size, self.strides = pair(kernel_size), pair(strides)

    def build(self, input_shape, rng):
        (h, w, c), (kh, kw), (sh, sw) = input_shape, self.kernel_size, self.strides
        self.add("W", initializer("glorot_uniform")(rng, (kh, kw, c, self.filters)))
        if self.use_bias:
            self.add("b", zeros((self.filters,)))
        return ((h - kh) // sh + 1, (w - kw) // sw + 1, self.filters)

    def forward(self, x, train=False):
        """Compute the pair (y, cache) without a change of x."""
        raise NotImplementedError

    def backward(self, dy, cache):
        """Compute the pair (dx, {"W": dW, "b": db}), or (dx, {"W": dW}) without a bias."""
        raise NotImplementedError
