"""Pooling layers: each window of pixels becomes one pixel, by its maximum or its mean.

N batch, (H, W) and (OH, OW) size of x and y, C channels, each of which is pooled on its own, u and
v row and column within a window, s stride, p padding.
"""

import itertools

from scratchnet.backend import on_host, xp_of
from scratchnet.compiled_layers import max_pool_backward
from scratchnet.layers.base import Layer
from scratchnet.layers.conv.padding import (
    checked_padding,
    image_shape,
    pair,
    windows_and_output_size,
    windows_on,
)
from scratchnet.validation import check_bool, require


class Pooling2D(Layer):
    """Base class of the poolings over windows, which by default do not overlap."""

    splits_batch = True
    fixed_axes = 1  # the channels

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
        self.windows, output_size = windows_and_output_size(size, self._windows_on)
        return (*output_size, c)

    def _windows_on(self, image_size):
        return windows_on(self, image_size, self.pool_size, self.strides)

    def windows_for(self, image_size):
        """The windows of `build`, or those for this size if `build` did not know it."""
        return self.windows or self._windows_on(image_size)


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
    ... on a CPU, without NaN     written; dy is taken by the first maximum, so that nothing is left
                                  for the others, which is less work than to look for the first.
                                  With Numba, and without padding and pixels that no window covers,
                                  by `compiled_layers.max_pool_backward_loop`

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
        win = self.windows_for(x.shape[1:3])
        padded = win.pad(x, value=-float("inf"))
        y, *others = (padded[entry] for entry in win.entries)  # (N, OH, OW, C) each
        y = y.copy()
        for pixels in others:
            xp_of(x).maximum(y, pixels, out=y)
        if not self.return_indices:
            return y, (x, y)
        return (y, self.indices(x, y)), (x, y)

    def backward(self, dy, cache):
        x, y = cache
        xp, win = xp_of(x), self.windows_for(x.shape[1:3])
        overlap = any(s < k for s, k in zip(self.strides, self.pool_size, strict=True))
        if overlap or not on_host(y) or xp.isnan(y).any():
            dx = win.new_padded(len(x), x.shape[-1], like=x)
            for entry, is_maximum in self._maxima(x, y):
                if overlap:
                    dx[entry] += dy * is_maximum  # (N, OH, OW, C)
                else:
                    xp.multiply(dy, is_maximum, out=dx[entry])
            return win.crop(dx), {}
        if win.tile_image and win.padding == ((0, 0), (0, 0)):
            by_loop = max_pool_backward(dy, x, y)
            if by_loop is not None:
                return by_loop, {}
        dx = win.new_padded(len(x), x.shape[-1], like=x, value=None if win.tile_image else 0)
        padded, left = win.pad(x, value=float("nan")), dy.copy()  # NaN equals no maximum
        *others, last = win.entries
        for entry in others:
            taken = left * (padded[entry] == y)  # (N, OH, OW, C)
            left -= taken  # what the first maximum takes is gone for the next
            dx[entry] = taken
        dx[last] = left
        return win.crop(dx), {}

    def indices(self, x, y):
        """Index row * W + column of each maximum in x without its padding, (N, OH, OW, C).

        It is the index of the window's first pixel plus u * W + v for the entry (u, v) of the first
        maximum. Its number is the number of entries before it: each of them is not the maximum.
        """
        xp, win = xp_of(x), self.windows_for(x.shape[1:3])
        w, ((top, _), (left, _)), (sh, sw) = win.image_size[1], win.padding, win.strides
        rows, columns = (xp.arange(n) for n in win.output_size)
        first = (rows * sh - top)[:, None, None] * w + (columns * sw - left)[:, None]  # (OH, OW, 1)
        offsets = [u * w + v for u, v in itertools.product(*map(range, win.kernel_size))]
        if not on_host(y) or len(offsets) > 127 or xp.isnan(y).any():
            found = xp.zeros(y.shape, dtype="int64")
            for offset, (_, is_maximum) in zip(offsets, self._maxima(x, y), strict=True):
                found += (first + offset) * is_maximum
            return found
        padded = win.pad(x, value=float("nan"))  # NaN equals no maximum
        missed = padded[win.entries[0]] != y  # (N, OH, OW, C)
        number = missed.astype("int8")
        for entry in win.entries[1:-1]:
            missed &= padded[entry] != y
            number += missed.view("int8")
        found = xp.array(offsets).take(number)
        found += first
        return found

    def _maxima(self, x, y):
        """For each entry of a window: its index into x, and whether it is the first maximum."""
        win = self.windows_for(x.shape[1:3])
        padded = win.pad(x, value=float("nan"))  # the padding equals no maximum, not -inf
        not_found, last_nan = None, self._last_nan(x, y)  # None: all windows, no window
        for i, entry in enumerate(win.entries):
            equal = padded[entry] == y  # (N, OH, OW, C)
            is_maximum = equal if not_found is None else equal & not_found
            yield entry, is_maximum if last_nan is None else is_maximum | (last_nan == i)
            not_found = ~equal if not_found is None else not_found & ~equal

    def _last_nan(self, x, y):
        """Number of the last NaN in each window, -1 for none; None if no window has one."""
        xp = xp_of(x)
        if not on_host(y) or not xp.isnan(y).any():
            return None
        win, last = self.windows_for(x.shape[1:3]), xp.full(y.shape, -1)
        padded = win.pad(x)
        for i, entry in enumerate(win.entries):
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

    remembers = "the size of x"

    def forward(self, x, train=False):
        win = self.windows_for(x.shape[1:3])
        return self._sums(x, win) / self._counts(x, win), x.shape[1:3]

    def backward(self, dy, image_size):
        win = self.windows_for(image_size)
        share = dy / self._counts(dy, win)
        dx = win.new_padded(len(dy), dy.shape[-1], like=dy)
        for entry in win.entries:
            dx[entry] += share  # (N, OH, OW, C)
        return win.crop(dx), {}

    def _sums(self, x, win):
        padded = win.pad(x)
        return sum(padded[entry] for entry in win.entries)

    def _counts(self, like, win):
        """The number of pixels of the image in each window, (1, OH, OW, 1): fewer at the edges."""
        return self._sums(xp_of(like).ones((1, *win.image_size, 1), dtype=like.dtype), win)


