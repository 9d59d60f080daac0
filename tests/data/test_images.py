"""The image sets. Those on the real MNIST run where SCRATCHNET_DATA holds it."""

import dataclasses
import gzip
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from data_sandbox import Handler, idx_bytes, mirrors, refusal, write
from sklearn.datasets import load_digits

import scratchnet.data
from scratchnet.data import Images, cache_dir, load_images
from scratchnet.data.images import CREDITS, FILES, SIZES, SOURCES, interpolation_matrix

pytestmark = pytest.mark.usefixtures("sandbox")

REAL_DATA = os.environ.get("SCRATCHNET_DATA")  # taken before the sandbox hides it


# -------------------------------------------------------------------------------- bundled digits


def rows(*arrays):
    """Each image as a tuple of its pixels, in order."""
    return [tuple(image.ravel()) for array in arrays for image in array]


def expect_images(data, name, size):
    """What holds for every set, whatever its name."""
    assert isinstance(data, Images) and data.name == name
    assert len(data.class_names) == 10
    for x, y in ((data.x_train, data.y_train), (data.x_test, data.y_test)):
        assert x.dtype == np.float32 and x.shape == (len(x), size, size, 1)
        assert y.dtype == np.int64 and y.shape == (len(x),)
        assert x.min() == 0 and 0.9 < x.max() <= 1
        assert set(y) == set(range(10))


@pytest.mark.parametrize("size", [None, 8, 28])
def test_digits(size):
    data = load_images("digits", size)
    expect_images(data, "digits", size or 8)
    assert (len(data.x_train), len(data.x_test)) == (1437, 360)
    assert data.class_names == tuple("0123456789")
    shares = np.bincount(data.y_test) / np.bincount(data.y_train)
    assert np.all(abs(shares - 0.25) < 0.02)  # stratified: every class is split 80 to 20


def test_the_split_loses_nothing_shares_nothing_and_never_changes():
    data, again = load_images("digits"), load_images("digits")
    train, test = rows(data.x_train), rows(data.x_test)
    bundled = load_digits()
    assert not set(train) & set(test)
    labelled = dict(zip(train + test, [*data.y_train, *data.y_test], strict=True))
    assert labelled == dict(zip(rows(bundled.data / 16), bundled.target, strict=True))
    for field in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(data, field), getattr(again, field))


def test_both_sizes_show_the_same_digits_in_the_same_order():
    small, large = load_images("digits", 8), load_images("digits", 28)
    np.testing.assert_array_equal(small.y_train, large.y_train)
    R = interpolation_matrix(8, 28)
    one = R @ small.x_train[5, :, :, 0] @ R.T
    np.testing.assert_allclose(large.x_train[5, :, :, 0], one, atol=1e-6)
    assert abs(small.x_test.mean() - large.x_test.mean()) < 1e-3


def test_the_arrays_of_a_data_set_cannot_be_swapped_and_it_prints_in_a_line():
    data = load_images("digits")
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.x_train = data.x_test
    assert repr(data) == "Images('digits': 1437 to train, 360 to test, each 8x8x1, 10 classes)"


# ------------------------------------------------------------------------------------ enlargement


@pytest.mark.parametrize("old, new", [(8, 28), (8, 8), (4, 9), (1, 5), (9, 4)])
def test_interpolation_rows_are_weights(old, new):
    R = interpolation_matrix(old, new)
    assert R.shape == (new, old) and R.min() >= 0
    np.testing.assert_allclose(R.sum(axis=1), 1, atol=1e-15)


def test_interpolation_by_hand():
    expected = [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]]  # centres -1/4, 1/4, 3/4, 5/4
    np.testing.assert_allclose(interpolation_matrix(2, 4), expected, atol=1e-15)
    np.testing.assert_array_equal(interpolation_matrix(8, 8), np.eye(8))


