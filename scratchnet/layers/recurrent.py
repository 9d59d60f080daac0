"""Recurrent, the base class of SimpleRNN, LSTM and GRU: the loop over time, and its gradient.

A subclass defines one step. With a = x W + b and u = h U,

    new state = step(a, u, state)                       at each step t = 0 ... T - 1

The gradient runs through the same loop backwards: backpropagation through time (Werbos, 1990).

Layout. W, U and b have the columns of G gates side by side (LSTM: G = 4). In the loop each gate has
a block of memory of its own, and time comes before batch: a is (G, T, N, M).

              step 0    step 1    step 2             a block [N x M]: one row for each sample, one
    gate 0    [N x M]   [N x M]   [N x M]            column for each unit
    gate 1    [N x M]   [N x M]   [N x M]            a[g, t]   one block, contiguous in memory
    gate 2    [N x M]   [N x M]   [N x M]            a[:, t]   the blocks of step t: (G, N, M)

Ones column. x gets a column of ones, and W the row b: [x 1] [W; b] = x W + b. So one product gives
x W + b, and one product gives dW with db as its last row.

    computed                        when
    a = x W + b                     before the loop, all steps in one product
    u = h U                         in the loop, because it needs the state before the step
    dh = du U^T                     in the loop backwards
    dW, dU, db, dx                  after the loop backwards, all steps in one product each

    case                            what the loop calls
    mask_value=None                 `step` and `step_backward` of the subclass
    mask_value=m                    `_masked_step` and `_masked_step_backward`, which call these two
    one step without a loop         plain form: `lstm_step` and `gru_step` in layers/plain.py
"""

import numbers
from typing import NamedTuple

from scratchnet.backend import Array, xp_of, zeros
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


def _linear_derivative(y):
    return 1


def _relu_derivative(y):
    return y > 0


def _sigmoid_derivative(y):
    return y * (1 - y)


def _tanh_derivative(y):
    return 1 - y * y


# name: (y = f(x), written into out; the derivative f'(x), computed from y). Each has a name of its
# own, because pickle cannot store a lambda
ACTIVATIONS = {
    "linear": (_linear, _linear_derivative),
    "relu": (_relu, _relu_derivative),
    "sigmoid": (sigmoid, _sigmoid_derivative),
    "tanh": (_tanh, _tanh_derivative),
}


def _equals_itself(number):
    return isinstance(number, numbers.Real) and number == number


