"""Five checks that find errors, each applied to the right and to the wrong code of a fault.

    gradcheck   backward agrees with finite differences, and the layer or loss keeps its contract
    reference   outputs of forward (or updates of an optimizer, or a step of CD) are those of the
                right code, with equal weights and random numbers
    start       the loss of the untrained model is that of an answer by chance, up to a quarter
    overfit     a model that is trained on twenty samples only learns them
    curve       the training loss is finite and falls

A check finds the fault if the right code passes and the wrong code does not. The first two are not
run where they have no meaning: contrastive divergence has no gradient to check.
"""

import contextlib
import dataclasses
import math
import warnings
from typing import Any

import numpy as np

from scratchnet.backend import RNG, Array, to_device, to_numpy
from scratchnet.gradcheck import Report, gradcheck
from scratchnet.layers import Layer
from scratchnet.zoo.fault import Fault
from scratchnet.zoo.tasks import TASKS, Network, data_of, learner

CHECKS = ("gradcheck", "reference", "start", "overfit", "curve")
STEPS = 100  # on twenty samples
SAMPLES = 11  # of gradcheck; with few, the halves of a batch may agree by chance


@dataclasses.dataclass(frozen=True)
class Run:
    """Numbers of one training run: losses and the quality on test data.

    start     loss before training
    curve     mean loss of each epoch
    overfit   loss on twenty samples after a training with them alone
    quality   on test data, larger is better
    """

    start: float
    curve: tuple[float, ...]
    overfit: float
    quality: float


@contextlib.contextmanager
def without_warnings():
    """Context manager: no warnings of NumPy, because many faults overflow or divide by zero."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def train(fault: Fault, wrong: bool, seed: int = 0, epochs: int | None = None) -> Run:
    """Train with the right or the wrong code; epochs are by default those of the task."""
    task = TASKS[fault.task]
    x, t, x_test, t_test = data_of(fault.task)
    with without_warnings():
        model = learner(fault, wrong, seed)
        start = model.loss(x[:200], t[:200])
        rngs = [RNG(seed).fork(epoch) for epoch in range(epochs or task.epochs)]
        curve = tuple(model.epoch(x, t, rng) for rng in rngs)
        quality = model.quality(x_test, t_test)
    return Run(start, curve, overfit(fault, wrong, seed), quality)


def overfit(fault: Fault, wrong: bool, seed: int = 0) -> float:
    """Loss on twenty samples after a training with them alone."""
    x, t, _, _ = data_of(fault.task)
    with without_warnings():
        model = learner(fault, wrong, seed)
        for step in range(STEPS):
            model.epoch(x[:20], t[:20], RNG(seed).fork(step))
        return model.fitted(x[:20], t[:20])


def passes_training(fault: Fault, wrong: bool, run: Run) -> dict[str, bool]:
    """Whether a run passes the last three checks, {check: passed}."""
    task, parts = TASKS[fault.task], fault.use(fault.wrong if wrong else fault.right)
    expected = parts.get("start", task.start)
    return {
        "start": abs(run.start - expected) <= expected / 4,
        "overfit": run.overfit <= task.overfit,
        "curve": all(map(math.isfinite, run.curve)) and run.curve[-1] <= task.falls_to * run.start,
    }


def checked_gradients(fault: Fault, wrong: bool) -> Report | str | None:
    """Report of gradcheck for the model with its loss, or the sentence with which it refuses it.

    None for an optimizer and for contrastive divergence.
    """
    model = learner(fault, wrong)
    if not isinstance(model, Network) or fault.of_optimizer:
        return None
    x, t, _, _ = (to_numpy(part[:SAMPLES]) for part in data_of(fault.task))
    noise = np.random.default_rng(0).random(x.shape, "float32")
    x = 0.9 * x + 0.1 * noise  # no two pixels are equal, or 0: there ReLU and maximum have kinks
    try:
        return gradcheck(model.model, x, t, loss=model.objective, samples=12)
    except (TypeError, ValueError) as problem:
        return str(problem)


def causes(fault: Fault) -> list[str]:
    """Sentences of gradcheck for the faulty layer or loss alone; empty if it finds nothing."""
    model = learner(fault, True)
    if not isinstance(model, Network):
        return []
    subjects = [*model.model.named_layers().values(), model.objective]
    subject = next((part for part in subjects if type(part) is fault.wrong), None)
    x, t, _, _ = (to_numpy(part[:SAMPLES]) for part in data_of(fault.task))
    try:
        if isinstance(subject, Layer):
            shape = subject.input_shape or (64,)  # None for a layer without weights
            x = np.random.default_rng(0).standard_normal((SAMPLES, *shape))
            report = gradcheck(subject, x)
        elif subject is not None:
            report = gradcheck(subject, to_numpy(model.model(to_device(x))), t)
        else:
            return []
    except (TypeError, ValueError) as problem:
        return [str(problem)]
    return [f"{row.name}: {row.cause or row.verdict}" for row in report.rows if row.verdict != "ok"]


def passes_gradcheck(fault: Fault, wrong: bool) -> bool | None:
    """Whether the gradients and the contract are right; None if there is none to check."""
    report = checked_gradients(fault, wrong)
    return report if report is None else isinstance(report, Report) and report.ok


def reference_values(fault: Fault, wrong: bool) -> list[Array]:
    """Numbers that another implementation would give, for equal weights and random numbers."""
    parts = fault.use(fault.wrong if wrong else fault.right)
    x, t, _, _ = (part[:8] for part in data_of(fault.task))
    if "gradient" in parts:
        rng, like = np.random.default_rng(0), np.zeros((64, 10), "float32")
        W = to_device((rng.standard_normal(like.shape)).astype("float32"))
        return list(map(to_numpy, parts["gradient"](x, W, W[:, 0], W[0], RNG(0))))
    if fault.of_optimizer:
        w, numbers = to_device(np.zeros(5, "float32")), np.arange(15.0, dtype="float32")
        for g in numbers.reshape(3, 5) - 7:
            parts["optimizer"].step(w, to_device(g))
        return [to_numpy(w)]
    model, right = learner(fault, wrong), learner(fault, False)
    model.model.parameters[...] = right.model.parameters
    values: list[Any] = []
    for train in (True, False):
        model.model.set_rng(RNG(0))
        y, cache = model.model.forward(x, train)
        values += [y, model.objective.forward(y, t)[0] + model.model.penalty(cache)]
        if train:
            model.model.update_running_stats(cache)
    return list(map(to_numpy, values))


def passes_reference(fault: Fault, wrong: bool) -> bool:
    """Whether the reference values are those of the right code."""
    with without_warnings():
        pairs = zip(reference_values(fault, wrong), reference_values(fault, False), strict=True)
        return all(np.allclose(a, b, 1e-4, 1e-6) for a, b in pairs)
