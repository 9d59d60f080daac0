"""The lessons: each has the promised shape, and each runs, quickly and without network.

A Boltzmann lesson's table of layers names the parts of its machine, each with the test file of it.
"""

import contextvars
import importlib
import json
import re
import runpy
import sys
from pathlib import Path

import fake_cupy
import pytest

from scratchnet.gradcheck_cases import LAYERS, LOSSES

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted(ROOT.glob("lessons/*.py"))
HEADINGS = [
    "Knobs",
    "Data, and the first picture",
    "The maths",
    "The layers used",
    "Build",
    "Check before you train",
    "Run",
    "Look",
    "Expected against reference",
    "What to try",
    "Pitfalls",
    "Exercise",
]
each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def text_of(path):
    return path.read_text(encoding="ascii")


def run(path, out, monkeypatch, *flags):
    """The lesson's variables after a run into the folder out."""
    monkeypatch.setattr(sys, "argv", [str(path), "--out", str(out), *flags])
    monkeypatch.setenv("MPLBACKEND", "Agg")
    # in a context of its own: a lesson chooses its device for the rest of its process
    context = contextvars.copy_context()
    variables = context.run(runpy.run_path, str(path), run_name="__main__")
    import matplotlib.pyplot as plt

    plt.close("all")
    return variables


@each_lesson
def test_runs_in_quick_mode_and_learns(path, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SCRATCHNET_QUICK", "1")
    variables = run(path, tmp_path, monkeypatch)
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert "all gradients agree" in printed
    first = next(iter(variables["history"].values()))
    assert first[-1] < first[0]

    report = json.loads((tmp_path / path.stem / "report.json").read_text(encoding="ascii"))
    assert report["lesson"] == path.stem and report["settings"]["quick"] is True
    assert report["settings"]["seed"] == 0 and report["seconds"] > 0
    assert all(isinstance(number, (int, float)) for number in report["metrics"].values())
    for name, alt in report["figures"].items():
        figure = tmp_path / path.stem / name
        assert figure.read_bytes().startswith(b"\x89PNG") and str(figure) in printed
        assert len(alt.split()) >= 4
    assert len(report["figures"]) >= 3


@each_lesson
def test_the_first_picture_comes_before_the_model(path):
    text = text_of(path)
    assert text.index("show(cfg") < text.index("# Build\n")


@each_lesson
def test_has_its_parts_in_order(path):
    text = text_of(path)
    title = text.split("\n")[1]
    assert re.fullmatch(rf"{path.name[:2]} - .+", title)
    headings = re.findall(r"^# %%\n# (.+)\n# -+$", text, flags=re.MULTILINE)
    assert headings == HEADINGS
    for part in ("**You will see**", "**Facts**", ".. math::", "Before this", "Next", "Paper"):
        assert part in text.split('"""')[1]
    assert text.split('"""')[1].count("\n- ") == 3


@each_lesson
def test_is_no_longer_than_a_few_pages_and_ascii(path):
    text = text_of(path)
    assert text.count("\n") <= 270
    assert max(map(len, text.split("\n"))) <= 100
    assert "__file__" not in text


@each_lesson
def test_every_layer_it_lists_is_where_it_says_and_has_its_check(path):
    block = text_of(path).split("# The layers used\n")[1].split("# %%")[0]
    rows = re.findall(r"^#    (\w+) +(scratchnet/\S+) +((?:scratchnet|tests/).+)$", block, re.M)
    assert rows
    for name, file, checked in rows:
        where = file.removesuffix(".py").replace("/", ".")
        assert getattr(importlib.import_module(where), name).__module__ == where
        if name in LAYERS | LOSSES:
            assert checked == f"scratchnet gradcheck {name}"
        else:  # a part of a Boltzmann machine, which has no backward to check
            assert re.search(rf"\b{name}\b", (ROOT / checked).read_text(encoding="ascii"))


@each_lesson
def test_every_command_it_suggests_is_understood(path, tmp_path, monkeypatch):
    text = text_of(path)
    suggested = text.split("# What to try\n")[1] if "What to try" in text else ""
    flags = set(re.findall(r"(--[a-z][a-z0-9-]*)", suggested))
    assert flags
    monkeypatch.setattr(sys, "argv", [str(path), "--help"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(path), run_name="__main__")
    assert stopped.value.code == 0


PITFALLS = [
    (path, name)
    for path in LESSONS
    for name in re.findall(r"--break (\w+)", text_of(path).partition("# Pitfalls\n")[2])
]


@pytest.mark.filterwarnings("ignore::UserWarning")  # to be warned is what some of them are about
@pytest.mark.parametrize("path, name", PITFALLS, ids=lambda v: getattr(v, "stem", v))
def test_every_pitfall_can_be_reproduced(path, name, tmp_path, monkeypatch, capsys):
    run(path, tmp_path, monkeypatch, "--quick", "--break", name)
    assert "broken on purpose" in capsys.readouterr().out


def metrics_of(path, out, monkeypatch, *flags):
    run(path, out, monkeypatch, "--quick", *flags)
    return json.loads((out / path.stem / "report.json").read_text(encoding="ascii"))["metrics"]


@each_lesson
def test_gives_the_same_numbers_twice_and_on_the_stand_in_for_a_gpu(path, tmp_path, monkeypatch):
    numbers = metrics_of(path, tmp_path / "a", monkeypatch, "--parity")
    assert metrics_of(path, tmp_path / "b", monkeypatch, "--parity") == numbers
    with fake_cupy.installed():
        on_device = metrics_of(path, tmp_path / "c", monkeypatch, "--parity", "--device", "gpu")
        assert fake_cupy.STATS.launches > 1000, "nothing ran on the device"
    assert on_device == pytest.approx(numbers, rel=1e-4)  # float32, a few epochs
