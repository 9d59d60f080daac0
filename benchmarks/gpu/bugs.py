"""Where CuPy and its stand-in disagree: single lines, and thirty bugs in a training step."""

import contextlib
import io
import warnings

import numpy as np

from benchmarks.gpu.bench import from_tests, part
from scratchnet import backend
from scratchnet.backend import to_numpy

device_bugs, fake_cupy = from_tests("device_bugs"), from_tests("fake_cupy")

# ------------------------------------------------------------------------------------------ rules


def shown(x):
    """dtype and numbers of an array, or the thing itself."""
    if not hasattr(x, "dtype"):
        return str(x)
    return f"{x.dtype} {np.array2string(to_numpy(x), precision=3, separator=' ')}".replace("\n", "")


def written(xp, key, value):
    """zeros with value written to the key."""
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


def whole(xp, *numbers):
    return xp.asarray(np.array(numbers))


RULES = {
    "a[a > 0]": lambda xp: floats(xp)[floats(xp) > 0],
    "a[a == 0] = 1": lambda xp: written(xp, floats(xp) == 0, 1),
    "a[host index]": lambda xp: floats(xp)[np.array([0, 2])],
    "a[[0, 2]]": lambda xp: floats(xp)[[0, 2]],
    "a[:] = host array": lambda xp: written(xp, slice(None), np.ones(3, "float32")),
    "a[[1, 1]] = [1, 2]": lambda xp: written(xp, whole(xp, 1, 1), floats(xp)[1:]),
    "a[9]": lambda xp: floats(xp)[9],
    "a[array of 9]": lambda xp: floats(xp)[whole(xp, 9)],
    "a @= b keeps its memory": same_after_matmul,
    "a * np.float64(2)": lambda xp: floats(xp) * np.float64(2),
    "a * 2.0": lambda xp: floats(xp) * 2.0,
    "integers / 2": lambda xp: whole(xp, 1, 2) / 2,
    "(a > 0).mean()": lambda xp: (floats(xp) > 0).mean(),
    "integers.sum()": lambda xp: whole(xp, 1, 2).sum(),
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
    """The stand-in refuses on purpose what works on CuPy by a hidden copy or in float64."""
    for name, line in RULES.items():
        real, standin, numpy = (said(line, xp) for xp in (bench.xp, fake_cupy.module, np))
        yield name, real, standin, numpy, "" if real == standin else "differs"


def said(line, xp):
    """What a line gives on a module of arrays, or how it refuses."""
    with np.errstate(all="ignore"):
        try:
            return shown(line(xp))
        except Exception as problem:  # every refusal is an answer here
            return type(problem).__name__


# ------------------------------------------------------------------------------------------- bugs

# The stand-in is meant to be stricter here: CuPy computes, but slowly, doubly or by chance.
ON_PURPOSE = {
    "a write to one place twice",
    "memory nobody wrote to",
    "np.exp",
    "a float64 of NumPy's",
}


@part("Does CuPy mind the thirty bugs?", "bug", "CuPy", "stand-in", "")
def bugs(bench):
    """Minding is an error, a wait inside the step, or a loss that is no number."""
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
        yield bug, real, standin, "" if minds(real) == minds(standin) else verdict


quiet = contextlib.nullcontext


@contextlib.contextmanager
def waiting_forbidden():
    """Inside, CuPy raises where it knows that it waits; it misses some, and is deprecated."""
    if backend.cupy is fake_cupy.module:
        with fake_cupy.no_sync():
            yield
        return
    import cupyx

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with cupyx.allow_synchronize(False):
            yield


def minds(outcome):
    """Whether a bug would have been noticed."""
    return not outcome.startswith("runs, ") or outcome == "runs, no number"


def outcome(bug, xp, guard):
    """What three steps with a bug do: how they complain, or that they run."""
    with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        expected = device_bugs.losses(device_bugs.toy(), xp, xp.random.default_rng(0), quiet())
        try:
            toy, rng = device_bugs.toy(bug), xp.random.default_rng(0)
            values = device_bugs.losses(toy, xp, rng, guard())
        except Exception as problem:  # whatever it is: a bug is meant to raise something
            return f"{type(problem).__name__}: {problem}".splitlines()[0][:48]
    if not np.isfinite(values).all():
        return "runs, no number"
    return "runs, " + ("right" if np.allclose(values, expected, rtol=1e-4) else "other numbers")
