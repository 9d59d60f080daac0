"""Greedy pretraining: one RBM on the data, the next on the hidden units of the first, and so on.

Hinton, Osindero and Teh (2006). In a DBM an inner layer gets input from two layers, but in its RBM
from one. To make up for the missing input, an RBM at an end of the stack is trained with one layer
doubled, so that its weights count twice in one direction:

    first RBM     up 2 W, down W      as if h_2, above h_1, sent the same input as v
    last RBM      up W, down 2 W      as if h_{L-2}, below h_{L-1}, sent the same input as h_L
    inner RBMs    as usual; the DBM gets half of their weights

Salakhutdinov and Hinton (2009), section 3.
"""

import numpy as np

from scratchnet.boltzmann.estimators.rbm import BernoulliRBM
from scratchnet.boltzmann.machine.energy_model import EnergyModel
from scratchnet.boltzmann.machine.units import Bernoulli, Labelled
from scratchnet.validation import check_positive_int, require

__all__ = ["DoubledBernoulli", "compose_dbm", "layer_sizes", "stacked_rbms"]


class DoubledBernoulli(Bernoulli):
    """Layer of 0-1 units that exists in two equal copies, so that it sends its input twice.

    >>> import numpy as np
    >>> DoubledBernoulli().scaled(np.ones((1, 2)))
    array([[2., 2.]])
    """

    def scaled(self, h):
        """The value that multiplies W: 2 h."""
        return 2 * h


class _DoubledRBM(BernoulliRBM):
    """An RBM with one doubled layer."""

    doubled_layer = None  # 0: the visible units, 1: the hidden ones

    def initial_model(self, rows):
        model = super().initial_model(rows)
        model.units[self.doubled_layer] = DoubledBernoulli()
        return model


class _LabelledRBM(BernoulliRBM):
    """An RBM whose last K visible units are a one-hot class."""

    K = None

    def visible_units(self, n):
        return Labelled(self.K)


def stacked_rbms(X, sizes, doubled=False, labels=None, **options):
    """Train RBMs one after the other, each on the hidden means of the one before.

    Parameters
        X         rows (n, n_features)
        sizes     hidden units of each RBM
        doubled   train them as parts of a DBM, see above; a single RBM is trained as usual
        labels    one-hot classes (n, K), additional visible units of the last RBM
        options   of `BernoulliRBM`

    Returns a list of fitted `BernoulliRBM`.

    >>> rbms = stacked_rbms(np.eye(4), sizes=(3, 2), n_iter=1, random_state=0)
    >>> [rbm.components_.shape for rbm in rbms]
    [(3, 4), (2, 3)]
    """
    last = len(sizes) - 1
    doubled_layers = {0: 0, last: 1} if doubled and last > 0 else {}  # {RBM: its doubled layer}
    rbms = []
    for i, size in enumerate(sizes):
        if labels is not None and i == last:
            rbm = _LabelledRBM(size, **options)
            rbm.K, X = labels.shape[1], np.concatenate([X, labels.astype(X.dtype)], axis=1)
        elif i in doubled_layers:
            rbm = _DoubledRBM(size, **options)
            rbm.doubled_layer = doubled_layers[i]
        else:
            rbm = BernoulliRBM(size, **options)
        rbms.append(rbm.fit(X))
        X = rbm.transform(X)  # probabilities: less noise than samples
    return rbms


def compose_dbm(rbms):
    """Compose a DBM of RBMs that were trained as its parts: an `EnergyModel`.

    An inner layer is hidden in one RBM and visible in the next: its biases are the mean of both.

    >>> rbms = stacked_rbms(np.eye(4), sizes=(3, 2), doubled=True, n_iter=1, random_state=0)
    >>> compose_dbm(rbms)
    EnergyModel(4-3-2, numpy float64)
    """
    last = len(rbms) - 1
    weights, biases = [], [rbms[0].energy_model_.biases[0]]
    for i, rbm in enumerate(rbms):
        W, (_, b) = rbm.energy_model_.weights[0], rbm.energy_model_.biases
        weights.append(W if i in (0, last) else 0.5 * W)
        biases.append(b if i == last else 0.5 * (b + rbms[i + 1].energy_model_.biases[0]))
    composed = EnergyModel([Bernoulli() for _ in biases], weights, biases)
    return composed.map_arrays(lambda a: a.copy())  # training the DBM must not change the RBMs


def layer_sizes(owner, n_components):
    """Check n_components, a number or a tuple of numbers, and return it as a tuple.

    Raises ValueError, which names `owner`, for no layer or a size below 1.

    >>> layer_sizes("DBM", 5), layer_sizes("DBM", (5, 3))
    ((5,), (5, 3))
    """
    one = not isinstance(n_components, (tuple, list))
    sizes = tuple(
        check_positive_int(owner, "n_components", n)
        for n in ([n_components] if one else n_components)
    )
    require(sizes, f"{owner} expects n_components to name at least one layer; got {n_components!r}")
    return sizes
