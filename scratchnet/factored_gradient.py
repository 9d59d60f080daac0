"""Gradients of dense layers as factors: workers exchange x and dy in place of dW = x^T dy.

The gradient of a dense layer's W (D, M) is the product of two arrays, x (N, D) and dy (N, M) for
the N samples of a batch. They are smaller than dW where N is smaller than D and M. Without this
module each worker computes the product of its rows, writes D M numbers, and reads as many of the
others, to add them. With it each worker writes its rows of x and dy into memory that all see, and
computes those rows lo ... hi - 1 of dW that belong to its stretch of the parameters:

    x[rows of the worker], dy[rows of the worker] = x_r, dy_r
    dW[lo:hi] = x[:, lo:hi]^T dy                          # (hi - lo, M): the sum over all samples

The number of multiplications is the same. For 784-256 and 64 samples 67,000 numbers are exchanged
in place of 200,000, and one product of 64 rows is faster than two of 32. Sufficient factor
broadcasting, Xie et al. (2016), Lighter-communication distributed machine learning via sufficient
factor broadcasting; here each worker computes its own stretch alone.
"""

import collections
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from scratchnet.backend import Array
from scratchnet.layers.base import Layer
from scratchnet.layers.conv.convolution import Conv2D, Conv2DTranspose
from scratchnet.layers.dense import Dense
from scratchnet.layers.gradient_vector import GradientVector
from scratchnet.layers.sequential import Sequential
from scratchnet.layers.shapes import ShapeError
from scratchnet.optimizer_base import Optimizer
from scratchnet.parallel import Group
from scratchnet.parallel.group import in_chunks
from scratchnet.validation import has_methods
from scratchnet.workers import rows_of

LARGE = 1 << 19  # parameters of a model; in a smaller one the time of the calls counts
LEAST = 1 << 15  # numbers in a W
PRODUCT = 1 << 17  # numbers of dW that are computed at once, and still in the cache for the update
# methods between a layer's gradient and the update; an X-ray replaces some of them
METHODS = {
    kind: {name: getattr(kind, name) for name in names}
    for kind, names in {
        Dense: ["backward", "weight_gradients"],
        Sequential: ["backward", "weight_gradients", "add_gradients"],
        Optimizer: ["step"],
    }.items()
}


