"""The room of data: IDX files, the order folder - cache - mirrors, and the image sets.

Nothing here touches the internet: downloads come from a server on 127.0.0.1, and every other host
name is refused. The tests on the real MNIST and Fashion-MNIST run where SCRATCHNET_DATA holds them.
"""

import dataclasses
import gzip
import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import scratchnet.data
from scratchnet.data import DataError, Images, cache_dir, load_images, read_idx
from scratchnet.data import cache as cache_module
from scratchnet.data.cache import locate
from scratchnet.data.images import CREDITS, FILES, SIZES, SOURCES, interpolation_matrix

REAL_DATA = os.environ.get("SCRATCHNET_DATA")  # taken before the fixture below hides it


@pytest.fixture(autouse=True)
def sandbox(tmp_path, monkeypatch):
    """No data folder, an empty cache, a short patience, no host but this one."""

    def local_only(host, *args, **kwargs):
        assert host == "127.0.0.1", f"a test asked for {host}"
        return lookup(host, *args, **kwargs)

    lookup = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", local_only)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("SCRATCHNET_DATA", raising=False)
    monkeypatch.setenv("SCRATCHNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache_module, "TIMEOUT", 5)


def idx_bytes(array, kind=0x08):
    """An array of uint8 as the content of a plain IDX file."""
    array = np.asarray(array, np.uint8)
    shape = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, kind, array.ndim]) + shape + array.tobytes()


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def refusal(function, *args, error=DataError):
    """The message of the error that the call raises."""
    with pytest.raises(error) as caught:
        function(*args)
    return str(caught.value)


# ------------------------------------------------------------------------------------------- idx


@pytest.mark.parametrize("shape", [(7,), (2, 3), (3, 4, 5), (2, 1, 3, 2), (0, 28, 28)])
@pytest.mark.parametrize("name", ["x.gz", "x", "x-packed"])
def test_idx_is_read_back_with_shape_and_order(tmp_path, shape, name):
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    content = idx_bytes(array)
    path = write(tmp_path / name, content if name == "x" else gzip.compress(content))
    got = read_idx(str(path))
    assert got.dtype == np.uint8 and got.shape == shape
    np.testing.assert_array_equal(got, array)
    got += 1  # the array is the caller's own, not a read-only view of the file


def test_idx_dimensions_are_big_endian(tmp_path):
    content = bytes([0, 0, 8, 1, 0, 0, 1, 2]) + bytes(258)
    assert read_idx(write(tmp_path / "x", content)).shape == (258,)


GOOD = idx_bytes([[1, 2, 3], [4, 5, 6]])
PACKED = gzip.compress(GOOD)


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("x", b"<html>", ["expected an IDX file", "3c 68 74 6d", "Download it again"]),
        ("x.gz", gzip.compress(b"<html>"), ["expected an IDX file", "3c 68 74 6d"]),
        ("x", b"", ["expected an IDX file", "empty"]),
        ("x", b"\0\0\x08", ["expected an IDX file", "00 00 08"]),
        ("x", b"\0\0\x07\x01" + bytes(8), ["expected an IDX file", "00 00 07 01"]),
        ("x", b"\x01\0\x08\x01" + bytes(4), ["expected an IDX file", "01 00 08 01"]),
        ("x", b"\0\0\x08\0" + bytes(1), ["expected an IDX file", "00 00 08 00"]),
        ("x", idx_bytes([1], kind=0x0D), ["element type 08", "float32 (0d)", "uint8"]),
        ("x", idx_bytes([1], kind=0x0B), ["element type 08", "int16 (0b)", "uint8"]),
        ("x.gz", GOOD, ["expected gzip", "00 00 08 02", "drop .gz"]),
        ("x.gz", b"", ["expected gzip", "empty"]),
        ("x.gz", PACKED[:-9], ["whole gzip file", "cut short", "replace"]),
        ("x.gz", PACKED[:6], ["whole gzip file", "cut short", "replace"]),
        ("x.gz", PACKED[:-6] + bytes(6), ["whole gzip file", "damaged", "replace"]),
        ("x.gz", PACKED[:10] + b"\xff" * 20, ["whole gzip file", "damaged", "replace"]),
        ("x", GOOD[:9], ["header of 12 bytes", "only 9", "cut short"]),
        ("x", GOOD[:-1], ["promises 6 bytes", "(2, 3)", "only 5", "cut short"]),
        ("x.gz", gzip.compress(GOOD[:-1]), ["promises 6 bytes", "only 5"]),
        ("x", GOOD + b"\0", ["promises 6 bytes", "(2, 3)", "7 follow", "count is wrong"]),
    ],
)
def test_a_bad_idx_file_gets_one_sentence(tmp_path, name, content, words):
    path = write(tmp_path / name, content)
    message = refusal(read_idx, path)
    for word in [str(path), *words]:
        assert word in message
    assert "\n" not in message


