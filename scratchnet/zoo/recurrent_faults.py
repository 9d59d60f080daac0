"""Faults in recurrent layers."""

from scratchnet.backend import xp_of, zeros
from scratchnet.initializers import glorot_uniform
from scratchnet.layers import Dense, Layer
from scratchnet.numerics import sigmoid
from scratchnet.zoo.fault import Fault, catalogue


class PlainRNN(Layer):
    """Recurrent layer h_t = tanh(x_t W + h_{t-1} U), from x (N, T, D) to the last h (N, M)."""

    def __init__(self, units):
        super().__init__()
        self.units = units

    def build(self, input_shape, rng):
        _, d = input_shape
        self.add("W", glorot_uniform(rng, (d, self.units)))
        self.add("U", glorot_uniform(rng, (self.units, self.units)))
        return (self.units,)

    def forward(self, x, train=False):
        xp = xp_of(x)
        states = [xp.zeros((len(x), self.units), x.dtype)]
        for t in range(x.shape[1]):
            states.append(xp.tanh(x[:, t] @ self.W + states[-1] @ self.U))
        return states[-1], (x, states)

    def backward(self, dy, cache):
        (x, states), dh = cache, dy
        dx, dW, dU = xp_of(x).zeros_like(x), 0 * self.W, 0 * self.U
        for t in reversed(range(x.shape[1])):
            da = dh * (1 - states[t + 1] ** 2)
            dW += x[:, t].T @ da
            dU += states[t].T @ da
            dx[:, t] = da @ self.W.T
            dh = da @ self.U.T
        return dx, {"W": dW, "U": dU}


class Truncated(PlainRNN):
    """The gradient of the state is dropped after one step."""

    def backward(self, dy, cache):
        (x, states), dh = cache, dy
        dx, dW, dU = xp_of(x).zeros_like(x), 0 * self.W, 0 * self.U
        for t in reversed(range(x.shape[1])):
            da = dh * (1 - states[t + 1] ** 2)
            dW += x[:, t].T @ da
            dU += states[t].T @ da
            dx[:, t] = da @ self.W.T
            dh = 0 * dh
        return dx, {"W": dW, "U": dU}


class Assigned(PlainRNN):
    """The gradient of each step overwrites that of the step before."""

    def backward(self, dy, cache):
        (x, states), dh = cache, dy
        dx = xp_of(x).zeros_like(x)
        for t in reversed(range(x.shape[1])):
            da = dh * (1 - states[t + 1] ** 2)
            dW = x[:, t].T @ da
            dU = states[t].T @ da
            dx[:, t] = da @ self.W.T
            dh = da @ self.U.T
        return dx, {"W": dW, "U": dU}


class PlainLSTM(Layer):
    """LSTM from x (N, T, D) to the last h (N, M), with the gates i, f, g, o in this order."""

    def __init__(self, units):
        super().__init__()
        self.units = units

    def build(self, input_shape, rng):
        _, d = input_shape
        self.add("W", glorot_uniform(rng, (d, 4 * self.units)))
        self.add("U", glorot_uniform(rng, (self.units, 4 * self.units)))
        self.add("b", zeros((4 * self.units,)))
        return (self.units,)

    def forward(self, x, train=False):
        xp = xp_of(x)
        h = c = xp.zeros((len(x), self.units), x.dtype)
        steps = []
        for t in range(x.shape[1]):
            a = xp.split(x[:, t] @ self.W + h @ self.U + self.b, 4, axis=1)
            i, f, g, o = sigmoid(a[0]), sigmoid(a[1]), xp.tanh(a[2]), sigmoid(a[3])
            steps.append((x[:, t], h, c, i, f, g, o, xp.tanh(f * c + i * g)))
            c = f * c + i * g
            h = o * xp.tanh(c)
        return h, (x, steps)

    def backward(self, dy, cache):
        (x, steps), dh, dc = cache, dy, 0 * dy
        dx = xp_of(x).zeros_like(x)
        grads = {"W": 0 * self.W, "U": 0 * self.U, "b": 0 * self.b}
        for t in reversed(range(x.shape[1])):
            x_t, h, *cell = steps[t]
            da, dc = self.cell_backward(dh, dc, *cell)
            grads["W"] += x_t.T @ da
            grads["U"] += h.T @ da
            grads["b"] += da.sum(axis=0)
            dx[:, t], dh = da @ self.W.T, da @ self.U.T
        return dx, grads

    def cell_backward(self, dh, dc, c, i, f, g, o, tanh_c):
        """Gradients of the four gates before their activation functions, and of c."""
        dc = dc + dh * o * (1 - tanh_c**2)
        di, df, dg, do = dc * g, dc * c, dc * i, dh * tanh_c
        da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
        return xp_of(dc).concatenate(da, axis=1), dc * f


class GatesMixed(PlainLSTM):
    """The gradients of the input and the forget gate, exchanged."""

    def cell_backward(self, dh, dc, c, i, f, g, o, tanh_c):
        dc = dc + dh * o * (1 - tanh_c**2)
        di, df, dg, do = dc * c, dc * g, dc * i, dh * tanh_c
        da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
        return xp_of(dc).concatenate(da, axis=1), dc * f


class CellForgotten(PlainLSTM):
    """The gradient of the cell does not pass through the forget gate."""

    def cell_backward(self, dh, dc, c, i, f, g, o, tanh_c):
        dc = dc + dh * o * (1 - tanh_c**2)
        di, df, dg, do = dc * g, dc * c, dc * i, dh * tanh_c
        da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
        return xp_of(dc).concatenate(da, axis=1), dc


def _recurrent(kind):
    return {"layers": [kind(24), Dense(10)]}


LOOP = "recurrent layers by hand, in the loop over the time steps"
FAULTS = catalogue(
    Fault(
        "truncated_by_accident",
        "RNN: the gradient of the state is dropped",
        LOOP,
        PlainRNN,
        Truncated,
        "rows",
        _recurrent,
    ),
    Fault(
        "steps_overwritten",
        "RNN: dW = instead of dW += at each step",
        LOOP,
        PlainRNN,
        Assigned,
        "rows",
        _recurrent,
    ),
    Fault(
        "gates_mixed",
        "LSTM: input and forget gate exchanged in backward",
        "LSTM layers with the order of the gates of another framework",
        PlainLSTM,
        GatesMixed,
        "rows",
        _recurrent,
    ),
    Fault(
        "cell_forgotten",
        "LSTM: dc without the factor f",
        LOOP,
        PlainLSTM,
        CellForgotten,
        "rows",
        _recurrent,
    ),
)
