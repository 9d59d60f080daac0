"""Up-down algorithm: fine-tuning of a whole deep belief network without back-propagation.

    wake    sample all layers upward from the data       each G_i learns to predict the layer below
    top     k Gibbs sweeps of the top RBM from there     the RBM learns by contrastive divergence
    sleep   sample all layers downward from there        each R_i learns to predict the layer above

After greedy pretraining R_i and G_i = R_i^T are tied; from here on they are learned separately.
Both follow the gradient of log p(y | x) of logistic units y with input x:

    dW = x^T (y - s(x W + b)) / N          db = mean of y - s(x W + b)

Hinton, Osindero and Teh (2006), section 5 and appendix B.
"""

from scratchnet.boltzmann.machine.gibbs import gibbs
from scratchnet.numerics import sigmoid

__all__ = ["delta_rule", "up_down"]


def delta_rule(x, y, W, b):
    """Gradient (dW, db) of the mean log p(y | x) of logistic units with p(y = 1) = s(x W + b).

    >>> import numpy as np
    >>> delta_rule(np.ones((1, 2)), np.ones((1, 1)), W=np.zeros((2, 1)), b=np.zeros(1))
    (array([[0.5],
           [0.5]]), array([0.5]))
    """
    error = y - sigmoid(x @ W + b)  # (N, n_y)
    return x.T @ error / len(x), error.mean(axis=0)


def up_down(network, v, rng, optimizer, rate, k=3, labels=None):
    """Make one update of a deep belief network from a batch, in place.

    Parameters
        network    a `BeliefNetwork`
        v          rows of the data (N, D)
        rng        an `RNG`
        optimizer  the `LikelihoodOptimizer` of the top RBM
        rate       learning rate of all parameters
        k          Gibbs sweeps of the top RBM
        labels     one-hot classes (N, K), if the top RBM has labels

    >>> import numpy as np
    >>> from scratchnet.backend import RNG
    >>> from scratchnet.boltzmann import Bernoulli, EnergyModel
    >>> from scratchnet.boltzmann.deep.belief_network import BeliefNetwork
    >>> from scratchnet.boltzmann.learning.optimizer import LikelihoodOptimizer
    >>> rbms = [
    ...     EnergyModel([Bernoulli()] * 2, [np.zeros(s)], [np.zeros(n) for n in s])
    ...     for s in ((3, 2), (2, 2))
    ... ]
    >>> network = BeliefNetwork.from_rbms(rbms)
    >>> up_down(network, np.ones((8, 3)), RNG(0), LikelihoodOptimizer(), rate=0.1)
    >>> network.generative[0][1]  # g_1 moves by 0.1 (v - s(0))
    array([0.05, 0.05, 0.05])
    """
    wake, top = network.sample_up(v, rng), network.top
    visible = network.with_labels(wake[-1], labels)
    data = [visible, top.mean(1, [visible, None])]
    start = [visible, top.units[1].sample(data[1], rng)]
    samples, means = gibbs(top, start, k, rng)
    sleep, _ = network.sample_down(network.without_labels(samples[0]), rng)

    positive, negative = top.statistics(data), top.statistics(means)
    gradient = {name: s - negative[name] for name, s in positive.items()}
    optimizer.step(top, positive, gradient, rate)
    for i, ((R, r), (G, g)) in enumerate(zip(network.recognition, network.generative, strict=True)):
        dG, dg = delta_rule(wake[i + 1], wake[i], G, g)
        dR, dr = delta_rule(sleep[i], sleep[i + 1], R, r)
        for array, change in ((G, dG), (g, dg), (R, dR), (r, dr)):
            array += rate * change
