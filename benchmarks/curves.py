"""Growth curves: models of which one size grows, for `python -m benchmarks.growth`."""

import dataclasses
from collections.abc import Callable
from typing import Any

from benchmarks.images import convolutional
from benchmarks.machine import cores
from benchmarks.models import Perceptron, SineAutoencoder


@dataclasses.dataclass
class Curve:
    """A curve of the time of a step.

    title    the model
    label    what grows
    values   numbers of it
    model    function that makes the model of a value
    """

    title: str
    label: str
    values: tuple[int, ...]
    model: Callable[[int], Any]


def dense(width, samples):
    """Autoencoder 784-width-784 with the mean squared error."""
    return Perceptron((784, width, 784), samples, "mean squared error")


CURVES = {
    "batch": Curve(
        "784-256-784", "samples of a batch", (16, 64, 256, 1024), lambda n: dense(256, n)
    ),
    "width": Curve(
        "784-M-784, batch 64", "hidden units M", (16, 64, 256, 1024, 4096), lambda m: dense(m, 64)
    ),
    "image": Curve(
        "convolutions 16-8, batch 32",
        "pixels on a side",
        (28, 56, 112),
        lambda side: convolutional(16, 8, side, samples=32),
    ),
    "steps": Curve("LSTM 64-1, batch 128", "time steps T", (12, 25, 50, 100, 200), SineAutoencoder),
    "workers": Curve(
        "convolutions 16-8, batch 128",
        f"workers, or threads of a peer ({cores()} cores)",
        tuple(n for n in (1, 2, 4, 8, 16, 32, 64) if n <= 2 * cores()),
        lambda workers: convolutional(16, 8),
    ),
}