class GlobalAveragePooling2D(Layer):
    """Mean of each channel over all pixels, (N, H, W, C) -> (N, C).

    forward    y[n, c] = sum over i, j of x[n, i, j, c] / (H W)
    backward   dx[n, i, j, c] = dy[n, c] / (H W)

    >>> GlobalAveragePooling2D().build((7, 7, 64), 0)
    (64,)
    """

    remembers = "the shape of x"
    splits_batch = True
    fixed_axes = 1

    def build(self, input_shape, rng):
        _, c = image_shape(self, input_shape)
        return (c,)

    def forward(self, x, train=False):
        return x.mean(axis=(1, 2)), x.shape

    def backward(self, dy, shape):
        n, h, w, c = shape
        share = (dy / (h * w)).reshape(n, 1, 1, c)
        return xp_of(dy).broadcast_to(share, shape).copy(), {}


class GlobalMaxPooling2D(Layer):
    """Maximum of each channel over all pixels, (N, H, W, C) -> (N, C).

    forward    y[n, c] = max over i, j of x[n, i, j, c]
    backward   dx[n, i, j, c] = dy[n, c] at the first pixel, row by row, that is the maximum, and 0
               at the others

    Of equal maxima the first one gets the gradient, as in `MaxPooling2D` and in PyTorch's
    adaptive_max_pool2d; PyTorch's amax and Keras divide it among them. NaN counts as the maximum,
    of several the first one.

    >>> import numpy as np
    >>> layer = GlobalMaxPooling2D()
    >>> layer.build((None, None, 1), 0)  # images of any size
    (1,)
    >>> layer(np.array([1, 5, 7, 3], dtype="float32").reshape(1, 2, 2, 1))
    array([[7.]], dtype=float32)
    """

    remembers = "the indices, the shape of x"
    splits_batch = True
    fixed_axes = 1

    def build(self, input_shape, rng):
        _, c = image_shape(self, input_shape)
        return (c,)

    def forward(self, x, train=False):
        n, h, w, c = x.shape
        pixels = x.reshape(n, h * w, c)
        indices = pixels.argmax(axis=1)[:, None]  # (N, 1, C), row * W + column
        return xp_of(x).take_along_axis(pixels, indices, axis=1)[:, 0], (indices, x.shape)

    def backward(self, dy, cache):
        indices, (n, h, w, c) = cache
        dx = xp_of(dy).zeros((n, h * w, c), dtype=dy.dtype)
        xp_of(dy).put_along_axis(dx, indices, dy[:, None], axis=1)
        return dx.reshape(n, h, w, c), {}
