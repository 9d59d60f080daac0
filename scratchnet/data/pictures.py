"""Reader of image files, which converts every mode of Pillow to RGB."""

import io
import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from scratchnet.data.idx import DataError
from scratchnet.paths import expanded

PIXELS, PIXELS_PER_BYTE = 1 << 20, 1000  # accepted in any file, and for each of its bytes
DAMAGED = (  # errors of Pillow for damaged files
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    struct.error,
    zlib.error,
)


def read_rgb(path: str | os.PathLike) -> Any:
    """Read an image file as a Pillow image of mode RGB, upright, with 8 bits per channel.

    - The orientation in the EXIF data is applied.
    - Transparent images are laid on white: value = alpha value + (1 - alpha) white.
    - Gray images of 16 bits are divided by 257, so that 65535 becomes 255.
    - Bilevel, gray, palette, CMYK, YCbCr and LAB images are converted by Pillow.

    Raises DataError, which names the file, for a file that is missing, damaged or no image; for an
    image of floats or 32-bit integers, whose white is not known; and for an image with far more
    pixels than its bytes can hold.

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("RGBA", (1, 1), (255, 0, 0, 0)).save(f"{folder}/a.png")  # transparent red
    ...     read_rgb(f"{folder}/a.png").getpixel((0, 0))
    (255, 255, 255)
    """
    from PIL import Image

    path = expanded(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # of 90 megapixels
            content = path.read_bytes()  # a damaged length inside of it is no reason to read more
            with Image.open(io.BytesIO(content)) as image:
                _expect_honest_size(path, image, len(content))
                return _as_rgb(path, image)
    except DataError:
        raise
    except (*DAMAGED, Image.DecompressionBombError) as error:
        raise DataError(
            f"{path} cannot be read as an image ({error}); remove or replace it."
        ) from error


def _expect_honest_size(path, image, size):
    """Raise DataError if a file of `size` bytes promises far more pixels than it can hold."""
    width, height = image.size
    if width * height > PIXELS + PIXELS_PER_BYTE * size:
        raise DataError(
            f"{path}: {width} x {height} pixels are promised in {size} bytes; the file is damaged, "
            "or one colour fills the image: remove or replace it."
        )


def _as_rgb(path: Path, image: Any) -> Any:
    """The image as RGB, of any mode; see `read_rgb`."""
    from PIL import Image, ImageOps

    key = image.info.get("transparency")
    is_deep = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG")
    if image.mode in ("I", "F") and not is_deep:
        kind = {"I": "32-bit integers", "F": "floats"}[image.mode]
        raise DataError(
            f"{path}: the pixels are {kind}, whose white is not known; save the image with 8 or 16 "
            "bits per channel."
        )
    if is_deep:
        values = np.array(image, np.uint16)
        if isinstance(key, int):
            values[values == key] = 65535  # the transparent gray
        flat = Image.fromarray(np.round(values / np.float32(257)).astype(np.uint8))
        flat.info["exif"] = image.getexif().tobytes()
        image = flat
    upright = ImageOps.exif_transpose(image)
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    white = Image.new("RGBA", upright.size, "white")
    return Image.alpha_composite(white, upright.convert("RGBA")).convert("RGB")
