"""Layers of a reader's file: what is found in it, and the messages for a broken one."""

import pytest

from scratchnet.play.layer_file import make_layer, read_layers

GOOD = """
from scratchnet.layers import Dense, Layer

class Double(Layer):
    def forward(self, x, train=False):
        return 2 * x, None
    def backward(self, dy, cache):
        return 2 * dy, {}

class Wide(Dense):
    pass
"""


def written(tmp_path, text):
    path = tmp_path / "mine.py"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_layers_that_a_file_defines_are_found_but_not_what_it_imports(tmp_path):
    found = read_layers(written(tmp_path, GOOD))
    assert list(found) == ["Double", "Wide"]
    assert not (tmp_path / "__pycache__").exists()


def test_units_are_passed_to_a_constructor_that_takes_them(tmp_path):
    found = read_layers(written(tmp_path, GOOD))
    assert make_layer(found["Wide"], 5, "a").units == 5
    assert make_layer(found["Double"], 5, "b").name == "b"


@pytest.mark.parametrize(
    "text, message",
    [
        ("x = (\n", "mine.py, line 1: "),
        ("x = 1\n\ny = 1 / 0\n", "mine.py cannot be imported: line 3: ZeroDivisionError"),
        ("import sys\nsys.exit(3)\n", "mine.py ends the program: line 2: SystemExit: 3"),
        ("x = 1\n", "mine.py defines no layer: write a class with the base class"),
        (b"\xff\xfe", "mine.py is not a text file in UTF-8"),
        (b"x = 1\0", "mine.py"),
    ],
)
def test_a_broken_file_is_described_with_its_line(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_layers(written(tmp_path, text))


def test_a_file_that_is_gone_is_described(tmp_path):
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        read_layers(tmp_path / "gone.py")
