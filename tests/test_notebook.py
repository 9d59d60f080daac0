"""Notebooks of the lessons: their format, their Markdown, and that their code runs."""

import ast
import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scratchnet import cli
from scratchnet.notebook import blocks, markdown, notebook, write_notebook

ROOT = Path(__file__).parents[1]
LESSONS = sorted(ROOT.glob("lessons/[0-9]*.py"))
each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)

# Runs the code cells of a notebook in one namespace, as a kernel does, with stand-ins for the two
# modules of Jupyter that scratchnet.lesson uses, and prints what the cells display.
KERNEL = """
import builtins, json, sys, types
sys.modules["ipykernel"] = types.ModuleType("ipykernel")
stand_in = types.ModuleType("IPython.display")
stand_in.display = lambda data, metadata, raw: print("displayed", json.dumps([data, metadata]))
sys.modules |= {"IPython": types.ModuleType("IPython"), "IPython.display": stand_in}
sys.modules["IPython"].__dict__.update(get_ipython=lambda: None, version_info=(9, 0))
with open(sys.argv[1]) as file:
    cells = json.load(file)["cells"]
for cell in cells:
    if cell["cell_type"] == "code":
        code = "".join(cell["source"]).replace('flags=""', 'flags="--quick --workers 1"', 1)
        builtins.exec(compile(code, cell["id"], "exec"), globals())
import matplotlib.pyplot as plt
print("figures left open:", plt.get_fignums())
"""


def content_of(path):
    return notebook(path.stem, path.read_text(encoding="ascii"))


def texts(content, kind):
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == kind]


@each_lesson
def test_a_notebook_has_all_code_and_no_remnant_of_restructuredtext(path):
    content = content_of(path)
    code = "\n".join(texts(content, "code")).replace('flags=""', "")
    for line in path.read_text(encoding="ascii").split('"""\n', 2)[2].splitlines():
        assert line.startswith("#") or line in code, line
    prose = "\n".join(texts(content, "markdown"))
    assert prose.startswith(f"# {path.stem[:2]} - ")
    assert re.findall(r"^## .+$", prose, re.MULTILINE)[-1] == "## The layers used"
    assert not re.search(r"^\.\. |:\w+:`|\w`_+\W|(?<!`)``(?!`)|^---|^===", prose, re.MULTILINE)
    assert 'flags="--quick"' in prose and "# %%" not in prose + code
    assert "sphinx_gallery" not in code


@each_lesson
def test_no_cell_prints_a_return_value(path):
    for code in texts(content_of(path), "code"):
        last = ast.parse(code).body[-1]
        if isinstance(last, ast.Expr) and not code.endswith(";"):
            assert ast.unparse(last).startswith(("print(", "show("))


def test_a_semicolon_comes_before_a_comment():
    source = 'cfg = knobs(\n    "00_a",\n)\nfit(\n    x\n)  # fast\n# end\n'
    (code,) = texts(notebook("00_a", source), "code")
    assert code.endswith("fit(\n    x\n);  # fast\n# end")


@each_lesson
def test_a_notebook_has_the_format_of_jupyter(path):
    nbformat = pytest.importorskip("nbformat")
    content = content_of(path)
    nbformat.validate(content)
    assert len({cell["id"] for cell in content["cells"]}) == len(content["cells"])


@pytest.mark.lessons
@pytest.mark.parametrize("number", ["01", "21", "27"])
def test_the_code_cells_run_in_order_and_display_the_figures(number, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["notebook", number]) == 0
    file = capsys.readouterr().out.split(":")[0]
    command = [sys.executable, "-W", "error", "-c", KERNEL, file]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "figures left open: []" in done.stdout
    (report,) = tmp_path.glob("lessons_out/*-quick/report.json")
    figures = json.loads(report.read_text(encoding="ascii"))["figures"]
    displayed = re.findall(r"^displayed (.+)$", done.stdout, re.MULTILINE)
    for alt, (data, metadata) in zip(figures.values(), map(json.loads, displayed), strict=True):
        assert data["text/plain"] == alt and metadata == {"image/png": {"alt": alt}}
        assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")


def test_a_notebook_is_not_written_over_without_force(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["notebook", "1"]) == 0
    assert capsys.readouterr().out == (
        "01_dense_autoencoder.ipynb: open it with jupyter lab 01_dense_autoencoder.ipynb\n"
    )
    path = tmp_path / "01_dense_autoencoder.ipynb"
    path.write_text("my notes", encoding="ascii")
    assert cli.main(["notebook", "01"]) == 2
    assert capsys.readouterr().err == (
        f"scratchnet: {path.name} exists; add --force to write over it\n"
    )
    assert path.read_text(encoding="ascii") == "my notes"
    assert cli.main(["notebook", "01", "--force"]) == 0
    assert json.loads(path.read_text(encoding="ascii"))["nbformat"] == 4


def test_a_script_in_another_form_is_refused_in_one_sentence(tmp_path):
    lesson = tmp_path / "01_mine.py"
    lesson.write_text('knobs("01_mine", epochs=3)\n', encoding="ascii")
    with pytest.raises(ValueError, match="needs one call of knobs with '01_mine' on its second"):
        write_notebook(lesson, tmp_path)
    with pytest.raises(ValueError, match="shows the directives math and code-block.*'image'"):
        markdown("A cat.\n\n.. image:: cat.png")
    assert not list(tmp_path.glob("*.ipynb"))


def test_code_without_text_and_text_without_code_have_one_cell_each():
    source = (
        '"""Title\n=====\n"""\n\n# %%\n# Only text, of\n# two lines.\n\n# %%\nx = 1  # one\n# two\n'
    )
    assert blocks(source) == [
        ("markdown", "Title\n====="),
        ("markdown", "Only text, of\ntwo lines."),
        ("code", "x = 1  # one\n# two"),
    ]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("01 - Title\n==========\n\nText.", "# 01 - Title\n\nText."),
        ("A\n- b", "A\n- b"),
        ("**You see**\n\n- a line\n  and more;\n- b.", "**You see**\n\n- a line and more;\n- b."),
        ("A literal ``--set\nname``, 2 * 3 < 7.", r"A literal `--set name`, 2 \* 3 \< 7."),
        ("As in ``a * b``.", "As in `a * b`."),
        (".. math:: a,\n   = b\n\nNext", "$$\na,\n= b\n$$\n\nNext"),
        (
            "Code:\n\n.. code-block:: text\n\n   a  * b\n\n     c\n\nAfter",
            "Code:\n\n```text\na  * b\n\n  c\n```\n\nAfter",
        ),
    ],
)
def test_markdown_of_each_construct(text, expected):
    assert markdown(text) == expected
