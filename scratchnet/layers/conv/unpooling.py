"""Max unpooling by the indices of the pooling, and a block of pooling, inner layers and unpooling.

N batch, (H, W) and (OH, OW) size of x and y, C channels.
"""

import itertools

from scratchnet.backend import on_host, xp_of
from scratchnet.layers.base import Layer
from scratchnet.layers.conv.padding import image_shape, pair
from scratchnet.layers.conv.pooling import MaxPooling2D
from scratchnet.layers.shapes import ShapeError, format_shape
from scratchnet.validation import require


class MaxUnpooling2D(Layer):
    """Max unpooling: each value at the pixel of its maximum, zeros elsewhere; x is (x, indices).

    forward    y[n, indices[n, i, j, c], c] = x[n, i, j, c]    (N, H, W, C) -> (N, OH, OW, C)
    backward   dx[n, i, j, c] = dy[n, indices[n, i, j, c], c]

    The indices are those of ``MaxPooling2D(return_indices=True)``: row * OW + column, int64. The
    windows must not overlap, because two windows with one maximum would write to one pixel of y.
    Each index must lie in its own window: indices of an image of another size are refused. On a
    GPU, where looking at them would wait, indices are not checked.

    Plain form: `unpool` in scratchnet/layers/plain.py. The layer computes the place of every value
    in y as one vector, and so needs one indexed assignment for all images and channels.

    Parameters
        pool_size, strides   of the pooling that is undone, which has no padding
        output_size          (OH, OW), the size before pooling. None: (H - 1) s + KH, without a last
                             row or column that no window covered

    Zeiler and Fergus (2014), "Visualizing and understanding convolutional networks", section 2.1.

    >>> import numpy as np
    >>> layer = MaxUnpooling2D(2)
    >>> layer.build((1, 1, 1), 0)
    (2, 2, 1)
    >>> layer((np.full((1, 1, 1, 1), 9, "float32"), np.full((1, 1, 1, 1), 2)))[0, :, :, 0]
    array([[0., 0.],
           [9., 0.]], dtype=float32)
    """

    remembers = "the places of x in y"
    checks_indices = True
    splits_batch = True

    def __init__(self, pool_size=2, strides=None, output_size=None, name=None):
        super().__init__(name)
        self.pool_size = pair("MaxUnpooling2D", "pool_size", pool_size)
        self.strides = (
            self.pool_size if strides is None else pair("MaxUnpooling2D", "strides", strides)
        )
        require(
            all(s >= k for s, k in zip(self.strides, self.pool_size, strict=True)),
            "MaxUnpooling2D expects windows that do not overlap, strides >= pool_size; got "
            f"strides {self.strides} and pool_size {self.pool_size}",
        )
        self.output_size = output_size
        if output_size is not None:
            self.output_size = pair("MaxUnpooling2D", "output_size", output_size)

    def build(self, input_shape, rng):
        size, c = image_shape(self, input_shape)
        axes = zip(size, self.strides, self.pool_size, strict=True)
        covered = tuple((n - 1) * s + k for n, s, k in axes)
        output_size = self.output_size or covered
        if any(n < least for n, least in zip(output_size, covered, strict=True)):
            raise ShapeError(
                f"{self.title} expects output_size >= {covered}, the pixels that the windows cover;"
                f" got {output_size}"
            )
        return (*output_size, c)

    def check_input(self, x):
        if not isinstance(x, tuple) or len(x) != 2:
            raise TypeError(
                f"{self.title} expects the pair (x, indices) that MaxPooling2D(return_indices=True)"
                f" gives; got {type(x).__name__}"
            )
        x, indices = x
        super().check_input(x)
        shape, dtype = getattr(indices, "shape", None), getattr(indices, "dtype", None)
        if shape != x.shape or dtype.kind != "i":
            got = type(indices).__name__ if dtype is None else f"{dtype} of shape {shape}"
            raise ShapeError(
                f"{self.title} expects an array of integer indices of shape {x.shape}; got {got}"
            )
        if self.checks_indices and on_host(indices) and not self._in_their_windows(indices).all():
            raise ShapeError(
                f"{self.title}: these indices are not those of an image of "
                f"{self.output_shape[:2]}: give output_size, the size of the image before pooling"
            )

    def _in_their_windows(self, indices):
        """Whether each index is that of a pixel in the window it belongs to, (N, H, W, C)."""
        xp, (h, w, _), (_, ow, _) = xp_of(indices), self.input_shape, self.output_shape
        (sh, sw), (kh, kw) = self.strides, self.pool_size
        first = xp.arange(h).reshape(-1, 1, 1) * (sh * ow) + xp.arange(w).reshape(-1, 1) * sw
        place = indices - first  # relative to the window's first pixel: u OW + v
        inside = xp.zeros(indices.shape, dtype=bool)
        for u, v in itertools.product(range(kh), range(kw)):
            inside |= place == u * ow + v
        return inside

    def forward(self, x, train=False):
        x, indices = x
        y = xp_of(x).zeros((len(x), *self.output_shape), dtype=x.dtype)
        places = self._flat_indices(indices)
        y.reshape(-1)[places] = x  # y is contiguous, so reshape is a view
        return y, places

    def backward(self, dy, places):
        return dy.reshape(-1).take(places), {}

    def _flat_indices(self, indices):
        """The index of (n, indices, c) in a flat array of shape (N, OH, OW, C): (N, H, W, C)."""
        xp, (oh, ow, c) = xp_of(indices), self.output_shape
        first_pixel = xp.arange(len(indices)).reshape(-1, 1, 1, 1) * (oh * ow)  # of each image
        places = first_pixel + indices
        places *= c
        places += xp.arange(c)
        return places


