"""Grading: the checks of an answer, simplest first, and one sentence for the first that fails."""

import dataclasses
import os
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from scratchnet.exercises.catalogue import Exercise
from scratchnet.exercises.files import describe_error, exercise_in, load, remember
from scratchnet.paths import expanded

RECURRENT = ("rnn_step", "lstm_step", "gru_step")  # the other steps are of Boltzmann machines


@dataclasses.dataclass
class Grade:
    """Results of the checks of one answer: ``print(grade)`` shows them, ``grade.ok`` sums them up.

    `results` are pairs (label, sentence); the sentence is "" if the check passes.

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

    @property
    def passed(self) -> int:
        """Number of checks that pass."""
        return sum(not sentence for _, sentence in self.results)

    @property
    def ok(self) -> bool:
        """True if every check passes."""
        return self.passed == len(self.results)

    def __str__(self):
        lines = [self.exercise.name]
        lines += [f"  {'WRONG' if s else 'ok   '}  {label}" for label, s in self.results]
        of = f"{self.passed} of {len(self.results)} pass"
        if self.ok:
            return "\n".join([*lines, f"{of}: the exercise is done"])
        label, sentence = next(result for result in self.results if result[1])
        return "\n".join([*lines, f"{of}; next: {label}", sentence])


def grade(file: str | os.PathLike) -> Grade:
    """Grade the answer in a file, and store the result in the progress of its folder.

    Raises FileNotFoundError if there is no such file, ValueError if it answers no exercise, cannot
    be imported, or imports the library's own solution.
    """
    path = expanded(file).resolve()
    exercise = exercise_in(path)
    result = grade_module(exercise, load(path), path)
    remember(exercise, result.passed, len(result.results), path.parent)
    return result


def grade_module(
    exercise: Exercise, module: ModuleType | Any, path: Path = Path("answer")
) -> Grade:
    """Grade a module, or any object with the class or functions of the exercise as attributes.

    >>> from scratchnet import layers
    >>> from scratchnet.exercises.catalogue import find
    >>> grade_module(find("ReLU"), layers).ok
    True
    """
    return Grade(exercise, [(c.label, _sentence(c, module, path)) for c in _checks(exercise)])


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


def _sentence(check, module, path):
    """Result of a check, where an error in the answer is described with its line."""
    try:
        return check.run(module)
    except NotImplementedError as problem:
        frames = traceback.extract_tb(problem.__traceback__)
        own = [frame for frame in frames if frame.filename == str(path)]
        return f"{own[-1].name} is empty, line {own[-1].lineno}" if own else str(problem)
    except Exception as problem:
        return describe_error(problem, path)
