"""A convolution of stride s as one of stride 1, on an image with s * s times the channels.

Each block of s x s pixels becomes one pixel that holds their channels one after the other; each
block of the kernel likewise:

    x (N, H, W, C) -> (N, BH, BW, s*s*C)        W (KH, KW, C, F) -> (KH/s, KW/s, s*s*C, F)

An image of 4 x 4 pixels in blocks of 2 x 2:

>>> import numpy as np
>>> x = np.arange(16).reshape(1, 4, 4, 1)
>>> x[0, :, :, 0]
array([[ 0,  1,  2,  3],
       [ 4,  5,  6,  7],
       [ 8,  9, 10, 11],
       [12, 13, 14, 15]])
>>> blocks = space_to_depth(x, blocks=(2, 2), strides=(2, 2))
>>> blocks[0, 0]  # the upper two blocks: two pixels of four channels
array([[0, 1, 4, 5],
       [2, 3, 6, 7]])

A kernel of 2 x 2 with stride 2 now covers one pixel, so the convolution is one of 1 x 1:

>>> W = np.array([1, 10, 100, 1000]).reshape(2, 2, 1, 1)
>>> (blocks @ kernel_to_depth(W, blocks=(1, 1), strides=(2, 2))[0, 0])[0, :, :, 0]
array([[ 5410,  7632],
       [14298, 16520]])

N batch, (H, W) size of x, (BH, BW) number of blocks, s stride, C channels, F filters, (KH, KW) size
of the kernel.
"""

from scratchnet.backend import xp_of


def space_to_depth(x, blocks, strides, start=(0, 0)):
    """The blocks of s x s pixels of x (N, H, W, C) as single pixels, (N, BH, BW, s*s*C).

    Zeros fill blocks that x does not fill; pixels of x outside the blocks are dropped.

    Parameters
        blocks    (BH, BW)
        strides   s, for rows and columns
        start     row and column of the first pixel of x within the first block: the padding
    """
    (bh, bw), (sh, sw), (top, left), (n, h, w, c) = blocks, strides, start, x.shape
    padded = xp_of(x).zeros((n, bh * sh, bw * sw, c), dtype=x.dtype)
    inside = padded[:, top : top + h, left : left + w]  # ends with the last block, if x is larger
    inside[...] = x[:, : inside.shape[1], : inside.shape[2]]
    parts = padded.reshape(n, bh, sh, bw, sw, c).transpose(0, 1, 3, 2, 4, 5)
    return parts.reshape(n, bh, bw, sh * sw * c)


def depth_to_space(blocks, image_size, strides, start=(0, 0)):
    """The image (N, H, W, C) of blocks (N, BH, BW, s*s*C): the transpose of `space_to_depth`.

    Pixels that `space_to_depth` dropped are zero.

    >>> import numpy as np
    >>> x = np.arange(16).reshape(1, 4, 4, 1)
    >>> blocks = space_to_depth(x, blocks=(2, 2), strides=(2, 2))
    >>> np.array_equal(depth_to_space(blocks, image_size=(4, 4), strides=(2, 2)), x)
    True
    """
    (h, w), (sh, sw), (top, left), (n, bh, bw, depth) = image_size, strides, start, blocks.shape
    c = depth // (sh * sw)
    parts = blocks.reshape(n, bh, bw, sh, sw, c).transpose(0, 1, 3, 2, 4, 5)
    padded = parts.reshape(n, bh * sh, bw * sw, c)
    inside = padded[:, top : top + h, left : left + w]
    if inside.shape[1:3] == (h, w):
        return inside
    x = xp_of(blocks).zeros((n, h, w, c), dtype=blocks.dtype)
    x[:, : inside.shape[1], : inside.shape[2]] = inside
    return x


def kernel_to_depth(W, blocks, strides):
    """The kernel (BH, BW, s*s*C, F) of stride 1 for a kernel W (KH, KW, C, F) of stride s.

    Zeros fill W up to BH * s rows and BW * s columns. Example: see the head of this file.
    """
    kh, kw, c, f = W.shape
    image = W.reshape(1, kh, kw, c * f)  # one image, with the C*F weights of an entry as channels
    return space_to_depth(image, blocks, strides).reshape(*blocks, -1, f)
