"""Greedy pretraining: RBMs with doubled layers, and the DBM composed of them."""

import numpy as np
from sklearn.datasets import load_digits

from scratchnet.boltzmann import DBM, Bernoulli, BernoulliRBM
from scratchnet.boltzmann.deep.pretraining import (
    DoubledBernoulli,
    compose_dbm,
    layer_sizes,
    stacked_rbms,
)

TRAIN = (load_digits().data[:200] / 16 > 0.5).astype("float32")


def test_doubled_layers_send_their_input_twice():
    rbms = stacked_rbms(TRAIN[:60], (6, 5, 4), doubled=True, n_iter=1, random_state=0)
    first, middle, last = (rbm.energy_model_ for rbm in rbms)
    v, h = TRAIN[:3], (TRAIN[:3, :6] > 0).astype("float32")
    W, (a, b) = first.weights[0], first.biases
    np.testing.assert_allclose(first.pre_activation(1, [v, None]), 2 * v @ W + b, rtol=1e-5)
    np.testing.assert_allclose(first.pre_activation(0, [None, h]), h @ W.T + a, rtol=1e-5)
    W, (a, b) = last.weights[0], last.biases
    np.testing.assert_allclose(
        last.pre_activation(1, [h[:, :5], None]), h[:, :5] @ W + b, rtol=1e-5
    )
    np.testing.assert_allclose(
        last.pre_activation(0, [None, h[:, :4]]), 2 * h[:, :4] @ W.T + a, rtol=1e-5
    )
    assert not any(isinstance(unit, DoubledBernoulli) for unit in middle.units)

    dbm = compose_dbm(rbms)
    np.testing.assert_array_equal(dbm.weights[0], first.weights[0])
    np.testing.assert_array_equal(dbm.weights[1], middle.weights[0] / 2)
    np.testing.assert_array_equal(dbm.weights[2], last.weights[0])
    np.testing.assert_array_equal(dbm.biases[1], (first.biases[1] + middle.biases[0]) / 2)
    np.testing.assert_array_equal(dbm.biases[3], last.biases[1])
    assert type(dbm.units[0]) is Bernoulli


def test_a_single_rbm_has_no_doubled_layer():
    (rbm,) = stacked_rbms(TRAIN[:60], (6,), doubled=True, n_iter=2, random_state=0)
    same = BernoulliRBM(6, n_iter=2, random_state=0).fit(TRAIN[:60])
    np.testing.assert_array_equal(rbm.components_, same.components_)


def test_joint_training_does_not_change_the_pretrained_rbms():
    settings = dict(pretrain=2, learning_rate=0.1, random_state=0)
    before = DBM((6, 4), n_iter=0, **settings).fit(TRAIN[:100])
    after = DBM((6, 4), n_iter=2, **settings).fit(TRAIN[:100])
    for ours, theirs in zip(before.rbms_, after.rbms_, strict=True):
        np.testing.assert_array_equal(ours.components_, theirs.components_)
    assert abs(before.weights_[1] - after.weights_[1]).max() > 1e-3


def test_each_rbm_is_trained_on_the_means_of_the_one_below():
    options = dict(n_iter=2, learning_rate=0.1, random_state=3)
    first, second = stacked_rbms(TRAIN, (8, 5), **options)
    same = BernoulliRBM(5, **options).fit(first.transform(TRAIN))
    np.testing.assert_array_equal(second.components_, same.components_)


def test_labels_are_visible_units_of_the_last_rbm():
    labels = np.eye(3, dtype="float32")[np.arange(200) % 3]
    first, last = stacked_rbms(TRAIN, (8, 5), labels=labels, n_iter=1, random_state=0)
    assert first.components_.shape == (8, 64) and last.components_.shape == (5, 8 + 3)
    assert last.energy_model_.units[0].K == 3


def test_layer_sizes_are_a_tuple():
    assert layer_sizes("DBM", 4) == (4,) and layer_sizes("DBM", [4, 3]) == (4, 3)
