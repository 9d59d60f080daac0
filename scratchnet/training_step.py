"""One training step: forward, loss, backward, update, on one worker or on the workers of a group.

    y, cache = model.forward(x, train=True)           # x: this worker's rows of the batch
    value, loss_cache = loss.forward(y, target)
    dy = (rows / samples in batch) * loss.backward(loss_cache)
    g = model.weight_gradients(dy, cache)
    optimizer.step(model.parameters, g, group)        # sums g over the workers, see parallel.group

The loss is a mean over samples, so the gradient of a batch is the mean of the gradients of its
parts, weighted by their numbers of samples:

    dL/dw = sum over parts of (samples in part / samples in batch) * dL_part/dw

Within a worker the rows of a convolutional model are computed in shards, one after the other: the
patches of a shard fit into a core's cache, and copying patches takes longer than multiplying them.
"""

import copy
import itertools
import math
from typing import Any

from scratchnet.backend import Array, on_host, xp_of
from scratchnet.batch_rows import batch_rows
from scratchnet.layers.activations import Sigmoid
from scratchnet.layers.base import Layer
from scratchnet.layers.conv.convolution import Conv2D, Conv2DTranspose
from scratchnet.layers.gradient_vector import GradientVector
from scratchnet.layers.sequential import Sequential
from scratchnet.loss_base import batch_weight, with_mask
from scratchnet.losses import BinaryCrossEntropy, Loss
from scratchnet.optimizers import ALONE, Optimizer
from scratchnet.parallel import Group, choose, run
from scratchnet.workers import (
    MIN_OPERATIONS_OF_A_THREAD,
    Workers,
    WorkersOption,
    rows_of,
    share,
    splits_batch,
    worker_count,
)

SHARD = 48 * 28 * 28  # pixels of the images in a shard, at most: 48 of MNIST's


