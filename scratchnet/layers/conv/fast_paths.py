"""The three products of a convolution, each along the fastest of several equal paths.

    convolve               y  = patches(x) W           Conv2D forward, Conv2DTranspose dx
    convolve_transposed    dx = add_patches(dy W^T)    Conv2D dx, Conv2DTranspose forward
    kernel_gradient        dW = patches(x)^T dy        Conv2D dW, Conv2DTranspose dW

The plain forms are `conv2d`, `conv2d_transpose` and their backward functions in
`scratchnet.layers.plain`; `patches` and `add_patches` are in `im2col.py`. The table of paths is the
docstring of `choose_path`. In backward dx and dW are both products of the patches of dy, and for
medium numbers of channels `strip_products` computes both from one copy of its pixels.

N batch, (H, W) and (OH, OW) size of x and y, C channels of x, F channels of y, (KH, KW) size of the
kernel.
"""

from scratchnet.backend import on_host, xp_of
from scratchnet.layers.conv.im2col import FEW_CHANNELS, add_patches, patches
from scratchnet.layers.conv.space_to_depth import depth_to_space, kernel_to_depth

# Bytes of patches made at a time. Patches are KH*KW times as large as the image: 2 MiB of them stay
# in the processor's cache until they are multiplied, and are enough work for one call of NumPy
# that the calls' overhead, and waiting for Python's lock (GIL) between them, do not count.
CHUNK = 1 << 21


def choose_path(operation, win, c, f, cpu):
    """The name of the path on which an operation is computed: "direct" or a faster one.

    operation             case                               path              reason
    convolve              F <= 4 < C, stride 1, on a CPU     "transposed"      1
                          otherwise                          "direct"
    convolve_transposed   stride > 1, kernel >= stride       "space_to_depth"  2
                          stride 1, C > 4 or on a GPU        "transposed"      3
                          otherwise, C > 4                   "entries"         4
                          otherwise                          "direct"          5
    kernel_gradient       F < C, stride 1                    "transposed"      6
                          otherwise                          "direct"

    "direct"           the formula at the head of this file
    "transposed"       the equal operation with x and y exchanged, see `Windows.transposed`; needs
                       stride 1, and padding smaller than the kernel
    "space_to_depth"   the operation with stride 1 on blocks of pixels, see `space_to_depth.py`;
                       needs dilation 1
    "entries"          the direct formula, one entry (u, v) of the kernel after the other

    Reasons, with speeds measured on 48 images of 28 x 28 pixels, kernels of 3 x 3, one core:
    1  KH*KW*F products per pixel are added, instead of KH*KW*C numbers copied into patches: 3 to 4
       times as fast for F = 1.
    2  Leads to stride 1, and with it to 3: up to 1.6 times as fast.
    3  To copy patches of dy is faster than to add overlapping windows to dx: 1.1 to 1.4 times.
    4  No matrix of KH*KW*C columns is written to memory and read again: 1.3 to 2.3 times.
    5  KH*KW*C products per pixel are added, instead of KH*KW*F numbers copied into patches of dy: 2
       to 4 times as fast for C = 1.
    6  dy has fewer channels than x, so its patches are fewer numbers: 1.2 to 5 times.
    """
    exchangeable = win.transposed is not None
    if operation == "convolve":
        return "transposed" if exchangeable and f <= FEW_CHANNELS < c and cpu else "direct"
    if operation == "kernel_gradient":
        return "transposed" if exchangeable and f < c else "direct"
    if win.unstrided is not None:
        return "space_to_depth"
    if exchangeable and (c > FEW_CHANNELS or not cpu):
        return "transposed"
    return "entries" if c > FEW_CHANNELS else "direct"


def convolve(x, W, win):
    """Convolution of x (N, H, W, C) with W (KH, KW, C, F): y (N, OH, OW, F) = patches(x) W.

    Plain form: `scratchnet.layers.plain.conv2d`.
    """
    if choose_path("convolve", win, *W.shape[2:], on_host(x)) == "transposed":
        return _convolve_transposed(x, flip_kernel(W), win.transposed, _add_rows)
    return _convolve(x, W, win)


def convolve_transposed(dy, W, win):
    """Transpose of `convolve` for dy (N, OH, OW, F): dx (N, H, W, C) = add_patches(dy W^T).

    Plain form: `scratchnet.layers.plain.conv2d_transpose`.
    """
    path = choose_path("convolve_transposed", win, *W.shape[2:], on_host(dy))
    if path == "space_to_depth":
        W = kernel_to_depth(W, win.unstrided.kernel_size, win.strides)
        blocks = convolve_transposed(dy, W, win.unstrided)
        start = [before for before, _ in win.padding]  # (top, left)
        return depth_to_space(blocks, win.image_size, win.strides, start)
    if path == "transposed":
        return _convolve(dy, flip_kernel(W), win.transposed)
    return _convolve_transposed(dy, W, win, _add_entries if path == "entries" else _add_rows)


def kernel_gradient(x, dy, win):
    """Gradient of a convolution by its kernel: dW (KH, KW, C, F) = patches(x)^T dy.

    Plain form: dW in `scratchnet.layers.plain.conv2d_backward`.
    """
    if choose_path("kernel_gradient", win, x.shape[-1], dy.shape[-1], on_host(x)) == "transposed":
        return flip_kernel(_kernel_gradient(dy, x, win.transposed))
    return _kernel_gradient(x, dy, win)


