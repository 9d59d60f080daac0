"""A strict stand-in for CuPy: what runs on it, without a GPU, has good reason to run on one.

    with fake_cupy.installed(), use_device("gpu"):     scratchnet believes that it has a GPU
        with fake_cupy.no_sync():                      whatever would wait for the device raises
            train_step(...)
    fake_cupy.STATS.launches, .syncs, .uploads         counted since fake_cupy.reset()

Names, keywords, methods and random generators are those of cupy_contract.json, which
make_cupy_contract.py reads from the real CuPy. Results are NumPy's, except the random numbers.

What it cannot show: rounding of real kernels (subnormals, order of sums), indices that wrap around
instead of raising, races, memory that runs out, drivers, speed.
"""

import contextlib
import sys
import threading
import types

import numpy as np
import pytest
import scipy.special
from fake_cupy_array import DevArray, apply_ufunc, call, poisoned
from fake_cupy_rules import CONTRACT, STATS, Synchronized, no_sync, reset, sync

from scratchnet import backend

__all__ = ["STATS", "DevArray", "Synchronized", "installed", "module", "no_sync", "reset"]


class Namespace(types.ModuleType):
    """A module of CuPy's: the functions in a section of the contract, computed by NumPy's."""

    def __init__(self, name, section, twin):
        super().__init__(name)
        self._section, self._twin = section, twin

    def __getattr__(self, name):  # only asked for what is not there yet
        f = getattr(self._twin, name, None)
        if name not in self._section or f is None:
            raise AttributeError(f"{self.__name__} has no {name!r}")
        parameters = self._section[name]

        def function(*args, **kwargs):
            if isinstance(f, np.ufunc):
                return apply_ufunc(name, f, args, kwargs)
            result = call(name, f, parameters, args, kwargs)
            if name in ("empty", "empty_like"):
                poisoned(result._held)
            if isinstance(result, bool) and name in ("allclose", "array_equal", "array_equiv"):
                return module.array(result)  # stays on the device
            return result

        setattr(self, name, function)
        return function


class Ufunc:
    """A universal function: element by element, and .at, .reduce, ... where CuPy has them."""

    def __init__(self, name):
        self.name, self.numpys = name, getattr(np, name)

    def __call__(self, *args, **kwargs):
        return apply_ufunc(self.name, self.numpys, args, kwargs)

    def outer(self, a, b, **kwargs):
        return self(a.reshape(a.shape + (1,) * b.ndim), b, **kwargs)

    def at(self, a, indices, b=None):
        dtypes = CONTRACT["at"].get(self.name)
        if dtypes is None:
            raise NotImplementedError(f"CuPy has no {self.name}.at")
        if str(a.dtype) not in dtypes:
            raise TypeError(f"CuPy's {self.name}.at works for {', '.join(dtypes)}; got {a.dtype}")
        return call(f"{self.name}.at", self.numpys.at, "a, indices, b", (a, indices, b), {})

    def __getattr__(self, name):
        if name not in ("reduce", "accumulate", "reduceat") or self.name not in CONTRACT[name]:
            raise NotImplementedError(f"CuPy has no {self.name}.{name}")
        method = getattr(self.numpys, name)
        return lambda *args, **kwargs: call(name, method, REDUCTIONS[name], args, kwargs)


REDUCTIONS = {
    "reduce": "a, axis, dtype, out, keepdims",
    "accumulate": "a, axis, dtype, out",
    "reduceat": "a, indices, axis, dtype, out",
}

# ---------------------------------------------------------------------------------- random numbers


class BitGenerator:
    """Where a generator's numbers come from: a seed, of which CuPy keeps 32 bits.

    Like CuPy's it holds a lock, so neither it nor a generator can be copied or pickled.
    """

    def __init__(self, seed=None, *, size=-1):
        if not isinstance(seed, np.random.SeedSequence):
            seed = np.random.SeedSequence(seed)
        self.key, self.lock = int(seed.generate_state(1)[0]), threading.Lock()


class Generator:
    """NumPy's numbers, but of another seed than on the host: CPU and GPU draw different ones."""

    def __init__(self, bit_generator):
        self.bit_generator = bit_generator
        self._numpys = np.random.default_rng(bit_generator.key)

    def __getattr__(self, name):
        if name not in CONTRACT["generator"]:
            raise AttributeError(f"CuPy's Generator has no {name!r}")

        def draw(*args, **kwargs):
            numbers = getattr(self._numpys, name)(*args, **kwargs)
            return np.asarray(numbers, kwargs.get("dtype"))

        return lambda *args, **kwargs: call(
            f"Generator.{name}", draw, CONTRACT["generator"][name], args, kwargs
        )


# --------------------------------------------------------------------------------------- the module


class Module(Namespace):
    """cupy itself: functions, universal functions, and the names that are simply NumPy's."""

    def __getattr__(self, name):
        if name in CONTRACT["same as in numpy"]:
            return getattr(np, name)
        if name in CONTRACT["ufuncs"]:
            setattr(self, name, Ufunc(name))
            return getattr(self, name)
        return super().__getattr__(name)


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    return a.get(stream, order, out, blocking) if isinstance(a, DevArray) else np.asarray(a)


def get_array_module(*args):
    return module if any(isinstance(a, DevArray) for a in args) else np


def default_rng(seed=None):
    return Generator(BIT_GENERATORS["XORWOW"](seed))


BIT_GENERATORS = {name: type(name, (BitGenerator,), {}) for name in CONTRACT["bit generators"]}
Space = types.SimpleNamespace
STREAM = Space(synchronize=lambda: sync("synchronize()"))
RUNTIME = Space(
    getDevice=lambda: 0,
    getDeviceCount=lambda: 1,
    getDeviceProperties=lambda device: {"name": b"stand-in"},
    driverGetVersion=lambda: 13000,
    runtimeGetVersion=lambda: 13000,
)
TRICKS = "lib.stride_tricks"

module = Module("cupy", CONTRACT["functions"], np)
vars(module).update(
    __version__=CONTRACT["cupy"],
    ndarray=DevArray,
    ufunc=Ufunc,
    asnumpy=asnumpy,
    get_array_module=get_array_module,
    is_available=lambda: True,
    linalg=Namespace("cupy.linalg", CONTRACT["linalg"], np.linalg),
    fft=Namespace("cupy.fft", CONTRACT["fft"], np.fft),
    lib=Space(stride_tricks=Namespace(TRICKS, CONTRACT[TRICKS], np.lib.stride_tricks)),
    random=Space(Generator=Generator, default_rng=default_rng, **BIT_GENERATORS),
    cuda=Space(
        runtime=RUNTIME,
        Stream=Space(null=STREAM),
        get_current_stream=lambda: STREAM,
        Device=lambda device=0: Space(id=device, synchronize=STREAM.synchronize),
    ),
)

special = Namespace("cupyx.scipy.special", CONTRACT["scipy.special"], scipy.special)
CUPYX = {"cupyx": Space(scipy=Space(special=special)), "cupyx.scipy": Space(special=special)}
CUPYX["cupyx.scipy.special"] = special


@contextlib.contextmanager
def installed():
    """Put the stand-in where scratchnet looks for CuPy, and count from zero."""
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(backend, "cupy", module)
            for name, part in CUPYX.items():
                patch.setitem(sys.modules, name, part)
            backend.gpu_problem.cache_clear()
            assert backend.gpu_available(), backend.gpu_problem()
            reset()
            yield module
    finally:
        backend.gpu_problem.cache_clear()
