"""Grading: the checks of an answer, simplest first, and one sentence for the first that fails."""

import contextlib
import dataclasses
import itertools
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from scratchnet.exercises.catalogue import Exercise
from scratchnet.exercises.files import (
    EMPTY,
    answer_file,
    describe_error,
    exercise_in,
    load,
    remember,
)
from scratchnet.exercises.running import (
    SECONDS,
    SECONDS_AFTERWARDS,
    FirstLines,
    OutOfTimeError,
    time_limit,
)

RECURRENT = ("rnn_step", "lstm_step", "gru_step")  # the other steps are of Boltzmann machines


@dataclasses.dataclass
class Grade:
    """Results of the checks of one answer: ``print(grade)`` shows them, ``grade.ok`` sums them up.

    `results` are pairs (label, sentence); the sentence is "" if the check passes. `printed` is the
    text that the answer printed during the first check that fails.

    >>> from scratchnet.exercises.catalogue import find
    >>> print(Grade(find("ReLU"), [("forward", ""), ("backward", "the sign is wrong")]))
    ReLU
      ok     forward
      WRONG  backward
    1 of 2 pass; next: backward
    the sign is wrong
    """

    exercise: Exercise
    results: list[tuple[str, str]]
    printed: str = ""

    @property
    def passed(self) -> int:
        """Number of checks that pass."""
        return sum(not sentence for _, sentence in self.results)

    @property
    def ok(self) -> bool:
        """True if every check passes."""
        return self.passed == len(self.results)

    def __str__(self):
        return "\n".join(
            [self.exercise.name, *itertools.starmap(_line, self.results), self.summary]
        )

    @property
    def summary(self) -> str:
        """The number of checks that pass, and the sentence about the first that fails."""
        of = f"{self.passed} of {len(self.results)} pass"
        if self.ok:
            return f"{of}: the exercise is done"
        label, sentence = next(result for result in self.results if result[1])
        printed = [self.printed.rstrip()] if self.printed else []
        return "\n".join([f"{of}; next: {label}", *printed, sentence])


def grade(file: str | os.PathLike, show: Callable | None = None) -> Grade:
    """Grade the answer in a file, and store the result in the progress of its folder.

    With `show`, a function of one line of text, each line is shown as soon as its check is done.

    Raises FileNotFoundError if there is no such file, ValueError if it answers no exercise, cannot
    be imported, or imports the library's own solution.
    """
    path = answer_file(file)
    exercise = exercise_in(path)
    result = grade_module(exercise, load(path), path, show)
    remember(exercise, result.passed, len(result.results), path.parent)
    return result


def grade_module(
    exercise: Exercise,
    module: ModuleType | Any,
    path: Path = Path("answer"),
    show: Callable | None = None,
) -> Grade:
    """Grade a module, or any object with the class or functions of the exercise as attributes.

    >>> from scratchnet import layers
    >>> from scratchnet.exercises.catalogue import find
    >>> grade_module(find("ReLU"), layers).ok
    True
    """
    result, seconds = Grade(exercise, []), SECONDS
    if show:
        show(exercise.name)
    for check in _checks(exercise):
        printed = FirstLines()
        with contextlib.redirect_stdout(printed):
            sentence, stopped = _sentence(check, module, path, seconds)
        seconds = SECONDS_AFTERWARDS if stopped else seconds
        if sentence and result.ok:
            result.printed = str(printed)
        result.results.append((check.label, sentence))
        if show:
            show(_line(*result.results[-1]))
    return result


def _line(label, sentence):
    """The line of one check in the list."""
    return f"  {('empty' if EMPTY in sentence else 'WRONG') if sentence else 'ok   '}  {label}"


def _checks(exercise):
    """The checks of an exercise; only what they need is imported, because a grade is immediate."""
    if exercise.kind == "optimizer":
        from scratchnet.exercises.optimizer_checks import optimizer_checks

        return optimizer_checks(exercise)
    if exercise.kind == "step":
        from scratchnet.exercises.step_checks import step_checks

        if exercise.name in RECURRENT:
            from scratchnet.exercises.recurrent_steps import STEPS
        else:
            from scratchnet.exercises.machine_steps import STEPS
        return step_checks(STEPS[exercise.name])
    from scratchnet.exercises.registered_checks import layer_checks, loss_checks

    return (layer_checks if exercise.kind == "layer" else loss_checks)(exercise)


def _sentence(check, module, path, seconds):
    """Result of a check, where an error is described with its line; and True if it was stopped."""
    try:
        with time_limit(seconds):
            return check.run(module), False
    except OutOfTimeError as problem:
        return describe_error(problem, path).replace("OutOfTimeError: ", ""), True
    except NotImplementedError as problem:
        frames = traceback.extract_tb(problem.__traceback__)
        own = [frame for frame in frames if frame.filename == str(path)]
        return f"{own[-1].name} {EMPTY} {own[-1].lineno}" if own else str(problem), False
    except Exception as problem:
        return describe_error(problem, path), False