def strips_pay(win, c, f, x):
    """Whether `strip_products` is faster than two products: measured for kernels of 3 x 3."""
    supported = win is not None and win.strides == (1, 1) == win.dilation_rate
    return supported and on_host(x) and FEW_CHANNELS < min(c, f) and max(c, f) <= 48


def strip_products(x, W, win, dy):
    """The pair (y, dW) of patches(x) W and patches(x)^T dy, with stride and dilation 1.

    A strip is a window of one row: KW pixels. Row u of a window is the strip u rows below its
    first one, so that OH + KH - 1 rows of strips, KH times fewer numbers than patches, hold all
    windows, and both products are sums over u:

        y = sum over u of strips(x, rows u ... u + OH) W[u]         dW[u] = strips(x, ...)^T dy

    Plain form: `convolve` and `kernel_gradient`.

    >>> import numpy as np
    >>> from scratchnet.layers.conv.im2col import Windows
    >>> x, W, win = np.ones((1, 4, 5, 2)), np.ones((3, 3, 2, 1)), Windows((4, 5), (3, 3))
    >>> y, dW = strip_products(x, W, win, dy=np.ones((1, 2, 3, 1)))
    >>> y.shape, float(y.max()), dW.shape, float(dW.max())  # 18 numbers in a window, 6 windows
    ((1, 2, 3, 1), 18.0, (3, 3, 2, 1), 6.0)
    """
    xp, (kh, kw, c, f), (oh, ow) = xp_of(x), W.shape, win.output_size
    y, dW = xp.empty((len(x), oh, ow, f), dtype=x.dtype), xp.zeros((kh, kw * c, f), x.dtype)
    view, kernel = xp.lib.stride_tricks.sliding_window_view, W.reshape(kh, kw * c, f)
    size = (oh + kh - 1) * ow * kw * c * x.dtype.itemsize
    step = max(1, 2 * CHUNK // size)
    for i in range(0, len(x), step):
        s = slice(i, i + step)
        strips = view(win.pad(x[s]), kw, axis=2).transpose(0, 1, 2, 4, 3)  # (N, H, OW, KW, C)
        strips = strips.reshape(len(strips), -1, kw * c)  # (N, H*OW, KW*C); this copies
        y_s, dy_s = y[s].reshape(-1, oh * ow, f), dy[s].reshape(-1, oh * ow, f)
        for u in range(kh):
            rows = strips[:, u * ow : (u + oh) * ow]  # (N, OH*OW, KW*C)
            if u == 0:
                xp.matmul(rows, kernel[u], out=y_s)
            else:
                y_s += rows @ kernel[u]
            dW[u] += (rows.transpose(0, 2, 1) @ dy_s).sum(axis=0)  # (KW*C, F)
    return y, dW.reshape(kh, kw, c, f)


def flip_kernel(W):
    """W (KH, KW, C, F) turned by 180 degrees, with C and F exchanged: (KH, KW, F, C)."""
    return W[::-1, ::-1].swapaxes(2, 3)


def chunks(n, win, channels, like):
    """Slices of a batch of n images, each with CHUNK bytes of patches; on a GPU a single one."""
    oh, ow = win.output_size
    size = oh * ow * len(win.entries) * channels * like.dtype.itemsize
    step = max(1, CHUNK // size) if on_host(like) else n
    return [slice(i, i + step) for i in range(0, n, step)]


def _convolve(x, W, win):
    xp, (c, f) = xp_of(x), W.shape[2:]
    y = xp.empty((len(x), *win.output_size, f), dtype=x.dtype)
    matrix = W.reshape(-1, f)  # (KH*KW*C, F)
    for s in chunks(len(x), win, c, x):
        xp.matmul(patches(x[s], win), matrix, out=y[s].reshape(-1, f))  # a view, not a copy
    return y


def _convolve_transposed(dy, W, win, add):
    c = W.shape[2]
    dx = xp_of(dy).empty((len(dy), *win.image_size, c), dtype=dy.dtype)
    for s in chunks(len(dy), win, c, dy):
        dx[s] = add(dy[s], W, win)
    return dx


def _add_rows(dy, W, win):
    f = dy.shape[-1]
    columns = W.reshape(-1, f) @ dy.reshape(-1, f).T  # W dy^T, (KH*KW*C, N*OH*OW)
    return add_patches(columns.T, win)


def _add_entries(dy, W, win):
    c, f = W.shape[2:]
    padded, dy_matrix = win.new_padded(len(dy), c, like=dy), dy.reshape(-1, f)
    for kernel, entry in zip(W.reshape(-1, c, f), win.entries, strict=True):  # (C, F) each
        padded[entry] += (dy_matrix @ kernel.T).reshape(*dy.shape[:3], c)
    return win.crop(padded)


def _kernel_gradient(x, dy, win):
    c, f = x.shape[-1], dy.shape[-1]
    dW = 0
    for s in chunks(len(x), win, c, x):
        dW = dW + patches(x[s], win).T @ dy[s].reshape(-1, f)  # (KH*KW*C, F)
    return dW.reshape(*win.kernel_size, c, f)
