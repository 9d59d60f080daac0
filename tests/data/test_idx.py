"""The parser of IDX files."""

import gzip
from functools import partial

import numpy as np
import pytest
from data_sandbox import idx_bytes, refusal, write

from scratchnet.data import DataError, read_idx

compress = partial(gzip.compress, mtime=0)  # equal bytes in every process: they name the tests


@pytest.mark.parametrize("shape", [(7,), (2, 3), (3, 4, 5), (2, 1, 3, 2), (0, 28, 28)])
@pytest.mark.parametrize("name", ["x.gz", "x", "x-packed", "x-plain.gz"])
def test_idx_is_read_back_with_shape_and_order(tmp_path, shape, name):
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    content = idx_bytes(array)
    path = write(tmp_path / name, content if name in ("x", "x-plain.gz") else compress(content))
    got = read_idx(str(path))
    assert got.dtype == np.uint8 and got.shape == shape
    np.testing.assert_array_equal(got, array)
    got += 1  # the array is the caller's own, not a read-only view of the file


def test_idx_dimensions_are_big_endian(tmp_path):
    content = bytes([0, 0, 8, 1, 0, 0, 1, 2]) + bytes(258)
    assert read_idx(write(tmp_path / "x", content)).shape == (258,)


GOOD = idx_bytes([[1, 2, 3], [4, 5, 6]])
PACKED = compress(GOOD)


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("x", b"<html>", ["expected an IDX file", "3c 68 74 6d", "Download it again"]),
        ("x.gz", compress(b"<html>"), ["expected an IDX file", "3c 68 74 6d"]),
        ("x", b"", ["expected an IDX file", "empty"]),
        ("x", b"\0\0\x08", ["expected an IDX file", "00 00 08"]),
        ("x", b"\0\0\x07\x01" + bytes(8), ["expected an IDX file", "00 00 07 01"]),
        ("x", b"\x01\0\x08\x01" + bytes(4), ["expected an IDX file", "01 00 08 01"]),
        ("x", b"\0\0\x08\0" + bytes(1), ["expected an IDX file", "00 00 08 00"]),
        ("x", idx_bytes([1], kind=0x0D), ["element type 08", "float32 (0d)", "uint8"]),
        ("x", idx_bytes([1], kind=0x0B), ["element type 08", "int16 (0b)", "uint8"]),
        ("x.gz", b"", ["expected an IDX file", "empty"]),
        ("x.gz", PACKED[:-9], ["complete gzip file", "cut short", "replace"]),
        ("x.gz", PACKED[:6], ["complete gzip file", "cut short", "replace"]),
        ("x.gz", PACKED[:-6] + bytes(6), ["complete gzip file", "damaged", "replace"]),
        ("x.gz", PACKED[:10] + b"\xff" * 20, ["complete gzip file", "damaged", "replace"]),
        ("x", GOOD[:9], ["header of 12 bytes", "only 9", "cut short"]),
        ("x", GOOD[:-1], ["promises 6 bytes", "(2, 3)", "only 5", "cut short"]),
        ("x", bytes.fromhex("000008 41") + b"\0\0\0\1" * 65 + b"\7", ["no array of shape"]),
        ("x", bytes.fromhex("00000802 ffffffff ffffffff 07"), ["only 1 follow", "cut short"]),
        ("x.gz", compress(GOOD[:-1]), ["promises 6 bytes", "only 5"]),
        ("x", GOOD + b"\0", ["promises 6 bytes", "(2, 3)", "more follow", "count is wrong"]),
    ],
)
def test_a_bad_idx_file_gets_one_sentence(tmp_path, name, content, words):
    path = write(tmp_path / name, content)
    message = refusal(read_idx, path)
    for word in [str(path), *words]:
        assert word in message
    assert "\n" not in message


def test_a_missing_file_stays_an_oserror(tmp_path):
    assert "absent" in refusal(read_idx, tmp_path / "absent", error=FileNotFoundError)


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "labels", idx_bytes([7, 2]))
    assert read_idx("~/labels").tolist() == [7, 2]


def test_gzip_data_are_unpacked_no_further_than_the_header_promises(tmp_path, peak_memory):
    header = bytes.fromhex("00000801 00000010")  # sixteen labels
    path = write(tmp_path / "zeros.gz", gzip.compress(header + bytes(30_000_000), 1))
    assert peak_memory(lambda: refusal(read_idx, path)) < 5e6


def test_data_error_is_a_value_error():
    assert issubclass(DataError, ValueError)
