"""Where data comes from: folder, cache, mirrors. Downloads are from 127.0.0.1."""

import hashlib
import socket
from pathlib import Path

import pytest
from data_sandbox import CONTENT, SHA256, cached_files, mirrors, refusal, write

from scratchnet.data import cache as cache_module
from scratchnet.data import cache_dir
from scratchnet.data.cache import locate

pytestmark = pytest.mark.usefixtures("sandbox")


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
