"""Windows that slide over an image: the patches they see, and the adjoint that puts patches back.

    patches        x (N, H, W, C)        -> rows (N*OH*OW, KH*KW*C)     copies
    add_patches    rows (N*OH*OW, KH*KW*C) -> x (N, H, W, C)            adds up what overlaps

Each is the other's transpose, <patches(x), r> = <x, add_patches(r)>. A convolution is one matrix
product with the patches:

    y  = patches(x) W                 W as a matrix (KH*KW*C, F)
    dW = patches(x)^T dy
    dx = add_patches(dy W^T)          and this is what a transposed convolution computes forward

Patches are KH*KW times as large as the image, so the batch goes through in chunks whose patches
stay in the cache. Adding what overlaps costs more than copying it: so with stride 1 a scatter is
computed as a gather over the windows on the other side, for the transpose of a convolution is a
convolution too, with its kernel turned by 180 degrees. Larger strides are brought to stride 1
first, see folding.py. dW takes its patches on the side with fewer channels.

N batch, H, W and OH, OW height and width of input and output, C channels in, F filters out.
"""

import dataclasses
import functools
import itertools

from scratchnet.backend import on_host, xp_of
from scratchnet.layers.conv.space_to_depth import depth_to_space, kernel_to_depth

# Bytes of patches made at a time: so few that they stay in the cache until they are multiplied, but
# no fewer, for between two calls of NumPy a thread may have to wait for Python's lock.
CHUNK = 1 << 21
FEW_CHANNELS = (
    4  # so few channels are short pieces of memory: then patches are made, and added, by columns
)


