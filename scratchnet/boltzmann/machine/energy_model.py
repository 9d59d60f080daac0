"""The energy model of an RBM or DBM: layers h_0 = v, h_1, ..., h_L, each connected to the next.

For 0-1 units the energy is

    E = -sum over i >= 0 of b_i h_i  -  sum over i >= 1 of h_{i-1} W_i h_i

and for other types of units (see `units`) the two sums have their general form

    E = sum over i >= 0 of bias_energy(h_i)  -  sum over i >= 1 of scaled(h_{i-1}) W_i scaled(h_i)

An RBM has L = 1, a deep Boltzmann machine L >= 2. Units of one layer are not connected, so the even
layers and the odd layers are the two sides of a bipartite graph: given all odd layers, the units of
the even layers are independent, and the reverse.

Biases are counted from 0, as layers are; weights from 1, as pairs of layers are:

    RBM          DBM                   attribute      name in `parameters` and `statistics`
    v            h_0        (N, n_0)   layers[0]
    h            h_i        (N, n_i)   layers[i]
    W (D, H)     W_i (n_{i-1}, n_i)    weights[i-1]   "W1", "W2", ...
    a (D,)       b_0        (n_0,)     biases[0]      "b0"
    b (H,)       b_i        (n_i,)     biases[i]      "b1", "b2", ...
    log sigma^2             (n_0,)     units[0].log_variance    "log_variance" (if it is learned)
"""

import itertools

from scratchnet.backend import xp_of
from scratchnet.validation import require

__all__ = ["EnergyModel"]


