"""WeightRegularization: a penalty on large weights, for any optimizer."""

from scratchnet.backend import xp_of
from scratchnet.layers.composite import Composite, options_for
from scratchnet.layers.sequential import layer_of
from scratchnet.validation import check_float


class WeightRegularization(Composite):
    """Penalty on the weights of a layer or model: adds P(W) to the loss, and computes y = f(x).

    penalty    P(W) = sum over the weights of l1 abs(W) + l2 W^2
    backward   dW of f  +  dP/dW = l1 sign(W) + 2 l2 W, with sign(0) = 0; dx is that of f

    The weights are the parameters with a capital letter, such as W and U: biases b, and gamma and
    beta of a normalization, are left out, because they do not make a function steeper. Frozen
    layers are left out, too. dP/dW is part of the gradient, so the form is the same for every
    optimizer; SGD then shrinks each weight by the factor 1 - 2 rate l2 in each update. With Adam
    this differs from AdamW, which shrinks all parameters, without their gradient's scale.

    The penalty is that of the parameters, not of a sample: it does not depend on the batch size.

    Sources: Krogh and Hertz (1992), A simple weight decay can improve generalization, for l2;
    Tibshirani (1996), for l1. As kernel_regularizer in Keras.

    Parameters
        inner    f, a layer, a model or a list of layers
        l1, l2   coefficients of the two terms

    >>> import numpy as np
    >>> from scratchnet.layers import Dense, WeightRegularization
    >>> layer = WeightRegularization(Dense(1, kernel_initializer="ones"), l2=0.5)
    >>> layer.build((2,), 0)
    (1,)
    >>> y, cache = layer.forward(np.zeros((1, 2), "float32"))
    >>> float(layer.penalty(cache))  # 0.5 (1 + 1)
    1.0
    >>> dx, grads = layer.backward(np.ones((1, 1), "float32"), cache)
    >>> grads["inner/W"].ravel(), grads["inner/b"]
    (array([1., 1.], dtype=float32), array([1.], dtype=float32))
    """

    takes_mask = takes_state = True

    def __init__(self, inner, l1=0.0, l2=0.0, name=None):
        super().__init__(name)
        self.inner = layer_of("WeightRegularization", inner)
        self.l1 = check_float("WeightRegularization", "l1", l1, at_least=0)
        self.l2 = check_float("WeightRegularization", "l2", l2, at_least=0)
        self.children = {"inner": self.inner}

    def build(self, input_shape, rng):
        output_shape = self.inner.build(input_shape, rng)
        self.name_gradients()
        return output_shape

    def check_input(self, x):
        """Nothing: the inner layer checks x, which may be a tuple or hold integers."""

    def forward(self, x, train=False, mask=None, initial_state=None):
        return self.inner.forward(x, train, **options_for(self.inner, mask, initial_state))

    def penalty(self, cache):
        weights = self._weights().values()
        own = sum(self.l1 * xp_of(W).abs(W).sum() + self.l2 * (W * W).sum() for W in weights)
        return own + self.inner.penalty(cache)

    def backward(self, dy, cache):
        grads = {}
        dx = self.add_gradients(grads, self.inner, self.inner.backward(dy, cache))
        return dx, self._with_penalty(grads)

    def weight_gradients(self, dy, cache):
        grads = {}
        self.add_gradients(grads, self.inner, (None, self.inner.weight_gradients(dy, cache)))
        return self._with_penalty(grads)

    def input_gradient(self, dy, cache):
        return self.inner.input_gradient(dy, cache)

    def _weights(self):
        """Weights {path: array} of the trained layers inside, without biases."""
        items = self.parameter_items(trainable_only=True)
        return {path: p.value for path, p in items if path.rpartition("/")[2][0].isupper()}

    def _with_penalty(self, grads):
        """The gradients plus dP/dW, for those that are there."""
        slopes = {
            path: self.l1 * xp_of(W).sign(W) + 2 * self.l2 * W
            for path, W in self._weights().items()
            if path in grads
        }
        return grads | {path: grads[path] + slope for path, slope in slopes.items()}

    def output_mask(self, cache, mask):
        return self.inner.output_mask(cache, mask)

    def final_state(self, cache):
        return self.inner.final_state(cache)

    def sublayer_caches(self, cache):
        return [(self.inner, cache)]
