"""Array modules, devices, precision and random numbers: the only module that names CuPy.

CuPy has NumPy's functions for arrays in the memory of a GPU. A formula that runs with both starts
with ``xp = xp_of(x)``, the array module of its argument, and calls ``xp.exp``, ``xp.zeros``, ...

    xp_of(x)                 numpy or cupy: an operation runs where its arrays are
    use_device("gpu")        where NEW arrays are made: parameters and random numbers
    to_device(x)             a copy of x on the current device: CPU memory -> GPU memory
    to_numpy(x)              a copy of x in CPU memory: GPU memory -> CPU memory
    float64()                double precision for new arrays; float32 otherwise
    RNG(seed)                source of random numbers
    gpu_problem()            whether a GPU can be used: an installed CuPy does not say that

"Host" is the CPU with its memory, "device" the CPU or the GPU, whichever `use_device` selects.
"""

import contextlib
import contextvars
import functools
import operator
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import numpy as np
import scipy.special

from scratchnet.batch_rows import current_rows
from scratchnet.validation import unknown_name

try:  # the import also works on a machine without a GPU: see gpu_problem()
    import cupy
except ImportError:
    cupy = None

Array: TypeAlias = Any  # a NumPy or CuPy array; a type checker sees no difference between the two

# Allocate and free 30 MB once. By default Linux' allocator (glibc) returns each freed large array
# to the system, and the next one of that size is slow to get: half of the time of a training step
# of a small model. After this line glibc keeps freed arrays of up to 30 MB for the next ones.
np.empty(30 << 20, dtype=np.uint8)

# The current settings. A ContextVar is a global variable with a value of its own in each thread.
_device = contextvars.ContextVar("scratchnet_device", default="cpu")
_float = contextvars.ContextVar("scratchnet_float", default="float32")
_parity = contextvars.ContextVar("scratchnet_parity", default=False)


# ---------------------------------------------------------------------------------------- devices


@functools.cache
def gpu_problem() -> str | None:
    """Reason why no GPU can be used, in one sentence, or None if a GPU works.

    A GPU works if a small computation on it succeeds; the computation runs once per process.
    """
    if cupy is None:
        return (
            "CuPy is not installed: pip install 'scratchnet[cuda12]' or 'scratchnet[cuda13]', "
            "whichever matches the NVIDIA driver"
        )
    if not cupy.is_available():
        return "CuPy is installed, but no usable NVIDIA driver and GPU was found"
    try:  # a driver alone is not enough: the run-time compiler and cuBLAS must load too
        a = cupy.ones((2, 2), dtype=cupy.float32)
        float(((a @ a) * 2 + 1).sum())
    except Exception as problem:  # CuPy raises many unrelated types here; all mean "no GPU"
        return f"CuPy sees a GPU but cannot run a kernel: {type(problem).__name__}: {problem}"
    return None


def gpu_available() -> bool:
    """Whether a GPU can be used: CuPy is installed and a computation on the GPU succeeds."""
    return gpu_problem() is None


def gpu_description() -> str:
    """Description of the GPU, "NVIDIA ..., driver for CUDA 13.0, CuPy built for CUDA 12.9".

    Call it only if `gpu_available()` is True.
    """
    runtime = cupy.cuda.runtime
    name = runtime.getDeviceProperties(runtime.getDevice())["name"].decode()
    driver, cuda = (
        f"{version // 1000}.{version % 1000 // 10}"
        for version in (runtime.driverGetVersion(), runtime.runtimeGetVersion())
    )
    return f"{name}, driver for CUDA {driver}, CuPy built for CUDA {cuda}"


def xp_of(*arrays):
    """Array module of these arrays: numpy or cupy. Numbers among the arguments do not count.

    Raises TypeError if the arguments mix NumPy and CuPy arrays.

    >>> xp_of(np.ones(2)).__name__
    'numpy'
    """
    on_gpu = cupy is not None and any(isinstance(a, cupy.ndarray) for a in arrays)
    if on_gpu and any(isinstance(a, np.ndarray) and a.ndim for a in arrays):
        raise TypeError("host and device arrays are mixed: call to_device() or to_numpy() first")
    return cupy if on_gpu else np


