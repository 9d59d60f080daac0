"""Faults in optimizers."""

from scratchnet.backend import xp_of
from scratchnet.optimizer_base import Optimizer
from scratchnet.zoo.fault import Fault, catalogue


class PlainAdam(Optimizer):
    """Adam, line by line."""

    slots = ("m", "v")

    def update(self, w, g, rate, m, v):
        m[:] = 0.9 * m + 0.1 * g
        v[:] = 0.999 * v + 0.001 * g**2
        m_hat, v_hat = m / (1 - 0.9**self.t), v / (1 - 0.999**self.t)
        w -= rate * m_hat / (xp_of(v).sqrt(v_hat) + 1e-8)


class NoCorrection(PlainAdam):
    """Adam without bias correction: the first steps are about three times too long."""

    def update(self, w, g, rate, m, v):
        m[:] = 0.9 * m + 0.1 * g
        v[:] = 0.999 * v + 0.001 * g**2
        w -= rate * m / (xp_of(v).sqrt(v) + 1e-8)


class CorrectionFromZero(PlainAdam):
    """Adam with t counted from 0: the first division is by 1 - b^0 = 0."""

    def update(self, w, g, rate, m, v):
        t = self.t - 1
        m[:] = 0.9 * m + 0.1 * g
        v[:] = 0.999 * v + 0.001 * g**2
        m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
        w -= rate * m_hat / (xp_of(v).sqrt(v_hat) + 1e-8)


class NoRoot(PlainAdam):
    """Adam without the square root."""

    def update(self, w, g, rate, m, v):
        m[:] = 0.9 * m + 0.1 * g
        v[:] = 0.999 * v + 0.001 * g**2
        m_hat, v_hat = m / (1 - 0.9**self.t), v / (1 - 0.999**self.t)
        w -= rate * m_hat / (v_hat + 1e-8)


class PlainMomentum(Optimizer):
    """Gradient descent with momentum."""

    slots: tuple[str, ...] = ("v",)

    def update(self, w, g, rate, v):
        v[:] = 0.9 * v - rate * g
        w += v


class MomentumSign(PlainMomentum):
    """One minus too many: the loss increases."""

    def update(self, w, g, rate, v):
        v[:] = 0.9 * v - rate * g
        w -= v


class NotReset(PlainMomentum):
    """Gradients that are added up and never set to zero."""

    slots = ("v", "total")

    def update(self, w, g, rate, v, total):
        total += g
        v[:] = 0.9 * v - rate * total
        w += v


class PlainRMSprop(Optimizer):
    """RMSprop, line by line."""

    slots = ("v",)

    def update(self, w, g, rate, v):
        v[:] = 0.9 * v + 0.1 * g**2
        w -= rate * g / (xp_of(v).sqrt(v) + 1e-7)


class EpsilonOutside(PlainRMSprop):
    """Epsilon beside the fraction: 0 / 0 for a weight whose gradient is 0."""

    def update(self, w, g, rate, v):
        v[:] = 0.9 * v + 0.1 * g**2
        w -= rate * (g / xp_of(v).sqrt(v) + 1e-7)


def _optimizer(rate):
    return lambda kind: {"optimizer": kind(rate)}


HAND = "optimizers by hand, from the formula in a paper"
FAULTS = catalogue(
    Fault(
        "adam_no_correction",
        "Adam without bias correction",
        HAND,
        PlainAdam,
        NoCorrection,
        "digits",
        _optimizer(0.003),
    ),
    Fault(
        "adam_from_zero",
        "Adam with steps counted from 0",
        "optimizers that get the loop's index as t",
        PlainAdam,
        CorrectionFromZero,
        "digits",
        _optimizer(0.003),
    ),
    Fault(
        "adam_no_root",
        "Adam without the square root",
        HAND,
        PlainAdam,
        NoRoot,
        "digits",
        _optimizer(0.003),
    ),
    Fault(
        "momentum_sign",
        "momentum: w -= v, where v has its sign already",
        "two conventions for v in one formula",
        PlainMomentum,
        MomentumSign,
        "digits",
        _optimizer(0.1),
    ),
    Fault(
        "gradients_not_reset",
        "gradients added up over all steps",
        "training loops that never set the gradients to zero",
        PlainMomentum,
        NotReset,
        "digits",
        _optimizer(0.1),
    ),
    Fault(
        "rmsprop_epsilon",
        "RMSprop: epsilon beside the fraction",
        HAND,
        PlainRMSprop,
        EpsilonOutside,
        "digits",
        _optimizer(0.003),
    ),
)
