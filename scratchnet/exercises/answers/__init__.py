"""Answers to the questions at the ends of the lessons, a short script for each.

A script answers in words at its head, and its function `main` computes the numbers. The answers are
in the files lesson_NN.py of this folder, where NN is the number of the lesson.
"""

import importlib
import re
from pathlib import Path
from types import ModuleType

from scratchnet.validation import unknown_name


def lessons() -> list[str]:
    """Numbers of the lessons that have an answer.

    >>> lessons()[0]
    '01'
    """
    folder = Path(__file__).parent
    return sorted(path.stem.removeprefix("lesson_") for path in folder.glob("lesson_*.py"))


def answer_to(lesson: str) -> str:
    """Text of the answer to the question of a lesson: words first, then the script.

    >>> "Answer to lesson 03" in answer_to("3")
    True
    """
    path = Path(__file__).with_name(f"lesson_{_number(lesson)}.py")
    return path.read_text(encoding="ascii").rstrip()


def run_answer(lesson: str) -> dict[str, float]:
    """Run the script of an answer, which prints its numbers, and return the numbers."""
    return _module(lesson).main()


def _module(lesson: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.lesson_{_number(lesson)}")


def _number(lesson):
    """Number of a lesson from 3, 03 or 03_pca_and_autoencoder.py."""
    found = re.match(r"\d+", Path(lesson).name)
    number = found.group().zfill(2) if found else lesson
    if number not in lessons():
        raise unknown_name("answer to the lesson", lesson, lessons())
    return number
