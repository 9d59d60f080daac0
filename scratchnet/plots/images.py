"""Images side by side: samples, reconstructions, weights.

Gray images are drawn as ink on paper: 0 is white and 1 is black, as in the figures of MNIST. A
grid of images is ONE matplotlib image, which is much faster than one pair of axes for each.
"""

import math

import matplotlib.pyplot as plt
import numpy as np

from scratchnet.backend import to_numpy
from scratchnet.plots.style import COLOURS


def mosaic(images, columns, gap=1, background=1.0):
    """Arrange images row by row in one array, with a gap between them.

    Parameters
        images      (N, H, W), (N, H, W, 1), or colour (N, H, W, 3) with values in [0, 1]
        columns     images per row
        gap         pixels between them
        background  value of the gap; between colour images it is 1, white

    Returns an array (height, width) or (height, width, 3).

    >>> mosaic(np.ones((3, 2, 2)), columns=2, background=0).shape  # two rows of two
    (5, 5)
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


def image_grid(images, columns, title, extent=None, labels=("z_1", "z_2")):
    """Grid of images, black on white or RGB.

    Parameters
        images   (N, H, W), (N, H, W, 1) or (N, H, W, 3), values in [0, 1]
        columns  images per row
        title    of the figure
        extent   coordinate of the outer edge of the grid: the axes go from -extent to extent, with
                 thin lines at 0; None: no axes
        labels   of both axes

    >>> figure = image_grid(np.zeros((6, 28, 28)), columns=3, title="Samples")
    >>> figure.axes[0].get_title()
    'Samples'
    """
    canvas = mosaic(images, columns, background=0.0)
    width = 6.4
    figure, axis = plt.subplots(
        figsize=(width, width * canvas.shape[0] / canvas.shape[1] + 0.5), layout="constrained"
    )
    edges = None if extent is None else (-extent, extent, -extent, extent)
    axis.imshow(canvas, cmap="gray_r", vmin=0, vmax=1, extent=edges)
    axis.set_title(title)
    if extent is None:
        axis.set_axis_off()
    else:
        axis.set(xlabel=labels[0], ylabel=labels[1])
        axis.axhline(0, color=COLOURS[0], linewidth=0.8)
        axis.axvline(0, color=COLOURS[0], linewidth=0.8)
    return figure


def image_rows(rows, title, framed=(), columns=None):
    """Rows of images, each with a label, for example originals and reconstructions.

    Each row is scaled to its own largest value; sizes and ranges may differ between rows.

    Parameters
        rows     {label: images (N, H, W), (N, H, W, 1) or (N, H, W, 3)}
        title    of the figure
        framed   labels of rows whose images get a frame; one that is 0 everywhere is crossed out
        columns  names of the columns, above the first row

    >>> figure = image_rows({"x": np.ones((4, 28, 28)), "code": np.ones((4, 8, 4))}, "Codes")
    >>> [axis.get_ylabel() for axis in figure.axes]
    ['x', 'code']
    """
    side = 7 / max(map(len, rows.values()))  # inches, so that images are about square
    size = (8, (side + 0.05) * len(rows) + 0.5)
    figure, axes = plt.subplots(len(rows), 1, figsize=size, layout="constrained", squeeze=False)
    for axis, (label, images) in zip(axes[:, 0], rows.items(), strict=True):
        canvas = mosaic(images, len(images), background=0.0)
        axis.imshow(canvas, cmap="gray_r", vmin=0, vmax=max(canvas.max(), 1e-9), aspect="auto")
        axis.set_ylabel(label, rotation=0, ha="right", va="center")
        width = canvas.shape[1] / len(images)
        if label in framed:
            _frame(axis, to_numpy(images))
        axis.set_xticks([])
        if columns is not None and axis is axes[0, 0]:
            places = [(i + 0.5) * width - 0.5 for i in range(len(images))]
            axis.set_xticks(places, columns, fontsize=9)
            axis.xaxis.tick_top()
            axis.tick_params(length=0)
        axis.set_yticks([])
        for side in axis.spines.values():
            side.set_visible(False)
    figure.suptitle(title)
    return figure


def _frame(axis, images):
    """Draw a frame around each image of a row, and a cross over each that is 0 everywhere."""
    height, width = images.shape[1:3]
    for i, image in enumerate(images):
        left = i * (width + 1) - 0.5
        x, y = (left, left + width), (-0.5, height - 0.5)
        axis.plot([x[0], x[1], x[1], x[0], x[0]], [y[0], y[0], y[1], y[1], y[0]], "0.6", lw=0.6)
        if not image.any():
            axis.plot([*x, np.nan, *x], [*y, np.nan, *y[::-1]], color="0.6", linewidth=0.6)


def signed_panels(groups, columns, title, label="weight"):
    """Grids of weights one above the other, each with a colour bar of its own.

    Parameters
        groups   {caption: images (N, H, W)}
        columns  images per row
        title    of the figure
        label    text beside the colour bars

    >>> weights = {"first": np.ones((4, 2, 2)), "second": -np.ones((4, 2, 2))}
    >>> [axis.get_title() for axis in signed_panels(weights, 2, "Filters").axes[:2]]
    ['first', 'second']
    """
    canvases = {c: mosaic(images, columns, background=0.0) for c, images in groups.items()}
    width = 6.4
    height = sum(width * c.shape[0] / c.shape[1] + 0.4 for c in canvases.values()) + 0.4
    figure, axes = plt.subplots(
        len(groups), 1, figsize=(width + 0.9, height), layout="constrained", squeeze=False
    )
    for axis, (caption, canvas) in zip(axes[:, 0], canvases.items(), strict=True):
        limit = np.abs(canvas).max()
        shown = axis.imshow(canvas, cmap="RdBu_r", vmin=-limit, vmax=limit)
        figure.colorbar(shown, ax=axis, label=label, fraction=0.05)
        axis.set_title(caption, fontsize=10)
        axis.set_axis_off()
    figure.suptitle(title)
    return figure


def signed_grid(images, columns, title):
    """Grid of weights drawn as images: red is positive, white is 0, blue is negative.

    Parameters
        images   (N, H, W), for example the weights of each unit
        columns  images per row
        title    of the figure

    >>> figure = signed_grid(np.array([[[-1.0, 0.0], [0.5, 1.0]]]), 1, "Filters")
    >>> figure.axes[0].images[0].get_clim()
    (-1.0, 1.0)
    """
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


def captioned(images, captions, title, columns=8):
    """Grid of images with a caption above each.

    Parameters
        images    (N, H, W), (N, H, W, 1) or (N, H, W, 3), values in [0, 1]
        captions  N texts of one line or more
        title     of the figure
        columns   images per row

    >>> figure = captioned(np.zeros((2, 28, 28)), ["a 3", "an 8"], "Errors")
    >>> [axis.get_title() for axis in figure.axes]
    ['a 3', 'an 8']
    """
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
