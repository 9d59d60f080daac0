"""GRU: the gated recurrent unit, a recurrent layer with two gates and no separate cell."""

from scratchnet.backend import xp_of, zeros
from scratchnet.layers.recurrent import Recurrent, activation_of
from scratchnet.validation import check_bool


class GRU(Recurrent):
    """Gated recurrent unit: Cho et al. (2014), with the reset after or before the product h U.

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

    With reset_after=False, the form of the paper, with U = (U_z U_r U_g) and b (3M,):

        g = phi(a_g + (r h) U_g)               candidate: r multiplies h before the product
        d(r h) = da_g U_g^T                    dr = d(r h) h
        dU_g = sum of (r h)^T da_g             dh = dh_new z + d(r h) r + du U^T without gate g

    s' and phi' are computed from the gates: s'(a_z + u_z) = z (1 - z), and 1 - g^2 for phi = tanh.

    Two conventions. As in Cho et al., z is the share of the OLD state; some books have 1 - z for z.
    The reset gate multiplies h U, as in Keras, PyTorch and cuDNN. In the paper, and by default in
    ONNX (linear_before_reset=0), it multiplies h before the product with U, so that a step needs
    two products one after the other. Because r multiplies u_g, u_g has a bias of its own: b is
    (2, 3M).

    Plain form: `gru_step` and, for reset_after=False, `gru_step_reset_before` in
    scratchnet/layers/plain.py, one step with phi = tanh. The docstring of
    scratchnet/layers/recurrent.py has the table of what is computed before, in and after the loop
    over the steps.

    Parameters
        units, activation, ...   those of `Recurrent`
        recurrent_activation     s, of the two gates
        reset_after              True: the reset gate multiplies h U_g; False: it multiplies h

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

    n_gates = 3

    def __init__(
        self,
        units,
        activation="tanh",
        *,
        recurrent_activation="sigmoid",
        reset_after=True,
        **options,
    ):
        super().__init__(units, activation, **options)
        self.recurrent_activation = recurrent_activation
        self.s, self.s_derivative = activation_of(recurrent_activation)
        self.reset_after = check_bool("GRU", "reset_after", reset_after)
        self.n_blocks = 4 if reset_after else 3  # z, r, g and, with reset_after, u_g

    def initial_bias(self):
        return zeros((2, 3 * self.units) if self.reset_after else (3 * self.units,))

    def stacked_weights(self):
        """The matrix K: with reset_after (U_z U_r 0 U_g), ..., for a_z, a_r, a_g and u_g apart."""
        xp, M = xp_of(self.U), self.units
        K = super().stacked_weights() if not self.reset_after else None
        if not self.reset_after:
            K[:M, 2 * M :] = 0  # g needs (r h) U_g in place of h U_g
            return K
        K = xp.zeros((M + len(self.W) + 1, 4 * M), self.U.dtype)
        K[:M, : 2 * M], K[:M, 3 * M :] = self.U[:, : 2 * M], self.U[:, 2 * M :]
        K[M:-1, : 3 * M] = self.W
        if self.use_bias:
            K[-1, : 3 * M] = self.b[0]
            K[-1, : 2 * M] += self.b[1, : 2 * M]
            K[-1, 3 * M :] = self.b[1, 2 * M :]
        return K

    def split_gradient(self, dK):
        if not self.reset_after:
            return super().split_gradient(dK)
        xp, M = xp_of(dK), self.units
        dW, du = dK[:, : 3 * M], xp.concatenate([dK[:, : 2 * M], dK[:, 3 * M :]], axis=1)
        return {"W": dW[M:-1], "U": du[:M], "b": xp.stack([dW[-1], du[-1]])}

    def step(self, blocks, state, new_state):
        (h,), (h_new,), xp, M = state, new_state, xp_of(blocks), self.units
        z, r, g = blocks[0], blocks[1], blocks[2]  # views (M, N): a becomes the gates
        self.s(blocks[:2], out=blocks[:2])  # z = s(a_z + u_z) and r = s(a_r + u_r), in one call
        if self.reset_after:
            g += r * blocks[3]  # a_g + r u_g
        else:
            g += self.U[:, 2 * M :].T @ (r * h)  # a_g + (r h) U_g
        self.phi(g, out=g)
        xp.add(g, z * (h - g), out=h_new)  # h_new = g + z (h - g) = z h + (1 - z) g

    def slopes(self, blocks, states):
        """The factors of dh_new in da_z, da_r, da_g and du_g, or others without reset_after."""
        xp, h = xp_of(blocks), states[0][:-1]
        z, r, g = (blocks[:, k] for k in range(3))  # (T, M, N)
        slope = xp.empty_like(blocks)
        xp.multiply(h - g, self.s_derivative(z), out=slope[:, 0])  # dz = dh_new (h - g)
        xp.multiply(1 - z, self.phi_derivative(g), out=slope[:, 2])  # dg = dh_new (1 - z)
        if not self.reset_after:
            xp.multiply(h, self.s_derivative(r), out=slope[:, 1])  # of d(r h)
            return [slope, z, r]
        xp.multiply(slope[:, 2], blocks[:, 3], out=slope[:, 1])  # dr = da_g u_g
        slope[:, 1] *= self.s_derivative(r)
        xp.multiply(slope[:, 2], r, out=slope[:, 3])  # du_g = da_g r
        return [slope, z, r]

    def step_backward(self, dstates, da, z, r):
        (dh,) = dstates  # dh_new
        if self.reset_after:
            da *= dh
            return dh * z
        da[0] *= dh
        da[2] *= dh
        drh = self.U[:, 2 * self.units :] @ da[2]  # d(r h): (M, M) (M, N)
        da[1] *= drh
        return dh * z + drh * r

    def _backward_through_time(self, dy, cache):
        da, dK, dstates = super()._backward_through_time(dy, cache)
        if not self.reset_after:
            M = self.units
            rh = cache.blocks[:, 1] * cache.states[0][:-1]  # (T, M, N)
            dK[:M, 2 * M :] = (rh @ da[:, 2 * M :].transpose(0, 2, 1)).sum(axis=0)
        return da, dK, dstates
