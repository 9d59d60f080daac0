"""Layers without parameters that change the size of an image: upsampling, padding, cropping.

N batch, (H, W) size of x, C channels, s factor.
"""

from scratchnet.backend import xp_of
from scratchnet.layers.base import Layer
from scratchnet.layers.conv.padding import checked_padding, image_shape, pair
from scratchnet.layers.shapes import ShapeError
from scratchnet.validation import unknown_name


class UpSampling2D(Layer):
    """Upsampling by an integer factor, (N, H, W, C) -> (N, H s, W s, C).

    nearest    y[n, i, j, c] = x[n, i // s, j // s, c]
               dx = the sum of dy over the s * s copies of a pixel
    bilinear   y = U_h x U_w^T for each image and channel        dx = U_h^T dy U_w
               U_h (H s, H), U_w (W s, W): row i of U weights the two pixels next to the position
               (i + 1/2) / s - 1/2 by linear interpolation; at the edge the outermost pixel is
               repeated

    Parameters
        size            s, one number or two (rows, columns)
        interpolation   "nearest" or "bilinear"

    >>> import numpy as np
    >>> layer = UpSampling2D(size=(1, 2))
    >>> layer.build((1, 2, 1), 0)
    (1, 4, 1)
    >>> layer(np.array([3, 5], dtype="float32").reshape(1, 1, 2, 1)).ravel()
    array([3., 3., 5., 5.], dtype=float32)
    """

    splits_batch = True
    fixed_axes = 1  # the channels

    def __init__(self, size=2, interpolation="nearest", name=None):
        super().__init__(name)
        self.size = pair("UpSampling2D", "size", size)
        if interpolation not in ("nearest", "bilinear"):
            raise unknown_name("interpolation", interpolation, ("nearest", "bilinear"))
        self.interpolation = interpolation

    def build(self, input_shape, rng):
        size, c = image_shape(self, input_shape)
        return (*(n and n * s for n, s in zip(size, self.size, strict=True)), c)

    def forward(self, x, train=False):
        if self.interpolation == "bilinear":
            return self._interpolate(x, self._matrices(x, x.shape[1:3])), None
        (n, h, w, c), (sh, sw) = x.shape, self.size
        y = xp_of(x).empty((n, h * sh, w * sw, c), dtype=x.dtype)
        for u in range(sh):
            for v in range(sw):
                y[:, u::sh, v::sw] = x
        return y, None

    def backward(self, dy, cache):
        if self.interpolation == "bilinear":
            size = [n // s for n, s in zip(dy.shape[1:3], self.size, strict=True)]
            return self._interpolate(dy, [U.T for U in self._matrices(dy, size)]), {}
        sh, sw = self.size
        return sum(dy[:, u::sh, v::sw] for u in range(sh) for v in range(sw)), {}

    @staticmethod
    def _interpolate(x, matrices):
        """U_h x U_w^T for each image and channel: U_h along the rows, U_w along the columns."""
        (U_h, U_w), (n, h, w, c) = matrices, x.shape
        y = U_h @ x.reshape(n, h, w * c)  # (OH, H) (N, H, W*C) -> (N, OH, W*C)
        y = U_w @ y.reshape(n, len(U_h), w, c)  # (OW, W) (N, OH, W, C) -> (N, OH, OW, C)
        return y

    def _matrices(self, like, size):
        """The interpolation matrices U_h (H s, H) and U_w (W s, W) for images x of a size."""
        xp, matrices = xp_of(like), []
        for n, s in zip(size, self.size, strict=True):
            # the center of pixel i is at i + 1/2, in pixels of y and of x
            position = (xp.arange(n * s, dtype=like.dtype) + 0.5) / s - 0.5
            position = position.clip(0, n - 1)  # repeats the outermost pixel
            distance = xp.abs(position[:, None] - xp.arange(n, dtype=like.dtype))  # (n s, n)
            matrices.append((1 - distance).clip(0, None))
        return matrices


class ZeroPadding2D(Layer):
    """Zeros around an image; backward removes the same rows and columns from dy.

    Parameters
        padding   pixels as 1, (1, 2) for rows and columns, or ((top, bottom), (left, right))

    >>> ZeroPadding2D(((0, 1), (2, 2))).build((28, 28, 1), 0)
    (29, 32, 1)
    """

    splits_batch = True
    fixed_axes = 1  # the channels

    def __init__(self, padding=1, name=None):
        super().__init__(name)
        self.padding = checked_padding("ZeroPadding2D", "padding", padding)

    def build(self, input_shape, rng):
        size, c = image_shape(self, input_shape)
        return (*(n and n + sum(p) for n, p in zip(size, self.padding, strict=True)), c)

    def forward(self, x, train=False):
        return _pad(x, self.padding), None

    def backward(self, dy, cache):
        return _crop(dy, self.padding), {}


class Cropping2D(Layer):
    """An image without its outermost rows and columns; backward pads dy with zeros.

    Parameters
        cropping   pixels as 1, (1, 2) for rows and columns, or ((top, bottom), (left, right))

    >>> Cropping2D((1, 2)).build((28, 28, 1), 0)
    (26, 24, 1)
    """

    splits_batch = True
    fixed_axes = 1  # the channels

    def __init__(self, cropping, name=None):
        super().__init__(name)
        self.cropping = checked_padding("Cropping2D", "cropping", cropping)

    def build(self, input_shape, rng):
        size, c = image_shape(self, input_shape)
        output = tuple(n and n - sum(p) for n, p in zip(size, self.cropping, strict=True))
        self._check_output_size(output, size)
        return (*output, c)

    def _check_output_size(self, output, size):
        if any(n is not None and n < 1 for n in output):
            raise ShapeError(
                f"{self.title} expects cropping that leaves at least a pixel; got {self.cropping} "
                f"on images of {size}"
            )

    def forward(self, x, train=False):
        y = _crop(x, self.cropping)
        self._check_output_size(y.shape[1:3], x.shape[1:3])
        return y, None

    def backward(self, dy, cache):
        return _pad(dy, self.cropping), {}


def _pad(x, padding):
    return xp_of(x).pad(x, ((0, 0), *padding, (0, 0)))


def _crop(x, padding):
    (top, bottom), (left, right) = padding
    n, h, w, c = x.shape
    return x[:, top : h - bottom, left : w - right]
