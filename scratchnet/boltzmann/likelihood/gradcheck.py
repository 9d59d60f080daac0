"""A gradient check for models with a likelihood: is the exact gradient the slope of the truth?"""

from scratchnet.backend import RNG, float64, to_numpy, use_device
from scratchnet.boltzmann.likelihood import exact
from scratchnet.gradcheck import EPS_OF_A_LOSS, TOLERANCE, Report, compared, differences

__all__ = ["check_gradient"]


def check_gradient(model, v, samples=None, tolerance=TOLERANCE, seed=0):
    """Compare `exact.gradient` with finite differences of the mean `exact.log_likelihood`.

    Parameters
        model   an RBM or DBM with one small side; it is copied (to the host, in float64)
        v         rows (N, n_0)
        samples   check at most this many random entries of each array; None: every entry

    Returns a `gradcheck.Report`: print it.
    """
    with float64(), use_device("cpu"):
        model = model.map_arrays(lambda a: to_numpy(a).astype("float64"))
        v, host = to_numpy(v).astype("float64"), RNG(seed).fork(1).host
        grads, rows = exact.gradient(model, v), []

        def f():
            return [exact.log_likelihood(model, v).mean()]

        for name, array in model.parameters().items():
            probe = differences(f, array, [1.0], EPS_OF_A_LOSS, samples, host)
            rows.append(compared(name, array, grads[name], probe, 0.0, tolerance))
    return Report(f"{model!r}, mean log p(v), eps {EPS_OF_A_LOSS:g}", rows, tolerance)
