"""Checks of options such as kernel_size=3 and padding="same", and the `Windows` made of them."""

import functools

from scratchnet.layers.conv.im2col import Windows
from scratchnet.layers.shapes import ShapeError
from scratchnet.validation import check_positive_int, require, unknown_name


def pair(owner, name, value, at_least=1):
    """The option `name` of the layer `owner` as (rows, columns): one integer counts for both.

    >>> pair("Conv2D", "kernel_size", 3), pair("Conv2D", "kernel_size", (3, 2))
    ((3, 3), (3, 2))
    """
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    require(len(values) == 2, f"{owner} expects {name} as one number or two; got {value!r}")
    if at_least == 0:
        require(
            all(map(_is_count, values)),
            f"{owner} expects {name} as one or two integers >= 0; got {value!r}",
        )
        return values
    return tuple(check_positive_int(owner, name, v) for v in values)


def checked_padding(owner, name, value, words=()):
    """The option `name` as ((top, bottom), (left, right)) in pixels, or as one of the words.

    >>> checked_padding("ZeroPadding2D", "padding", 1)
    ((1, 1), (1, 1))
    >>> checked_padding("ZeroPadding2D", "padding", (1, 2))  # rows, columns
    ((1, 1), (2, 2))
    >>> checked_padding("Conv2D", "padding", "same", words=("valid", "same"))
    'same'
    """
    if isinstance(value, str) and words:
        if value not in words:
            raise unknown_name(f"{name} of {owner}", value, words)
        return value
    axes = value if isinstance(value, (tuple, list)) else (value, value)
    axes = [a if isinstance(a, (tuple, list)) else (a, a) for a in axes]
    pixels = [n for axis in axes for n in axis]
    forms = [f'"{word}"' for word in words] + ["an integer", "(rows, columns)"]
    require(
        len(axes) == 2 and all(len(axis) == 2 for axis in axes) and all(map(_is_count, pixels)),
        f"{owner} expects {name} as {', '.join(forms)} or ((top, bottom), (left, right)), all "
        f"integers >= 0; got {value!r}",
    )
    return tuple(map(tuple, axes))


def _is_count(n):
    return isinstance(n, int) and not isinstance(n, bool) and n >= 0


ANY = 1 << 20  # pixels in place of a size that may differ: enough for every window


def windows_on(layer, image_size, kernel_size, strides, dilation_rate=(1, 1), padding=None):
    """The `Windows` of a layer with a `padding` on images of this size (H, W).

    "valid" pads nothing. "same" pads zeros so that ceil(H / s) windows fit, with an odd row or
    column after the image, as in Keras.
    """
    padding = layer.padding if padding is None else padding
    win = _windows(tuple(image_size), kernel_size, strides, dilation_rate, padding)
    if min(win.output_size) < 1:
        raise ShapeError(
            f"{layer.title}: a window of {win.effective_kernel} pixels does not fit on images of "
            f"{win.image_size} with padding {layer.padding!r}: use a smaller window, larger images "
            'or padding="same"'
        )
    return win


def windows_and_output_size(image_size, make_windows):
    """The pair (windows, output size) of a layer; windows is None if a size of (H, W) is None.

    Then the windows are made for each x. The sizes of the output are None where those of the image
    are.

    Parameters
        make_windows   function of an image size that returns the `Windows`

    >>> _, size = windows_and_output_size((9, None), lambda size: Windows(size, (3, 3), (2, 2)))
    >>> size
    (4, None)
    """
    if None not in image_size:
        win = make_windows(image_size)
        return win, win.output_size
    win = make_windows(tuple(ANY if n is None else n for n in image_size))
    sizes = zip(image_size, win.output_size, strict=True)
    return None, tuple(None if n is None else m for n, m in sizes)


@functools.lru_cache(maxsize=256)
def _windows(image_size, kernel_size, strides, dilation_rate, padding):
    """The `Windows` for a padding as an option of a layer; equal ones are made once."""
    if padding == "same":
        kernel = Windows(image_size, kernel_size, strides, dilation_rate).effective_kernel
        padding = tuple(map(_same, image_size, kernel, strides))
    elif padding == "valid":
        padding = ((0, 0), (0, 0))
    return Windows(image_size, kernel_size, strides, dilation_rate, padding)


def _same(n, kernel, stride):
    """Pixels to add (before, after) an axis of n pixels for padding="same"."""
    count = -(-n // stride)  # ceil(n / stride) windows
    total = max((count - 1) * stride + kernel - n, 0)
    return total // 2, total - total // 2


def image_shape(layer, input_shape):
    """The pair (H, W), C of an input shape; ShapeError if it has another number of axes."""
    h, w, c = layer.expect_rank(input_shape, 3)
    return (h, w), c
