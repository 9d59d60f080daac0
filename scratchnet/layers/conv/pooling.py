"""Pooling: a window of pixels becomes one, by its maximum or its mean.

N batch, H, W and OH, OW height and width of x and y, C channels, which pooling keeps apart.
"""

from scratchnet.backend import xp_of
from scratchnet.layers.base import Layer
from scratchnet.layers.conv.padding import checked_padding, image_shape, pair, windows_on
from scratchnet.validation import check_bool, require


class Pooling2D(Layer):
    """What the two poolings share: windows that by default do not overlap."""

    def __init__(self, pool_size=2, strides=None, padding="valid", name=None):
        super().__init__(name)
        owner = type(self).__name__
        self.pool_size = pair(owner, "pool_size", pool_size)
        self.strides = self.pool_size if strides is None else pair(owner, "strides", strides)
        self.padding = checked_padding(owner, padding)
        require(
            isinstance(self.padding, str)
            or all(max(p) < k for p, k in zip(self.padding, self.pool_size, strict=True)),
            f"{owner} expects padding smaller than pool_size {self.pool_size}, so that each window "
            f"sees a pixel; got {padding!r}",
        )

    def build(self, input_shape, rng):
        size, c = image_shape(self, input_shape)
        self.windows = windows_on(self, size, self.pool_size, self.strides)
        return (*self.windows.output, c)


class MaxPooling2D(Pooling2D):
    """y = the largest number under each window; of equal ones the first, row by row.

    forward    y[n, i, j, c] = max over a, b of x[n, i*s + a - p, j*s + b - p, c]
    backward   dy goes to the pixel that was the largest; all others changed nothing

    Parameters
        pool_size        of a window: one number or two
        strides          None: as pool_size
        padding          "valid", "same" or pixels: 1, (1, 2), ((top, bottom), (left, right)). What
                         is padded is never the maximum
        return_indices   y is then the pair (y, indices): where in x each maximum stood, h * W + w,
                         int64 (N, OH, OW, C), as PyTorch's. MaxUnpooling2D takes that pair
    """

    remembers = "x, y"

    def __init__(self, pool_size=2, strides=None, padding="valid", return_indices=False, name=None):
        super().__init__(pool_size, strides, padding, name)
        self.return_indices = check_bool("MaxPooling2D", "return_indices", return_indices)

    def forward(self, x, train=False):
        padded = self.windows.pad(x, value=-float("inf"))
        y, *others = (padded[s] for s in self.windows.slices)
        y = y.copy()
        for seen in others:
            xp_of(x).maximum(y, seen, out=y)  # (N, OH, OW, C)
        if not self.return_indices:
            return y, (x, y)
        return (y, self.indices(x, y)), (x, y)

    def backward(self, dy, cache):
        x, y = cache
        dx = self.windows.frame(len(x), x.shape[-1], like=x)
        overlap = any(s < k for s, k in zip(self.strides, self.pool_size, strict=True))
        for s, chosen in self._winners(x, y):
            if overlap:
                dx[s] += dy * chosen  # pulls on one pixel add up
            else:
                xp_of(dy).multiply(dy, chosen, out=dx[s])
        return self.windows.crop(dx), {}

    def indices(self, x, y):
        """h * W + w of each maximum, in x without its padding, (N, OH, OW, C)."""
        xp, g = xp_of(x), self.windows
        (h, w), ((top, _), (left, _)) = g.size, g.padding
        rows, columns = xp.arange(-top, h + g.padding[0][1]), xp.arange(-left, w + g.padding[1][1])
        places = (rows[:, None] * w + columns)[None, :, :, None]  # (1, padded H, padded W, 1)
        found = xp.zeros(y.shape, dtype="int64")
        for s, chosen in self._winners(x, y):
            found += places[s] * chosen
        return found

    def _winners(self, x, y):
        """(pixels that entry a, b of the windows meets, where it is the first maximum)."""
        padded, free = self.windows.pad(x, value=-float("inf")), None
        for s in self.windows.slices:
            equal = padded[s] == y  # (N, OH, OW, C)
            yield s, equal if free is None else equal & free
            free = ~equal if free is None else free & ~equal


class AveragePooling2D(Pooling2D):
    """y = the mean of the pixels under each window; padding is not counted, as in Keras.

    forward    y = sum over a, b of x[n, i*s + a - p, j*s + b - p, c] / pixels
    backward   dy / pixels for each pixel under the window

    Parameters: as for MaxPooling2D.
    """

    def forward(self, x, train=False):
        return self._sums(x) / self._pixels(x), None

    def backward(self, dy, cache):
        share = dy / self._pixels(dy)
        dx = self.windows.frame(len(dy), dy.shape[-1], like=dy)
        for s in self.windows.slices:
            dx[s] += share
        return self.windows.crop(dx), {}

    def _sums(self, x):
        padded = self.windows.pad(x)
        return sum(padded[s] for s in self.windows.slices)

    def _pixels(self, like):
        """How many pixels of the image each window sees, (1, OH, OW, 1): less at the edges."""
        return self._sums(xp_of(like).ones((1, *self.windows.size, 1), dtype=like.dtype))


class GlobalAveragePooling2D(Layer):
    """y[n, c] = the mean of channel c over all pixels, (N, H, W, C) -> (N, C).

    backward   dx = dy / (H W) for every pixel
    """

    remembers = "the shape of x"

    def build(self, input_shape, rng):
        _, c = image_shape(self, input_shape)
        return (c,)

    def forward(self, x, train=False):
        return x.mean(axis=(1, 2)), x.shape

    def backward(self, dy, shape):
        n, h, w, c = shape
        share = (dy / (h * w)).reshape(n, 1, 1, c)
        return xp_of(dy).broadcast_to(share, shape).copy(), {}
