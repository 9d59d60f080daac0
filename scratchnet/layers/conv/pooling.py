"""Pooling layers: each window of pixels becomes one pixel, by its maximum or its mean.

N batch, (H, W) and (OH, OW) size of x and y, C channels, each of which is pooled on its own, u and
v row and column within a window, s stride, p padding.
"""

from scratchnet.backend import on_host, xp_of
from scratchnet.layers.base import Layer
from scratchnet.layers.conv.padding import checked_padding, image_shape, pair, windows_on
from scratchnet.validation import check_bool, require


class Pooling2D(Layer):
    """Base class of the poolings over windows, which by default do not overlap."""

    splits_batch = True

    def __init__(self, pool_size=2, strides=None, padding="valid", name=None):
        super().__init__(name)
        owner = type(self).__name__
        self.pool_size = pair(owner, "pool_size", pool_size)
        self.strides = self.pool_size if strides is None else pair(owner, "strides", strides)
        self.padding = checked_padding(owner, "padding", padding, words=("valid", "same"))
        require(
            isinstance(self.padding, str)
            or all(max(p) < k for p, k in zip(self.padding, self.pool_size, strict=True)),
            f"{owner} expects padding smaller than pool_size {self.pool_size}, so that each window "
            f"covers a pixel; got {padding!r}",
        )

    def build(self, input_shape, rng):
        size, c = image_shape(self, input_shape)
        self.windows = windows_on(self, size, self.pool_size, self.strides)
        return (*self.windows.output_size, c)


class MaxPooling2D(Pooling2D):
    """Max pooling: the maximum of each window.

    forward    y[n, i, j, c] = max over u, v of x[n, i*s + u - p, j*s + v - p, c]
    backward   dy is added to the pixel that was the maximum, of equal ones to the first, row by
               row; the gradient of the other pixels is 0

    As in PyTorch NaN counts as the maximum, of several the last one. On a GPU, where looking for
    NaN would wait, such a window has the index 0 and the gradient 0.

    Plain form: `max_pool` in scratchnet/layers/plain.py, a loop over the windows. The layer loops
    over the entries (u, v) of a window instead, and computes all windows at once: KH*KW operations
    on arrays of the size of y.

    case                          dx in backward
    windows overlap (s < KH)      added, for a pixel may be the maximum of several windows
    windows do not overlap        written: no reading of dx before, one operation less

    Parameters
        pool_size        KH, KW; one number or two
        strides          s; None: as pool_size
        padding          "valid" (none), "same" (OH = ceil(H / s)), or pixels as 1, (1, 2) or
                         ((top, bottom), (left, right)). Filled with -inf, so that the padding is
                         never the maximum
        return_indices   True: y is the pair (y, indices) that MaxUnpooling2D takes, with indices
                         (N, OH, OW, C), int64, as in PyTorch: row * W + column of each maximum in
                         x without its padding. `backward` takes the gradient of y alone

    >>> import numpy as np
    >>> layer = MaxPooling2D(2, return_indices=True)
    >>> layer.build((2, 2, 1), 0)
    (1, 1, 1)
    >>> y, indices = layer(np.array([1, 5, 7, 3], dtype="float32").reshape(1, 2, 2, 1))
    >>> y.item(), indices.item()
    (7.0, 2)
    """

    remembers = "x, y"

    def __init__(self, pool_size=2, strides=None, padding="valid", return_indices=False, name=None):
        super().__init__(pool_size, strides, padding, name)
        self.return_indices = check_bool("MaxPooling2D", "return_indices", return_indices)

    def forward(self, x, train=False):
        padded = self.windows.pad(x, value=-float("inf"))
        y, *others = (padded[entry] for entry in self.windows.entries)  # (N, OH, OW, C) each
        y = y.copy()
        for pixels in others:
            xp_of(x).maximum(y, pixels, out=y)
        if not self.return_indices:
            return y, (x, y)
        return (y, self.indices(x, y)), (x, y)

    def backward(self, dy, cache):
        x, y = cache
        dx = self.windows.new_padded(len(x), x.shape[-1], like=x)
        overlap = any(s < k for s, k in zip(self.strides, self.pool_size, strict=True))
        for entry, is_maximum in self._maxima(x, y):
            if overlap:
                dx[entry] += dy * is_maximum  # (N, OH, OW, C)
            else:
                xp_of(dy).multiply(dy, is_maximum, out=dx[entry])
        return self.windows.crop(dx), {}

    def indices(self, x, y):
        """Index row * W + column of each maximum in x without its padding, (N, OH, OW, C)."""
        xp, win = xp_of(x), self.windows
        (h, w), ((top, bottom), (left, right)) = win.image_size, win.padding
        rows, columns = xp.arange(-top, h + bottom), xp.arange(-left, w + right)
        indices = (rows[:, None] * w + columns)[None, :, :, None]  # of all pixels of a padded x
        found = xp.zeros(y.shape, dtype="int64")
        for entry, is_maximum in self._maxima(x, y):
            found += indices[entry] * is_maximum
        return found

    def _maxima(self, x, y):
        """For each entry of a window: its index into x, and whether it is the first maximum."""
        padded = self.windows.pad(x, value=float("nan"))  # the padding equals no maximum, not -inf
        not_found, last_nan = None, self._last_nan(x, y)  # None: all windows, no window
        for i, entry in enumerate(self.windows.entries):
            equal = padded[entry] == y  # (N, OH, OW, C)
            is_maximum = equal if not_found is None else equal & not_found
            yield entry, is_maximum if last_nan is None else is_maximum | (last_nan == i)
            not_found = ~equal if not_found is None else not_found & ~equal

    def _last_nan(self, x, y):
        """Number of the last NaN in each window, -1 for none; None if no window has one."""
        xp = xp_of(x)
        if not on_host(y) or not xp.isnan(y).any():
            return None
        padded, last = self.windows.pad(x), xp.full(y.shape, -1)
        for i, entry in enumerate(self.windows.entries):
            last[xp.isnan(padded[entry])] = i
        return last


