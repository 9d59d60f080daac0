"""Pictures of README and gallery, made from the figures of the lessons.

    python -m docs.thumbnails          every picture
    python -m docs.thumbnails 15 20    the pictures of these lessons

The figures are read from lessons_out/<lesson>, or below the folder that SCRATCHNET_OUT names. A
lesson that has not run there is run first, with its default data and one worker. The pictures are
PNG files with a palette: docs/images/lessons/NN.png, and from lesson 15 docs/images/plane.png, too,
which is at the top of README.
"""

import os
import subprocess
import sys
from pathlib import Path

from PIL import Image, ImageChops

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
SIZE = (320, 224)
LIMIT = 12_288  # bytes of a picture
BANNER = {"plane": (0, 0, 1, 1), "grid": (0, 0.02, 1, 1)}  # figures of lesson 15, side by side
BANNER_SIZE = (800, 416)

FIGURES = {  # lesson: figure, and the part of it that is shown (left, top, right, bottom)
    "01": ("reconstructions", (0.1, 0.12, 0.57, 1)),
    "02": ("confusion", (0, 0.06, 0.79, 1)),
    "03": ("directions", (0, 0.12, 0.86, 1)),
    "04": ("widths",),
    "05": ("codes", (0.22, 0.06, 0.73, 0.705)),
    "06": ("denoised", (0.13, 0.06, 0.5, 0.57)),
    "07": ("walk", (0.17, 0.05, 1, 1)),
    "08": ("codes",),
    "09": ("kernels", (0.41, 0.22, 0.88, 1)),
    "10": ("codes", (0.085, 0.06, 0.592, 0.76)),
    "11": ("tsne",),
    "12": ("exchanged", (0.235, 0.04, 0.87, 0.62)),
    "13": ("roc",),
    "14": ("errors",),
    "15": ("grid", (0.07, 0.065, 1, 0.93)),
    "16": ("no_bound",),
    "17": ("varied", (0.14, 0.08, 0.915, 1)),
    "18": ("average", (0.085, 0.05, 0.74, 1)),
    "19": ("generated", (0.15, 0.08, 0.66, 0.36)),
    "20": ("pictures", (0.185, 0.75, 0.75, 1)),
    "21": ("gradient",),
    "22": ("loss",),
    "23": ("days",),
    "24": ("reconstructions", (0.14, 0.05, 0.84, 1)),
    "25": ("likelihood",),
    "26": ("filters", (0, 0.1, 0.88, 1)),
    "27": ("repairs",),
    "28": ("labels",),
    "29": ("judge",),
    "30": ("answers", (0.215, 0.05, 1, 1)),
    "31": ("dbm", (0.03, 0.03, 0.72, 0.52)),
    "32": ("zoo", (0, 0, 1, 0.35)),
    "33": ("scaling",),
    "34": ("predictions", (0.13, 0.03, 1, 0.75)),
    "35": ("position",),
}


def picture(figure, box=(0, 0, 1, 1), size=SIZE):
    """A part of a figure, without its white margins, in the middle of a white image.

    Parameters
        figure  a PIL image
        box     left, top, right and bottom of the part, as shares of the width and the height
        size    width and height of the image in pixels

    >>> picture(Image.new("RGB", (100, 50), "black"), size=(40, 40)).getbbox()
    (0, 0, 40, 40)
    """
    width, height = figure.size
    left, top, right, bottom = box
    part = figure.convert("RGB").crop(
        (round(left * width), round(top * height), round(right * width), round(bottom * height))
    )
    white = Image.new("RGB", part.size, "white")
    part = part.crop(ImageChops.difference(part, white).getbbox())
    scale = min(size[0] / part.width, size[1] / part.height)
    part = part.resize((round(part.width * scale), round(part.height * scale)), Image.LANCZOS)
    whole = Image.new("RGB", size, "white")
    whole.paste(part, ((size[0] - part.width) // 2, (size[1] - part.height) // 2))
    return whole


def save(image, path, limit=LIMIT):
    """Write an image as a PNG with at most 64 colours, fewer if the file exceeds the limit."""
    red, _, blue = image.split()
    gray = ImageChops.difference(red, blue).getbbox() is None
    method = Image.Quantize.MEDIANCUT if gray else Image.Quantize.MAXCOVERAGE  # keeps thin lines
    path.parent.mkdir(parents=True, exist_ok=True)
    for colours in (64, 32, 16, 8):
        few = image.quantize(colours, method, dither=Image.Dither.NONE)
        few.save(path, optimize=True)
        if path.stat().st_size <= limit:
            return


def banner(figures):
    """The figures of `BANNER` side by side."""
    whole = Image.new("RGB", BANNER_SIZE, "white")
    size = (BANNER_SIZE[0] // len(figures), BANNER_SIZE[1])
    for i, (name, figure) in enumerate(figures.items()):
        whole.paste(picture(figure, BANNER[name], size), (i * size[0], 0))
    return whole


def figure_of(lesson, name, runs):
    """A figure of a lesson, which is run first if its folder below `runs` is missing."""
    folder = runs / lesson.stem
    if not (folder / "report.json").exists():
        command = [sys.executable, str(lesson), "--workers", "1", "--out", str(runs)]
        subprocess.run(command, check=True)
    (path,) = folder.glob(f"[0-9][0-9]_{name}.png")
    return Image.open(path)


def main(numbers):
    """Write the pictures of these lessons, by default of all."""
    runs = Path(os.environ.get("SCRATCHNET_OUT", "lessons_out")).absolute()
    for number in numbers or FIGURES:
        (lesson,) = ROOT.glob(f"lessons/{number}_*.py")
        name, *box = FIGURES[number]
        image = figure_of(lesson, name, runs)
        save(picture(image, *box), IMAGES / "lessons" / f"{number}.png")
        if number == "15":
            save(
                banner({name: figure_of(lesson, name, runs) for name in BANNER}),
                IMAGES / "plane.png",
                5 * LIMIT,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
