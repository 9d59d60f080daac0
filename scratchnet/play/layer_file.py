"""Layers of a Python file of the reader, which is read again on request."""

import ast
import inspect
from collections.abc import Callable
from pathlib import Path

from scratchnet.exercises.files import describe_error, load
from scratchnet.layers import Layer


def read_layers(path: Path) -> dict[str, type[Layer]]:
    """The subclasses of `Layer` that a file defines, {name: class}.

    Raises ValueError, with file and line, if the file cannot be run or defines no layer.
    """
    try:
        ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except SyntaxError as problem:
        raise ValueError(f"{path}, line {problem.lineno}: {problem.msg}") from problem
    except UnicodeDecodeError as problem:
        raise ValueError(f"{path} is not a text file in UTF-8: {problem.reason}") from problem
    except OSError as problem:
        raise ValueError(f"{path} cannot be read: {problem.strerror}") from problem
    except ValueError as problem:  # a null byte
        raise ValueError(f"{path} is no Python file: {problem}") from problem
    try:
        module = load(path)
    except SystemExit as problem:
        raise ValueError(f"{path} ends the program: {describe_error(problem, path)}") from problem
    found = {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, Layer)
        and value.__module__ == module.__name__
    }
    if not found:
        raise ValueError(
            f"{path} defines no layer: write a class with the base class scratchnet.layers.Layer"
        )
    return found


def make_layer(kind: Callable[..., Layer], units: int, name: str) -> Layer:
    """An instance of a layer class; a constructor with an argument `units` receives it.

    >>> from scratchnet.layers import Dense, Tanh
    >>> make_layer(Dense, 3, "a").units, make_layer(Tanh, 3, "b")
    (3, Tanh())
    """
    takes_units = "units" in inspect.signature(kind).parameters
    layer = kind(units) if takes_units else kind()
    layer.name = layer.given_name = name
    return layer
