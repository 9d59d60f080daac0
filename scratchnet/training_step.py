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
images of a shard stay in a core's cache between two layers. Each shard computes a gradient of all
parameters, so a shard of a model with many of them has at least 16 images, also large ones.
"""

import copy
import itertools
import math
from typing import Any

from scratchnet.backend import Array, on_host, xp_of
from scratchnet.batch_rows import batch_rows
from scratchnet.factored_gradient import FactoredGradient
from scratchnet.layers.activations import Sigmoid
from scratchnet.layers.base import Layer
from scratchnet.layers.conv.convolution import Conv2D, Conv2DTranspose
from scratchnet.layers.gradient_vector import GradientVector
from scratchnet.layers.sequential import Sequential
from scratchnet.loss_base import batch_weight, with_mask
from scratchnet.losses import BinaryCrossEntropy, Loss
from scratchnet.optimizer_base import ALONE, Optimizer
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

SHARD = 32 * 28 * 28  # pixels of the images in a shard: 32 of MNIST's
FEWEST = 8  # images in a shard up to 2 SHARD pixels: with fewer, the time of the calls counts
FEWEST_OF_ALL = 2  # images in a shard, also of larger ones
MANY = 1 << 17  # parameters; the products and sums of their gradients take long for each shard
FEWEST_OF_MANY = 16  # images in a shard of a model with more


def shards(model: Layer, loss: Loss, x: Array) -> list[slice]:
    """Slices of the rows x for one computation each: one slice if they stay together.

    They stay together without convolutions, on a GPU, where a layer or the loss does not declare
    ``splits_batch = True``, as those of the library do, and where a layer needs all samples at once
    or draws noise.

    >>> import numpy as np
    >>> from scratchnet.losses import MeanSquaredError
    >>> model = Conv2D(1, 3)
    >>> shards(model, MeanSquaredError(), np.zeros((60, 28, 28, 1)))
    [slice(0, 30, None), slice(30, 60, None)]
    """
    whole = [slice(0, len(x))]
    if not on_host(x) or not splits_batch(model, loss):
        return whole
    layers = model.named_layers().values()
    if not any(isinstance(layer, (Conv2D, Conv2DTranspose)) for layer in layers):
        return whole
    if any(layer.needs_whole_batch for layer in layers) or masks_steps(model):
        return whole
    pixels = math.prod(x.shape[1:3])
    fewest = max(FEWEST_OF_ALL, min(FEWEST, 2 * SHARD // pixels))
    if model.n_parameters > MANY:
        fewest = FEWEST_OF_MANY
    size = max(fewest, SHARD // pixels)  # images
    if len(x) <= size * 4 // 3:
        return whole
    count = min(math.ceil(len(x) / size), len(x))
    edges = [len(x) * i // count for i in range(count + 1)]
    return list(itertools.starmap(slice, itertools.pairwise(edges)))


class TrainingStep:
    """The training step of a model, a function that is called with one batch after the other.

    What is the same in each step is found once, by the constructor: do not freeze layers until the
    last call.

    Parameters
        loss, optimizer   of all steps; a call may have another loss
        group             of this worker
        factors           True: this worker has the rows `rows_of` of each batch, so that workers
                          may exchange factors of gradients, see `scratchnet.factored_gradient`

    >>> import numpy as np
    >>> from scratchnet.layers import Dense
    >>> from scratchnet.losses import MeanSquaredError
    >>> from scratchnet.optimizers import SGD
    >>> model, x = Dense(1, kernel_initializer="zeros"), np.ones((4, 2), dtype="float32")
    >>> model.build((2,), 0)
    (1,)
    >>> step = TrainingStep(model, MeanSquaredError(), SGD(0.1))
    >>> [round(float(step(x, x[:, :1])[0]), 2) for _ in range(3)]  # the loss
    [1.0, 0.16, 0.03]
    """

    def __init__(
        self,
        model: Layer,
        loss: Loss,
        optimizer: Optimizer,
        group: Group = ALONE,
        factors: bool = False,
    ):
        self.model, self.loss, self.optimizer, self.group = model, loss, optimizer, group
        self.memory = (
            FactoredGradient(model, optimizer, group) if factors else GradientVector(model, group)
        )
        self._later: GradientVector | None = None
        self.masks_steps = masks_steps(model)
        self.sigmoid = sigmoid_before(model, loss)
        self.losses = [loss]  # that get the targets
        if self.sigmoid is not None:
            self.loss_of_logits = BinaryCrossEntropy(from_logits=True, reduction=loss.reduction)
            self.losses.append(self.loss_of_logits)
        # most models have no layers with these methods, and need not be searched in each step
        self.has_penalty = defines(model, "penalty")
        self.has_mask = defines(model, "input_mask")
        self.has_running_stats = defines(model, "update_running_stats")
        self._shards: dict[tuple, list[slice]] = {}  # shape of x -> shards

    def __call__(
        self, x: Array, target: Array, n: int | None = None, loss: Loss | None = None
    ) -> tuple:
        """Update the parameters once; return (loss, penalty, prediction, weight) of the rows x.

        The weight is that of the loss in a mean over parts of a batch: the number of samples, or of
        real steps where a layer masks steps.

        Parameters
            x, target   this worker's rows of the batch
            n           samples of the batch; None: x is the whole batch
            loss        of this batch, for example with its weights; None: that of all steps
        """
        n = len(x) if n is None else n
        if not len(x):  # more workers than samples
            if self.masks_steps:
                self.group.all_reduce([0])
            w = self.model.parameters
            self.optimizer.step(w, w * 0, self.group)
            return 0.0, 0.0, None, 0
        if loss is None and x.shape not in self._shards:
            self._shards[x.shape] = shards(self.model, self.loss, x)
        parts = self._shards[x.shape] if loss is None else shards(self.model, loss, x)
        self.memory.set_batch(n)
        results, g = [], None
        for s in parts:
            memory = self.memory if g is None else self._memory_of_later_shards()
            g_s, result = self.gradient(x[s], target[s], (s.stop - s.start) / n, memory, loss)
            if g is None:
                g = g_s
            else:
                g += g_s
            results.append(result)
        self.memory.update(self.optimizer, g, self.group)
        return joined(results)

    def gradient(
        self,
        x: Array,
        target: Array,
        share: float,
        memory: GradientVector,
        loss: Loss | None = None,
    ) -> tuple:
        """Return (g, (loss, penalty, prediction, weight)) of a part of a batch, g a vector (P,).

        Parameters
            share   of the part in the batch, by which the gradient is multiplied; of a worker whose
                    loss has a mask its share of the real steps takes this place
            memory  for g
            loss    see `__call__`
        """
        model, sigmoid = self.model, self.sigmoid if loss is None else None
        if sigmoid is None:
            y, cache = model.forward(x, train=True)
            mask = model.input_mask(cache) if self.has_mask else None
            loss_of_y = with_mask(loss or self.loss, y, mask)
        else:  # y are logits
            options: dict[str, Any] = {"but_last": True}  # of Sequential
            y, cache = model.forward(x, train=True, **options)
            loss_of_y = self.loss_of_logits
        value, loss_cache = loss_of_y.forward(y, target)
        dy, penalty = loss_of_y.backward(loss_cache), 0
        if self.has_penalty:
            penalty = model.penalty(cache)
        weight, share_of_loss = batch_weight(loss_of_y, y, target), share
        if self.group.size > 1 and self.masks_steps:
            (total,) = self.group.all_reduce([weight])
            share_of_loss = float(weight / max(total, 1))
        penalized = type(penalty) not in (int, float)
        before = share_of_loss / share if penalized else share_of_loss
        if before != 1:  # dy has fewer numbers than the gradient, usually
            dy = dy * before
        if sigmoid is not None:
            call_if_recorded(sigmoid, self.loss, y, target, before)
            y, _ = loss_cache  # probabilities
        with memory:
            # the gradient of a penalty does not depend on dy
            g = memory.filled(model.weight_gradients(dy, cache), share if penalized else 1)
        if self.has_running_stats:
            model.update_running_stats(cache)
        return g, (value, penalty, y, weight)

    def _memory_of_later_shards(self):
        """Memory for the gradients of all shards of a batch but the first, one after the other."""
        self._later = self._later or GradientVector(self.model)
        return self._later


def defines(model: Layer, method: str) -> bool:
    """Whether the class of a layer in the model has its own form of a method of `Layer`."""
    layers = model.named_layers().values()
    return any(getattr(type(layer), method) is not getattr(Layer, method) for layer in layers)


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


def on_threads(
    workers: WorkersOption, model: Layer, loss: Loss, optimizer: Optimizer, x: Array, target: Array
) -> tuple:
    """One step for a whole batch on several threads, or for a worker's rows in a Group."""
    if isinstance(workers, Group):
        (n,) = workers.all_reduce([len(x)])
        return TrainingStep(model, loss, optimizer, workers)(x, target, int(n))
    size = workers.size if isinstance(workers, Workers) else workers
    if size is None:
        size = worker_count([model], len(x), MIN_OPERATIONS_OF_A_THREAD)
    alone = size == 1 or not on_host(x) or choose(size)[0] in ("alone", "mpi")
    if alone or not splits_batch(model, loss):
        return TrainingStep(model, loss, optimizer)(x, target)
    results: list[Any] = [None] * size

    def work(group):
        mine = rows_of(group, len(x))
        with batch_rows(several=True) as rows:
            rows.set(mine, len(x))
            step = TrainingStep(model, loss, own_counter(optimizer, group), group)
            results[group.rank] = step(x[mine], target[mine], len(x))

    arrays = share(model, optimizer, "threads", size)
    run(work, size, "threads", arrays=arrays, capacity=arrays[-1].size)
    return joined([result for result in results if result[2] is not None])


def own_counter(optimizer: Optimizer, group: Group, member: Group | None = None) -> Optimizer:
    """The optimizer on rank 0; for another worker a copy with the same vectors.

    Threads would count each update several times in one object. Where the call itself is a worker
    of a group (`member`), it has an optimizer of its own. All workers call this function, and go on
    when all have their copies: rank 0 counts the next update in the object that the others copy.
    """
    own = optimizer if group.rank == 0 or member is not None else copy.copy(optimizer)
    group.barrier()
    return own


def joined(results: list[tuple]) -> tuple:
    """Results (loss, penalty, prediction, weight) of the parts of a batch as those of the batch."""
    if len(results) == 1:
        return results[0]
    values, penalties, ys, weights = zip(*results, strict=True)
    n, weight = sum(map(len, ys)), sum(weights)
    value = sum(v * (w / max(weight, 1)) for v, w in zip(values, weights, strict=True))
    penalty = sum(p * (len(y) / n) for p, y in zip(penalties, ys, strict=True))
    return value, penalty, xp_of(*ys).concatenate(ys), weight
