"""Recurrent, the base class of SimpleRNN, LSTM and GRU: the loop over time, and its gradient.

A subclass defines one step, and the gradients run through the same loop backwards: backpropagation
through time (Werbos, 1990). With x and h before the step,

    a = x W + b + h U                                   pre-activations of the G gates
    new state = step(a, state)                          at each step t = 0 ... T - 1

Layout. In the loop features come before batch: h is (M, N) and a is (G, M, N), so that the block of
each gate is contiguous in memory. h, x and a one lie on top of each other in one matrix, and so do
their weights. One product gives a, and one product the gradients of all weights:

    z = [h x 1]     (M + D + 1, N)          a = K^T z
    K = [U W b]     (M + D + 1, G M)        dK = sum of z da^T over the steps

    computed                        when
    K^T, copied                     before the loop
    a = K^T z, step                 in the loop, because it needs the state before the step
    slopes, the derivatives         before the loop backwards, all steps at once; by `LSTM` with
                                    Numba in the loop, see scratchnet/compiled_layers.py
    da = slope * dh, dh = U da      in the loop backwards
    dK, and dx = W da               after the loop backwards, all steps at once

    case                            the state after a step
    mask_value=None                 that of `step`
    mask_value=m                    that of `step`, for masked samples the state before the step
    one step without a loop         plain form: `lstm_step` and `gru_step` in layers/plain.py
"""

import numbers
from typing import NamedTuple

from scratchnet.backend import Array, overflow_to_infinity, xp_of, zeros
from scratchnet.initializers import initializer
from scratchnet.layers.base import Layer
from scratchnet.layers.shapes import ShapeError
from scratchnet.numerics import relu, sigmoid_steps, tanh
from scratchnet.validation import check_bool, check_positive_int, unknown_name


def _linear(x, out=None):
    return xp_of(x).positive(x, out=out)


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
    "relu": (relu, _relu_derivative),
    "sigmoid": (sigmoid_steps, _sigmoid_derivative),
    "tanh": (tanh, _tanh_derivative),
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

    z: Array  # (T + 1, M + D + 1, N), [h x 1] before each step; the last has no x
    states: list  # of (T + 1, M, N), one array for each state: [t] is the state before step t
    blocks: Array  # (T, B, M, N), what `step` left: the gates
    with_state: bool  # True for an input (x, h0)
    mask: Array | None  # (T, 1, N), True where a sample has no step, in the order of the loop


