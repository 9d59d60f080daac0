"""The judge of generated images: trained once, saved, and able to detect mode collapse."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from scratchnet.metrics import frechet_distance
from scratchnet.models.judge import Judge
from scratchnet.saving import FileError, save


def blobs(n=600, seed=0):
    """Images of six pixels in three classes, each bright at its own two."""
    rng = np.random.default_rng(seed)
    t = rng.integers(0, 3, n)
    return (0.2 * rng.random((n, 6)) + 0.8 * np.eye(3)[t].repeat(2, axis=1)).astype("float32"), t


@pytest.fixture(scope="module")
def judge():
    judge = Judge(6, 3)
    judge.train(*blobs(), epochs=10)
    return judge


def test_shares_are_those_of_the_classes(judge):
    x, t = blobs(seed=1)
    assert_allclose(judge.shares(x), np.bincount(t) / len(t))
    assert (judge.shares(x[t == 1]) == [0, 1, 0]).all()


def test_real_pictures_are_near_and_collapsed_or_noisy_ones_far(judge):
    (x, _), (y, t) = blobs(), blobs(seed=1)
    near = judge.distance(x, y)
    noise = np.random.default_rng(2).random(y.shape, dtype="float32")
    for worse in (y[t == 1], y[:2].repeat(100, axis=0), noise):
        assert judge.distance(x, worse) > 10 * near


def test_the_features_are_the_second_hidden_layer(judge):
    x, y = blobs()[0], blobs(seed=1)[0]
    W1, b1, W2, b2 = judge.features.named_parameters().values()

    def features(x):
        return np.maximum(np.maximum(x @ W1 + b1, 0) @ W2 + b2, 0)  # (N, 128)

    assert judge.features(x).shape == (600, 128)
    assert_allclose(judge.distance(x, y), frechet_distance(features(x), features(y)), rtol=1e-5)


def test_it_is_trained_once_and_then_read_from_its_file(tmp_path):
    path = tmp_path / "out" / "judge.npz"
    first, second = Judge(6, 3), Judge(6, 3, seed=1)
    first.load_or_train(path, *blobs(), epochs=2)
    written = path.read_bytes()
    second.load_or_train(path, *blobs(), epochs=2)
    assert path.read_bytes() == written
    assert (second.model.parameters == first.model.parameters).all()
    assert (first.model.parameters != Judge(6, 3).model.parameters).any()


def test_the_file_of_another_judge_raises_an_error(tmp_path):
    save(Judge(7, 3).model, tmp_path / "judge.npz")
    with pytest.raises(FileError, match="build the model that was saved"):
        Judge(6, 3).load_or_train(tmp_path / "judge.npz", *blobs())
