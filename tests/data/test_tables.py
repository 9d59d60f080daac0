"""The reader of tables of text."""

import pytest
from data_sandbox import refusal, write

from scratchnet.data.tables import LONGEST, named_file, number, read_table


def table(path):
    return list(read_table(path))


def test_cells_may_be_quoted_and_empty_lines_are_skipped(tmp_path):
    path = write(tmp_path / "t", b'\n a , b \n\n"x, y",1\r\n  \r\n2,"say ""no"""\n')
    assert table(path) == [(2, ["a", "b"]), (4, ["x, y", "1"]), (6, ["2", 'say "no"'])]


@pytest.mark.parametrize("separator", ["::", "\t", ";", "|", ","])
def test_the_first_line_shows_the_separator(tmp_path, separator):
    text = f"a{separator}b\n1{separator}2\n"
    assert table(write(tmp_path / "t", text.encode())) == [(1, ["a", "b"]), (2, ["1", "2"])]


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", ["nothing"]),
        (b"\n \n", ["nothing"]),
        ("a,b\n1,\xe9\n".encode("latin-1"), ["line 2", "UTF-8"]),
        ("a,b\n".encode("utf-16"), ["line 1", "UTF-8"]),
        ("a,b\n".encode("utf-16-le"), ["line 1", "UTF-8"]),
        (b"\x1f\x8b\x08\0", ["line 1", "unpack"]),
        (b"a,b\n1,2,3\n", ["line 2", "expected 2 values", "got 3"]),
        (b"a,b\n" + b"1" * (LONGEST + 1), ["line 2", "more than"]),
        (b'a,b\n"' + b"1\n" * 100_000, ["a quote may be open"]),
    ],
)
def test_what_is_no_table_is_refused_with_file_and_line(tmp_path, content, words):
    message = refusal(table, write(tmp_path / "t", content))
    for word in [str(tmp_path / "t"), *words]:
        assert word in message
    assert "\n" not in message


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    assert "cannot be read: No such file" in refusal(table, tmp_path / "t")
    assert "cannot be read: Is a directory" in refusal(table, tmp_path)


def test_a_line_without_end_takes_no_memory(tmp_path, peak_memory):
    path = write(tmp_path / "t", b"a,b\n" + b"," * 20_000_000)
    assert peak_memory(lambda: refusal(table, path)) < 10e6


@pytest.mark.parametrize("text", ["nan", "inf", "1e999", "", "1_0", "many", "5"])
def test_a_number_is_finite_and_within_its_limit(tmp_path, text):
    message = refusal(lambda: number(tmp_path, 7, text, at_most=4))
    assert "line 7" in message and repr(text) in message


def test_a_name_is_told_from_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert named_file("ratings") is None and named_file("") is None and named_file(None) is None
    write(tmp_path / "ratings", b"")
    for name in ("ratings", "r.dat", "folder/ratings", tmp_path):
        assert named_file(name) is not None