def test_a_constant_stays_constant_and_a_ramp_stays_linear_inside():
    R = interpolation_matrix(8, 28)
    np.testing.assert_allclose(R @ np.full((8, 8), 0.3) @ R.T, 0.3, atol=1e-15)
    ramp = R @ (np.arange(8) + 0.5)  # the value of a pixel is the position of its centre ...
    centres = (np.arange(28) + 0.5) * 8 / 28
    inside = (centres >= 0.5) & (centres <= 7.5)
    assert inside.sum() == 24
    np.testing.assert_allclose(ramp[inside], centres[inside], atol=1e-14)  # ... and stays so
    np.testing.assert_allclose(ramp[~inside], [0.5, 0.5, 7.5, 7.5])  # the edge is clamped


# ------------------------------------------------------------------- sets in MNIST's four files


def fake_set(folder, first_labels=(3, 1, 4, 1, 5, 9, 2, 6, 5, 3), replace=()):
    """12 + 10 images in four IDX files; `replace` maps a file's number to another array."""
    pixels = np.arange(12 * 28 * 28).reshape(12, 28, 28) % 256
    labels = np.array([*first_labels, 0, 9])
    arrays = [pixels, labels, pixels[:10], labels[:10]]
    for number, array in dict(replace).items():
        arrays[number] = array
    for file, array in zip(FILES, arrays, strict=True):
        write(folder / file, gzip.compress(idx_bytes(array)))
    return pixels, labels


@pytest.mark.parametrize("name, folder", [("mnist", "mnist"), ("fashion", "fashion-mnist")])
@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("size", [None, 28])
def test_idx_sets_from_the_readers_folder(tmp_path, monkeypatch, name, folder, flat, size):
    pixels, labels = fake_set(tmp_path if flat else tmp_path / folder)
    monkeypatch.setenv("SCRATCHNET_DATA", str(tmp_path))
    data = load_images(name, size)
    assert data.name == name and data.class_names == SOURCES[name].class_names
    assert data.x_train.dtype == data.x_test.dtype == np.float32
    assert data.y_train.dtype == data.y_test.dtype == np.int64
    np.testing.assert_allclose(data.x_train[..., 0], pixels / 255, atol=1e-7)
    assert data.x_train.shape == (12, 28, 28, 1) and data.x_train.max() == 1
    np.testing.assert_array_equal(data.x_test, data.x_train[:10])
    np.testing.assert_array_equal(data.y_train, labels)
    np.testing.assert_array_equal(data.y_test, labels[:10])


NAMINGS = {
    "unpacked": ("mnist", lambda name: name.removesuffix(".gz")),
    "unpacked, with a dot": ("", lambda name: name.removesuffix(".gz").replace("-idx", ".idx")),
    "unpacked under the packed name": ("mnist", lambda name: name),
    "torchvision's folder": ("MNIST/raw", lambda name: name.removesuffix(".gz")),
}


@pytest.mark.parametrize("folder, named", NAMINGS.values(), ids=NAMINGS)
def test_unpacked_files_are_used_and_no_mirror_is_asked(tmp_path, monkeypatch, folder, named):
    pixels, labels = fake_set(tmp_path / "packed")
    for file in FILES:
        content = gzip.decompress((tmp_path / "packed" / file).read_bytes())
        write(tmp_path / "data" / folder / named(file), content)
    monkeypatch.setenv("SCRATCHNET_DATA", str(tmp_path / "data"))
    data = load_images("mnist")
    np.testing.assert_allclose(data.x_train[..., 0], pixels / 255, atol=1e-7)
    np.testing.assert_array_equal(data.y_train, labels)


