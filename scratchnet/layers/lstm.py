"""LSTM: long short-term memory, a recurrent layer whose memory cell is added to, not multiplied."""

from scratchnet.backend import ones, xp_of, zeros
from scratchnet.layers.recurrent import Recurrent, activation_of
from scratchnet.numerics import sigmoid
from scratchnet.validation import check_bool


def lstm_step(x, h, c, W, U, b):
    """One step, written out: (h', c') of x (N, D), h and c (N, M). The twin of the layer's loop.

    Formulas as in `LSTM`, with phi = tanh; W (D, 4M), U (M, 4M), b (4M,).
    """
    xp, M = xp_of(x), h.shape[1]
    a = x @ W + h @ U + b  # (N, 4M)
    i = sigmoid(a[:, :M])  # how much of the new is let in
    f = sigmoid(a[:, M : 2 * M])  # how much of the old is kept
    g = xp.tanh(a[:, 2 * M : 3 * M])  # the new
    o = sigmoid(a[:, 3 * M :])  # how much of the cell is shown
    c = f * c + i * g
    h = o * xp.tanh(c)
    return h, c


class LSTM(Recurrent):
    """Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000).

        (i f g o) = x W + b + h U            then s (a sigmoid) on i, f, o and phi on g
        c' = f c + i g                       the cell
        h' = o phi(c')                       the output

    backward, with dh', dc' arriving:

        do = dh' phi(c')     dc' += dh' o phi'(c')     df = dc' c     di = dc' g     dg = dc' i
        dc = dc' f           each gate times its own slope gives da;  dh = da U^T

    As long as f is near 1, dc passes a step almost unchanged: that is what keeps the gradient alive
    over many steps. Hence the bias of f starts at 1 (Gers et al.; Jozefowicz et al., 2015).

    Parameters beyond those of `Recurrent`; the state is (h, c), so an input is x or (x, h0, c0)
        recurrent_activation   s, of the three gates
        unit_forget_bias       f's bias starts at 1 instead of 0
    """

    states, gates = ("h", "c"), 4

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        unit_forget_bias=True,
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
        self.unit_forget_bias = check_bool("LSTM", "unit_forget_bias", unit_forget_bias)

    def initial_bias(self):
        b, M = zeros((4 * self.units,)), self.units
        if self.unit_forget_bias:
            b[M : 2 * M] = ones((M,))
        return b

    def step(self, a, r, before, after):
        (_, c), (h_after, c_after), xp = before, after, xp_of(a)
        a += r
        i_f, i, f, g, o = a[:2], a[0], a[1], a[2], a[3]
        self.s(i_f, out=i_f)  # neighbours: one call for both
        self.phi(g, out=g)
        self.s(o, out=o)
        xp.multiply(f, c, out=c_after)
        c_after += i * g
        phi_c = self.phi(c_after)
        xp.multiply(o, phi_c, out=h_after)
        return phi_c

    def step_back(self, da, dr, pulls, gates, phi_c, before):
        (dh, dc), (_, c), xp = pulls, before, xp_of(da)
        i_f, i, f, g, o = gates[:2], gates[0], gates[1], gates[2], gates[3]
        da_if, da_g, da_o = da[:2], da[2], da[3]
        dc += dh * o * self.phi_slope(phi_c)
        xp.multiply(dc, g, out=da[0])
        xp.multiply(dc, c, out=da[1])
        xp.multiply(dc, i, out=da_g)
        xp.multiply(dh, phi_c, out=da_o)
        da_if *= self.s_slope(i_f)
        da_g *= self.phi_slope(g)
        da_o *= self.s_slope(o)
        dc *= f
        dh[...] = 0  # all of h's way is through U
