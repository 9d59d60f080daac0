"""Figures. The one file that imports matplotlib.

Every function returns a matplotlib Figure; `save` writes it. A grid of images is ONE matplotlib
image, not hundreds of axes. Colours are those of Okabe and Ito (2008), which the colour-blind can
tell apart, and lines differ in style as well.
"""

import math

import matplotlib.pyplot as plt
import numpy as np

from scratchnet.backend import to_numpy

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
STYLES = ("-", "--", "-.", ":")
DPI = 120


def save(figure, path):
    """Write the figure, and show it too where there is a window to show it in."""
    figure.savefig(path, dpi=DPI)
    if plt.get_backend().lower() in map(str.lower, _interactive_backends()):
        plt.show(block=False)


def _interactive_backends():
    from matplotlib.backends import BackendFilter, backend_registry

    return backend_registry.list_builtin(BackendFilter.INTERACTIVE)


def mosaic(images, columns, gap=1, background=1.0):
    """Images (N, H, W) side by side as one array, row by row, with a gap between them.

    Colour pictures (N, H, W, 3) too, values in [0, 1]; the gap is white between those.
    """
    images = to_numpy(images)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    n, h, w, *colour = images.shape
    rows = math.ceil(n / columns)
    size = (rows * (h + gap) - gap, columns * (w + gap) - gap, *colour)
    canvas = np.full(size, 1.0 if colour else background)
    for i, image in enumerate(images):
        top, left = i // columns * (h + gap), i % columns * (w + gap)
        canvas[top : top + h, left : left + w] = image
    return canvas


def image_grid(images, columns, title):
    """Images (N, H, W), (N, H, W, 1) or (N, H, W, 3), values in [0, 1], black on white or RGB."""
    canvas = mosaic(images, columns, background=0.0)
    width = 6.4
    figure, axis = plt.subplots(
        figsize=(width, width * canvas.shape[0] / canvas.shape[1] + 0.5), layout="constrained"
    )
    axis.imshow(canvas, cmap="gray_r", vmin=0, vmax=1)
    axis.set_title(title)
    axis.set_axis_off()
    return figure


def image_rows(rows, title):
    """{label: images (N, H, W)}: one labelled row each; sizes and ranges may differ.

    A row's range is scaled to its own largest value; a label can say which.
    """
    side = 7 / max(map(len, rows.values()))  # inches, so that pictures come out about square
    size = (8, (side + 0.05) * len(rows) + 0.5)
    figure, axes = plt.subplots(len(rows), 1, figsize=size, layout="constrained", squeeze=False)
    for axis, (label, images) in zip(axes[:, 0], rows.items(), strict=True):
        canvas = mosaic(images, len(images), background=0.0)
        axis.imshow(canvas, cmap="gray_r", vmin=0, vmax=max(canvas.max(), 1e-9), aspect="auto")
        axis.set_ylabel(label, rotation=0, ha="right", va="center")
        axis.set_xticks([])
        axis.set_yticks([])
        for side in axis.spines.values():
            side.set_visible(False)
    figure.suptitle(title)
    return figure


def signed_grid(images, columns, title):
    """Weights as pictures (N, H, W): blue pulls down, white does nothing, red pulls up."""
    images = to_numpy(images)
    limit = np.abs(images).max()
    canvas = mosaic(images, columns, background=0.0)
    width = 6.4
    figure, axis = plt.subplots(
        figsize=(width + 0.9, width * canvas.shape[0] / canvas.shape[1] + 0.5),
        layout="constrained",
    )
    shown = axis.imshow(canvas, cmap="RdBu_r", vmin=-limit, vmax=limit)
    figure.colorbar(shown, ax=axis, label="weight", fraction=0.05)
    axis.set_title(title)
    axis.set_axis_off()
    return figure


def curves(series, title, xlabel, ylabel, levels=None, x=None, log=False):
    """{label: values} as lines over x, 1, 2, 3, ... by default; levels {label: value} as thin ones.

    log scales both what is measured and, where x is given, x.
    """
    figure, axis = plt.subplots(figsize=(6.4, 4), layout="constrained")
    for i, (label, values) in enumerate(series.items()):
        at = np.arange(1, len(values) + 1) if x is None else x
        marker = "o" if len(values) < 8 else None
        style, colour = STYLES[i % len(STYLES)], COLOURS[i % len(COLOURS)]
        axis.plot(at, values, style, color=colour, marker=marker, label=label)
    for label, value in (levels or {}).items():
        axis.axhline(value, color="0.45", linewidth=1, linestyle=(0, (1, 2)))
        axis.annotate(
            label,
            (1, value),
            xycoords=("axes fraction", "data"),
            xytext=(-4, 3),
            textcoords="offset points",
            ha="right",
            color="0.3",
            fontsize=9,
        )
    axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
    if log:
        axis.set_yscale("log")
    if x is None:
        axis.xaxis.get_major_locator().set_params(integer=True)
    else:
        axis.set_xscale("log" if log else "linear")
        axis.set_xticks(x, [f"{value:g}" for value in x], minor=False)
        axis.minorticks_off()
    axis.grid(alpha=0.25)
    axis.legend()
    return figure


