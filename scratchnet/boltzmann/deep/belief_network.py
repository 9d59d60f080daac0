"""Deep belief network: directed downward, except for the top two layers, which form an RBM.

    p(v, h_1, ..., h_L) = p(v | h_1) p(h_1 | h_2) ... p(h_{L-2} | h_{L-1}) p(h_{L-1}, h_L)

The last factor is the top RBM. The generative weights G go downward. The exact conditionals upward
are intractable; the recognition weights R give an approximation q:

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


def log_probability(h, z):
    """Log p(h) of independent 0-1 units with pre-activations z: sum of h z - log(1 + exp z), (N,).

    >>> import numpy as np
    >>> np.exp(log_probability(np.array([[0.0, 1.0]]), np.zeros((1, 2)))).round(6)
    array([0.25])
    """
    return (h * z - softplus(z)).sum(axis=-1)


class BeliefNetwork:
    """Deep belief network with recognition weights.

    Parameters
        recognition   [(R_i (n_{i-1}, n_i), r_i (n_i,))], i = 1 ... L-1
        generative    [(G_i (n_i, n_{i-1}), g_i (n_{i-1},))], i = 1 ... L-1
        top           the RBM of h_{L-1} and h_L, an `EnergyModel`. Its visible units may be
                      `Labelled`: h_{L-1} and a one-hot class

    K is the number of classes, 0 without labels.

    >>> import numpy as np
    >>> from scratchnet.boltzmann import EnergyModel
    >>> top = EnergyModel([Bernoulli(), Bernoulli()], [np.zeros((2, 2))], [np.zeros(2)] * 2)
    >>> up, down = [(np.zeros((3, 2)), np.zeros(2))], [(np.zeros((2, 3)), np.zeros(3))]
    >>> np.exp(BeliefNetwork(up, down, top).log_likelihood(np.zeros((1, 3)))).round(6)
    array([0.125])
    """

    def __init__(self, recognition, generative, top):
        self.recognition, self.generative, self.top = list(recognition), list(generative), top
        self.K = getattr(top.units[0], "K", 0)

    @classmethod
    def from_rbms(cls, models):
        """Stack RBMs, each trained on the layer below: R_i = W_i and G_i = W_i^T at first."""
        models = [model.map_arrays(lambda a: a.copy()) for model in models]
        below = [(model.weights[0], *model.biases) for model in models[:-1]]
        recognition = [(W, b) for W, _, b in below]
        return cls(recognition, [(W.T.copy(), a) for W, a, _ in below], models[-1])

    # ------------------------------------------------------------------------ upward and downward

    def means_up(self, v):
        """Means [v, m_1, ..., m_{L-1}]: of each layer, given the means of the layer below."""
        layers = [v]
        for R, r in self.recognition:
            layers.append(sigmoid(layers[-1] @ R + r))
        return layers

    def means_down(self, h):
        """Means of v (N, n_0) from h_{L-1}: of each layer, given the means of the layer above."""
        for G, g in reversed(self.generative):
            h = sigmoid(h @ G + g)
        return h

    def sample_up(self, v, rng):
        """Sample [v, h_1, ..., h_{L-1}] from q(h | v)."""
        layers = [v]
        for R, r in self.recognition:
            layers.append(BITS.sample(sigmoid(layers[-1] @ R + r), rng))
        return layers

    def sample_down(self, h, rng):
        """Sample ([v, ..., h_{L-1} = h], means of v) in one directed pass."""
        layers, mean = [h], h
        for G, g in reversed(self.generative):
            mean = sigmoid(layers[0] @ G + g)
            layers.insert(0, BITS.sample(mean, rng))
        return layers, mean

    # ------------------------------------------------------------------- labels of the top RBM

    def with_labels(self, h, labels):
        """Visible units of the top RBM: [h_{L-1}, labels], (N, n_{L-1} + K)."""
        return h if labels is None else xp_of(h).concatenate([h, labels], axis=1)

    def without_labels(self, visible):
        """Layer h_{L-1} of the visible units of the top RBM, (N, n_{L-1})."""
        return visible[:, : visible.shape[1] - self.K]

    def log_top_by_class(self, h):
        """Unnormalized log p(h_{L-1}, class k) + log Z of the top RBM, (N, K).

        They are the negative free energies of the top RBM.
        """
        each = []
        for label in xp_of(h).eye(self.K, dtype=h.dtype):
            visible = self.with_labels(h, label + 0 * h[:, :1])
            each.append(exact.log_unnormalized(self.top, visible))
        return xp_of(h).stack(each, axis=1)

    # ------------------------------------------------------------------------------ likelihoods

    def log_top(self, h):
        """Unnormalized log p(h_{L-1}) + log Z of the top RBM, the class summed out: (N,)."""
        if not self.K:
            return exact.log_unnormalized(self.top, h)
        return logsumexp(self.log_top_by_class(h))[:, 0]

    def log_weight(self, layers):
        """Log importance weight of each row, (N,), for [v, h_1, ..., h_{L-1}] from `sample_up`.

            log w = log p(v, h_1 ... h_{L-1}) + log Z - log q(h_1 ... h_{L-1} | v)

        Z is that of the top RBM. The mean of log w under q is a lower bound on log p(v) + log Z:
        log p(v) >= E_q[log p(v, h)] + entropy of q.
        """
        total = self.log_top(layers[-1])
        for i, ((R, r), (G, g)) in enumerate(zip(self.recognition, self.generative, strict=True)):
            below, above = layers[i], layers[i + 1]
            total = total + log_probability(below, above @ G + g)
            total = total - log_probability(above, below @ R + r)
        return total

    def log_likelihood(self, v):
        """Log p(v) of each row in nats, (N,), by enumeration of every layer but v and the top.

        p(h_{i-1}) = sum over all states of h_i of p(h_i) p(h_{i-1} | h_i), from the top to v.

        Raises ValueError for a layer of more than 2^20 states.
        """
        states = _states(len(self.generative[-1][0]), v) if self.generative else v  # of h_{L-1}
        log_p = self.log_top(states) - exact.log_partition(self.top)
        for i, (G, g) in reversed(list(enumerate(self.generative))):
            below = v if i == 0 else _states(len(g), v)
            log_p, states = _log_mixture(below, states @ G + g, log_p), below
        return log_p


def _states(n, like):
    """All states of n bits, (2^n, n)."""
    require(2**n <= LIMIT, f"2^{n} states of a layer are too many to enumerate: at most {LIMIT}")
    return BITS.states(xp_of(like).arange(2**n), n).astype("float64")


def _log_mixture(x, z, log_p):
    """log sum_k p_k p(x | z_k) of each row of x (N, n), for pre-activations z (K, n): (N,).

    log p(x | z_k) = x z_k - sum over i of log(1 + exp z_ki): the first term is a matrix product for
    all rows and all k, the second does not depend on x.
    """
    xp, total = xp_of(x), None
    for start in range(0, len(z), CHUNK):
        k = slice(start, start + CHUNK)
        each = x @ z[k].T + (log_p[k] - softplus(z[k]).sum(axis=1))  # (N, chunk)
        part = logsumexp(each)[:, 0]
        total = part if total is None else xp.logaddexp(total, part)
    return total