class Factors(NamedTuple):
    """Factors of the gradient of one W (D, M), in memory that all workers see."""

    x: np.ndarray  # (N, D)
    dy: np.ndarray  # (N, M)
    start: int  # of W in the vector of parameters
    stop: int

    def products(self, stretch: slice) -> Iterator[tuple]:
        """Yield (s, x, dy, first): the numbers s of the vector are those of x^T dy from `first` on.

        Each product has whole rows of dW, about PRODUCT numbers in all.
        """
        M = self.dy.shape[1]
        first = max(stretch.start - self.start, 0)
        last = min(stretch.stop, self.stop) - self.start
        if first >= last:
            return
        lo, hi = first // M, -(-last // M)  # rows of dW
        most = -(-(hi - lo) // -(-(hi - lo) * M // PRODUCT))  # rows of one product
        for i in range(lo, hi, most):
            j = min(i + most, hi)
            s = slice(self.start + max(first, i * M), self.start + min(last, j * M))
            yield s, self.x[:, i:j], self.dy, s.start - self.start - i * M


def without(factors: Iterable[Factors], stretch: slice) -> Iterator[slice]:
    """Yield slices that cover a stretch of the vector, but for the gradients in factors.

    >>> list(without([Factors(None, None, 10, 20), Factors(None, None, 30, 40)], slice(15, 50)))
    [slice(20, 30, None), slice(40, 50, None)]
    """
    done = stretch.start
    for f in factors:
        if done < min(f.start, stretch.stop):
            yield slice(done, min(f.start, stretch.stop))
        done = max(done, f.stop)
    if done < stretch.stop:
        yield slice(done, stretch.stop)


class Plan:
    """The factors that workers exchange for batches of one size.

    Attributes
        factors    {parameter: Factors}, in the order of the vector
        rows       of the factors, for each worker
        own        those of this worker
        wanted     for each worker the slices of its stretch that are not in factors
        products   of this worker, see `Factors.products`
    """

    def __init__(self, factors: dict, rows: list[slice], group: Group, P: int):
        self.factors, self.rows, self.own = factors, rows, rows[group.rank]
        stretches = [group.stretch(P, rank) for rank in range(group.size)]
        self.wanted = [list(without(factors.values(), s)) for s in stretches]
        mine = stretches[group.rank]
        self.products = [task for f in factors.values() for task in f.products(mine)]


class FactoredGradient(GradientVector):
    """`GradientVector` of a worker that has factors in place of the gradients of some W.

    In a batch without such a W, see `dense_kernels`, it is a plain `GradientVector`. Otherwise the
    optimizer gets its gradients from `all_to_all`.

    Parameters
        model       a built layer
        optimizer   its optimizer
        group       of the worker, which has the rows `rows_of` of each batch

    >>> from scratchnet.optimizers import SGD
    >>> from scratchnet.parallel import run
    >>> model = Sequential([Dense(800)])
    >>> model.build((800,), 0)
    (800,)
    >>> x = np.random.default_rng(0).random((8, 800), "float32")
    >>> def work(group):
    ...     memory, mine = FactoredGradient(model, SGD(0.1), group), rows_of(group, len(x))
    ...     y, cache = model.forward(x[mine], train=True)
    ...     memory.set_batch(len(x))
    ...     with memory:
    ...         g = memory.filled(model.weight_gradients(y, cache))
    ...     return np.concatenate([sum(parts) for _, parts in memory.all_to_all(g, 1 << 16)])
    >>> y, cache = model.forward(x, train=True)
    >>> g = model.flatten(model.weight_gradients(y, cache))
    >>> own = run(work, 2, "threads", capacity=g.size)  # of rank 0
    >>> bool(abs(own - g[: own.size]).max() < 1e-4)
    True
    """

    def __init__(self, model: Layer, optimizer: Optimizer, group: Group):
        super().__init__(model, group)
        self.group = group
        self.kernels: set = set()
        if group.size > 1 and self.vector is not None:
            if has_methods(optimizer, METHODS[Optimizer]) and optimizer.clip is None:
                self.kernels = dense_kernels(model)
            if not _equal_on_all(group, [p in self.kernels for p in self._parameters]):
                self.kernels = set()
        self._plan = Plan({}, [slice(0)] * group.size, group, 0)  # of the present batch
        self._plans: dict[int, Plan] = {}
        self._product = np.empty(0, self.parameters.dtype)

    def set_batch(self, n: int) -> None:
        if self.kernels:
            if n not in self._plans:
                self._plans[n] = self._new_plan(n)
            self._plan = self._plans[n]

    def _new_plan(self, N):
        """The plan for a batch; without factors, if they are larger or a worker has no rows."""
        group, w, factors, start = self.group, self.parameters, {}, 0
        rows = [rows_of(group, N, rank) for rank in range(group.size)]
        kernels = self.kernels if N >= group.size else ()
        common = [group.common(i, w.size, w.dtype) for i in range(2)]
        for p in self._parameters:
            if p in kernels and N <= min(p.value.shape):  # both fit into the place of W
                x, dy = (
                    memory[start : start + N * size].reshape(N, size)
                    for memory, size in zip(common, p.value.shape, strict=True)
                )
                factors[p] = Factors(x, dy, start, start + p.value.size)
            start += p.value.size
        return Plan(factors, rows, group, w.size)

    def product(self, parameter: Any, x: Array, dy: Array) -> Array:
        plan = self._plan
        if parameter not in plan.factors:
            return super().product(parameter, x, dy)
        place, factors = self.take(parameter), plan.factors[parameter]
        if place is None:
            raise RuntimeError("a gradient in factors expects that each layer is used once")
        mine = factors.x[plan.own], factors.dy[plan.own]
        for memory, given in zip(mine, (x, dy), strict=True):
            if memory.shape != given.shape:
                raise ShapeError(
                    f"{self.title} expects x {mine[0].shape} and dy {mine[1].shape} for the "
                    f"gradient of a Dense; got {x.shape} and {dy.shape}"
                )
            memory[...] = given
        return place

    def scale(self, factor: float) -> None:
        factors = self._plan.factors.values()
        for s in without(factors, slice(0, self.parameters.size)):
            self.vector[s] *= factor
        for f in factors:
            f.dy[self._plan.own] *= factor

    def update(self, optimizer: Optimizer, g: Array, group: Group) -> None:
        options: dict[str, Any] = {"all_to_all": self.all_to_all} if self._plan.factors else {}
        optimizer.step(self.parameters, g, group, **options)

    def all_to_all(self, g: Array, chunk: int) -> Iterator[tuple[slice, list[np.ndarray]]]:
        """`Group.all_to_all` of the gradient; where it has factors, their product is yielded.

        Parameters
            g       the vector of this object, after `filled`
            chunk   numbers in a chunk of the other gradients
        """
        plan, group = self._plan, self.group
        for f in plan.factors.values():
            group.share_rows(f.x, plan.rows)
            group.share_rows(f.dy, plan.rows)
        received = group.exchange(g, plan.wanted)
        for s, vectors in zip(plan.wanted[group.rank], received, strict=True):
            yield from in_chunks(s, vectors, chunk)
        for s, x, dy, first in plan.products:
            yield s, [self._times(x, dy)[first : first + s.stop - s.start]]

    def _times(self, x, dy):
        """The numbers of x^T dy, in memory that the next call overwrites."""
        K, M = x.shape[1], dy.shape[1]
        if self._product.size < K * M:
            self._product = np.empty(K * M, dy.dtype)
        numbers = self._product[: K * M]
        np.matmul(x.T, dy, out=numbers.reshape(K, M))  # (K, N) (N, M) -> (K, M)
        return numbers


def dense_kernels(model: Layer) -> set:
    """The `Parameter` W of each trained `Dense` of a model whose gradient may stay in factors.

    Between the layer and the training step nothing may read the gradient or add to it. So these are
    the layers that a model has as a `Sequential`, or in a Sequential inside, with a W that is used
    once. None in a model with convolutions, which computes its rows in shards, with layers of a
    user, which may change the number of rows, none of a layer whose backward pass is recorded, and
    none in a small model.

    >>> model = Sequential([Dense(500), shared := Dense(500), Sequential([Dense(500), shared])])
    >>> model.build((500,), 0)
    (500,)
    >>> len(dense_kernels(model))
    2
    """
    layers = model.named_layers().values()
    if any(isinstance(layer, (Conv2D, Conv2DTranspose)) for layer in layers):
        return set()
    if not all(type(layer).__module__.startswith("scratchnet.layers.") for layer in layers):
        return set()
    trained = {p for _, p in model.parameter_items(trainable_only=True)}
    if sum(p.value.size for p in trained) < LARGE:
        return set()
    found, uses = [], collections.Counter()

    def visit(layer, plain):
        uses.update(layer.params.values())
        if plain and type(layer) is Dense and has_methods(layer, METHODS[Dense]):
            found.append(layer.params["W"])
        plain = plain and type(layer) is Sequential and has_methods(layer, METHODS[Sequential])
        inside = layer.layers if isinstance(layer, Sequential) else layer.children.values()
        for child in inside:
            visit(child, plain)

    visit(model, plain=True)
    return {p for p in found if uses[p] == 1 and p in trained and p.value.size >= LEAST}


def _equal_on_all(group, flags):
    """Whether all workers have these flags; each may have a model and an optimizer of its own."""
    number = zlib.crc32(bytes(flags)) & 0xFFFFF  # of 20 bits, so that the sums are exact
    total, squares = group.all_reduce([number, number**2])
    return group.size * squares == total**2  # no variance
