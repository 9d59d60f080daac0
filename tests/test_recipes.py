"""The page of recipes: its examples run, and each block of a paper takes few lines."""

import doctest
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "recipes.md"
SECTIONS = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.M)
FLAGS = doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("section", SECTIONS[1:], ids=[s.split("\n")[0] for s in SECTIONS[1:]])
def test_a_recipe_runs_and_is_short(section):
    blocks = re.findall(r"```python\n(.*?)```", SECTIONS[0] + section, re.S)
    examples = doctest.DocTestParser().get_doctest("".join(blocks), {}, "recipe", None, 0)
    report = []
    doctest.DocTestRunner(optionflags=FLAGS).run(examples, out=report.append)
    assert not report, "".join(report)
    code = [line for line in blocks[-1].splitlines() if line.startswith((">>>", "..."))]
    assert len(code) < 15, f"{len(code)} lines"
    assert max(map(len, code)) <= 116, "a line is too long for the page"
