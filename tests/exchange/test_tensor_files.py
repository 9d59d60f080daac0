"""The file formats: what is written is read, and a damaged file is refused."""

import json

import numpy as np
import pytest

from scratchnet.exchange.tensor_files import read_tensors, write_tensors
from scratchnet.saving import FileError

TENSORS = {
    "b.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a.bias": np.array([0.5], np.float64),
    "empty": np.zeros((0, 2), np.float32),
    "scalar": np.array(3.0, np.float32),
}


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_what_is_written_is_read_in_the_same_order(suffix, tmp_path):
    write_tensors(tmp_path / "new" / f"a.{suffix}", TENSORS)
    found = read_tensors(tmp_path / "new" / f"a.{suffix}")
    assert list(found) == list(TENSORS)
    for name, a in TENSORS.items():
        np.testing.assert_array_equal(found[name], a)
        assert found[name].dtype == a.dtype
    assert [file.name for file in (tmp_path / "new").iterdir()] == [f"a.{suffix}"]


def test_the_layout_of_a_safetensors_file(tmp_path):
    write_tensors(tmp_path / "a.safetensors", {"x": np.float32([1, 2])})
    content = (tmp_path / "a.safetensors").read_bytes()
    n = int.from_bytes(content[:8], "little")
    assert n % 8 == 0 and len(content) == 8 + n + 8
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    assert json.loads(content[8 : 8 + n]) == {"x": entry}
    assert content[8 + n :] == np.array([1, 2], "<f4").tobytes()


def file_of(tmp_path, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    n = len(text) if length is None else length
    path = tmp_path / "a.safetensors"
    path.write_bytes(n.to_bytes(8, "little") + text + data)
    return path


def entry(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": [*shape], "data_offsets": [*offsets]}


def test_other_dtypes_and_metadata_are_read(tmp_path):
    header = {"__metadata__": {"format": "pt"}, "h": entry("BF16", (2,), (0, 4)),
              "n": entry("I64", (), (4, 12))}  # fmt: skip
    data = np.array([0x3F80, 0xC000], "<u2").tobytes() + np.array(7, "<i8").tobytes()
    found = read_tensors(file_of(tmp_path, header, data))
    np.testing.assert_array_equal(found["h"], np.float32([1, -2]))
    assert found["h"].dtype == np.float32 and found["n"] == 7 and len(found) == 2


FOUR = bytes(4)
DAMAGED = {
    "a length beyond the file": (dict(header={}, length=1 << 40), "longer than the file"),
    "no JSON": (dict(header=b"{nothing}"), "not a complete"),
    "no UTF-8": (dict(header=b'{"\xff": 1}'), "not a complete"),
    "no dictionary": (dict(header=[1]), "no dictionary"),
    "deep nesting": (dict(header=b"[" * 200_000), "not a complete"),
    "an entry that is no dictionary": (dict(header={"x": 3}), "'x' is not valid"),
    "an entry without shape": (
        dict(header={"x": {"dtype": "F32", "data_offsets": [0, 4]}}, data=FOUR),
        "'x' is not valid",
    ),
    "three offsets": (dict(header={"x": entry(offsets=(0, 4, 8))}, data=FOUR), "not a complete"),
    "an unknown dtype": (dict(header={"x": entry("F8")}, data=FOUR), "dtype 'F8'"),
    "a negative size": (dict(header={"x": entry(shape=(-1,))}, data=FOUR), "'x' is not valid"),
    "a size that is a float": (dict(header={"x": entry(shape=(1.0,))}, data=FOUR), "not valid"),
    "another size": (dict(header={"x": entry(shape=(2,))}, data=FOUR), "but has 4 bytes"),
    "data that is missing": (dict(header={"x": entry()}, data=FOUR[:3]), "ends at byte 4 of 3"),
    "data that follows": (dict(header={"x": entry()}, data=FOUR * 2), "but 8 follow"),
    "an overlap": (dict(header={"x": entry(), "y": entry()}, data=FOUR), "an overlap"),
    "a gap": (dict(header={"x": entry(offsets=(4, 8))}, data=FOUR * 2), "a gap"),
    "a name twice": (
        dict(header=b'{"x": %s, "x": %s}' % ((json.dumps(entry()).encode(),) * 2), data=FOUR),
        "occurs twice",
    ),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_safetensors_file_is_refused(damage, tmp_path):
    content, words = DAMAGED[damage]
    with pytest.raises(FileError, match=words):
        read_tensors(file_of(tmp_path, **content))


def test_a_file_that_is_cut_anywhere_is_refused(tmp_path):
    for suffix in ("npz", "safetensors"):
        write_tensors(tmp_path / f"a.{suffix}", TENSORS)
        content = (tmp_path / f"a.{suffix}").read_bytes()
        for n in range(0, len(content), 7):
            (tmp_path / f"b.{suffix}").write_bytes(content[:n])
            with pytest.raises(FileError, match="not a complete"):
                read_tensors(tmp_path / f"b.{suffix}")


def test_a_missing_file_and_another_suffix_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing to load"):
        read_tensors(tmp_path / "a.npz")
    with pytest.raises(FileError, match=r"ends in '.pt'; expected .npz or .safetensors"):
        write_tensors(tmp_path / "a.pt", TENSORS)
