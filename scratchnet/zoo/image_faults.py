"""Faults in convolutions and pooling."""

from scratchnet.backend import xp_of, zeros
from scratchnet.initializers import glorot_uniform
from scratchnet.layers import Dense, Flatten, Layer, ReLU
from scratchnet.zoo.fault import Fault, catalogue


class PlainConv(Layer):
    """Convolution with a 3x3 kernel; one pixel of zeros around the image keeps its size."""

    def __init__(self, filters):
        super().__init__()
        self.filters = filters

    def build(self, input_shape, rng):
        h, w, c = input_shape
        self.add("W", glorot_uniform(rng, (3, 3, c, self.filters)))
        self.add("b", zeros((self.filters,)))
        return (h, w, self.filters)

    def forward(self, x, train=False):
        (_, h, w, _), y = x.shape, self.b
        x = xp_of(x).pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        for u in range(3):
            for v in range(3):
                y = y + x[:, u : u + h, v : v + w] @ self.W[u, v]  # (N, H, W, C) (C, F)
        return y, x

    def backward(self, dy, x):
        xp, (_, h, w, _) = xp_of(dy), dy.shape
        dx, dW = xp.zeros_like(x), xp.zeros_like(self.W)
        for u in range(3):
            for v in range(3):
                seen = x[:, u : u + h, v : v + w]  # the pixels that W[u, v] multiplies
                dW[u, v] = xp.tensordot(seen, dy, axes=((0, 1, 2), (0, 1, 2)))
                dx[:, u : u + h, v : v + w] += dy @ self.W[u, v].T
        return self.cropped(dx), {"W": dW, "b": dy.sum(axis=(0, 1, 2))}

    def cropped(self, dx):
        """The image without its padding."""
        return dx[:, 1:-1, 1:-1]


class KernelReversed(PlainConv):
    """The weight gradient, reversed along both axes of the kernel."""

    def backward(self, dy, x):
        dx, grads = PlainConv.backward(self, dy, x)
        return dx, {"W": grads["W"][::-1, ::-1], "b": grads["b"]}


class KernelNotTurned(PlainConv):
    """The kernel is used in dx as it is, instead of turned by 180 degrees."""

    def backward(self, dy, x):
        xp, (_, h, w, _) = xp_of(dy), dy.shape
        dx, dW = xp.zeros_like(x), xp.zeros_like(self.W)
        for u in range(3):
            for v in range(3):
                seen = x[:, u : u + h, v : v + w]
                dW[u, v] = xp.tensordot(seen, dy, axes=((0, 1, 2), (0, 1, 2)))
                dx[:, u : u + h, v : v + w] += dy @ self.W[2 - u, 2 - v].T
        return self.cropped(dx), {"W": dW, "b": dy.sum(axis=(0, 1, 2))}


class BiasMean(PlainConv):
    """The mean over the pixels instead of their sum."""

    def backward(self, dy, x):
        dx, grads = PlainConv.backward(self, dy, x)
        return dx, {"W": grads["W"], "b": dy.mean(axis=(1, 2)).sum(axis=0)}


class PaddingShifted(PlainConv):
    """Two pixels of zeros on one side, none on the other: the image is shifted by one."""

    def forward(self, x, train=False):
        (_, h, w, _), y = x.shape, self.b
        x = xp_of(x).pad(x, ((0, 0), (2, 0), (2, 0), (0, 0)))
        for u in range(3):
            for v in range(3):
                y = y + x[:, u : u + h, v : v + w] @ self.W[u, v]
        return y, x

    def cropped(self, dx):
        return dx[:, 2:, 2:]


class PlainMaxPool(Layer):
    """Maximum of each window of 2x2 pixels."""

    def build(self, input_shape, rng):
        h, w, c = input_shape
        return (h // 2, w // 2, c)

    def forward(self, x, train=False):
        n, h, w, c = x.shape
        y = x.reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))
        return y, (x, y)

    def backward(self, dy, cache):
        x, y = cache
        largest = x == self.enlarged(y)
        return self.enlarged(dy) * largest, {}

    def enlarged(self, y):
        """Each pixel four times."""
        return y.repeat(2, axis=1).repeat(2, axis=2)


class PoolToAll(PlainMaxPool):
    """The gradient goes to all four pixels."""

    def backward(self, dy, cache):
        return self.enlarged(dy), {}


def _convolution(kind):
    layers = [kind(4), ReLU(), PlainMaxPool(), kind(8), ReLU(), PlainMaxPool()]
    return {"layers": [*layers, Flatten(), Dense(10)]}


def _pooling(kind):
    layers = [PlainConv(4), ReLU(), kind(), PlainConv(8), ReLU(), kind()]
    return {"layers": [*layers, Flatten(), Dense(10)]}


COURSE = "convolutions by hand, in courses and exercises"
FAULTS = catalogue(
    Fault(
        "kernel_reversed",
        "convolution: weight gradient reversed",
        "convolutions by hand; a public course taught this form",
        PlainConv,
        KernelReversed,
        "images",
        _convolution,
    ),
    Fault(
        "kernel_not_turned",
        "convolution: dx with a kernel that is not turned",
        COURSE,
        PlainConv,
        KernelNotTurned,
        "images",
        _convolution,
    ),
    Fault(
        "conv_bias_mean",
        "convolution: mean over the pixels in the bias gradient",
        COURSE,
        PlainConv,
        BiasMean,
        "images",
        _convolution,
    ),
    Fault(
        "padding_shifted",
        "convolution: padding off by one pixel",
        "weights taken over from another framework, with another rule for the padding",
        PlainConv,
        PaddingShifted,
        "images",
        _convolution,
    ),
    Fault(
        "pool_to_all",
        "max pooling: gradient to all pixels of the window",
        "pooling by hand, with the backward pass of upsampling",
        PlainMaxPool,
        PoolToAll,
        "images",
        _pooling,
    ),
)
