"""Undoing a max-pooling with its own indices, and the block that hands the indices across.

N batch, H, W and OH, OW height and width of x and y, C channels.
"""

from scratchnet.backend import xp_of
from scratchnet.layers.base import Layer
from scratchnet.layers.conv.padding import image_shape, pair
from scratchnet.layers.conv.pooling import MaxPooling2D
from scratchnet.layers.shapes import ShapeError, format_shape
from scratchnet.validation import require


class MaxUnpooling2D(Layer):
    """Put each number back where its maximum stood, zeros elsewhere; x is the pair (x, indices).

    forward    y[n, indices[n, i, j, c], c] = x[n, i, j, c]    (N, H, W, C) -> (N, OH, OW, C)
    backward   dx[n, i, j, c] = dy[n, indices[n, i, j, c], c]

    The indices are those of ``MaxPooling2D(return_indices=True)``: h * OW + w, int64. Windows must
    not overlap: two of them could name one place, and only one number can be put there.

    Parameters
        pool_size, strides   of the pooling that is undone, without padding
        output_size          (OH, OW), the size that was pooled; None: (H - 1) s + KH, though an odd
                             last row or column that no window saw is then lost

    Zeiler and Fergus (2014), "Visualizing and understanding convolutional networks", section 2.1.
    """

    remembers = "the indices"

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
        return (*(self.output_size or ((n - 1) * s + k for n, s, k in axes)), c)

    def check_input(self, x):
        if not isinstance(x, tuple) or len(x) != 2:
            raise TypeError(
                f"{self.title} expects the pair (x, indices) that MaxPooling2D(return_indices=True)"
                f" gives; got {type(x).__name__}"
            )
        super().check_input(x[0])
        if x[1].shape != x[0].shape or x[1].dtype.kind != "i":
            raise ShapeError(
                f"{self.title} expects integer indices of shape {x[0].shape}; got {x[1].dtype} of "
                f"shape {x[1].shape}"
            )

    def forward(self, x, train=False):
        x, indices = x
        y = xp_of(x).zeros((len(x), *self.output_shape), dtype=x.dtype)
        y.reshape(-1)[self._places(indices)] = x
        return y, indices

    def backward(self, dy, indices):
        return dy.reshape(-1)[self._places(indices)], {}

    def _places(self, indices):
        """Where (n, index, c) lies in an output (N, OH, OW, C) laid out as one row of numbers."""
        xp, (oh, ow, c) = xp_of(indices), self.output_shape
        image = xp.arange(len(indices)).reshape(-1, 1, 1, 1) * (oh * ow)
        return (image + indices) * c + xp.arange(c)  # (N, H, W, C)


class UnpoolingBlock(Layer):
    """Max-pool, work on the small image, unpool to the very places the maxima came from.

    forward    p, indices = pool(x)      q = inner(p)      y = unpool(q, indices)
    backward   dq = unpool's dy          dp = inner's dq   dx = pool's dp

    (N, H, W, C) -> (N, H, W, C), also where H and W are odd. Blocks inside blocks make an
    autoencoder whose decoder knows, at every size, where the encoder found its maxima.

    Parameters
        inner                a layer or model that keeps the shape it gets; None: nothing in between
        pool_size, strides   of the pooling, whose windows must not overlap
    """

    remembers = "the caches of its layers"

    def __init__(self, inner=None, pool_size=2, strides=None, name=None):
        super().__init__(name)
        if inner is not None and not isinstance(inner, Layer):
            raise TypeError(f"UnpoolingBlock expects a layer or None; got {inner!r}")
        self.inner = inner
        self.pool = MaxPooling2D(pool_size, strides, return_indices=True, name="pool")
        self.pool_size, self.strides = self.pool.pool_size, self.pool.strides
        self.unpool = MaxUnpooling2D(pool_size, strides, name="unpool")
        self.children = {"pool": self.pool, "unpool": self.unpool}
        if inner is not None:
            self.children["inner"] = inner

    def build(self, input_shape, rng):
        pooled = self.pool.build(input_shape, rng)
        kept = pooled if self.inner is None else self.inner.build(pooled, rng)
        if kept != pooled:
            raise ShapeError(
                f"{self.title}: the indices are for {format_shape(pooled)}, but inner gives "
                f"{format_shape(kept)}"
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
        return dx, {f"inner/{name}": g for name, g in grads.items()}

    def sublayer_caches(self, cache):
        return () if self.inner is None else [(self.inner, cache[1])]
