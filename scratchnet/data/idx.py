"""Reader of IDX, the file format of MNIST and similar data sets: a short header, then the array.

    bytes 0, 1       00 00
    byte 2           element type; 08 is unsigned byte
    byte 3           number of dimensions n
    n x 4 bytes      the dimensions, big-endian 32-bit integers
    the rest         the elements, last dimension fastest (C order)

Example: 60000 images of 28 x 28 begin with 00000803 0000ea60 0000001c 0000001c (hexadecimal).
"""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np

UNSIGNED_BYTE = 0x08
OTHER_TYPES = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}


class DataError(ValueError):
    """A data set or data file that cannot be used; the message names the repair."""


def read_idx(path: str | os.PathLike) -> np.ndarray:
    """Read one IDX file of unsigned bytes, gzip-compressed or plain.

    Parameters
        path  a file whose name ends in .gz must contain gzip data, another file may

    Returns a uint8 array of the shape in the file's header: images (N, H, W), labels (N,). Raises
    DataError if the content is not a complete IDX file of unsigned bytes, and OSError if the file
    cannot be opened.

    Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section
    "The IDX file format".

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "labels")
    ...     _ = path.write_bytes(bytes.fromhex("0000 0801 0000 0003 07 02 01"))  # three labels
    ...     read_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    path = Path(path)
    content = _uncompressed(path)
    shape, start = _header(path, content)
    expected, got = math.prod(shape), len(content) - start
    if got < expected:
        raise DataError(
            f"{path}: the header promises {expected} bytes of data, shape {shape}, but "
            f"only {got} follow: the file was cut short; replace it by a complete copy."
        )
    if got > expected:
        raise DataError(
            f"{path}: the header promises {expected} bytes of data, shape {shape}, but "
            f"{got} follow: the count is wrong; replace the file by a correct copy."
        )
    elements = np.frombuffer(content, np.uint8, offset=start)
    return elements.reshape(shape).copy()  # frombuffer alone is read-only


def _uncompressed(path):
    """The content of the file, decompressed if it is gzip data."""
    content = path.read_bytes()
    if not content.startswith(b"\x1f\x8b"):
        if path.suffix == ".gz":
            raise DataError(
                f"{path}: expected gzip data (1f 8b) by its name, but it begins with "
                f"{_hex(content[:4])}; download it again, or drop .gz from its name."
            )
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path}: expected a complete gzip file, but it is cut short or damaged "
            f"({error}); replace it by a complete copy."
        ) from error


def _header(path, content):
    """The shape, and the offset of the first element."""
    magic = content[:4]
    kind = magic[2] if len(magic) == 4 and magic[:2] == b"\0\0" else None
    if kind in OTHER_TYPES:
        raise DataError(
            f"{path}: expected an IDX file of unsigned bytes (element type 08), but its "
            f"elements are {OTHER_TYPES[kind]} ({kind:02x}); convert them to uint8."
        )
    if kind != UNSIGNED_BYTE or magic[3] == 0:
        raise DataError(
            f"{path}: expected an IDX file, which begins with 00 00 08 and the number "
            f"of dimensions, but it begins with {_hex(magic)}; is it another format, "
            f"or a web page saved under this name? Download it again."
        )
    ndim = magic[3]
    start = 4 + 4 * ndim
    if len(content) < start:
        raise DataError(
            f"{path}: expected a header of {start} bytes for {ndim} dimensions, but the "
            f"file has only {len(content)}: it was cut short; replace it by a complete copy."
        )
    return struct.unpack_from(f">{ndim}I", content, 4), start


def _hex(some_bytes):
    return some_bytes.hex(" ") or "nothing (it is empty)"
