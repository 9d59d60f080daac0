"""A layer of a user with integer input: rows of a table."""

import numpy as np

from scratchnet.layers import Layer


class Table(Layer):
    """y = E[x] (N, ..., 2) for indices x (N, ...) from 0 to 6."""

    def build(self, input_shape, rng):
        self.add("E", rng.host.standard_normal((7, 2)).astype("float32"))
        return (*input_shape, 2)

    def check_input(self, x):
        pass

    def forward(self, x, train=False):
        return self.E[x], x

    def backward(self, dy, x):
        dE = np.zeros_like(self.E)
        np.add.at(dE, x, dy)
        return None, {"E": dE}
