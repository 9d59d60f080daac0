"""Mean field: the best independent guess at all hidden layers of a DBM, given the visible one.

The true p(h_1 ... h_L | v) of a deep machine does not factorize. Among the distributions q that do,
with means mu, we climb to the one with the highest bound

    log p(v) >= -E(v, mu_1, ..., mu_L) + sum of the entropies of q - log Z

Given its neighbours, the best mu_i is s(f_i), the mean field. Layers of one side are no neighbours,
so a side is set at once and then the other: each half maximizes the bound in its own block, and the
bound never falls. (All layers at once may swing back and forth.) Salakhutdinov and Hinton (2009).
"""

import itertools

from scratchnet.boltzmann.machine.gibbs import EVEN, ODD

__all__ = ["bottom_up", "lower_bound", "mean_field", "settling", "sweep"]


def bottom_up(model, v):
    """A first guess: up through the layers, the input of those in the middle doubled: layers.

    The layer above, still unknown, is taken to say the same as the layer below.
    """
    layers = [v]
    for i, W in enumerate(model.weights, 1):
        f = model.units[i - 1].coupled(layers[-1]) @ W  # (N, n_i)
        f = (2 * f if i < model.depth else f) + model.biases[i]
        layers.append(model.units[i].mean(f))
    return layers


def settling(model, v):
    """Yield the layers [v, mu_1, ..., mu_L], first as guessed, then after each sweep, for ever."""
    layers = bottom_up(model, v)
    while True:
        yield layers
        layers = sweep(model, layers, held=0)


def sweep(model, layers, held):
    """New layers: the odd side and then the even one set to its means; layer `held` stays."""
    layers = list(layers)
    for side in (ODD, EVEN):
        for i in model.side(side):
            if i != held:
                layers[i] = model.mean(i, layers)  # from BOTH its neighbours
    return layers


def mean_field(model, v, steps=10):
    """[v, mu_1, ..., mu_L] after so many sweeps."""
    return next(itertools.islice(settling(model, v), steps, None))


def lower_bound(model, layers):
    """The bound on log p(v) + log Z of each row, (N,), from any means of the hidden layers."""
    hidden = zip(model.units[1:], layers[1:], strict=True)
    return -model.energy(layers) + sum(unit.entropy(mu) for unit, mu in hidden)