def current_xp():
    """Array module in which new arrays are made, numpy or cupy; see `use_device`.

    >>> current_xp().__name__
    'numpy'
    """
    return cupy if _device.get() == "gpu" else np


@contextlib.contextmanager
def _setting(variable, value):
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def use_device(name: str) -> AbstractContextManager:
    """Context manager: new arrays are made on this device, "cpu" or "gpu".

    ``with use_device("gpu"):`` has no effect on arrays that exist already. Raises ValueError for an
    unknown name, and RuntimeError with the reason if no GPU can be used.

    >>> with use_device("cpu"):
    ...     current_xp().__name__
    'numpy'
    """
    return _setting(_device, _usable(name))


def set_device(device: str, parity: bool = False) -> None:
    """Select the device, and `parity`, until the process ends: for scripts.

    `use_device` and `parity` are the same settings for one block.

    >>> set_device("cpu")
    """
    _device.set(_usable(device))
    _parity.set(parity)


def _usable(device):
    if device not in ("cpu", "gpu"):
        raise unknown_name("device", device, ["cpu", "gpu"])
    if device == "gpu" and gpu_problem():
        raise RuntimeError(f"no GPU to use: {gpu_problem()}")
    return device


# ------------------------------------------------------------------------------------- precision


def float64() -> AbstractContextManager:
    """Context manager: new floating-point arrays are float64, as gradient checks need.

    >>> with float64():
    ...     float_dtype().name
    'float64'
    """
    return _setting(_float, "float64")


def float_dtype() -> np.dtype:
    """Dtype of new floating-point arrays: float32, or float64 inside ``with float64():``.

    >>> float_dtype().name
    'float32'
    """
    return np.dtype(_float.get())


def as_float_dtype(name: Any) -> np.dtype:
    """Dtype float32 or float64 from its name or from a dtype; ValueError for other names.

    >>> as_float_dtype("float64")
    dtype('float64')
    """
    dtype = np.dtype(name)
    if dtype not in (np.float32, np.float64):
        raise unknown_name("precision", dtype.name, ["float32", "float64"])
    return dtype


def zeros(shape):
    """New array of zeros on the current device, in the current precision.

    >>> zeros((2,)).dtype.name
    'float32'
    """
    return current_xp().zeros(shape, dtype=float_dtype())


def ones(shape):
    """New array of ones on the current device, in the current precision.

    >>> ones((2,))
    array([1., 1.], dtype=float32)
    """
    return current_xp().ones(shape, dtype=float_dtype())


# -------------------------------------------------------------------------------------- transfer


def to_device(x: Any, dtype: Any = None) -> Array:
    """Copy x (array or nested list) to the current device; x itself if nothing has to change.

    Floating-point numbers become `float_dtype()`, or the dtype if one is given. Integers, such as
    labels and indices, keep their dtype.

    >>> to_device([0.5, 1.0]).dtype.name
    'float32'
    """
    xp = current_xp()
    x = xp.asarray(to_numpy(x) if xp is np else x)
    if dtype is None:
        dtype = float_dtype() if x.dtype.kind == "f" else x.dtype
    return x.astype(dtype, copy=False)


def to_numpy(x: Any) -> np.ndarray:
    """Copy x to CPU memory, as a NumPy array; x itself if it is one.

    For an array on a GPU the call waits until all operations on the GPU are done.

    >>> to_numpy([1, 2])
    array([1, 2])
    """
    return cupy.asnumpy(x) if cupy is not None and isinstance(x, cupy.ndarray) else np.asarray(x)


def on_host(x):
    """Whether x is a NumPy array, so that reading its values needs no GPU synchronization.

    >>> on_host(np.zeros(2))
    True
    """
    return xp_of(x) is np


def erf(x):
    """Error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x, elementwise.

    >>> erf(np.zeros(1))
    array([0.])
    """
    if xp_of(x) is np:
        return scipy.special.erf(x)
    from cupyx.scipy import special

    return special.erf(x)


