"""Sequential: layers one after another, itself a layer."""

from collections.abc import Sequence

from scratchnet.hints import hint_for
from scratchnet.layers.base import Layer
from scratchnet.layers.shapes import check_is_array
from scratchnet.layers.summary import summary


class Sequential(Layer):
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

    remembers = "the caches of its layers"
    splits_batch = True
    takes_mask = True

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

        # A layer names its gradients by its own paths ("W"), this model by the first of the paths
        # of the parameter ("encoder/shared/W"): first_paths maps (layer, "W") to the latter.
        path_of = {p: path for path, p in self.parameter_items()}
        self.first_paths = {
            (layer, path): path_of[p]
            for layer in self.children.values()
            for path, p in layer.parameter_items()
        }
        return input_shape

    def check_input(self, x):
        """Check the shape of x, and leave the check of its dtype to the first layer."""
        check_is_array(self, x)
        self.check_shape(x)

    def forward(self, x, train=False, mask=None):
        caches = []
        for layer in self.layers:
            options = {"mask": mask} if layer.takes_mask and mask is not None else {}
            x, cache = layer.forward(x, train, **options)  # y of a layer is x of the next
            mask = layer.output_mask(cache, mask)
            caches.append(cache)
        return x, caches

    def backward(self, dy, caches):
        """Compute (dx, grads), from the last layer to the first."""
        grads = {}
        for layer, cache in reversed(list(self.sublayer_caches(caches))):
            dy, layer_grads = layer.backward(dy, cache)
            self._add_gradients(grads, layer, layer_grads)
        return dy, grads

    def weight_gradients(self, dy, caches):
        """Compute grads as `backward` does, but end at the first layer that is trained.

        Of that layer only the gradients of its parameters are computed, and of the layers before it
        nothing.
        """
        uses = list(self.sublayer_caches(caches))
        trained = (i for i, (layer, _) in enumerate(uses) if layer.parameter_items(True))
        first = next(trained, None)
        grads = {}
        if first is None:
            return grads
        for layer, cache in reversed(uses[first + 1 :]):
            dy, layer_grads = layer.backward(dy, cache)
            self._add_gradients(grads, layer, layer_grads)
        layer, cache = uses[first]
        self._add_gradients(grads, layer, layer.weight_gradients(dy, cache))
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

    def sublayer_caches(self, caches):
        return zip(self.layers, caches, strict=True)

    def _add_gradients(self, grads, layer, layer_grads):
        """Add the gradients of one use of a layer to grads; a second use adds to the first."""
        for path, dw in layer_grads.items():
            first_path = self.first_paths[layer, path]
            grads[first_path] = grads[first_path] + dw if first_path in grads else dw

    def summary(self) -> str:
        """Table of the layers with output shapes, numbers of parameters and caches, as text."""
        return summary(self)
