"""What is allowed on the stand-in for CuPy (the contract), and what is counted there.

The contract, cupy_contract.json, is read from the real CuPy by make_cupy_contract.py.
"""

import contextlib
import functools
import json
import types
from pathlib import Path

CONTRACT = json.loads(Path(__file__).with_name("cupy_contract.json").read_text(encoding="ascii"))
UPLOADS = {"array", "asarray", "asanyarray"}  # the functions that take what lies on the host
ARRAYS = {"x1", "x2", "a", "b", "x", "m", "ar", "arr", "v", "condition"}  # parameters, not lists

# --------------------------------------------------------------------------------------- counting

STATS = types.SimpleNamespace(launches=0, syncs=0, uploads=0, forbidden=0)


class Synchronized(RuntimeError):
    """The host had to wait for the device where `no_sync` forbids it."""


@contextlib.contextmanager
def no_sync():
    """Inside, whatever makes the host wait for the device raises `Synchronized`."""
    STATS.forbidden += 1
    try:
        yield
    finally:
        STATS.forbidden -= 1


def sync(what):
    """Note that the host waits here."""
    if STATS.forbidden:
        raise Synchronized(f"{what} makes the host wait for the device")
    STATS.syncs += 1


def reset():
    """Count from zero again: STATS.launches, STATS.syncs, STATS.uploads."""
    STATS.launches = STATS.syncs = STATS.uploads = 0


# --------------------------------------------------------------------------------------- allowing


@functools.cache
def parsed(parameters):
    """(names that may go by position, whether more may follow, names that may be keywords)."""
    names = parameters.split(", ") if parameters else []
    star = next((i for i, name in enumerate(names) if name.startswith("*")), len(names))
    endless = star < len(names) and names[star] != "*"
    return names[:star], endless, {name for name in names if not name.startswith("*")}


def bind(name, parameters, args, kwargs):
    """{parameter: value}, or TypeError for what CuPy's signature does not have."""
    positional, endless, keywords = parsed(parameters)
    if len(args) > len(positional) and not endless:
        raise TypeError(f"CuPy's {name} takes ({parameters}); got {len(args)} positional arguments")
    if kwargs.keys() - keywords and "**" not in parameters:
        unknown = ", ".join(sorted(kwargs.keys() - keywords))
        raise TypeError(f"CuPy's {name} takes ({parameters}); got the keyword {unknown}")
    given = dict(zip(positional, args, strict=False)) | kwargs
    for parameter in ARRAYS & given.keys():
        if name not in UPLOADS and isinstance(given[parameter], (list, tuple, str, type(None))):
            raise TypeError(f"CuPy's {name} takes arrays; got a {type(given[parameter]).__name__}")
    for key, allowed in CONTRACT["values"].items():
        function, parameter = key.split()
        if function == name and given.get(parameter, allowed[0]) not in allowed:
            raise ValueError(f"CuPy's {name} knows {parameter}={allowed}; got {given[parameter]!r}")
    return given
