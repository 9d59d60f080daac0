"""Conversions between scikit-learn and the models: rows with a mask, results, seeds, warnings."""

import warnings
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils import check_random_state
from sklearn.utils.sparsefuncs import mean_variance_axis

from scratchnet.backend import Array, to_device, to_numpy

__all__ = [
    "Rows",
    "clean",
    "dense",
    "refuse_masked",
    "seed_of",
    "to_host_like",
    "warn_unless_probabilities",
]

ROUNDING = 1e-6  # MinMaxScaler returns 1 + 2e-16 for some columns


def refuse_masked(owner: str, name: str, X: Any) -> None:
    """Raise TypeError for a masked array, whose mask scikit-learn's validation would ignore.

    >>> refuse_masked("DBN.fit", "X", np.ma.masked_array([[1.0, 2.0]], mask=[[0, 1]]))
    Traceback (most recent call last):
    TypeError: DBN.fit expects X without a mask; got a masked array: fill it, X.filled(value),
    with np.nan where missing entries are allowed
    """
    if isinstance(X, np.ma.MaskedArray):
        raise TypeError(
            f"{owner} expects {name} without a mask; got a masked array: fill it, "
            f"{name}.filled(value), with np.nan where missing entries are allowed"
        )


def clean(X: Array) -> tuple[Array, Array | None]:
    """Values of X with 0 at missing entries (NaN), and the mask of these; None if there are none.

    X is a NumPy array or a sparse CSR matrix, and so are the results. An entry that a sparse matrix
    does not store is 0, not missing.

    >>> clean(np.array([[1.0, np.nan]]))
    (array([[1., 0.]]), array([[False,  True]]))
    >>> clean(np.array([[1.0, 2.0]]))
    (array([[1., 2.]]), None)
    """
    if scipy.sparse.issparse(X):
        data, mask = clean(X.data)
        if mask is None:
            return X, None
        same_entries = (X.indices, X.indptr)
        return tuple(type(X)((a, *same_entries), shape=X.shape) for a in (data, mask))
    missing = np.isnan(X)
    if not missing.any():
        return X, None
    return np.where(missing, 0.0, X).astype(X.dtype, copy=False), missing


def dense(X: Array) -> Array:
    """Array of a sparse matrix; an array is returned as it is.

    >>> dense(scipy.sparse.csr_array([[0.0, 2.0]]))
    array([[0., 2.]])
    """
    return X.toarray() if scipy.sparse.issparse(X) else X


class Rows:
    """Training rows, cleaned once, of which a batch is taken at a time.

    ``rows[index]`` is (v, missing): arrays (n, D) on the device, v with 0 at the missing entries,
    missing the boolean mask of these or None if the batch has none. A dense X moves to the device
    as a whole. A sparse X (CSR) stays sparse on the host, and only the batch becomes dense.

    >>> v, missing = Rows(scipy.sparse.csr_array([[0.0, 2.0], [1.0, 0.0]]))[:1]
    >>> v, missing
    (array([[0., 2.]]), None)
    """

    def __init__(self, X: Array):
        self.shape, self.dtype, self.sparse = X.shape, X.dtype, scipy.sparse.issparse(X)
        self.values, self.missing = clean(X)
        if not self.sparse:
            self.values = to_device(self.values, X.dtype)
            self.missing = None if self.missing is None else to_device(self.missing)

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, index):
        if self.sparse and not isinstance(index, slice):
            index = to_numpy(index)
        v = self._on_device(self.values[index])
        if self.missing is None:
            return v, None
        missing = self._on_device(self.missing[index])
        return v, missing if bool(missing.any()) else None

    def _on_device(self, part):
        return to_device(part.toarray(), part.dtype) if self.sparse else part

    def sums(self):
        """Sum of each column, (D,), on the device."""
        if self.sparse:
            return to_device(np.asarray(self.values.sum(axis=0)).reshape(-1), self.dtype)
        return self.values.sum(axis=0)

    def counts(self):
        """Number of observed entries of each column, (D,), or of rows if no entry is missing."""
        if self.missing is None:
            return float(len(self))
        if self.sparse:
            missing = np.asarray(self.missing.sum(axis=0)).reshape(-1)
            return to_device(len(self) - missing, self.dtype)
        return (~self.missing).sum(axis=0).astype(self.dtype)

    def range(self):
        """Smallest and largest value, two floats."""
        return float(self.values.min()), float(self.values.max())

    def standard_deviations(self):
        """Standard deviation of each column, (D,)."""
        if self.sparse:
            return mean_variance_axis(self.values, axis=0)[1] ** 0.5
        return self.values.std(axis=0)


def seed_of(random_state: Any) -> int:
    """Integer seed from scikit-learn's random_state: a number, a generator, or None.

    >>> seed_of(0) == seed_of(0)
    True
    """
    return int(check_random_state(random_state).randint(2**31 - 1))


def to_host_like(result: Array, X: Array) -> np.ndarray:
    """Result as a NumPy array: float32 if X is an array of float32, else float64.

    >>> to_host_like(np.zeros(1), np.zeros(1, "float32")).dtype
    dtype('float32')
    """
    dtype = np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64
    return to_numpy(result).astype(dtype, copy=False)


def warn_unless_probabilities(rows: Rows) -> None:
    """Warn of values outside [0, 1] by more than rounding: they are no probabilities.

    A warning, not an error: scikit-learn's estimator checks fit such data, and the formulas accept
    them, but the result has no meaning as a probability.

    >>> warn_unless_probabilities(Rows(np.array([[0.0, 0.3, 1.0]])))
    """
    low, high = rows.range()
    if low < -ROUNDING or high > 1 + ROUNDING:
        warnings.warn(
            f"0-1 units expect values from 0 to 1; got {low:g} to {high:g}: "
            "scale them, or use GaussianRBM",
            UserWarning,
            stacklevel=5,
        )
