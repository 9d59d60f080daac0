"""What a user says about windows (3, "same", stride 2), turned into `Windows` on an image."""

from scratchnet.layers.conv.im2col import Windows
from scratchnet.layers.shapes import ShapeError
from scratchnet.validation import check_positive_int, require, unknown_name


def pair(owner, name, value):
    """3 -> (3, 3); (3, 2) stays: an option that has a value for rows and one for columns."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    require(len(values) == 2, f"{owner} expects {name} as one number or two; got {value!r}")
    return tuple(check_positive_int(owner, name, v) for v in values)


def checked_padding(owner, padding, names=("valid", "same")):
    """A name, or explicit padding as ((top, bottom), (left, right)); 1 and (1, 2) are short for it.

    "valid" pads nothing. "same" pads until stride 1 keeps the size, an odd pixel after the image.
    """
    if isinstance(padding, str):
        if padding not in names:
            raise unknown_name(f"padding of {owner}", padding, names)
        return padding
    axes = padding if isinstance(padding, (tuple, list)) else (padding, padding)
    axes = [a if isinstance(a, (tuple, list)) else (a, a) for a in axes]
    fine = len(axes) == 2 and all(
        len(a) == 2 and all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in a)
        for a in axes
    )
    forms = ", ".join([*(f'"{name}"' for name in names), "1", "(1, 2)", "((0, 1), (2, 0))"])
    require(fine, f"{owner} expects padding as one of {forms}, no number below 0; got {padding!r}")
    return tuple(map(tuple, axes))


def windows_on(layer, size, kernel, strides, dilation=(1, 1)):
    """The `Windows` of a layer on an image of this size (H, W); its padding is layer.padding."""
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if layer.padding == "same":
        padding = tuple(_same(*axis) for axis in zip(size, reach, strides, strict=True))
    else:
        padding = ((0, 0), (0, 0)) if layer.padding == "valid" else layer.padding
    g = Windows(tuple(size), kernel, strides, dilation, padding)
    if min(g.output) < 1:
        raise ShapeError(
            f"{layer.title}: windows of {g.effective_kernel} pixels do not fit on images of {g.size} with "
            f'padding {layer.padding!r}: smaller windows, larger images or padding="same"'
        )
    return g


def _same(n, reach, stride):
    """(before, after), so that ceil(n / stride) windows fit; Keras puts the odd pixel after."""
    total = max((-(-n // stride) - 1) * stride + reach - n, 0)
    return total // 2, total - total // 2


def image_shape(layer, input_shape):
    """(H, W), C of an input shape, after checking that it has three axes."""
    h, w, c = layer.expect_rank(input_shape, 3)
    return (h, w), c
