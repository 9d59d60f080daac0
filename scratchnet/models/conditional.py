"""Models conditional on a class: the one-hot label c beside the samples x and the codes z.

    encoder    [x | c] -> q(z | x, c)        decoder         [z | c] -> p(x | z, c)
    generator  [z | c] -> G(z, c)            discriminator   [x | c] -> D(x, c)

[a | b] is a beside b along the last axis, and c has K numbers, one for each class. An image
(H, W, C) gets K further channels: that of its class is 1 at each pixel, the others are 0. So a
model learns p(x | c) instead of p(x), and draws samples of the class that is asked for.

The rows of a Dense kernel behind c are the vectors of an Embedding of the labels, added to its
output: x W + c V = x W + V[label].

Kingma et al. (2014), Semi-supervised learning, model M2 with all labels given, and Sohn et al.
(2015) for the VAE; Mirza and Osindero (2014) for the GAN.
"""

import math
from typing import Any

from scratchnet.backend import Array, on_host, xp_of
from scratchnet.inputs import as_array
from scratchnet.layers.base import Layer
from scratchnet.layers.shapes import ShapeError
from scratchnet.validation import check_positive_int


def beside(x: Array, c: Array) -> Array:
    """Samples (N, ..., C) and one-hot labels (N, K) side by side, [x | c] (N, ..., C + K).

    >>> import numpy as np
    >>> beside(np.zeros((2, 3)), np.eye(2))
    array([[0., 0., 0., 1., 0.],
           [0., 0., 0., 0., 1.]])
    >>> beside(np.zeros((2, 4, 4, 1)), np.eye(2)).shape
    (2, 4, 4, 3)
    """
    xp = xp_of(x, c)
    c = c.reshape(len(c), *[1] * (x.ndim - 2), c.shape[-1])
    return xp.concatenate([x, xp.broadcast_to(c, (*x.shape[:-1], c.shape[-1]))], axis=-1)


def one_hot(labels: Array, classes: int, like: Array) -> Array:
    """One-hot rows (N, K) of labels (N,), on the device and in the precision of `like`.

    >>> import numpy as np
    >>> one_hot(np.array([2, 0]), 3, like=np.zeros(1))
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    xp = xp_of(like)
    return (xp.asarray(labels)[:, None] == xp.arange(classes)).astype(like.dtype)


def check_classes(owner: str, classes: Any) -> int | None:
    """Return the number of classes as an int, or None."""
    return None if classes is None else check_positive_int(owner, "classes", classes)


def check_labels(owner: str, labels: Any, classes: int | None, n: int) -> Array | None:
    """Return the labels of n samples as an array (n,), or None for a model without classes.

    >>> check_labels("GAN", None, 10, 2)
    Traceback (most recent call last):
    TypeError: GAN has classes=10: pass labels, the class of each sample
    """
    if classes is None:
        if labels is not None:
            raise TypeError(f"{owner} has no classes: make it with classes=K to use labels")
        return None
    if labels is None:
        raise TypeError(f"{owner} has classes={classes}: pass labels, the class of each sample")
    labels = as_array("labels", labels, lists=True)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{owner} expects labels as integers; got {labels.dtype}")
    if labels.shape != (n,):
        raise ShapeError(f"{owner} expects a label for each sample, ({n},); got {labels.shape}")
    if on_host(labels) and n and not (0 <= labels.min() and labels.max() < classes):
        raise ValueError(
            f"{owner} expects labels from 0 to {classes - 1}; got {labels.min()} to {labels.max()}"
        )
    return labels


class LabelChannels(Layer):
    """Images from vectors [x | c], with c as channels: the input of an encoder.

    forward    [x | c] (N, D + K) -> (N, H, W, C + K), with D = H W C
    backward   dx is that of the pixels, dc the sum over all pixels of the K channels

    Parameters
        sample_shape   (H, W, C) of x, or any other shape
        classes        K

    >>> import numpy as np
    >>> LabelChannels((2, 2, 1), 3)(np.zeros((5, 7), "float32")).shape
    (5, 2, 2, 4)
    """

    splits_batch = True
    needs_build = False

    def __init__(self, sample_shape, classes, name=None):
        super().__init__(name)
        self.sample_shape, self.classes = tuple(sample_shape), classes

    def build(self, input_shape, rng):
        *before, channels = self.sample_shape
        return (*before, channels + self.classes)

    def forward(self, x, train=False):
        d = math.prod(self.sample_shape)
        return beside(x[:, :d].reshape(-1, *self.sample_shape), x[:, d:]), None

    def backward(self, dy, cache):
        n, k = len(dy), self.classes
        dx, dc = dy[..., :-k].reshape(n, -1), dy[..., -k:].reshape(n, -1, k).sum(axis=1)
        return xp_of(dy).concatenate([dx, dc], axis=1), {}


class LastFeatures(Layer):
    """The last features of each vector: the label c of [x | c].

    forward    x (N, D) -> y (N, K), y = x[:, -K:]
    backward   dx[:, -K:] = dy, and 0 for the other features

    Parameters
        n   K

    >>> import numpy as np
    >>> LastFeatures(2)(np.array([[1.0, 2.0, 3.0]]))
    array([[2., 3.]])
    """

    splits_batch = True
    needs_build = False
    remembers = "the shape of x"

    def __init__(self, n, name=None):
        super().__init__(name)
        self.n = n

    def build(self, input_shape, rng):
        return (self.n,)

    def forward(self, x, train=False):
        return x[:, -self.n :], x.shape

    def backward(self, dy, shape):
        dx = xp_of(dy).zeros(shape, dtype=dy.dtype)
        dx[:, -self.n :] = dy
        return dx, {}
