"""What recurrent layers have in common, the loop over time, and the simplest of them: SimpleRNN.

A cell says what one step does. This file puts it into the loop and, for the gradient, runs the loop
backwards: back-propagation through time (Werbos, 1990). With the state h_0 given or zero,

    a_t = x_t W + b,  r_t = h_{t-1} U,  state_t = step(a_t, r_t, state_{t-1})     t = 1 ... T

x W is computed for all steps before the loop, and dW, dU and dx from all steps after it. Only what
needs the state before it, the product with U, must wait its turn.
"""

from scratchnet.backend import xp_of, zeros
from scratchnet.errors import unknown_name, whole, yes_or_no
from scratchnet.initializers import initializer
from scratchnet.layers.activations import ReLU, Sigmoid, Tanh
from scratchnet.layers.base import Layer
from scratchnet.layers.shapes import ShapeError


class _Linear(Layer):
    def forward(self, x, train=False):
        return x, x

    def backward(self, dy, y):
        return dy, {}


ACTIVATIONS = {"linear": _Linear, "relu": ReLU, "sigmoid": Sigmoid, "tanh": Tanh}  # y is the cache


def activation_of(name):
    """The activation layer of that name, one whose cache is its output."""
    if name not in ACTIVATIONS:
        raise unknown_name("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]()


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
        kernel_initializer      how W (D, gates M) is drawn
        recurrent_initializer   how U (M, gates M) is drawn: orthogonal keeps lengths over many
                                steps
        return_sequences        every step's output instead of the last
        return_state            also the state after the last step
        go_backwards            read x from its end; outputs come in the order they are computed
        mask_value              None, or the number that fills the absent steps of short sequences:
                                where all D features equal it, state and output stay as they were.
                                This is Keras' Masking(mask_value) before the layer
    """

    remembers = "x, states, gates"
    states, gates = ("h",), 1  # what is handed on; how many blocks of M columns W and U have
    own_pull = False  # True if a_t and r_t enter a step apart and have different gradients

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
        self.units = whole(kind, "units", units)
        self.activation, self.phi = activation, activation_of(activation)
        self.use_bias = yes_or_no(kind, "use_bias", use_bias)
        self.kernel_initializer = kernel_initializer
        self.recurrent_initializer = recurrent_initializer
        self.draw_W, self.draw_U = map(initializer, (kernel_initializer, recurrent_initializer))
        self.return_sequences = yes_or_no(kind, "return_sequences", return_sequences)
        self.return_state = yes_or_no(kind, "return_state", return_state)
        self.go_backwards = yes_or_no(kind, "go_backwards", go_backwards)
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

    def step(self, a, r, *state):
        """(state after, what step_back must remember), from a = x W + b and r = h U, (N, gates M).

        May write into a and r.
        """
        raise NotImplementedError

    def step_back(self, da, dr, pulls, kept, state):
        """Fill da (and dr, if own_pull; otherwise it is da) from the gradients of the state after.

        Returns the gradients of the state before, without the way of h through r = h U.
        """
        raise NotImplementedError

    # -------------------------------------------------------------------- the loop over time

    def forward(self, x, train=False):
        with_state = isinstance(x, tuple)
        x, *state = x if with_state else (x,)
        xp, (n, t_end, d) = xp_of(x), x.shape
        state = state or [xp.zeros((n, self.units), x.dtype) for _ in self.states]
        x = xp.ascontiguousarray(self._in_order(x.transpose(1, 0, 2)))  # (T, N, D)
        absent = self._absent(x)
        a = x.reshape(-1, d) @ self.W  # (T N, D) (D, G M): every step's at once
        if self.use_bias:
            a += self.bias_of_x()
        a = a.reshape(t_end, n, -1)
        hs = xp.empty((t_end + 1, n, self.units), x.dtype)
        hs[0] = state[0]
        tape = []
        for t in range(t_end):
            before = state
            r = before[0] @ self.U  # (N, M) (M, G M): all gates in one product
            state, kept = self.step(a[t], r, *before)
            if absent is not None:
                state = [xp.where(absent[t], b, s) for b, s in zip(before, state, strict=True)]
            hs[t + 1] = state[0]
            tape.append((before, kept))
        y = hs[1:].transpose(1, 0, 2) if self.return_sequences else state[0]
        return (y, *state) if self.return_state else y, (x, hs, tape, with_state)

    def backward(self, dy, cache):
        x, da, dr, hs, pulls, with_state = self._through_time(dy, cache)
        t_end, n, d = x.shape
        dx = (da.reshape(t_end * n, -1) @ self.W.T).reshape(x.shape)  # (T, N, G M) (G M, D)
        dx = self._in_order(dx).transpose(1, 0, 2)
        return (dx, *pulls) if with_state else dx, self._sums(x, hs, da, dr)

    def weight_gradients(self, dy, cache):
        x, da, dr, hs, _, _ = self._through_time(dy, cache)
        return self._sums(x, hs, da, dr)

    def _through_time(self, dy, cache):
        """The loop backwards: what reaches each a_t and r_t, and the state at the start."""
        x, hs, tape, with_state = cache
        dy, *last = dy if self.return_state else (dy,)
        absent = self._absent(x)
        xp, (t_end, n, _) = xp_of(x), x.shape
        da = xp.empty((t_end, n, self.gates * self.units), x.dtype)
        dr = xp.empty_like(da) if self.own_pull else da
        pulls = last or [xp.zeros((n, self.units), x.dtype) for _ in self.states]
        dys = dy.transpose(1, 0, 2) if self.return_sequences else None
        if dys is None:
            pulls = [pulls[0] + dy, *pulls[1:]]
        for t in reversed(range(t_end)):
            if dys is not None:  # h_t is an output, and it is what the next step reads
                pulls = [pulls[0] + dys[t], *pulls[1:]]
            before, kept = tape[t]
            past = 0
            if absent is not None:  # an absent step hands everything through
                past = [xp.where(absent[t], pull, 0) for pull in pulls]
                pulls = [xp.where(absent[t], 0, pull) for pull in pulls]
            pulls = list(self.step_back(da[t], dr[t], pulls, kept, before))
            pulls[0] = pulls[0] + dr[t] @ self.U.T  # (N, G M) (G M, M)
            if absent is not None:
                pulls = [pull + p for pull, p in zip(pulls, past, strict=True)]
        return x, da, dr, hs, pulls, with_state

    def _sums(self, x, hs, da, dr):
        """dW, dU, db: every step used the same weights, so their pulls add up, in one product."""
        rows = da.shape[0] * da.shape[1]
        da, dr = da.reshape(rows, -1), dr.reshape(rows, -1)  # (T N, G M)
        dW = x.reshape(rows, -1).T @ da  # (D, T N) (T N, G M)
        dU = hs[:-1].reshape(rows, -1).T @ dr  # (M, T N) (T N, G M)
        return {"W": dW, "U": dU} | ({"b": self.bias_gradient(da, dr)} if self.use_bias else {})

    def bias_of_x(self):
        """The part of b that is added to x W."""
        return self.b

    def bias_gradient(self, da, dr):
        """db from the gradients (T N, gates M) of all a and r."""
        return da.sum(axis=0)

    def _absent(self, x):
        """Which samples have no step t, (T, N, 1); None if the layer has no mask."""
        if self.mask_value is None:
            return None
        return (x == self.mask_value).all(axis=-1, keepdims=True)

    def _in_order(self, x):
        return x[::-1] if self.go_backwards else x


class SimpleRNN(Recurrent):
    """h' = phi(x W + b + h U): Elman (1990). The options are those of `Recurrent`.

    backward   da = dh' phi'      dW = x^T da      dU = h^T da      dx = da W^T      dh = da U^T

    h is multiplied by U at every step, so after many its gradient has vanished or exploded.
    """

    def step(self, a, r, h):
        a += r
        h, cache = self.phi.forward(a)
        return (h,), cache

    def step_back(self, da, dr, pulls, kept, state):
        da[...] = self.phi.backward(pulls[0], kept)[0]
        return (0,)  # all of h's way is through U
