"""The windows of an image as the rows of a matrix (im2col), and the transpose of this operation.

    patches(x, win)          x (N, H, W, C)             -> rows (N*OH*OW, KH*KW*C)
    add_patches(rows, win)   rows (N*OH*OW, KH*KW*C)    -> x (N, H, W, C)

`patches` copies the pixels of each window into a row. `add_patches` adds each row to the pixels of
its window; where windows overlap, the rows add up. Both are linear, and each is the transpose
(adjoint) of the other: the sum of patches(x) * rows equals the sum of x * add_patches(rows).

>>> import numpy as np
>>> win = Windows(image_size=(3, 4), kernel_size=(2, 2))  # 2 x 3 windows of 2 x 2 pixels
>>> rng = np.random.default_rng(0)
>>> x, rows = rng.standard_normal((1, 3, 4, 2)), rng.standard_normal((6, 8))
>>> bool(np.isclose((patches(x, win) * rows).sum(), (x * add_patches(rows, win)).sum()))
True

With the kernel as a matrix W (KH*KW*C, F), a convolution and its gradients are three products:

    y  = patches(x) W             dW = patches(x)^T dy             dx = add_patches(dy W^T)

`fast_paths.py` computes these three; `scratchnet.layers.plain.conv2d` is the same sum as a loop.

N batch, (H, W) and (OH, OW) size of x and y, C channels, F filters, (KH, KW) size of the kernel,
u < KH and v < KW row and column within a window.
"""

import dataclasses
import functools
import itertools

from scratchnet.backend import xp_of

FEW_CHANNELS = 4  # up to this many, copying and adding columns of patches is faster than rows


