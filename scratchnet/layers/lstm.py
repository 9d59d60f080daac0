"""LSTM: long short-term memory, a recurrent layer whose memory cell is added to, not multiplied."""

from scratchnet.backend import ones, xp_of, zeros
from scratchnet.errors import yes_or_no
from scratchnet.layers.recurrent import Recurrent, activation_of
from scratchnet.numerics import sigmoid


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
        self.s = activation_of(recurrent_activation)
        self.unit_forget_bias = yes_or_no("LSTM", "unit_forget_bias", unit_forget_bias)

    def initial_bias(self):
        b, M = zeros((4 * self.units,)), self.units
        if self.unit_forget_bias:
            b[M : 2 * M] = ones((M,))
        return b

    def step(self, a, r, h, c):
        a += r
        M = self.units
        i_f, _ = self.s.forward(a[:, : 2 * M])  # neighbours: one call for both
        g, _ = self.phi.forward(a[:, 2 * M : 3 * M])
        o, _ = self.s.forward(a[:, 3 * M :])
        c = i_f[:, M:] * c
        c += i_f[:, :M] * g
        phi_c, _ = self.phi.forward(c)
        return (o * phi_c, c), (i_f, g, o, phi_c)

    def step_back(self, da, dr, pulls, kept, state):
        (dh, dc), (i_f, g, o, phi_c), (_, c) = pulls, kept, state
        M = self.units
        i, f = i_f[:, :M], i_f[:, M:]
        dc = dc + self.phi.backward(dh * o, phi_c)[0]
        da[:, :M] = dc * g
        da[:, M : 2 * M] = dc * c
        da[:, : 2 * M] = self.s.backward(da[:, : 2 * M], i_f)[0]
        da[:, 2 * M : 3 * M] = self.phi.backward(dc * i, g)[0]
        da[:, 3 * M :] = self.s.backward(dh * phi_c, o)[0]
        return 0, dc * f
