"""Pictures side by side: samples, reconstructions, weights.

A grid of images is ONE matplotlib image, not hundreds of axes.
"""

import math

import matplotlib.pyplot as plt
import numpy as np

from scratchnet.backend import to_numpy


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