class UnpoolingBlock(Layer):
    """Max pooling, an inner layer on the smaller image, and unpooling with the pooling's indices.

    forward    p, indices = pool.forward(x)     q = inner.forward(p)
               y = unpool.forward((q, indices))
    backward   dq = unpool.backward(dy)         dp = inner.backward(dq)
               dx = pool.backward(dp)

    (N, H, W, C) -> (N, H, W, C), also for odd H and W. Blocks within blocks make an autoencoder
    whose decoder receives the position of each maximum from the encoder, as in SegNet:
    Badrinarayanan et al. (2017).

    Parameters
        inner                a layer or model with equal input and output shape; None: none
        pool_size, strides   of the pooling, whose windows must not overlap

    >>> from scratchnet.layers import Conv2D
    >>> UnpoolingBlock(Conv2D(8, 3, padding="same")).build((5, 7, 8), 0)
    (5, 7, 8)
    """

    remembers = "the caches of its layers"
    splits_batch = True

    def __init__(self, inner=None, pool_size=2, strides=None, name=None):
        super().__init__(name)
        if inner is not None and not isinstance(inner, Layer):
            raise TypeError(f"UnpoolingBlock expects a layer or None; got {inner!r}")
        self.inner = inner
        self.pool = MaxPooling2D(pool_size, strides, return_indices=True, name="pool")
        self.pool_size, self.strides = self.pool.pool_size, self.pool.strides
        self.unpool = MaxUnpooling2D(pool_size, strides, name="unpool")
        self.unpool.checks_indices = False  # they come from self.pool
        self.children = {"pool": self.pool, "unpool": self.unpool}
        if inner is not None:
            self.children["inner"] = inner

    def build(self, input_shape, rng):
        pooled = self.pool.build(input_shape, rng)
        output = pooled if self.inner is None else self.inner.build(pooled, rng)
        if output != pooled:
            raise ShapeError(
                f"{self.title} expects an inner layer with the output {format_shape(pooled)}, the "
                f"shape of the indices; got {format_shape(output)}"
            )
        self.unpool.output_size = input_shape[:2]
        return self.unpool.build(pooled, rng)

    def forward(self, x, train=False):
        (p, indices), pool_cache = self.pool.forward(x, train)
        q, inner_cache = (p, None) if self.inner is None else self.inner.forward(p, train)
        y, unpool_cache = self.unpool.forward((q, indices), train)
        return y, (pool_cache, inner_cache, unpool_cache)

    def backward(self, dy, cache):
        pool_cache, inner_cache, unpool_cache = cache
        dq, _ = self.unpool.backward(dy, unpool_cache)
        dp, grads = (dq, {}) if self.inner is None else self.inner.backward(dq, inner_cache)
        dx, _ = self.pool.backward(dp, pool_cache)
        return dx, {f"inner/{name}": gradient for name, gradient in grads.items()}

    def sublayer_caches(self, cache):
        return () if self.inner is None else [(self.inner, cache[1])]