def activation_of(name):
    """Look up (f, derivative of f in terms of y = f(x)) in ACTIVATIONS; ValueError if unknown.

    >>> import numpy as np
    >>> f, derivative = activation_of("relu")
    >>> y = f(np.array([-1.0, 2.0]))
    >>> y, derivative(y)
    (array([0., 2.]), array([False,  True]))
    """
    if name not in ACTIVATIONS:
        raise unknown_name("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]


class RecurrentCache(NamedTuple):
    """Arrays that `Recurrent.backward` needs."""

    x_ones: Array  # (T, N, D + 1), x with the column of ones
    states: list  # of (T + 1, N, M), one array for each state: [t] is the state before step t
    gates: Array  # (G, T, N, M), written over a
    step_caches: list  # what `step` returned, for each step
    with_state: bool  # True for an input (x, h0)
    mask: Array | None  # (T, N, 1), True where a sample has no step, in the order of the loop


class Recurrent(Layer):
    """Base class of the recurrent layers, with the options and shapes of Keras.

    forward    x (N, T, D), or (x, h0) with the initial state h0 (N, M)
               -> the last h (N, M), or with return_sequences the h of every step (N, T, M);
               with return_state a tuple: this, and the last state
    backward   takes a gradient of the same structure; returns (dx, dh0) for an input (x, h0)

    Parameters
        units                   M, the size of the state
        activation              phi: "tanh", "relu", "sigmoid" or "linear"
        use_bias                False: without b
        kernel_initializer      makes the initial W (D, G M)
        recurrent_initializer   makes the initial U (M, G M). With "orthogonal" the product h U has
                                the norm of h, however many steps there are
        return_sequences        True: the output of every step instead of the last
        return_state            True: also the state after the last step
        go_backwards            True: read x from its end; outputs are in the order of computation
        mask_value              the number that fills the missing steps of short sequences: where
                                all D features equal mask_value, the step is masked, and state and
                                output keep their values. Keras: Masking(mask_value) before the
                                layer. None: no step is masked. In a Sequential the mask reaches
                                the recurrent layers after this one, too, see `Layer.output_mask`
    """

    remembers = "x, states, gates"
    splits_batch = takes_mask = True
    state_names: tuple[str, ...] = ("h",)  # of the arrays that a step hands to the next step
    n_gates = 1  # G
    du_is_da = True  # False if a and u enter a step in different ways, so that du is not da

    def __init__(
        self,
        units,
        activation="tanh",
        *,
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
        self.phi, self.phi_derivative = activation_of(activation)
        self.use_bias = check_bool(kind, "use_bias", use_bias)
        self.kernel_initializer = kernel_initializer
        self.recurrent_initializer = recurrent_initializer
        self.initializer_of_W = initializer(kernel_initializer)
        self.initializer_of_U = initializer(recurrent_initializer)
        self.return_sequences = check_bool(kind, "return_sequences", return_sequences)
        self.return_state = check_bool(kind, "return_state", return_state)
        self.go_backwards = check_bool(kind, "go_backwards", go_backwards)
        if mask_value is not None and not _equals_itself(mask_value):
            raise ValueError(
                f"{kind} expects mask_value to be a number; got {mask_value!r}: fill missing steps "
                "with a number that equals itself, which NaN does not"
            )
        self.mask_value = mask_value

    @property
    def input_names(self):
        """Names of the arrays of an input: ("x", "h0"), for an LSTM ("x", "h0", "c0")."""
        return ("x", *(f"{name}0" for name in self.state_names))

    def build(self, input_shape, rng):
        t, d = self.expect_rank(input_shape, 2)
        columns = self.n_gates * self.units
        self.add("W", self.initializer_of_W(rng, (d, columns)))
        self.add("U", self.initializer_of_U(rng, (self.units, columns)))
        if self.use_bias:
            self.add("b", self.initial_bias())
        return (t, self.units) if self.return_sequences else (self.units,)

    def check_input(self, x):
        if not isinstance(x, tuple):
            return super().check_input(x)
        if len(x) != len(self.input_names):
            names = ", ".join(self.input_names)
            raise ShapeError(f"{self.title} expects x or ({names}); got {len(x)} arrays")
        super().check_input(x[0])
        for state in x[1:]:
            self._check_state(state, x[0])

    def _check_state(self, state, x):
        expected = (len(x), self.units)
        if getattr(state, "shape", None) != expected or state.dtype != x.dtype:
            got = f"{getattr(state, 'shape', state)} {getattr(state, 'dtype', '')}".strip()
            raise ShapeError(f"{self.title} expects a state {expected} {x.dtype}; got {got}")

    # ------------------------------------------------------------- defined by the subclasses

    def step(self, a, u, state, new_state):
        """Compute one step: write the new state into new_state, and the gates over a.

        a = x W + b and u = h U are (G, N, M); state and new_state are lists of arrays (N, M).
        Returns what `step_backward` needs besides the gates and the states, its step_cache.
        """
        raise NotImplementedError

    def step_backward(self, dstates, da, du, gates, step_cache, state, UT):
        """Compute the gradients of one step, and write them into da, du and dstates.

        dstates is a list of arrays (N, M): at the call the gradients of the new state, afterwards
        those of the state before the step. UT holds U^T for each gate, see `through_U`. If
        `du_is_da`, the arrays da and du are one and the same.
        """
        raise NotImplementedError

    def initial_bias(self):
        """Initial b: zeros, one for each column of W."""
        return zeros((self.n_gates * self.units,))

    def input_bias(self):
        """Part of b that is added to x W."""
        return self.b

    def bias_gradient(self, db, du):
        """Gradient of b, from the gradient of `input_bias` and du (G, T N, M)."""
        return db

    # -------------------------------------------------------------------- the loop over time

    def forward(self, x, train=False, mask=None):
        inputs = x if isinstance(x, tuple) else (x,)  # (x,), (x, h0) or (x, h0, c0)
        x, xp = inputs[0], xp_of(inputs[0])
        (N, T, D), M = x.shape, self.units

        x_ones = xp.ones((T, N, D + 1), x.dtype)
        x_ones[:, :, :D] = self._in_order(x.transpose(1, 0, 2))
        b = self.input_bias() if self.use_bias else xp.zeros_like(self.W[0])
        W_b = self._by_gate(xp.concatenate([self.W, b[None]]))
        a = x_ones.reshape(T * N, D + 1) @ W_b  # (T N, D+1) (G, D+1, M) -> (G, T N, M)
        a = a.reshape(self.n_gates, T, N, M)

        states = [xp.empty((T + 1, N, M), x.dtype) for _ in self.state_names]
        for i, state in enumerate(states):
            state[0] = inputs[1 + i] if len(inputs) > 1 else 0
        U, u, mask = self._by_gate(self.U), xp.empty_like(a[:, 0]), self._mask(x_ones, mask)
        step_caches = []
        for t in range(T):
            state, new_state = [s[t] for s in states], [s[t + 1] for s in states]
            xp.matmul(state[0], U, out=u)  # h U: (N, M) (G, M, M) -> (G, N, M)
            if mask is None:
                step_cache = self.step(a[:, t], u, state, new_state)
            else:
                step_cache = self._masked_step(mask[t], a[:, t], u, state, new_state)
            step_caches.append(step_cache)

        y = states[0][1:].transpose(1, 0, 2) if self.return_sequences else new_state[0]
        cache = RecurrentCache(x_ones, states, a, step_caches, len(inputs) > 1, mask)
        if self.return_state:
            return (y, *new_state), cache
        return y, cache

    def backward(self, dy, cache, need_dx=True):
        """Compute (dx, {"W": dW, "U": dU, "b": db}); need_dx=False: None instead of dx."""
        da, du, dstates = self._backward_through_time(dy, cache)
        grads = self._sum_over_time(da, du, cache)
        dx = self._input_gradient(da) if need_dx else None
        if cache.with_state:
            return (dx, *dstates), grads
        return dx, grads

    def _backward_through_time(self, dy, cache):
        """Run the loop backwards; return da and du of all steps, and dL/d(initial state)."""
        outputs = dy if self.return_state else (dy,)  # (dy,), (dy, dh) or (dy, dh, dc)
        dy, xp = outputs[0], xp_of(cache.gates)
        da = xp.empty_like(cache.gates)  # (G, T, N, M)
        du = da if self.du_is_da else xp.empty_like(da)
        if self.return_state:
            dstates = [d.copy() for d in outputs[1:]]
        else:
            dstates = [xp.zeros_like(state[0]) for state in cache.states]
        if not self.return_sequences:
            dstates[0] += dy  # the output is the last h
        UT = xp.ascontiguousarray(self._by_gate(self.U).transpose(0, 2, 1))  # (G, M, M)
        mask = cache.mask
        for t in reversed(range(da.shape[1])):
            if self.return_sequences:
                dstates[0] += dy[:, t]  # this h is an output, and the input of the next step
            state = [s[t] for s in cache.states]
            step = da[:, t], du[:, t], cache.gates[:, t], cache.step_caches[t], state, UT
            if mask is None:
                self.step_backward(dstates, *step)
            else:
                self._masked_step_backward(mask[t], dstates, *step)
        return da, du, dstates

    def through_U(self, du, UT):
        """Compute du U^T, the gradient of the h in u = h U: a sum over the gates, (N, M)."""
        return (du @ UT).sum(axis=0)  # (G, N, M) (G, M, M) -> (G, N, M) -> (N, M)

    def _sum_over_time(self, da, du, cache):
        """Compute dW, dU and db: all steps share the weights, so their gradients add up."""
        T, N, D1 = cache.x_ones.shape
        da, du = da.reshape(-1, T * N, self.units), du.reshape(-1, T * N, self.units)
        h = cache.states[0][:-1].reshape(T * N, self.units)  # before each step
        dW_b = self._side_by_side(cache.x_ones.reshape(T * N, D1).T @ da)  # (D+1, G M)
        dU = self._side_by_side(h.T @ du)  # (M, T N) (G, T N, M) -> (G, M, M) -> (M, G M)
        grads = {"W": dW_b[:-1], "U": dU}
        if self.use_bias:
            grads["b"] = self.bias_gradient(dW_b[-1], du)  # the row of the ones column
        return grads

    def _input_gradient(self, da):
        _, T, N, M = da.shape
        da = self._side_by_side(da.reshape(-1, T * N, M))  # (T N, G M)
        dx = (da @ self.W.T).reshape(T, N, -1)  # (T N, G M) (G M, D)
        return self._in_order(dx).transpose(1, 0, 2)  # (N, T, D)

    def _by_gate(self, W):
        """(D, G M) -> (G, D, M), one matrix for each gate."""
        return xp_of(W).ascontiguousarray(W.reshape(len(W), self.n_gates, -1).transpose(1, 0, 2))

    def _side_by_side(self, W):
        """(G, D, M) -> (D, G M), the opposite of `_by_gate`."""
        return W.transpose(1, 0, 2).reshape(W.shape[1], -1)

    def _in_order(self, x):
        """(T, N, D), in the order in which the loop reads it."""
        return x[::-1] if self.go_backwards else x

    # ---------------------------------------------------------------------------- masked steps

    def output_mask(self, cache, mask):
        if cache.mask is None or not self.return_sequences:
            return None
        return cache.mask[:, :, 0].T  # outputs are in the order of the loop, too

    def input_mask(self, cache):
        return None if cache.mask is None else self._in_order(cache.mask)[:, :, 0].T

    def _mask(self, x_ones, mask):
        """Mask (T, N, 1), True where a sample has no step t; None if the layer has no mask.

        It is that of the layers before, (N, T), or else made from x by mask_value.
        """
        if mask is not None:
            return self._in_order(mask.T[:, :, None])
        if self.mask_value is None:
            return None
        return (x_ones[:, :, :-1] == self.mask_value).all(axis=-1, keepdims=True)

    def _masked_step(self, masked, a, u, state, new_state):
        """One `step`, after which the masked samples have their old state; masked is (N, 1)."""
        step_cache = self.step(a, u, state, new_state)
        for old, new in zip(state, new_state, strict=True):
            new[...] = xp_of(a).where(masked, old, new)
        return step_cache

    def _masked_step_backward(self, masked, dstates, *step):
        """One `step_backward`, where the gradients of the masked samples pass unchanged."""
        where = xp_of(masked).where
        passed = [where(masked, d, 0) for d in dstates]
        for d in dstates:
            d[...] = where(masked, 0, d)
        self.step_backward(dstates, *step)
        for d, p in zip(dstates, passed, strict=True):
            d += p
