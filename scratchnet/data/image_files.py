"""Images of 28 x 28 pixels with labels from one file: a table of text, or Keras' mnist.npz."""

import os
from dataclasses import dataclass

import numpy as np

from scratchnet.archives import Archive, ArchiveError
from scratchnet.data.idx import DataError
from scratchnet.data.tables import columns, number, read_table
from scratchnet.paths import expanded

DIGITS = tuple("0123456789")
SIDE = 28  # pixels
ARRAYS = ("x_train", "y_train", "x_test", "y_test")  # in an archive


@dataclass(frozen=True, eq=False, repr=False)
class Images:
    """A data set of images with labels, split into a training and a test part.

    Attributes
        name             name of the data set
        x_train, x_test  (N, H, W, 1) float32 in [0, 1], channels last
        y_train, y_test  (N,) int64, each an index into class_names
        class_names      a name for each class

    >>> from scratchnet.data import load_images
    >>> load_images("digits")
    Images('digits': 1437 to train, 360 to test, each 8x8x1, 10 classes)
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...]

    def __repr__(self):
        n_train, *shape = self.x_train.shape
        return (
            f"Images({self.name!r}: {n_train} to train, {len(self.x_test)} to test, each "
            f"{'x'.join(map(str, shape))}, {len(self.class_names)} classes)"
        )


def read_image_file(path: str | os.PathLike) -> Images:
    """Read images from a table or from an archive, which is known by its first bytes.

    Raises DataError if the file is missing or cannot be parsed.

    >>> read_image_file("missing.csv")
    Traceback (most recent call last):
    scratchnet.data.idx.DataError: missing.csv cannot be read: No such file or directory; check \
its name.
    """
    path = expanded(path)
    try:
        with open(path, "rb") as file:
            begins = file.read(4)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}; check its name.") from error
    if begins[:3] == b"\0\0\x08":
        raise DataError(
            f"{path} is an IDX file: read_idx reads it; load_images('mnist') reads the four files "
            "of MNIST from the folder that SCRATCHNET_DATA names."
        )
    return read_image_archive(path) if begins == b"PK\x03\x04" else read_image_table(path)


def read_image_table(path: str | os.PathLike) -> Images:
    """Read images from a table of text, such as train.csv of Kaggle's digit recognizer.

    Parameters
        path  a table, see `read_table`, with one image in a line: the label, and 784 pixels from 0
              to 255, row by row. In a header, the column of the labels is named label; without a
              header, the labels are the first column.

    Returns an `Images` whose parts are drawn at random, 80 to 20, in the same way on every call.
    Labels are whole numbers from 0 to 255, and classes have their numbers as names. Raises
    DataError, which names the line, if the file cannot be parsed.
    """
    path = expanded(path)
    rows = read_table(path)
    line, first = next(rows)
    pixels, labels = bytearray(), bytearray()
    is_header = any(cell.strip("\"'").lower() == "label" for cell in first)
    at = columns(path, first, {"label": ["label"]})[0] if is_header else 0
    if len(first) != 1 + SIDE * SIDE:
        raise DataError(
            f"{path}, line {line}: expected a label and {SIDE * SIDE} pixels ({SIDE} x {SIDE}), "
            f"but got {len(first)} values."
        )
    if not is_header:
        labels.append(_bytes(path, line, first[:1])[0])
        pixels += _bytes(path, line, first[1:])
    for line, cells in rows:
        labels += _bytes(path, line, [cells.pop(at)])
        pixels += _bytes(path, line, cells)
    if len(labels) < 2:
        raise DataError(f"{path}: expected at least two images, but got {len(labels)}.")
    x = np.frombuffer(pixels, np.uint8).reshape(-1, SIDE, SIDE)
    y = np.frombuffer(labels, np.uint8)
    order = np.random.default_rng(0).permutation(len(y))
    n_test = max(len(y) // 5, 1)
    test, train = order[:n_test], order[n_test:]
    return _images(path, x[train], y[train], x[test], y[test])


def _bytes(path, line, cells):
    """The cells of a line as bytes, after checking that each is a whole number from 0 to 255."""
    try:
        return bytes(map(int, cells))
    except ValueError:  # a cell such as 12.0, or one that is wrong
        values = [number(path, line, cell, "a number from 0 to 255") for cell in cells]
    for cell, value in zip(cells, values, strict=True):
        if not (0 <= value <= 255 and value == int(value)):
            raise DataError(
                f"{path}, line {line}: expected whole numbers from 0 to 255, a label and pixels, "
                f"but got {cell[:40]!r}."
            )
    return bytes(map(int, values))


def read_image_archive(path: str | os.PathLike) -> Images:
    """Read images from a .npz file with the arrays of Keras' mnist.npz.

    Parameters
        path  a file with x_train (N, 28, 28) and x_test (M, 28, 28), uint8 from 0 to 255, and
              y_train (N,) and y_test (M,), integers from 0 to 255

    Raises DataError if an array is missing or another one, or the file is damaged.

    >>> import pathlib, tempfile
    >>> x, y = np.zeros((3, 28, 28), np.uint8), np.arange(3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "three.npz")
    ...     np.savez(path, x_train=x, y_train=y, x_test=x, y_test=y)
    ...     read_image_archive(path)
    Images('three': 3 to train, 3 to test, each 28x28x1, 10 classes)
    """
    path = expanded(path)
    try:
        with Archive(path) as archive:
            for name in ARRAYS:
                _check(path, name, *archive.header(name))
            x_train, y_train, x_test, y_test = map(archive.read, ARRAYS)
    except (OSError, ArchiveError) as error:
        raise DataError(
            f"{path}: expected the arrays {', '.join(ARRAYS)} in a .npz file ({error}); replace "
            "this file."
        ) from error
    for x, y, name in ((x_train, y_train, "y_train"), (x_test, y_test, "y_test")):
        if len(x) != len(y):
            raise DataError(f"{path}: expected {len(x)} labels in {name}, but got {len(y)}.")
        if not 0 <= y.min() <= y.max() <= 255:
            raise DataError(
                f"{path}: expected labels from 0 to 255 in {name}, but got {y.min()} to {y.max()}."
            )
    return _images(path, x_train, y_train, x_test, y_test)


def _check(path, name, shape, dtype):
    """Raise DataError for an array that is none of images or labels, as its header says."""
    if name.startswith("x"):
        good = shape[1:] == (SIDE, SIDE) and dtype == np.uint8
        expected = f"(N, {SIDE}, {SIDE}) of uint8"
    else:
        good = len(shape) == 1 and dtype.kind in "iu"
        expected = "(N,) of integers"
    if not good or shape[0] == 0:
        raise DataError(f"{path}: expected {name} {expected}, N > 0, but got {shape} of {dtype}.")


def _images(path, x_train, y_train, x_test, y_test):
    """An `Images` named after the file, from images (N, 28, 28) uint8 and labels (N,)."""
    n_classes = max(10, 1 + int(y_train.max()), 1 + int(y_test.max()))
    parts = (
        (x[..., None] / np.float32(255), y.astype(np.int64))
        for x, y in ((x_train, y_train), (x_test, y_test))
    )
    (x_train, y_train), (x_test, y_test) = parts
    return Images(path.stem, x_train, y_train, x_test, y_test, tuple(map(str, range(n_classes))))
