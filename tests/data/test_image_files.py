"""Images in a table of text or an archive."""

import numpy as np
import pytest
from data_sandbox import idx_bytes, refusal, write

from scratchnet.data import load_images

pytestmark = pytest.mark.usefixtures("sandbox")

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 28, 28)).astype(np.uint8)
LABELS = (np.arange(20) % 10).astype(np.uint8)
PIXELS = [f"pixel{i}" for i in range(784)]


def table(header=(), separator=",", at=0, form=str):
    """The images as a table of text, with the labels in column `at`."""
    rows = [list(header)] * bool(header)
    for image, label in zip(IMAGES, LABELS, strict=True):
        row = list(map(form, image.ravel()))
        row.insert(at, str(label))
        rows.append(row)
    return "".join(separator.join(row) + "\n" for row in rows)


def expect_all_images(data):
    """The twenty images, each with its label, in both parts."""
    x = np.concatenate([data.x_train, data.x_test])
    y = np.concatenate([data.y_train, data.y_test])
    assert (len(data.x_train), len(data.x_test)) == (16, 4)
    assert x.shape == (20, 28, 28, 1) and x.dtype == np.float32 and y.dtype == np.int64
    distances = abs(IMAGES / np.float32(255) - x[:, None, :, :, 0]).max(axis=(2, 3))
    assert sorted(distances.argmin(axis=1)) == list(range(20)) and distances.min(axis=1).max() == 0
    np.testing.assert_array_equal(y, LABELS[distances.argmin(axis=1)])


FORMATS = {
    "Kaggle": table(["label", *PIXELS]),
    "no header": table(),
    "tabs": table(["Label", *PIXELS], "\t"),
    "labels last": table([*PIXELS, "label"], at=784),
    "numbers with a point": table(["label", *PIXELS], form=lambda v: f"{v}.0"),
    "quoted names": table([f'"{name}"' for name in ["label", *PIXELS]]),
}


@pytest.mark.parametrize("text", FORMATS.values(), ids=FORMATS)
def test_a_table_of_images_is_read(tmp_path, monkeypatch, text):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "train.csv").write_text(text)
    data, again = load_images("~/train.csv"), load_images(tmp_path / "train.csv", 28)
    expect_all_images(data)
    assert data.name == "train" and data.class_names == tuple("0123456789")
    np.testing.assert_array_equal(data.x_test, again.x_test)


BROKEN_TABLES = {
    "no labels": ("\n".join([",".join(PIXELS), ",".join("1" * 784)]), ["label", "784"]),
    "27 pixels": ("label,a,b\n1,2,3\n", ["784 pixels (28 x 28)", "got 3"]),
    "a large pixel": (table() + "3," + ",".join(["300"] * 784), ["line 21", "'300'"]),
    "a negative pixel": (table() + "3," + ",".join(["-1"] * 784), ["line 21", "'-1'"]),
    "a fraction": (table() + "3," + ",".join(["0.5"] * 784), ["line 21", "'0.5'"]),
    "nan": (table() + "3," + ",".join(["nan"] * 784), ["line 21", "'nan'"]),
    "a label that is a word": (table() + "cat," + ",".join(["3"] * 784), ["line 21", "'cat'"]),
    "a short line": (table() + "3,4\n", ["line 21", "expected 785 values"]),
    "one image": ("3," + ",".join(["0"] * 784), ["at least two images"]),
    "nothing": ("", ["nothing"]),
}


@pytest.mark.parametrize(("text", "words"), BROKEN_TABLES.values(), ids=BROKEN_TABLES)
def test_a_broken_table_is_refused_with_its_line(tmp_path, text, words):
    (tmp_path / "train.csv").write_text(text)
    message = refusal(load_images, tmp_path / "train.csv")
    for word in ["train.csv", *words]:
        assert word in message
    assert "\n" not in message


def archive(path, **changes):
    """An archive like Keras' mnist.npz; changes replace its arrays, None removes one."""
    arrays = dict(x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:5], y_test=LABELS[:5]) | changes
    np.savez_compressed(path, **{name: a for name, a in arrays.items() if a is not None})
    return path


def test_an_archive_of_images_is_read(tmp_path):
    data = load_images(archive(tmp_path / "three.npz", y_test=LABELS[:5].astype(np.int64) + 10))
    assert repr(data) == "Images('three': 20 to train, 5 to test, each 28x28x1, 15 classes)"
    np.testing.assert_array_equal(data.x_train[..., 0], IMAGES / np.float32(255))
    np.testing.assert_array_equal(data.y_test, LABELS[:5] + 10)


BROKEN_ARCHIVES = {
    "an array is missing": (dict(x_test=None), "no array 'x_test'"),
    "other lengths": (dict(y_train=LABELS[:3]), "expected 20 labels in y_train, but got 3"),
    "floats": (dict(x_train=IMAGES / 255), "expected x_train (N, 28, 28) of uint8"),
    "other sizes": (dict(x_test=IMAGES[:, :8, :8]), "but got (20, 8, 8) of uint8"),
    "no images": (dict(x_test=IMAGES[:0], y_test=LABELS[:0]), "N > 0"),
    "labels one-hot": (dict(y_train=np.eye(20)), "expected y_train (N,) of integers"),
    "negative labels": (dict(y_train=LABELS.astype(int) - 1), "labels from 0 to 255"),
    "objects": (dict(x_train=np.array([{}], object)), "no array of numbers"),
}


@pytest.mark.parametrize(("changes", "says"), BROKEN_ARCHIVES.values(), ids=BROKEN_ARCHIVES)
def test_a_broken_archive_is_refused(tmp_path, changes, says):
    message = refusal(load_images, archive(tmp_path / "a.npz", **changes))
    assert "a.npz" in message and says in message


def test_other_files_are_refused(tmp_path):
    path = write(tmp_path / "train-images.idx3-ubyte", idx_bytes(IMAGES))
    assert "read_idx" in refusal(load_images, path)
    assert "missing.csv cannot be read" in refusal(load_images, "missing.csv")
    assert "size=8" in refusal(load_images, path, 8, error=ValueError)
