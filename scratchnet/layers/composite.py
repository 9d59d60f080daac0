"""Composite, the base class of layers made of layers: gradients under the paths of the whole."""

from scratchnet.layers.base import Layer


class Composite(Layer):
    """Base class of layers that contain layers, in `children`.

    A layer names its gradients by its own paths ("W"), the composite by the first of the paths of
    the parameter ("encoder/shared/W"). `build` of a subclass ends with `name_gradients`, which
    finds these paths, and `backward` collects the gradients of each inner layer with
    `add_gradients`. A layer that is used twice has the sum over both uses.

    >>> import numpy as np
    >>> from scratchnet.layers import Dense
    >>> class UsedTwice(Composite):  # y = f(f(x))
    ...     def __init__(self, f):
    ...         super().__init__()
    ...         self.f = self.children["f"] = f
    ...     def build(self, input_shape, rng):
    ...         output_shape = self.f.build(input_shape, rng)
    ...         self.name_gradients()
    ...         return output_shape
    ...     def forward(self, x, train=False):
    ...         z, c = self.f.forward(x, train)
    ...         y, d = self.f.forward(z, train)
    ...         return y, (c, d)
    ...     def backward(self, dy, cache):
    ...         grads, (c, d) = {}, cache
    ...         dz = self.add_gradients(grads, self.f, self.f.backward(dy, d))
    ...         return self.add_gradients(grads, self.f, self.f.backward(dz, c)), grads
    >>> from scratchnet.gradcheck import gradcheck
    >>> gradcheck(UsedTwice(Dense(2)), np.ones((3, 2))).ok
    True
    """

    remembers = "the caches of its layers"
    splits_batch = True
    fixed_axes = 0  # the inner layers check the sizes

    def name_gradients(self):
        """Find the path of each parameter: (inner layer, its own path) -> path in this layer."""
        path_of = {p: path for path, p in self.parameter_items()}
        self.first_paths = {
            (layer, path): path_of[p]
            for layer in self.children.values()
            for path, p in layer.parameter_items()
        }

    def add_gradients(self, grads, layer, result):
        """Add the gradients of one use of a layer to grads; result is (dx, its grads). Returns dx.

        A second use of a layer adds to its first one.
        """
        dx, layer_grads = result
        for path, dw in layer_grads.items():
            first_path = self.first_paths[layer, path]
            grads[first_path] = grads[first_path] + dw if first_path in grads else dw
        return dx


def options_for(layer, mask=None, initial_state=None):
    """Options of a forward pass that this layer takes: {} for most layers.

    >>> from scratchnet.layers import GRU, Dense
    >>> options_for(Dense(2), mask="m"), options_for(GRU(2), mask="m")
    ({}, {'mask': 'm'})
    """
    options = {}
    if layer.takes_mask and mask is not None:
        options["mask"] = mask
    if layer.takes_state and initial_state is not None:
        options["initial_state"] = initial_state
    return options