def panels(groups, title, xlabel, ylabel, columns=3):
    """{caption: {label: values}}: small curves side by side, on equal axes, with one legend."""
    rows = math.ceil(len(groups) / columns)
    size = (2.7 * columns, 1.9 * rows + 0.8)
    figure, axes = plt.subplots(
        rows, columns, figsize=size, layout="constrained", sharex=True, sharey=True, squeeze=False
    )
    for axis, (caption, series) in zip(axes.flat, groups.items(), strict=False):
        for i, (label, values) in enumerate(series.items()):
            style = dict(color=COLOURS[i], linestyle=STYLES[i])
            axis.plot(np.arange(1, len(values) + 1), values, label=label, **style)
        axis.set_title(caption, fontsize=10)
        axis.set(xlabel=xlabel, ylabel=ylabel)
        axis.grid(alpha=0.25)
    for axis in axes.flat[len(groups) :]:
        axis.set_axis_off()
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.suptitle(title)
    return figure


def timeline(dates, values, marks, title, xlabel, ylabel, known=1):
    """Values over dates, on a log scale; marks {date: label}; the first known dates are shaded."""
    figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
    axis.axvspan(dates[0], dates[known - 1], color="0.92", label="seen in training")
    axis.plot(dates, values, ".-", color=COLOURS[0], linewidth=0.7, markersize=5)
    above = (max(values) / min(values)) ** 0.06  # a factor: the scale is logarithmic
    for i, (date, label) in enumerate(marks.items(), 1):
        day, value = np.datetime64(date), values[list(dates).index(np.datetime64(date))]
        axis.plot(day, value, "o", color=COLOURS[1], markersize=9, fillstyle="none")
        style = dict(color=COLOURS[1], marker=f"${i}$", linewidths=0)
        axis.scatter(day, value * above, 50, label=label, **style)
    axis.set(title=title, xlabel=xlabel, ylabel=ylabel, yscale="log")
    axis.margins(y=0.1)
    axis.grid(alpha=0.25)
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure


def captioned(images, captions, title, columns=8):
    """A few images (N, H, W) or (N, H, W, 3), each with its own line or two of text above it."""
    images = to_numpy(images)
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    height = 1.7 + 0.2 * max(caption.count("\n") for caption in captions)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(1.25 * columns, height * rows + 0.3),
        layout="constrained",
        squeeze=False,
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, image, caption in zip(axes.flat, images, captions, strict=False):
        axis.imshow(mosaic(image[None], 1), cmap="gray_r", vmin=0, vmax=1)
        axis.set_title(caption, fontsize=10)
    figure.suptitle(title)
    return figure


def confusion(counts, class_names, title):
    """A confusion matrix (K, K): rows are true classes, columns predicted ones.

    The colour of a cell is its share of the row, on a square-root scale, so that single mistakes
    can be seen beside hundreds of hits.
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
    """{label: values}: one bar a value, at first, first + 1, ..., the groups side by side."""
    figure, axis = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    width = 0.8 / len(groups)
    for i, (label, values) in enumerate(groups.items()):
        x = np.arange(first, first + len(values)) + (i - (len(groups) - 1) / 2) * width
        axis.bar(x, to_numpy(values), width, color=COLOURS[i % len(COLOURS)], label=label)
    axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.margins(y=0.3)  # room for the legend
    axis.grid(alpha=0.25, axis="y")
    axis.legend()
    return figure


def spreads(groups, names, title, xlabel, ylabel):
    """{label: values (K, n)}: at each of the K names the mean of n runs, its standard deviation as
    a bar, and the runs themselves as dots, the groups side by side."""
    figure, axis = plt.subplots(figsize=(6.4, 4), layout="constrained")
    for i, (label, values) in enumerate(groups.items()):
        values = np.asarray(values, dtype=float)
        at = np.arange(len(names)) + 0.36 * (i - (len(groups) - 1) / 2)
        colour, marker = COLOURS[i % len(COLOURS)], "os^D"[i % 4]
        mean, spread = values.mean(axis=1), values.std(axis=1)
        style = dict(fmt=marker, color=colour, capsize=5, markersize=8, label=label)
        axis.errorbar(at, mean, spread, **style)
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
    """{label: values}: how the values are spread, each group as the share of its own."""
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


def roc(scores, title):
    """{label: (scores of usual samples, of odd ones)}: hits against false alarms."""
    figure, axis = plt.subplots(figsize=(5, 5), layout="constrained")
    for i, (label, (usual, odd)) in enumerate(scores.items()):
        thresholds = np.sort(np.concatenate([usual, odd, [np.inf]]))[::-1, None]
        alarms, hits = (np.mean(part >= thresholds, axis=1) for part in (usual, odd))
        style, colour = STYLES[i % len(STYLES)], COLOURS[i % len(COLOURS)]
        axis.plot(alarms, hits, style, color=colour, label=label)
    axis.plot((0, 1), (0, 1), color="0.6", linewidth=1, linestyle=(0, (1, 2)), label="guessing")
    axis.set(title=title, xlabel="share of usual samples flagged", aspect="equal")
    axis.set_ylabel("share of odd samples flagged")
    axis.grid(alpha=0.25)
    axis.legend(loc="lower right")
    return figure


def scatter(groups, title, xlabel, ylabel):
    """{label: points (N, 2)}: a cloud of points each; a label of one character is its marker."""
    figure, axis = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
    for i, (label, points) in enumerate(groups.items()):
        points, marker = to_numpy(points), "o^sD"[i % 4]
        marker, size = (f"${label}$", 36) if len(label) == 1 else (marker, 18)
        style = dict(s=size, alpha=0.75, marker=marker, linewidths=0)
        axis.scatter(*points.T, color=COLOURS[i % len(COLOURS)], label=label, **style)
    axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axis.grid(alpha=0.25)
    if any(len(label) > 1 for label in groups):
        axis.legend()
    return figure


def named_bars(values, title, xlabel, levels=None):
    """{name: value}: a bar each, the first on top, its value on it; levels as thin lines."""
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