def test_a_missing_file_stays_an_oserror(tmp_path):
    assert "absent" in refusal(read_idx, tmp_path / "absent", error=FileNotFoundError)


def test_data_error_is_a_value_error():
    assert issubclass(DataError, ValueError)


# ----------------------------------------------------------------------- folder, cache, mirrors


CONTENT = b"the right bytes " * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """/good/, /wrong/, /cut/ (half of the promised bytes), /silent/ (no answer); else 404."""

    def do_GET(self):
        self.server.asked.append(self.path)
        kind = self.path.split("/")[1]
        if kind == "silent":
            self.server.stop.wait(5)
            return
        if kind not in ("good", "wrong", "cut"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        bodies = {"good": CONTENT, "wrong": CONTENT[::-1], "cut": CONTENT[: len(CONTENT) // 2]}
        self.wfile.write(bodies[kind])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    """A web server in a thread; `server.url` is its address, `server.asked` what it was asked."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as it:
        it.asked, it.stop, it.url = [], threading.Event(), f"http://127.0.0.1:{it.server_port}/"
        thread = threading.Thread(target=it.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield it
        it.stop.set()
        it.shutdown()
        thread.join()


def mirrors(server, *kinds):
    return [f"{server.url}{kind}/" for kind in kinds]


def cached_files():
    """Everything below the cache folder that is not a folder of a data set."""
    return [path for path in cache_dir().rglob("*") if path != cache_dir() / "toys"]


def test_a_download_lands_in_the_cache_and_happens_once(server, capfd):
    path = locate("toys", "a.bin", SHA256, mirrors(server, "good"))
    assert path == cache_dir() / "toys" / "a.bin" and path.read_bytes() == CONTENT
    assert cached_files() == [path]
    assert locate("toys", "a.bin", SHA256, mirrors(server, "good")) == path
    assert server.asked == ["/good/a.bin"]
    assert capfd.readouterr() == ("", "")  # no bar and no log where there is no terminal


@pytest.mark.parametrize("bad", ["missing", "wrong", "cut", "silent"])
def test_the_next_mirror_is_asked_when_one_fails(server, bad, monkeypatch):
    if bad == "silent":
        monkeypatch.setattr(cache_module, "TIMEOUT", 0.4)
    path = locate("toys", "a.bin", SHA256, mirrors(server, bad, "good", "good"))
    assert path.read_bytes() == CONTENT and cached_files() == [path]
    assert server.asked == [f"/{bad}/a.bin", "/good/a.bin"]


@pytest.mark.parametrize(
    "bad, reason",
    [
        ("missing", "404"),
        ("wrong", f"expected SHA-256 {SHA256}, got {hashlib.sha256(CONTENT[::-1]).hexdigest()}"),
        ("cut", ""),  # urllib3 2 says IncompleteRead, older ones leave it to the hash
        ("silent", "timed out"),
    ],
)
def test_a_broken_download_is_an_error_and_leaves_nothing(server, bad, reason, monkeypatch):
    if bad == "silent":
        monkeypatch.setattr(cache_module, "TIMEOUT", 0.4)
    message = refusal(locate, "toys", "a.bin", SHA256, mirrors(server, bad))
    assert f"{server.url}{bad}/a.bin" in message and reason in message
    assert cached_files() == []


def test_when_all_mirrors_fail_one_message_says_everything(server):
    with socket.socket() as unused:  # bound but not listening: a connection is refused
        unused.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        message = refusal(
            locate, "toys", "a.bin", SHA256, [dead, *mirrors(server, "missing", "wrong"), "no-url/"]
        )
    lines = message.splitlines()
    for mirror, reason in (
        (dead, "refused"),
        (server.url + "missing/", "404"),
        (server.url + "wrong/", "SHA-256"),
        ("no-url/", "Invalid URL"),
    ):
        assert any(mirror + "a.bin: " in line and reason in line for line in lines)
    for word in ("toys/a.bin", str(cache_dir()), "SCRATCHNET_DATA", "--dataset digits"):
        assert word in message
    assert cached_files() == []


def test_an_interrupted_download_leaves_nothing(monkeypatch):
    def interrupted(url, path, sha256):
        Path(path).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(cache_module, "_fetch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        locate("toys", "a.bin", SHA256, ["http://127.0.0.1/"])
    assert cached_files() == []


def test_a_changed_file_in_the_cache_is_named_and_not_replaced(server):
    path = write(cache_dir() / "toys" / "a.bin", b"changed")
    message = refusal(locate, "toys", "a.bin", SHA256, mirrors(server, "good"))
    for word in (str(path), SHA256, hashlib.sha256(b"changed").hexdigest(), "delete it"):
        assert word in message
    assert server.asked == [] and path.read_bytes() == b"changed"


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    write(tmp_path / "file", b"")
    monkeypatch.setenv("SCRATCHNET_CACHE", str(tmp_path / "file"))
    message = refusal(locate, "toys", "a.bin", SHA256, ["http://127.0.0.1/"])
    assert str(tmp_path / "file") in message and "SCRATCHNET_CACHE" in message


def test_the_readers_folder_comes_first_then_the_cache(tmp_path, monkeypatch):
    own = tmp_path / "own"
    in_cache = write(cache_dir() / "toys" / "a.bin", CONTENT)
    flat = write(own / "a.bin", b"flat: not hashed")
    in_folder = write(own / "toys" / "a.bin", b"in its folder: not hashed")
    assert locate("toys", "a.bin", SHA256, []) == in_cache
    monkeypatch.setenv("SCRATCHNET_DATA", str(own))
    assert locate("toys", "a.bin", SHA256, []) == in_folder
    in_folder.unlink()
    assert locate("toys", "a.bin", SHA256, []) == flat
    flat.unlink()
    assert locate("toys", "a.bin", SHA256, []) == in_cache


def test_what_the_readers_folder_lacks_is_downloaded_to_the_cache(tmp_path, monkeypatch, server):
    monkeypatch.setenv("SCRATCHNET_DATA", str(tmp_path))
    path = locate("toys", "a.bin", SHA256, mirrors(server, "good"))
    assert path == cache_dir() / "toys" / "a.bin"


def test_a_readers_folder_that_does_not_exist_is_an_error(tmp_path, monkeypatch):
    write(cache_dir() / "toys" / "a.bin", CONTENT)
    monkeypatch.setenv("SCRATCHNET_DATA", str(tmp_path / "absent"))
    message = refusal(locate, "toys", "a.bin", SHA256, [])
    assert "SCRATCHNET_DATA" in message and str(tmp_path / "absent") in message


def test_cache_dir_is_chosen_by_the_reader_or_the_system(monkeypatch):
    import pooch

    monkeypatch.setenv("SCRATCHNET_CACHE", "~/somewhere")
    assert cache_dir() == Path.home() / "somewhere"
    for unset in (
        lambda: monkeypatch.setenv("SCRATCHNET_CACHE", ""),
        lambda: monkeypatch.delenv("SCRATCHNET_CACHE"),
    ):
        unset()
        assert cache_dir() == Path(pooch.os_cache("scratchnet"))


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


@pytest.mark.parametrize(
    "number, array, words",
    [
        (0, np.zeros((12, 28, 27)), ["(N, 28, 28)", "(12, 28, 27)"]),
        (2, np.zeros((10, 8, 8)), ["(N, 28, 28)", "(10, 8, 8)"]),
        (0, np.zeros(12), ["(N, 28, 28)", "(12,)"]),
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
