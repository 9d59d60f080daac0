"""Block Gibbs sampling, the one engine for RBM and DBM: one side from the other, and back.

A state is a list of layers (N, n_i): N chains side by side. A side that is about to be drawn may
hold None, so [v, None] starts a chain at the data.
"""

from scratchnet.backend import xp_of

__all__ = ["EVEN", "ODD", "gibbs", "half_sweep"]

EVEN, ODD = 0, 1  # the sides: visible units are layer 0


def half_sweep(model, layers, side, rng, beta=1.0, clamp=None):
    """Draw one side given the other; returns (state, expected), two new lists of layers.

    In `expected` the side holds its means instead of samples: the same average with less noise.

    Parameters
        side    EVEN or ODD
        beta    samples exp(-beta E) instead of exp(-E)
        clamp   {i: (fixed, values)}: where the boolean array `fixed` is True, layer i keeps
                `values`; both broadcast to (N, n_i). A missing entry is an entry clamped at 0: it
                sends nothing to the other side, so it is absent from that row's model
    """
    state, expected = list(layers), list(layers)
    for i in model.side(side):
        mean = model.mean(i, layers, beta)
        sample = model.units[i].sample(mean, rng, beta)
        if clamp and i in clamp:
            fixed, values = clamp[i]
            where = xp_of(mean).where
            mean, sample = where(fixed, values, mean), where(fixed, values, sample)
        expected[i], state[i] = mean, sample
    return state, expected


def gibbs(model, layers, k, rng, beta=1.0, clamp=None):
    """k >= 1 sweeps, each the even side from the odd one and then the odd side from the even one.

    Returns (state, expected): the chain's last state, and the same with the means of the odd side,
    which is what statistics are taken of. `layers` itself is not changed.
    """
    for _ in range(k):
        layers, _ = half_sweep(model, layers, EVEN, rng, beta, clamp)
        layers, expected = half_sweep(model, layers, ODD, rng, beta, clamp)
    return layers, expected
