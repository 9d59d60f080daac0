"""Files of the exercises: writing, importing, progress, and unusable input."""

import subprocess
import sys

import pytest
from exercise_solutions import solution

from scratchnet import cli
from scratchnet.exercises.catalogue import find
from scratchnet.exercises.files import exercise_in, listing, load, progress, remember, write


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_written_file_is_not_written_over(folder, capsys):
    assert cli.main(["exercise", "dense"]) == 0
    path = folder / "exercises" / "dense.py"
    path.write_text("mine = 1\n")
    assert cli.main(["exercise", "Dense"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert path.read_text() == "mine = 1\n"
    assert cli.main(["exercise", "Dense", "--force"]) == 0
    text = find("Dense").template.read_text()
    assert path.read_text() == text.replace("grade dense", "grade exercises/dense")


def test_a_name_of_several_words_and_a_folder(folder, capsys):
    assert cli.main(["exercise", "contrastive", "divergence", "--to", "here/below"]) == 0
    assert (folder / "here/below/contrastive_divergence.py").exists()
    assert "scratchnet grade" in capsys.readouterr().out


def test_the_exit_code_is_0_only_if_all_passes(folder, capsys):
    path = write(find("ReLU"))
    assert cli.main(["grade", str(path)]) == 1
    path.write_text(solution("ReLU"))
    assert cli.main(["grade", str(path)]) == 0
    assert "3 of 3 pass: the exercise is done" in capsys.readouterr().out
    assert cli.main(["progress"]) == 0
    assert "1 of 29 exercises pass in exercises" in capsys.readouterr().out
    assert cli.main(["exercise"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[2].split()[-1] == "passes" and rows[3].split()[-1] == "-"


@pytest.mark.parametrize(
    "name, text, sentence",
    [
        ("dense.py", "class Dense(:\n", "dense.py, line 1: "),
        ("dense.py", "\n\nraise RuntimeError('no')\n\nclass Dense:\n    pass\n", "line 3: Runtime"),
        ("dense.py", "import nothing_of_that_name\nclass Dense: pass\n", "line 1: ModuleNotFound"),
        ("dense.py", "class Dens: pass\n", "no Dense: the class must be called Dense"),
        ("rnn_step.py", "x = 1\n", "no rnn_step: the function must be called rnn_step"),
        ("mine.py", "x = 1\n", "defines no exercise"),
        ("dense.py", "from scratchnet.layers import Dense\n", "defines no Dense"),
        (
            "dense.py",
            "from scratchnet.layers import Dense as D\nclass Dense(D): pass\n",
            "line 1: an answer does not import scratchnet.layers.Dense",
        ),
        ("dense.py", "import scratchnet\nclass Dense: pass\n", "does not import scratchnet"),
    ],
)
def test_unusable_input_gets_one_sentence_and_exit_code_2(folder, capsys, name, text, sentence):
    (folder / name).write_text(text)
    assert cli.main(["grade", name]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1


def test_a_name_or_a_folder_in_place_of_a_file(folder, capsys):
    assert cli.main(["grade", "Dense"]) == 2
    missing = "Dense is the name of an exercise: run `scratchnet exercise Dense`, then `scratchnet"
    assert f"{missing} grade exercises/dense.py`" in capsys.readouterr().err
    write(find("Dense"))
    assert cli.main(["grade", "dense"]) == 2
    assert "exercise: run `scratchnet grade exercises/dense.py`" in capsys.readouterr().err
    assert cli.main(["grade", "exercises"]) == 2
    assert "exercises is a folder: name one file in it, as in" in capsys.readouterr().err


def test_a_folder_named_exercises_gets_no_folder_exercises(folder, monkeypatch, capsys):
    (folder / "exercises").mkdir()
    monkeypatch.chdir(folder / "exercises")
    assert cli.main(["exercise", "ReLU"]) == 0
    assert [path.name for path in (folder / "exercises").iterdir()] == ["relu.py"]
    assert "scratchnet grade relu.py" in capsys.readouterr().out
    assert cli.main(["progress"]) == 0


def test_other_unusable_input(folder, capsys):
    assert cli.main(["grade", "missing.py"]) == 2
    (folder / "relu.py").write_bytes(b"\xff\xfe\x00")
    assert cli.main(["grade", "relu.py"]) == 2
    assert cli.main(["exercise", "ReLUU"]) == 2
    error = capsys.readouterr().err
    assert "missing.py" in error and "not a text file" in error and "did you mean 'ReLU'" in error


def test_a_file_of_another_name_is_known_by_its_class(tmp_path):
    path = tmp_path / "my_layer.py"
    path.write_text(solution("Dense"))
    assert exercise_in(path).name == "Dense"


def test_an_import_leaves_no_compiled_copy_and_sees_each_change(tmp_path):
    path = tmp_path / "relu.py"
    for number in (1, 2):
        path.write_text(f"x = {number}\n")
        assert load(path).x == number
    assert [p.name for p in tmp_path.iterdir()] == ["relu.py"]


def test_progress_keeps_the_results_of_several_exercises(tmp_path):
    remember(find("ReLU"), 2, 2, tmp_path)
    remember(find("Dense"), 1, 4, tmp_path)
    remember(find("ReLU"), 1, 2, tmp_path)
    assert progress(tmp_path)["ReLU"] == {"passed": 2, "of": 2}  # it passed once
    results = {name: result for name, _, _, result in listing(tmp_path)}
    assert results["Dense"] == "1 of 4" and results["Adam"] == "-"


@pytest.mark.parametrize("text", ["{", "[1]", '{"ReLU": 3}', '{"ReLU": {"passed": "x", "of": 1}}'])
def test_damaged_progress_gets_one_sentence(folder, capsys, text):
    path = write(find("ReLU")).with_name("progress.json")
    path.write_text(text)
    assert cli.main(["progress"]) == 2
    assert "is damaged" in capsys.readouterr().err
    assert path.read_text() == text


def test_a_grade_imports_no_plots_and_no_estimators(tmp_path):
    """Only what a check needs, because a grade is immediate."""
    path = tmp_path / "contrastive_divergence.py"
    path.write_text(solution("contrastive_divergence"))
    program = (
        "import sys; from scratchnet.cli import main; "
        f"assert main(['grade', {str(path)!r}]) == 0; "
        "assert not {'matplotlib', 'sklearn', 'scratchnet.boltzmann'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
