"""Our layers beside the calls of image_calls.py, in the same order."""

from reference.image_calls import KERAS, TORCH

from scratchnet.layers import (
    AveragePooling2D,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
    UnpoolingBlock,
    UpSampling2D,
    ZeroPadding2D,
)

OURS_FOR_TORCH = (
    Conv2D(6, (3, 2)),
    Conv2D(3, (3, 2), strides=(2, 3), padding=(1, 2)),
    Conv2D(3, (2, 3), padding=(2, 1), dilation_rate=(2, 1)),
    Conv2D(6, (2, 3), strides=2, padding=1, groups=2),
    Conv2D(2, 3, strides=2, padding=1),
    Conv2DTranspose(3, (3, 2)),
    Conv2DTranspose(3, 4, strides=2, padding=1),
    Conv2DTranspose(1, 3, strides=(2, 3), padding=1, output_padding=(1, 2)),
    Conv2DTranspose(3, (1, 2), strides=3, padding=0),
    MaxPooling2D(2),
    MaxPooling2D((3, 2), strides=(1, 2), padding=1),
    UnpoolingBlock(),
    AveragePooling2D((2, 3), strides=(1, 2)),
    AveragePooling2D(3, strides=2, padding=1),
    UpSampling2D((2, 3)),
    UpSampling2D((2, 3), interpolation="bilinear"),
    ZeroPadding2D(((0, 3), (1, 2))),
    GlobalAveragePooling2D(),
    Cropping2D(((1, 2), (0, 1))),
    GlobalMaxPooling2D(),
)
OURS_FOR_KERAS = (
    Conv2D(3, (3, 2)),
    Conv2D(3, (3, 2), strides=(2, 3), padding="same"),
    Conv2D(3, 4, strides=2, padding="same"),
    Conv2D(4, 2, padding="same", dilation_rate=(1, 2), groups=2),
    Conv2DTranspose(3, (3, 2)),
    Conv2DTranspose(3, 3, padding="same"),
    Conv2DTranspose(3, 4, strides=2, padding="same"),
    Conv2DTranspose(1, (2, 1), strides=(3, 2), use_bias=False),
    MaxPooling2D(),
    MaxPooling2D((3, 2), strides=(1, 2), padding="same"),
    AveragePooling2D(2, padding="same"),
    AveragePooling2D((3, 2), strides=(1, 2)),
    GlobalAveragePooling2D(),
    UpSampling2D((2, 3)),
    UpSampling2D((2, 3), interpolation="bilinear"),
    ZeroPadding2D(((0, 1), (2, 3))),
    Cropping2D(((0, 1), (2, 3))),
    GlobalMaxPooling2D(),
    Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=1),
    Conv2DTranspose(2, (3, 4), strides=(2, 3), padding="same", output_padding=(0, 2)),
    Conv2DTranspose(2, (2, 5), strides=3, padding="same", output_padding=(2, 0)),
)

LAYERS = dict(zip(TORCH, OURS_FOR_TORCH, strict=True)) | {
    f"{call}(x)": ours for call, ours in zip(KERAS, OURS_FOR_KERAS, strict=True)
}