@pytest.mark.parametrize("name, folder", [("mnist", ""), ("fashion", "fashion-mnist")])
def test_the_archive_of_keras_is_used_where_the_four_files_are_missing(
    tmp_path, monkeypatch, name, folder
):
    pixels, labels = np.full((12, 28, 28), 255, np.uint8), np.arange(12, dtype=np.uint8) % 10
    (tmp_path / folder).mkdir(exist_ok=True)
    np.savez(
        tmp_path / folder / f"{name}.npz",
        **{"x_train": pixels, "y_train": labels, "x_test": pixels[:5], "y_test": labels[:5]},
    )
    monkeypatch.setenv("SCRATCHNET_DATA", str(tmp_path))
    data = load_images(name)
    assert data.name == name and data.class_names == SOURCES[name].class_names
    assert data.x_train.shape == (12, 28, 28, 1) and (data.x_train == 1).all()
    np.testing.assert_array_equal(data.y_test, labels[:5])
    fake_set(tmp_path)
    assert load_images(name).x_train.min() == 0  # the four files come first


@pytest.mark.parametrize(
    "number, array, words",
    [
        (0, np.zeros((12, 28, 27)), ["(N, 28, 28)", "(12, 28, 27)"]),
        (2, np.zeros((10, 8, 8)), ["(N, 28, 28)", "(10, 8, 8)"]),
        (0, np.zeros(12), ["(N, 28, 28)", "(12,)"]),
        (0, np.zeros((0, 28, 28)), ["at least one image", "(0, 28, 28)"]),
        (1, np.zeros((12, 1)), ["(N,)", "(12, 1)"]),
        (1, np.zeros(11), ["12 labels", "11"]),
        (3, np.zeros(12), ["10 labels", "12"]),
        (1, np.full(12, 10), ["0..9", "got 10"]),
        (3, np.full(10, 255), ["0..9", "255"]),
    ],
)
def test_files_that_do_not_fit_get_one_sentence(tmp_path, monkeypatch, number, array, words):
    fake_set(tmp_path, replace={number: array})
    monkeypatch.setenv("SCRATCHNET_DATA", str(tmp_path))
    message = refusal(load_images, "mnist")
    for word in [str(tmp_path / FILES[number]), "replace this file", *words]:
        assert word in message
    assert "\n" not in message


@pytest.mark.parametrize("name, other", [("fashion", "mnist"), ("mnist", "fashion")])
def test_a_set_is_never_taken_for_another(tmp_path, monkeypatch, name, other):
    fake_set(tmp_path, SOURCES[other].first_labels)  # both sets use the same file names
    monkeypatch.setenv("SCRATCHNET_DATA", str(tmp_path))
    message = refusal(load_images, name)
    for word in (repr(name), repr(other), "fashion-mnist/", str(tmp_path / FILES[1])):
        assert word in message
    assert load_images(other).name == other


def test_an_idx_set_is_downloaded_from_its_mirrors(tmp_path, monkeypatch, server):
    fake_set(tmp_path / "sent")
    contents = [(tmp_path / "sent" / file).read_bytes() for file in FILES]
    hashes = tuple(hashlib.sha256(content).hexdigest() for content in contents)
    source = dataclasses.replace(
        SOURCES["mnist"], mirrors=mirrors(server, "missing", "set"), sha256=hashes
    )
    monkeypatch.setitem(SOURCES, "mnist", source)

    def do_get(handler):
        if not handler.path.startswith("/set/"):
            return handler.send_error(404)
        handler.send_response(200)
        handler.end_headers()  # without Content-Length: the end of the connection ends the file
        handler.wfile.write(contents[FILES.index(handler.path.removeprefix("/set/"))])

    monkeypatch.setattr(Handler, "do_GET", do_get)
    data = load_images("mnist")
    assert data.x_train.shape == (12, 28, 28, 1)
    assert sorted(os.listdir(cache_dir() / "mnist")) == sorted(FILES)


def test_without_network_the_message_leads_to_the_digits(monkeypatch):
    dead = dataclasses.replace(SOURCES["fashion"], mirrors=("http://127.0.0.1:9/",))
    monkeypatch.setitem(SOURCES, "fashion", dead)
    assert "--dataset digits" in refusal(load_images, "fashion")


