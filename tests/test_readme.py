"""README.md: its code runs, its commands exist, and its numbers are those of the library."""

import re
import textwrap
from pathlib import Path

import numpy as np
import pytest

from scratchnet.cli import main
from scratchnet.exercises.catalogue import EXERCISES
from scratchnet.layers import Dense
from scratchnet.zoo import FAULTS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [textwrap.dedent(b) for b in re.findall(r"^ *```python\n(.*?)```", README, re.M | re.S)]


def block(first_line):
    (found,) = [code for code in BLOCKS if code.startswith(first_line)]
    return found


def test_the_layer_shown_computes_what_the_library_computes():
    names = {"Layer": object}
    exec(block("class Dense"), names)
    layer, rng = Dense(3), np.random.default_rng(0)
    layer.build((4,), 0)
    shown = names["Dense"]()
    shown.W, shown.b = layer.W, layer.b
    x, dy = (rng.normal(size=(5, n)).astype("float32") for n in (4, 3))
    (y, cache), (y_shown, cache_shown) = layer.forward(x), shown.forward(x)
    np.testing.assert_allclose(y_shown, y, 1e-5)
    (dx, grads), (dx_shown, grads_shown) = (
        layer.backward(dy, cache),
        shown.backward(dy, cache_shown),
    )
    np.testing.assert_allclose(dx_shown, dx, 1e-5)
    for name in "Wb":
        np.testing.assert_allclose(grads_shown[name], grads[name], 1e-5)


def test_the_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(block("from scratchnet.data").replace("epochs=20", "epochs=5"), names)
    x, t = names["x"], names["images"].y_train
    assert (names["model"](x).argmax(axis=1) == t).mean() > 0.9
    exec(block("from scratchnet.xray"), names)
    assert (tmp_path / "xray.html").exists()
    exec(block("from sklearn").replace("n_iter=20", "n_iter=2"), {})


COMMANDS = sorted(set(re.findall(r"(?:`|^)scratchnet ([a-z]+)", README, re.M)))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_exists(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0


def test_numbers():
    assert f"lists all {len(EXERCISES)}," in README
    assert f"lists {len(FAULTS)} errors" in README


def test_the_lessons_with_mnist_are_listed():
    (listed,) = re.findall(
        r"The lessons ([^.]*?) have `--dataset mnist`", README.replace("\n", " ")
    )
    named = set()
    for first, last in re.findall(r"(\d+)(?: to (\d+))?", listed):
        named |= set(range(int(first), int(last or first) + 1))
    lessons = (ROOT / "lessons").glob("[0-9][0-9]_*.py")
    texts = {int(path.name[:2]): path.read_text(encoding="ascii") for path in lessons}
    assert named == {number for number, text in texts.items() if '"mnist": {' in text}


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_shortened_layer_is_said_to_be_shortened(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    _, _, after = text.partition('return dx, {"W": dW, "b": db}\n```\n')
    assert re.match(r"\n\*Shortened: \[.*?\]\([./]*scratchnet/layers/dense.py\)", after)


def test_functions_named_beside_a_file_are_in_that_file():
    named = re.findall(r"`(\w+)` in \[.*?\]\((.*?)\)", README)
    assert len(named) == 2
    for name, file in named:
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")


def test_headings_that_are_linked_exist():
    texts = {"": README, "CONTRIBUTING.md": (ROOT / "CONTRIBUTING.md").read_text("utf-8")}
    for file, anchor in re.findall(r"\]\(([\w.]*)#([\w-]+)\)", README):
        headings = re.findall(r"^#+ (.*)$", texts[file], re.M)
        assert anchor in [title.lower().replace(" ", "-") for title in headings], anchor


def test_the_picture_at_the_top_is_described_and_there():
    alt, path = re.search(r"!\[(.*?)\]\((.*?)\)", README).groups()
    assert len(alt) > 80 and (ROOT / path).exists()
