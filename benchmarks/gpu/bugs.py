"""Differences between CuPy and its stand-in: single lines, thirty bugs in a training step."""

import contextlib
import io
import warnings

import numpy as np

from benchmarks.gpu.bench import from_tests, part
from scratchnet import backend
from scratchnet.backend import to_numpy

device_bugs, fake_cupy = from_tests("device_bugs"), from_tests("fake_cupy")

# ------------------------------------------------------------------------------------------ rules


def as_text(x):
    """Format dtype and numbers of an array, or another value as text."""
    if not hasattr(x, "dtype"):
        return str(x)
    return f"{x.dtype} {np.array2string(to_numpy(x), precision=3, separator=' ')}".replace("\n", "")


def assigned(xp, key, value):
    """Assign value to a[key], a = zeros, and return a."""
    a = xp.zeros(3, dtype="float32")
    a[key] = value
    return a


def same_after_matmul(xp):
    """Whether `a @= b` writes into a."""
    a = was = xp.ones((2, 2), dtype="float32")
    a @= was
    return a is was


def floats(xp):
    return xp.asarray(np.arange(3, dtype="float32"))


def integers(xp, *numbers):
    return xp.asarray(np.array(numbers))


RULES = {
    "a[a > 0]": lambda xp: floats(xp)[floats(xp) > 0],
    "a[a == 0] = 1": lambda xp: assigned(xp, floats(xp) == 0, 1),
    "a[host index]": lambda xp: floats(xp)[np.array([0, 2])],
    "a[[0, 2]]": lambda xp: floats(xp)[[0, 2]],
    "a[:] = host array": lambda xp: assigned(xp, slice(None), np.ones(3, "float32")),
    "a[[1, 1]] = [1, 2]": lambda xp: assigned(xp, integers(xp, 1, 1), floats(xp)[1:]),
    "a[9]": lambda xp: floats(xp)[9],
    "a[array of 9]": lambda xp: floats(xp)[integers(xp, 9)],
    "a @= b keeps its memory": same_after_matmul,
    "a * np.float64(2)": lambda xp: floats(xp) * np.float64(2),
    "a * 2.0": lambda xp: floats(xp) * 2.0,
    "integers / 2": lambda xp: integers(xp, 1, 2) / 2,
    "(a > 0).mean()": lambda xp: (floats(xp) > 0).mean(),
    "integers.sum()": lambda xp: integers(xp, 1, 2).sum(),
    "np.exp(a)": lambda xp: type(np.exp(floats(xp))).__module__,
    "xp.sum(host array)": lambda xp: type(xp.sum(np.ones(3, "float32"))).__module__,
    "a + host array": lambda xp: floats(xp) + np.ones(3, "float32"),
    "np.asarray(a)": lambda xp: np.asarray(floats(xp)),
    "argmax of equals": lambda xp: xp.zeros(3, dtype="float32").argmax(),
    "argmax with NaN": lambda xp: (floats(xp) / 0).argmax(),
    "maximum(NaN, 0)": lambda xp: xp.maximum(floats(xp) / 0, 0),
    "sign(-0.0)": lambda xp: xp.sign(-0.0 * floats(xp)),
    "x.astype('int64') of -1.5": lambda xp: (floats(xp) - 1.5).astype("int64"),
}


@part("What do single lines do?", "a = [0 1 2], float32", "CuPy", "stand-in", "NumPy", "")
def rules(bench):
    """The stand-in rejects on purpose what CuPy does with a hidden copy or in float64."""
    for name, line in RULES.items():
        real, standin, numpy = (
            outcome_of_line(line, xp) for xp in (bench.xp, fake_cupy.module, np)
        )
        yield name, real, standin, numpy, "" if real == standin else "differs"


def outcome_of_line(line, xp):
    """Run a line with a module of arrays: its value, or the type of its error."""
    with np.errstate(all="ignore"):
        try:
            return as_text(line(xp))
        except Exception as problem:  # any error is an answer here
            return type(problem).__name__


# ------------------------------------------------------------------------------------------- bugs

# The stand-in is stricter here on purpose: CuPy computes slowly, in float64, or at random.
ON_PURPOSE = {
    "a write to one place twice",
    "uninitialized memory",
    "np.exp",
    "a float64 of NumPy's",
}


@part("Does CuPy detect the thirty bugs?", "bug", "CuPy", "stand-in", "")
def bugs(bench):
    """A bug is detected by an error, a wait inside the step, or a loss that is NaN."""
    guard = quiet
    real, standin = (outcome(None, xp, quiet) for xp in (bench.xp, fake_cupy.module))
    yield "(none)", real, standin, ""
    if outcome(None, bench.xp, waiting_forbidden) != real:
        yield "(none, waiting forbidden)", outcome(None, bench.xp, waiting_forbidden), "", "no use"
    else:
        guard = waiting_forbidden
    for bug in device_bugs.BUGS:
        real = outcome(bug, bench.xp, guard)
        standin = outcome(bug, fake_cupy.module, fake_cupy.no_sync)
        verdict = "on purpose" if bug in ON_PURPOSE else "DIFFERS"
        yield bug, real, standin, "" if detected(real) == detected(standin) else verdict


quiet = contextlib.nullcontext


@contextlib.contextmanager
def waiting_forbidden():
    """Inside, CuPy raises an error for most of its waits; the setting is deprecated."""
    if backend.cupy is fake_cupy.module:
        with fake_cupy.no_sync():
            yield
        return
    import cupyx

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with cupyx.allow_synchronize(False):
            yield


def detected(outcome):
    """Whether a bug has been detected."""
    return not outcome.startswith("runs, ") or outcome == "runs, no number"


def outcome(bug, xp, guard):
    """Run three steps with a bug: their error, or whether their numbers are right."""
    with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        expected = device_bugs.losses(device_bugs.toy(), xp, xp.random.default_rng(0), quiet())
        try:
            toy, rng = device_bugs.toy(bug), xp.random.default_rng(0)
            values = device_bugs.losses(toy, xp, rng, guard())
        except Exception as problem:  # a bug may raise any error
            return f"{type(problem).__name__}: {problem}".splitlines()[0][:48]
    if not np.isfinite(values).all():
        return "runs, no number"
    return "runs, " + ("right" if np.allclose(values, expected, rtol=1e-4) else "other numbers")
