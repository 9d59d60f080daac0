"""GRU: the gated recurrent unit, a recurrent layer with two gates and no separate cell."""

from scratchnet.backend import xp_of, zeros
from scratchnet.layers.recurrent import Recurrent, activation_of


class GRU(Recurrent):
    """Gated recurrent unit: Cho et al. (2014), in the form of Keras' default reset_after=True.

    forward    x (N, T, D) -> the last h (N, M), or every h (N, T, M); other forms: `Recurrent`.
               At each step, with s = recurrent_activation, phi = activation and elementwise
               products except those with W and U:

        (a_z a_r a_g) = x W + b[0]             (N, M) each
        (u_z u_r u_g) = h U + b[1]
        z = s(a_z + u_z)                       update gate: the share of the old state that stays
        r = s(a_r + u_r)                       reset gate: the share of u_g in the candidate
        g = phi(a_g + r u_g)                   candidate
        h_new = z h + (1 - z) g                state and output

    backward   At each step, from the last to the first, with the gradient dh_new:

        dz = dh_new (h - g)                    da_z = dz s'(a_z + u_z)         du_z = da_z
        dg = dh_new (1 - z)                    da_g = dg phi'(a_g + r u_g)     du_g = da_g r
        dr = da_g u_g                          da_r = dr s'(a_r + u_r)         du_r = da_r
        dh = dh_new z + du U^T                 the dh_new of the step before
        dx = da W^T        dW = sum of x^T da        dU = sum of h^T du
        db[0] = sum of da                      db[1] = sum of du

    s' and phi' are computed from the gates: s'(a_z + u_z) = z (1 - z), and 1 - g^2 for phi = tanh.

    Two conventions. As in Cho et al., z is the share of the OLD state; some books have 1 - z for z.
    The reset gate multiplies h U, as in Keras, PyTorch and cuDNN; in the paper it multiplies h
    before the product with U, and then a step needs two products one after the other. Because r
    multiplies u_g, u_g has a bias of its own: b is (2, 3M).

    Plain form: `gru_step` and `gru_step_backward` in scratchnet/layers/plain.py, one step with
    phi = tanh. The docstring of scratchnet/layers/recurrent.py has the table of what is computed
    before, in and after the loop over the steps.

    Parameters
        units, activation, ...   those of `Recurrent`
        recurrent_activation     s, of the two gates

    >>> import numpy as np
    >>> from scratchnet.layers import GRU
    >>> layer = GRU(64)
    >>> layer.build((50, 1), 0)
    (64,)
    >>> layer.W.shape, layer.U.shape, layer.b.shape  # the columns are z, r, g
    ((1, 192), (64, 192), (2, 192))
    >>> layer(np.zeros((8, 50, 1), "float32")).shape
    (8, 64)
    """

    n_gates, du_is_da = 3, False

    def __init__(self, units, activation="tanh", *, recurrent_activation="sigmoid", **options):
        super().__init__(units, activation, **options)
        self.recurrent_activation = recurrent_activation
        self.s, self.s_derivative = activation_of(recurrent_activation)

    def initial_bias(self):
        return zeros((2, 3 * self.units))

    def input_bias(self):
        return self.b[0]

    def bias_gradient(self, db, du):
        return xp_of(db).stack([db, du.sum(axis=1).reshape(-1)])

    def step(self, a, u, state, new_state):
        (h,), (h_new,), xp = state, new_state, xp_of(a)
        if self.use_bias:
            u += self.b[1].reshape(3, 1, -1)
        z, r, g = a[0], a[1], a[2]  # views (N, M): a becomes the gates
        a[:2] += u[:2]
        self.s(a[:2], out=a[:2])  # z = s(a_z + u_z) and r = s(a_r + u_r), in one call
        g += r * u[2]
        self.phi(g, out=g)  # g = phi(a_g + r u_g)
        xp.add(g, z * (h - g), out=h_new)  # h_new = g + z (h - g) = z h + (1 - z) g
        return u[2].copy()  # u_g; a copy, because the next step writes into u

    def step_backward(self, dstates, da, du, gates, u_g, state, UT):
        (dh,), (h,), xp = dstates, state, xp_of(da)  # dh_new; dh at the end
        z, r, g = gates[0], gates[1], gates[2]
        da_z, da_r, da_g = da[0], da[1], da[2]
        xp.multiply(dh, 1 - z, out=da_g)  # dg
        da_g *= self.phi_derivative(g)
        xp.multiply(dh, h - g, out=da_z)  # dz
        xp.multiply(da_g, u_g, out=da_r)  # dr
        da[:2] *= self.s_derivative(gates[:2])  # da_z and da_r
        du[:2] = da[:2]  # du_z = da_z, du_r = da_r
        xp.multiply(da_g, r, out=du[2])  # du_g
        dh *= z
        dh += self.through_U(du, UT)  # dh = dh_new z + du U^T
