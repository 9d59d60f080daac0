"""Learning-rate schedules: functions of the number of updates so far, t = 0, 1, 2, ...

A schedule takes the place of the learning rate:
``Adam(learning_rate=CosineDecay(1e-3, steps=5000))``.
"""

import math
from collections.abc import Callable
from typing import TypeAlias

from scratchnet.hints import WithHints
from scratchnet.validation import check_positive_int

__all__ = ["CosineDecay", "ExponentialDecay", "StepDecay", "WarmUp", "rate_at"]

Schedule: TypeAlias = Callable[[int], float]


def rate_at(learning_rate: float | Schedule, t: int) -> float:
    """The learning rate of update t, from a number or a schedule.

    >>> rate_at(0.1, t=7), rate_at(lambda t: 1 / (1 + t), t=7)
    (0.1, 0.125)
    """
    return learning_rate(t) if callable(learning_rate) else learning_rate


class StepDecay(WithHints):
    """Piecewise constant decay, initial * factor^floor(t / every).

    >>> schedule = StepDecay(0.8, factor=0.5, every=10)
    >>> [schedule(t) for t in (0, 9, 10, 20)]
    [0.8, 0.8, 0.4, 0.2]
    """

    def __init__(self, initial: float, factor: float, every: int):
        self.initial, self.factor = initial, factor
        self.every = check_positive_int("StepDecay", "every", every, " update")

    def __call__(self, t: int) -> float:
        return self.initial * self.factor ** (t // self.every)


class ExponentialDecay(WithHints):
    """Exponential decay by a factor in so many steps, initial * factor^(t / steps).

    >>> schedule = ExponentialDecay(0.8, factor=0.25, steps=10)
    >>> [schedule(t) for t in (0, 5, 10)]
    [0.8, 0.4, 0.2]
    """

    def __init__(self, initial: float, factor: float, steps: int):
        self.initial, self.factor = initial, factor
        self.steps = check_positive_int("ExponentialDecay", "steps", steps)

    def __call__(self, t: int) -> float:
        return self.initial * self.factor ** (t / self.steps)


class CosineDecay(WithHints):
    """Decay along half a cosine from initial to final within so many steps, constant afterwards.

    final + (initial - final) (1 + cos(pi t / steps)) / 2. Loshchilov and Hutter (2017), equation 5.

    >>> schedule = CosineDecay(0.8, steps=10)
    >>> [round(schedule(t), 3) for t in (0, 5, 10, 11)]
    [0.8, 0.4, 0.0, 0.0]
    """

    def __init__(self, initial: float, steps: int, final: float = 0.0):
        self.initial, self.final = initial, final
        self.steps = check_positive_int("CosineDecay", "steps", steps)

    def __call__(self, t: int) -> float:
        share = (1 + math.cos(math.pi * min(t / self.steps, 1))) / 2
        return self.final + (self.initial - self.final) * share


class WarmUp(WithHints):
    """Linear increase to the first rate of another schedule within so many steps, then that one.

    Update t < steps has the rate (t + 1) / (steps + 1) of the first rate, so that the first update
    is not one of rate 0.

    Parameters
        then    the schedule after the warm-up, or a number
        steps   updates before it

    >>> schedule = WarmUp(then=0.8, steps=3)
    >>> [round(schedule(t), 3) for t in range(5)]
    [0.2, 0.4, 0.6, 0.8, 0.8]
    """

    def __init__(self, then: float | Schedule, steps: int):
        self.then = then
        self.steps = check_positive_int("WarmUp", "steps", steps)

    def __call__(self, t: int) -> float:
        if t < self.steps:
            return rate_at(self.then, 0) * (t + 1) / (self.steps + 1)
        return rate_at(self.then, t - self.steps)
