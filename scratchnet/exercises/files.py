"""Files of the exercises: writing one, importing the answer, and the progress of a reader."""

import ast
import importlib.util
import json
import os
import shlex
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from scratchnet.exercises.catalogue import EXERCISES, Exercise, plain
from scratchnet.paths import expanded

FOLDER = "exercises"  # where `scratchnet exercise` writes, below the current directory
EMPTY = "is empty, line"  # part of the sentence about a function that is not written yet
PROGRESS = "progress.json"


def default_folder() -> str:
    """The folder of the exercises: "exercises", or "." inside a folder of that name."""
    return "." if Path.cwd().name == FOLDER else FOLDER


def write(exercise: Exercise, folder: str | os.PathLike = FOLDER, force: bool = False) -> Path:
    """Write the file of an exercise into a folder, and return its path.

    Raises FileExistsError if the file exists already, unless force is True.
    """
    path = expanded(folder) / exercise.file
    if path.exists() and not force:
        raise FileExistsError(
            f"{path} exists already and may contain your answer: grade it with "
            f"`{command(path)}`, or write the empty exercise over it with --force"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    text = exercise.template.read_text(encoding="ascii")
    text = text.replace(command(Path(exercise.file)), command(path).replace("\\", "/"))
    path.write_text(text, encoding="utf-8")
    return path


def command(path: Path) -> str:
    """The command line that grades a file.

    >>> command(Path("dense.py")), command(Path("my work/dense.py"))
    ('scratchnet grade dense.py', "scratchnet grade 'my work/dense.py'")
    """
    return f"scratchnet grade {shlex.quote(str(path))}"


def answer_file(file: str | os.PathLike) -> Path:
    """The file to grade; raise FileNotFoundError for a folder, or the name of an exercise.

    >>> answer_file("dense.py").name
    'dense.py'
    """
    path = expanded(file)
    if path.is_dir():
        files = sorted(p for p in path.glob("*.py") if any(p.name == e.file for e in EXERCISES))
        example = command(files[0] if files else path / "relu.py")
        raise FileNotFoundError(
            f"`grade` expects a file; {file} is a folder: name one file in it, as in `{example}`"
        )
    named = [e for e in EXERCISES if plain(e.name) == plain(str(file))]
    if named and not path.exists():
        there = Path(default_folder()) / named[0].file
        before = "" if there.exists() else f"`scratchnet exercise {named[0].name}`, then "
        raise FileNotFoundError(
            f"`grade` expects a file; {file} is the name of an exercise: run "
            f"{before}`{command(there)}`"
        )
    return path.resolve()


def exercise_in(path: Path) -> Exercise:
    """The exercise that a file answers: by its name, or else by the class or function in it.

    Raises ValueError if the file has a syntax error, belongs to no exercise, or imports a part of
    scratchnet that the written file does not import.
    """
    tree = _parsed(path)
    defined = {getattr(node, "name", None) for node in tree.body}
    fitting = [e for e in EXERCISES if plain(e.name) == plain(path.stem)]
    fitting = fitting or [e for e in EXERCISES if e.name in defined]
    if len(fitting) != 1:
        raise ValueError(
            f"{path} defines no exercise: `scratchnet exercise` lists their names, and "
            "`scratchnet exercise NAME` writes the file of one"
        )
    (exercise,) = fitting
    if exercise.name not in defined:
        kind = "function" if exercise.kind == "step" else "class"
        raise ValueError(
            f"{path} defines no {exercise.name}: the {kind} must be called {exercise.name}"
        )
    _check_imports(path, tree, exercise)
    return exercise


def load(path: Path) -> ModuleType:
    """Import the file as a module of its own, without a compiled copy beside it.

    Raises ValueError, with file and line, if the import raises an error.
    """
    name = f"scratchnet_answer_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # the file exists: `exercise_in` read it
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except Exception as problem:
        raise ValueError(f"{path} cannot be imported: {describe_error(problem, path)}") from problem
    finally:
        sys.dont_write_bytecode = before
    return module


def describe_error(problem: BaseException, path: Path) -> str:
    """One line about an error: the last line of the file that it passed, its type and message.

    >>> describe_error(ValueError("too few"), Path("dense.py"))
    'ValueError: too few'
    """
    lines: list = []
    cause: BaseException | None = problem
    while cause is not None and not lines:  # an error in backward is the cause of another one
        frames = traceback.extract_tb(cause.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(path)]
        cause = cause.__cause__ or cause.__context__
    message = " ".join(str(problem).split())
    text = f"{type(problem).__name__}: {message}" if message else type(problem).__name__
    return f"line {lines[-1]}: {text}" if lines else text


def progress(folder: str | os.PathLike = FOLDER) -> dict[str, Any]:
    """Results of the graded exercises in a folder, {name: {"passed": n, "of": m}}.

    Raises ValueError if the file of the results is damaged.

    >>> progress("a_folder_that_does_not_exist")
    {}
    """
    path = expanded(folder) / PROGRESS
    if not path.exists():
        return {}
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        return {name: {k: int(r[k]) for k in ("passed", "of")} for name, r in results.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise ValueError(
            f"{path} is damaged ({type(problem).__name__}): delete the file and grade your "
            "answers again"
        ) from problem


def remember(exercise: Exercise, passed: int, of: int, folder: str | os.PathLike) -> None:
    """Add a result to the progress of a folder, which keeps an exercise that passed once."""
    results = progress(folder)
    before = results.get(exercise.name)
    if before and before["passed"] == before["of"]:
        return
    results[exercise.name] = {"passed": passed, "of": of}
    text = json.dumps(results, indent=1, sort_keys=True) + "\n"
    path = expanded(folder) / PROGRESS
    written = path.with_suffix(".json.new")
    written.write_text(text, encoding="ascii")
    written.replace(path)  # at once: a run that is stopped leaves the old file


def listing(folder: str | os.PathLike = FOLDER) -> list[tuple[str, str, str, str]]:
    """Rows (name, lesson, title, result) of all exercises; the result is "-" before a grade."""
    results, rows = progress(folder), []
    for exercise in EXERCISES:
        found = results.get(exercise.name)
        text = "-"
        if found:
            done = found["passed"] == found["of"]
            text = "passes" if done else f"{found['passed']} of {found['of']}"
        rows.append((exercise.name, exercise.lesson, exercise.title, text))
    return rows


def _parsed(path):
    try:
        return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except SyntaxError as problem:
        raise ValueError(f"{path}, line {problem.lineno}: {problem.msg}") from problem
    except UnicodeDecodeError as problem:
        raise ValueError(f"{path} is not a text file in UTF-8: {problem.reason}") from problem


def _check_imports(path, tree, exercise):
    """Raise ValueError for an import from scratchnet that the written file does not contain."""
    allowed = {name for name, _ in _imported(_parsed(exercise.template))}
    for name, line in _imported(tree):
        if name.split(".")[0] == "scratchnet" and name not in allowed:
            raise ValueError(
                f"{path}, line {line}: an answer does not import {name}: write it with NumPy and "
                "the imports of the written file"
            )


def _imported(tree):
    """(dotted name, line) of each import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
