"""Lessons that an answer continues: the first part of a lesson as a module, and a table."""

import contextlib
import importlib.util
import io
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from scratchnet.lesson import table


def lesson(number: str, before: str, *flags: str) -> ModuleType:
    """Run a lesson up to a line of its code, and return the module with all names until there.

    Its figures go to a folder that is deleted, and what it prints is not shown. A name that is
    replaced in the module is replaced for the functions of the lesson, too.

    Parameters
        before   the beginning of the first line that does not run any more
        flags    of the lesson's command line

    Raises ValueError if no line begins so, FileNotFoundError if there are no lessons.
    """
    source = _file(number).read_text(encoding="ascii")
    head, line, _ = source.partition(f"\n{before}")
    if not line:
        raise ValueError(f"no line of lesson {number} begins with {before!r}")
    arguments = sys.argv
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"lesson_{number}.py")
        path.write_text(head + "\n", encoding="ascii")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None  # the file was just written
        module = importlib.util.module_from_spec(spec)
        sys.argv = [str(path), "--out", folder, *flags]
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                spec.loader.exec_module(module)
        finally:
            sys.argv = arguments
    return module


def shown(numbers: dict) -> dict[str, float]:
    """Print the numbers of an answer as a table, and return them.

    >>> shown({"error": 0.25})
    number  value
    -------------
    error   0.25
    {'error': 0.25}
    """
    numbers = {name: float(value) for name, value in numbers.items()}
    print(table(("number", "value"), numbers.items()))
    return numbers


def _file(number):
    """The file of a lesson: in the repository, or in the installed package."""
    package = Path(__file__).parents[2]
    for folder in (package.parent / "lessons", package / "lessons"):
        for path in folder.glob(f"{number}_*.py"):
            return path
    raise FileNotFoundError(f"lesson {number} is not installed: install scratchnet again")
