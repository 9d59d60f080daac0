"""Charts: confusion matrix, bars, means of runs, histograms, scatter plots."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm

from scratchnet.backend import to_numpy
from scratchnet.plots.style import CLASSES, COLOURS, STYLES


def confusion(counts, class_names, title):
    """Confusion matrix: rows are true classes, columns predicted ones.

    The colour of a cell is its share of the row, on a square-root scale, so that a single error is
    visible beside hundreds of correct predictions.

    Parameters
        counts       (K, K) integers
        class_names  K names
        title        of the figure

    >>> figure = confusion(np.array([[9, 1], [0, 10]]), ("cat", "dog"), "Pets")
    >>> figure.axes[0].get_xlabel()
    'predicted class'
    """
    counts = to_numpy(counts)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axis = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
    shown = axis.imshow(np.sqrt(share), cmap="Blues", vmin=0, vmax=1)
    for i, j in np.ndindex(counts.shape):
        if counts[i, j]:
            colour = "white" if share[i, j] > 0.25 else "black"
            axis.text(j, i, str(counts[i, j]), ha="center", va="center", color=colour, fontsize=8)
    ticks = range(len(class_names))
    rotation = 0 if max(map(len, class_names)) < 3 else 45
    axis.set_xticks(ticks, class_names, rotation=rotation)
    axis.set_yticks(ticks, class_names)
    axis.set(title=title, xlabel="predicted class", ylabel="true class")
    bar = figure.colorbar(shown, ax=axis, label="share of the true class")
    shares = (0.01, 0.1, 0.25, 0.5, 1)
    bar.set_ticks(np.sqrt(shares), labels=[f"{s:.0%}" for s in shares])
    return figure


def bars(groups, title, xlabel, ylabel, first=1):
    """Bar chart of groups side by side: one bar for each value, at first, first + 1, ...

    Parameters
        groups                 {label: values}
        title, xlabel, ylabel  texts
        first                  position of the first bar of each group

    >>> figure = bars({"W": [3, 1], "b": [2, 2]}, "Gradients", "layer", "norm")
    >>> len(figure.axes[0].patches)
    4
    """
    figure, axis = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    width = 0.8 / len(groups)
    for i, (label, values) in enumerate(groups.items()):
        x = np.arange(first, first + len(values)) + (i - (len(groups) - 1) / 2) * width
        axis.bar(x, to_numpy(values), width, color=COLOURS[i % len(COLOURS)], label=label)
    axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.grid(alpha=0.25, axis="y")
    figure.legend(loc="outside lower center", ncols=len(groups))
    return figure


def named_bars(values, title, xlabel, levels=None):
    """Horizontal bar chart of named values, the first on top.

    Parameters
        values         {name: value}, a bar each, with its value written on it
        title, xlabel  texts
        levels         {label: value}, a thin vertical line each

    >>> figure = named_bars({"PCA": 0.09, "autoencoder": 0.07}, "Error", "RMSE", {"mean": 0.2})
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['PCA', 'autoencoder']
    """
    size = (6.4, 0.42 * len(values) + 1.3)
    figure, axis = plt.subplots(figsize=size, layout="constrained")
    drawn = axis.barh(list(values), [float(v) for v in values.values()], color=COLOURS[0])
    axis.bar_label(drawn, fmt="%.3f", label_type="center", color="white")
    for i, (label, value) in enumerate((levels or {}).items()):
        style = STYLES[1:][i % 3]
        axis.axvline(value, color=COLOURS[1 + i], linestyle=style, label=f"{label} {value:.3f}")
    axis.invert_yaxis()
    axis.set(title=title, xlabel=xlabel)
    axis.grid(alpha=0.25, axis="x")
    if levels:
        figure.legend(loc="outside lower center", ncols=len(levels))
    return figure


def heat_map(rows, title, xlabel, columns, label="", log=False, numbers=None):
    """Heat map of a table: a row of cells for each name.

    Parameters
        rows           {name: values}, the first on top; NaN leaves a cell empty
        title, xlabel  texts
        columns        names of the columns
        label          text beside the colour bar
        log            logarithmic colours; values of 0 and below have the lowest colour
        numbers        format of the number in each cell, such as "{:.0f}"; None: no numbers

    >>> figure = heat_map({"A": [1, 2], "B": [3, 4]}, "Table", "column", "xy", numbers="{:.0f}")
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1', '2', '3', '4']
    """
    values = np.array([to_numpy(row) for row in rows.values()], dtype="float64")  # (rows, columns)
    size = (6.4, 0.34 * len(rows) + 1.6)
    figure, axis = plt.subplots(figsize=size, layout="constrained")
    positive = values[np.isfinite(values) & (values > 0)]
    log = log and positive.size > 0
    norm = LogNorm(positive.min(), positive.max(), clip=True) if log else None
    shown = axis.imshow(values, cmap="cividis", norm=norm, aspect="auto", interpolation="nearest")
    axis.set_yticks(range(len(rows)), list(rows))
    step = max(1, len(columns) // 10)
    axis.set_xticks(range(0, len(columns), step), list(columns)[::step])
    for (i, j), value in np.ndenumerate(values if numbers else values[:, :0]):
        light = shown.norm(value) > 0.5
        style = dict(ha="center", va="center", fontsize=8, color="black" if light else "white")
        axis.text(j, i, numbers.format(value), **style)
    axis.set(title=title, xlabel=xlabel)
    figure.colorbar(shown, ax=axis, label=label)
    return figure


def run_means(groups, names, title, xlabel, ylabel):
    """Means of several runs with error bars, and each run as a dot, groups side by side.

    Parameters
        groups                 {label: values (K, n)}: n runs for each of K settings
        names                  K names of the settings, on the x axis
        title, xlabel, ylabel  texts

    The error bar is one standard deviation of the runs.

    >>> figure = run_means({"Adam": [[0.3, 0.5]]}, ["small"], "Loss", "model", "nats")
    >>> figure.axes[0].get_ylabel()
    'nats'
    """
    figure, axis = plt.subplots(figsize=(6.4, 4), layout="constrained")
    for i, (label, values) in enumerate(groups.items()):
        values = np.asarray(values, dtype=float)
        at = np.arange(len(names)) + 0.36 * (i - (len(groups) - 1) / 2)
        colour, marker = COLOURS[i % len(COLOURS)], "os^D"[i % 4]
        mean, deviation = values.mean(axis=1), values.std(axis=1)
        style = dict(fmt=marker, color=colour, capsize=5, markersize=8, label=label)
        axis.errorbar(at, mean, deviation, **style)
        beside = np.repeat(at + 0.06, values.shape[1])
        axis.scatter(beside, values.ravel(), 9, color=colour, alpha=0.6, linewidths=0)
        for x, y in zip(at, mean, strict=True):
            axis.annotate(f"{y:.1f}", (x - 0.05, y), ha="right", va="center", fontsize=9)
    axis.set_xticks(range(len(names)), list(names))
    axis.set_xlim(-0.5, len(names) - 0.5)
    axis.set_ylim(bottom=0)
    axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axis.grid(alpha=0.25, axis="y")
    axis.legend()
    return figure


def histogram(groups, title, xlabel, bins=40):
    """Histograms as outlines, on common bins; the bars of each group sum to 1.

    Parameters
        groups         {label: values, an array of any shape}
        title, xlabel  texts
        bins           their number, or "auto" and other names of `numpy.histogram_bin_edges`

    >>> figure = histogram({"codes": np.arange(10.0)}, "Codes", "value", bins=5)
    >>> figure.axes[0].get_ylabel()
    'share'
    """
    figure, axis = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    groups = {label: to_numpy(values).ravel() for label, values in groups.items()}
    edges = np.histogram_bin_edges(np.concatenate(list(groups.values())), bins)
    for i, (label, values) in enumerate(groups.items()):
        weights = np.full(len(values), 1 / len(values))
        style = dict(color=COLOURS[i % len(COLOURS)], linestyle=STYLES[i % len(STYLES)])
        axis.hist(values, edges, weights=weights, histtype="step", label=label, **style)
    axis.set(title=title, xlabel=xlabel, ylabel="share")
    axis.grid(alpha=0.25)
    axis.legend()
    return figure


def scatter(groups, title, xlabel, ylabel, limit=None):
    """Scatter plot of groups of points in the plane.

    Parameters
        groups                 {label: points (N, 2)}; a label of one character is used as marker
        title, xlabel, ylabel  texts
        limit                  both axes go from -limit to limit, in equal units, with lines at 0

    >>> figure = scatter({"0": np.zeros((3, 2)), "1": np.ones((3, 2))}, "Codes", "z_1", "z_2")
    >>> len(figure.axes[0].collections)
    2
    """
    size = (6.4, 6.6 if limit else 4.4)
    figure, axis = plt.subplots(figsize=size, layout="constrained")
    for i, (label, points) in enumerate(groups.items()):
        points, marker = to_numpy(points), "o^sD"[i % 4]
        marker, size = (f"${label}$", 36) if len(label) == 1 else (marker, 24)
        style = dict(s=size, alpha=0.75, marker=marker, linewidths=0)
        axis.scatter(*points.T, color=CLASSES[i % len(CLASSES)], label=label, **style)
    axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
    if limit:
        axis.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
        axis.axhline(0, color="0.6", linewidth=0.8, zorder=0)
        axis.axvline(0, color="0.6", linewidth=0.8, zorder=0)
    axis.grid(alpha=0.25)
    if any(len(label) > 1 for label in groups):
        figure.legend(loc="outside right upper", markerscale=1.5)
    return figure
