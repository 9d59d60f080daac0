"""Layers that change the size of an image without learning: enlarge, frame, cut.

N batch, H, W height and width, C channels, s the factor of enlargement.
"""

from scratchnet.backend import xp_of
from scratchnet.layers.base import Layer
from scratchnet.layers.conv.padding import checked_padding, image_shape, pair
from scratchnet.layers.shapes import ShapeError
from scratchnet.validation import unknown_name


class UpSampling2D(Layer):
    """Enlarge by whole factors, (N, H, W, C) -> (N, H s, W s, C).

    nearest    y[n, i, j, c] = x[n, i // s, j // s, c]
               dx = the sum of dy over the s * s pixels that were copied from one
    bilinear   y = U_h x U_w^T for each image and channel, and dx = U_h^T dy U_w. Row i of U mixes
               the two pixels beside the place (i + 1/2) / s - 1/2, by their distance

    Parameters
        size            s, one number or two (rows, columns)
        interpolation   "nearest" or "bilinear"
    """

    def __init__(self, size=2, interpolation="nearest", name=None):
        super().__init__(name)
        self.size = pair("UpSampling2D", "size", size)
        if interpolation not in ("nearest", "bilinear"):
            raise unknown_name("interpolation", interpolation, ("nearest", "bilinear"))
        self.interpolation = interpolation

    def build(self, input_shape, rng):
        (h, w), c = image_shape(self, input_shape)
        return (h * self.size[0], w * self.size[1], c)

    def forward(self, x, train=False):
        if self.interpolation == "bilinear":
            return self._mixed(x, self._mixers(x)), None
        sh, sw = self.size
        y = xp_of(x).empty((len(x), *self.output_shape), dtype=x.dtype)
        for a in range(sh):
            for b in range(sw):
                y[:, a::sh, b::sw] = x
        return y, None

    def backward(self, dy, cache):
        if self.interpolation == "bilinear":
            return self._mixed(dy, [U.T for U in self._mixers(dy)]), {}
        sh, sw = self.size
        return sum(dy[:, a::sh, b::sw] for a in range(sh) for b in range(sw)), {}

    @staticmethod
    def _mixed(x, mixers):
        """U_h x U_w^T: first all rows, then all columns, each as one product per image or row."""
        (U_h, U_w), (n, h, w, c) = mixers, x.shape
        y = U_h @ x.reshape(n, h, w * c)  # (OH, H) (N, H, W*C) -> (N, OH, W*C)
        y = U_w @ y.reshape(n, len(U_h), w, c)  # (OW, W) (N, OH, W, C) -> (N, OH, OW, C)
        return y

    def _mixers(self, like):
        """U_h (H s, H) and U_w (W s, W)."""
        xp, found = xp_of(like), []
        for n, s in zip(self.input_shape, self.size, strict=False):
            # pixels are squares: their middles lie at 1/2
            at = (xp.arange(n * s, dtype=like.dtype) + 0.5) / s - 0.5
            at = at.clip(0, n - 1)  # beyond the outermost middles the edge goes on
            distance = xp.abs(at[:, None] - xp.arange(n, dtype=like.dtype))  # (n s, n)
            found.append((1 - distance).clip(0, None))
        return found


class ZeroPadding2D(Layer):
    """x inside a frame of zeros; backward cuts the frame off dy.

    Parameters
        padding   pixels: 1, (1, 2) for rows and columns, ((top, bottom), (left, right))
    """

    def __init__(self, padding=1, name=None):
        super().__init__(name)
        self.padding = checked_padding("ZeroPadding2D", padding, names=())

    def build(self, input_shape, rng):
        size, c = image_shape(self, input_shape)
        return (*(n + sum(p) for n, p in zip(size, self.padding, strict=True)), c)

    def forward(self, x, train=False):
        return _framed(x, self.padding), None

    def backward(self, dy, cache):
        return _cut(dy, self.padding), {}


class Cropping2D(Layer):
    """x without its outermost pixels; backward puts dy inside a frame of zeros.

    Parameters
        cropping   pixels: 1, (1, 2) for rows and columns, ((top, bottom), (left, right))
    """

    def __init__(self, cropping, name=None):
        super().__init__(name)
        self.cropping = checked_padding("Cropping2D", cropping, names=())

    def build(self, input_shape, rng):
        size, c = image_shape(self, input_shape)
        left = tuple(n - sum(p) for n, p in zip(size, self.cropping, strict=True))
        if min(left) < 1:
            raise ShapeError(f"{self.title}: cropping {self.cropping} leaves nothing of {size}")
        return (*left, c)

    def forward(self, x, train=False):
        return _cut(x, self.cropping), None

    def backward(self, dy, cache):
        return _framed(dy, self.cropping), {}


def _framed(x, padding):
    return xp_of(x).pad(x, ((0, 0), *padding, (0, 0)))


def _cut(x, padding):
    (top, bottom), (left, right) = padding
    n, h, w, c = x.shape
    return x[:, top : h - bottom, left : w - right]
