"""The page docs/exchange.md: its example runs, and its table names each layer with tensors."""

import doctest
from pathlib import Path

from scratchnet.exchange.layouts import KERAS, TORCH

PAGE = Path(__file__).parents[2] / "docs" / "exchange.md"


def test_the_example_runs():
    failed, tried = doctest.testfile(str(PAGE), module_relative=False)
    assert not failed and tried > 5


def test_the_table_has_each_layer():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"]
    listed = " ".join(row.split("|")[1] for row in rows)
    for kind in {**TORCH, **KERAS}:
        assert f"`{kind.__name__}`" in listed
