"""What recurrent layers have in common, the loop over time, and the simplest of them: SimpleRNN.

A cell says what one step does. This file puts it into the loop and, for the gradient, runs the loop
backwards: back-propagation through time (Werbos, 1990). With the state h_0 given or zero,

    a_t = x_t W + b,  r_t = h_{t-1} U,  state_t = step(a_t, r_t, state_{t-1})     t = 1 ... T

x W is computed for all steps before the loop, and dW, dU and dx from all steps after it. Only what
needs the state before it, the product with U, must wait its turn.

Arrays lie as the loop reads them: time before batch, and each of the G gates in a block of its own,
(G, T, N, M). A formula of a step then runs through whole blocks of memory, and writes in place.
"""

from scratchnet.backend import xp_of, zeros
from scratchnet.initializers import initializer
from scratchnet.layers.base import Layer
from scratchnet.layers.shapes import ShapeError
from scratchnet.numerics import sigmoid
from scratchnet.validation import check_bool, check_positive_int, unknown_name


def _linear(x, out=None):
    return xp_of(x).positive(x, out=out)


def _relu(x, out=None):
    return xp_of(x).maximum(x, 0, out=out)


def _tanh(x, out=None):
    return xp_of(x).tanh(x, out=out)


ACTIVATIONS = {  # name: y = f(x), written into out; and f'(x), from y
    "linear": (_linear, lambda y: 1),
    "relu": (_relu, lambda y: y > 0),
    "sigmoid": (sigmoid, lambda y: y * (1 - y)),
    "tanh": (_tanh, lambda y: 1 - y * y),
}


