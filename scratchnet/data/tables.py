"""Reader of tables in text files, for ratings, series and images."""

import csv
import itertools
import math
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scratchnet.data.idx import DataError
from scratchnet.paths import expanded

SEPARATORS = ("::", "\t", ";", "|", ",")  # the first of these in the first line separates
LONGEST = 1 << 20  # characters of a line
Rows = Iterator[tuple[int, list[str]]]


def named_file(name: Any) -> Path | None:
    """Return the path that a name means, or None for a name without a dot or separator.

    A path is a `PathLike`, a text with a "." or a separator of folders, or the name of a file that
    exists.

    >>> named_file("u.data"), named_file("movielens")
    (PosixPath('u.data'), None)
    """
    if not isinstance(name, (str, os.PathLike)) or not os.fspath(name):
        return None
    path, text = expanded(name), os.fspath(name)
    is_path = isinstance(name, os.PathLike) or "." in text or "/" in text or os.sep in text
    return path if is_path or path.is_file() else None


def read_table(path: str | os.PathLike) -> Rows:
    """Read a table of text: (number of the line, cells) for each line that is not empty.

    The cells of a line are separated as in the first line: by "::", a tab, ";", "|" or ",". Cells
    may be in quotes, except between "::". The text is UTF-8, with or without a byte order mark, and
    its lines end as those of Unix, Windows or old Macs. The lines are read one by one.

    Raises DataError, which names file and line, for a file that is missing or empty, another
    encoding, a line longer than a million characters, and a line with more or fewer cells than the
    first.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "table")
    ...     _ = path.write_text("user;rating\\nann;5\\n")
    ...     list(read_table(path))
    [(1, ['user', 'rating']), (2, ['ann', '5'])]
    """
    path, n_cells = expanded(path), None
    try:
        for line, cells in _cells(path):
            n_cells = n_cells or len(cells)
            if len(cells) != n_cells:
                raise DataError(
                    f"{path}, line {line}: expected {n_cells} values as in the first line, but got "
                    f"{len(cells)}; a text with a separator in it belongs in quotes."
                )
            yield line, cells
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}; check its name.") from error
    if n_cells is None:
        raise DataError(f"{path}: expected a table, but there is nothing in this file.")


def _cells(path):
    """(number of the line, stripped cells) of each line that is not empty."""
    lines = ((line, text) for line, text in _lines(path) if text.strip())
    first = next(lines, None)
    if first is None:
        return
    separator = _separator(first[1])
    lines = itertools.chain([first], lines)
    if separator == "::":
        for line, text in lines:
            yield line, [cell.strip() for cell in text.split("::")]
        return
    line = 0

    def texts():
        nonlocal line
        for number, text in lines:
            line = number
            yield text

    try:
        for cells in csv.reader(texts(), delimiter=separator):
            yield line, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise DataError(
            f"{path}, line {line}: this line is no part of a table ({error}); a quote may be open."
        ) from error


def separator_of(path: str | os.PathLike) -> str:
    """Return the separator of the cells in a table: that of its first line.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "ratings.dat")
    ...     _ = path.write_text("1::2::3\\n")
    ...     separator_of(path)
    '::'
    """
    return next(_separator(text) for _, text in _lines(expanded(path)) if text.strip())


def _separator(text):
    return next((s for s in SEPARATORS if s in text), ",")


def _lines(path):
    """(number, text) of each line."""
    with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        number = 0
        while text := file.readline(LONGEST + 1):
            number += 1
            if len(text) > LONGEST:
                raise DataError(f"{path}, line {number}: more than {LONGEST} characters in a line.")
            if "\0" in text or not (text.isascii() or _is_utf8(text)):
                raise DataError(
                    f"{path}, line {number}: this is no text in UTF-8; unpack the file, or export "
                    "it with the encoding UTF-8."
                )
            yield number, text


def _is_utf8(text):
    """False for a text with bytes that "surrogateescape" has put there."""
    return not re.search("[\ud800-\udfff]", text)


def columns(path: Path, header: Sequence[str], wanted: dict[str, Sequence[str]]) -> list[int]:
    """Return the position of each wanted column in the header of a table.

    Parameters
        path     of the file, for messages
        header   cells of the first line; capitals, spaces, "_" and "-" make no difference
        wanted   {column: its names, in lower-case letters without spaces, "_" and "-"}

    Raises DataError if a column is missing or occurs twice.

    >>> columns(Path("a.csv"), ["User-ID", "rating"], {"user": ["user", "userid"]})
    [0]
    """
    plain = [re.sub(r"[\s_-]", "", name).lower() for name in header]
    places = []
    for names in wanted.values():
        found = [i for i, name in enumerate(plain) if name in names]
        if len(found) != 1:
            named, got = " or ".join(names), ", ".join(header)
            raise DataError(
                f"{path}: expected a header with the columns {', '.join(wanted)}, and one of them "
                f"named {named}, but got {got[:200]}; put the names of the columns into the first "
                "line."
            )
        places += found
    return places


def number(
    path: Path, line: int, text: str, what: str = "a number", at_most: float = math.inf
) -> float:
    """Return a cell of a table as a finite float.

    Parameters
        path, line  of the cell, for messages
        text        the cell
        what        the cell should be, for messages
        at_most     largest absolute value

    Raises DataError for a text that is not a number, for nan and inf, and for larger numbers.

    >>> number(Path("a.csv"), 3, "2,5")
    Traceback (most recent call last):
    scratchnet.data.idx.DataError: a.csv, line 3: expected a number, but got '2,5'; write a \
decimal point.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or abs(value) > at_most or "_" in text:
        hint = "; write a decimal point" if re.fullmatch(r"-?\d+,\d+", text) else ""
        raise DataError(f"{path}, line {line}: expected {what}, but got {text[:40]!r}{hint}.")
    return value
