"""Paths with ~."""

from pathlib import Path

from scratchnet.paths import expanded


def test_a_tilde_is_the_home_folder_at_the_start_alone(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    assert expanded("~/a") == expanded(Path("~/a")) == Path("/home/ada/a")
    assert expanded("a/~") == Path("a/~") and expanded("~no-such-user/a") == Path("~no-such-user/a")
