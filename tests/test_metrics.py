"""Metrics: the ROC area beside scikit-learn's, the Frechet distance where its value is known,
and what each refuses.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from refusals import PROBABILITY, f32, refused
from sklearn.metrics import roc_auc_score

from scratchnet.metrics import accuracy, frechet_distance, roc_auc


@pytest.mark.parametrize("levels", [3, 10**6])  # many ties, next to none
def test_the_area_under_the_roc_is_scikit_learns(levels):
    rng = np.random.default_rng(levels)
    usual, odd = (
        rng.integers(levels, size=40) / levels,
        rng.integers(levels, size=25) / levels + 0.2,
    )
    expected = roc_auc_score([0] * 40 + [1] * 25, np.concatenate([usual, odd]))
    assert roc_auc(usual, odd) == pytest.approx(expected, abs=1e-12)


def test_perfect_hopeless_and_tied_scores():
    low, high = np.array([1.0, 2.0]), np.array([3.0, 4.0, 5.0])
    assert roc_auc(low, high) == 1 and roc_auc(high, low) == 0
    assert roc_auc(np.ones(3), np.ones(2)) == 0.5


def cloud(seed=0):
    return np.random.default_rng(seed).normal(size=(500, 4))


def test_a_shift_costs_its_square_and_no_shift_costs_nothing():
    a = cloud()
    assert_allclose(frechet_distance(a, a), 0, atol=1e-9)
    assert_allclose(frechet_distance(a, a + [3, 0, 0, 4]), 25, rtol=1e-9)


def test_a_wider_cloud_costs_the_square_of_the_difference_of_spreads():
    a = cloud() - cloud().mean(axis=0)
    assert_allclose(frechet_distance(a, 3 * a), 4 * np.trace(np.cov(a, rowvar=False)), rtol=1e-9)


def test_the_distance_is_symmetric_for_clouds_that_are_turned():
    a, b = cloud(0) * [1, 2, 3, 4], cloud(1) @ cloud(2)[:4]
    assert_allclose(frechet_distance(a, b), frechet_distance(b, a), rtol=1e-9)


def test_a_collapsed_cloud_has_a_distance_too():
    a, point = cloud(), np.ones((10, 4))
    expected = ((a.mean(axis=0) - 1) ** 2).sum() + np.trace(np.cov(a, rowvar=False))
    assert_allclose(frechet_distance(a, point), expected, rtol=1e-9)


def test_features_that_do_not_fit_are_refused_in_words():
    with pytest.raises(ValueError, match=r"equal F; got \(500, 4\) and \(500, 3\)"):
        frechet_distance(cloud(), cloud()[:, :3])


# ------------------------------------------------------------ shapes, NaN and other domains

T = f32([0] * 60 + [1] * 40)[:, None]


LOGITS = f32(np.where(T > 0, 2, -2))
LOGITS[:10] *= -1  # ten mistakes


def test_accuracy_of_one_output_unit():
    assert accuracy(LOGITS, T) == pytest.approx(0.9)
    assert accuracy(LOGITS, T[:, 0].astype(int)) == pytest.approx(0.9)
    assert accuracy(LOGITS[:, 0], T[:, 0].astype(int)) == pytest.approx(0.9)
    p = 1 / (1 + np.exp(-LOGITS))
    assert accuracy(p, T) == pytest.approx(0.9)


def test_accuracy_per_step():
    p = f32(np.random.default_rng(0).random((4, 3, 2)))
    t = p.argmax(axis=-1)
    t[0, 0] = 1 - t[0, 0]
    assert accuracy(p, t) == pytest.approx(11 / 12)
    assert accuracy(p, f32(np.eye(2)[t])) == pytest.approx(11 / 12)


SHAPES = {
    "other lengths": lambda: accuracy(f32(np.zeros((4, 3))), np.zeros(3, int)),
    "one label for all": lambda: accuracy(f32(np.zeros((4, 3))), np.zeros(1, int)),
    "other classes": lambda: accuracy(f32(np.zeros((4, 3))), f32(np.eye(4))),
    "auc of two axes": lambda: roc_auc(f32(np.zeros((2, 3))), f32(np.zeros((2, 3)))),
}


@pytest.mark.parametrize("call", SHAPES.values(), ids=SHAPES)
def test_a_metric_refuses_shapes_that_it_does_not_know(call):
    refused(call, "accuracy|roc_auc", "expects", r"\(\d", error=ValueError)


def test_a_column_of_class_indices_is_a_list_of_class_indices():
    assert accuracy(f32(np.eye(3)), np.array([[0], [1], [2]])) == 1.0


def test_labels_that_no_prediction_can_match_are_refused():
    refused(lambda: accuracy(f32(np.eye(3)), np.array([1, 2, 3])), "0 to 2", error=ValueError)
    refused(lambda: accuracy(LOGITS[:2], np.array([[-1], [1]])), PROBABILITY, error=ValueError)


NAN = {
    "accuracy": lambda: accuracy(f32([[np.nan, 1], [0, 1]]), np.array([0, 1])),
    "roc_auc": lambda: roc_auc(f32([1, np.nan, 2]), f32([3, 4])),
    "roc_auc, odd": lambda: roc_auc(f32([1, 2]), f32([3, np.nan])),
    "frechet_distance": lambda: frechet_distance(np.full((5, 3), np.nan), np.ones((5, 3))),
}


@pytest.mark.parametrize("call", NAN.values(), ids=NAN)
def test_a_metric_of_nan_is_refused(call):
    refused(call, "nan", error=ValueError)


def test_a_threshold_can_be_chosen():
    assert accuracy(LOGITS, T, threshold=100) == pytest.approx(0.6)  # class 0 for all


@pytest.mark.parametrize("call", [accuracy, roc_auc])
def test_an_empty_batch_is_refused(call):
    refused(lambda: call(np.zeros(0), np.zeros(0)), "empty", error=ValueError)


# ----------------------------------------------------------------- labels that do not count


@pytest.mark.parametrize("positions", [(12,), (4, 3), (2, 3, 2)])
def test_ignored_labels_do_not_count(positions):
    rng = np.random.default_rng(0)
    p, t = rng.random((*positions, 4)), rng.integers(0, 4, positions)
    t.flat[::3] = p.reshape(-1, 4).argmax(axis=1)[::3]  # some are right
    counts = rng.random(positions) < 0.5
    expected = accuracy(p[counts], t[counts])
    for mark in (-1, 255):
        found = accuracy(p, np.where(counts, t, mark), ignore_index=mark)
        assert found == expected != accuracy(p, t)
    assert accuracy(p, np.full(positions, -1), ignore_index=-1) == 0
    assert accuracy(p, t, ignore_index=-1) == accuracy(p, t)


def test_ignored_labels_of_a_single_output_do_not_count():
    p, t = np.array([[0.9], [0.4], [0.8]]), np.array([1, 1, -1])
    assert accuracy(p, t, ignore_index=-1) == 0.5
    refused(lambda: accuracy(p, t), "targets from 0 to 1; got -1 to 1")
    refused(lambda: accuracy(p, np.array([1, 2, -1]), ignore_index=-1), "targets from 0 to 1")
