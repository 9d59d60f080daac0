"""The array of the stand-in for CuPy, and the one gate through which every computation passes.

A `DevArray` holds an ndarray and is none: a subclass would be converted without a word. NumPy does
the arithmetic, the contract says what CuPy would have done at all. Stricter than CuPy on purpose,
because there these work and are mistakes: index arrays from the host (a hidden copy each time),
different values written to one place (an undefined winner), float32 that turns into float64,
NumPy's functions on device arrays, a Python loop over an array.
"""

import types

import numpy as np
from fake_cupy_rules import CONTRACT, STATS, UPLOADS, bind, sync

ATTRIBUTES = set("T dtype imag itemsize mT nbytes ndim real shape size strides".split())

# --------------------------------------------------------------------------------------- the gate


def call(name, f, parameters, args, kwargs, ufunc=False):
    """What CuPy's `name` gives, computed by NumPy's f; `parameters` is its line of the contract."""
    given = bind(name, parameters, args, kwargs)
    if name in CONTRACT["syncs"] and not (name == "where" and len(given) == 3):
        sync(name)
    if name in UPLOADS and not isinstance(args[0], DevArray):
        return from_host(f(np.array(on_host(args[0])), *args[1:], **kwargs))
    inputs = arrays_in([*args, *kwargs.values()])
    held = f(*map(unwrap, args), **{k: unwrap(v) for k, v in kwargs.items()})
    refuse_silent_float64(name, given, parameters, inputs, held, ufunc)
    result = wrap(held, inputs)
    made = [a for a in arrays_in([result]) if a.base is None and all(a is not i for i in inputs)]
    if ufunc or made or held is None or given.get("out") is not None:
        STATS.launches += 1
    return result


def arrays_in(tree):
    """Every device array in nested lists and tuples."""
    if isinstance(tree, DevArray):
        return [tree]
    return [a for part in tree for a in arrays_in(part)] if isinstance(tree, (list, tuple)) else []


def on_host(x):
    """The ndarray that a device array holds; the same for nested lists; the rest as it is."""
    if isinstance(x, (list, tuple)):
        return (list if isinstance(x, list) else tuple)(map(on_host, x))
    return x._held if isinstance(x, DevArray) else x


def unwrap(x):
    """As `on_host`, but a host array is refused: what NumPy computes with."""
    if isinstance(x, np.ndarray) and x.ndim:
        raise TypeError("a host array was given to the device: call to_device() first")
    if isinstance(x, (list, tuple)):
        return (list if isinstance(x, list) else tuple)(map(unwrap, x))
    return on_host(x)


def wrap(held, inputs):
    """The same on the device: an input is itself, a view of one knows whose memory it shows."""
    if isinstance(held, (list, tuple)):
        return (list if isinstance(held, list) else tuple)(wrap(part, inputs) for part in held)
    if isinstance(held, np.generic):
        held = np.asarray(held)  # a reduction leaves its result on the device
    if not isinstance(held, np.ndarray):
        return held
    for array in inputs:
        if array._held is held:
            return array
    new = object.__new__(DevArray)
    new._held, new.base = held, None
    for array in inputs:
        if held.base is not None and np.may_share_memory(held, array._held):
            new.base = array if array.base is None else array.base
    return new


def poisoned(array):
    """Memory nobody has written to: NaN, or integers that are good for nothing."""
    if array.dtype.kind in "iu":
        array.fill(np.iinfo(array.dtype).max)
    elif array.dtype.kind == "f":
        array.fill(np.nan)
    return array


def refuse_silent_float64(name, given, parameters, inputs, held, ufunc):
    """Double precision is slow there and spreads: TypeError where nobody asked for it."""
    results = held if isinstance(held, (list, tuple)) else [held]
    doubled = [r for r in results if getattr(r, "dtype", None) == np.float64]
    dtypes = {a.dtype for a in inputs if a.ndim} or {a.dtype for a in inputs}
    if not doubled or given.get("dtype") is not None or np.dtype("float64") in dtypes:
        return
    from_floats = any(dtype.kind == "f" for dtype in dtypes)
    from_integers = ufunc and any(r.ndim for r in doubled)  # uint8 / 255; a mean is one number
    from_nothing = not inputs and "dtype" in parameters  # xp.zeros(3)
    if from_floats or from_integers or from_nothing:
        was = ", ".join(sorted(map(str, dtypes))) or "nothing"
        raise TypeError(f"{name} made float64 of {was}: name the dtype, or use Python's floats")


# -------------------------------------------------------------------------------------- the array