@dataclasses.dataclass(frozen=True)
class Windows:
    """How windows lie on an image; each entry is a pair, for rows and for columns.

    size (H, W), kernel (KH, KW), strides, dilation, padding ((top, bottom), (left, right))
    """

    size: tuple
    kernel: tuple
    strides: tuple
    dilation: tuple
    padding: tuple

    @functools.cached_property
    def effective_kernel(self):
        """How many pixels a dilated kernel spans."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    @functools.cached_property
    def output(self):
        """(OH, OW): how many windows fit, the last pixels left over if none fits on them."""
        axes = zip(self.size, self.effective_kernel, self.strides, self.padding, strict=True)
        return tuple((n + sum(pad) - reach) // stride + 1 for n, reach, stride, pad in axes)

    @functools.cached_property
    def slices(self):
        """For each entry (a, b) of the kernel, row by row: which pixels of a padded x it meets."""
        found = []
        for offset in itertools.product(*map(range, self.kernel)):
            axes = zip(offset, self.dilation, self.output, self.strides, strict=True)
            found.append((..., *(slice(o * d, o * d + (n - 1) * s + 1, s) for o, d, n, s in axes)))
        return [(*s, slice(None)) for s in found]

    @functools.cached_property
    def adjoint(self):
        """The windows on y under which a pixel of x lies, for stride 1 (else None).

        They make a gather over these windows a scatter over those, with the kernel turned round.
        """
        flip_kernel = tuple(
            (reach - 1 - before, reach - 1 - after)
            for reach, (before, after) in zip(self.effective_kernel, self.padding, strict=True)
        )
        if self.strides != (1, 1) or min(map(min, flip_kernel)) < 0:
            return None
        return Windows(self.output, self.kernel, self.strides, self.dilation, flip_kernel)

    @functools.cached_property
    def folded(self):
        """The windows of stride 1 on the folded image, if the stride is larger (else None)."""
        fits = all(k >= s for k, s in zip(self.kernel, self.strides, strict=True))
        if self.strides == (1, 1) or self.dilation != (1, 1) or not fits:
            return None
        kernel = tuple(-(-k // s) for k, s in zip(self.kernel, self.strides, strict=True))
        size = tuple(n + k - 1 for n, k in zip(self.output, kernel, strict=True))
        return Windows(size, kernel, (1, 1), (1, 1), ((0, 0), (0, 0)))

    @property
    def start(self):
        """(top, left): where the image begins in its frame."""
        return self.padding[0][0], self.padding[1][0]

    def pad(self, x, value=0):
        """x (N, H, W, C) inside a frame of this value."""
        if self.padding == ((0, 0), (0, 0)):
            return x
        (top, bottom), (left, right) = self.padding
        n, h, w, c = x.shape
        shape = (n, top + h + bottom, left + w + right, c)
        padded = xp_of(x).full(shape, value, dtype=x.dtype)
        padded[:, top : top + h, left : left + w] = x
        return padded

    def crop(self, padded):
        """What `pad` put inside the frame."""
        (top, _), (left, _) = self.padding
        return padded[:, top : top + self.size[0], left : left + self.size[1]]

    def frame(self, n, c, like):
        """Zeros in the shape of n padded images."""
        size = [s + sum(pad) for s, pad in zip(self.size, self.padding, strict=True)]
        return xp_of(like).zeros((n, *size, c), dtype=like.dtype)


def patches(x, g):
    """The matrix (N*OH*OW, KH*KW*C) with what each window g sees of x (N, H, W, C), a row each.

    The windows are a view of the padded x, in which a pixel appears as often as it is seen; only
    the reshape copies.
    """
    sliding = xp_of(x).lib.stride_tricks.sliding_window_view(
        g.pad(x), g.effective_kernel, axis=(1, 2)
    )
    (sh, sw), (dh, dw) = g.strides, g.dilation
    seen = sliding[:, ::sh, ::sw, :, ::dh, ::dw]  # (N, OH, OW, C, KH, KW)
    c, k = x.shape[-1], len(g.slices)
    if c <= FEW_CHANNELS:
        return seen.transpose(4, 5, 3, 0, 1, 2).reshape(k * c, -1).T
    return seen.transpose(0, 1, 2, 4, 5, 3).reshape(-1, k * c)


def add_patches(W, dy, g):
    """dx (N, H, W, C) of dy (N, OH, OW, F): add_patches(dy W^T), W (KH, KW, C, F).

    The product is taken offset by offset: dy W^T is never whole, and what is added lies in one
    piece.
    """
    n, f = len(dy), dy.shape[-1]
    c = W.shape[2]
    flat = dy.reshape(-1, f)
    dx = g.frame(n, c, like=dy)
    kernels = W.reshape(-1, c, f)
    if c <= FEW_CHANNELS:
        parts = (kernels.reshape(-1, f) @ flat.T).reshape(len(kernels), c, n, *g.output)
        for i, s in enumerate(g.slices):
            for channel in range(c):
                dx[s][..., channel] += parts[i, channel]
    else:
        for w, s in zip(kernels, g.slices, strict=True):
            dx[s] += (flat @ w.T).reshape(n, *g.output, c)
    return g.crop(dx)


def chunks(n, g, channels, like):
    """Slices of the batch whose patches fit into CHUNK bytes; on a GPU one for all."""
    size = g.output[0] * g.output[1] * len(g.slices) * channels * like.dtype.itemsize
    step = max(1, CHUNK // size) if on_host(like) else n
    return [slice(i, i + step) for i in range(0, n, step)]


def convolve(x, W, g):
    """y (N, OH, OW, F) = patches(x) W, for W (KH, KW, C, F)."""
    c, f = W.shape[2:]
    if f <= FEW_CHANNELS < c and g.adjoint and on_host(x):
        return _convolve_transposed(x, flip_kernel(W), g.adjoint)
    return _convolve(x, W, g)


def convolve_transposed(dy, W, g):
    """dx (N, H, W, C) = add_patches(dy W^T): the adjoint of `gather`."""
    if g.folded:
        folded = convolve_transposed(dy, kernel_to_depth(W, g.folded.kernel, g.strides), g.folded)
        return depth_to_space(folded, g.size, g.strides, g.start)
    if g.adjoint and (W.shape[2] > FEW_CHANNELS or not on_host(dy)):
        return _convolve(dy, flip_kernel(W), g.adjoint)
    return _convolve_transposed(dy, W, g)


def flip_kernel(W):
    """The kernel turned by 180 degrees, its two channel axes exchanged."""
    return W[::-1, ::-1].swapaxes(2, 3)


def kernel_gradient(x, dy, g):
    """dW (KH, KW, C, F) = patches(x)^T dy."""
    c, f = x.shape[-1], dy.shape[-1]
    if f < c and g.adjoint:
        return flip_kernel(_kernel_gradient(dy, x, g.adjoint))
    return _kernel_gradient(x, dy, g)


def _convolve(x, W, g):
    c, f = W.shape[2:]
    y = xp_of(x).empty((len(x), *g.output, f), dtype=x.dtype)
    matrix = W.reshape(-1, f)
    for s in chunks(len(x), g, c, x):
        y[s] = (patches(x[s], g) @ matrix).reshape(y[s].shape)
    return y


def _convolve_transposed(dy, W, g):
    c = W.shape[2]
    dx = xp_of(dy).empty((len(dy), *g.size, c), dtype=dy.dtype)
    for s in chunks(len(dy), g, c, dy):
        dx[s] = add_patches(W, dy[s], g)
    return dx


def _kernel_gradient(x, dy, g):
    c, f = x.shape[-1], dy.shape[-1]
    dW = 0
    for s in chunks(len(x), g, c, x):
        dW = dW + patches(x[s], g).T @ dy[s].reshape(-1, f)
    return dW.reshape(*g.kernel, c, f)
