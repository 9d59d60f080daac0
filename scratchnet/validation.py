"""Checks of constructor arguments, with clear messages; constructor call, methods of an object."""

import difflib
import inspect
import math
import operator
import re
from collections.abc import Iterable
from typing import Any


def unknown_name(what: str, name: Any, choices: Iterable[str]) -> ValueError:
    """Make the ValueError for an unknown name: lists the choices and suggests the most similar.

    >>> print(unknown_name("device", "gpus", ["cpu", "gpu"]))
    unknown device 'gpus': choose one of cpu, gpu (did you mean 'gpu'?)
    """
    choices = sorted(choices)
    close = difflib.get_close_matches(str(name), choices, n=1, cutoff=0.5)
    hint = f" (did you mean '{close[0]}'?)" if close else ""
    return ValueError(f"unknown {what} {name!r}: choose one of {', '.join(choices)}{hint}")


def require(condition: bool, message: str) -> None:
    """Raise ``ValueError(message)`` unless the condition holds.

    >>> require(2 > 1, "never raised")
    """
    if not condition:
        raise ValueError(message)


def check_float(
    owner: str,
    name: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
) -> float:
    """Return an option as a Python float, after checking its range.

    A Python float, because a float32 array times a NumPy float64 would be a float64 array.

    Parameters
        owner             the class that has the option, for the message
        name, value       of the option
        above, at_least   the lower limit: value > above, or value >= at_least
        below, at_most    the upper limit: value < below, or value <= at_most

    >>> check_float("Dropout", "rate", 0.5, at_least=0, below=1)
    0.5
    >>> check_float("Dropout", "rate", 2, at_least=0, below=1)
    Traceback (most recent call last):
    ValueError: Dropout expects 0 <= rate < 1; got 2
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan  # within no range
    inside = (
        (above is None or number > above)
        and (at_least is None or number >= at_least)
        and (below is None or number < below)
        and (at_most is None or number <= at_most)
        and math.isfinite(number)
    )
    if inside:
        return number
    if below is None and at_most is None:
        wanted = f"{name} > {above}" if at_least is None else f"{name} >= {at_least}"
    else:
        left = f"{above} <" if at_least is None else f"{at_least} <="
        right = f"< {below}" if at_most is None else f"<= {at_most}"
        wanted = f"{left} {name} {right}"
    raise ValueError(f"{owner} expects {wanted}; got {value!r}")


def check_positive_int(owner: str, name: str, value: Any, unit: str = "") -> int:
    """Return an option as a Python int, after checking that it is a whole number of at least 1.

    A NumPy integer passes; 2.5 and True do not.

    >>> check_positive_int("Dense", "units", 0)
    Traceback (most recent call last):
    ValueError: Dense expects units >= 1; got 0
    """
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        hint = "" if isinstance(value, int) else ": use a whole number"
        raise ValueError(f"{owner} expects {name} >= 1{unit}; got {value!r}{hint}")
    return number


def check_bool(owner: str, name: str, value: Any) -> bool:
    """Return an option, after checking that it is True or False.

    Other values do not pass, because Python counts a word such as "none" as true.

    >>> check_bool("Dense", "use_bias", True)
    True
    """
    if not isinstance(value, bool):
        raise ValueError(f"{owner} expects {name} to be True or False; got {value!r}")
    return value


def constructor_options(kind: type) -> list[str]:
    """Names of the arguments of a class's constructor.

    A constructor that ends in ``**options`` hands these on to the constructor of its base class, so
    the arguments of that constructor follow.

    >>> from scratchnet.layers import Dropout
    >>> constructor_options(Dropout)
    ['rate', 'name']
    """
    names: dict[str, None] = {}  # a dict: an ordered set
    for base in kind.__mro__:
        if "__init__" not in vars(base):
            continue
        signature = inspect.signature(vars(base)["__init__"])
        _, *parameters = signature.parameters.values()  # without self
        handed_on = [p for p in parameters if p.kind is p.VAR_KEYWORD]
        names |= {p.name: None for p in parameters if p not in handed_on}
        if not handed_on:
            break
    return list(names)


def constructor_call(thing: Any) -> str:
    """Python expression that makes a layer, loss or optimizer like this one, without its name.

    The constructor stores each argument in an attribute of the same name; an argument without one
    is left out.

    >>> from scratchnet.layers import Dropout
    >>> constructor_call(Dropout(0.5, name="noise"))
    'Dropout(rate=0.5)'
    """
    values = ", ".join(f"{name}={text}" for name, text in described_options(thing).items())
    return f"{type(thing).__name__}({values})"


def described_options(thing: Any) -> dict[str, str]:
    """Arguments of the constructor as text, {name: repr}, without `name`; equal in each process.

    The address in the text of a function, which differs between processes, is left out.

    >>> from scratchnet.optimizers import SGD, ClipByValue
    >>> described_options(SGD(0.1, clip=ClipByValue(1.0)))["clip"]
    'ClipByValue(limit=1.0)'
    """
    values = vars(thing) if hasattr(thing, "__dict__") else {}
    return {
        option: re.sub(r" at 0x[0-9a-fA-F]+", "", repr(values[option]))
        for option in constructor_options(type(thing))
        if option != "name" and option in values
    }


def has_methods(thing: Any, methods: dict[str, Any]) -> bool:
    """Whether these are the methods of an object: neither its class nor the object has others.

    A computation in another form, such as a compiled loop, takes the place of these methods alone.

    Parameters
        methods   {name: function}, as a class has it

    >>> class Layer:
    ...     def step(self): ...
    >>> layer, methods = Layer(), {"step": Layer.step}
    >>> has_methods(layer, methods)
    True
    >>> layer.step = lambda: None
    >>> has_methods(layer, methods)
    False
    """
    same = all(getattr(type(thing), name) is method for name, method in methods.items())
    return same and not methods.keys() & vars(thing).keys()