def overflow_to_infinity() -> AbstractContextManager:
    """Context in which an overflow gives infinity without NumPy's warning; CuPy never warns.

    >>> with overflow_to_infinity():
    ...     print(np.exp(np.array([1000.0])))
    [inf]
    """
    return np.errstate(over="ignore")


# --------------------------------------------------------------------------------- random numbers


def parity() -> AbstractContextManager:
    """Context manager: a GPU uses the random numbers that the CPU draws, to compare two runs.

    The numbers of the two runs then agree to float32 rounding, until training amplifies rounding.

    >>> with parity():
    ...     noise = RNG(0).normal(like=np.zeros(3))
    """
    return _setting(_parity, True)


class RNG:
    """Source of random numbers from a seed, with two independent streams.

        host      initial weights and shuffles, few numbers: drawn on the CPU with NumPy, so they
                  are the same on every device
        device    noise and masks, many numbers (`uniform`, `normal`): drawn where they are used, so
                  that a GPU does not wait for the CPU. A GPU draws other numbers than a CPU, except
                  inside ``with parity():``

    Parameters
        seed   a whole number, not negative
        key    whole numbers that select one of the independent sources of this seed, see `fork`

    >>> RNG(0).permutation(4), RNG(0).fork(1).permutation(4)
    (array([1, 0, 3, 2]), array([1, 2, 3, 0]))
    """

    STATES = 1 << 18  # of CuPy's generator: its default depends on the GPU model

    def __init__(self, seed: int, key: tuple[int, ...] = ()):
        try:
            self.seed, self.key = operator.index(seed), tuple(map(operator.index, key))
        except TypeError:
            raise TypeError(f"a seed is one whole number; got {seed!r}") from None
        if self.seed < 0 or not all(0 <= k < 2**32 for k in self.key):
            raise ValueError(f"a seed and the numbers of a fork are >= 0; got {seed} and {key}")
        self.host = np.random.default_rng(self._sequence(0))
        self._on_device: dict[str, Any] = {}  # name of an array module -> its generator

    def _sequence(self, stream):
        # Not SeedSequence((seed, stream)): NumPy pads a seed with zeros, so 5 and (5, 0) are equal
        return np.random.SeedSequence(self.seed, spawn_key=(*self.key, stream))

    def __getstate__(self):  # used by copy and pickle, which cannot copy CuPy's generators
        numpy_only = {name: g for name, g in self._on_device.items() if name == "numpy"}
        return self.__dict__ | {"_on_device": numpy_only}

    def fork(self, *key: int) -> "RNG":
        """Independent source, selected by one or more whole numbers.

        It depends on the seed and the key only, not on the numbers drawn before: with
        ``RNG(seed).fork(epoch)`` training continues from a checkpoint with the same numbers.
        """
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
        # always float32: one seed then gives the same numbers, rounded to it, in both precisions
        xp, shape, own = xp_of(like), like.shape, None
        generator = self._generator(np if _parity.get() else xp)
        if (rows := current_rows()) is not None:  # a worker's part of a batch
            generator = rows.copy_of(generator, self, xp.__name__)
            shape, own = rows.within(shape) or (shape, None)
        numbers = getattr(generator, kind)(shape, dtype="float32")
        numbers = numbers if own is None else numbers[own]
        # in parity a copy from the CPU: slow, but the same numbers on each device
        return xp.asarray(numbers).astype(like.dtype, copy=False)

    def permutation(self, n: int) -> Array:
        """Numbers 0 ... n - 1 in random order, from the host stream, on the current device."""
        return to_device(self.host.permutation(n))

    def uniform(self, like: Array) -> Array:
        """Uniform numbers in [0, 1) with the shape, dtype and device of the array ``like``.

        The values of ``like`` have no influence.
        """
        return self._draw("random", like)

    def normal(self, like: Array) -> Array:
        """Standard normal numbers with the shape, dtype and device of the array ``like``.

        The values of ``like`` have no influence.
        """
        return self._draw("standard_normal", like)


def as_rng(seed: int | RNG) -> RNG:
    """Make an `RNG` from a seed; an RNG is returned as it is.

    >>> rng = as_rng(0)
    >>> as_rng(rng) is rng
    True
    """
    return seed if isinstance(seed, RNG) else RNG(seed)
