"""What resembles an array is taken by position or refused."""

import numpy as np
import pytest
import scipy.sparse
from refusals import f32, refused

from scratchnet.inputs import as_array, is_plain
from scratchnet.losses import BinaryCrossEntropy, MeanSquaredError, SoftmaxCrossEntropy
from scratchnet.metrics import accuracy, roc_auc

RNG = np.random.default_rng(0)
X = f32(RNG.standard_normal((60, 5)))
LABELS = (X[:, 0] > 0).astype(int)
ORDER = RNG.permutation(60)  # a shuffled index
MASKED = np.ma.masked_array(X, mask=X > 1)


class Column:
    """What pandas' Series does, without pandas: an index of labels, which [] looks up."""

    def __init__(self, values, index):
        self.values, self.index = np.asarray(values), np.asarray(index)
        self.dtype, self.shape, self.ndim = self.values.dtype, self.values.shape, 1

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)

    def to_numpy(self, dtype=None):
        return np.asarray(self.values, dtype)

    def __getitem__(self, key):
        if isinstance(key, slice):
            return Column(self.values[key], self.index[key])
        places = [int(np.flatnonzero(self.index == label)[0]) for label in np.atleast_1d(key)]
        return Column(self.values[places], self.index[places])


@pytest.fixture(params=["stand-in", "pandas"])
def series(request):
    """values -> a series of them whose index is shuffled."""
    if request.param == "stand-in":
        return lambda values: Column(values, ORDER[: len(values)])
    pd = pytest.importorskip("pandas")
    return lambda values: pd.Series(values, index=ORDER[: len(values)])


@pytest.fixture
def frame():
    """array (N, D) -> a DataFrame of it whose index is shuffled."""
    pd = pytest.importorskip("pandas")
    return lambda a: pd.DataFrame(a, index=RNG.permutation(len(a)))


def test_a_series_and_a_frame_are_taken_by_position(series):
    found = as_array("x", series(LABELS))
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, LABELS)


def test_a_frame_is_taken_by_position_and_by_rows_in_memory(frame):
    found = as_array("x", frame(X))
    np.testing.assert_array_equal(found, X)
    assert found.flags.c_contiguous


def test_a_frame_of_words_is_refused(frame):
    x = frame(X).rename(columns=str)
    x["town"] = "Ulm"
    refused(lambda: as_array("x", x), "object", "astype", error=TypeError)


def test_two_series_are_not_aligned_by_their_index(series):
    p, t = X[:, 0], X[:, 1]
    found = MeanSquaredError()(series(p), t)
    assert float(found) == pytest.approx(float(MeanSquaredError()(p, t)), rel=1e-6)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_matrix_becomes_an_array():
    found = as_array("x", np.matrix(X))
    assert type(found) is np.ndarray and found.shape == X.shape
    loss = MeanSquaredError()
    assert loss(np.matrix(X), X + 1) == loss(X, X + 1)
    assert accuracy(np.matrix(X[:, :2]), LABELS) == accuracy(X[:, :2], LABELS)


def test_an_array_passes_as_it_is():
    assert as_array("x", X) is X and is_plain(X)


REFUSED = {
    "list": (X.tolist(), TypeError, ["x is a list", r"to_device\(x\)"]),
    "tuple": (tuple(X), TypeError, ["x is a tuple"]),
    "masked": (MASKED, TypeError, ["mask", r"x\.filled\(value\)"]),
    "csr_matrix": (scipy.sparse.csr_matrix(X), TypeError, ["sparse", r"x\.toarray\(\)"]),
    "csr_array": (scipy.sparse.csr_array(X), TypeError, ["sparse", "toarray"]),
    "objects": (X.astype(object), TypeError, ["object", "astype"]),
    "words": (np.array(["a", "b"]), TypeError, ["astype"]),
    "a number": (np.float32(3), ValueError, ["axis"]),
    "an array without an axis": (np.zeros(()), ValueError, ["axis"]),
    "None": (None, TypeError, ["NoneType"]),
    "a word": ("data.csv", TypeError, ["str"]),
}


@pytest.mark.parametrize(("x", "error", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_array_is_refused_with_the_way_to_go(x, error, words):
    refused(lambda: as_array("validation x", x), *words, error=error)


def test_metrics_and_losses_refuse_a_mask_and_do_not_ignore_it():
    for call in (
        lambda: MeanSquaredError()(X, MASKED),
        lambda: MeanSquaredError()(MASKED, X),
        lambda: accuracy(MASKED, LABELS),
        lambda: roc_auc(MASKED[:30, 0], MASKED[30:, 0]),
    ):
        refused(call, "mask", "fill", error=TypeError)


def test_a_column_and_a_vector_are_not_broadcast():
    for loss in (MeanSquaredError(), BinaryCrossEntropy(from_logits=True)):
        refused(lambda loss=loss: loss(f32(np.zeros((3, 1))), f32(np.zeros(3))), r"\(3, 1\)")


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.array([1, 2, 4]), ["0 to 3", "1 to 4"]),
        (np.array([-1, 0, 1]), ["0 to 3", "-1 to 1"]),
        (np.array([0.0, 1.0, 2.0]), ["integer", "astype"]),
    ],
)
def test_labels_that_are_no_class_indices_are_refused(labels, words):
    refused(lambda: SoftmaxCrossEntropy()(f32(np.zeros((3, 4))), labels), *words)


def test_small_integers_are_class_indices():
    loss = SoftmaxCrossEntropy()(f32(np.zeros((3, 4))), np.array([0, 1, 2], np.uint8))
    assert loss == pytest.approx(np.log(4))


def test_metrics_take_series_frames_and_lists(series, frame):
    p = f32(RNG.standard_normal((60, 2)))
    expected = accuracy(p, LABELS)
    assert accuracy(p, series(LABELS)) == expected
    assert accuracy(p, LABELS.tolist()) == expected
    assert accuracy(frame(p), series(LABELS)) == expected
    assert accuracy(p, frame(np.eye(2)[LABELS])) == expected
    assert roc_auc(series(X[:30, 0]), series(X[30:, 0])) == roc_auc(X[:30, 0], X[30:, 0])
