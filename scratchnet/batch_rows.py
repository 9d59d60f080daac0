"""Rows of a batch that one worker computes, so that it draws the noise of its own samples.

Noise belongs to the samples of a batch, not to the workers: each worker draws the numbers of the
whole batch, from a copy of the generator of its own, and keeps those of its rows. Any number of
workers then draws the noise that a single one draws.
"""

import contextlib
import contextvars
import copy
from collections.abc import Iterator
from typing import Any


class BatchRows:
    """The rows start ... stop - 1 of a batch of n samples; n = 0: no batch yet.

    Attributes
        generators   {(id of an RNG, array module): the RNG and the worker's copy of its generator}
    """

    def __init__(self):
        self.start, self.stop, self.n = 0, 0, 0
        self.generators: dict[tuple[int, str], tuple[Any, Any]] = {}

    def set(self, rows: slice, n: int) -> slice:
        """Select the rows of the next batch, of n samples; return them."""
        self.start, self.stop, self.n = rows.start, rows.stop, n
        return rows

    def copy_of(self, generator: Any, owner: Any, module: str) -> Any:
        """This worker's copy of the generator of an RNG (`owner`) for an array module."""
        key = id(owner), module
        if key not in self.generators:  # the owner is kept, too, so that its id stays its own
            self.generators[key] = owner, copy.deepcopy(generator)
        return self.generators[key][1]

    def within(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], slice] | None:
        """Shape of the numbers of the whole batch for an array of this worker, and its rows.

            An array may have several rows for each sample, as in TimeDistributed. None for an array
            without rows of samples.

        >>> rows = BatchRows()
        >>> rows.set(slice(4, 8), n=10)
        slice(4, 8, None)
        >>> rows.within((4, 3)), rows.within((8, 3))
        (((10, 3), slice(4, 8, None)), ((20, 3), slice(8, 16, None)))
        """
        own = self.stop - self.start
        if not self.n or not own or not shape or shape[0] % own:
            return None
        k = shape[0] // own  # rows for each sample
        return (self.n * k, *shape[1:]), slice(self.start * k, self.stop * k)


_current: contextvars.ContextVar[BatchRows | None] = contextvars.ContextVar(
    "scratchnet_batch_rows", default=None
)


def current_rows() -> BatchRows | None:
    """The rows of the worker that calls; None outside of `batch_rows`."""
    return _current.get()


@contextlib.contextmanager
def batch_rows(several: bool) -> Iterator[BatchRows]:
    """Context of a worker, with the `BatchRows` in which it sets the rows of each batch.

    Parameters
        several   False: the only worker, whose rows are the whole batch

    >>> with batch_rows(several=True) as rows:
    ...     rows.set(slice(0, 2), n=4)
    ...     current_rows() is rows
    slice(0, 2, None)
    True
    """
    rows = BatchRows()
    token = _current.set(rows if several else None)
    try:
        yield rows
    finally:
        _current.reset(token)
