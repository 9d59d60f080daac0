"""The deep belief network itself: arrows downward, except between the top two layers.

    p(v, h_1, ..., h_L) = p(v | h_1) p(h_1 | h_2) ... p(h_{L-2} | h_{L-1}) p(h_{L-1}, h_L)

The last factor is an RBM, the top. Below it each layer is generated from the one above; in the
other direction it can only be guessed:

    p(h_{i-1} = 1 | h_i) = s(h_i G_i + g_i)            i = 1 ... L-1, h_0 = v
    q(h_i = 1 | h_{i-1}) = s(h_{i-1} R_i + r_i)

Hinton, Osindero and Teh (2006), A fast learning algorithm for deep belief nets.
"""

from scratchnet.backend import xp_of
from scratchnet.boltzmann.likelihood import exact
from scratchnet.boltzmann.machine.units import Bernoulli
from scratchnet.numerics import logsumexp, sigmoid, softplus
from scratchnet.validation import require

__all__ = ["BeliefNetwork", "log_probability"]

BITS = Bernoulli()
LIMIT = 2**20  # states of a layer that are enumerated at most
CHUNK = 2**11  # of them at once


def log_probability(h, f):
    """log p(h) of independent 0-1 units with fields f: sum of h f - log(1 + exp f), (N,)."""
    return (h * f - softplus(f)).sum(axis=-1)


class BeliefNetwork:
    """A deep belief network with its guesses.

    Parameters
        recognition   [(R_i (n_{i-1}, n_i), r_i (n_i,))], upward, i = 1 ... L-1
        generative    [(G_i (n_i, n_{i-1}), g_i (n_{i-1},))], downward
        top           the RBM of h_{L-1} and h_L: a `Network`. Its visible units may be `Labelled`:
                      a class joined to h_{L-1}
    """

    def __init__(self, recognition, generative, top):
        self.recognition, self.generative, self.top = list(recognition), list(generative), top
        self.K = getattr(top.units[0], "K", 0)  # classes

    @classmethod
    def stacked(cls, models):
        """From RBMs trained one on another. Both directions begin as one RBM's, W and W^T."""
        models = [model.map_arrays(lambda a: a.copy()) for model in models]
        below = [(n.weights[0], *n.biases) for n in models[:-1]]
        recognition = [(W, b) for W, _, b in below]
        return cls(recognition, [(W.T.copy(), a) for W, a, _ in below], models[-1])

    # ---------------------------------------------------------------------------- up and down

    def means_up(self, v):
        """[v, m_1, ..., m_{L-1}]: each layer's means, given those of the layer below."""
        layers = [v]
        for R, r in self.recognition:
            layers.append(sigmoid(layers[-1] @ R + r))
        return layers

    def means_down(self, h):
        """The means of v, each layer's given those of the layer above, from h_{L-1}: (N, n_0)."""
        for G, g in reversed(self.generative):
            h = sigmoid(h @ G + g)
        return h

    def draw_up(self, v, rng):
        """[v, h_1, ..., h_{L-1}], a draw from q(h | v)."""
        layers = [v]
        for R, r in self.recognition:
            layers.append(BITS.sample(sigmoid(layers[-1] @ R + r), rng))
        return layers

    def draw_down(self, h, rng):
        """([v, ..., h_{L-1} = h], the means of v): one directed pass."""
        layers, mean = [h], h
        for G, g in reversed(self.generative):
            mean = sigmoid(layers[0] @ G + g)
            layers.insert(0, BITS.sample(mean, rng))
        return layers, mean

    # ------------------------------------------------------------------- the label in the top pair

    def joined(self, h, labels):
        """[h_{L-1}, labels], what the top sees: (N, n_{L-1} + K)."""
        return h if labels is None else xp_of(h).concatenate([h, labels], axis=1)

    def without_label(self, seen):
        """h_{L-1} alone, (N, n_{L-1})."""
        return seen[:, : seen.shape[1] - self.K]

    def log_top_by_label(self, h):
        """log p*(h_{L-1}, class k) + log Z, (N, K): the negative free energies."""
        each = []
        for label in xp_of(h).eye(self.K, dtype=h.dtype):
            seen = self.joined(h, label + 0 * h[:, :1])
            each.append(exact.log_unnormalized(self.top, seen))
        return xp_of(h).stack(each, axis=1)

    # ------------------------------------------------------------------------------ probabilities

    def log_top(self, h):
        """log p*(h_{L-1}) = log p(h_{L-1}) + log Z of each row, its class summed out: (N,)."""
        if not self.K:
            return exact.log_unnormalized(self.top, h)
        return logsumexp(self.log_top_by_label(h))[:, 0]

    def log_weight(self, layers):
        """log p*(v, h_1 ... h_{L-1}) - log q(h_1 ... h_{L-1} | v) of each row, (N,).

        p* lacks the top's log Z. The mean under q is a lower bound on log p*(v):
        log p(v) >= E_q[log p(v, h)] + H(q).
        """
        total = self.log_top(layers[-1])
        for i, ((R, r), (G, g)) in enumerate(zip(self.recognition, self.generative, strict=True)):
            below, above = layers[i], layers[i + 1]
            total = total + log_probability(below, above @ G + g)
            total = total - log_probability(above, below @ R + r)
        return total

    def log_likelihood(self, v):
        """log p(v) of each row in nats, (N,), by enumerating every layer above: small models."""
        states = _states(len(self.generative[-1][0]), v) if self.generative else v  # of h_{L-1}
        log_p = self.log_top(states) - exact.log_partition(self.top)
        for i, (G, g) in reversed(list(enumerate(self.generative))):
            below = v if i == 0 else _states(len(g), v)
            log_p, states = _mixture(below, states @ G + g, log_p), below
        return log_p


def _states(n, like):
    """All states of n bits, (2^n, n)."""
    require(2**n <= LIMIT, f"2^{n} states of a layer are too many to enumerate: at most {LIMIT}")
    return BITS.states(xp_of(like).arange(2**n), n).astype("float64")


def _mixture(x, f, log_p):
    """log sum_k p_k p(x | f_k) of each row of x (N, n), for fields f (K, n): (N,)."""
    xp, total = xp_of(x), None
    for start in range(0, len(f), CHUNK):
        k = slice(start, start + CHUNK)
        each = x @ f[k].T + (log_p[k] - softplus(f[k]).sum(axis=1))  # (N, chunk)
        part = logsumexp(each)[:, 0]
        total = part if total is None else xp.logaddexp(total, part)
    return total
