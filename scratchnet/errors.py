"""The words of the library: sentences for bad input, and how a layer introduces itself."""

import difflib
import inspect


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


def as_call(thing):
    """How a layer or loss introduces itself: its constructor's call, Dense(units=3, ...).

    Every argument of a constructor is kept as an attribute of that name; `name` is left out.
    """
    options = [name for name in inspect.signature(type(thing)).parameters if name != "name"]
    values = ", ".join(f"{name}={getattr(thing, name)!r}" for name in options)
    return f"{type(thing).__name__}({values})"
