"""Sequential: layers one after another, itself a layer."""

from collections.abc import Sequence

from scratchnet.hints import hint_for
from scratchnet.layers.base import Layer
from scratchnet.layers.composite import Composite, options_for
from scratchnet.layers.shapes import check_is_array
from scratchnet.layers.summary import summary


class Sequential(Composite):
    """Model of layers one after another, y = f_n( ... f_2(f_1(x))).

    backward   the chain rule: dx of a layer is dy of the layer before it

    A Sequential is a layer, so a model may contain models. They share their weights with the whole:
    training ``Sequential([encoder, decoder])`` trains encoder and decoder. A layer may occur twice;
    its gradient is the sum over both uses, see `parameter_items`.

    Parameters
        layers   the layers, first to last
        name     of the model

    >>> import numpy as np
    >>> from scratchnet.layers import Dense, ReLU, Sequential
    >>> encoder = Sequential([Dense(2), ReLU()], name="encoder")
    >>> autoencoder = Sequential([encoder, Dense(4)])
    >>> autoencoder.build((4,), 0)  # the input shape without the batch axis, and a seed
    (4,)
    >>> [path for path, _ in autoencoder.parameter_items()]
    ['encoder/dense/W', 'encoder/dense/b', 'dense/W', 'dense/b']
    >>> encoder(np.ones((8, 4), "float32")).shape
    (8, 2)
    """

    takes_mask = takes_state = True

    def __init__(self, layers: Sequence[Layer], name: str | None = None):
        super().__init__(name)
        if not isinstance(layers, (tuple, list)):
            raise TypeError(f"Sequential expects a list of layers; got {layers!r}")
        self.layers = tuple(layers)
        for layer in self.layers:
            if not isinstance(layer, Layer):
                raise TypeError(f"Sequential expects layers; got {layer!r}: {type(layer).__name__}")
            if layer not in self.children.values():
                self.children[self._free_name(layer)] = layer

    def add(self, *arguments):
        """Raise TypeError: the layers of a model are those of its constructor."""
        raise TypeError(f"{self.title} has a fixed list of layers: {hint_for(['model'], 'add')}")

    def _free_name(self, layer):
        """Name of the layer in this model: the given one, or dense, dense_1, dense_2, ..."""
        name = layer.given_name
        if name in self.children:
            raise ValueError(f"two layers are named '{name}': names must differ in a model")
        base = name = name or layer.default_name()
        i = 0
        while name in self.children:
            i += 1
            name = f"{base}_{i}"
        layer.name = layer.name or name
        return name

    def build(self, input_shape, rng):
        self.shapes = []  # the output shape of each layer, for summary()
        for layer in self.layers:
            input_shape = layer.build(input_shape, rng)
            self.shapes.append(input_shape)
        self.name_gradients()
        return input_shape

    def check_input(self, x):
        """Check the shape of x, and leave the check of its dtype to the first layer."""
        check_is_array(self, x)
        self.check_shape(x)

    def forward(self, x, train=False, mask=None, initial_state=None, but_last=False):
        """Compute (y, caches), caches a list with that of each layer.

        Parameters
            but_last   True: without the last layer, or that of the last Sequential inside. The
                       caches are then one fewer, and `backward` begins at the last of them
        """
        caches, states = [], initial_state or [None] * len(self.layers)
        for i, (layer, state) in enumerate(zip(self.layers, states, strict=True), 1):
            options = options_for(layer, mask, state)
            if but_last and i == len(self.layers):
                if not isinstance(layer, Sequential):
                    break
                options["but_last"] = True
            x, cache = layer.forward(x, train, **options)  # y of a layer is x of the next
            mask = layer.output_mask(cache, mask)
            caches.append(cache)
        return x, caches

    def backward(self, dy, caches):
        """Compute (dx, grads), from the last layer to the first."""
        grads = {}
        for layer, cache in reversed(list(self.sublayer_caches(caches))):
            dy = self.add_gradients(grads, layer, layer.backward(dy, cache))
        return dy, grads

    def weight_gradients(self, dy, caches):
        """Compute grads as `backward` does, but end at the first layer that is trained.

        Of that layer only the gradients of its parameters are computed, and of the layers before it
        nothing.
        """
        uses = list(self.sublayer_caches(caches))
        trained = (i for i, (layer, _) in enumerate(uses) if layer.has_trainable())
        first = next(trained, None)
        grads = {}
        if first is None:
            return grads
        for layer, cache in reversed(uses[first + 1 :]):
            dy = self.add_gradients(grads, layer, layer.backward(dy, cache))
        layer, cache = uses[first]
        self.add_gradients(grads, layer, (None, layer.weight_gradients(dy, cache)))
        return grads

    def input_gradient(self, dy, caches):
        """Compute dx alone, without the gradients of the parameters."""
        for layer, cache in reversed(list(self.sublayer_caches(caches))):
            dy = layer.input_gradient(dy, cache)
        return dy

    def output_mask(self, caches, mask):
        for layer, cache in self.sublayer_caches(caches):
            mask = layer.output_mask(cache, mask)
        return mask

    def final_state(self, caches):
        states = [layer.final_state(cache) for layer, cache in self.sublayer_caches(caches)]
        return None if all(state is None for state in states) else tuple(states)

    def sublayer_caches(self, caches):
        return zip(self.layers, caches, strict=False)  # see but_last of `forward`

    def summary(self) -> str:
        """Table of the layers with output shapes, numbers of parameters and caches, as text."""
        return summary(self)


def layer_of(owner, inner):
    """The inner layer of a composite: a layer, or the Sequential of a list of layers.

    >>> layer_of("Skip", [])
    Sequential(layers=())
    """
    if isinstance(inner, Layer):
        return inner
    if isinstance(inner, (list, tuple)):
        return Sequential(inner)
    raise TypeError(f"{owner} expects a layer or a list of layers; got {inner!r}")
