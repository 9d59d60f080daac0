"""Classifiers: multilayer perceptrons with pretrained weights, fine-tuned by back-propagation.

The result is a multilayer perceptron p(class | v), no longer a deep belief network or a deep
Boltzmann machine: its weights are optimized for the labels alone, and it defines no probability of
v and generates no samples. Only the initial weights come from the generative model. They help most
where few rows have labels, because pretraining uses rows without labels, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from scratchnet.backend import Array, float64, float_dtype, to_device, to_numpy, xp_of
from scratchnet.boltzmann.deep.dbm import DBM
from scratchnet.boltzmann.deep.dbn import DBN
from scratchnet.boltzmann.deep.pretraining import layer_sizes
from scratchnet.boltzmann.estimators.rows import refuse_masked, seed_of
from scratchnet.boltzmann.machine.mean_field import mean_field
from scratchnet.callbacks import Callback, RaiseInterrupt
from scratchnet.layers import Dense, Sequential, Sigmoid
from scratchnet.losses import SoftmaxCrossEntropy
from scratchnet.numerics import softmax
from scratchnet.optimizers import Adam
from scratchnet.training import fit, predict
from scratchnet.validation import check_bool, check_positive_int

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["DBMClassifier", "DBNClassifier"]


class _OnEpoch(Callback):
    """Calls on_epoch of an estimator at the end of each epoch."""

    def __init__(self, estimator):
        self.estimator = estimator

    def on_epoch_end(self, run):
        self.estimator.on_epoch(self.estimator, run.epoch - 1)


class _PretrainedClassifier(ClassifierMixin, BaseEstimator):
    """Base class of both classifiers; a subclass defines unfitted, initial_layers and inputs."""

    def fit(self, X: Array, y: Array) -> Self:
        """Pretrain on the rows X (n_samples, n_features), then train on their classes y.

        Raises ValueError for an option out of its range.
        """
        name = type(self).__name__
        refuse_masked(name, "X", X)
        refuse_masked(name, "y", y)
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32))
        check_classification_targets(y)
        pretrain = check_bool(name, "pretrain", self.pretrain)
        check_positive_int(name, "n_iter", self.n_iter)
        self.classes_, t = np.unique(y, return_inverse=True)
        seed = seed_of(self.random_state)
        generative = self.unfitted()
        if (
            generative.get_params().get("random_state", 0) is None
        ):  # a frozen one has no such option
            generative.set_params(random_state=seed)
        self.pretrained_ = generative.fit(X, y) if pretrain else None
        initial = self.initial_layers(self.pretrained_) if pretrain else []

        sizes = layer_sizes(name, generative.n_components)
        layers = [layer for n in sizes for layer in (Dense(n), Sigmoid())]
        v = self.inputs(to_device(X, float_dtype()))
        self.network_ = Sequential([*layers, Dense(len(self.classes_))], name="classifier")
        self.network_.build(v.shape[1:], seed)
        for layer, (W, b) in zip(layers[::2], initial, strict=bool(initial)):
            layer.W[...], layer.b[...] = W, b
        self.history_ = fit(
            self.network_,
            v,
            to_device(t),
            loss=SoftmaxCrossEntropy(),
            optimizer=Adam(self.learning_rate),
            epochs=self.n_iter,
            batch_size=self.batch_size,
            callbacks=[RaiseInterrupt(), *([_OnEpoch(self)] if self.on_epoch is not None else [])],
            seed=seed,
            verbose=bool(self.verbose),
        )
        return self

    def predict_proba(self, X: Array) -> np.ndarray:
        """Probabilities p(class | v) of each row, (n_samples, n_classes), in order of classes_."""
        check_is_fitted(self)
        refuse_masked(type(self).__name__, "X", X)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        with float64():  # in float32, BLAS kernels round a row according to its place in the batch
            v = self.inputs(to_device(X, "float64"))
            return to_numpy(softmax(predict(self.network_.astype("float64"), v)))

    def predict(self, X: Array) -> np.ndarray:
        """Most probable class of each row, (n_samples,)."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]


