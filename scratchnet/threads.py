"""Threads: a batch is cut into shards, and each thread computes the gradient of a shard.

Layers are pure, so that several threads can use one model at once. The gradient of a batch is the
mean of the gradients of its shards, weighted by their sizes:

    dL/dw = sum over shards of (samples in shard / samples in batch) * dL_shard/dw

The shards are nearly equal, and an even number of them, so that two cores have equal work. Their
number does not depend on the number of threads, and the sum is taken in their order: equal seeds
give equal bits on one thread and on eight. The threads run in parallel because NumPy releases
Python's lock (the GIL) while it computes.

Shards help where a model has convolutions: copying patches takes longer there than multiplying
them, and the patches of a shard fit into a core's cache. Other models have few and large products,
for which BLAS has its own threads; their batches stay whole.
"""

import concurrent.futures
import contextvars
import functools
import itertools
import math
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

from threadpoolctl import ThreadpoolController

from scratchnet.backend import Array, on_host
from scratchnet.layers.base import Layer
from scratchnet.layers.conv.convolution import Conv2D, Conv2DTranspose
from scratchnet.losses import Loss
from scratchnet.validation import check_positive_int

SHARD = 48 * 28 * 28  # pixels of the images in a shard, at most: 48 of MNIST's


def threads_help(model: Layer, x: Array) -> bool:
    """True if threads make the model faster: it has convolutions, and x is in CPU memory."""
    layers = model.named_layers().values()
    return on_host(x) and any(isinstance(layer, (Conv2D, Conv2DTranspose)) for layer in layers)


def shards(model: Layer, loss: Loss, x: Array) -> list[slice]:
    """Slices of the batch x for a training step: one slice if the batch stays whole.

    The batch stays whole where threads would not help, where a layer or the loss does not declare
    ``splits_batch = True``, as those of the library do, and where one of them needs all samples at
    once: for batch statistics, for sums over the batch, or to draw random numbers in the order of
    the samples.

    >>> import numpy as np
    >>> from scratchnet.layers import Conv2D
    >>> from scratchnet.losses import MeanSquaredError
    >>> model = Conv2D(1, 3)
    >>> shards(model, MeanSquaredError(), np.zeros((70, 28, 28, 1)))
    [slice(0, 35, None), slice(35, 70, None)]
    """
    whole = [slice(0, len(x))]
    size = max(1, SHARD // math.prod(x.shape[1:3]))
    small = len(x) <= size * 2 // 3  # half of it would not be worth a thread
    if small or not isinstance(loss, Loss) or not threads_help(model, x):
        return whole
    layers = model.named_layers().values()
    if not loss.splits_batch or not all(layer.splits_batch for layer in layers):
        return whole
    if any(layer.needs_whole_batch or layer.state for layer in layers):
        return whole
    count = min(2 * math.ceil(len(x) / (2 * size)), len(x))
    edges = [len(x) * i // count for i in range(count + 1)]
    return list(itertools.starmap(slice, itertools.pairwise(edges)))


def on_threads(f: Callable, parts: Sequence, threads: int | None = None) -> list:
    """Compute [f(part) for part in parts] on threads; BLAS has one thread in each of them.

    Parameters
        threads   how many; None: one per core

    >>> on_threads(len, ["a", "bc", "def"], threads=2)
    [1, 2, 3]
    """
    cores = getattr(os, "process_cpu_count", os.cpu_count)() or 1
    threads = cores if threads is None else check_positive_int("on_threads", "threads", threads)
    if len(parts) == 1:
        return [f(parts[0])]
    with _BLAS:
        if threads == 1:
            return [f(part) for part in parts]
        # a copied context: a thread has the precision and device of its caller
        tasks = [_pool(threads).submit(contextvars.copy_context().run, f, p) for p in parts]
        return [task.result() for task in tasks]


def map_batches(
    f: Callable, parts: Sequence, model: Layer, x: Array, threads: int | None = None
) -> list:
    """Compute [f(part) for part in parts], on threads if they help this model and x."""
    return on_threads(f, parts, threads) if threads_help(model, x) else [f(part) for part in parts]


def weighted_mean(values: Sequence[Any], parts: Sequence[slice]) -> Any:
    """Mean over all samples, from the means over parts of them, added in their order.

    >>> weighted_mean([1.0, 4.0], [slice(0, 2), slice(2, 3)])  # (2 * 1 + 1 * 4) / 3
    2.0
    """
    if len(values) == 1:
        return values[0]
    n = sum(part.stop - part.start for part in parts)
    return sum(v * ((p.stop - p.start) / n) for v, p in zip(values, parts, strict=True))


@functools.cache
def _pool(threads):
    return concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="scratchnet")


if hasattr(os, "register_at_fork"):  # a forked child has no threads: its pool is a new one
    os.register_at_fork(after_in_child=_pool.cache_clear)


class _OneBlasThread:
    """Context in which BLAS has one thread; the last of several to leave restores the number.

    Limits that several threads set and restore on their own would restore each other's 1.
    """

    def __init__(self):
        self.lock, self.inside, self.limit = threading.Lock(), 0, None

    def __enter__(self):
        with self.lock:
            if not self.inside:
                self.limit = _blas().limit(limits=1, user_api="blas")
            self.inside += 1

    def __exit__(self, *exception):
        with self.lock:
            self.inside -= 1
            if not self.inside:
                self.limit.restore_original_limits()


_BLAS = _OneBlasThread()


@functools.cache
def _blas():
    return ThreadpoolController()
