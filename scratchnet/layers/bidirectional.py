"""Bidirectional: two recurrent layers, one for each direction of time."""

import copy

from scratchnet.backend import xp_of
from scratchnet.layers.composite import Composite, options_for
from scratchnet.layers.recurrent import Recurrent
from scratchnet.layers.shapes import ShapeError
from scratchnet.validation import require, unknown_name

MERGES = ("add", "concatenate")


class Bidirectional(Composite):
    """Bidirectional recurrent layer: one layer reads x from its start, a second one from its end.

    forward    f = layer(x)                       the states after x_0 ... x_t
               b = backwards(x), in the order of x    the states after x_T-1 ... x_t
               y = [f b] (N, T, 2 M), or y = f + b (N, T, M); without return_sequences the last
               state of each direction, (N, 2 M) or (N, M)
    backward   dx = dx of layer + dx of backwards, each from its part of dy

    So y at each step depends on the whole sequence. Masked steps are left out in both directions.

    Source: Schuster and Paliwal (1997). The merge is merge_mode "concat" or "sum" in Keras.

    Parameters
        layer   a recurrent layer that is not built, with go_backwards=False; `backwards` is a copy
                with go_backwards=True and weights of its own. Its return_sequences, return_state
                and mask_value hold for both
        merge   "concatenate" or "add"

    With return_state, y is a tuple of the merged output, the states of the layer and the states of
    `backwards`. An input with initial states is (x, states of the layer, states of `backwards`).

    >>> from scratchnet.layers import LSTM, Bidirectional
    >>> layer = Bidirectional(LSTM(4, return_sequences=True))
    >>> layer.build((10, 3), 0)
    (10, 8)
    >>> list(layer.named_parameters())
    ['forward/W', 'forward/U', 'forward/b', 'backward/W', 'backward/U', 'backward/b']
    """

    takes_mask = True
    fixed_axes = 1

    def __init__(self, layer, merge="concatenate", name=None):
        super().__init__(name)
        if not isinstance(layer, Recurrent):
            raise TypeError(f"Bidirectional expects a recurrent layer, as LSTM(8); got {layer!r}")
        require(
            not layer.go_backwards and layer.input_shape is None,
            "Bidirectional expects a layer with go_backwards=False that is not built: it makes the "
            f"second direction from a copy; got {layer!r}",
        )
        if merge not in MERGES:
            raise unknown_name("merge", merge, MERGES)
        self.layer, self.merge = layer, merge
        self.backwards = copy.deepcopy(layer)
        self.backwards.go_backwards = True
        self.children = {"forward": self.layer, "backward": self.backwards}
        for path, child in self.children.items():
            child.name = child.name or path

    @property
    def input_names(self):
        """Names of the arrays of an input: x, and the initial states of both directions."""
        states = self.layer.input_names[1:]
        return ("x", *(f"forward {n}" for n in states), *(f"backward {n}" for n in states))

    def build(self, input_shape, rng):
        *steps, m = self.layer.build(input_shape, rng)
        self.backwards.build(input_shape, rng)
        self.name_gradients()
        return (*steps, m if self.merge == "add" else 2 * m)

    def check_input(self, x):
        n_states = 2 * len(self.layer.state_names)
        if isinstance(x, tuple) and len(x) != 1 + n_states:
            names = ", ".join(self.input_names)
            raise ShapeError(f"{self.title} expects x or ({names}); got {len(x)} arrays")
        for layer, inputs in zip(self.children.values(), self._inputs(x), strict=True):
            layer.check_input(inputs)

    def _inputs(self, x):
        """The input of each direction, x or (x, states)."""
        if not isinstance(x, tuple):
            return x, x
        x, *states = x
        half = len(states) // 2
        return (x, *states[:half]), (x, *states[half:])

    def forward(self, x, train=False, mask=None):
        x_f, x_b = self._inputs(x)
        f, f_cache = self.layer.forward(x_f, train, **options_for(self.layer, mask))
        b, b_cache = self.backwards.forward(x_b, train, **options_for(self.backwards, mask))
        (f, *f_state), (b, *b_state) = (f, b) if self.layer.return_state else ((f,), (b,))
        b = self._in_order_of_x(b)
        y = f + b if self.merge == "add" else xp_of(f).concatenate([f, b], axis=-1)
        cache = f_cache, b_cache
        return ((y, *f_state, *b_state) if self.layer.return_state else y), cache

    def backward(self, dy, cache):
        (df, db), (f_cache, b_cache) = self._split(dy), cache
        grads = {}
        dx_f = self.add_gradients(grads, self.layer, self.layer.backward(df, f_cache))
        dx_b = self.add_gradients(grads, self.backwards, self.backwards.backward(db, b_cache))
        if not isinstance(dx_f, tuple):
            return dx_f + dx_b, grads
        (dx_f, *f_states), (dx_b, *b_states) = dx_f, dx_b
        return (dx_f + dx_b, *f_states, *b_states), grads

    def weight_gradients(self, dy, cache):
        grads = {}
        for (layer, c), d in zip(self.sublayer_caches(cache), self._split(dy), strict=True):
            self.add_gradients(grads, layer, (None, layer.weight_gradients(d, c)))
        return grads

    def _split(self, dy):
        """The gradient of each direction's output, from that of y; tuples with return_state."""
        outputs = dy if self.layer.return_state else (dy,)
        dy, *states = outputs
        m, half = self.layer.units, len(states) // 2
        df, db = (dy, dy) if self.merge == "add" else (dy[..., :m], dy[..., m:])
        db = self._in_order_of_x(db)
        if not self.layer.return_state:
            return df, db
        return (df, *states[:half]), (db, *states[half:])

    def _in_order_of_x(self, b):
        """Steps in the reverse order; `backwards` has its outputs in the order of its loop."""
        return b[:, ::-1] if self.layer.return_sequences else b

    def output_mask(self, cache, mask):
        return self.layer.output_mask(cache[0], mask)

    def final_state(self, cache):
        raise TypeError(
            f"{self.title} reads the whole sequence, also from its end: its state cannot be "
            "carried to the next part of a sequence; use the recurrent layer itself"
        )

    def sublayer_caches(self, cache):
        return [(self.layer, cache[0]), (self.backwards, cache[1])]
