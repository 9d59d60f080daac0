"""Gradient check of a model with an exact likelihood, by finite differences."""

from scratchnet.backend import RNG, float64, to_numpy, use_device
from scratchnet.boltzmann.likelihood import exact
from scratchnet.gradcheck import EPS_OF_A_LOSS, TOLERANCE, Report, compared
from scratchnet.gradcheck_differences import differences

__all__ = ["check_gradient"]


def check_gradient(model, v, samples=None, tolerance=TOLERANCE, seed=0):
    """Compare `exact.gradient` with finite differences of the mean `exact.log_likelihood`.

    Parameters
        model      an RBM or DBM that is small enough for `exact`; the check copies it, to the host
                   and in float64
        v          rows (N, n_0)
        samples    check at most this many random entries of each array; None: every entry
        tolerance  largest error of a gradient that passes
        seed       of the choice of entries

    Returns a `gradcheck.Report`: print it, or read its `ok`.

    >>> import numpy as np
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.eye(2)], [np.zeros(2), np.ones(2)])
    >>> check_gradient(rbm, np.array([[0.0, 1.0]])).ok
    True
    """
    with float64(), use_device("cpu"):
        model = model.map_arrays(lambda a: to_numpy(a).astype("float64"))
        v, generator = to_numpy(v).astype("float64"), RNG(seed).fork(1).host
        grads, rows = exact.gradient(model, v), []

        def output():  # a list of one number, whose gradient dL/d(output) is [1.0]
            return [exact.log_likelihood(model, v).mean()]

        for name, array in model.parameters().items():
            probe = differences(output, array, [1.0], EPS_OF_A_LOSS, samples, generator)
            rows.append(compared(name, array, grads[name], probe, 0.0, tolerance))
    return Report(f"{model!r}, mean log p(v), eps {EPS_OF_A_LOSS:g}", rows, tolerance)
