"""The one file that knows NumPy from CuPy. Everything else writes ``xp = xp_of(x)``.

Four rules keep it small:

* What is computed where is decided by the arrays themselves (`xp_of`), never by a global switch.
* `use_device` decides only where NEW arrays go: parameters and random numbers.
* `to_device` and `to_numpy` are the only two functions that carry an array across the border.
* An installed CuPy is not a GPU: ask `gpu_problem()`, never the import.
"""

import contextlib
import contextvars
import functools
import operator

import numpy as np
import scipy.special

from scratchnet.validation import unknown_name

try:  # importing CuPy also works on a machine without a GPU, so this proves nothing ...
    import cupy
except ImportError:
    cupy = None

# One large array, made and freed at once. After that glibc keeps freed memory of up to this size,
# instead of returning it to the system and fetching it back, page by page, at every training step
# (half of the time of a small model). Other allocators do not care.
np.empty(30 << 20, dtype=np.uint8)

_device = contextvars.ContextVar("scratchnet_device", default="cpu")
_float = contextvars.ContextVar("scratchnet_float", default="float32")
_parity = contextvars.ContextVar("scratchnet_parity", default=False)


# ---------------------------------------------------------------------------------------- devices


@functools.cache
def gpu_problem():
    """None if a GPU works, else one sentence that says what is missing (probed once)."""
    if cupy is None:
        return (
            "CuPy is not installed: pip install 'scratchnet[cuda12]' or 'scratchnet[cuda13]', "
            "whichever matches the NVIDIA driver"
        )
    if not cupy.is_available():  # ... the first allocation would raise CUDARuntimeError
        return "CuPy is installed, but no usable NVIDIA driver and GPU was found"
    try:  # a driver alone is not enough: the run-time compiler and cuBLAS must load too
        a = cupy.ones((2, 2), dtype=cupy.float32)
        float(((a @ a) * 2 + 1).sum())
    except Exception as problem:  # CuPy raises many unrelated types here; all mean "no GPU"
        return f"CuPy sees a GPU but cannot run a kernel: {type(problem).__name__}: {problem}"
    return None


def gpu_available():
    """True if CuPy is installed and a GPU really computes."""
    return gpu_problem() is None


def gpu_description():
    """The GPU in words, "NVIDIA ... , driver 13.0, CUDA 12.9"; only where `gpu_available()`."""
    runtime = cupy.cuda.runtime
    name = runtime.getDeviceProperties(runtime.getDevice())["name"].decode()
    driver, cuda = (
        f"{version // 1000}.{version % 1000 // 10}"
        for version in (runtime.driverGetVersion(), runtime.runtimeGetVersion())
    )
    return f"{name}, driver for CUDA {driver}, CuPy built for CUDA {cuda}"


def xp_of(*arrays):
    """The array module, numpy or cupy, in which these arrays live.

    Raises TypeError if host and device arrays are mixed.
    """
    on_gpu = cupy is not None and any(isinstance(a, cupy.ndarray) for a in arrays)
    if on_gpu and any(isinstance(a, np.ndarray) and a.ndim for a in arrays):
        raise TypeError("host and device arrays are mixed: call to_device() or to_numpy() first")
    return cupy if on_gpu else np


def current_xp():
    """The array module in which new arrays are made, see `use_device`."""
    return cupy if _device.get() == "gpu" else np


@contextlib.contextmanager
def _setting(variable, value):
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def use_device(name):
    """``with use_device("gpu"):`` new arrays go there; existing arrays stay where they are.

    Raises ValueError for an unknown name and RuntimeError, with the reason, if there is no GPU.
    """
    return _setting(_device, _usable(name))


def set_device(device, parity=False):
    """What `use_device` and `parity` do for a block, for the rest of a script."""
    _device.set(_usable(device))
    _parity.set(parity)


def _usable(device):
    if device not in ("cpu", "gpu"):
        raise unknown_name("device", device, ["cpu", "gpu"])
    if device == "gpu" and gpu_problem():
        raise RuntimeError(f"no GPU to use: {gpu_problem()}")
    return device


# ------------------------------------------------------------------------------------- precision


def float64():
    """``with float64():`` new arrays are double precision, as gradient checks need them."""
    return _setting(_float, "float64")


def float_dtype():
    """The dtype of new floating-point arrays: float32, inside ``float64()`` float64."""
    return np.dtype(_float.get())


def as_float_dtype(name):
    """The dtype float32 or float64 of that name (or the dtype given); ValueError for others."""
    dtype = np.dtype(name)
    if dtype not in (np.float32, np.float64):
        raise unknown_name("precision", dtype.name, ["float32", "float64"])
    return dtype


