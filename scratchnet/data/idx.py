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

import numpy as np

from scratchnet.paths import expanded

GZIP = b"\x1f\x8b"  # how gzip data begins
CHUNK = 1 << 20  # bytes that are read at a time
UNSIGNED_BYTE = 0x08
OTHER_TYPES = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}


class DataError(ValueError):
    """A data set or data file that cannot be used; the message names the repair."""


def read_idx(path: str | os.PathLike) -> np.ndarray:
    """Read one IDX file of unsigned bytes, gzip-compressed or plain.

    Parameters
        path  of the file; its first bytes, not its name, decide whether it is unpacked; ~ is the
              home folder

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
    path = expanded(path)
    try:
        with open(path, "rb") as file:
            if file.peek(2)[:2] == GZIP:
                with gzip.open(file) as unpacked:
                    return _read(path, unpacked)
            return _read(path, file)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path}: expected a complete gzip file, but it is cut short or damaged "
            f"({error}); replace it by a complete copy."
        ) from error


def _read(path, file):
    """The array of an open file; no more is read than the header promises, and one byte."""
    shape = _header(path, file)
    expected, content = math.prod(shape), bytearray()
    while chunk := file.read(min(CHUNK, expected + 1 - len(content))):
        content += chunk
    if len(content) < expected:
        raise DataError(
            f"{path}: the header promises {expected} bytes of data, shape {shape}, but "
            f"only {len(content)} follow: the file was cut short; replace it by a complete copy."
        )
    if len(content) > expected:
        raise DataError(
            f"{path}: the header promises {expected} bytes of data, shape {shape}, but "
            "more follow: the count is wrong; replace the file by a correct copy."
        )
    try:
        return np.ndarray(shape, np.uint8, content)
    except ValueError as error:  # such as 65 dimensions
        raise DataError(
            f"{path}: NumPy has no array of shape {shape} ({error}); replace the file by a correct "
            "copy."
        ) from error


def _header(path, file):
    """Read the header: the shape."""
    magic = file.read(4)
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
    sizes = file.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise DataError(
            f"{path}: expected a header of {4 + 4 * ndim} bytes for {ndim} dimensions, but the "
            f"file has only {4 + len(sizes)}: it was cut short; replace it by a complete copy."
        )
    return struct.unpack(f">{ndim}I", sizes)


def _hex(some_bytes):
    return some_bytes.hex(" ") or "nothing (it is empty)"
