"""Tables of marks."""

import matplotlib.pyplot as plt
import pytest

from scratchnet.plots import mark_table

LEGEND = {".": "missed", "x": "found", "-": "not applied"}


def test_a_mark_table_shows_names_marks_and_their_meanings():
    figure = mark_table({"first": "x.", "second": ".-"}, ["one", "two"], "Title", LEGEND)
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.texts] == ["x", ".", ".", "-"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["first", "second"]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["one", "two"]
    assert "found" in axis.get_xlabel() and "not applied" in axis.get_xlabel()
    plt.close(figure)


def test_a_mark_without_a_meaning_is_refused():
    with pytest.raises(ValueError, match="not in list"):
        mark_table({"first": "?"}, ["one"], "Title", LEGEND)
    plt.close("all")
