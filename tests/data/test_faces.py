"""Pictures for anomaly detection. Those on the real faces run where SCRATCHNET_DATA holds them."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from data_sandbox import refusal, write
from PIL import Image
from sklearn.datasets import load_sample_images
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from scratchnet.data import Faces, cache_dir, load_faces
from scratchnet.data.faces import CREDITS, FOLDER, SHA256

pytestmark = pytest.mark.usefixtures("sandbox")

REAL_DATA = os.environ.get("SCRATCHNET_DATA")  # taken before the sandbox hides it


def expect_faces(data, size=64):
    """What holds for every set, whatever its name."""
    assert isinstance(data, Faces)
    for x in (data.x_train, data.x_test, data.x_anomaly):
        assert x.dtype == np.float32 and x.shape == (len(x), size, size, 3)
        assert -1 <= x.min() < x.max() <= 1
    assert len(data.train_groups) == len(data.x_train)
    assert len(data.test_groups) == len(data.x_test)
    assert len(data.anomaly_names) == len(data.x_anomaly)
    assert not set(data.train_groups) & set(data.test_groups)


# ------------------------------------------------------------------------------ two photographs


@pytest.mark.parametrize("size", [64, 8])
def test_the_photographs_need_no_file_and_no_network(size):
    data = load_faces("photos", size)
    expect_faces(data, size)
    assert (len(data.x_train), len(data.x_test), len(data.x_anomaly)) == (391, 108, 228)
    assert "391 to train, 108 normal and 228 anomalous" in repr(data)


def test_no_pixel_of_the_photograph_is_in_training_and_test():
    pagoda, flower = load_sample_images().images
    data = load_faces("photos")

    def occurs(patch, photo):
        windows = np.lib.stride_tricks.sliding_window_view(photo[:, :, 0], (64, 64))
        corner = np.argwhere(windows[:, :, 0, 0] == patch[0, 0, 0])
        return [(i, j) for i, j in corner if (photo[i : i + 64, j : j + 64] == patch).all()]

    def as_bytes(x):
        return np.round((x + 1) * 127.5).astype(np.uint8)

    for images, photo, columns in (
        (data.x_train, flower, range(0, 320)),
        (data.x_test, flower, range(320, 640)),
        (data.x_anomaly, pagoda, range(0, 640)),
    ):
        for patch in as_bytes(images[[0, len(images) // 2, -1]]):
            ((_, left),) = occurs(patch, photo)
            assert left in columns and left + 63 in columns


def test_a_small_picture_holds_the_means_of_the_large_ones_blocks():
    large, small = load_faces("photos").x_test[7], load_faces("photos", 16).x_test[7]
    np.testing.assert_allclose(small[3, 5], large[12:16, 20:24].mean(axis=(0, 1)), atol=1e-6)


def test_a_size_that_is_not_offered_and_a_field_that_is_swapped_are_refused():
    assert "got size=28" in refusal(load_faces, "photos", 28, error=ValueError)
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_faces("photos", 8).x_test = None


# ------------------------------------------------------------------------------------- the faces


def fake_faces(folder, **replace):
    """faces_64.npz and objects_64.npz with 60 and 5 pictures; replace: arrays of either."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(-1, 29), 2)[:60]
    kind = np.where(np.arange(60) % 10 == 3, 2, 0)
    arrays = {
        "faces_64.npz": {
            "images": rng.integers(0, 256, (60, 64, 64, 3), np.uint8),
            "group": group,
            "kind": kind,
        },
        "objects_64.npz": {
            "images": rng.integers(0, 256, (5, 64, 64, 3), np.uint8),
            "category": np.array(["chair"] * 5),
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in arrays.items():
        content |= {name: array for name, array in replace.items() if name in content}
        np.savez(folder / file, **{k: v for k, v in content.items() if v is not None})
    return arrays["faces_64.npz"]


@pytest.mark.parametrize("place", [FOLDER, ""])
def test_faces_are_split_by_person_and_odd_ones_are_left_out(tmp_path, monkeypatch, place):
    raw = fake_faces(tmp_path / place)
    monkeypatch.setenv("SCRATCHNET_DATA", str(tmp_path))
    data = load_faces("faces")
    expect_faces(data)
    assert set(data.train_groups) <= set(range(20)) and min(data.test_groups) >= 20
    kept = (raw["kind"] == 0) & (raw["group"] >= 0)
    assert len(data.x_train) + len(data.x_test) == kept.sum()
    train = raw["images"][kept & (raw["group"] < 20)]
    np.testing.assert_allclose(data.x_train, train / 127.5 - 1, atol=1e-6)
    assert list(data.anomaly_names) == ["chair"] * 5


def test_without_the_files_a_sentence_says_where_they_belong():
    message = refusal(load_faces, "faces")
    for words in ("faces_64.npz", "SCRATCHNET_DATA", str(cache_dir()), "photos", "not downloaded"):
        assert words in message


@pytest.mark.parametrize(
    "replace, words",
    [
        ({"images": np.zeros((60, 64, 64), np.uint8)}, "(60, 64, 64)"),
        ({"images": np.zeros((60, 64, 64, 3))}, "float64"),
        ({"kind": np.zeros(59)}, "one kind for each of 60 images"),
        ({"group": None}, "cannot be read"),
        ({"group": np.array([None] * 60)}, "cannot be read"),  # would need pickle
    ],
)
def test_a_file_that_does_not_fit_gets_one_sentence(tmp_path, monkeypatch, replace, words):
    fake_faces(tmp_path, **replace)
    monkeypatch.setenv("SCRATCHNET_DATA", str(tmp_path))
    message = refusal(load_faces, "faces")
    assert words in message and "replace this file" in message


@pytest.mark.parametrize("content", [b"", b"PK no archive", b"\x93NUMPY"])
def test_a_damaged_file_gets_one_sentence(tmp_path, monkeypatch, content):
    write(tmp_path / "faces_64.npz", content)
    monkeypatch.setenv("SCRATCHNET_DATA", str(tmp_path))
    assert "replace this file" in refusal(load_faces, "faces")


def test_a_changed_file_in_the_cache_is_refused(tmp_path):
    fake_faces(cache_dir() / FOLDER)
    assert "has changed" in refusal(load_faces, "faces")


# --------------------------------------------------------------------------- the reader's folder


def picture(path, size=(90, 70), mode="RGB", colour=(255, 0, 0)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).convert(mode).save(path)


def own_folder(folder, normal=8, anomaly=3):
    for k in range(normal):
        picture(folder / "normal" / f"{k:02}.png", colour=(30 * k, 0, 0))
    for k in range(anomaly):
        picture(folder / "anomaly" / f"odd{k}.jpg", (40, 200), colour=(0, 0, 255))
    return folder


def test_own_pictures_are_cut_square_and_split_by_name(tmp_path):
    data = load_faces(own_folder(tmp_path))
    expect_faces(data)
    assert data.train_groups.tolist() == [f"{k:02}.png" for k in range(6)]
    assert data.test_groups.tolist() == ["06.png", "07.png"]
    assert data.anomaly_names.tolist() == ["odd0.jpg", "odd1.jpg", "odd2.jpg"]
    np.testing.assert_allclose(data.x_test[1, 9, 9], [210 / 127.5 - 1, -1, -1], atol=1e-6)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1"])
def test_gray_indexed_and_transparent_pictures_become_rgb(tmp_path, mode):
    picture(own_folder(tmp_path) / "normal" / "99.png", mode=mode, colour=(255, 255, 255))
    np.testing.assert_array_equal(load_faces(tmp_path).x_test[-1], 1)


def test_a_camera_that_was_turned_is_turned_back(tmp_path):
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:32] = 255  # the upper half white
    turned, exif = Image.fromarray(stripes), Image.Exif()
    exif[0x0112] = 3  # orientation: by 180 degrees
    turned.save(own_folder(tmp_path) / "normal" / "99.png", exif=exif)
    x = load_faces(tmp_path).x_test[-1]
    assert x[5, 5, 0] == -1 and x[60, 5, 0] == 1


def test_every_bad_folder_gets_a_sentence_of_its_own(tmp_path):
    assert "neither 'photos' nor 'faces' nor a folder" in refusal(load_faces, "flowers")
    (tmp_path / "normal").mkdir()
    write(tmp_path / "normal" / "notes.txt", b"no picture")
    assert "contains no images" in refusal(load_faces, tmp_path)
    picture(tmp_path / "normal" / "a.png")
    assert f"{tmp_path / 'anomaly'} is missing" in refusal(load_faces, tmp_path)
    picture(tmp_path / "anomaly" / "a.png")
    assert "at least 4 are needed" in refusal(load_faces, tmp_path)


@pytest.mark.parametrize("cut", [0, 60])
def test_an_unreadable_picture_is_named(tmp_path, cut):
    path = own_folder(tmp_path) / "anomaly" / "odd1.jpg"
    path.write_bytes(path.read_bytes()[:cut])
    message = refusal(load_faces, tmp_path)
    assert str(path) in message and "remove or replace it" in message


# ------------------------------------------------------------------------------ the real faces


def test_the_real_faces_and_their_baseline(monkeypatch):
    if not REAL_DATA or not all(Path(REAL_DATA, FOLDER, file).is_file() for file in SHA256):
        pytest.skip("SCRATCHNET_DATA does not hold the faces")
    monkeypatch.setenv("SCRATCHNET_DATA", REAL_DATA)
    data = load_faces("faces")
    expect_faces(data)
    assert (len(data.x_train), len(data.x_test), len(data.x_anomaly)) == (323, 107, 200)
    train, test, anomaly = (
        (x.reshape(len(x), -1) + 1) / 2 for x in (data.x_train, data.x_test, data.x_anomaly)
    )
    pca = PCA(32, random_state=0).fit(train)
    normal, odd = (
        ((pca.inverse_transform(pca.transform(x)) - x) ** 2).mean(axis=1) for x in (test, anomaly)
    )
    assert normal.mean() == pytest.approx(0.0151, abs=2e-4)
    assert odd.mean() == pytest.approx(0.0473, abs=3e-4)
    truth = np.repeat([0, 1], [107, 200])
    assert roc_auc_score(truth, np.concatenate([normal, odd])) == pytest.approx(0.976, abs=1e-3)


def test_every_bundled_or_named_set_has_a_credit():
    assert set(CREDITS) == {"photos", "faces"}
