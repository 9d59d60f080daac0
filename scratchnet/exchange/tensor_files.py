"""Named arrays in files: .npz, and .safetensors without the library of that name.

A .safetensors file is

    8 bytes      length n of the header, an unsigned integer, least significant byte first
    n bytes      JSON: {name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ...}
                 and perhaps "__metadata__", a dictionary of texts
    the rest     the data of all tensors in C order; the offsets count from here

The tensors cover the data without gaps or overlaps. Source: the section "Format" of the README of
github.com/huggingface/safetensors.
"""

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from scratchnet.archives import Archive
from scratchnet.paths import expanded
from scratchnet.saving import FileError

__all__ = ["read_tensors", "write_tensors"]

HEADER_LIMIT = 100_000_000  # bytes, the limit of the library safetensors
DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",  # the upper half of a float32
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "<i1",
    "U8": "<u1",
    "BOOL": "?",
}
WRITTEN = {np.dtype("float64"): "F64", np.dtype("float32"): "F32"}
SUFFIXES = (".npz", ".safetensors")


def read_tensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read all arrays of a file, {name: array} in the order of the file.

    Raises FileNotFoundError, and FileError for a file that is damaged or of another format.
    Example: see `write_tensors`.
    """
    path = _checked_path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: nothing to load")
    try:
        if path.suffix == ".npz":
            with Archive(path) as archive:
                return {name: archive.read(name) for name in archive.names}
        return _parsed(path.read_bytes())
    except (ValueError, RecursionError) as error:  # ArchiveErrors are ValueErrors
        raise FileError(f"{path} is not a complete {path.suffix} file: {error}") from error


def write_tensors(path: str | os.PathLike, tensors: dict[str, Any]) -> None:
    """Write float arrays to a .npz or .safetensors file, completely or not at all.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_tensors(f"{folder}/a.safetensors", {"0.bias": np.ones(2, "float32")})
    ...     read_tensors(f"{folder}/a.safetensors")
    {'0.bias': array([1., 1.], dtype=float32)}
    """
    path = _checked_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, "wb") as file:
            if path.suffix == ".npz":
                np.savez(file, **tensors)
            else:
                file.writelines(_chunks(tensors))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _checked_path(path: str | os.PathLike) -> Path:
    path = expanded(path)
    if path.suffix not in SUFFIXES:
        raise FileError(f"{path} ends in {path.suffix!r}; expected {' or '.join(SUFFIXES)}")
    return path


def _chunks(tensors):
    """Length, header and data of a .safetensors file, as bytes."""
    header, begin = {}, 0
    for name, a in tensors.items():
        offsets = [begin, begin + a.nbytes]
        header[name] = {"dtype": WRITTEN[a.dtype], "shape": [*a.shape], "data_offsets": offsets}
        begin += a.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the data begins at a multiple of 8 bytes
    yield len(text).to_bytes(8, "little")
    yield text
    for a in tensors.values():
        yield np.ascontiguousarray(a).astype(a.dtype.newbyteorder("<"), copy=False).tobytes()


def _parsed(content):
    """The arrays of a .safetensors file; ValueError for a file that breaks a rule of the format."""
    n = int.from_bytes(content[:8], "little")
    if len(content) < 8 or n > min(HEADER_LIMIT, len(content) - 8):
        raise ValueError(f"the header of {n} bytes is longer than the file")
    header = json.loads(content[8 : 8 + n].decode(), object_pairs_hook=_without_duplicates)
    if not isinstance(header, dict):
        raise ValueError("the header is no dictionary")
    header.pop("__metadata__", None)
    data, tensors, spans = memoryview(content)[8 + n :], {}, []
    for name, entry in header.items():
        dtype, shape, (begin, end) = _checked(name, entry)
        spans.append((begin, end))
        if end > len(data):
            raise ValueError(f"tensor {name!r} ends at byte {end} of {len(data)}")
        a = np.frombuffer(data[begin:end], DTYPES[dtype]).reshape(shape)
        if dtype == "BF16":
            a = (a.astype(np.uint32) << 16).view(np.float32)
        tensors[name] = a
    covered = 0
    for begin, end in sorted(spans):
        if begin != covered:
            raise ValueError(f"a gap or an overlap of tensors at byte {covered} of the data")
        covered = end
    if covered != len(data):
        raise ValueError(f"the tensors have {covered} bytes, but {len(data)} follow the header")
    return tensors


def _checked(name, entry):
    """(dtype, shape, offsets) of an entry of the header; ValueError unless they fit together."""
    try:
        dtype, shape, (begin, end) = (entry[key] for key in ("dtype", "shape", "data_offsets"))
        if dtype not in DTYPES:
            raise ValueError(
                f"tensor {name!r} has the dtype {dtype!r}, which is none of {[*DTYPES]}"
            )
        if not all(type(size) is int and size >= 0 for size in (*shape, begin, end)):
            raise TypeError
    except (KeyError, TypeError):
        raise ValueError(f"the header entry of tensor {name!r} is not valid") from None
    if math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize != end - begin:
        raise ValueError(f"tensor {name!r} is {dtype} {shape}, but has {end - begin} bytes")
    return dtype, shape, (begin, end)


def _without_duplicates(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice in the header")
    return found