def shards(model: Layer, loss: Loss, x: Array) -> list[slice]:
    """Slices of the rows x for one computation each: one slice if they stay together.

    They stay together without convolutions, on a GPU, where a layer or the loss does not declare
    ``splits_batch = True``, as those of the library do, and where a layer needs all samples at once
    or draws noise.

    >>> import numpy as np
    >>> from scratchnet.losses import MeanSquaredError
    >>> model = Conv2D(1, 3)
    >>> shards(model, MeanSquaredError(), np.zeros((70, 28, 28, 1)))
    [slice(0, 35, None), slice(35, 70, None)]
    """
    whole = [slice(0, len(x))]
    size = max(1, SHARD // math.prod(x.shape[1:3]))
    if len(x) <= size * 4 // 3 or not on_host(x) or not splits_batch(model, loss):
        return whole
    layers = model.named_layers().values()
    if not any(isinstance(layer, (Conv2D, Conv2DTranspose)) for layer in layers):
        return whole
    if any(layer.needs_whole_batch for layer in layers) or masks_steps(model):
        return whole
    count = min(math.ceil(len(x) / size), len(x))
    edges = [len(x) * i // count for i in range(count + 1)]
    return list(itertools.starmap(slice, itertools.pairwise(edges)))


def shard_gradients(
    model: Layer,
    loss: Loss,
    x: Array,
    target: Array,
    share: float = 1.0,
    group: Group = ALONE,
    memory: GradientVector | None = None,
) -> tuple:
    """Return (loss, penalty, gradient vector, prediction, weight) of a part of a batch.

    The weight is that of the loss in a mean over parts: the number of samples, or of real steps
    where a layer masks steps.

    Parameters
        share   of the part in the batch, by which the gradient is multiplied
        group   of a worker whose loss has a mask: its share of the real steps takes the place of
                `share`
        memory  of the gradient; None: new memory
    """
    sigmoid = sigmoid_before(model, loss)
    if sigmoid is None:
        y, cache = model.forward(x, train=True)
        loss_of_y = with_mask(loss, y, model.input_mask(cache))
    else:  # y are logits
        options: dict[str, Any] = {"but_last": True}  # of Sequential
        y, cache = model.forward(x, train=True, **options)
        loss_of_y = BinaryCrossEntropy(from_logits=True, reduction=loss.reduction)
    value, loss_cache = loss_of_y.forward(y, target)
    dy, penalty = loss_of_y.backward(loss_cache), model.penalty(cache)
    weight, share_of_loss = batch_weight(loss_of_y, y, target), share
    if group.size > 1 and masks_steps(model):
        (total,) = group.all_reduce([weight])
        share_of_loss = weight / max(total, 1)
    has_penalty = type(penalty) not in (int, float)
    before = share_of_loss / share if has_penalty else share_of_loss
    if before != 1:  # dy has fewer numbers than the gradient, usually
        dy = dy * before
    if sigmoid is not None:
        call_if_recorded(sigmoid, loss, y, target, before)
        y, _ = loss_cache  # probabilities
    with memory or GradientVector(model) as memory:
        g = memory.filled(model.weight_gradients(dy, cache))
    if share != 1 and has_penalty:  # the gradient of a penalty does not depend on dy
        g *= share
    model.update_running_stats(cache)
    return value, penalty, g, y, weight


def sigmoid_before(model: Layer, loss: Loss) -> Sigmoid | None:
    """The Sigmoid at the end of a model, if the loss is BinaryCrossEntropy of its probabilities.

    A training step leaves this layer out and computes the loss from the logits. That is the same
    function of the weights, with the gradient (p - t) / n by the logits in place of the product of
    (p - t) / (n p (1 - p)) and p (1 - p). It saves a fifth of the step of a small autoencoder, and
    is right also where p is rounded to 0 or 1. Keras does the same on TensorFlow.

    >>> from scratchnet.layers import Dense, Sequential, Sigmoid
    >>> model = Sequential([Dense(2), Sequential([Dense(3), Sigmoid()])])
    >>> sigmoid_before(model, BinaryCrossEntropy())
    Sigmoid()
    """
    if type(loss) is not BinaryCrossEntropy or loss.from_logits or masks_steps(model):
        return None
    while type(model) is Sequential and model.layers:
        model = model.layers[-1]
    return model if type(model) is Sigmoid else None


def call_if_recorded(
    sigmoid: Sigmoid, loss: Loss, logits: Array, target: Array, factor: float
) -> None:
    """Call the methods of the layer, if an X-ray records them; the step does not need them."""
    if "forward" in vars(sigmoid):
        p, cache = sigmoid.forward(logits, train=True)
        _, loss_cache = loss.forward(p, target)
        sigmoid.backward(factor * loss.backward(loss_cache), cache)


def masks_steps(model: Layer) -> bool:
    """True if a layer of the model masks steps of a sequence."""
    return model.mask_value is not None or any(map(masks_steps, model.children.values()))


def step(
    model: Layer,
    loss: Loss,
    optimizer: Optimizer,
    x: Array,
    target: Array,
    group: Group = ALONE,
    n: int | None = None,
) -> tuple:
    """Update the parameters once; return (loss, penalty, prediction, weight) of the rows x.

    Parameters
        x, target   this worker's rows of the batch
        n           samples of the batch; None: x is the whole batch
    """
    n = len(x) if n is None else n
    memory = GradientVector(model, group)
    w = memory.parameters
    if not len(x):  # more workers than samples
        if masks_steps(model):
            group.all_reduce([0])
        optimizer.step(w, w * 0, group)
        return 0.0, 0.0, None, 0
    results, g = [], None
    for s in shards(model, loss, x):
        x_s, t_s, share = x[s], target[s], (s.stop - s.start) / n
        value, penalty, g_s, y, weight = shard_gradients(
            model, loss, x_s, t_s, share, group, memory if g is None else None
        )
        if g is None:
            g = g_s
        else:
            g += g_s
        results.append((value, penalty, y, weight))
    optimizer.step(w, g, group)
    return joined(results)


def on_threads(
    workers: WorkersOption, model: Layer, loss: Loss, optimizer: Optimizer, x: Array, target: Array
) -> tuple:
    """`step` for a whole batch on several threads, or for a worker's rows in a Group."""
    if isinstance(workers, Group):
        (n,) = workers.all_reduce([len(x)])
        return step(model, loss, optimizer, x, target, workers, int(n))
    size = workers.size if isinstance(workers, Workers) else workers
    if size is None:
        size = worker_count([model], len(x), MIN_OPERATIONS_OF_A_THREAD)
    alone = size == 1 or not on_host(x) or choose(size)[0] in ("alone", "mpi")
    if alone or not splits_batch(model, loss):
        return step(model, loss, optimizer, x, target)
    results: list[Any] = [None] * size

    def work(group):
        mine = rows_of(group, len(x))
        with batch_rows(several=True) as rows:
            rows.set(mine, len(x))
            results[group.rank] = step(
                model, loss, own_counter(optimizer, group), x[mine], target[mine], group, len(x)
            )

    arrays = share(model, optimizer, "threads")
    run(work, size, "threads", arrays=arrays, capacity=arrays[-1].size)
    return joined([result for result in results if result[2] is not None])


def own_counter(optimizer: Optimizer, group: Group, member: Group | None = None) -> Optimizer:
    """The optimizer on rank 0; for another worker a copy with the same vectors.

    Threads would count each update several times in one object. Where the call itself is a worker
    of a group (`member`), it has an optimizer of its own.
    """
    return optimizer if group.rank == 0 or member is not None else copy.copy(optimizer)


def joined(results: list[tuple]) -> tuple:
    """Results (loss, penalty, prediction, weight) of the parts of a batch as those of the batch."""
    if len(results) == 1:
        return results[0]
    values, penalties, ys, weights = zip(*results, strict=True)
    n, weight = sum(map(len, ys)), sum(weights)
    value = sum(v * (w / max(weight, 1)) for v, w in zip(values, weights, strict=True))
    penalty = sum(p * (len(y) / n) for p, y in zip(penalties, ys, strict=True))
    return value, penalty, xp_of(*ys).concatenate(ys), weight
