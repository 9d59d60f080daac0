"""Tasks on the bundled digits, small enough for seconds, in which right and wrong code is trained.

    task      data                                        loss, and quality on test data
    digits    classes of 8x8 digits, dense layers         cross-entropy, accuracy
    images    the same with convolutions                  cross-entropy, accuracy
    rows      the same, a digit as a sequence of rows     cross-entropy, accuracy
    values    the number that a digit shows, regression   squared error, share within 1/2
    codes     a variational autoencoder of the pixels     -ELBO, ELBO in nats
    machine   a restricted Boltzmann machine of pixels    reconstruction error, log p in nats, exact

A learner has `loss(x, t)`, `epoch(x, t, rng)`, which trains and returns the mean loss,
`quality(x, t)`, larger for a better model, and `fitted(x, t)`, smaller for a better memory of x.
"""

import dataclasses
import functools
import math
from typing import Any

import numpy as np

from scratchnet.backend import RNG, Array, to_device, to_numpy, xp_of
from scratchnet.boltzmann.plain import (
    free_energy,
    log_partition,
    sample_h_given_v,
    sample_v_given_h,
)
from scratchnet.data import load_images
from scratchnet.layers import Dense, Flatten, ReLU, Sequential
from scratchnet.losses import BinaryCrossEntropy, SoftmaxCrossEntropy
from scratchnet.numerics import kl_to_standard_normal
from scratchnet.optimizers import Adam
from scratchnet.training import batches
from scratchnet.zoo.fault import Fault

BATCH = 32
TRAINED = 1000  # training samples


@dataclasses.dataclass(frozen=True)
class Task:
    """Data, and the numbers by which the checks judge a run.

    learner    class of the learner
    shape      of a sample
    rate       learning rate, of Adam for networks
    epochs     of the training
    start      the loss of an untrained model
    overfit    the loss on twenty samples stays above this if something is wrong
    falls_to   share of the first loss below which a training curve ends if all is right
    chance     quality of a model that has learned nothing
    noise      a difference in quality that other seeds make as well
    """

    learner: type
    shape: tuple
    rate: float
    epochs: int
    start: float
    overfit: float
    falls_to: float
    chance: float
    noise: float


@functools.cache
def _images():
    return load_images("digits", size=8)


def data_of(name: str) -> tuple[Array, Array, Array, Array]:
    """Training and test data (x, t, x_test, t_test) of a task.

    >>> [part.shape for part in data_of("digits")]
    [(1000, 64), (1000,), (360, 64), (360,)]
    """
    images, task = _images(), TASKS[name]
    found = []
    train = images.x_train[:TRAINED], images.y_train[:TRAINED]
    for x, t in (train, (images.x_test, images.y_test)):
        x = x.reshape(-1, *task.shape)
        if name == "machine":
            x = (x > 0.5).astype("float32")
        if name in ("machine", "codes"):
            t = x
        if name == "values":
            t = t.astype("float32")
        found += [to_device(x), to_device(t)]
    return tuple(found)


class Network:
    """Learner for a stack of layers, a loss and an optimizer.

    parts: {"layers": [...], "loss": ..., "optimizer": ...}, each with a default, and "start" for
    another loss at the start than that of the task.
    """

    def __init__(self, name: str, parts: dict[str, Any], seed: int):
        self.name, rng = name, RNG(seed)
        shape = TASKS[name].shape
        self.model = Sequential(parts.get("layers") or self.layers(parts))
        self.model.build(shape, rng)
        self.model.set_rng(RNG(seed).fork(1))
        self.objective = parts.get("loss") or self.default_loss()
        self.optimizer = parts.get("optimizer") or Adam(TASKS[name].rate)

    def layers(self, parts):
        """Layers of a task whose fault is elsewhere."""
        end = 1 if self.name == "values" else 10
        flat = [Flatten()] if len(TASKS[self.name].shape) > 1 else []
        return [*flat, Dense(64), ReLU(), Dense(64), ReLU(), Dense(end)]

    def default_loss(self):
        """The loss of the task."""
        return SoftmaxCrossEntropy()

    def loss(self, x: Array, t: Array) -> float:
        """Loss at inference."""
        y, cache = self.model.forward(x)
        return float(self.objective.forward(y, t)[0]) + float(self.model.penalty(cache))

    fitted = loss

    def epoch(self, x: Array, t: Array, rng: RNG) -> float:
        """Train for one epoch; return the mean loss of its batches."""
        losses = [self.step(x[i], t[i]) for i in batches(len(x), min(BATCH, len(x)), rng)]
        return sum(losses) / len(losses)

    def step(self, x: Array, t: Array) -> float:
        """One update with one batch."""
        y, cache = self.model.forward(x, train=True)
        value, loss_cache = self.objective.forward(y, t)
        _, grads = self.model.backward(self.objective.backward(loss_cache), cache)
        w = self.model.parameters
        self.optimizer.step(w, self.model.flatten(grads).astype(w.dtype))
        self.model.update_running_stats(cache)
        return float(value) + float(self.model.penalty(cache))

    def quality(self, x: Array, t: Array) -> float:
        """Accuracy, or the share of predicted numbers within 1/2 of the right ones."""
        y = to_numpy(self.model(x))
        right = y.argmax(axis=1) if y.shape[1] > 1 else np.round(np.nan_to_num(y[:, 0], nan=-1))
        return float((right == to_numpy(t)).mean()) if np.isfinite(y).all() else 0.1