class EnergyModel:
    """Layers of units with weights between neighbouring layers: an RBM or a DBM.

    Parameters
        units    the type of units of each layer, L + 1 of them
        weights  W_1 ... W_L; W_i is (n_{i-1}, n_i)
        biases   b_0 ... b_L; b_i is (n_i,)

    `layers`, in the methods, is a list of L + 1 arrays (N, n_i). `free_energy` and the functions of
    `exact` take the visible units v (N, n_0) alone.

    Raises ValueError where the shapes of weights and biases do not fit.

    >>> import numpy as np
    >>> from scratchnet.boltzmann import Bernoulli
    >>> W, a, b = np.array([[2.0], [0.0]]), np.zeros(2), np.array([-1.0])
    >>> rbm = EnergyModel([Bernoulli(), Bernoulli()], [W], [a, b])
    >>> v, h = np.array([[1.0, 1.0]]), np.array([[1.0]])
    >>> rbm.energy([v, h])  # -(b h + v W h) = -(-1 + 2)
    array([-1.])
    >>> rbm.mean(1, [v, None]).round(4)  # p(h = 1 | v) = s(v W + b) = s(1)
    array([[0.7311]])
    """

    def __init__(self, units, weights, biases):
        self.units, self.weights, self.biases = list(units), list(weights), list(biases)
        sizes = [len(b) for b in self.biases]
        shapes, found = list(itertools.pairwise(sizes)), [W.shape for W in self.weights]
        require(
            len(self.units) == len(sizes) and shapes == found,
            f"an EnergyModel of {len(self.units)} layers with biases {sizes} expects weights "
            f"{shapes}; got {found}",
        )

    @property
    def depth(self):
        """Number L of weight matrices."""
        return len(self.weights)

    def layers_of(self, parity):
        """Indices of the even layers (parity 0; layer 0 is v) or of the odd layers (parity 1)."""
        return range(parity, self.depth + 1, 2)

    def parameters(self):
        """Parameters as {name: array}; a change of an array in place changes the model."""
        named = {f"W{i}": W for i, W in enumerate(self.weights, 1)}
        named |= {f"b{i}": b for i, b in enumerate(self.biases)}
        if getattr(self.units[0], "learned", False):
            named["log_variance"] = self.units[0].log_variance
        return named

    def map_arrays(self, function):
        """A copy with function(array) for each array: on another device, in another precision."""
        units = [unit.map_arrays(function) for unit in self.units]
        return EnergyModel(units, map(function, self.weights), map(function, self.biases))

    def pre_activation(self, i, layers):
        """Total input z_i of layer i, (N, n_i); an inner layer gets input from both neighbours.

        z_i = scaled(h_{i-1}) W_i + scaled(h_{i+1}) W_{i+1}^T + b_i
        """
        z = 0
        if i > 0:
            z = self.units[i - 1].scaled(layers[i - 1]) @ self.weights[i - 1]  # W_i
        if i < self.depth:
            z = z + self.units[i + 1].scaled(layers[i + 1]) @ self.weights[i].T  # W_{i+1}
        z += self.biases[i]  # in place: z is a new array
        return z

    def mean(self, i, layers, beta=1.0):
        """Conditional mean E[h_i | neighbours], (N, n_i); of 0-1 units p(h_i = 1) = s(z_i)."""
        return self.units[i].mean(self.pre_activation(i, layers), beta)

    def energy(self, layers):
        """Energy E of each row, (N,)."""
        scaled = [unit.scaled(h) for unit, h in zip(self.units, layers, strict=True)]
        E = sum(
            unit.bias_energy(h, b)
            for unit, h, b in zip(self.units, layers, self.biases, strict=True)
        )
        for i, W in enumerate(self.weights, 1):
            E = E - ((scaled[i - 1] @ W) * scaled[i]).sum(axis=-1)
        return E

    def free_energy(self, v):
        """Free energy of each row of an RBM, (N,); log p(v) = -F(v) - log Z.

        F(v) = -log sum over h of exp(-E(v, h))

        The formula for 0-1 units is `plain.free_energy`. Raises ValueError for a DBM.
        """
        require(
            self.depth == 1,
            f"free_energy expects an RBM, got {self!r}: use exact.log_unnormalized, which is -F(v)",
        )
        z = self.pre_activation(1, [v, None])
        bias_energy = self.units[0].bias_energy(v, self.biases[0])  # -a v
        return bias_energy - self.units[1].log_normalizer(z, self.biases[1])

    def statistics(self, layers, weights=None):
        """Sufficient statistics {name: mean over the rows of -dE / d parameter}.

            W_i            scaled(h_{i-1})^T scaled(h_i)
            b_i            scaled(h_i)
            log sigma^2    ((v - a)^2 / 2 - v (W h)) / sigma^2

        The gradient of the mean log-likelihood is the statistics of the data (positive phase) minus
        those of the model (negative phase). A term that is the same in both phases is left out:
        -a / sigma^2 in the bias of Gaussian units.

        -dE/dW_i is linear in h_i. So one of two neighbouring layers may hold its conditional means
        instead of samples: the expectation is the same, the noise is lower.

        weights  (N,) that sum to 1: probabilities of the rows; None: each row counts 1 / N
        """
        scaled = [unit.scaled(h) for unit, h in zip(self.units, layers, strict=True)]
        n = len(layers[0])

        def weighted(s):
            return s / n if weights is None else s * weights[:, None]

        named = {}
        for i, W in enumerate(self.weights, 1):
            below, above = scaled[i - 1], scaled[i]
            if W.shape[0] >= W.shape[1]:  # the row weights multiply the smaller of two arrays
                named[f"W{i}"] = below.T @ weighted(above)  # (n_{i-1}, n_i)
            else:
                named[f"W{i}"] = weighted(below).T @ above
        for i, s in enumerate(scaled):
            named[f"b{i}"] = s.mean(axis=0) if weights is None else weights @ s  # (n_i,)
        if getattr(self.units[0], "learned", False):
            v, Wh = layers[0], scaled[1] @ self.weights[0].T
            each = (0.5 * (v - self.biases[0]) ** 2 - v * Wh) / self.units[0].variance
            named["log_variance"] = each.mean(axis=0) if weights is None else weights @ each
        return named

    def __repr__(self):
        sizes = "-".join(str(len(b)) for b in self.biases)
        return f"EnergyModel({sizes}, {xp_of(self.biases[0]).__name__} {self.biases[0].dtype})"