class AveragePooling2D(Pooling2D):
    """Average pooling: the mean of each window; padding is not counted, as in Keras.

    forward    y = sum over u, v of x[n, i*s + u - p, j*s + v - p, c] / count
    backward   dy / count is added to each pixel of the window

    where count is the number of the window's pixels that lie in the image.

    Parameters: as for MaxPooling2D, without return_indices.

    >>> import numpy as np
    >>> layer = AveragePooling2D(2)
    >>> layer.build((2, 2, 1), 0)
    (1, 1, 1)
    >>> layer(np.array([1, 5, 7, 3], dtype="float32").reshape(1, 2, 2, 1)).item()
    4.0
    """

    def forward(self, x, train=False):
        return self._sums(x) / self._counts(x), None

    def backward(self, dy, cache):
        share = dy / self._counts(dy)
        dx = self.windows.new_padded(len(dy), dy.shape[-1], like=dy)
        for entry in self.windows.entries:
            dx[entry] += share  # (N, OH, OW, C)
        return self.windows.crop(dx), {}

    def _sums(self, x):
        padded = self.windows.pad(x)
        return sum(padded[entry] for entry in self.windows.entries)

    def _counts(self, like):
        """The number of pixels of the image in each window, (1, OH, OW, 1): fewer at the edges."""
        return self._sums(xp_of(like).ones((1, *self.windows.image_size, 1), dtype=like.dtype))


class GlobalAveragePooling2D(Layer):
    """Mean of each channel over all pixels, (N, H, W, C) -> (N, C).

    forward    y[n, c] = sum over i, j of x[n, i, j, c] / (H W)
    backward   dx[n, i, j, c] = dy[n, c] / (H W)

    >>> GlobalAveragePooling2D().build((7, 7, 64), 0)
    (64,)
    """

    remembers = "the shape of x"
    splits_batch = True

    def build(self, input_shape, rng):
        _, c = image_shape(self, input_shape)
        return (c,)

    def forward(self, x, train=False):
        return x.mean(axis=(1, 2)), x.shape

    def backward(self, dy, shape):
        n, h, w, c = shape
        share = (dy / (h * w)).reshape(n, 1, 1, c)
        return xp_of(dy).broadcast_to(share, shape).copy(), {}
