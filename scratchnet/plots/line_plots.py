"""Line plots: curves over epochs or parameters, time series, ROC curves."""

import math

import matplotlib.pyplot as plt
import numpy as np

from scratchnet.backend import to_numpy
from scratchnet.plots.style import COLOURS, STYLES


def curves(series, title, xlabel, ylabel, levels=None, x=None, log=False, outside=False):
    """Curves over a common x axis; series with equal values are one line with both labels.

    Parameters
        series                 {label: values}, a line each
        title, xlabel, ylabel  texts
        levels                 {label: value}, a thin horizontal line each
        x                      positions of the values, by default 1, 2, 3, ...
        log                    a logarithmic y axis and, if x is given, a logarithmic x axis
        outside                put the legend below the axes, for lines that fill the plot

    >>> figure = curves({"loss": [0.9, 0.5, 0.4]}, "Training", "epoch", "loss")
    >>> figure.axes[0].lines[0].get_xdata()
    array([1, 2, 3])
    """
    figure, axis = plt.subplots(figsize=(6.4, 4), layout="constrained")
    for i, (label, values) in enumerate(_with_equal_ones_joined(series).items()):
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
    if outside:
        figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    else:
        axis.legend()
    return figure


def _with_equal_ones_joined(series):
    """{"a and b (identical)": values} for series that would cover one another."""
    groups = {}
    for label, values in series.items():
        groups.setdefault(tuple(np.asarray(to_numpy(values), dtype=float)), []).append(label)
    names = (" and ".join(n) + (" (identical)" if n[1:] else "") for n in groups.values())
    return {name: np.array(values) for name, values in zip(names, groups, strict=True)}


def panels(groups, title, xlabel, ylabel, columns=3, x=None, levels=None, log=False):
    """Small plots of curves side by side, on equal axes, with one legend.

    Parameters
        groups                 {caption: {label: values}}
        title, xlabel, ylabel  texts
        columns                plots per row
        x                      positions of the values, by default 1, 2, 3, ...
        levels                 {label: value}, a thin horizontal line in each plot
        log                    a logarithmic y axis

    >>> figure = panels({"SGD": {"loss": [3, 2]}, "Adam": {"loss": [2, 1]}}, "Loss", "step", "nats")
    >>> [axis.get_title() for axis in figure.axes[:2]]
    ['SGD', 'Adam']
    """
    rows = math.ceil(len(groups) / columns)
    size = (max(2.7 * columns, 6.4), (1.9 if columns > 2 else 2.8) * rows + 0.8)
    figure, axes = plt.subplots(
        rows, columns, figsize=size, layout="constrained", sharex=True, sharey=True, squeeze=False
    )
    labels = list(dict.fromkeys(label for series in groups.values() for label in series))
    for axis, (caption, series) in zip(axes.flat, groups.items(), strict=False):
        for label, values in series.items():
            i = labels.index(label)
            style = dict(color=COLOURS[i % len(COLOURS)], linestyle=STYLES[i % len(STYLES)])
            at = np.arange(1, len(values) + 1) if x is None else x
            axis.plot(at, values, label=label, **style)
        for i, (label, value) in enumerate((levels or {}).items()):
            style = dict(color="0.45", linewidth=1, linestyle=STYLES[::-1][i % len(STYLES)])
            axis.axhline(value, label=label, **style)
        axis.set_yscale("log" if log else "linear")
        axis.set_title(caption, fontsize=10)
        axis.set(xlabel=xlabel, ylabel=ylabel)
        axis.grid(alpha=0.25)
    for axis in axes.flat[len(groups) :]:
        axis.set_axis_off()
    lines = {}  # a label of several plots appears once
    for axis in axes.flat:
        lines |= dict(zip(*axis.get_legend_handles_labels()[::-1], strict=True))
    figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=4)
    figure.suptitle(title)
    return figure


def timeline(dates, values, marks, title, xlabel, ylabel, known=1):
    """Time series on a logarithmic scale, with marked dates.

    Parameters
        dates                  datetime64[D]
        values                 a positive number for each
        marks                  {date: label}, dates as text, for example "2014-12-25"
        title, xlabel, ylabel  texts
        known                  the first `known` dates are shaded as training data

    >>> dates = np.datetime64("2014-12-24") + np.arange(3)
    >>> figure = timeline(dates, [1, 9, 2], {"2014-12-25": "Christmas"}, "Errors", "day", "error")
    >>> figure.axes[0].get_yscale()
    'log'
    """
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


def roc(scores, title):
    """ROC curves: share of anomalies detected against share of normal samples flagged.

    Parameters
        scores  {label: (scores of normal samples, scores of anomalies)}, high for an anomaly
        title   of the figure

    >>> figure = roc({"error": (np.array([1, 2, 3]), np.array([3, 4]))}, "Anomalies")
    >>> figure.axes[0].get_ylabel()
    'share of anomalies flagged'
    """
    figure, axis = plt.subplots(figsize=(5, 5), layout="constrained")
    for i, (label, (normal, anomalous)) in enumerate(scores.items()):
        thresholds = np.sort(np.concatenate([normal, anomalous, [np.inf]]))[::-1, None]
        alarms, hits = (np.mean(part >= thresholds, axis=1) for part in (normal, anomalous))
        style, colour = STYLES[i % len(STYLES)], COLOURS[i % len(COLOURS)]
        axis.plot(alarms, hits, style, color=colour, label=label)
    axis.plot((0, 1), (0, 1), color="0.6", linewidth=1, linestyle=(0, (1, 2)), label="chance")
    axis.set(title=title, xlabel="share of normal samples flagged", aspect="equal")
    axis.set_ylabel("share of anomalies flagged")
    axis.grid(alpha=0.25)
    axis.legend(loc="lower right")
    return figure