def zeros(shape):
    """A new array of zeros on the current device, in the current precision."""
    return current_xp().zeros(shape, dtype=float_dtype())


def ones(shape):
    """A new array of ones on the current device, in the current precision."""
    return current_xp().ones(shape, dtype=float_dtype())


# ------------------------------------------------------------------------------------ the border


def to_device(x, dtype=None):
    """Carry x (array or nested list) to the current device.

    Floats become `float_dtype()` unless a dtype is named; integers (labels, indices) stay as
    they are.
    """
    xp = current_xp()
    x = xp.asarray(to_numpy(x) if xp is np else x)
    if dtype is None:
        dtype = float_dtype() if x.dtype.kind == "f" else x.dtype
    return x.astype(dtype, copy=False)


def to_numpy(x):
    """Carry x to the host. On a GPU this waits until the device has finished: a sync point."""
    return cupy.asnumpy(x) if cupy is not None and isinstance(x, cupy.ndarray) else np.asarray(x)


def on_host(x):
    """True if looking at the values of x is free: on a GPU every look waits for the device."""
    return xp_of(x) is np


def erf(x):
    """The error function, 2/sqrt(pi) * integral of exp(-t^2) from 0 to x, element by element."""
    if xp_of(x) is np:
        return scipy.special.erf(x)
    from cupyx.scipy import special

    return special.erf(x)


# --------------------------------------------------------------------------------- random numbers


def parity():
    """``with parity():`` a GPU draws the CPU's noise and masks, so that two runs can be compared.

    Their numbers then agree to float32 rounding, step by step, until training amplifies it.
    """
    return _setting(_parity, True)


class RNG:
    """A seeded source with two streams.

    ``host`` draws initial weights and shuffles: the same numbers on CPU and GPU. The device
    stream draws noise and masks where they are used; CPU and GPU draw different numbers there,
    unless `parity` lets the GPU use the CPU's.

    ``fork(i)`` gives an independent source that depends only on (seed, i): a checkpoint needs
    nothing but the seed and the epoch to continue with the same numbers.
    """

    STATES = 1 << 18  # fixed, because CuPy's default depends on the GPU model

    def __init__(self, seed, key=()):
        try:
            self.seed, self.key = operator.index(seed), tuple(map(operator.index, key))
        except TypeError:
            raise TypeError(f"a seed is one whole number; got {seed!r}") from None
        if self.seed < 0 or not all(0 <= k < 2**32 for k in self.key):
            raise ValueError(f"a seed, and a number to fork by, is not negative; got {seed}, {key}")
        self.host = np.random.default_rng(self._sequence(0))
        self._on_device = {}  # name of an array module -> its generator, made when asked for

    def _sequence(self, stream):
        # spawn_key, not (seed, stream): a SeedSequence pads with zeros, so 5 and (5, 0) are equal
        return np.random.SeedSequence(self.seed, spawn_key=(*self.key, stream))

    def __getstate__(self):  # CuPy's generators can be neither copied nor pickled: begun anew
        kept = {name: g for name, g in self._on_device.items() if name == "numpy"}
        return self.__dict__ | {"_on_device": kept}

    def fork(self, *key):
        """An independent source, named by one or more integers."""
        return RNG(self.seed, (*self.key, *key))

    def _generator(self, xp):
        if xp.__name__ not in self._on_device:
            if xp is np:
                generator = np.random.default_rng(self._sequence(1))
            else:
                bits = xp.random.Philox4x3210(self._sequence(1), size=self.STATES)
                generator = xp.random.Generator(bits)
            self._on_device[xp.__name__] = generator
        return self._on_device[xp.__name__]

    def _draw(self, kind, like):
        xp = xp_of(like)
        if _parity.get():  # drawn on the host and carried over: slow, but the same everywhere
            return xp.asarray(getattr(self._generator(np), kind)(like.shape, dtype=like.dtype))
        return getattr(self._generator(xp), kind)(like.shape, dtype=like.dtype)

    def permutation(self, n):
        """The numbers 0 .. n-1 in random order, drawn on the host, carried to the device."""
        return to_device(self.host.permutation(n))

    def uniform(self, like):
        """Numbers in [0, 1), with the shape, dtype and device of the array ``like``."""
        return self._draw("random", like)

    def normal(self, like):
        """Standard normal numbers, with the shape, dtype and device of the array ``like``."""
        return self._draw("standard_normal", like)


def as_rng(seed):
    """An `RNG` from an integer seed, or the RNG that was given."""
    return seed if isinstance(seed, RNG) else RNG(seed)
