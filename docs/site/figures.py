"""Figures of the lessons as images with few colours, and the chosen thumbnail of each lesson."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

COLOURS = 64
ROOT = Path(__file__).parents[2]


def scrape(block, block_vars, gallery_conf):
    """Images that a cell of a lesson has written with `show`, as reStructuredText.

    Sphinx-Gallery calls this function after each cell.
    """
    plt.close("all")
    cfg = block_vars["example_globals"].get("cfg")
    done = block_vars.setdefault("done", set())
    text = ""
    for name, alt in (cfg.figures if cfg else {}).items():
        if name not in done:
            done.add(name)
            path = Path(next(block_vars["image_path_iterator"]))
            # The lesson runs in the folder of the scripts, to which cfg.out is relative.
            save_palette(Path(block_vars["src_file"]).parent / cfg.out / name, path)
            address = path.relative_to(gallery_conf["src_dir"]).as_posix()
            text += f"\n.. image:: /{address}\n   :alt: {alt}\n   :class: lesson-figure\n\n"
    return text


def save_palette(source, target):
    """Write an image as PNG with a palette, about a third as large as with three channels."""
    with Image.open(source) as image:
        small = image.convert("RGB").quantize(
            COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
        )
    palette = np.array(small.getpalette(), "uint8").reshape(-1, 3)
    palette[palette.min(axis=1) > 245] = 255  # the mean of nearly white pixels is white
    small.putpalette(palette.tobytes())
    small.save(target, optimize=True)


def place_thumbnails(app):
    """Put docs/images/lessons/NN.png where Sphinx-Gallery has written a thumbnail of its own."""
    for path in Path(app.srcdir, "lessons", "images", "thumb").glob("sphx_glr_*_thumb.png"):
        number = path.name.removeprefix("sphx_glr_")[:2]
        chosen = ROOT / "docs" / "images" / "lessons" / f"{number}.png"
        if chosen.exists():
            path.write_bytes(chosen.read_bytes())


def setup(app):
    """Register the thumbnails; they follow Sphinx-Gallery, whose priority is the default 500."""
    app.connect("builder-inited", place_thumbnails, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