def activation_of(name):
    """(f, f') of that name, as in ACTIVATIONS."""
    if name not in ACTIVATIONS:
        raise unknown_name("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]


class Recurrent(Layer):
    """Base of the recurrent layers, with the shapes and options of Keras.

    forward    x (N, T, D), or (x, h0) with h0 (N, M) the state to start from
               -> h_T (N, M), or with return_sequences every h_t (N, T, M);
               with return_state a tuple: that, and the last state
    backward   takes a gradient of the same structure, and returns (dx, dh0) for a tuple (x, h0)

    Parameters
        units                   M, the size of the state
        activation              phi: "tanh", "relu", "sigmoid" or "linear"
        use_bias                False leaves b out
        kernel_initializer      how W (D, G M) is drawn
        recurrent_initializer   how U (M, G M) is drawn: orthogonal keeps lengths over many
                                steps
        return_sequences        every step's output instead of the last
        return_state            also the state after the last step
        go_backwards            read x from its end; outputs come in the order they are computed
        mask_value              None, or the number that fills the absent steps of short sequences:
                                where all D features equal it, state and output stay as they were.
                                This is Keras' Masking(mask_value) before the layer
    """

    remembers = "x, states, gates"
    states, gates = ("h",), 1  # what is handed on; G, how many blocks of M columns W and U have
    separate_gradients = (
        False  # True if a_t and r_t enter a step apart and have different gradients
    )

    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        mask_value=None,
        name=None,
    ):
        super().__init__(name)
        kind = type(self).__name__
        self.units = check_positive_int(kind, "units", units)
        self.activation = activation
        self.phi, self.phi_slope = activation_of(activation)
        self.use_bias = check_bool(kind, "use_bias", use_bias)
        self.kernel_initializer = kernel_initializer
        self.recurrent_initializer = recurrent_initializer
        self.draw_W, self.draw_U = map(initializer, (kernel_initializer, recurrent_initializer))
        self.return_sequences = check_bool(kind, "return_sequences", return_sequences)
        self.return_state = check_bool(kind, "return_state", return_state)
        self.go_backwards = check_bool(kind, "go_backwards", go_backwards)
        self.mask_value = mask_value

    @property
    def input_names(self):
        """What the arrays of an input (x, h0, ...) are called."""
        return ("x", *(f"{name}0" for name in self.states))

    def build(self, input_shape, rng):
        t, d = self.expect_rank(input_shape, 2)
        columns = self.gates * self.units
        self.add("W", self.draw_W(rng, (d, columns)))
        self.add("U", self.draw_U(rng, (self.units, columns)))
        if self.use_bias:
            self.add("b", self.initial_bias())
        return (t, self.units) if self.return_sequences else (self.units,)

    def initial_bias(self):
        """b as it is drawn: zeros, one for each column of W."""
        return zeros((self.gates * self.units,))

    def check_input(self, x):
        if not isinstance(x, tuple):
            return super().check_input(x)
        names = ", ".join(self.input_names)
        if len(x) != len(self.input_names):
            raise ShapeError(f"{self.title} expects x or ({names}); got {len(x)} arrays")
        for part in x:
            Layer.check_input(self, part) if part is x[0] else self._check_state(part, x[0])

    def _check_state(self, state, x):
        expected = (len(x), self.units)
        if getattr(state, "shape", None) != expected or state.dtype != x.dtype:
            got = f"{getattr(state, 'shape', state)} {getattr(state, 'dtype', '')}".strip()
            raise ShapeError(f"{self.title} expects a state {expected} {x.dtype}; got {got}")

    # ------------------------------------------------------------------ what a cell writes

    def step(self, a, r, before, after):
        """Fill the state after, from a = x W + b, r = h U, (G, N, M), and the state before.

        a is remembered, so the gates are written over it. Returns what else step_back needs.
        """
        raise NotImplementedError

    def step_back(self, da, dr, pulls, gates, kept, before):
        """Fill da (and dr, if own_pull; otherwise it is da) from the gradients of the state after.

        Turns these pulls into the gradients of the state before, without h's way through r = h U.
        """
        raise NotImplementedError

    # -------------------------------------------------------------------- the loop over time

    def forward(self, x, train=False):
        with_state = isinstance(x, tuple)
        x, *start = x if with_state else (x,)
        xp, (n, t_end, d) = xp_of(x), x.shape
        x1 = xp.ones((t_end, n, d + 1), x.dtype)  # [x 1]: b is the weight of an input that is 1
        x1[:, :, :d] = self._in_order(x.transpose(1, 0, 2))
        b = self.bias_of_x() if self.use_bias else xp.zeros_like(self.W[0])
        W1, U = self._by_gate(xp.concatenate([self.W, b[None]])), self._by_gate(self.U)
        a = x1.reshape(-1, d + 1) @ W1  # (T N, D+1) (G, D+1, M): all steps at once
        a = a.reshape(self.gates, t_end, n, self.units)
        states = [xp.empty((t_end + 1, n, self.units), x.dtype) for _ in self.states]
        for state, first in zip(states, start or [0] * len(states), strict=True):
            state[0] = first
        r, absent, tape = xp.empty_like(a[:, 0]), self._absent(x1), []
        for t in range(t_end):
            before, after = [s[t] for s in states], [s[t + 1] for s in states]
            xp.matmul(before[0], U, out=r)  # (N, M) (G, M, M): all gates in one product
            tape.append(self.step(a[:, t], r, before, after))
            if absent is not None:
                for was, now in zip(before, after, strict=True):
                    now[...] = xp.where(absent[t], was, now)
        y = states[0][1:].transpose(1, 0, 2) if self.return_sequences else after[0]
        return (y, *after) if self.return_state else y, (x1, states, a, tape, with_state)

    def backward(self, dy, cache):
        da, dr, pulls = self._through_time(dy, cache)
        (_, t_end, n, _), (*_, with_state) = da.shape, cache
        side_by_side = da.transpose(1, 2, 0, 3).reshape(t_end * n, -1)  # (T N, G M)
        dx = (side_by_side @ self.W.T).reshape(t_end, n, -1)  # (T N, G M) (G M, D)
        dx = self._in_order(dx).transpose(1, 0, 2)
        return (dx, *pulls) if with_state else dx, self._sums(da, dr, cache)

    def weight_gradients(self, dy, cache):
        da, dr, _ = self._through_time(dy, cache)
        return self._sums(da, dr, cache)

    def _through_time(self, dy, cache):
        """The loop backwards: what reaches each a_t and r_t, and the state at the start."""
        x1, states, gates, tape, _ = cache
        dy, *last = dy if self.return_state else (dy,)
        xp, absent = xp_of(x1), self._absent(x1)
        da = xp.empty_like(gates)  # (G, T, N, M)
        dr = xp.empty_like(da) if self.separate_gradients else da
        pulls = [p.copy() for p in last] or [xp.zeros_like(s[0]) for s in states]
        dys = dy.transpose(1, 0, 2) if self.return_sequences else None
        if dys is None:
            pulls[0] += dy
        UT = xp.ascontiguousarray(self._by_gate(self.U).transpose(0, 2, 1))
        for t in reversed(range(len(x1))):
            if dys is not None:  # h_t is an output, and it is what the next step reads
                pulls[0] += dys[t]
            if absent is not None:  # an absent step hands everything through
                past = [xp.where(absent[t], pull, 0) for pull in pulls]
                pulls = [xp.where(absent[t], 0, pull) for pull in pulls]
            before = [s[t] for s in states]
            self.step_back(da[:, t], dr[:, t], pulls, gates[:, t], tape[t], before)
            pulls[0] += (dr[:, t] @ UT).sum(axis=0)  # (G, N, M) (G, M, M): all gates read h
            if absent is not None:
                pulls = [pull + p for pull, p in zip(pulls, past, strict=True)]
        return da, dr, pulls

    def _sums(self, da, dr, cache):
        """dW, dU, db: every step used the same weights, so their pulls add up, in one product."""
        x1, (hs, *_), *_ = cache
        da, dr = (d.reshape(self.gates, -1, self.units) for d in (da, dr))  # (G, T N, M)
        dW1 = x1.reshape(-1, x1.shape[2]).T @ da  # (D+1, T N) (G, T N, M)
        dU = hs[:-1].reshape(-1, self.units).T @ dr  # (M, T N) (G, T N, M)
        dW1, dU = (d.transpose(1, 0, 2).reshape(d.shape[1], -1) for d in (dW1, dU))
        grads = {"W": dW1[:-1], "U": dU}
        return grads | ({"b": self.bias_gradient(dW1[-1], dr)} if self.use_bias else {})

    def bias_of_x(self):
        """The part of b that is added to x W."""
        return self.b

    def bias_gradient(self, db, dr):
        """The gradient of b, from that of `bias_of_x` and those of all r, (G, T N, M)."""
        return db

    def _by_gate(self, W):
        """(D, G M) -> (G, D, M), so that each gate's numbers lie together, here and in a and r."""
        return xp_of(W).ascontiguousarray(W.reshape(len(W), self.gates, -1).transpose(1, 0, 2))

    def _absent(self, x1):
        """Which samples have no step t, (T, N, 1); None if the layer has no mask."""
        if self.mask_value is None:
            return None
        return (x1[:, :, :-1] == self.mask_value).all(axis=-1, keepdims=True)

    def _in_order(self, x):
        return x[::-1] if self.go_backwards else x


class SimpleRNN(Recurrent):
    """h' = phi(x W + b + h U): Elman (1990). The options are those of `Recurrent`.

    backward   da = dh' phi'      dW = x^T da      dU = h^T da      dx = da W^T      dh = da U^T

    h is multiplied by U at every step, so after many its gradient has vanished or exploded.
    """

    def step(self, a, r, before, after):
        a += r
        after[0][...] = self.phi(a, out=a)[0]

    def step_back(self, da, dr, pulls, gates, kept, before):
        (dh,) = pulls
        xp_of(da).multiply(dh, self.phi_slope(gates), out=da)
        dh[...] = 0  # all of h's way is through U
