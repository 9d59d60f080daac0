"""The words of the library: sentences for bad input, and how a layer introduces itself."""

import difflib
import inspect
import math
import operator


def unknown_name(what, name, choices):
    """A ValueError for a name that nobody knows, with the names that exist and the likeliest one.

    >>> print(unknown_name("device", "gpus", ["cpu", "gpu"]))
    unknown device 'gpus': choose one of cpu, gpu (did you mean 'gpu'?)
    """
    choices = sorted(choices)
    close = difflib.get_close_matches(str(name), choices, n=1, cutoff=0.5)
    hint = f" (did you mean '{close[0]}'?)" if close else ""
    return ValueError(f"unknown {what} {name!r}: choose one of {', '.join(choices)}{hint}")


def require(condition, message):
    """Raise ``ValueError(message)`` unless the condition holds: for constructors' arguments."""
    if not condition:
        raise ValueError(message)


def check_float(owner, name, value, *, above=None, at_least=None, below=None, at_most=None):
    """The option as a Python float, after checking its range.

    A float, because a NumPy float64 among float32 arrays would make all that follows float64.

    >>> real("Dropout", "rate", 2, at_least=0, below=1)
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


def check_positive_int(owner, name, value, unit=""):
    """The option as a Python int of at least 1; a NumPy integer will do, 2.5 or True will not."""
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        hint = "" if isinstance(value, int) else ": use a whole number"
        raise ValueError(f"{owner} expects {name} >= 1{unit}; got {value!r}{hint}")
    return number


def check_bool(owner, name, value):
    """The option, after checking that it is a bool: a word like "none" would count as yes."""
    if not isinstance(value, bool):
        raise ValueError(f"{owner} expects {name} to be True or False; got {value!r}")
    return value


def constructor_call(thing):
    """How a layer or loss introduces itself: its constructor's call, Dense(units=3, ...).

    Every argument of a constructor is kept as an attribute of that name; `name` is left out.
    """
    options = [name for name in inspect.signature(type(thing)).parameters if name != "name"]
    values = ", ".join(f"{name}={getattr(thing, name)!r}" for name in options)
    return f"{type(thing).__name__}({values})"