class Recurrent(Layer):
    """Base class of the recurrent layers, with the options and shapes of Keras.

    forward    x (N, T, D), or (x, h0) with the initial state h0 (N, M)
               -> the last h (N, M), or with return_sequences the h of every step (N, T, M);
               with return_state a tuple: this, and the last state
    backward   takes a gradient of the same structure; returns (dx, dh0) for an input (x, h0)

    The option initial_state of `forward`, a tuple (h0,), starts from h0 without computing dh0: the
    parts of a long sequence, see `Layer.run`, and `truncated_bptt` in
    scratchnet/sequence_training.py.

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
    splits_batch = takes_mask = takes_state = True
    fixed_axes = 1  # D; the number of steps may differ from batch to batch
    state_names: tuple[str, ...] = ("h",)  # of the arrays that a step hands to the next step
    n_gates = 1  # G, the blocks of columns of W and U
    n_blocks = 1  # B, arrays (M, N) that a step keeps: those of K^T z first

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
        self._checked_states(x[1:], x[0])

    def _checked_states(self, states, x):
        """The states, after checking that each is (N, M) in the precision of x."""
        expected = (len(x), self.units)
        for state in states:
            if getattr(state, "shape", None) != expected or state.dtype != x.dtype:
                got = f"{getattr(state, 'shape', state)} {getattr(state, 'dtype', '')}".strip()
                raise ShapeError(f"{self.title} expects a state {expected} {x.dtype}; got {got}")
        return states

    # ------------------------------------------------------------- defined by the subclasses

    def step(self, blocks, state, new_state):
        """Compute one step: write the new state into new_state, and the gates over blocks.

        blocks (B, M, N) starts with a = K^T z; state and new_state are lists of arrays (M, N).
        """
        raise NotImplementedError

    def slopes(self, blocks, states):
        """Compute the factors of `step_backward` for all steps, a list of arrays with T rows.

        The first is (T, G, M, N) and becomes da. blocks is (T, B, M, N), states those of the cache.
        """
        raise NotImplementedError

    def step_backward(self, dstates, da, *slopes):
        """Multiply the slopes of a step, the first of which is da (G, M, N), by dstates, in place.

        dstates is a list of arrays (M, N): the gradients of the new state. Returns the part of the
        gradient of h that does not go through a, or None. The gradients of the other states are
        written over dstates[1:].
        """
        raise NotImplementedError

    # ------------------------------------------------------ for subclasses with compiled loops

    def compiled_step(self, blocks, states):
        """The method `step` as machine code, for the arrays of one pass; None: `step` itself."""
        return None

    def steps_backward(self, blocks, states, dstates):
        """Return da (T, G, M, N), and the function (t, dstates) that writes da[t] at step t.

        The function returns what `step_backward` does, and has its effect on dstates. blocks and
        states are those of the cache, dstates those after the last step.
        """
        slopes = self.slopes(blocks, states)

        def step_backward(t, dstates):
            return self.step_backward(dstates, *(slope[t] for slope in slopes))

        return slopes[0], step_backward

    def stacked_weights(self):
        """The matrix K = [U W b], (M + D + 1, G M)."""
        b = self.b if self.use_bias else xp_of(self.U).zeros_like(self.U[0])
        return xp_of(self.U).concatenate([self.U, self.W, b[None]])

    def split_gradient(self, dK):
        """The gradients dU, dW and db in the gradient of K."""
        M = self.units
        return {"W": dK[M:-1], "U": dK[:M], "b": dK[-1]}

    def initial_bias(self):
        """Initial b: zeros, one for each column of W."""
        return zeros((self.n_gates * self.units,))

    # -------------------------------------------------------------------- the loop over time

    def forward(self, x, train=False, mask=None, initial_state=None):
        inputs = x if isinstance(x, tuple) else (x,)  # (x,), (x, h0) or (x, h0, c0)
        x, xp = inputs[0], xp_of(inputs[0])
        start = inputs[1:] if initial_state is None else self._checked_states(initial_state, x)
        (N, T, D), M = x.shape, self.units

        z = xp.empty((T + 1, M + D + 1, N), x.dtype)
        z[:T, M : M + D] = self._in_order(x.transpose(1, 2, 0))
        z[T, M : M + D] = 0
        z[:, M + D :] = 1
        states = [z[:, :M], *(xp.empty((T + 1, M, N), x.dtype) for _ in self.state_names[1:])]
        for i, state in enumerate(states):
            state[0] = start[i].T if start else 0

        KT = xp.ascontiguousarray(self.stacked_weights().T)  # (G M, M + D + 1)
        blocks = xp.empty((T, self.n_blocks, M, N), x.dtype)
        a = blocks.reshape(T, -1, N)[:, : len(KT)]  # (T, G M, N), a view
        mask = self._mask(z[:T, M : M + D], mask)
        step = self.compiled_step(blocks, states) or self.step
        with overflow_to_infinity():  # in the sigmoid, once for all steps
            for t in range(T):
                xp.dot(KT, z[t], out=a[t])  # x W + b + h U
                state, new_state = [s[t] for s in states], [s[t + 1] for s in states]
                step(blocks[t], state, new_state)
                if mask is not None:
                    for old, new in zip(state, new_state, strict=True):
                        new[...] = xp.where(mask[t], old, new)

        last = [xp.ascontiguousarray(state.T) for state in new_state]  # (N, M)
        y = (
            xp.ascontiguousarray(states[0][1:].transpose(2, 0, 1))
            if self.return_sequences
            else last[0]
        )
        cache = RecurrentCache(z, states, blocks, len(inputs) > 1, mask)
        return ((y, *last), cache) if self.return_state else (y, cache)

    def backward(self, dy, cache, need_dx=True):
        """Compute (dx, {"W": dW, "U": dU, "b": db}); need_dx=False: None instead of dx."""
        da, dK, dstates = self._backward_through_time(dy, cache)
        grads = self.split_gradient(dK)
        if not self.use_bias:
            del grads["b"]
        dx = self._input_gradient(da) if need_dx else None
        if cache.with_state:
            return (dx, *(d.T for d in dstates)), grads
        return dx, grads

    def _backward_through_time(self, dy, cache):
        """Run the loop backwards; return da (T, G M, N), dK, and dL/d(initial state)."""
        outputs = dy if self.return_state else (dy,)  # (dy,), (dy, dh) or (dy, dh, dc)
        dy, z, mask, xp = outputs[0], cache.z, cache.mask, xp_of(cache.z)
        if self.return_state:
            dstates = [d.T.copy() for d in outputs[1:]]  # (M, N)
        else:
            dstates = [xp.zeros_like(state[0]) for state in cache.states]
        if self.return_sequences:
            dy = xp.ascontiguousarray(dy.transpose(1, 2, 0))  # (T, M, N)
        else:
            dstates[0] += dy.T  # the output is the last h

        K, M = self.stacked_weights(), self.units
        da, step_backward = self.steps_backward(cache.blocks, cache.states, dstates)
        da = da.reshape(len(da), K.shape[1], -1)  # (T, G M, N), written by the loop
        for t in reversed(range(len(da))):
            if self.return_sequences:
                dstates[0] += dy[t]  # this h is an output, and the input of the next step
            passed = dstates
            if mask is not None:
                dstates = [xp.where(mask[t], 0, d) for d in dstates]
            direct = step_backward(t, dstates)
            dstates[0] = xp.dot(K[:M], da[t])  # (M, G M) (G M, N)
            if direct is not None:
                dstates[0] += direct
            if mask is not None:  # gradients of masked samples pass unchanged
                dstates = [xp.where(mask[t], p, d) for p, d in zip(passed, dstates, strict=True)]
        dK = xp.tensordot(z[:-1], da, ([0, 2], [0, 2]))  # (M + D + 1, G M), sum over T and N
        return da, dK, dstates

    def _input_gradient(self, da):
        W = self.stacked_weights()[self.units : -1]
        dx = xp_of(W).matmul(W, da)  # (D, G M) (T, G M, N) -> (T, D, N)
        return self._in_order(dx).transpose(2, 0, 1)  # (N, T, D)

    def _in_order(self, x):
        """An array with T rows, in the order in which the loop reads them."""
        return x[::-1] if self.go_backwards else x

    def final_state(self, cache):
        if self.go_backwards:
            raise TypeError(
                f"{self.title} reads a sequence from its end: its state cannot be carried to the "
                "next part of the sequence"
            )
        return tuple(state[-1].T.copy() for state in cache.states)

    # ---------------------------------------------------------------------------- masked steps

    def output_mask(self, cache, mask):
        if cache.mask is None or not self.return_sequences:
            return None
        return cache.mask[:, 0].T  # outputs are in the order of the loop, too

    def input_mask(self, cache):
        return None if cache.mask is None else self._in_order(cache.mask)[:, 0].T

    def _mask(self, x, mask):
        """Mask (T, 1, N), True where a sample has no step t; None if the layer has no mask.

        It is that of the layers before, (N, T), or else made from x (T, D, N) by mask_value.
        """
        if mask is not None:
            return self._in_order(mask.T[:, None])
        if self.mask_value is None:
            return None
        return (x == self.mask_value).all(axis=1, keepdims=True)
