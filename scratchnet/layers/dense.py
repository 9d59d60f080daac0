"""Dense: the fully connected layer."""

from scratchnet.backend import zeros
from scratchnet.initializers import initializer
from scratchnet.layers.base import Layer
from scratchnet.layers.gradient_vector import kernel_gradient
from scratchnet.numerics import times_transposed
from scratchnet.validation import check_bool, check_positive_int


class Dense(Layer):
    """Fully connected layer, y = x W + b.

    forward    x (N, D) -> y (N, M)
    backward   dL/dW = x^T dL/dy      dL/db = sum over the batch of dL/dy      dL/dx = dL/dy W^T

    Parameters
        units                M, the number of outputs
        kernel_initializer   name of a function in `scratchnet.initializers`, or a function
                             ``(rng, shape) -> array``, that makes the initial W
        use_bias             False: y = x W

    Plain form: `dense` in scratchnet/layers/plain.py.

    >>> import numpy as np
    >>> from scratchnet.layers import Dense
    >>> layer = Dense(2, kernel_initializer="ones")
    >>> layer.build((3,), 0)
    (2,)
    >>> layer(np.array([[1, 2, 3]], "float32"))
    array([[6., 6.]], dtype=float32)
    """

    remembers = "x"
    splits_batch = True

    def __init__(self, units, kernel_initializer="glorot_uniform", use_bias=True, name=None):
        super().__init__(name)
        self.units = check_positive_int("Dense", "units", units)
        self.use_bias = check_bool("Dense", "use_bias", use_bias)
        self.kernel_initializer = kernel_initializer
        self.initializer = initializer(kernel_initializer)

    def build(self, input_shape, rng):
        (d,) = self.expect_rank(input_shape, 1)
        self.add("W", self.initializer(rng, (d, self.units)))  # from now on, self.W
        if self.use_bias:
            self.add("b", zeros((self.units,)))
        return (self.units,)

    def forward(self, x, train=False):
        y = x @ self.W  # (N, D) (D, M) -> (N, M)
        if self.use_bias:
            y += self.b  # (N, M) + (M,)
        return y, x  # the cache is x: with x and the layer's W, backward has all it needs

    def backward(self, dy, x, need_dx=True, need_grads=True):
        """Compute (dx, {"W": dW, "b": db}); x is the cache of `forward`.

        Parameters
            need_dx      False: None instead of dx. In the first layer of a model, where dx is not
                         used, this saves a third of the layer's products
            need_grads   False: {} instead of the gradients, in a model that is not trained
        """
        dx = times_transposed(dy, self.W) if need_dx else None  # (N, M) (M, D) -> (N, D)
        if not need_grads:
            return dx, {}
        # dW = x.T @ dy; in a training step it is written into the vector of all gradients at once
        dW = kernel_gradient(self.params["W"], x, dy)  # (D, N) (N, M) -> (D, M)
        if not self.use_bias:
            return dx, {"W": dW}
        db = dy.sum(axis=0)  # (M,): all samples share b, so its gradient sums over the batch
        return dx, {"W": dW, "b": db}
