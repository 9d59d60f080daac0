"""Figures of the results, as PNG files with a palette."""

import io

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from PIL import Image

from benchmarks.curves import CURVES
from benchmarks.models import ROWS, SHORT
from benchmarks.summary import TITLES, conclusions, ratios
from benchmarks.timing import FOUR
from scratchnet.plots.style import COLOURS, DPI

LOOK = {  # colour, marker, line
    "scratchnet": ("#000000", "o", "-"),
    "torch": (COLOURS[0], "s", "--"),
    "torch, fused Adam": (COLOURS[5], "D", "-."),
    "keras on jax": (COLOURS[1], "^", ":"),
    "keras on tensorflow": (COLOURS[2], "v", (0, (5, 1, 1, 1, 1, 1))),
}


def save(figure, path):
    """Write a figure as a PNG of at most 64 colours, a third of the bytes of full colour."""
    stream = io.BytesIO()
    figure.savefig(stream, dpi=DPI, format="png")
    plt.close(figure)
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.open(stream).convert("RGB")
    colours = image.quantize(64, dither=Image.Dither.NONE)
    colours.save(path, optimize=True)


def ratio_figure(models, threads, path):
    """Step of each peer in units of scratchnet's, a line of points for each row."""
    rows = [name for name in ROWS if ratios(models.get(name, {"contestants": NONE}))]
    rows.sort(key=lambda name: ratios(models[name])["best"], reverse=True)
    figure, axes = plt.subplots(figsize=(8, 0.34 * len(rows) + 1.5), layout="constrained")
    axes.axvspan(0.01, 1, color="#F2F2F2", zorder=0)
    axes.axvline(1, color="black", linewidth=1)
    for peer in FOUR:
        places = [(1 / ratios(models[name]).get(peer, float("nan")), i)
                  for i, name in enumerate(rows)]  # fmt: skip
        colour, marker, _ = LOOK[peer]
        axes.plot(*zip(*places, strict=True), marker, color=colour, label=TITLES[peer],
                  markersize=7, alpha=0.9)  # fmt: skip
    axes.set_xscale("log")
    fastest = max(1 / min(ratios(models[name]).values()) for name in rows)
    slowest = min(1 / ratios(models[name])["best"] for name in rows)
    axes.set_xlim(min(0.7, 0.9 * slowest), max(2.5, 1.15 * fastest))
    ticks = [t for t in (0.25, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 10) if axes.get_xlim()[0] <= t]
    ticks = [t for t in ticks if t <= axes.get_xlim()[1]]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.set_yticks(range(len(rows)), [SHORT[name] for name in rows])
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("step of the peer / step of scratchnet, which is faster right of 1")
    mean = 1 / conclusions(models)["means"]["best"]
    cores = f"{threads} cores" if threads > 1 else "one core"
    figure.suptitle(
        f"Time of a training step on {cores}, compared with scratchnet\n"
        f"(fastest peer of each row: {mean:.2f} in the geometric mean)",
        fontsize=11,
    )
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    save(figure, path)


NONE = {"scratchnet": {"median": 1.0}}  # the contestants of a row that was not measured


def growth(curves, path):
    """Time of a step against each size, on logarithmic axes; one panel for each curve.

    curves is {name in CURVES: {value: {contestant: ms}}}.
    """
    columns = min(3, len(curves))
    lines = -(-len(curves) // columns)
    figure, grid = plt.subplots(lines, columns, figsize=(4 * columns, 3.3 * lines), squeeze=False,
                                layout="constrained")  # fmt: skip
    panels = grid.ravel()
    for axes, (name, points) in zip(panels, curves.items(), strict=False):
        curve, values = CURVES[name], sorted(points)
        for who, (colour, marker, line) in LOOK.items():
            ms = [points[value].get(who, float("nan")) for value in values]
            if any(who in points[value] for value in values):
                label = TITLES.get(who, who)
                width = 2.2 if who == "scratchnet" else 1.4
                axes.plot(values, ms, marker=marker, linestyle=line, color=colour, label=label,
                          linewidth=width, markersize=5)  # fmt: skip
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(values, list(map(str, values)))
        axes.minorticks_off()
        low, high = axes.get_ylim()
        ticks = [
            t
            for k in range(-2, 5)
            for t in (10**k, 2 * 10**k, 3 * 10**k, 5 * 10**k)
            if low <= t <= high
        ]
        axes.set_yticks(ticks, [f"{t:g}" for t in ticks])
        axes.set_xlabel(curve.label)
        axes.set_ylabel("ms per step")
        axes.set_title(curve.title, fontsize=10)
        axes.grid(color="#E5E5E5", linewidth=0.6)
    handles, labels = panels[0].get_legend_handles_labels()
    spare = panels[len(curves) :]
    for axes in spare:
        axes.axis("off")
    if len(spare):
        spare[0].legend(handles, labels, loc="center", frameon=False)
    else:
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    save(figure, path)
