"""`as_array`: what a caller passes for an array becomes an array, or is refused with the reason."""

from typing import Any

import numpy as np

from scratchnet.backend import Array, on_host


def as_array(name: str, x: Any, *, lists: bool = False) -> Array:
    """Return x as a NumPy array, or as the CuPy array that it is; TypeError if it is neither.

        x                                   result
        NumPy or CuPy array of numbers      x itself
        np.matrix, memory map               a plain array of the same memory
        pandas Series or DataFrame, any     an array of its values, by position: an index of labels
        object with ``__array__``           has no effect
        list or tuple                       TypeError; with lists=True an array
        masked array, SciPy sparse array    TypeError: fill it, or make it dense
        array of objects or text            TypeError: convert it with astype
        a number, without an axis           ValueError

    Parameters
        name    of the argument, with which the message begins
        lists   True: lists of numbers are converted, too

    >>> as_array("x", [[1.0, 2.0]], lists=True)
    array([[1., 2.]])
    >>> as_array("x", [[1.0, 2.0]])
    Traceback (most recent call last):
    TypeError: x is a list: make it an array, to_device(x)
    >>> as_array("x", np.ma.masked_array([1.0, 2.0], mask=[0, 1]))
    Traceback (most recent call last):
    TypeError: x is a masked array: fill its masked entries first, x.filled(value)
    """
    if not on_host(x):
        return x
    if type(x) is not np.ndarray:
        x = _converted(name, x, lists)
    if x.dtype.kind not in "biufc":
        raise TypeError(
            f"{name} has the dtype {x.dtype} (object means mixed values or text): "
            "convert it to numbers first, for example with astype('float32')"
        )
    if not x.ndim:
        raise ValueError(f"{name} is one number, without an axis for the samples: use an array")
    return x


def is_plain(x: Any) -> bool:
    """Whether x is exactly a NumPy or CuPy array: nothing is left to convert.

    >>> is_plain(np.zeros(2)), is_plain([0.0, 0.0])
    (True, False)
    """
    return type(x) is np.ndarray or not on_host(x)


def _converted(name, x, lists):
    kind = type(x).__name__
    argument = name.split()[-1]
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array: fill its masked entries first, {argument}.filled(value)"
        )
    if hasattr(x, "toarray"):
        raise TypeError(f"{name} is sparse ({kind}): make it dense first, {argument}.toarray()")
    if isinstance(x, (list, tuple)) and not lists:
        raise TypeError(f"{name} is a {kind}: make it an array, to_device({argument})")
    if not isinstance(x, (list, tuple, np.generic)) and not hasattr(x, "__array__"):
        raise TypeError(f"{name} is of type {kind}: pass an array")
    return np.asarray(x, order="C")


def read_only(array: Array) -> Array:
    """A view that cannot be written to, for an array in CPU memory; a GPU has no such views.

    >>> read_only(np.zeros(3)).flags.writeable
    False
    """
    if on_host(array):
        array = array.view()
        array.flags.writeable = False
    return array
