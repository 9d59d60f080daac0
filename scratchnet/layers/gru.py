"""GRU: the gated recurrent unit, an LSTM without a cell of its own and with a gate less."""

from scratchnet.backend import xp_of, zeros
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

    states, gates, separate_gradients = ("h",), 3, True

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
        self.s, self.s_slope = activation_of(recurrent_activation)

    def initial_bias(self):
        return zeros((2, 3 * self.units))

    def bias_of_x(self):
        return self.b[0]

    def bias_gradient(self, db, dr):
        return xp_of(db).stack([db, dr.sum(axis=1).reshape(-1)])

    def step(self, a, r, before, after):
        (h,), (h_after,), xp = before, after, xp_of(a)
        if self.use_bias:
            r += self.b[1].reshape(3, 1, -1)
        zq, z, q, g, rg = a[:2], a[0], a[1], a[2], r[2].copy()
        zq += r[:2]
        self.s(zq, out=zq)
        g += q * rg
        self.phi(g, out=g)
        xp.add(g, z * (h - g), out=h_after)
        return rg

    def step_back(self, da, dr, pulls, gates, rg, before):
        (dh,), (h,), xp = pulls, before, xp_of(da)
        zq, z, q, g = gates[:2], gates[0], gates[1], gates[2]
        dzq, dag = da[:2], da[2]
        xp.multiply(dh, 1 - z, out=dag)
        dag *= self.phi_slope(g)
        xp.multiply(dh, h - g, out=da[0])
        xp.multiply(dag, rg, out=da[1])
        dzq *= self.s_slope(zq)
        dr[:2] = dzq
        xp.multiply(dag, q, out=dr[2])
        dh *= z