@dataclasses.dataclass(frozen=True)
class Windows:
    """The windows of a convolution or pooling on images of one size; pairs are (rows, columns).

    Parameters
        image_size      (H, W)
        kernel_size     (KH, KW)
        strides         pixels from one window to the next
        dilation_rate   pixels from one entry of a window to the next
        padding         ((top, bottom), (left, right)), rows and columns added around the image

    >>> Windows(image_size=(5, 7), kernel_size=(3, 2), strides=(1, 2)).output_size
    (3, 3)
    """

    image_size: tuple
    kernel_size: tuple
    strides: tuple = (1, 1)
    dilation_rate: tuple = (1, 1)
    padding: tuple = ((0, 0), (0, 0))

    @functools.cached_property
    def effective_kernel(self):
        """Height and width of a window in pixels: d (K - 1) + 1 for a dilation rate d."""
        return tuple(
            d * (k - 1) + 1 for k, d in zip(self.kernel_size, self.dilation_rate, strict=True)
        )

    @functools.cached_property
    def output_size(self):
        """Number of windows (OH, OW); trailing pixels that no window covers are ignored."""
        axes = zip(self.image_size, self.effective_kernel, self.strides, self.padding, strict=True)
        return tuple((n + sum(pad) - e) // s + 1 for n, e, s, pad in axes)

    @functools.cached_property
    def entries(self):
        """An index into the padded x for each entry (u, v) of a window, row by row.

        ``padded[win.entries[u * KW + v]]`` (N, OH, OW, C) is the pixel at (u, v) of every window.
        """
        indices = []
        for u, v in itertools.product(*map(range, self.kernel_size)):
            axes = zip((u, v), self.dilation_rate, self.output_size, self.strides, strict=True)
            rows, columns = (slice(i * d, i * d + (n - 1) * s + 1, s) for i, d, n, s in axes)
            indices.append((slice(None), rows, columns))
        return indices

    @functools.cached_property
    def transposed(self):
        """The windows on y of the convolution that is the transpose of this one, or None.

        Row h of x has the index h + p in the padded x; with stride 1 it is row u of the window
        i = h + p - u d. So dx[h] is the sum over u of dy[h + p - u d] W[u]. With u = KH - 1 - u'
        this is the sum over u' of dy[h + u' d - p'] W[KH - 1 - u'], a convolution of dy with the
        flipped kernel, the same dilation d and the padding p' = (KH - 1) d - p. None if the stride
        is larger than 1 or p' is negative. Used in `fast_paths.py`.
        """
        padding = tuple(
            (e - 1 - before, e - 1 - after)
            for e, (before, after) in zip(self.effective_kernel, self.padding, strict=True)
        )
        if self.strides != (1, 1) or min(map(min, padding)) < 0:
            return None
        return Windows(self.output_size, self.kernel_size, (1, 1), self.dilation_rate, padding)

    @functools.cached_property
    def unstrided(self):
        """The windows of stride 1 on the blocks that `space_to_depth` makes of x, or None.

        A kernel of KH rows has k = KH / s rows of blocks, rounded up, and OH windows of stride 1
        cover OH + k - 1 rows of blocks. None if the stride is 1, or if the kernel is dilated or
        smaller than the stride. Used in `fast_paths.py`.
        """
        fits = all(k >= s for k, s in zip(self.kernel_size, self.strides, strict=True))
        if self.strides == (1, 1) or self.dilation_rate != (1, 1) or not fits:
            return None
        kernel = tuple(-(-k // s) for k, s in zip(self.kernel_size, self.strides, strict=True))
        blocks = tuple(n + k - 1 for n, k in zip(self.output_size, kernel, strict=True))
        return Windows(blocks, kernel)

    def pad(self, x, value=0):
        """The images x (N, H, W, C) with the padding around them, filled with this value."""
        if self.padding == ((0, 0), (0, 0)):
            return x
        padded = self.new_padded(len(x), x.shape[-1], like=x, value=value)
        self.crop(padded)[...] = x
        return padded

    def crop(self, padded):
        """The image inside the padding, a view."""
        ((top, _), (left, _)), (h, w) = self.padding, self.image_size
        return padded[:, top : top + h, left : left + w]

    @functools.cached_property
    def tile_image(self):
        """True if each pixel of the padded image lies in exactly one window."""
        size = tuple(s * n for s, n in zip(self.strides, self.output_size, strict=True))
        return size == self._padded_size() and self.strides == self.effective_kernel

    def _padded_size(self):
        return tuple(n + sum(pad) for n, pad in zip(self.image_size, self.padding, strict=True))

    def new_padded(self, n, c, like, value=0):
        """New array of n images with c channels, padding included, filled with this value.

        With the value None the array has no values yet.
        """
        size = self._padded_size()
        if value is None:
            return xp_of(like).empty((n, *size, c), dtype=like.dtype)
        if value == 0:
            return xp_of(like).zeros((n, *size, c), dtype=like.dtype)
        return xp_of(like).full((n, *size, c), value, dtype=like.dtype)


def patches(x, win):
    """The matrix (N*OH*OW, KH*KW*C) whose rows are the windows of x (N, H, W, C).

    `sliding_window_view` makes a view in which a pixel appears once for each window that covers it,
    with windows of the effective size at every pixel. The slices select those at the strides, and
    in them the pixels at the dilation rate. Only the last reshape copies.

    >>> import numpy as np
    >>> patches(np.arange(6).reshape(1, 2, 3, 1), Windows((2, 3), (2, 2)))  # pixels 0 1 2 / 3 4 5
    array([[0, 1, 3, 4],
           [1, 2, 4, 5]])
    """
    c, k = x.shape[-1], len(win.entries)  # k = KH*KW
    view = xp_of(x).lib.stride_tricks.sliding_window_view
    windows = view(win.pad(x), win.effective_kernel, axis=(1, 2))
    (sh, sw), (dh, dw) = win.strides, win.dilation_rate
    windows = windows[:, ::sh, ::sw, :, ::dh, ::dw]  # (N, OH, OW, C, KH, KW)
    if c <= FEW_CHANNELS:  # the same matrix, copied column by column
        return windows.transpose(4, 5, 3, 0, 1, 2).reshape(k * c, -1).T
    return windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, k * c)


def add_patches(rows, win):
    """The images (N, H, W, C) to which each of the rows (N*OH*OW, KH*KW*C) is added at its window.

    All windows are added at once, one entry (u, v) after the other.

    >>> import numpy as np
    >>> add_patches(np.ones((2, 4)), Windows((2, 3), (2, 2)))[0, :, :, 0]  # windows per pixel
    array([[1., 2., 1.],
           [1., 2., 1.]])
    """
    k, (oh, ow) = len(win.entries), win.output_size
    n, c = len(rows) // (oh * ow), rows.shape[1] // k
    padded = win.new_padded(n, c, like=rows)
    if c <= FEW_CHANNELS:  # the same sums, column by column
        columns = rows.T.reshape(k, c, n, oh, ow)
        for i, entry in enumerate(win.entries):
            for channel in range(c):
                padded[entry][..., channel] += columns[i, channel]  # (N, OH, OW)
    else:
        rows = rows.reshape(n, oh, ow, k, c)
        for i, entry in enumerate(win.entries):
            padded[entry] += rows[..., i, :]  # (N, OH, OW, C)
    return win.crop(padded)
