"""The IDX file format of MNIST and its relatives: a few header bytes, then the array.

    byte 0, 1        00 00
    byte 2           element type; 08 is unsigned byte
    byte 3           number of dimensions n
    n x 4 bytes      the dimensions, big-endian 32-bit integers
    the rest         the elements, last dimension fastest (C order)

So 60000 images of 28 x 28 begin with 00000803 0000ea60 0000001c 0000001c (hexadecimal).
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

UNSIGNED_BYTE = 0x08
OTHER_TYPES = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}


class DataError(ValueError):
    """A data set or data file that cannot be used; the message says what to do about it."""


def read_idx(path):
    """Read one IDX file of unsigned bytes, gzip-compressed or plain.

    path     file name; a name ending in .gz must hold gzip, any other name may
    returns  uint8 array of the shape written in the file's header: images (N, H, W), labels (N,)
    raises   DataError for content that is not a whole IDX file of unsigned bytes;
             OSError where the file cannot be opened

    Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits",
    section "The IDX file format".
    """
    path = Path(path)
    content = _uncompressed(path)
    shape, start = _header(path, content)
    expected, got = math.prod(shape), len(content) - start
    if got < expected:
        raise DataError(
            f"{path}: the header promises {expected} bytes of data, shape {shape}, but "
            f"only {got} follow: the file was cut short; replace it by a whole copy."
        )
    if got > expected:
        raise DataError(
            f"{path}: the header promises {expected} bytes of data, shape {shape}, but "
            f"{got} follow: the count is wrong; replace the file by a sound copy."
        )
    elements = np.frombuffer(content, np.uint8, offset=start)
    return elements.reshape(shape).copy()  # frombuffer alone is read-only


def _uncompressed(path):
    """The file's bytes, out of their gzip wrapping if they have one."""
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
            f"{path}: expected a whole gzip file, but it is cut short or damaged "
            f"({error}); replace it by a whole copy."
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
            f"file has only {len(content)}: it was cut short; replace it by a whole copy."
        )
    return struct.unpack_from(f">{ndim}I", content, 4), start


def _hex(some_bytes):
    return some_bytes.hex(" ") or "nothing (it is empty)"