class DevArray:
    """cupy.ndarray; as there, DevArray(shape, dtype) is memory that nobody has written to."""

    __slots__ = ("_held", "base")
    __array_priority__ = 100
    __hash__ = None

    def __init__(self, shape, dtype=float, memptr=None, strides=None, order="C"):
        self._held, self.base = poisoned(np.empty(shape, dtype, order)), None

    def __getattr__(self, name):
        if name in ATTRIBUTES:
            return wrap(getattr(self._held, name), [self])
        if name not in CONTRACT["methods"] or not hasattr(np.ndarray, name):
            raise AttributeError(f"CuPy's ndarray has no {name!r}")
        parameters = f"self, {CONTRACT['methods'][name]}".removesuffix(", ")
        return lambda *args, **kwargs: call(
            name, getattr(np.ndarray, name), parameters, (self, *args), kwargs
        )

    @property
    def flags(self):
        names = ("c_contiguous", "f_contiguous", "owndata")  # and no "writeable"
        return types.SimpleNamespace(**{name: getattr(self._held.flags, name) for name in names})

    def __len__(self):
        return len(self._held)

    def __getitem__(self, key):
        index, fancy = on_host_index(key)
        if fancy:
            STATS.launches += 1
            return wrap(self._held[index], [])
        item = self._held[index]
        if isinstance(item, np.generic):  # one number is a view as well
            item = self._held[(*index, ...)]
        return wrap(item, [self])

    def __setitem__(self, key, value):
        index, fancy = on_host_index(key)
        new = unwrap(value)
        if isinstance(new, (list, tuple)):
            raise TypeError(f"CuPy writes arrays and numbers; got a {type(new).__name__}")
        if fancy and np.ndim(new):
            refuse_repeated(self.shape, index)
        if fancy or not same_memory(self._held[index], new):  # a[1:] += b ends with a[1:] = a[1:]
            self._held[index] = new
            STATS.launches += 1

    def __iter__(self):
        sync("iterating over an array")
        return (self[i] for i in range(len(self)))

    def __bool__(self):
        sync("bool()")
        return bool(self._held)

    def __int__(self):
        sync("int()")
        return int(self._held)

    def __float__(self):
        sync("float()")
        return float(self._held)

    def __complex__(self):
        sync("complex()")
        return complex(self._held)

    def __repr__(self):
        sync("repr()")
        return repr(self._held)

    def __str__(self):
        sync("str()")
        return str(self._held)

    def __format__(self, spec):
        sync("format()")
        return format(self._held, spec)

    def __reduce__(self):
        return from_host, (self.get(),)

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    def get(self, stream=None, order="C", out=None, blocking=True):
        sync("get()")
        if out is None:
            return self._held.copy(order)
        out[...] = self._held
        return out

    def set(self, arr, stream=None):
        if not isinstance(arr, np.ndarray) or arr.dtype != self.dtype or arr.shape != self.shape:
            raise TypeError(f"set() takes a host array {self.shape} {self.dtype}")
        STATS.uploads += 1
        self._held[...] = arr

    def __array__(self, dtype=None, copy=None):
        raise TypeError("no implicit conversion to NumPy: call to_numpy()")

    def __array_function__(self, f, classes, args, kwargs):
        raise TypeError(f"np.{f.__name__} on a device array: call xp_of(x).{f.__name__}")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if any(isinstance(x, (np.generic, np.ndarray)) for x in inputs) and not kwargs:
            return apply_ufunc(ufunc.__name__, ufunc, inputs, {})  # np.float32(2) * x
        raise TypeError(f"np.{ufunc.__name__} on a device array: call xp_of(x).{ufunc.__name__}")


def from_host(array):
    """A device array with the numbers of this host array, which nobody else keeps."""
    if array.dtype.kind not in "biufc":
        raise ValueError(f"CuPy has no arrays of {array.dtype}")
    STATS.uploads += 1
    return wrap(array, [])


def on_host_index(key):
    """(the key as NumPy takes it, whether arrays are among it)."""
    index, fancy = [], False
    for k in key if isinstance(key, tuple) else (key,):
        if isinstance(k, DevArray):
            fancy = True
            if k.dtype == bool:
                sync("a boolean mask")  # how many are True decides the shape of the result
        elif isinstance(k, bool) or not isinstance(k, INDICES):
            raise TypeError(f"an index from the host: {type(k).__name__}; carry it to the device")
        index.append(on_host(k))
    return tuple(index), fancy


INDICES = (int, np.integer, slice, type(None), type(Ellipsis))


def refuse_repeated(shape, index):
    """ValueError if a write with these index arrays reaches one place twice."""
    hits = np.zeros(shape, int)
    np.add.at(hits, index, 1)
    if hits.max(initial=0) > 1:
        raise ValueError("an index is repeated: on a GPU any of the values may win; use add.at")


def same_memory(a, b):
    """Whether these two ndarrays are one."""
    a, b = (getattr(x, "__array_interface__", None) for x in (a, b))
    return a is not None and a == b


# ---------------------------------------------------------------------------------- its operators

MATMUL = CONTRACT["functions"]["matmul"].replace("*args", "x1, x2, *")
OPERATORS = """
    add=add sub=subtract mul=multiply truediv=divide floordiv=floor_divide mod=remainder pow=power
    divmod=divmod matmul=matmul and=bitwise_and or=bitwise_or xor=bitwise_xor lshift=left_shift
    rshift=right_shift lt=less le=less_equal eq=equal ne=not_equal ge=greater_equal gt=greater
    neg=negative pos=positive abs=absolute invert=invert
"""


def apply_ufunc(name, f, args, kwargs):
    """A universal function (matmul is one): NumPy's or SciPy's f, in CuPy's name."""
    inputs = ", ".join(f"x{i + 1}" for i in range(getattr(f, "nin", 1)))
    keywords = ", ".join(k for k in CONTRACT["ufunc keywords"] if k != "out")
    parameters = MATMUL if name == "matmul" else f"{inputs}, out, *, {keywords}"
    return call(name, f, parameters, args, kwargs, ufunc=True)


def define_operator(op, name):
    """x + y, y + x and x += y as far as CuPy has them: it has no @=, so `a @= b` is a new array."""
    f = getattr(np, name)
    methods = {
        op: lambda self, *others: apply_ufunc(name, f, (self, *others), {}),
        f"r{op}": lambda self, other: apply_ufunc(name, f, (other, self), {}),
        f"i{op}": lambda self, other: apply_ufunc(name, f, (self, other), {"out": self}),
    }
    for method, calculate in methods.items():
        if f"__{method}__" in CONTRACT["special methods"]:
            setattr(DevArray, f"__{method}__", calculate)


for pair in OPERATORS.split():
    define_operator(*pair.split("="))
