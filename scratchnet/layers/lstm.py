"""LSTM: long short-term memory, a recurrent layer with a memory cell and three gates."""

from scratchnet.backend import ones, xp_of, zeros
from scratchnet.compiled_layers import (
    RELU,
    SIGMOID,
    TANH,
    step_by_loop,
    steps_backward_by_loop,
)
from scratchnet.layers.recurrent import Recurrent, activation_of
from scratchnet.validation import check_bool, has_methods

# {(f, derivative): its number in the loops}
IN_LOOPS = {activation_of(f): n for f, n in (("tanh", TANH), ("relu", RELU), ("sigmoid", SIGMOID))}


class LSTM(Recurrent):
    """Long short-term memory: Hochreiter and Schmidhuber (1997), forget gate: Gers et al. (2000).

    forward    x (N, T, D) -> the last h (N, M), or every h (N, T, M); other forms: `Recurrent`.
               At each step, with the state (h, c), s = recurrent_activation, phi = activation and
               elementwise products except those with W and U:

        (a_i a_f a_g a_o) = x W + b + h U      pre-activations, (N, M) each
        i = s(a_i)                             input gate: the share of g that enters the cell
        f = s(a_f)                             forget gate: the share of c that stays in the cell
        g = phi(a_g)                           candidate
        o = s(a_o)                             output gate: the share of the cell that is output
        c_new = f c + i g                      cell
        h_new = o phi(c_new)                   output

    backward   At each step, from the last to the first, with the gradients dh_new and dc_new:

        dc_new += dh_new o phi'(c_new)         first, because c_new also has an effect through h_new
        di = dc_new g                          da_i = di s'(a_i)
        df = dc_new c                          da_f = df s'(a_f)
        dg = dc_new i                          da_g = dg phi'(a_g)
        do = dh_new phi(c_new)                 da_o = do s'(a_o)
        dc = dc_new f                          the dc_new of the step before
        dh = da U^T                            the dh_new of the step before
        dx = da W^T        dW = sum of x^T da        dU = sum of h^T da        db = sum of da

    s' and phi' are computed from the gates: s'(a_i) = i (1 - i), phi'(a_g) = 1 - g^2 for tanh. As
    long as f is near 1, dc = dc_new f passes a step almost unchanged, so the gradient does not
    vanish over many steps. To start with f above 1/2, b is 1 in the columns of f: sigmoid(1) is
    0.73 (Gers et al.; Jozefowicz et al., 2015).

    Plain form: `lstm_step` and `lstm_step_backward` in scratchnet/layers/plain.py, one step with
    phi = tanh. The docstring of scratchnet/layers/recurrent.py has the table of what is computed
    before, in and after the loop over the steps.

    Parameters
        units, activation, ...   those of `Recurrent`. The state is (h, c): an input is x, or
                                 (x, h0, c0)
        recurrent_activation     s, of the three gates
        unit_forget_bias         False: b starts at 0 in the columns of f, too

    >>> import numpy as np
    >>> from scratchnet.layers import LSTM
    >>> layer = LSTM(64, return_sequences=True)
    >>> layer.build((50, 1), 0)
    (50, 64)
    >>> layer.W.shape, layer.U.shape, layer.b.shape  # the columns are i, f, g, o
    ((1, 256), (64, 256), (256,))
    >>> layer(np.zeros((8, 50, 1), "float32")).shape
    (8, 50, 64)
    """

    state_names, n_gates = ("h", "c"), 4
    n_blocks = 5  # i, f, g, o and phi(c_new)

    def __init__(
        self,
        units,
        activation="tanh",
        *,
        recurrent_activation="sigmoid",
        unit_forget_bias=True,
        **options,
    ):
        super().__init__(units, activation, **options)
        self.recurrent_activation = recurrent_activation
        self.s, self.s_derivative = activation_of(recurrent_activation)
        self.unit_forget_bias = check_bool("LSTM", "unit_forget_bias", unit_forget_bias)

    def initial_bias(self):
        b, M = zeros((4 * self.units,)), self.units
        if self.unit_forget_bias:
            b[M : 2 * M] = ones((M,))
        return b

    def step(self, blocks, state, new_state):
        (_, c), (h_new, c_new), xp = state, new_state, xp_of(blocks)
        i, f, g, o, phi_c = (blocks[k] for k in range(5))  # views (M, N): a becomes the gates
        self.s(blocks[:2], out=blocks[:2])  # i = s(a_i) and f = s(a_f), in one call
        self.phi(g, out=g)  # g = phi(a_g)
        self.s(o, out=o)  # o = s(a_o)
        xp.multiply(f, c, out=c_new)
        c_new += xp.multiply(i, g, out=phi_c)  # c_new = f c + i g
        self.phi(c_new, out=phi_c)
        xp.multiply(o, phi_c, out=h_new)  # h_new = o phi(c_new)

    def slopes(self, blocks, states):
        """The factors of dc_new, dc_new, dc_new and dh_new in da, of dh_new in dc_new, and f."""
        xp, c = xp_of(blocks), states[1][:-1]
        i, f, g, o, phi_c = (blocks[:, k] for k in range(5))  # (T, M, N)
        slope = xp.empty_like(blocks[:, :4])
        xp.multiply(g, self.s_derivative(i), out=slope[:, 0])  # di = dc_new g, da_i = di s'(a_i)
        xp.multiply(c, self.s_derivative(f), out=slope[:, 1])  # df = dc_new c
        xp.multiply(i, self.phi_derivative(g), out=slope[:, 2])  # dg = dc_new i
        xp.multiply(phi_c, self.s_derivative(o), out=slope[:, 3])  # do = dh_new phi(c_new)
        return [slope, o * self.phi_derivative(phi_c), f]

    def step_backward(self, dstates, da, slope_of_c, f):
        dh, dc = dstates  # dh_new and dc_new
        dc += dh * slope_of_c
        da[:3] *= dc
        da[3] *= dh
        dc *= f  # dc = dc_new f

    def compiled_step(self, blocks, states):
        phi = self._phi_in_loops()
        return None if phi is None else step_by_loop(blocks, states, phi)

    def steps_backward(self, blocks, states, dstates):
        phi, found = self._phi_in_loops(), None
        if phi is not None:
            found = steps_backward_by_loop(blocks, states, dstates, phi)
        return found or super().steps_backward(blocks, states, dstates)

    def _phi_in_loops(self):
        """The number of phi in the loops; None if they do not compute what this layer does."""
        if not has_methods(self, METHODS) or IN_LOOPS.get((self.s, self.s_derivative)) != SIGMOID:
            return None
        return IN_LOOPS.get((self.phi, self.phi_derivative))


METHODS = {name: getattr(LSTM, name) for name in ("step", "slopes", "step_backward")}
