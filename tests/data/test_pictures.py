"""Image files of every mode as RGB."""

import struct
import zlib

import numpy as np
import pytest
from data_sandbox import refusal
from PIL import Image

from scratchnet.data.pictures import read_rgb

RAMP = np.tile(np.linspace(0, 255, 32).astype(np.uint8), (16, 1))
RAMP16 = RAMP.astype(np.uint16) * 257  # the same ramp with 16 bits
GRAY = np.dstack([RAMP] * 3)


def read(folder, image, kind="png", **options):
    """The pixels (H, W, 3) that read_rgb makes of an image saved as this kind."""
    path = folder / f"a.{kind}"
    image.save(path, **options)
    return np.asarray(read_rgb(path))


def with_alpha(alpha, colour=(255, 0, 0)):
    """A ramp whose upper half has this colour and alpha."""
    rgba = np.dstack([GRAY, np.full_like(RAMP, 255)])
    rgba[:8] = (*colour, alpha)
    return Image.fromarray(rgba)


def palette():
    image = Image.new("P", (32, 16), 1)
    image.putpalette([255, 0, 0, 0, 0, 255] + [0] * 762)  # 0 red, 1 blue
    image.paste(0, (0, 0, 32, 8))
    return image


def key_colour():
    image = Image.fromarray(GRAY)
    image.paste((255, 0, 0), (0, 0, 32, 8))
    return image


TRANSPARENT = {
    "RGBA": (lambda: with_alpha(0), "png", {}),
    "gray and alpha": (lambda: with_alpha(0).convert("LA"), "png", {}),
    "palette, PNG": (palette, "png", {"transparency": 0}),
    "palette, GIF": (palette, "gif", {"transparency": 0}),
    "a colour as key": (key_colour, "png", {"transparency": (255, 0, 0)}),
    "a gray as key": (lambda: key_colour().convert("L"), "png", {"transparency": 76}),
    "WebP": (lambda: with_alpha(0), "webp", {"lossless": True}),
}


@pytest.mark.parametrize(("make", "kind", "options"), TRANSPARENT.values(), ids=TRANSPARENT)
def test_transparent_parts_are_white_whatever_their_hidden_colour(tmp_path, make, kind, options):
    assert (read(tmp_path, make(), kind, **options)[:8] == 255).all()


def test_half_transparent_black_is_gray_and_opaque_pixels_stay(tmp_path):
    pixels = read(tmp_path, with_alpha(128, (0, 0, 0)))
    assert abs(pixels[:8].astype(int) - 127).max() <= 1
    np.testing.assert_array_equal(pixels[8:], GRAY[8:])


def deep(mode="I;16", values=RAMP16):
    content = values.astype(">u2" if mode.endswith("B") else "<u2").tobytes()
    return Image.frombytes(mode, values.shape[::-1], content)


@pytest.mark.parametrize("mode, kind", [("I;16", "png"), ("I;16", "tif"), ("I;16B", "tif")])
def test_sixteen_bits_show_the_same_image_as_eight(tmp_path, mode, kind):
    np.testing.assert_array_equal(read(tmp_path, deep(mode), kind), GRAY)


def test_the_transparent_gray_of_sixteen_bits_is_white(tmp_path):
    path = tmp_path / "a.png"
    deep().save(path)
    content = path.read_bytes()
    chunk = b"tRNS" + struct.pack(">H", int(RAMP[0, 9]) * 257)
    chunk = struct.pack(">I", 2) + chunk + struct.pack(">I", zlib.crc32(chunk))
    at = content.index(b"IDAT") - 4
    path.write_bytes(content[:at] + chunk + content[at:])
    pixels = np.asarray(read_rgb(path))
    assert (pixels[:, 9] == 255).all() and (pixels[:, 8] == GRAY[:, 8]).all()


@pytest.mark.parametrize("bits", [8, 16])
def test_an_image_on_its_side_is_turned_upright(tmp_path, bits):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    turned = np.rot90(RAMP).copy()
    image = Image.fromarray(turned) if bits == 8 else deep(values=turned.astype(np.uint16) * 257)
    np.testing.assert_array_equal(read(tmp_path, image, exif=exif), GRAY)


@pytest.mark.parametrize("dtype, kind", [(np.float32, "floats"), (np.int32, "32-bit integers")])
def test_numbers_without_a_known_white_are_refused(tmp_path, dtype, kind):
    Image.fromarray(RAMP.astype(dtype)).save(tmp_path / "a.tif")
    message = refusal(read_rgb, tmp_path / "a.tif")
    assert str(tmp_path / "a.tif") in message and kind in message and "8 or 16 bits" in message


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1", "CMYK", "YCbCr", "LAB"])
def test_the_other_modes_are_converted_by_pillow(tmp_path, mode):
    source = Image.fromarray(RAMP) if mode == "P" else Image.fromarray(GRAY)
    if mode == "LAB":
        image = Image.merge("LAB", [Image.new("L", (32, 16), v) for v in (255, 128, 128)])
        expected = np.full_like(GRAY, 255)
    else:
        image = source.convert(mode)
        expected = np.asarray(image.convert("RGB"))
    kind = "png" if mode in ("L", "RGB", "P", "1") else "tif"
    found = read(tmp_path, image, kind).astype(int)
    assert abs(found - expected).max() <= 2


def png(width, height, data=b""):
    """A PNG file with these sizes in its header."""
    content = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    for name, body in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b"")):
        content += struct.pack(">I", len(body)) + name + body
        content += struct.pack(">I", zlib.crc32(name + body))
    return content


DAMAGED = {
    "empty": (b"", "cannot be read as an image"),
    "text": (b"<html>", "cannot be read as an image"),
    "cut off": (png(32, 16)[:50], "cannot be read as an image"),
    "13000 x 13000 pixels": (png(13000, 13000), "13000 x 13000 pixels are promised"),
    "4 gigapixels": (png(65535, 65535), "pixels"),
}


@pytest.mark.parametrize(("content", "says"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_image_is_refused(tmp_path, content, says):
    (tmp_path / "a.png").write_bytes(content)
    message = refusal(read_rgb, tmp_path / "a.png")
    assert str(tmp_path / "a.png") in message and says in message


def test_a_chunk_that_promises_too_many_bytes_takes_no_memory(tmp_path, peak_memory):
    content = png(32, 16, zlib.compress(bytes(33 * 16)))
    at = content.index(b"IDAT") - 4
    path = tmp_path / "a.png"
    path.write_bytes(content[:at] + struct.pack(">I", 200_000_000) + content[at + 4 :])
    assert peak_memory(lambda: read_rgb(path)) < 5e6


def test_a_missing_image_is_refused():
    assert "missing.png" in refusal(read_rgb, "missing.png")
