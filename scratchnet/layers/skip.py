"""Skip: the input of a layer beside its output, as in ResNet and U-Net."""

from scratchnet.backend import xp_of
from scratchnet.layers.composite import Composite, options_for
from scratchnet.layers.sequential import layer_of
from scratchnet.layers.shapes import ShapeError, format_shape
from scratchnet.validation import unknown_name

MERGES = ("add", "concatenate")


class Skip(Composite):
    """Skip connection: a layer f, and a path around f that joins x to its output.

    add            y = s(x) + f(x)           ds = dy                   df = dy
    concatenate    y = [s(x) f(x)]           ds = dy[..., :C]          df = dy[..., C:]
                   dx = s'(ds) + f'(df)      because x acts on the loss through both paths

    s is the identity, so that s'(ds) = ds, or the layer `shortcut`. f'(df) is the dx of
    ``f.backward``, and C the number of channels (the last axis) of s(x). Because ds = dy reaches x
    unchanged, gradients do not vanish in deep models of added skips. Blocks within blocks, with
    "concatenate", make a U-Net.

    Sources: He et al. (2016), Deep residual learning, equation 1, with `shortcut` equation 2;
    Ronneberger et al. (2015), U-Net, figure 1.

    Parameters
        inner      f, a layer or a list of layers
        merge      "add": s(x) and f(x) have one shape. "concatenate": they have one shape except
                   for the channels
        shortcut   s, a layer or a list of layers; None: the identity

    >>> import numpy as np
    >>> from scratchnet.layers import Conv2D, Dense, ReLU, Skip
    >>> block = Skip(Dense(2, kernel_initializer="ones"))
    >>> block.build((2,), 0)
    (2,)
    >>> block(np.array([[1, 2]], "float32"))  # [1 2] + [3 3]
    array([[4., 5.]], dtype=float32)
    >>> Skip([Conv2D(8, 3, padding="same"), ReLU()], merge="concatenate").build((5, 7, 3), 0)
    (5, 7, 11)
    """

    takes_mask = takes_state = True

    def __init__(self, inner, merge="add", shortcut=None, name=None):
        super().__init__(name)
        self.inner = layer_of("Skip", inner)
        if merge not in MERGES:
            raise unknown_name("merge", merge, MERGES)
        self.merge = merge
        self.shortcut = None if shortcut is None else layer_of("Skip", shortcut)
        self.children = {"inner": self.inner}
        if self.shortcut is not None:
            self.children["shortcut"] = self.shortcut

    def build(self, input_shape, rng):
        f = self.inner.build(input_shape, rng)
        s = input_shape if self.shortcut is None else self.shortcut.build(input_shape, rng)
        self._check_shapes(s, f)
        self.name_gradients()
        return s if self.merge == "add" else (*s[:-1], s[-1] + f[-1])

    def _check_shapes(self, s, f):
        """Raise ShapeError unless the shapes of s(x) and f(x), without the batch axis, fit."""
        if s == f or (self.merge == "concatenate" and s and f and s[:-1] == f[:-1]):
            return
        path = "its input" if self.shortcut is None else "the output of its shortcut"
        verb, hint = "concatenates", 'padding="same" keeps the size'
        if self.merge == "add":
            verb, hint = "adds", hint + ", and shortcut=Conv2D(filters, 1) changes the channels"
        raise ShapeError(
            f"{self.title} {verb} {path} {format_shape(s)} and the output {format_shape(f)} of its "
            f"inner layer, which do not fit: {hint}"
        )

    def forward(self, x, train=False, mask=None, initial_state=None):
        f_state, s_state = initial_state or (None, None)
        f, f_cache = self.inner.forward(x, train, **options_for(self.inner, mask, f_state))
        s, s_cache = x, None
        if self.shortcut is not None:
            options = options_for(self.shortcut, mask, s_state)
            s, s_cache = self.shortcut.forward(x, train, **options)
        self._check_shapes(s.shape[1:], f.shape[1:])  # build knows no sizes that are None
        y = s + f if self.merge == "add" else xp_of(x).concatenate([s, f], axis=-1)
        return y, (f_cache, s_cache, s.shape[-1])

    def backward(self, dy, cache):
        f_cache, s_cache, c = cache
        grads, (ds, df) = {}, self._split(dy, c)
        dx = self.add_gradients(grads, self.inner, self.inner.backward(df, f_cache))
        if self.shortcut is not None:
            ds = self.add_gradients(grads, self.shortcut, self.shortcut.backward(ds, s_cache))
        return dx + ds, grads

    def weight_gradients(self, dy, cache):
        f_cache, s_cache, c = cache
        grads, (ds, df) = {}, self._split(dy, c)
        self.add_gradients(grads, self.inner, (None, self.inner.weight_gradients(df, f_cache)))
        if self.shortcut is not None:
            of_shortcut = self.shortcut.weight_gradients(ds, s_cache)
            self.add_gradients(grads, self.shortcut, (None, of_shortcut))
        return grads

    def input_gradient(self, dy, cache):
        f_cache, s_cache, c = cache
        ds, df = self._split(dy, c)
        if self.shortcut is not None:
            ds = self.shortcut.input_gradient(ds, s_cache)
        return self.inner.input_gradient(df, f_cache) + ds

    def _split(self, dy, c):
        """The gradients ds of s(x) and df of f(x)."""
        if self.merge == "add":
            return dy, dy
        contiguous = xp_of(dy).ascontiguousarray
        return contiguous(dy[..., :c]), contiguous(dy[..., c:])

    def output_mask(self, cache, mask):
        return self.inner.output_mask(cache[0], mask)

    def final_state(self, cache):
        states = [layer.final_state(c) for layer, c in self.sublayer_caches(cache)]
        return None if all(state is None for state in states) else (*states, None)[:2]

    def sublayer_caches(self, cache):
        return list(zip(self.children.values(), cache, strict=False))
