"""The reader of .npz files."""

import io
import zipfile

import numpy as np
import pytest

from scratchnet.archives import Archive, ArchiveError


def archive(path, kind=zipfile.ZIP_DEFLATED, **entries):
    """A zip archive with these entries, arrays or bytes."""
    with zipfile.ZipFile(path, "w", kind) as file:
        for name, entry in entries.items():
            if isinstance(entry, np.ndarray):
                written = io.BytesIO()
                np.save(written, entry)
                entry = written.getvalue()
            file.writestr(f"{name}.npy", entry)
    return path


def npy(header, data=b""):
    """A .npy file whose header has this text."""
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


ARRAYS = {
    "matrix": np.arange(6.0).reshape(2, 3),
    "of Fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "text": np.array("two words"),
    "empty": np.zeros((0, 3), np.uint8),
    "big-endian": np.arange(3, dtype=">i4"),
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_arrays_are_read_as_they_were_written(tmp_path, array, kind):
    with Archive(archive(tmp_path / "a.npz", kind, x=array)) as found:
        assert found.names == ("x",) and found.header("x") == (array.shape, array.dtype)
        np.testing.assert_array_equal(found.read("x"), array, strict=True)


HUGE = "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999,), }"
DAMAGED = {
    "a header that promises too much": (npy(HUGE), "promises 799999999999992 bytes, but 0 follow"),
    "more bytes than promised": (npy(HUGE.replace("9" * 14, "1"), bytes(9)), "promises 8 bytes"),
    "a negative length": (npy(HUGE.replace("9" * 14, "-1")), "no array of numbers"),
    "no Python in the header": (npy("{'descr': ("), "x:"),
    "a null byte in the header": (npy("{\0"), "x:"),
    "objects": (npy(HUGE.replace("<f8", "|O").replace("9" * 14, "1"), bytes(8)), "no array of"),
    "65 dimensions": (npy(HUGE.replace("9" * 14 + ",", "1," * 65), bytes(8)), "x:"),
    "no .npy file": (b"nothing", "x:"),
    "a newer version": (b"\x93NUMPY\x07\x00", "version"),
}


@pytest.mark.parametrize(("entry", "says"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_entry_is_refused(tmp_path, entry, says):
    with Archive(archive(tmp_path / "a.npz", x=entry)) as found:
        with pytest.raises(ArchiveError, match=says):
            found.read("x")


def test_a_missing_entry_a_wrong_checksum_and_another_compression_are_refused(tmp_path):
    path = archive(tmp_path / "a.npz", zipfile.ZIP_STORED, x=np.arange(50.0))
    with Archive(path) as found, pytest.raises(ArchiveError, match="no array 'y', but x"):
        found.read("y")
    path.write_bytes(path.read_bytes().replace(np.float64(7).tobytes(), np.float64(8).tobytes()))
    with Archive(path) as found, pytest.raises(ArchiveError, match="CRC"):
        found.read("x")
    archive(path, zipfile.ZIP_BZIP2, x=np.zeros(50))
    with Archive(path) as found, pytest.raises(ArchiveError, match="compression"):
        found.read("x")


@pytest.mark.parametrize("content", [b"", b"PK no archive", b"\x93NUMPY"])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ArchiveError):
        Archive(tmp_path / "a.npz")


def test_a_missing_file_stays_an_oserror(tmp_path):
    with pytest.raises(FileNotFoundError):
        Archive(tmp_path / "a.npz")
