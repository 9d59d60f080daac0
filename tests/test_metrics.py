"""Metrics: the ROC area beside scikit-learn's, the Frechet distance where its value is known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import roc_auc_score

from scratchnet.metrics import frechet_distance, roc_auc


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
