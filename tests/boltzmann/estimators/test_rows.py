"""Rows of X, cleaned once into values and a mask; conversions to scikit-learn's types."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.utils import check_random_state

from scratchnet.backend import to_numpy
from scratchnet.boltzmann.estimators.rows import (
    Rows,
    clean,
    refuse_masked,
    seed_of,
    to_host_like,
    warn_unless_probabilities,
)


def with_missing(rng, sparse, dtype="float32"):
    """Values with zeros and NaN, as an array or a sparse matrix, and the dense form of them."""
    X = (rng.random((40, 6)) * (rng.random((40, 6)) < 0.5)).astype(dtype)
    X[rng.random((40, 6)) < 0.2] = np.nan
    X[:, 2] = 1.0
    X[5:9] = 1.0  # rows without missing entries
    return (scipy.sparse.csr_array(X) if sparse else X), X


either = pytest.mark.parametrize("sparse", [False, True])


@either
def test_missing_entries_become_0_and_a_mask(sparse, rng):
    X, array = with_missing(rng, sparse)
    values, missing = clean(X)
    assert scipy.sparse.issparse(values) == scipy.sparse.issparse(missing) == sparse
    if sparse:
        values, missing = values.toarray(), missing.toarray()
    np.testing.assert_array_equal(missing, np.isnan(array))
    np.testing.assert_array_equal(values, np.nan_to_num(array))
    assert values.dtype == array.dtype


@either
def test_complete_rows_have_no_mask(sparse, rng):
    X = scipy.sparse.eye_array(4, format="csr") if sparse else np.eye(4)
    assert clean(X)[0] is X and clean(X)[1] is None
    rows = Rows(X)
    assert rows[:2][1] is None and rows.counts() == 4.0


@either
def test_a_batch_is_dense_and_has_a_mask_only_if_it_needs_one(sparse, rng, xp):
    X, array = with_missing(rng, sparse)
    rows = Rows(X)
    index = xp.asarray([3, 0, 5])
    v, missing = rows[index]
    assert isinstance(v, xp.ndarray) and v.dtype == array.dtype
    np.testing.assert_array_equal(to_numpy(v), np.nan_to_num(array[[3, 0, 5]]))
    np.testing.assert_array_equal(to_numpy(missing), np.isnan(array[[3, 0, 5]]))
    v, missing = rows[5:9]
    np.testing.assert_array_equal(to_numpy(v), array[5:9])
    assert missing is None


def test_a_sparse_matrix_never_becomes_dense_as_a_whole(rng, monkeypatch):
    rows = []
    toarray = scipy.sparse.csr_array.toarray
    monkeypatch.setattr(
        scipy.sparse.csr_array, "toarray", lambda X: rows.append(X.shape[0]) or toarray(X)
    )
    X = Rows(with_missing(rng, sparse=True)[0])
    X.sums(), X.counts(), X.range(), X.standard_deviations()
    assert rows == []
    X[:7]
    assert set(rows) == {7}


@either
def test_summaries_of_the_columns_leave_out_missing_entries(sparse, rng):
    X, array = with_missing(rng, sparse, "float64")
    rows, filled = Rows(X), np.nan_to_num(array)
    assert len(rows) == 40 and rows.shape == (40, 6)
    np.testing.assert_allclose(rows.sums(), filled.sum(axis=0))
    np.testing.assert_array_equal(rows.counts(), (~np.isnan(array)).sum(axis=0))
    assert rows.range() == (0.0, 1.0)
    np.testing.assert_allclose(rows.standard_deviations(), filled.std(axis=0), atol=1e-12)


def test_a_seed_comes_from_a_number_a_generator_or_chance():
    assert seed_of(3) == seed_of(3) != seed_of(4)
    assert seed_of(check_random_state(3)) == seed_of(3)
    assert 0 <= seed_of(None) < 2**31


def test_a_result_has_the_precision_of_its_input():
    result = np.zeros(2, "float32")
    assert to_host_like(result, np.zeros(1, "float32")).dtype == np.float32
    assert to_host_like(result, np.zeros(1, "int64")).dtype == np.float64
    assert to_host_like(result, [[0.0]]).dtype == np.float64


def test_only_values_outside_0_and_1_raise_a_warning(recwarn):
    warn_unless_probabilities(Rows(np.array([[0.0, 0.3, 1.0]])))
    assert not recwarn
    with pytest.warns(UserWarning, match="expect values from 0 to 1; got -2 to 1"):
        warn_unless_probabilities(Rows(scipy.sparse.csr_array([[0.0, -2.0, 1.0]])))


def test_rounding_raises_no_warning(recwarn):
    warn_unless_probabilities(Rows(np.array([[0.0, 1 + 2.3e-16], [-1e-8, 0.5]])))
    assert not recwarn


def test_only_a_masked_array_is_refused(rng):
    for X in (np.eye(2), [[1.0]], scipy.sparse.eye_array(3), None):
        refuse_masked("DBN", "X", X)
    with pytest.raises(TypeError, match=r"masked array: fill it, X.filled\(value\)"):
        refuse_masked("DBN", "X", np.ma.masked_array(np.eye(2), mask=np.eye(2)))
