"""GRU: the gated recurrent unit, an LSTM without a cell of its own and with a gate less."""

from scratchnet.backend import zeros
from scratchnet.layers.recurrent import Recurrent, activation_of


class GRU(Recurrent):
    """Cho et al. (2014), in the form of Keras' default reset_after=True.

        (az ar ag) = x W + b[0]      (rz rr rg) = h U + b[1]
        z = s(az + rz)               how much of the old state stays
        q = s(ar + rr)               how much of it the new one may see ("reset")
        g = phi(ag + q rg)           the new
        h' = z h + (1 - z) g

    The reset gate acts AFTER the product with U. In the paper it acts before, on h itself: then the
    product for g would have to wait for q, two products a step instead of one. It is also what
    PyTorch and cuDNN compute. rg needs a bias of its own here, because q multiplies it: b is
    (2, 3M).

    backward, with dh' arriving, and then through s' and phi' to the a and r:

        dz = dh' (h - g)     dg = dh' (1 - z)     dq = dag rg     drg = dag q
        dh = dh' z + dr U^T

    Parameters beyond those of `Recurrent`
        recurrent_activation   s, of the two gates
    """

    states, gates, own_pull = ("h",), 3, True

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        mask_value=None,
        name=None,
    ):
        super().__init__(
            units,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            return_sequences,
            return_state,
            go_backwards,
            mask_value,
            name,
        )
        self.recurrent_activation = recurrent_activation
        self.s = activation_of(recurrent_activation)

    def initial_bias(self):
        return zeros((2, 3 * self.units))

    def bias_of_x(self):
        return self.b[0]

    def bias_gradient(self, da, dr):
        db = zeros((2, da.shape[1])).astype(da.dtype)
        db[0], db[1] = da.sum(axis=0), dr.sum(axis=0)
        return db

    def step(self, a, r, h):
        M = self.units
        if self.use_bias:
            r += self.b[1]
        zq, _ = self.s.forward(a[:, : 2 * M] + r[:, : 2 * M])
        z, q, rg = zq[:, :M], zq[:, M:], r[:, 2 * M :]
        g, _ = self.phi.forward(a[:, 2 * M :] + q * rg)
        return (g + z * (h - g),), (zq, g, rg)

    def step_back(self, da, dr, pulls, kept, state):
        (dh,), (zq, g, rg), (h,) = pulls, kept, state
        M = self.units
        z, q = zq[:, :M], zq[:, M:]
        dag = self.phi.backward(dh * (1 - z), g)[0]
        da[:, :M] = dh * (h - g)
        da[:, M : 2 * M] = dag * rg
        da[:, : 2 * M] = self.s.backward(da[:, : 2 * M], zq)[0]
        da[:, 2 * M :] = dag
        dr[:, : 2 * M] = da[:, : 2 * M]
        dr[:, 2 * M :] = dag * q
        return (dh * z,)
