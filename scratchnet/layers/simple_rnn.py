"""SimpleRNN: the simplest recurrent layer."""

from scratchnet.backend import xp_of
from scratchnet.layers.recurrent import Recurrent


class SimpleRNN(Recurrent):
    """Simple recurrent layer, h_new = phi(x W + b + h U), as in Elman (1990).

    forward    x (N, T, D) -> the last h (N, M), or every h (N, T, M); other forms: `Recurrent`
    backward   da = dh_new phi'(a)          with a = x W + b + h U; from the last step to the first
               dx = da W^T                  dh = da U^T, the dh_new of the step before
               dW = sum of x^T da           dU = sum of h^T da           db = sum of da

    In every step the gradient of h is multiplied by U^T and phi'. After many steps it has vanished
    or exploded (Bengio et al., 1994); the cell of an `LSTM` avoids this.

    Parameters
        units, activation, ...   those of `Recurrent`

    >>> import numpy as np
    >>> from scratchnet.layers import SimpleRNN
    >>> layer = SimpleRNN(1, "linear", kernel_initializer="ones", recurrent_initializer="ones")
    >>> layer.build((3, 1), 0)
    (1,)
    >>> layer(np.array([[[1], [2], [3]]], "float32"))  # h = x + h at each step: 1, 3, 6
    array([[6.]], dtype=float32)
    """

    def step(self, blocks, state, new_state):
        self.phi(blocks[0], out=new_state[0])  # h_new = phi(a)

    def slopes(self, blocks, states):
        xp, h_new = xp_of(blocks), states[0][1:]
        slope = xp.empty_like(blocks)
        slope[:, 0] = self.phi_derivative(h_new)  # phi'(a), from h_new
        return [slope]

    def step_backward(self, dstates, da):
        da *= dstates[0]  # da = dh_new phi'(a)
