"""The lessons: each has the required form, runs in quick mode without network, and learns.

A lesson is trained once on the CPU and once on the stand-in for CuPy, which must give the same
numbers, and once for each of its faults (``--break``).
"""

import ast
import contextvars
import io
import json
import re
import runpy
import sys
import tokenize
from pathlib import Path

import fake_cupy
import pytest

from scratchnet import gradcheck, numerics
from scratchnet.lesson import references
from scratchnet.plots import style

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted(ROOT.glob("lessons/*.py"))
HEADINGS = [
    "Knobs",
    "Data, and the first picture",
    "Idea",
    "The maths",
    "Build",
    "Check before you train",
    "Break it on purpose",
    "Run",
    "Look",
    "Expected against reference",
    "Pitfalls",
    "What to try",
    "Exercise",
    "The layers used",
]
CODE_LINES, WIDTH = 115, 88
COUNTED = ("mean IoU", "correct pixels")  # shares of few pixels: one of 3,456 is 3e-4
each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def text_of(path):
    return path.read_text(encoding="ascii")


def section(path, heading):
    """The text of a section, code included."""
    return text_of(path).split(f"# {heading}\n# ---")[1].split("\n# %%\n# ")[0]


def code_lines(source):
    """Number of statements, without docstrings, imports and the call of knobs.

    A statement counts once however many lines its layout takes, so that a lesson gains nothing
    from being laid out densely.
    """
    left_out = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)):
            if ast.get_docstring(node):
                node = node.body[0]
            else:
                continue
        elif isinstance(node, ast.Call):
            if ast.unparse(node.func) != "knobs":
                continue
        elif not isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        left_out |= set(range(node.lineno, node.end_lineno + 1))
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    ends = [token.start[0] for token in tokens if token.type == tokenize.NEWLINE]
    return sum(line not in left_out for line in ends)


def gradcheck_of_few(*args, _gradcheck=gradcheck.gradcheck, **options):
    """Check two entries of each array: the first run of a lesson checks more of the same code."""
    return _gradcheck(*args, **options | {"samples": 2})


def save_without_layout(figure, path):
    """Draw a figure whole, with few pixels, but not its layout, which takes the most time."""
    figure.set_layout_engine("none")
    figure.savefig(path, dpi=20)


def save_with_layout(figure, path):
    """Draw a figure after one pass of its layout; `savefig` alone makes two."""
    if engine := figure.get_layout_engine():
        engine.execute(figure)
    save_without_layout(figure, path)


def run(path, out, monkeypatch, *flags):
    """The variables of a lesson after a run in quick mode into the folder out.

    With one worker, as on a device: another number of workers rounds in another way, and the tests
    run on all cores already.
    """
    quick = [str(path), "--out", str(out), "--quick", "--workers", "1"]
    monkeypatch.setattr(sys, "argv", [*quick, *flags])
    # in a context of its own: a lesson sets the device of the rest of its process
    context = contextvars.copy_context()
    variables = context.run(runpy.run_path, str(path), run_name="__main__")
    import matplotlib.pyplot as plt

    plt.close("all")
    return variables


def report_of(path, out):
    """The report of a run in quick mode into the folder out."""
    return json.loads((out / f"{path.stem}-quick" / "report.json").read_text(encoding="ascii"))