# ---------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize("name", ["cifar", "MNIST", "", None])
def test_an_unknown_name_lists_the_names(name):
    message = refusal(load_images, name, error=ValueError)
    for word in (repr(name), "digits", "mnist", "fashion"):
        assert word in message


@pytest.mark.parametrize("name, size", [("mnist", 8), ("fashion", 32), ("digits", 16)])
def test_a_size_the_set_does_not_have_is_refused_before_any_file_is_sought(name, size):
    message = refusal(load_images, name, size, error=ValueError)
    assert repr(name) in message and f"size={size}" in message
    assert all(str(side) in message for side in SIZES[name])
    assert not cache_dir().exists()


def test_every_set_has_a_credit_and_every_source_is_complete():
    assert set(CREDITS) == set(SIZES) == {"digits", *SOURCES}
    for source in SOURCES.values():
        assert len(source.mirrors) >= 2 and all(url.endswith("/") for url in source.mirrors)
        assert len(set(source.sha256)) == len(FILES) and {len(h) for h in source.sha256} == {64}
        assert len(source.class_names) == len(source.first_labels) == 10
    clothes = "T-shirt/top Trouser Pullover Dress Coat Sandal Shirt Sneaker Bag Ankle-boot".split()
    assert [name.replace(" ", "-") for name in SOURCES["fashion"].class_names] == clothes


# -------------------------------------------------------------------------------------- import


def test_importing_the_room_is_cheap_and_its_names_exist():
    for name in scratchnet.data.__all__:
        assert getattr(scratchnet.data, name).__module__.startswith("scratchnet.data.")
    script = (  # below an empty parent, so that only what this room imports is counted
        "import sys, types\n"
        "sys.modules['scratchnet'] = parent = types.ModuleType('scratchnet')\n"
        "parent.__path__ = [sys.argv[1]]\n"
        "import scratchnet.data\n"
        "heavy = {'sklearn', 'pooch', 'requests', 'tqdm'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    parent = str(Path(scratchnet.__file__).parent)
    subprocess.run([sys.executable, "-c", script, parent], check=True)


# ---------------------------------------------------------------------- the real sets, if here


def real(name, monkeypatch):
    folders = [Path(REAL_DATA or "", part) for part in (SOURCES[name].folder, "")]
    if not REAL_DATA or not any(all((f / file).is_file() for file in FILES) for f in folders):
        pytest.skip(f"SCRATCHNET_DATA does not hold {name}")
    monkeypatch.setenv("SCRATCHNET_DATA", REAL_DATA)
    data = load_images(name)
    expect_images(data, name, 28)
    assert (len(data.x_train), len(data.x_test)) == (60000, 10000)
    assert tuple(data.y_train[:10]) == SOURCES[name].first_labels
    return data


def test_real_mnist(monkeypatch):
    data = real("mnist", monkeypatch)
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(data.y_train).tolist() == train
    assert np.bincount(data.y_test).tolist() == test
    assert data.x_train.mean() == pytest.approx(0.1307, abs=1e-4)
    assert data.x_train.std() == pytest.approx(0.3081, abs=1e-4)


def test_real_fashion(monkeypatch):
    data = real("fashion", monkeypatch)
    assert np.bincount(data.y_train).tolist() == [6000] * 10
    assert np.bincount(data.y_test).tolist() == [1000] * 10
    assert data.x_train.mean() == pytest.approx(0.2860, abs=1e-4)
    assert data.x_train.std() == pytest.approx(0.3530, abs=1e-4)


def test_the_published_hashes_are_those_of_the_real_files():
    for source in SOURCES.values():
        for file, sha256 in zip(FILES, source.sha256, strict=True):
            path = Path(REAL_DATA or "", source.folder, file)
            if not REAL_DATA or not path.is_file():
                pytest.skip(f"SCRATCHNET_DATA does not hold {source.folder}/{file}")
            assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
