"""Two runs of a lesson: which of them are run, where they are found, and what is refused."""

import json
from pathlib import Path

import pytest

from scratchnet import cli, compare
from scratchnet.compare import find_run

LESSON = '''"""
01 - Trial
==========
"""
from scratchnet.lesson import knobs, report, show
from scratchnet.plots import curves

cfg = knobs("01_dense_autoencoder", units=3, epochs=1, datasets={"digits": {}},
            breaks={"fuse": "it burns"})
show(cfg, curves({"a": [1, 2]}, "title", "x", "y"), "line", "a line that rises")
report(cfg, {"val BCE": 0.5 if cfg.broken else 0.34})
'''


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    """A short lesson, whose runs go to tmp_path / "out"; the runs so far are in its list."""
    path = tmp_path / "01_dense_autoencoder.py"
    path.write_text(LESSON, encoding="ascii")
    monkeypatch.setenv("SCRATCHNET_OUT", str(tmp_path / "out"))
    monkeypatch.delenv("SCRATCHNET_QUICK", raising=False)
    monkeypatch.setenv("MPLBACKEND", "agg")
    return path


def runs(capfd):
    return [line.split()[2:] for line in capfd.readouterr().out.splitlines() if line[:4] == "run "]


def test_missing_runs_are_run_once_and_both_are_on_the_page(lesson, capfd):
    page = compare.compare(lesson, ["--break", "fuse", "--quick"])
    assert runs(capfd) == [["--break", "fuse", "--quick"], ["--quick"]]
    assert page.parent.name == "01_dense_autoencoder-break-fuse-quick"
    text = page.read_text(encoding="ascii")
    assert "../01_dense_autoencoder-quick/01_line.png" in text and "it burns" in text
    assert compare.compare(lesson, ["--quick", "--break=fuse"]) == page
    assert runs(capfd) == []
    compare.compare(lesson, ["--units", "8", "--quick"])
    assert runs(capfd) == [["--units", "8", "--quick"]]


def test_the_folder_of_the_runs_can_be_given(lesson, tmp_path):
    page = compare.compare(lesson, ["--break", "fuse", "--out", str(tmp_path / "b")])
    assert page.parents[1] == tmp_path / "b"
    assert compare.compare(lesson, ["--break", "fuse", f"--out={tmp_path / 'b'}"]) == page


def test_quick_mode_of_the_environment_holds_for_both(lesson, monkeypatch, capfd):
    monkeypatch.setenv("SCRATCHNET_QUICK", "1")
    page = compare.compare(lesson, ["--break", "fuse"])
    assert page.parent.name.endswith("quick")
    assert runs(capfd) == [["--break", "fuse", "--quick"], ["--quick"]]


def test_flags_that_change_nothing_are_refused(lesson):
    with pytest.raises(ValueError, match="compare expects a flag that the first run does not have"):
        compare.compare(lesson, ["--quick"])


def test_a_wrong_flag_is_named_before_the_run_without_it(lesson, capfd):
    with pytest.raises(ValueError, match="01_dense_autoencoder.py --units many has failed"):
        compare.compare(lesson, ["--units", "many"])
    assert runs(capfd) == [["--units", "many"]]


def test_a_run_is_found_by_its_flags_and_its_lesson(tmp_path):
    for folder, name, flags in (("1", "1", []), ("10", "10", []), ("1-q", "1", ["--quick"])):
        (tmp_path / folder).mkdir()
        report = {"lesson": name, "flags": flags}
        (tmp_path / folder / "report.json").write_text(json.dumps(report))
    assert find_run(tmp_path, "1", ["--quick"]) == tmp_path / "1-q"
    assert find_run(tmp_path, "1", []) == tmp_path / "1"
    assert find_run(tmp_path, "1", ["--break", "a"]) is None


def test_the_command_prints_the_page(monkeypatch, capsys):
    called = []
    monkeypatch.setattr(compare, "compare", lambda *args: called.append(args) or Path("a.html"))
    assert cli.main(["compare", "1", "--break", "zeros"]) == 0
    assert capsys.readouterr().out == "page    a.html\n"
    ((lesson, flags),) = called
    assert lesson.name == "01_dense_autoencoder.py" and flags == ["--break", "zeros"]
