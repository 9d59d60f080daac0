"""Learning rates that change over time: schedule(t) for update t = 0, 1, 2, ...

They go wherever a learning rate goes: ``Adam(learning_rate=CosineDecay(1e-3, steps=5000))``.
"""

import math

from scratchnet.validation import check_positive_int

__all__ = ["CosineDecay", "ExponentialDecay", "StepDecay", "WarmUp", "rate_at"]


def rate_at(learning_rate, t):
    """The learning rate of update t, from a number or a schedule."""
    return learning_rate(t) if callable(learning_rate) else learning_rate


class StepDecay:
    """initial * factor^floor(t / every): a staircase."""

    def __init__(self, initial, factor, every):
        self.initial, self.factor = initial, factor
        self.every = check_positive_int("StepDecay", "every", every, " update")

    def __call__(self, t):
        return self.initial * self.factor ** (t // self.every)


class ExponentialDecay:
    """initial * factor^(t / steps): smooth, one factor every so many steps."""

    def __init__(self, initial, factor, steps):
        self.initial, self.factor = initial, factor
        self.steps = check_positive_int("ExponentialDecay", "steps", steps)

    def __call__(self, t):
        return self.initial * self.factor ** (t / self.steps)


class CosineDecay:
    """Half a cosine from initial down to final within so many steps, then final.

    final + (initial - final) (1 + cos(pi t / steps)) / 2: Loshchilov and Hutter (2017), eq. 5.
    """

    def __init__(self, initial, steps, final=0.0):
        self.initial, self.final = initial, final
        self.steps = check_positive_int("CosineDecay", "steps", steps)

    def __call__(self, t):
        share = (1 + math.cos(math.pi * min(t / self.steps, 1))) / 2
        return self.final + (self.initial - self.final) * share


class WarmUp:
    """A straight line up to a schedule's (or number's) start within so many steps, then it.

    Update t < steps gets (t + 1) / (steps + 1) of the start, so the first one is not wasted at 0.
    """

    def __init__(self, then, steps):
        self.then = then
        self.steps = check_positive_int("WarmUp", "steps", steps)

    def __call__(self, t):
        if t < self.steps:
            return rate_at(self.then, 0) * (t + 1) / (self.steps + 1)
        return rate_at(self.then, t - self.steps)
