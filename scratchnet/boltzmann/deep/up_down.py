"""Up-down: a deep belief network learns as a whole, without back-propagation.

    wake    guess upward from data      each G_i learns to give back the layer below
    top     k Gibbs steps from there    the RBM learns by contrastive divergence
    sleep   dream downward from there   each R_i learns to guess what the dream was made of

Greedy pretraining ties R_i and G_i = R_i^T; from here on they go their own ways. Both learn by one
rule, the gradient of log p(y | x), y given by logistic units from x:

    dW = x^T (y - s(x W + b)) / N          db = mean(y - s(x W + b))

Hinton, Osindero and Teh (2006), section 5 and appendix B.
"""

from scratchnet.boltzmann.machine.gibbs import gibbs
from scratchnet.numerics import sigmoid

__all__ = ["delta_rule", "up_down"]


def delta_rule(x, y, W, b):
    """(dW, db): the gradient of the mean log p(y | x), p = s(x W + b)."""
    miss = y - sigmoid(x @ W + b)  # (N, n_y)
    return x.T @ miss / len(x), miss.mean(axis=0)


def up_down(belief, v, rng, ascent, rate, k=3, labels=None):
    """One update from a batch v (N, D), with labels (N, K) if the top has them; in place.

    ascent moves the top (see `Ascent`); rate is the learning rate of everything.
    """
    wake, top = belief.draw_up(v, rng), belief.top
    seen = belief.joined(wake[-1], labels)
    given = [seen, top.mean(1, [seen, None])]
    start = [seen, top.units[1].sample(given[1], rng)]
    dream, expected = gibbs(top, start, k, rng)
    sleep, _ = belief.draw_down(belief.without_label(dream[0]), rng)

    positive, negative = top.statistics(given), top.statistics(expected)
    ascent.step(top, positive, {name: s - negative[name] for name, s in positive.items()}, rate)
    for i, ((R, r), (G, g)) in enumerate(zip(belief.recognition, belief.generative, strict=True)):
        dG, dg = delta_rule(wake[i + 1], wake[i], G, g)
        dR, dr = delta_rule(sleep[i], sleep[i + 1], R, r)
        for array, change in ((G, dG), (g, dg), (R, dR), (r, dr)):
            array += rate * change
