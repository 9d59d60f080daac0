"""Answer to lesson 09: a convolution with strides=2.

Of the rows of P, one for each window (i, j), those with even i and even j remain: windows that move
by two pixels. For pictures of 28x28 and kernels of 7x7 these are 11 x 11 in place of 22 x 22. All
three ways agree with this stride, too: the sum, the product with the remaining rows, and the layer.
"""

import numpy as np

from scratchnet.exercises.answers.continued import lesson, shown
from scratchnet.layers import Conv2D
from scratchnet.layers.conv.im2col import patches
from scratchnet.layers.plain import conv2d, conv2d_backward


def main():
    """Compare the three ways for strides=2, and the rows of P with those for strides=1."""
    m = lesson("09", "def by_sum")
    with m.float64():
        layer = Conv2D(m.cfg.filters, m.cfg.kernel, strides=2)
        layer.build((28, 28, 1), m.cfg.seed)
        y, cache = layer.forward(m.four)
        dy = m.RNG(0).normal(like=y)
        dx, grads = layer.backward(dy, cache)
    every = patches(m.four, m.win).reshape(4, 22, 22, -1)
    P = patches(m.four, layer.windows)
    product = (P @ layer.W.reshape(P.shape[1], -1) + layer.b).reshape(y.shape)
    plain = conv2d(m.four, layer.W, layer.b, stride=2)
    plain_dx, plain_dW, _ = conv2d_backward(dy, m.four, layer.W, stride=2)
    return shown(
        {
            "rows of P, strides=1": every[..., 0].size,
            "rows of P, strides=2": len(P),
            "P, strides=2 - even rows and columns of P": abs(
                P - every[:, ::2, ::2].reshape(P.shape)
            ).max(),
            "y, layer - sum": abs(y - plain).max(),
            "y, product - sum": abs(product - plain).max(),
            "dx, layer - sum": abs(dx - plain_dx).max(),
            "dW, layer - sum": abs(grads["W"] - plain_dW).max() / np.abs(plain_dW).max(),
        }
    )
