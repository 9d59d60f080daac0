"""The list of the exercises: names, files, order, and what a written file contains."""

import ast
import inspect

import pytest

from scratchnet import layers, losses, optimizers
from scratchnet.exercises.catalogue import EXERCISES, TEMPLATES, find

each = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
LIBRARY = {"layer": layers, "loss": losses, "optimizer": optimizers}


def test_there_are_enough_in_course_order():
    assert len(EXERCISES) >= 20
    assert EXERCISES[0].name == "ReLU" and EXERCISES[-1].name == "mean_field"
    numbers = [exercise.lesson for exercise in EXERCISES]
    assert numbers == sorted(numbers)


def test_each_file_belongs_to_one_exercise():
    files = [exercise.file for exercise in EXERCISES]
    there = {path.name for path in TEMPLATES.glob("*.py")} - {"__init__.py"}
    assert sorted(files) == sorted(there)


@each
def test_a_file_is_short_and_says_what_to_do(exercise):
    text = exercise.template.read_text(encoding="ascii")
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring.startswith(f"Exercise {exercise.name}: ")
    assert f"scratchnet grade {exercise.file}" in docstring
    assert len(text.splitlines()) < 60


@each
def test_a_file_contains_no_solution(exercise):
    """Each function to write consists of a docstring and `raise NotImplementedError`."""
    tree = ast.parse(exercise.template.read_text(encoding="ascii"))
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    given = ("__init__", "build", "pair")
    to_write = [f for f in functions if f.name not in given]
    assert to_write
    for function in to_write:
        docstring, body = function.body
        assert isinstance(docstring, ast.Expr)
        assert ast.unparse(body) == "raise NotImplementedError"


@each
def test_the_options_are_those_of_the_library(exercise):
    if exercise.kind in LIBRARY:
        signature = inspect.signature(getattr(LIBRARY[exercise.kind], exercise.name))
        assert set(exercise.options) - {"targets"} <= set(signature.parameters)


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(ValueError, match="did you mean 'Dense'"):
        find("Denze")
