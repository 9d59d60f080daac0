"""The calls on images whose golden values make_torch.py and make_keras.py record, with shapes.

Images are channels last here: movedim takes them to PyTorch's channels first, and back. Kernels are
stored as ours, (KH, KW, in, out), a transposed convolution's as (KH, KW, out, in).
"""

ODD, SMALL = (2, 5, 7, 4), (3, 4, 3, 2)
UNPOOLED = "F.max_unpool2d(*F.max_pool2d({}, 2, return_indices=True), 2, output_size=(5, 7))"


def conv(x, kernel, options):
    """(call, shapes) of a PyTorch convolution with a bias."""
    call = f"F.conv2d(x.movedim(3, 1), W.permute(3, 2, 0, 1), b, {options}).movedim(1, 3)"
    return call, {"x": x, "W": kernel, "b": kernel[-1:]}


def conv_transpose(x, kernel, options):
    """(call, shapes) of a PyTorch transposed convolution with a bias."""
    call = f"F.conv_transpose2d(x.movedim(3, 1), W.permute(3, 2, 0, 1), b, {options}).movedim(1, 3)"
    return call, {"x": x, "W": kernel, "b": kernel[2:3]}


def plain(call, x):
    """(call, shapes) of a PyTorch function of an image alone; {} stands for it."""
    return f"{call.format('x.movedim(3, 1)')}.movedim(1, 3)", {"x": x}


TORCH = dict(
    [
        conv(ODD, (3, 2, 4, 6), "stride=1"),
        conv(ODD, (3, 2, 4, 3), "stride=(2, 3), padding=(1, 2)"),
        conv(ODD, (2, 3, 4, 3), "padding=(2, 1), dilation=(2, 1)"),
        conv(ODD, (2, 3, 2, 6), "stride=2, padding=1, groups=2"),
        conv((1, 6, 6, 1), (3, 3, 1, 2), "stride=2, padding=1"),
        conv_transpose(SMALL, (3, 2, 3, 2), "stride=1"),
        conv_transpose(SMALL, (4, 4, 3, 2), "stride=2, padding=1"),
        conv_transpose(SMALL, (3, 3, 1, 2), "stride=(2, 3), padding=1, output_padding=(1, 2)"),
        conv_transpose(SMALL, (1, 2, 3, 2), "stride=3, padding=0"),
        plain("F.max_pool2d({}, 2)", ODD),
        plain("F.max_pool2d({}, (3, 2), stride=(1, 2), padding=1)", ODD),
        plain(
            "F.max_unpool2d(*F.max_pool2d({}, 2, return_indices=True), 2, output_size=(5, 7))", ODD
        ),
        plain("F.avg_pool2d({}, (2, 3), stride=(1, 2))", ODD),
        plain("F.avg_pool2d({}, 3, stride=2, padding=1, count_include_pad=False)", ODD),
        plain("F.interpolate({}, scale_factor=(2, 3))", SMALL),
        plain("F.interpolate({}, scale_factor=(2, 3), mode='bilinear')", SMALL),
        plain("F.pad({}, (1, 2, 0, 3))", SMALL),
        ("x.mean(dim=(1, 2))", {"x": ODD}),
        ("x[:, 1:-2, :-1]", {"x": ODD}),
        ("F.adaptive_max_pool2d(x.movedim(3, 1), 1).flatten(1)", {"x": ODD}),
    ]
)

KERAS = {
    "keras.layers.Conv2D(3, (3, 2))": ODD,
    "keras.layers.Conv2D(3, (3, 2), strides=(2, 3), padding='same')": ODD,
    "keras.layers.Conv2D(3, 4, strides=2, padding='same')": ODD,
    "keras.layers.Conv2D(4, 2, padding='same', dilation_rate=(1, 2), groups=2)": ODD,
    "keras.layers.Conv2DTranspose(3, (3, 2))": SMALL,
    "keras.layers.Conv2DTranspose(3, 3, padding='same')": SMALL,
    "keras.layers.Conv2DTranspose(3, 4, strides=2, padding='same')": SMALL,
    "keras.layers.Conv2DTranspose(1, (2, 1), strides=(3, 2), use_bias=False)": SMALL,
    "keras.layers.MaxPooling2D()": ODD,
    "keras.layers.MaxPooling2D((3, 2), strides=(1, 2), padding='same')": ODD,
    "keras.layers.AveragePooling2D(2, padding='same')": ODD,
    "keras.layers.AveragePooling2D((3, 2), strides=(1, 2))": ODD,
    "keras.layers.GlobalAveragePooling2D()": ODD,
    "keras.layers.UpSampling2D((2, 3))": SMALL,
    "keras.layers.UpSampling2D((2, 3), interpolation='bilinear')": SMALL,
    "keras.layers.ZeroPadding2D(((0, 1), (2, 3)))": SMALL,
    "keras.layers.Cropping2D(((0, 1), (2, 3)))": ODD,
    "keras.layers.GlobalMaxPooling2D()": ODD,
    "keras.layers.Conv2DTranspose(2, 3, strides=2, padding='same', output_padding=1)": SMALL,
    "keras.layers.Conv2DTranspose(2, (3, 4), (2, 3), 'same', output_padding=(0, 2))": SMALL,
    "keras.layers.Conv2DTranspose(2, (2, 5), 3, 'same', output_padding=(2, 0))": SMALL,
}
