"""What a trained RBM can be asked: to dream, to complete, and how probable it finds something."""

from scratchnet.backend import to_numpy, xp_of
from scratchnet.boltzmann import exact
from scratchnet.boltzmann.ais import ais, enumerated
from scratchnet.boltzmann.chain import EVEN, ODD, gibbs, half_sweep
from scratchnet.boltzmann.learning import Learner, as_asked
from scratchnet.boltzmann.trainers import first_particles
from scratchnet.errors import require, whole

__all__ = ["Answers"]


class Answers(Learner):
    """A `Learner` that answers. Rows go in and come back as NumPy arrays (n, n_features)."""

    # ---------------------------------------------------------------------------------- dreaming

    def gibbs(self, v, k=1):
        """The rows after k steps of the Gibbs chain, visible -> hidden -> visible."""
        rows, _ = self._rows(v)
        layers, _ = half_sweep(self.network_, self.infer(rows), ODD, self.rng_)
        state, _ = gibbs(self.network_, layers, whole("gibbs", "k", k), self.rng_)
        return as_asked(state[0], v)

    def sample(self, n, burn_in=1000, clamp=None, mean=False):
        """n rows that the model dreams, each at the end of a chain of its own.

        burn_in   sweeps before the row is taken
        clamp     (n_features,): entries to hold; NaN where the model is free
        mean      give the means p(v | h) of the last sweep instead of samples: a calmer picture
        """
        network, held = self.network_, None
        layers = first_particles(network, whole("sample", "n", n), self.rng_)
        if clamp is not None:
            values, missing = self._rows(clamp.reshape(1, -1), "allow-nan")
            fixed = xp_of(values).ones_like(values) > 0 if missing is None else ~missing
            held = {0: (fixed, values)}
        layers, _ = gibbs(
            network, layers, whole("sample", "burn_in", burn_in), self.rng_, 1.0, held
        )
        state, expected = half_sweep(network, layers, EVEN, self.rng_, 1.0, held)
        return to_numpy((expected if mean else state)[0])

    def reconstruct(self, X):
        """p(v | E[h | X]), no randomness in it; missing entries come back filled in."""
        v, _ = self._rows(X)
        return as_asked(self.network_.mean(0, self.infer(v)), X)

    def inverse_transform(self, H):
        """p(v | h = H), from (n, n_components)."""
        h = xp_of(self.network_.biases[1]).asarray(H, dtype=self.network_.biases[1].dtype)
        return to_numpy(self.network_.mean(0, [None, h]))

    # ------------------------------------------------------------------------------ probabilities

    def energy(self, v, *h):
        """E(v, h) of each row, (n,); h is one array for each hidden layer."""
        rows, _ = self._rows(v)
        h = [xp_of(rows).asarray(layer, dtype=rows.dtype) for layer in h]
        return to_numpy(self.network_.energy([rows, *h]))

    def free_energy(self, X):
        """F(v) = -log sum_h exp(-E(v, h)) of each row, (n,); low is probable.

        Rows with missing entries have a Z of their own: compare them only with their like.
        """
        v, missing = self._rows(X)
        F = self.network_.free_energy(v)
        if missing is not None:  # the energy of the units that are absent, alone at 0
            unit, a = self.network_.units[0], self.network_.biases[0]
            F = F - unit.own_energy(0 * v, a * missing)
        return as_asked(F, X)

    def free_energy_gap(self, X, X_new):
        """mean F of new rows minus that of the training rows: log Z cancels.

        It grows where the model learns its training rows by heart. Hinton (2010), section 6.
        """
        return float(self.free_energy(X_new).mean() - self.free_energy(X).mean())

    def log_partition(self, method="exact", n_temperatures=1000, n_runs=100):
        """log Z as a `LogPartition`: value, low, high, effective_samples.

        "exact" enumerates the smaller side, "ais" estimates, starting from the visible biases.
        """
        if method == "ais":
            side = EVEN if self.network_.depth == 1 else ODD  # keep the side that is smaller
            return ais(self.network_, self.rng_, n_temperatures, n_runs, self.base_model(), side)
        return enumerated(self.network_, method)

    def base_model(self):
        """The biases of the model without weights that AIS begins with, one entry a layer."""
        return [self.base_biases_] + [None] * self.network_.depth

    def log_likelihood(self, X, log_Z=None):
        """log p(v) of each row in nats, (n,): with log_Z given, or else exactly."""
        v, missing = self._rows(X)
        require(missing is None, "log_likelihood expects complete rows: each mask has its own Z")
        log_Z = exact.log_partition(self.network_) if log_Z is None else log_Z
        return to_numpy(exact.log_unnormalized(self.network_, v) - log_Z)