@each_lesson
@pytest.mark.usefixtures("without_numba")  # whose loops round otherwise than the device
def test_learns_and_gives_the_same_numbers_on_the_stand_in(path, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(style, "save", save_with_layout)
    monkeypatch.setattr(numerics, "FEW_ROWS", 0)  # the form of a product that a GPU computes
    variables = run(path, tmp_path / "cpu", monkeypatch, "--parity")
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert "all gradients agree" in printed
    first = next(iter(variables["history"].values()))
    assert first[-1] < first[0]

    report = report_of(path, tmp_path / "cpu")
    assert report["lesson"] == path.stem and report["settings"]["quick"] is True
    assert report["settings"]["seed"] == 0 and report["seconds"] > 0
    assert all(isinstance(number, (int, float)) for number in report["metrics"].values())
    for name, alt in report["figures"].items():
        figure = tmp_path / "cpu" / f"{path.stem}-quick" / name
        assert figure.read_bytes().startswith(b"\x89PNG") and str(figure) in printed
        assert len(alt.split()) >= 4
    assert len(report["figures"]) >= 2
    thumbnail = re.search(r"\n# sphinx_gallery_thumbnail_number = (\d+)\n$", text_of(path))
    assert 2 <= int(thumbnail[1]) <= len(report["figures"])  # not the samples, the first figure
    page = tmp_path / "cpu" / f"{path.stem}-quick" / "index.html"
    assert page.stat().st_size < 50_000 and "Source of the layers used" in page.read_text()
    for defined, check in re.findall(r"(scratchnet/\S+\.py)  +(tests/\S+\.py)?", printed):
        assert (ROOT / defined).exists() and (ROOT / check).exists(), (defined, check)

    monkeypatch.setattr(style, "save", lambda figure, path: None)  # the first run has drawn them
    monkeypatch.setattr(gradcheck, "gradcheck", gradcheck_of_few)
    with fake_cupy.installed():
        run(path, tmp_path / "gpu", monkeypatch, "--parity", "--device", "gpu")
        assert fake_cupy.STATS.launches > 1000, "nothing ran on the device"
    on_device = report_of(path, tmp_path / "gpu")["metrics"]
    assert on_device.keys() == report["metrics"].keys()
    for name, number in report["metrics"].items():  # float32, a few epochs
        close = {"abs": 1e-3} if name.startswith(COUNTED) else {"rel": 1e-4}
        assert on_device[name] == pytest.approx(number, **close), name


@each_lesson
def test_the_first_picture_comes_before_the_model(path):
    text = text_of(path)
    assert text.index("show(cfg") < text.index("# Build\n")


@each_lesson
def test_has_its_sections_in_order(path):
    text = text_of(path)
    title = text.split("\n")[1]
    assert re.fullmatch(rf"{path.name[:2]} - .+", title)
    headings = re.findall(r"^# %%\n# (.+)\n# -+$", text, flags=re.MULTILINE)
    assert headings == HEADINGS
    for part in ("**You will see**", "**Facts**", ".. math::", "Before this", "Next", "Paper"):
        assert part in text.split('"""')[1]
    assert text.split('"""')[1].count("\n- ") == 3


@each_lesson
def test_is_short_in_code_and_fits_a_page_in_width(path):
    text = text_of(path)
    assert code_lines(text) <= CODE_LINES
    assert max(map(len, text.split("\n"))) <= WIDTH
    assert "__file__" not in text
    assert re.findall(r"# fmt: *\w+", text) in ([], ["# fmt: skip"])  # of the knobs


@each_lesson
def test_the_idea_is_told_in_words(path):
    assert len(section(path, "Idea").split()) >= 80


@each_lesson
def test_a_fault_is_inserted_in_a_cell_of_its_own(path):
    text = text_of(path)
    inside = section(path, "Break it on purpose").count("cfg.broken")
    assert inside and text.count("cfg.broken") == inside


def test_the_code_lines_of_a_lesson_are_counted():
    source = '"""Title.\n"""\n\nimport a\n\ncfg = knobs(\n    b=1\n)\n# text\nx = [\n    1,\n]\n'
    assert code_lines(source) == 1


@each_lesson
def test_every_flag_it_suggests_is_understood(path, monkeypatch, capsys):
    flags = set(re.findall(r"(--[a-z][a-z0-9-]*)", section(path, "What to try")))
    assert flags
    monkeypatch.setattr(sys, "argv", [str(path), "--help"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(path), run_name="__main__")
    assert stopped.value.code == 0
    known = capsys.readouterr().out
    assert not {flag for flag in flags if not re.search(rf"{flag}\b", known)}
    datasets = re.search(r"--dataset \{(.*?)\}", known)
    for name in datasets.group(1).split(",") if datasets else [None]:
        references(path.stem, name)  # raises where references.json lacks the lesson or data set


FAULTS = [
    (path, name)
    for path in LESSONS
    for name in re.findall(r"--break (\w+)", text_of(path).partition("# Pitfalls\n")[2])
]


@pytest.mark.filterwarnings("ignore::UserWarning")  # some of the faults cause a warning
@pytest.mark.parametrize("path, name", FAULTS, ids=lambda v: getattr(v, "stem", v))
def test_every_pitfall_can_be_reproduced(path, name, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(style, "save", save_without_layout)
    monkeypatch.setattr(gradcheck, "gradcheck", gradcheck_of_few)
    run(path, tmp_path, monkeypatch, "--break", name)
    assert "broken on purpose" in capsys.readouterr().out