class Codes(Network):
    """Learner for a variational autoencoder; parts: {"sampling": layer, "loss": ...}."""

    def layers(self, parts):
        encoder = [Dense(64), ReLU(), Dense(16)]
        return [*encoder, parts["sampling"], Dense(64), ReLU(), Dense(64)]

    def default_loss(self):
        return BinaryCrossEntropy(from_logits=True, reduction="per_sample")

    def quality(self, x: Array, t: Array) -> float:
        """ELBO in nats, computed with the right formulas and one code for each sample."""
        encoded = functools.reduce(lambda y, layer: layer(y), self.model.layers[:3], x)
        m, v = xp_of(x).split(encoded, 2, axis=1)
        z = m + xp_of(x).exp(v / 2) * RNG(0).normal(like=v)
        logits = functools.reduce(lambda y, layer: layer(y), self.model.layers[4:], z)
        loss = float(Codes.default_loss(self).forward(logits, x)[0])
        return -loss - float(kl_to_standard_normal(m, v).sum()) / len(x)


class Machine:
    """Learner for a restricted Boltzmann machine; parts: {"gradient": function like `plain_cd`}."""

    def __init__(self, name: str, parts: dict[str, Any], seed: int):
        self.name, (d,), h = name, TASKS[name].shape, 10
        zeros = to_device(np.zeros((d, h), "float32"))
        self.W = 0.01 * RNG(seed).normal(like=zeros)
        self.a, self.b = zeros[:, 0].copy(), zeros[0].copy()
        self.gradient, self.rng = parts["gradient"], RNG(seed).fork(1)

    def loss(self, v: Array, t: Array) -> float:
        """Reconstruction error, the number that is usually watched."""
        h, _ = sample_h_given_v(v, self.W, self.b, RNG(0))
        _, p = sample_v_given_h(h, self.W, self.a, RNG(0))
        return float(((v - p) ** 2).mean())

    def fitted(self, v: Array, t: Array) -> float:
        """Mean -log p(v) in nats."""
        return -self.quality(v, t)

    def epoch(self, v: Array, t: Array, rng: RNG) -> float:
        """Train for one epoch; return the reconstruction error after it."""
        for i in batches(len(v), min(BATCH, len(v)), rng):
            grads = self.gradient(v[i], self.W, self.a, self.b, self.rng)
            for parameter, gradient in zip((self.W, self.a, self.b), grads, strict=True):
                parameter += TASKS[self.name].rate * gradient
        return self.loss(v, t)

    def quality(self, v: Array, t: Array) -> float:
        """Mean log p(v) in nats, with log Z from all states of the hidden units."""
        W, a, b = (part.astype("float64") for part in (self.W, self.a, self.b))
        v = v.astype("float64")
        return float(-free_energy(v, W, a, b).mean() - log_partition(W, a, b))


LOG_10, BLANK = math.log(10), 64 * math.log(2)  # of ten classes, and of 64 pixels, in nats
TASKS: dict[str, Task] = {
    "digits": Task(Network, (64,), 0.003, 10, LOG_10, 0.1, 0.5, 0.1, 0.012),
    "images": Task(Network, (8, 8, 1), 0.01, 6, LOG_10, 0.1, 0.5, 0.1, 0.02),
    "rows": Task(Network, (8, 8), 0.01, 8, LOG_10, 0.1, 0.5, 0.1, 0.02),
    "values": Task(Network, (64,), 0.003, 20, 28.5, 0.5, 0.5, 0.1, 0.03),
    "codes": Task(Codes, (64,), 0.003, 15, BLANK, 32.0, 0.75, -BLANK, 0.5),
    "machine": Task(Machine, (64,), 0.1, 80, 0.25, 30.0, 0.75, -BLANK, 0.3),
}


def learner(fault: Fault, wrong: bool, seed: int = 0) -> Any:
    """Untrained learner with the right or the wrong code of a fault."""
    parts = fault.use(fault.wrong if wrong else fault.right)
    return TASKS[fault.task].learner(fault.task, parts, seed)
