"""Clipping of gradients, an option of the optimizers: functions of the whole gradient (P,)."""

from collections.abc import Callable
from typing import TypeAlias

from scratchnet.backend import Array, xp_of
from scratchnet.hints import WithHints
from scratchnet.validation import check_float

Clip: TypeAlias = Callable[[Array], Array] | None


class ClipByValue(WithHints):
    """Clip each entry of the gradient to [-limit, limit]; this changes its direction.

    >>> import numpy as np
    >>> ClipByValue(1.0)(np.array([3.0, -0.5]))
    array([ 1. , -0.5])
    """

    def __init__(self, limit: float):
        self.limit = check_float("ClipByValue", "limit", limit, above=0)

    def __call__(self, g: Array) -> Array:
        return xp_of(g).clip(g, -self.limit, self.limit)


class ClipByGlobalNorm(WithHints):
    """Scale the gradient to a norm of at most `limit`, g min(1, limit / norm(g)).

    All entries have the same factor, so the direction is kept. Pascanu et al. (2013), algorithm 1.

    >>> import numpy as np
    >>> ClipByGlobalNorm(1.0)(np.array([3.0, -4.0]))
    array([ 0.6, -0.8])
    """

    def __init__(self, limit: float):
        self.limit = check_float("ClipByGlobalNorm", "limit", limit, above=0)

    def __call__(self, g: Array) -> Array:
        xp = xp_of(g)
        largest = xp.maximum(xp.abs(g).max(), xp.finfo(g.dtype).tiny)
        h = g / largest  # entries of at most 1: the squares of very large gradients would overflow
        length = xp.maximum(xp.sqrt((h * h).sum()), 1)  # the norm of g is largest * length
        return h * xp.minimum(largest, self.limit / length)