class DBNClassifier(_PretrainedClassifier):
    """Multilayer perceptron of sigmoid units whose initial weights come from a `DBN`.

        h_i = s(h_{i-1} R_i + r_i)        p = softmax(h_L W + b)        h_0 = v

    R_i and r_i are the recognition weights of the DBN, and for the last hidden layer those of the
    top RBM. Hinton and Salakhutdinov (2006); Bengio et al. (2007).

    Parameters
        dbn             the `DBN` to start from, cloned and fitted on the rows; None for DBN(). To
                        pretrain on more rows than have labels, pass a fitted one as
                        sklearn.frozen.FrozenEstimator(dbn)
        pretrain        False: random weights with the layer sizes of the dbn, to compare with
        learning_rate, batch_size, n_iter   of Adam, on the labels
        verbose         print a line an epoch
        random_state    seed, or scikit-learn's generator
        on_epoch        f(estimator, epoch), called after each epoch

    Fitted attributes
        network_        the perceptron, a `Sequential`
        pretrained_     the fitted DBN, which the training on labels does not change; None without
                        pretraining
        classes_        (n_classes,)
        history_        {"loss": ...}, a number an epoch, see `training.fit`
        n_features_in_

    >>> X, y = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]] * 20), np.array(["a", "b"] * 20)
    >>> model = DBNClassifier(DBN((4, 3), n_iter=2), learning_rate=0.05, random_state=0).fit(X, y)
    >>> model.predict(X[:2])
    array(['a', 'b'], dtype='<U1')
    """

    def __init__(
        self,
        dbn=None,
        *,
        pretrain=True,
        learning_rate=0.001,
        batch_size=20,
        n_iter=60,
        verbose=0,
        random_state=None,
        on_epoch=None,
    ):
        self.dbn = dbn
        self.pretrain = pretrain
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.verbose = verbose
        self.random_state = random_state
        self.on_epoch = on_epoch

    def unfitted(self):
        """Unfitted DBN, or a frozen fitted one."""
        return DBN() if self.dbn is None else clone(self.dbn)

    def initial_layers(self, dbn: DBN) -> list[tuple[Array, Array]]:
        """Weights and biases [(W (n_{i-1}, n_i), b (n_i,))] of the hidden layers."""
        network = dbn.belief_network_
        W, (a, b) = network.top.weights[0], network.top.biases
        return [*network.recognition, (W[: len(a) - network.K], b)]  # without the label units

    def inputs(self, v: Array) -> Array:
        """Input of the perceptron: v."""
        return v


class DBMClassifier(_PretrainedClassifier):
    """Multilayer perceptron of sigmoid units whose initial weights come from a `DBM`.

    In the DBM h_1 gets input from v and from h_2. So the input of the perceptron is v and
    q = q(h_2 | v), the mean-field means of h_2 in the pretrained DBM, computed once for each row:

        h_1 = s(v W_1 + q W_2^T + b_1)        h_i = s(h_{i-1} W_i + b_i)        p = softmax(h_L W)

    With the initial weights this is one more mean-field sweep. The two copies of W_2 are trained
    separately. Salakhutdinov and Hinton (2009), section 3.3.

    Parameters
        dbm             the `DBM` to start from, cloned and fitted on the rows; None for DBM(). A
                        fitted one: sklearn.frozen.FrozenEstimator(dbm)
        pretrain        False: v alone and random weights with the layer sizes of the dbm, to
                        compare with
        the others      as in `DBNClassifier`

    Fitted attributes: as in `DBNClassifier`; pretrained_ is the DBM.

    >>> X, y = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]] * 20), np.array([1, 0] * 20)
    >>> dbm = DBM((4, 3), pretrain=2, n_iter=2)
    >>> model = DBMClassifier(dbm, learning_rate=0.05, random_state=0).fit(X, y)
    >>> model.predict(X[:2])
    array([1, 0])
    """

    def __init__(
        self,
        dbm=None,
        *,
        pretrain=True,
        learning_rate=0.001,
        batch_size=20,
        n_iter=60,
        verbose=0,
        random_state=None,
        on_epoch=None,
    ):
        self.dbm = dbm
        self.pretrain = pretrain
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.verbose = verbose
        self.random_state = random_state
        self.on_epoch = on_epoch

    def unfitted(self):
        """Unfitted DBM, or a frozen fitted one."""
        return DBM() if self.dbm is None else clone(self.dbm)

    def initial_layers(self, dbm: DBM) -> list[tuple[Array, Array]]:
        """Weights and biases of the hidden layers, those of the first for the input [v, q]."""
        weights, (_, *biases) = list(dbm.energy_model_.weights), dbm.energy_model_.biases
        if len(weights) > 1:
            weights[0] = xp_of(weights[0]).concatenate([weights[0], weights[1].T])
        return list(zip(weights, biases, strict=True))

    def inputs(self, v: Array) -> Array:
        """Input of the perceptron: [v, q(h_2 | v)], (n, n_0 + n_2); v alone without h_2."""
        if self.pretrained_ is None or self.pretrained_.energy_model_.depth == 1:
            return v
        model, xp = self.pretrained_.energy_model_, xp_of(v)
        dtype = xp.result_type(v, model.biases[0])  # the more precise of the two
        model = model.map_arrays(lambda a: a.astype(dtype))
        layers = mean_field(model, v.astype(dtype), self.pretrained_.mean_field_steps)
        return xp.concatenate([v, layers[2].astype(v.dtype)], axis=1)
