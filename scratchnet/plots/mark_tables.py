"""Tables of marks as figures: a coloured cell with a letter for each row and column."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import BoundaryNorm, ListedColormap

COLOURS = ("#f0f0f0", "#9ecae1", "#3182bd", "#fdae6b", "#d94801", "#ffffff")


def mark_table(rows, columns, title, legend):
    """Table of marks: a row for each name, a column for each check.

    Parameters
        rows      {name: sequence of marks}, the first on top
        columns   names of the columns
        title     text
        legend    {mark: its meaning}, at most six; each has a colour and its text in the cell

    >>> legend = {"x": "found", ".": "missed"}
    >>> figure = mark_table({"A": "x.", "B": "xx"}, ["1", "2"], "Checks", legend)
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['x', '.', 'x', 'x']
    """
    marks = list(legend)
    values = np.array([[marks.index(mark) for mark in row] for row in rows.values()])
    size = (2.6 + 0.75 * len(columns), 0.21 * len(rows) + 1.6)
    figure, axis = plt.subplots(figsize=size, layout="constrained")
    colours = ListedColormap(COLOURS[: len(marks)])
    norm = BoundaryNorm(np.arange(len(marks) + 1) - 0.5, len(marks))
    axis.imshow(values, cmap=colours, norm=norm, aspect="auto", interpolation="nearest")
    axis.set_yticks(range(len(rows)), list(rows), fontsize=8)
    axis.set_xticks(range(len(columns)), columns, fontsize=8, rotation=30, ha="left")
    axis.tick_params(length=0, bottom=False, top=True, labelbottom=False, labeltop=True)
    axis.set_xticks(np.arange(len(columns) - 1) + 0.5, minor=True)
    axis.set_yticks(np.arange(len(rows) - 1) + 0.5, minor=True)
    axis.grid(which="minor", color="white")
    axis.tick_params(which="minor", length=0)
    dark = {2, 4}
    for (i, j), value in np.ndenumerate(values):
        colour = "white" if value in dark else "black"
        axis.text(j, i, marks[value], ha="center", va="center", fontsize=8, color=colour)
    axis.set_title(title)
    meanings = "     ".join(f"{mark}  {meaning}" for mark, meaning in legend.items())
    axis.set_xlabel(meanings, fontsize=8)
    return figure
