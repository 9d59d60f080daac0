"""Embedding: a vector for each class index, such as that of a letter or word."""

import scipy.sparse

from scratchnet.backend import on_host, xp_of
from scratchnet.initializers import initializer
from scratchnet.layers.base import Layer
from scratchnet.layers.shapes import check_is_array
from scratchnet.validation import check_positive_int


class Embedding(Layer):
    """Table of V learned vectors, indexed by integers, y = W[x].

    forward    x (N, ...) of integers from 0 to V - 1 -> y (N, ..., D), y[n, t] = W[x[n, t]]
    backward   dW[v] = sum of dy[n, t] over all n, t with x[n, t] = v, and 0 if there is none
               dx = None: integers have no gradient, so this is the first layer of a model

    It is the Dense layer without bias for one-hot vectors: y = one_hot(x) W and dW = one_hot(x)^T
    dy, without the products with 0.

    dW has the shape (V, D) of W, as a part of the model's one vector of gradients: the rows that a
    batch does not use have the gradient 0. Optimizers with momentum, such as Adam, move these rows,
    too, as long as their running mean is not 0, as in PyTorch without sparse=True.

    where         dW is computed as
    CPU           one_hot(x)^T dy with a sparse matrix, 10 times as fast as adding row by row
    GPU           add.at, which adds row by row, in parallel

    Plain form: `embedding` in scratchnet/layers/plain.py.

    Parameters
        input_dim                V, the number of indices
        output_dim               D, the size of a vector
        embeddings_initializer   makes the initial W (V, D)
        mask_value               the index that fills the missing steps of short sequences, x (N,
                                 T): these steps are masked in all layers after this one, see
                                 `Layer.output_mask`. None: no step is masked. Keras:
                                 mask_zero=True is mask_value=0

    Source: Bengio et al. (2003), section 2.1.

    >>> import numpy as np
    >>> from scratchnet.layers import Embedding
    >>> layer = Embedding(5, 2)
    >>> layer.build((None,), 0)  # sequences of any length
    (None, 2)
    >>> layer.W = np.arange(10, dtype="float32").reshape(5, 2)
    >>> y, cache = layer.forward(np.array([[4, 1, 4]]))
    >>> y[0]
    array([[8., 9.],
           [2., 3.],
           [8., 9.]], dtype=float32)
    >>> layer.backward(np.ones_like(y), cache)[1]["W"][:, 0]  # the index 4 was used twice
    array([0., 1., 0., 0., 2.], dtype=float32)
    """

    remembers = "x"
    splits_batch = True
    fixed_axes = 0

    def __init__(
        self,
        input_dim,
        output_dim,
        embeddings_initializer="glorot_uniform",
        mask_value=None,
        name=None,
    ):
        super().__init__(name)
        self.input_dim = check_positive_int("Embedding", "input_dim", input_dim)
        self.output_dim = check_positive_int("Embedding", "output_dim", output_dim)
        self.embeddings_initializer = embeddings_initializer
        self.initializer = initializer(embeddings_initializer)
        if mask_value is not None and mask_value not in range(self.input_dim):
            raise ValueError(
                f"Embedding expects mask_value as an index from 0 to {self.input_dim - 1}; "
                f"got {mask_value!r}"
            )
        self.mask_value = mask_value

    def build(self, input_shape, rng):
        self.add("W", self.initializer(rng, (self.input_dim, self.output_dim)))
        return (*input_shape, self.output_dim)

    def check_input(self, x):
        check_is_array(self, x)
        if x.dtype.kind not in "iu":
            raise TypeError(
                f"{self.title} expects integer indices; got {x.dtype}: use x.astype('int64')"
            )
        self.check_shape(x)
        if on_host(x) and x.size and not (x.min() >= 0 and x.max() < self.input_dim):
            raise ValueError(
                f"{self.title} expects indices from 0 to {self.input_dim - 1}; got {x.min()} to "
                f"{x.max()}: give input_dim, the number of different indices"
            )

    def forward(self, x, train=False):
        return self.W[x], x  # (V, D)[N, ...] -> (N, ..., D)

    def backward(self, dy, x):
        indices, rows = x.reshape(-1), dy.reshape(-1, self.output_dim)  # (R,) and (R, D)
        if on_host(dy):
            R, ones = len(indices), xp_of(dy).ones(len(indices), dy.dtype)
            places = indices, xp_of(dy).arange(R + 1)  # of the one in each row of one_hot(x)
            one_hot = scipy.sparse.csr_array((ones, *places), shape=(R, self.input_dim))
            return None, {"W": one_hot.T @ rows}  # (V, R) (R, D) -> (V, D)
        dW = xp_of(dy).zeros(self.W.shape, dtype=dy.dtype)
        xp_of(dy).add.at(dW, indices, rows)
        return None, {"W": dW}

    def output_mask(self, x, mask):
        return x == self.mask_value if self.mask_value is not None and x.ndim == 2 else None

    def input_mask(self, x):
        return self.output_mask(x, None)
