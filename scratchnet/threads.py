"""Threads: a batch cut into shards, each of which goes through the model on a thread of its own.

Layers are pure, so two threads may use one model at once; and the gradient of a batch is the mean
of the gradients of its shards, weighted by their sizes. The shards are nearly equal, an even number
of them so that two cores have equal work, the same however many threads there are; and the sum is
taken in their order: a seed gives the same bits on one thread and on eight. NumPy lets go of
Python's lock while it computes.

It pays for convolutions, where moving patches takes longer than multiplying them and one core's
cache holds a shard. A model of Dense layers stays whole: its products are large, and BLAS has
threads for them.
"""

import concurrent.futures
import contextvars
import functools
import itertools
import math
import os

from threadpoolctl import ThreadpoolController

from scratchnet.backend import on_host
from scratchnet.layers.conv.convolution import Conv2D, Conv2DTranspose
from scratchnet.losses import Loss
from scratchnet.validation import check_positive_int

SHARD = 48 * 28 * 28  # pixels of the images in a shard, at most: 48 of MNIST's


def threads_help(model, x):
    """True if threads help: convolutions, on the host."""
    layers = model.named_layers().values()
    return on_host(x) and any(isinstance(layer, (Conv2D, Conv2DTranspose)) for layer in layers)


def shards(model, loss, x):
    """Slices of the batch x for a training step; one slice for a batch that stays whole.

    It does where threads do not pay, and where a layer or loss needs all of it at once: batch
    statistics, random numbers drawn in the order of the samples, sums over the batch.
    """
    one = [slice(0, len(x))]
    size = max(1, SHARD // math.prod(x.shape[1:3]))
    small = len(x) <= size * 2 // 3  # no shard of it would be worth a thread
    if small or not isinstance(loss, Loss) or not threads_help(model, x):
        return one
    if any(layer.needs_whole_batch or layer.state for layer in model.named_layers().values()):
        return one
    count = min(2 * math.ceil(len(x) / (2 * size)), len(x))
    edges = [len(x) * i // count for i in range(count + 1)]
    return list(itertools.starmap(slice, itertools.pairwise(edges)))


def on_threads(f, parts, threads=None):
    """[f(part) for part in parts], on threads, while BLAS keeps to one thread for each.

    threads: how many; None for one per core.
    """
    cores = getattr(os, "process_cpu_count", os.cpu_count)() or 1
    threads = cores if threads is None else check_positive_int("on_threads", "threads", threads)
    if len(parts) == 1:
        return [f(parts[0])]
    with _blas().limit(limits=1, user_api="blas"):
        if threads == 1:
            return [f(part) for part in parts]
        running = [_pool(threads).submit(contextvars.copy_context().run, f, p) for p in parts]
        return [task.result() for task in running]


def map_batches(f, parts, model, x, threads=None):
    """[f(part) for part in parts], on threads where they pay for this model and x."""
    return on_threads(f, parts, threads) if threads_help(model, x) else [f(part) for part in parts]


def weighted_mean(values, parts):
    """The mean over all samples, from the means over parts of them, added up in order."""
    if len(values) == 1:
        return values[0]
    n = sum(part.stop - part.start for part in parts)
    return sum(v * ((p.stop - p.start) / n) for v, p in zip(values, parts, strict=True))


@functools.cache
def _pool(threads):
    return concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="scratchnet")


@functools.cache
def _blas():
    return ThreadpoolController()
