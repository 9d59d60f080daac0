"""Dense: the fully connected layer."""

from scratchnet.backend import zeros
from scratchnet.initializers import initializer
from scratchnet.layers.base import Layer
from scratchnet.validation import check_bool, check_positive_int


class Dense(Layer):
    """Fully connected layer, y = x W + b.

    forward    x (N, D) -> y (N, M)
    backward   dL/dW = x^T dL/dy      dL/db = sum over the batch of dL/dy      dL/dx = dL/dy W^T

    Parameters
        units                M, how many numbers come out
        kernel_initializer   how W is drawn: a name in `scratchnet.initializers`, or a function
        use_bias             False leaves b out
    """

    remembers = "x"

    def __init__(self, units, kernel_initializer="glorot_uniform", use_bias=True, name=None):
        super().__init__(name)
        self.units = check_positive_int("Dense", "units", units)
        self.use_bias = check_bool("Dense", "use_bias", use_bias)
        self.kernel_initializer = kernel_initializer
        self.draw = initializer(kernel_initializer)

    def build(self, input_shape, rng):
        (d,) = self.expect_rank(input_shape, 1)
        self.add("W", self.draw(rng, (d, self.units)))
        if self.use_bias:
            self.add("b", zeros((self.units,)))
        return (self.units,)

    def forward(self, x, train=False):
        y = x @ self.W  # (N, D) (D, M) -> (N, M)
        if self.use_bias:
            y += self.b  # (N, M) + (M,)
        return y, x  # what backward must remember: the input, nothing else

    def backward(self, dy, x):
        return self.input_gradient(dy, x), self.weight_gradients(dy, x)

    def input_gradient(self, dy, x):
        return dy @ self.W.T  # (N, M) (M, D) -> (N, D)

    def weight_gradients(self, dy, x):
        dW = x.T @ dy  # (D, N) (N, M) -> (D, M)
        if not self.use_bias:
            return {"W": dW}
        db = dy.sum(axis=0)  # every sample used the same b, so their pulls add up: (M,)
        return {"W": dW, "b": db}
