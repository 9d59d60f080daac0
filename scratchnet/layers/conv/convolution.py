"""Conv2D and Conv2DTranspose: each is the other's backward pass.

                            Conv2D                          Conv2DTranspose
    patches(x) W            forward                         backward, dx
    add_patches(x W^T)      backward, dx                    forward

For a Conv2D's dx and a Conv2DTranspose's dx, read dy in place of x. `fast_paths.py` computes both
products and dW; `scratchnet.layers.plain` has the same formulas as loops over the windows.

N batch, (H, W) and (OH, OW) size of x and y, C channels, F filters, (KH, KW) size of the kernel.
"""

from scratchnet.backend import xp_of, zeros
from scratchnet.initializers import initializer
from scratchnet.layers.base import Layer
from scratchnet.layers.conv.fast_paths import (
    convolve,
    convolve_transposed,
    flip_kernel,
    kernel_gradient,
    strip_products,
    strips_pay,
)
from scratchnet.layers.conv.padding import (
    ANY,
    checked_padding,
    image_shape,
    pair,
    windows_and_output_size,
    windows_on,
)
from scratchnet.layers.shapes import ShapeError
from scratchnet.validation import check_bool, check_positive_int, require


class Conv2D(Layer):
    """Convolution of images: each pixel of y is a weighted sum over a window of x.

    y[n, i, j, f] = b[f] + sum over u, v, c of x[n, i*s + u*d - p, j*s + v*d - p, c] W[u, v, c, f]

    with stride s, dilation rate d and padding p. As in other libraries the kernel is not flipped;
    in mathematics the formula is called cross-correlation. `patches(x)` is the matrix with the
    window of x at each (i, j) as a row: the sums for all n, i, j and f are one matrix product.

    forward    y  = patches(x) W + b                (N, H, W, C) -> (N, OH, OW, F)
    backward   dW = patches(x)^T dy                 db = sum of dy over batch and pixels
               dx = add_patches(dy W^T)             each window's gradient is added to its pixels

    Plain form: `conv2d` in scratchnet/layers/plain.py. The table of the paths that are computed in
    its place, and why, is the docstring of `choose_path` in scratchnet/layers/conv/fast_paths.py.

    Parameters
        filters              F, number of channels of y
        kernel_size          KH, KW; one number or two, as for strides and dilation_rate
        strides              s, pixels from one window to the next
        padding              p, zeros around x: "valid" (none), "same" (OH = ceil(H / s)), or pixels
                             as 1, (1, 2) or ((top, bottom), (left, right))
        dilation_rate        d, pixels from one entry of the kernel to the next
        groups               number of equal groups of channels and of filters; the filters of a
                             group use its channels only, and W is (KH, KW, C / groups, F)
        use_bias             False leaves b out
        kernel_initializer   initial W: a name in `scratchnet.initializers`, or a function

    Dumoulin and Visin (2016), "A guide to convolution arithmetic for deep learning".

    >>> layer = Conv2D(filters=8, kernel_size=3, strides=2, padding="same")
    >>> layer.build((28, 28, 1), 0)
    (14, 14, 8)
    >>> layer.W.shape
    (3, 3, 1, 8)
    """

    remembers = "x"
    splits_batch = True
    fixed_axes = 1  # the channels

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        dilation_rate=1,
        groups=1,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        name=None,
    ):
        super().__init__(name)
        self.filters = check_positive_int("Conv2D", "filters", filters)
        self.kernel_size = pair("Conv2D", "kernel_size", kernel_size)
        self.strides = pair("Conv2D", "strides", strides)
        self.padding = checked_padding("Conv2D", "padding", padding, words=("valid", "same"))
        self.dilation_rate = pair("Conv2D", "dilation_rate", dilation_rate)
        self.groups = check_positive_int("Conv2D", "groups", groups)
        require(
            self.filters % self.groups == 0,
            f"Conv2D expects filters that are a multiple of groups={groups}; got {filters}",
        )
        self.use_bias = check_bool("Conv2D", "use_bias", use_bias)
        self.kernel_initializer = kernel_initializer
        self.initializer = initializer(kernel_initializer)

    def build(self, input_shape, rng):
        size, c = image_shape(self, input_shape)
        if c % self.groups:
            raise ShapeError(
                f"{self.title} expects channels that are a multiple of groups={self.groups}; "
                f"got {c}"
            )
        self.windows, output_size = windows_and_output_size(size, self._windows_on)
        self.add("W", self.initializer(rng, (*self.kernel_size, c // self.groups, self.filters)))
        if self.use_bias:
            self.add("b", zeros((self.filters,)))
        return (*output_size, self.filters)

    def _windows_on(self, image_size):
        return windows_on(self, image_size, self.kernel_size, self.strides, self.dilation_rate)

    def windows_for(self, x):
        """The windows on x: those of `build`, or new ones if `build` did not know the size."""
        return self.windows or self._windows_on(x.shape[1:3])

    def forward(self, x, train=False):
        win = self.windows_for(x)
        y = [convolve(x[..., c], self.W[..., f], win) for c, f in self.group_slices()]
        return _add_bias(self, _concatenate(y)), x  # (N, OH, OW, F)

    def backward(self, dy, x):
        win = self.windows_for(x)
        if self.groups == 1 and strips_pay(win.transposed, *self.W.shape[2:], dy):
            dx, dW = strip_products(dy, flip_kernel(self.W), win.transposed, x)
            return dx, _with_bias_gradient(self, flip_kernel(dW), dy)
        dx = [convolve_transposed(dy[..., f], self.W[..., f], win) for _, f in self.group_slices()]
        return _concatenate(dx), self.weight_gradients(dy, x)  # (N, H, W, C)

    def weight_gradients(self, dy, x):
        win = self.windows_for(x)
        dW = [kernel_gradient(x[..., c], dy[..., f], win) for c, f in self.group_slices()]
        return _with_bias_gradient(self, _concatenate(dW), dy)

    def group_slices(self):
        """The slice of the channels and the slice of the filters of each group."""
        c, f = self.W.shape[2], self.filters // self.groups
        return [(slice(k * c, k * c + c), slice(k * f, k * f + f)) for k in range(self.groups)]


class Conv2DTranspose(Layer):
    """Transposed convolution of images: each pixel of x adds a multiple of the kernel to y.

    y[n, i*s + u - p, j*s + v - p, f] += sum over c of x[n, i, j, c] W[u, v, f, c]  for all i, j
    y[n, i, j, f] += b[f]

    forward    y  = add_patches(x W^T) + b          (N, H, W, C) -> (N, OH, OW, F)
    backward   dx = patches(dy) W                   dW = patches(dy)^T x
               db = sum of dy over batch and pixels

    It is the transpose of the Conv2D with the same W (KH, KW, F, C), which maps (N, OH, OW, F) to
    (N, H, W, C): the sum of conv(y) * x equals the sum of y * conv_transpose(x), without biases. It
    restores that convolution's input shape, not its input: it is not the inverse, although it is
    sometimes called "deconvolution".

    Plain form: `conv2d_transpose` in scratchnet/layers/plain.py. The table of the paths that are
    computed in its place is the docstring of `choose_path` in scratchnet/layers/conv/fast_paths.py.

    Parameters
        filters, kernel_size, strides, use_bias, kernel_initializer   as for Conv2D
        padding          "valid" (none), "same", or pixels to remove from the edges of y, as 1,
                         (1, 2) or ((top, bottom), (left, right))
        output_padding   rows and columns to append to y, less than the stride: a Conv2D of stride s
                         maps s input sizes to one output size, and this selects the input size

    OH = (H - 1) s + KH + output_padding - top - bottom, and likewise OW. Words for the padding are
    those of Keras, where output_padding=None is 0 here:

    output_padding    "valid"                     "same"
    0                 OH = (H - 1) s + max(KH, s) OH = H s
    > 0 on an axis    top = bottom = 0            top + bottom = 2 (KH // 2), of which top is
                                                  (2 (KH // 2) - output_padding) // 2

    >>> Conv2DTranspose(filters=1, kernel_size=4, strides=2, padding=1).build((7, 7, 8), 0)
    (14, 14, 1)
    """

    remembers = "x"
    splits_batch = True
    fixed_axes = 1  # the channels

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        output_padding=0,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        name=None,
    ):
        super().__init__(name)
        owner = "Conv2DTranspose"
        self.filters = check_positive_int(owner, "filters", filters)
        self.kernel_size = pair(owner, "kernel_size", kernel_size)
        self.strides = pair(owner, "strides", strides)
        self.padding = checked_padding(owner, "padding", padding, words=("valid", "same"))
        self.output_padding = pair(owner, "output_padding", output_padding, at_least=0)
        require(
            all(extra < s for extra, s in zip(self.output_padding, self.strides, strict=True)),
            "Conv2DTranspose expects output_padding less than its strides; got "
            f"{output_padding!r} with strides {self.strides}",
        )
        self.use_bias = check_bool(owner, "use_bias", use_bias)
        self.kernel_initializer = kernel_initializer
        self.initializer = initializer(kernel_initializer)

    def build(self, input_shape, rng):
        size, c = image_shape(self, input_shape)
        self.windows = None if None in size else self._windows_onto(size)
        output = (self.windows or self._windows_onto([n or ANY for n in size])).image_size
        self.add("W", self.initializer(rng, (*self.kernel_size, self.filters, c)))
        if self.use_bias:
            self.add("b", zeros((self.filters,)))
        return (*(n and m for n, m in zip(size, output, strict=True)), self.filters)

    def _windows_onto(self, size):
        """The windows of the convolution from y (OH, OW) to x (H, W) of this size."""
        output = self._output_size(size[0], 0), self._output_size(size[1], 1)
        if min(output) < 1:
            raise ShapeError(
                f"{self.title} expects padding that leaves at least a pixel of y; got "
                f"{self.padding} on images of {tuple(size)}"
            )
        return windows_on(self, output, self.kernel_size, self.strides, padding=self._pixels())

    def _pixels(self):
        """The padding in pixels, or the word if the output size decides on it."""
        if self.padding != "same" or not any(self.output_padding):
            return self.padding
        pixels = []
        for k, extra in zip(self.kernel_size, self.output_padding, strict=True):
            total = 2 * (k // 2)
            top = max(total - extra, 0) // 2
            pixels.append((top, total - top))
        return tuple(pixels)

    def _output_size(self, n, axis):
        k, s, extra = self.kernel_size[axis], self.strides[axis], self.output_padding[axis]
        padding = self._pixels()
        if padding == "same":
            return n * s
        if padding == "valid":
            return (n - 1) * s + (k + extra if extra else max(k, s))
        return (n - 1) * s + k + extra - sum(padding[axis])

    def windows_for(self, x):
        """The windows from y to x: those of `build`, or new ones if it did not know the size."""
        return self.windows or self._windows_onto(x.shape[1:3])

    def forward(self, x, train=False):
        return _add_bias(self, convolve_transposed(x, self.W, self.windows_for(x))), x

    def backward(self, dy, x):
        win = self.windows_for(x)
        if strips_pay(win, *self.W.shape[2:], dy):
            dx, dW = strip_products(dy, self.W, win, x)
            return dx, _with_bias_gradient(self, dW, dy)
        return convolve(dy, self.W, win), self.weight_gradients(dy, x)

    def weight_gradients(self, dy, x):
        return _with_bias_gradient(self, kernel_gradient(dy, x, self.windows_for(x)), dy)


def _concatenate(parts):
    """The arrays of all groups, side by side along the last axis."""
    return parts[0] if len(parts) == 1 else xp_of(*parts).concatenate(parts, axis=-1)


def _add_bias(layer, y):
    """y + b; b is repeated to a full row of pixels, because adding it pixel by pixel is slow."""
    shape = y.shape
    if layer.use_bias:
        row = xp_of(y).tile(layer.b, shape[2])  # (OW*F,)
        y = y.reshape(-1, len(row))  # (N*OH, OW*F)
        y += row
    return y.reshape(shape)


def _with_bias_gradient(layer, dW, dy):
    """{"W": dW, "b": db}, where db is the sum of dy over batch and pixels; without b only dW."""
    if not layer.use_bias:
        return {"W": dW}
    # ones @ dy is dy.sum(axis=(0, 1, 2)) as one product of BLAS, which is faster
    ones = xp_of(dy).ones(dy.size // layer.filters, dtype=dy.dtype)  # (N*OH*OW,)
    return {"W": dW, "b": ones @ dy.reshape(-1, layer.filters)}
