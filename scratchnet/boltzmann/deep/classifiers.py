"""Networks that begin as Boltzmann machines and are then trained on labels by back-propagation.

What comes out is a multilayer perceptron, p(class | v). It is no deep belief network and no deep
Boltzmann machine any more: its weights serve the labels alone, it gives no probability to a v and
has nothing to dream with. What is left of the machine is where the search began, and that can be
worth more than the labels: pretraining needs none, so it learns from rows nobody has read.
"""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from scratchnet.backend import float64, float_dtype, to_device, to_numpy, xp_of
from scratchnet.boltzmann.deep.dbm import DBM
from scratchnet.boltzmann.deep.dbn import DBN
from scratchnet.boltzmann.deep.pretraining import layer_sizes
from scratchnet.boltzmann.estimators.base import seed_of
from scratchnet.boltzmann.machine.mean_field import mean_field
from scratchnet.callbacks import Callback
from scratchnet.layers import Dense, Sequential, Sigmoid
from scratchnet.losses import SoftmaxCrossEntropy
from scratchnet.numerics import softmax
from scratchnet.optimizers import Adam
from scratchnet.training import fit, predict
from scratchnet.validation import check_bool, check_positive_int

__all__ = ["DBMClassifier", "DBNClassifier"]


class _AfterEach(Callback):
    """Calls an estimator's on_epoch."""

    def __init__(self, estimator):
        self.estimator = estimator

    def on_epoch_end(self, run):
        self.estimator.on_epoch(self.estimator, run.epoch - 1)


class _FineTuned(ClassifierMixin, BaseEstimator):
    """What both share. A subclass has a `machine`, its `start` and its `inputs`."""

    def fit(self, X, y):
        """Pretrain on the rows of X, then learn their classes y (n_samples,); returns self."""
        name = type(self).__name__
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32))
        check_classification_targets(y)
        pretrain = check_bool(name, "pretrain", self.pretrain)
        check_positive_int(name, "n_iter", self.n_iter)
        self.classes_, t = np.unique(y, return_inverse=True)
        seed = seed_of(self.random_state)
        machine = self.machine()
        if machine.get_params().get("random_state", 0) is None:  # a frozen one has none to set
            machine.set_params(random_state=seed)
        self.machine_ = machine.fit(X, y) if pretrain else None
        start = self.start(self.machine_) if pretrain else []

        sizes = layer_sizes(name, machine.n_components)
        layers = [layer for n in sizes for layer in (Dense(n), Sigmoid())]
        v = self.inputs(to_device(X, float_dtype()))
        self.network_ = Sequential([*layers, Dense(len(self.classes_))], name="classifier")
        self.network_.build(v.shape[1:], seed)
        for layer, (W, b) in zip(layers[::2], start, strict=bool(start)):
            layer.W[...], layer.b[...] = W, b
        self.history_ = fit(
            self.network_,
            v,
            to_device(t),
            loss=SoftmaxCrossEntropy(),
            optimizer=Adam(self.learning_rate),
            epochs=self.n_iter,
            batch_size=self.batch_size,
            callbacks=[_AfterEach(self)] if self.on_epoch is not None else [],
            seed=seed,
            verbose=bool(self.verbose),
        )
        return self

    def predict_proba(self, X):
        """p(class | v) of each row, (n_samples, n_classes), in the order of classes_."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        with float64():  # in float32, BLAS kernels round a row according to its place in the batch
            v = self.inputs(to_device(X, "float64"))
            return to_numpy(softmax(predict(self.network_.astype("float64"), v)))

    def predict(self, X):
        """The most probable class of each row, (n_samples,)."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]


class DBNClassifier(_FineTuned):
    """A multilayer perceptron of sigmoid units that begins with the weights of a `DBN`.

        h_i = s(h_{i-1} R_i + r_i)        p = softmax(h_L W + b)        h_0 = v

    It is no deep belief network any more, see above: it cannot dream.

    Parameters
        dbn             the `DBN` to begin with, cloned and fitted on the rows; None for DBN(). To
                        pretrain on more rows than have labels, give a fitted one as
                        sklearn.frozen.FrozenEstimator(dbn)
        pretrain        False: random weights for the dbn's sizes, to compare with
        learning_rate, batch_size, n_iter   of Adam, on the labels
        verbose         print a line an epoch
        random_state    seed, or scikit-learn's generator
        on_epoch        f(estimator, epoch), called after each

    Fitted: network_ (a Sequential), machine_ (the DBN, as it was before), classes_, history_.
    Hinton and Salakhutdinov (2006); Bengio et al. (2007).
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

    def machine(self):
        """The DBN to fit."""
        return DBN() if self.dbn is None else clone(self.dbn)

    def start(self, dbn):
        """[(W (n_{i-1}, n_i), b (n_i,))] of each hidden layer."""
        belief = dbn.belief_network_
        W, (seen, b) = belief.top.weights[0], belief.top.biases
        return [*belief.recognition, (W[: len(seen) - belief.K], b)]

    def inputs(self, v):
        """v."""
        return v


class DBMClassifier(_FineTuned):
    """A multilayer perceptron of sigmoid units that begins with the weights of a `DBM`.

    In the machine h_1 hears two layers. So the perceptron's input has both: the pixels, and what
    mean field once found for h_2, q = q(h_2 | v), a fixed feature of the row.

        h_1 = s(v W_1 + q W_2^T + b_1)        h_i = s(h_{i-1} W_i + b_i)        p = softmax(h_L W)

    So it starts as one more sweep of mean field. The two copies of W_2 go their own ways. It is no
    deep Boltzmann machine any more. Salakhutdinov and Hinton (2009), section 3.3.

    Parameters
        dbm             the `DBM` to begin with, cloned and fitted on the rows; None for DBM(). One
                        that is fitted already: sklearn.frozen.FrozenEstimator(dbm)
        pretrain        False: v alone and random weights for the dbm's sizes, to compare with
        the others      as in `DBNClassifier`
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

    def machine(self):
        """The DBM to fit."""
        return DBM() if self.dbm is None else clone(self.dbm)

    def start(self, dbm):
        """[(W (n_{i-1}, n_i), b (n_i,))] of each hidden layer, the first with rows for v and q."""
        weights, (_, *biases) = list(dbm.energy_model_.weights), dbm.energy_model_.biases
        if len(weights) > 1:
            weights[0] = xp_of(weights[0]).concatenate([weights[0], weights[1].T])
        return list(zip(weights, biases, strict=True))

    def inputs(self, v):
        """[v, q(h_2 | v)], (n, n_0 + n_2)."""
        if self.machine_ is None or self.machine_.energy_model_.depth == 1:
            return v
        network, xp = self.machine_.energy_model_, xp_of(v)
        dtype = xp.result_type(v, network.biases[0])  # the more precise of the two
        network = network.map_arrays(lambda a: a.astype(dtype))
        layers = mean_field(network, v.astype(dtype), self.machine_.mean_field_steps)
        return xp.concatenate([v, layers[2].astype(v.dtype)], axis=1)
