"""Reader of .npz files that never needs more memory than the file has bytes of data.

A .npz file is a zip archive with one .npy file for each array. The header of an array is read and
compared with the size of its entry before the data is read, so that a damaged or malicious header
cannot make the program allocate memory.
"""

import contextlib
import math
import os
import struct
import tokenize
import zipfile
import zlib

import numpy as np

from scratchnet.paths import expanded

CHUNK = 1 << 20  # bytes that are read at a time
NUMBERS = "biufcUS"  # kinds of dtypes without pickled objects and without fields
DAMAGED = (  # errors of zipfile, zlib, struct and NumPy for a file that is damaged
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    OverflowError,
    SyntaxError,
    RecursionError,
    RuntimeError,
    NotImplementedError,
    OSError,
    EOFError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


class ArchiveError(ValueError):
    """Error for a .npz file that is damaged, or of another format."""


class Archive:
    """Arrays of an open .npz file, of which the headers can be read before the data.

    Parameters
        path   of the file; ~ is the home folder

    Raises FileNotFoundError, and ArchiveError for a file that is no zip archive.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/a.npz", x=np.arange(6).reshape(2, 3))
    ...     with Archive(f"{folder}/a.npz") as archive:
    ...         archive.names, archive.header("x")[0], int(archive.read("x").sum())
    (('x',), (2, 3), 15)
    """

    def __init__(self, path: str | os.PathLike):
        self.file = open(expanded(path), "rb")
        try:
            self.zip = zipfile.ZipFile(self.file)
        except DAMAGED as error:
            self.file.close()
            raise ArchiveError(_reason(error)) from error
        files = [name for name in self.zip.namelist() if name.endswith(".npy")]
        self.names = tuple(name.removesuffix(".npy") for name in files)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.zip.close()
        self.file.close()

    def header(self, name: str) -> tuple[tuple[int, ...], np.dtype]:
        """Shape and dtype of an array. Raises ArchiveError if the entry is missing or damaged."""
        with self._entry(name) as entry:
            return self._header(name, entry)[:2]

    def stored(self, name: str) -> bool:
        """True if an array is not compressed, so that it needs no more memory than the file."""
        if name not in self.names:
            return False
        return self.zip.getinfo(f"{name}.npy").compress_type == zipfile.ZIP_STORED

    def read(self, name: str) -> np.ndarray:
        """Read an array. Raises ArchiveError if the entry is missing or damaged."""
        content = bytearray()
        with self._entry(name) as entry:
            shape, dtype, in_fortran_order, size = self._header(name, entry)
            while chunk := entry.read(min(CHUNK, size - len(content))):
                content += chunk
            entry.read()  # the end, where the checksum is compared
            if len(content) < size:
                raise ArchiveError(f"{size} bytes of data expected, {len(content)} found")
            return np.ndarray(shape, dtype, content, order="F" if in_fortran_order else "C")

    @contextlib.contextmanager
    def _entry(self, name):
        """The open entry of an array; errors inside the block become ArchiveErrors."""
        if name not in self.names:
            listed = ", ".join(self.names[:20]) or "nothing"
            raise ArchiveError(f"there is no array {name!r}, but {listed}")
        try:
            with self.zip.open(f"{name}.npy") as entry:
                yield entry
        except DAMAGED as error:
            raise ArchiveError(f"{name}: {_reason(error)}") from error

    def _header(self, name, entry):
        """Read the header of an entry: shape, dtype, order, number of bytes of data."""
        info = self.zip.getinfo(f"{name}.npy")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ArchiveError("the compression is none that NumPy writes")
        version = np.lib.format.read_magic(entry)
        if version not in ((1, 0), (2, 0)):
            raise ArchiveError(f"the version {version} of the .npy format is not known")
        read_header = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
        shape, in_fortran_order, dtype = read_header(entry)
        if dtype.kind not in NUMBERS or dtype.itemsize == 0 or min(shape, default=0) < 0:
            raise ArchiveError(f"{dtype} {shape} is no array of numbers")
        size, present = math.prod(shape) * dtype.itemsize, info.file_size - entry.tell()
        if size != present:
            raise ArchiveError(f"the header promises {size} bytes, but {present} follow")
        return shape, dtype, in_fortran_order, size


def _reason(error):
    return str(error) or type(error).__name__
