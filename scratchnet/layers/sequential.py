"""Sequential: layers one after another, itself a layer."""

from scratchnet.layers.base import Layer
from scratchnet.layers.summary import summary


class Sequential(Layer):
    """y = f_n( ... f_2(f_1(x)))

    Parts may be Sequentials too, and they share their weights with the whole: train
    ``Sequential([encoder, decoder])``, and encoder and decoder are trained. A layer may stand in
    the list twice; its gradients are added.

    Parameters
        layers   the layers, first to last
        name     of the model
    """

    remembers = "the caches of its layers"

    def __init__(self, layers, name=None):
        super().__init__(name)
        if not isinstance(layers, (tuple, list)):
            raise TypeError(f"Sequential expects a list of layers; got {layers!r}")
        self.layers = tuple(layers)
        for layer in self.layers:
            if not isinstance(layer, Layer):
                raise TypeError(f"Sequential expects layers; got {layer!r}: {type(layer).__name__}")
            if layer not in self.children.values():
                self.children[self._free_name(layer)] = layer

    def _free_name(self, layer):
        """The name somebody gave the layer, or its default one with the first number free."""
        if layer.given_name in self.children:
            raise ValueError(f"two layers are named '{layer.name}': names must differ in a model")
        base = name = layer.given_name or layer.default_name()
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
        # (layer, the name it uses) -> the path that `walk` gives the same parameter
        first = {p: path for path, p in self.parameter_items()}
        self.first_paths = {
            (layer, name): first[p]
            for layer in self.children.values()
            for name, p in layer.parameter_items()
        }
        return input_shape

    def forward(self, x, train=False):
        caches = []
        for layer in self.layers:
            x, cache = layer.forward(x, train)
            caches.append(cache)
        return x, caches

    def backward(self, dy, cache):
        """The chain rule: dL/dx of a layer is dL/dy of the layer before it, so we go backwards."""
        grads = {}
        for layer, c in reversed(list(self.sublayer_caches(cache))):
            dy, g = layer.backward(dy, c)
            self._add(grads, layer, g)
        return dy, grads

    def weight_gradients(self, dy, cache):
        """As backward, but it ends at the first layer that learns: nobody needs that one's dx."""
        grads = {}
        parts = list(self.sublayer_caches(cache))
        while parts and not parts[0][0].parameter_items(trainable_only=True):
            del parts[0]
        for layer, c in reversed(parts[1:]):
            dy, g = layer.backward(dy, c)
            self._add(grads, layer, g)
        for layer, c in parts[:1]:
            self._add(grads, layer, layer.weight_gradients(dy, c))
        return grads

    def input_gradient(self, dy, cache):
        for layer, c in reversed(list(self.sublayer_caches(cache))):
            dy = layer.input_gradient(dy, c)
        return dy

    def sublayer_caches(self, cache):
        return zip(self.layers, cache, strict=True)

    def _add(self, grads, layer, g):
        """Enter a layer's gradients; of a layer used twice both pulls on its weights add up."""
        for name, dw in g.items():
            path = self.first_paths[layer, name]
            grads[path] = grads[path] + dw if path in grads else dw

    def summary(self):
        """A table of layers, output shapes, parameters and caches, as text."""
        return summary(self)
