"""The model itself: layers h_0 = v, h_1, ..., h_L, each joined to the next. An RBM has L = 1.

    E = sum_i own_energy(h_i) - sum_{i >= 1} coupled(h_{i-1}) W_i coupled(h_i)

For 0-1 units both are what they look like: E = -sum b_i h_i - sum h_{i-1} W_i h_i. Within a layer
nothing is joined, so even and odd layers are the two sides of a bipartite graph: given one side,
all units of the other are independent. An RBM and a deep Boltzmann machine are the same thing here.
"""

from scratchnet.backend import xp_of
from scratchnet.validation import require

__all__ = ["EnergyModel"]


class EnergyModel:
    """Layers, their weights and biases.

    Parameters
        units    a kind for each layer, L + 1 of them
        weights  W_1 ... W_L; W_i is (n_{i-1}, n_i)
        biases   b_0 ... b_L; b_i is (n_i,)

    `layers`, in the methods, is a list of L + 1 arrays (N, n_i). The free energy and what builds on
    it (exact.log_likelihood) take v alone.
    """

    def __init__(self, units, weights, biases):
        self.units, self.weights, self.biases = list(units), list(weights), list(biases)
        shapes = [(len(b), len(c)) for b, c in zip(self.biases, self.biases[1:], strict=False)]
        require(
            len(self.units) == len(self.biases) and shapes == [W.shape for W in self.weights],
            f"an EnergyModel of {len(self.units)} layers with biases {[len(b) for b in self.biases]} "
            f"expects weights {shapes}; got {[W.shape for W in self.weights]}",
        )

    @property
    def depth(self):
        """L, the number of weight matrices."""
        return len(self.weights)

    def side(self, parity):
        """The layers of one side: 0 even (visible units among them), 1 odd."""
        return range(parity, self.depth + 1, 2)

    def parameters(self):
        """{name: array}, W1 ..., b0 ..., and z, a learned log variance; write into the arrays."""
        named = {f"W{i}": W for i, W in enumerate(self.weights, 1)}
        named |= {f"b{i}": b for i, b in enumerate(self.biases)}
        if getattr(self.units[0], "learned", False):
            named["z"] = self.units[0].z
        return named

    def map_arrays(self, f):
        """A copy in which every array is f(array): to another device or precision."""
        units = [unit.map_arrays(f) for unit in self.units]
        return EnergyModel(units, map(f, self.weights), map(f, self.biases))

    def field(self, i, layers):
        """f_i = b_i + coupled(h_{i-1}) W_i + coupled(h_{i+1}) W_{i+1}^T, (N, n_i).

        A layer in the middle hears BOTH its neighbours.
        """
        f = 0
        if i > 0:
            f = self.units[i - 1].coupled(layers[i - 1]) @ self.weights[i - 1]
        if i < self.depth:
            f = f + self.units[i + 1].coupled(layers[i + 1]) @ self.weights[i].T
        f += self.biases[i]  # in place: f is ours
        return f

    def mean(self, i, layers, beta=1.0):
        """E[h_i | its neighbours], (N, n_i)."""
        return self.units[i].mean(self.field(i, layers), beta)

    def energy(self, layers):
        """E of each row, (N,)."""
        coupled = [unit.coupled(h) for unit, h in zip(self.units, layers, strict=True)]
        E = sum(
            unit.own_energy(h, b)
            for unit, h, b in zip(self.units, layers, self.biases, strict=True)
        )
        for i, W in enumerate(self.weights, 1):
            E = E - ((coupled[i - 1] @ W) * coupled[i]).sum(axis=-1)
        return E

    def free_energy(self, v):
        """F(v) = -log sum_h exp(-E(v, h)) of an RBM, (N,): log p(v) = -F(v) - log Z."""
        require(self.depth == 1, "only an RBM's free energy has a closed form: use exact.*")
        f = self.field(1, [v, None])
        return self.units[0].own_energy(v, self.biases[0]) - self.units[1].log_normalizer(
            f, self.biases[1]
        )

    def statistics(self, layers, weights=None):
        """{name: mean over the rows of -dE/d parameter}, what both phases of learning average.

            W_i  coupled(h_{i-1})^T coupled(h_i)         b_i  coupled(h_i)
            z    exp(-z) ((v - a)^2 / 2 - v (W h))

        The gradient of the log-likelihood is the data's statistics minus the model's. In either, a
        layer may hold probabilities in place of samples as long as its neighbours hold samples.
        (Terms that both phases share, as Gaussian's -a / sigma^2, are left out.)

        weights  (N,) that sum to 1, for averages under a known distribution; else each row counts
                 1 / N
        """
        coupled = [unit.coupled(h) for unit, h in zip(self.units, layers, strict=True)]
        n = len(layers[0])

        def scaled(s):
            return s / n if weights is None else s * weights[:, None]

        named = {}
        for i in range(1, self.depth + 1):
            if self.weights[i - 1].shape[0] >= self.weights[i - 1].shape[1]:
                named[f"W{i}"] = coupled[i - 1].T @ scaled(coupled[i])  # (n_{i-1}, n_i)
            else:
                named[f"W{i}"] = scaled(coupled[i - 1]).T @ coupled[i]
        for i, s in enumerate(coupled):
            named[f"b{i}"] = s.mean(axis=0) if weights is None else weights @ s  # (n_i,)
        if getattr(self.units[0], "learned", False):
            v, Wh = layers[0], coupled[1] @ self.weights[0].T
            each = (0.5 * (v - self.biases[0]) ** 2 - v * Wh) / self.units[0].variance
            named["z"] = each.mean(axis=0) if weights is None else weights @ each
        return named

    def __repr__(self):
        sizes = "-".join(str(len(b)) for b in self.biases)
        return f"EnergyModel({sizes}, {xp_of(self.biases[0]).__name__} {self.biases[0].dtype})"
