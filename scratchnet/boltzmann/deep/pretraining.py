"""Greedy pretraining: one RBM on the data, the next on what its hidden units say, and so on.

Hinton, Osindero and Teh (2006). For a DBM a unit in the middle will hear two layers, where its RBM
knew one. So that nothing is counted twice, the RBM is trained as if it had the missing layer too:

    first RBM     up 2 W, down W      as if a copy of the data were the layer above h_1
    last RBM      up W, down 2 W      as if a copy of h_L were the layer below h_{L-1}
    middle ones   as usual, and half the weights are used

Salakhutdinov and Hinton (2009), section 3.
"""

import numpy as np

from scratchnet.boltzmann.estimators.rbm import BernoulliRBM
from scratchnet.boltzmann.machine.energy_model import EnergyModel
from scratchnet.boltzmann.machine.units import Bernoulli, Labelled
from scratchnet.validation import check_positive_int, require

__all__ = ["DoubledBernoulli", "compose_dbm", "layer_sizes", "stacked_rbms"]


class DoubledBernoulli(Bernoulli):
    """0-1 units in two equal copies: the other side hears both."""

    def coupled(self, h):
        """2 h."""
        return 2 * h


class _Doubled(BernoulliRBM):
    """An RBM of which one side stands there twice."""

    twice = None  # 0: the visible units, 1: the hidden ones

    def initial_model(self, v, missing):
        """As ever, but for the kind of units."""
        model = super().initial_model(v, missing)
        model.units[self.twice] = DoubledBernoulli()
        return model


class _Labelled(BernoulliRBM):
    """An RBM whose last K visible units are a class."""

    K = None

    def visible_units(self, n):
        """Bits and a label."""
        return Labelled(self.K)


def stacked_rbms(X, sizes, doubled=False, labels=None, **options):
    """RBMs of `sizes` hidden units, each trained on the hidden means of the one before.

    Parameters
        X         rows (n, n_features)
        doubled   train them as parts of a DBM (see above); of one layer there is nothing to double
        labels    one-hot (n, K): joined to what the last RBM sees
        options   of `BernoulliRBM`
    """
    rbms = []
    for i, size in enumerate(sizes):
        ends = {0: 0, len(sizes) - 1: 1} if doubled and len(sizes) > 1 else {}
        rbm = (_Doubled if i in ends else BernoulliRBM)(size, **options)
        rbm.twice = ends.get(i)
        if labels is not None and i == len(sizes) - 1:
            rbm = _Labelled(size, **options)
            rbm.K, X = labels.shape[1], np.concatenate([X, labels.astype(X.dtype)], axis=1)
        rbms.append(rbm.fit(X))
        X = rbm.transform(X)  # probabilities: less noise than samples
    return rbms


def compose_dbm(rbms):
    """The DBM made of RBMs that were trained as its parts: a `Network`.

    A layer in the middle was hidden in one RBM and visible in the next: it gets the mean of both
    biases.
    """
    last = len(rbms) - 1
    weights, biases = [], [rbms[0].energy_model_.biases[0]]
    for i, rbm in enumerate(rbms):
        W, (_, b) = rbm.energy_model_.weights[0], rbm.energy_model_.biases
        weights.append(W if i in (0, last) else 0.5 * W)
        biases.append(b if i == last else 0.5 * (b + rbms[i + 1].energy_model_.biases[0]))
    made = EnergyModel([Bernoulli() for _ in biases], weights, biases)
    return made.map_arrays(lambda a: a.copy())  # so that training it leaves the RBMs as they are


def layer_sizes(owner, n_components):
    """The hidden layers as a tuple of whole numbers."""
    one = not isinstance(n_components, (tuple, list))
    sizes = tuple(
        check_positive_int(owner, "n_components", n)
        for n in ([n_components] if one else n_components)
    )
    require(sizes, f"{owner} expects n_components to name at least one layer; got {n_components!r}")
    return sizes
