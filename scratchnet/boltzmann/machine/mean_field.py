"""Mean field: the best factorized approximation q(h | v) of the hidden layers of a DBM.

The true p(h_1, ..., h_L | v) does not factorize over the units. Among the distributions q that do,
with means mu, mean field maximizes the variational lower bound

    log p(v) >= -E(v, mu_1, ..., mu_L) + sum of the entropies of q - log Z

Given its neighbours, the best mu_i is s(z_i). Layers of equal parity are not neighbours, so all odd
layers are updated at once and then all even ones: each half maximizes the bound over its own
layers, and the bound never falls. (An update of all layers at once may oscillate.) For two hidden
layers see `plain.mean_field_sweep`. Salakhutdinov and Hinton (2009), section 2.2.
"""

import itertools

from scratchnet.boltzmann.machine.gibbs import EVEN, ODD

__all__ = ["bottom_up", "iterates", "lower_bound", "mean_field", "sweep"]


def bottom_up(model, v):
    """Initial means [v, mu_1, ..., mu_L] of one pass upward, with doubled input to inner layers.

    mu_i = s(2 mu_{i-1} W_i + b_i), without the 2 for i = L. The means of the layer above are not
    known yet; its input is taken to be as large as that of the layer below.

    >>> import numpy as np
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> weights, biases = [np.ones((1, 1)), np.zeros((1, 1))], [np.zeros(1)] * 3
    >>> dbm = EnergyModel([Bernoulli()] * 3, weights, biases)
    >>> _, mu_1, mu_2 = bottom_up(dbm, np.ones((1, 1)))
    >>> mu_1.round(4), mu_2  # s(2), s(0)
    (array([[0.8808]]), array([[0.5]]))
    """
    layers = [v]
    for i, W in enumerate(model.weights, 1):
        z = model.units[i - 1].scaled(layers[-1]) @ W  # (N, n_i)
        z = (2 * z if i < model.depth else z) + model.biases[i]
        layers.append(model.units[i].mean(z))
    return layers


def iterates(model, v):
    """Yield [v, mu_1, ..., mu_L] of `bottom_up`, then after each sweep, without end.

    >>> import numpy as np
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> weights, biases = [np.ones((1, 1)), np.zeros((1, 1))], [np.zeros(1)] * 3
    >>> dbm = EnergyModel([Bernoulli()] * 3, weights, biases)
    >>> for _, layers in zip(range(2), iterates(dbm, np.ones((1, 1)))):
    ...     print(layers[1].round(4))  # s(2), then s(1)
    [[0.8808]]
    [[0.7311]]
    """
    layers = bottom_up(model, v)
    while True:
        yield layers
        layers = sweep(model, layers, clamped=0)


def sweep(model, layers, clamped):
    """Set the odd layers, then the even ones to their means, in a new list of layers.

    clamped  index of a layer that does not change: 0 to infer h from v, L to infer v from h_L

    >>> import numpy as np
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> weights, biases = [np.ones((1, 1)), np.zeros((1, 1))], [np.zeros(1)] * 3
    >>> dbm = EnergyModel([Bernoulli()] * 3, weights, biases)
    >>> sweep(dbm, [np.ones((1, 1)), None, np.ones((1, 1))], clamped=0)[1].round(4)  # s(1)
    array([[0.7311]])
    """
    layers = list(layers)
    for parity in (ODD, EVEN):
        for i in model.layers_of(parity):
            if i != clamped:
                layers[i] = model.mean(i, layers)
    return layers


def mean_field(model, v, steps=10):
    """Means [v, mu_1, ..., mu_L] after `steps` sweeps from the bottom-up pass.

    >>> import numpy as np
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> weights, biases = [np.ones((3, 2)), np.zeros((2, 1))], [np.zeros(n) for n in (3, 2, 1)]
    >>> dbm = EnergyModel([Bernoulli()] * 3, weights, biases)
    >>> _, mu_1, mu_2 = mean_field(dbm, np.zeros((1, 3)))
    >>> mu_1, mu_2
    (array([[0.5, 0.5]]), array([[0.5]]))
    """
    return next(itertools.islice(iterates(model, v), steps, None))


def lower_bound(model, layers):
    """Lower bound on log p(v) + log Z of each row, (N,), for any means of the hidden layers.

    >>> import numpy as np
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> weights, biases = [np.ones((1, 1)), np.zeros((1, 1))], [np.zeros(1)] * 3
    >>> dbm = EnergyModel([Bernoulli()] * 3, weights, biases)
    >>> half = np.full((1, 1), 0.5)
    >>> lower_bound(dbm, [np.zeros((1, 1)), half, half]).round(4)  # two entropies of log 2
    array([1.3863])
    """
    hidden = zip(model.units[1:], layers[1:], strict=True)
    return -model.energy(layers) + sum(unit.entropy(mu) for unit, mu in hidden)
