"""The page of demonstrations: each is a command that exists, or three lines that show it."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "teaching.md"
INTRODUCTION, *SECTIONS = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.M)
SHOWN = {  # what a demonstration of code prints
    "1": r"max_pooling2d +\(N, 3, 3, 8\)",
    "2": r"The gradient vanishes: .* in dense_10 and .* in dense",
    "3": r"units of relu are dead",
    "4": r"The gradient explodes",
    "7": r"^(\S+) \1$",
    "10": r"'accuracy': 1.0}.*'accuracy': 0\.",
}


def blocks(section):
    return re.findall(r"```python\n(.*?)```", section, re.S)


def test_there_are_ten_demonstrations():
    assert [section.split(".")[0] for section in SECTIONS] == [str(i) for i in range(1, 11)]


@pytest.mark.parametrize("section", SECTIONS, ids=[s.split("\n")[0] for s in SECTIONS])
def test_a_demonstration_is_one_command_or_three_lines(section, capsys):
    number = section.split(".")[0]
    if number not in SHOWN:
        command = re.search(r"`scratchnet (page|compare|run) [^`]+`", section)
        assert command and not blocks(section)
        return
    (code,) = blocks(section)
    assert len(code.strip().split("\n")) <= 3
    exec(blocks(INTRODUCTION)[0] + code, {})
    assert re.search(SHOWN[number], capsys.readouterr().out, re.M)
