"""Features of the estimators beside those of scikit-learn's BernoulliRBM, with equal arguments."""

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from scratchnet.boltzmann import DBM, DBN, BernoulliRBM, GaussianRBM


def above_the_median():
    """The diabetes table with two classes."""
    X, y = load_diabetes(return_X_y=True)
    return X, (y > np.median(y)).astype(int)


TABLES = {  # {name: (table, seeds)}; the smaller ones vary more
    "breast cancer": (lambda: load_breast_cancer(return_X_y=True), (0,)),
    "wine": (lambda: load_wine(return_X_y=True), (0, 1, 2)),
    "iris": (lambda: load_iris(return_X_y=True), (0, 1, 2)),
    "diabetes": (above_the_median, (0, 1)),
    "digits": (lambda: tuple(part[:600] for part in load_digits(return_X_y=True)), (0,)),
}


def accuracy(kind, table, seeds, size=64, **options):
    """Accuracy of a logistic regression on the features, over three folds and the seeds."""
    X, y = table()
    found = []
    for seed in seeds:
        features = kind(size, random_state=seed, **options)
        model = make_pipeline(MinMaxScaler(), features, LogisticRegression(max_iter=2000))
        found.append(cross_val_score(model, X, y, cv=3).mean())
    return np.mean(found)


@pytest.mark.parametrize("table, seeds", TABLES.values(), ids=TABLES)
def test_the_features_are_as_useful_as_those_of_scikit_learn(table, seeds):
    ours = accuracy(BernoulliRBM, table, seeds)
    theirs = accuracy(sklearn.neural_network.BernoulliRBM, table, seeds)
    assert ours >= theirs - 0.01


def test_the_features_are_as_useful_with_other_arguments():
    table, options = TABLES["breast cancer"][0], dict(learning_rate=0.05, batch_size=20, n_iter=20)
    ours = accuracy(BernoulliRBM, table, (0,), **options)
    theirs = accuracy(sklearn.neural_network.BernoulliRBM, table, (0,), **options)
    assert ours >= theirs - 0.01


@pytest.mark.parametrize("kind", [DBN, DBM])
def test_the_default_scale_of_the_weights_serves_deep_models_too(kind):
    table, seeds = TABLES["iris"]
    found, small = (accuracy(kind, table, seeds, (16, 8), weight_scale=w) for w in (None, 0.01))
    assert found > small + 0.1


@pytest.mark.parametrize("kind", [BernoulliRBM, GaussianRBM])
def test_the_initial_weights_have_the_standard_deviation_of_weight_scale(kind, bits):
    for scale, expected in ((None, 1 / np.sqrt(12)), (0.01, 0.01)):
        rbm = kind(400, n_iter=0, weight_scale=scale, random_state=0).fit(bits)
        assert rbm.components_.std() == pytest.approx(expected, rel=0.05)
    with pytest.raises(ValueError, match="weight_scale > 0"):
        kind(3, weight_scale=-1).fit(bits)


def test_weight_scale_reaches_every_layer_of_a_deep_model(bits):
    for W in DBM((300, 200), pretrain=0, n_iter=0, weight_scale=0.5).fit(bits).weights_:
        assert W.std() == pytest.approx(0.5, rel=0.05)
    for kind, options in ((DBN, {"n_iter": 0}), (DBM, {"n_iter": 0, "pretrain": 1})):
        model = kind((300, 200), weight_scale=0.5, random_state=0, **options).fit(bits)
        for rbm in model.rbms_:
            assert rbm.components_.std() == pytest.approx(0.5, rel=0.1)


def test_the_default_scale_does_not_lower_the_likelihood():
    """Binary digits; weight_scale=0.01 gives -19.9 nats, and the seed changes it by 0.3."""
    x = (load_digits().data > 7).astype("float32")
    rbm = BernoulliRBM(12, random_state=0).fit(x[:1400])
    assert rbm.log_likelihood(x[1400:]).mean() > -20.2
