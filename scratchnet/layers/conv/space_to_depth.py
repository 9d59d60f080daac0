"""Folding: a convolution of stride s is one of stride 1 on an image of s*s times the channels.

Each block of s x s pixels becomes one pixel that has their channels side by side, and so does each
block of the kernel:

    x (N, H, W, C) -> (N, H/s, W/s, s*s*C)          W (KH, KW, C, F) -> (KH/s, KW/s, s*s*C, F)

The same products are summed. A scatter of stride 1 is a gather, see windows.py: so with larger
strides dx is computed on the folded image and unfolded. Zeros fill what s does not divide. Both
directions only rename axes, so unfold is fold's adjoint.
"""

from scratchnet.backend import xp_of


def space_to_depth(x, blocks, strides, start):
    """x (N, H, W, C) as (N, *blocks, s*s*C); `start` is where its first row and column lie."""
    (bh, bw), (sh, sw), (top, left) = blocks, strides, start
    n, h, w, c = x.shape
    frame = xp_of(x).zeros((n, bh * sh, bw * sw, c), dtype=x.dtype)
    seen = frame[:, top : top + h, left : left + w]  # what no window reaches is cut off
    seen[...] = x[:, : seen.shape[1], : seen.shape[2]]
    parts = frame.reshape(n, bh, sh, bw, sw, c).transpose(0, 1, 3, 2, 4, 5)
    return parts.reshape(n, bh, bw, sh * sw * c)


def depth_to_space(folded, size, strides, start):
    """The image (N, *size, C) whose fold that was; zeros where fold had cut it off."""
    (sh, sw), (top, left), (h, w) = strides, start, size
    n, bh, bw, depth = folded.shape
    c = depth // (sh * sw)
    parts = folded.reshape(n, bh, bw, sh, sw, c).transpose(0, 1, 3, 2, 4, 5)
    frame = parts.reshape(n, bh * sh, bw * sw, c)
    seen = frame[:, top : top + h, left : left + w]
    if seen.shape[1:3] == (h, w):
        return seen
    x = xp_of(folded).zeros((n, h, w, c), dtype=folded.dtype)
    x[:, : seen.shape[1], : seen.shape[2]] = seen
    return x


def kernel_to_depth(W, blocks, strides):
    """W (KH, KW, C, F) as (BH, BW, s*s*C, F): its channels C and F take the place of N and C."""
    kernel = W.transpose(2, 0, 1, 3)  # (C, KH, KW, F)
    c, _, _, f = kernel.shape
    folded = space_to_depth(kernel, blocks, strides, (0, 0))  # (C, BH, BW, s*s*F)
    parts = folded.reshape(c, *blocks, strides[0] * strides[1], f).transpose(1, 2, 3, 0, 4)
    return parts.reshape(*blocks, strides[0] * strides[1] * c, f)
