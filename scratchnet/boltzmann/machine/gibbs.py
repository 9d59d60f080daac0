"""Block Gibbs sampling for RBM and DBM: all even layers given the odd ones, or the reverse.

A state is a list of arrays, one for each layer, (N, n_i): N independent chains side by side. In an
RBM the even layers are the visible units alone and the odd layers the hidden units alone. A layer
that is drawn next may hold None, so the list [v, None] starts a chain of an RBM at the data.
"""

from scratchnet.backend import xp_of

__all__ = ["EVEN", "ODD", "gibbs", "half_sweep"]

EVEN, ODD = 0, 1  # the parity of a layer's index; the visible units are layer 0


def half_sweep(model, layers, parity, rng, beta=1.0, clamp=None):
    """Draw all layers of one parity, given the others; returns (samples, means), two new lists.

    In `means` the drawn layers hold the conditional means instead of the samples: averages over
    the rows have the same expectation and less noise. For an RBM of 0-1 units the formula is
    `plain.sample_v_given_h` (EVEN) and `plain.sample_h_given_v` (ODD).

    Parameters
        layers  a list of arrays (N, n_i), one for each layer
        parity  EVEN or ODD: which layers to draw; in an RBM, EVEN is v and ODD is h
        rng     an `RNG`
        beta    inverse temperature: samples exp(-beta E) instead of exp(-E)
        clamp   {i: (fixed, values)}: where the boolean array `fixed` is True, layer i gets
                `values` instead of a sample; both broadcast to (N, n_i). To leave a missing entry
                out of the model of its row, clamp it at 0: then it adds nothing to any other unit
                and is never drawn. (An observed 0 is drawn anew in each sweep, and may become 1)

    >>> import numpy as np
    >>> from scratchnet.backend import RNG
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.full((1, 2), 100.0)], [np.zeros(1), np.zeros(2)])
    >>> samples, means = half_sweep(rbm, [np.ones((1, 1)), None], ODD, RNG(0))
    >>> samples[1]
    array([[1., 1.]])
    """
    samples, means = list(layers), list(layers)
    for i in model.layers_of(parity):
        mean = model.mean(i, layers, beta)
        sample = model.units[i].sample(mean, rng, beta)
        if clamp and i in clamp:
            fixed, values = clamp[i]
            where = xp_of(mean).where
            mean, sample = where(fixed, values, mean), where(fixed, values, sample)
        means[i], samples[i] = mean, sample
    return samples, means


def gibbs(model, layers, k, rng, beta=1.0, clamp=None):
    """Run k >= 1 sweeps: each draws the even layers given the odd ones, then the odd layers.

    Returns (samples, means): the last state of the chains, and the same list with the conditional
    means of the odd layers, from which `EnergyModel.statistics` are taken. `layers` is not
    changed. For an RBM of 0-1 units one sweep is `plain.gibbs_sweep`.

    >>> import numpy as np
    >>> from scratchnet.backend import RNG
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> rbm = EnergyModel([Bernoulli()] * 2, [np.zeros((3, 2))], [np.zeros(3), np.zeros(2)])
    >>> samples, means = gibbs(rbm, [None, np.ones((4, 2))], k=5, rng=RNG(0))
    >>> [h.shape for h in samples], means[1][0]
    ([(4, 3), (4, 2)], array([0.5, 0.5]))
    """
    samples = layers
    for _ in range(k):
        samples, _ = half_sweep(model, samples, EVEN, rng, beta, clamp)
        samples, means = half_sweep(model, samples, ODD, rng, beta, clamp)
    return samples, means
