"""Metrics: beside scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from scratchnet.metrics import roc_auc


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
