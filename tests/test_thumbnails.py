"""The pictures of the lessons in README and gallery: complete, small, and as the table says."""

import numpy as np
import pytest
from PIL import Image, ImageChops

from docs import thumbnails
from scratchnet.cli import find_lessons

LESSONS = find_lessons()
WRITES_A_FIGURE = """
import sys
from pathlib import Path
from PIL import Image

folder = Path(sys.argv[sys.argv.index("--out") + 1], "01_tiny")
folder.mkdir(parents=True)
Image.new("RGB", (60, 40), "black").save(folder / "02_square.png")
(folder / "report.json").write_text("{}")
"""


def test_each_lesson_has_an_entry_with_a_figure_that_it_shows():
    assert list(thumbnails.FIGURES) == sorted(LESSONS)
    for number, (name, *box) in thumbnails.FIGURES.items():
        assert f'"{name}"' in LESSONS[number].read_text(encoding="utf-8"), (number, name)
        for left, top, right, bottom in box:
            assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1


@pytest.mark.parametrize("number", LESSONS)
def test_the_picture_of_a_lesson_is_small_and_has_the_common_size(number):
    path = thumbnails.IMAGES / "lessons" / f"{number}.png"
    assert path.stat().st_size <= thumbnails.LIMIT
    with Image.open(path) as image:
        assert (image.mode, image.size) == ("P", thumbnails.SIZE)


def test_the_banner_has_its_size():
    with Image.open(thumbnails.IMAGES / "plane.png") as image:
        assert (image.mode, image.size) == ("P", thumbnails.BANNER_SIZE)


def test_a_part_of_a_figure_is_trimmed_scaled_and_centred():
    figure = Image.new("RGB", (100, 100), "white")
    figure.paste("black", (10, 20, 20, 30))
    figure.paste("black", (60, 60, 90, 90))  # outside of the part
    image = thumbnails.picture(figure, (0, 0, 0.5, 0.5), (40, 20))
    ink = ImageChops.invert(image).getbbox()
    assert ink == (10, 0, 30, 20)  # 10x10 pixels, enlarged to the height of 20


def test_colours_are_left_out_until_the_file_is_small_enough(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for limit, colours in ((10_000, 64), (2_500, 16)):
        thumbnails.save(Image.fromarray(noise), tmp_path / "noise.png", limit)
        assert (tmp_path / "noise.png").stat().st_size <= limit
        with Image.open(tmp_path / "noise.png") as image:
            assert len(image.getcolors()) == colours


def test_a_lesson_without_a_run_is_run_once(tmp_path):
    lesson, runs = tmp_path / "01_tiny.py", tmp_path / "runs"
    lesson.write_text(WRITES_A_FIGURE)
    for _ in range(2):  # a second run would fail: its folder exists
        with thumbnails.figure_of(lesson, "square", runs) as figure:
            assert figure.size == (60, 40)
