"""Conv2D and Conv2DTranspose: one pair of functions, used in both directions.

    gather     patches(x) W             Conv2D forward,    Conv2DTranspose backward to x
    scatter    add_patches(x W^T)       Conv2D backward,   Conv2DTranspose forward

N batch, H, W and OH, OW height and width of x and y, C channels in, F filters out, (KH, KW) kernel.
"""

from scratchnet.backend import xp_of, zeros
from scratchnet.initializers import initializer
from scratchnet.layers.base import Layer
from scratchnet.layers.conv.im2col import convolve, convolve_transposed, kernel_gradient
from scratchnet.layers.conv.padding import checked_padding, image_shape, pair, windows_on
from scratchnet.layers.shapes import ShapeError
from scratchnet.validation import check_bool, check_positive_int, require


class Conv2D(Layer):
    """y[n, i, j, f] = b[f] + sum over a, b, c of x[n, is + ad - p, js + bd - p, c] W[a, b, c, f]

    Each window of x is a row of the matrix patches(x); the sum is one matrix product with it.

    forward    y  = patches(x) W + b                       (N, H, W, C) -> (N, OH, OW, F)
    backward   dW = patches(x)^T dy      db = sum of dy over batch and pixels
               dx = add_patches(dy W^T)                    each window's pull put back where it saw

    As in every such library the kernel is not turned round: it is a cross-correlation.

    Parameters
        filters              F, how many numbers come out at each place
        kernel_size          KH, KW; one number or two, as for strides and dilation_rate
        strides              s, steps from one window to the next, in pixels
        padding              "valid", "same" (OH = ceil(H / s)), or pixels of zeros: 1, (1, 2),
                             ((top, bottom), (left, right))
        dilation_rate        d, the distance between neighbours of a kernel, in pixels
        groups               channels are dealt into so many groups, filters too, and a filter sees
                             its own group only: W (KH, KW, C / groups, F)
        use_bias             False leaves b out
        kernel_initializer   how W is drawn: a name in `scratchnet.initializers`, or a function

    Dumoulin and Visin (2016), "A guide to convolution arithmetic for deep learning".
    """

    remembers = "x"

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
        self.padding = checked_padding("Conv2D", padding)
        self.dilation_rate = pair("Conv2D", "dilation_rate", dilation_rate)
        self.groups = check_positive_int("Conv2D", "groups", groups)
        require(
            self.filters % self.groups == 0,
            f"Conv2D expects filters that {groups} groups can share; got {filters}",
        )
        self.use_bias = check_bool("Conv2D", "use_bias", use_bias)
        self.kernel_initializer = kernel_initializer
        self.draw = initializer(kernel_initializer)

    def build(self, input_shape, rng):
        size, c = image_shape(self, input_shape)
        if c % self.groups:
            raise ShapeError(f"{self.title}: {self.groups} groups cannot share {c} channels")
        self.windows = windows_on(self, size, self.kernel_size, self.strides, self.dilation_rate)
        self.add("W", self.draw(rng, (*self.kernel_size, c // self.groups, self.filters)))
        if self.use_bias:
            self.add("b", zeros((self.filters,)))
        return (*self.windows.output, self.filters)

    def forward(self, x, train=False):
        parts = [convolve(x[..., c], self.W[..., f], self.windows) for c, f in self.group_slices()]
        return _add_bias(self, _together(parts)), x  # (N, OH, OW, F)

    def backward(self, dy, x):
        parts = [
            convolve_transposed(dy[..., f], self.W[..., f], self.windows)
            for _, f in self.group_slices()
        ]
        return _together(parts), self.weight_gradients(dy, x)  # (N, H, W, C)

    def weight_gradients(self, dy, x):
        parts = [
            kernel_gradient(x[..., c], dy[..., f], self.windows) for c, f in self.group_slices()
        ]
        return _with_bias(self, _together(parts), dy)

    def group_slices(self):
        """(which channels, which filters) for each group."""
        c, f = self.W.shape[2], self.filters // self.groups
        return [(slice(g * c, (g + 1) * c), slice(g * f, (g + 1) * f)) for g in range(self.groups)]


class Conv2DTranspose(Layer):
    """The transpose of a Conv2D: <conv(x), y> = <x, conv_transpose(y)> for one and the same W.

    Each pixel of x is multiplied by the whole kernel and added into y, a stride further for the
    next pixel: so a stride of 2 doubles an image.

    forward    y  = add_patches(x W^T) + b                 (N, H, W, C) -> (N, OH, OW, F)
    backward   dx = patches(dy) W      dW = patches(dy)^T x      db = sum of dy

    W is (KH, KW, F, C), the very array of the convolution from y to x. It undoes that one's shape,
    not its values: it is no inverse, though often called "deconvolution".

    Parameters: as for Conv2D. In addition
        padding          "valid", "same" (OH = H s) or pixels that are cut off y: what a Conv2D with
                         this padding would have added
        output_padding   rows and columns that y gets in addition at its end; for "valid" and
                         explicit padding, less than the stride. A Conv2D of stride s maps s sizes
                         to one, and this says which of them is meant:
                         OH = (H - 1) s + KH - padding + output_padding
    """

    remembers = "x"

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
        self.filters = check_positive_int("Conv2DTranspose", "filters", filters)
        self.kernel_size = pair("Conv2DTranspose", "kernel_size", kernel_size)
        self.strides = pair("Conv2DTranspose", "strides", strides)
        self.padding = checked_padding("Conv2DTranspose", padding)
        ((self.output_padding, _), (extra, _)) = checked_padding(
            "Conv2DTranspose", output_padding, names=()
        )
        self.output_padding = (self.output_padding, extra)
        require(
            all(e < s for e, s in zip(self.output_padding, self.strides, strict=True))
            and (self.padding != "same" or not any(self.output_padding)),
            "Conv2DTranspose expects output_padding less than its strides, and none with "
            f'padding="same"; got {output_padding!r} with strides {self.strides}',
        )
        self.use_bias = check_bool("Conv2DTranspose", "use_bias", use_bias)
        self.kernel_initializer = kernel_initializer
        self.draw = initializer(kernel_initializer)

    def build(self, input_shape, rng):
        size, c = image_shape(self, input_shape)
        output = tuple(map(self._output_size, size, (0, 1)))
        if min(output) < 1:
            raise ShapeError(f"{self.title}: padding {self.padding} leaves nothing of {size}")
        self.windows = windows_on(self, output, self.kernel_size, self.strides)  # of that Conv2D
        self.add("W", self.draw(rng, (*self.kernel_size, self.filters, c)))
        if self.use_bias:
            self.add("b", zeros((self.filters,)))
        return (*output, self.filters)

    def _output_size(self, n, axis):
        k, s, extra = self.kernel_size[axis], self.strides[axis], self.output_padding[axis]
        if self.padding == "same":
            return n * s
        if self.padding == "valid":
            return (n - 1) * s + max(k, s if not extra else k) + extra
        return (n - 1) * s + k - sum(self.padding[axis]) + extra

    def forward(self, x, train=False):
        return _add_bias(self, convolve_transposed(x, self.W, self.windows)), x  # (N, OH, OW, F)

    def backward(self, dy, x):
        return convolve(dy, self.W, self.windows), self.weight_gradients(dy, x)  # (N, H, W, C)

    def weight_gradients(self, dy, x):
        return _with_bias(self, kernel_gradient(dy, x, self.windows), dy)


def _together(parts):
    """The results of all groups side by side along the last axis."""
    return parts[0] if len(parts) == 1 else xp_of(*parts).concatenate(parts, axis=-1)


def _add_bias(layer, y):
    """y + b, a row of pixels at a time: F numbers alone are a short way for NumPy's inner loop."""
    if layer.use_bias:
        row = xp_of(y).tile(layer.b, y.shape[2])  # (OW*F,)
        y = y.reshape(-1, len(row))
        y += row
    return y.reshape(-1, *layer.output_shape)


def _with_bias(layer, dW, dy):
    """{"W": dW, "b": db}; b was added everywhere, so db sums dy over batch and pixels."""
    if not layer.use_bias:
        return {"W": dW}
    ones = xp_of(dy).ones(dy.size // layer.filters, dtype=dy.dtype)
    return {"W": dW, "b": ones @ dy.reshape(-1, layer.filters)}  # (N*OH*OW,) (..., F) -> (F,)
